//! The decoder of bodies: the same content and the same end however it is cut, and the content that
//! a simpler decoder finds.

use super::cut::{prefixes, split};
use crate::http::bodies::decoder::{BodyDecoder, Decoded};
use crate::http::message::framing::Framing;
use crate::http::message::refusal::Refusal;

/// What came of a body.
#[derive(Debug, PartialEq)]
struct Outcome {
    content: Vec<u8>,
    /// Bytes of the input that were consumed.
    used: usize,
    done: bool,
    refused: Option<Refusal>,
    trailers: Vec<(String, Vec<u8>)>,
}

/// The first byte says how the rest is cut, the second what the framing is.
pub fn body(input: &[u8]) {
    let (seed, rest) = split(input);
    let (kind, bytes) = split(rest);
    let framing = match kind {
        0..=15 => Framing::Length(u64::from(kind)),
        16 => Framing::Length(u64::MAX),
        _ => Framing::Chunked,
    };
    let whole = decode(framing, bytes, &[bytes.len()]);
    let pieces = decode(framing, bytes, &prefixes(bytes, seed));
    assert_eq!(whole.done, pieces.done);
    assert_eq!(whole.refused, pieces.refused);
    assert_eq!(whole.content, pieces.content);
    assert_eq!(whole.trailers, pieces.trailers);
    if whole.refused.is_none() {
        assert_eq!(whole.used, pieces.used);
        assert!(whole.done || whole.used == bytes.len());
    }
    match framing {
        Framing::Length(length) => {
            assert_eq!(whole.refused, None);
            let available = usize::try_from(length).map_or(bytes.len(), |length| length.min(bytes.len()));
            assert_eq!(whole.content, &bytes[..available]);
        }
        Framing::Chunked if whole.done => {
            let (content, used) = simple(bytes).expect("what is accepted is well-formed");
            assert_eq!((&whole.content, whole.used), (&content, used));
        }
        Framing::Chunked => {}
    }
}

fn decode(framing: Framing, bytes: &[u8], cuts: &[usize]) -> Outcome {
    let mut decoder = BodyDecoder::new(framing);
    let mut outcome =
        Outcome { content: Vec::new(), used: 0, done: false, refused: None, trailers: Vec::new() };
    'all: for &have in cuts {
        loop {
            let input = &bytes[outcome.used..have.max(outcome.used)];
            match decoder.decode(input) {
                Ok(Decoded::Data { skip, len }) => {
                    assert!(len > 0);
                    outcome.content.extend_from_slice(&input[skip..skip + len]);
                    outcome.used += skip + len;
                }
                Ok(Decoded::More { skip }) => {
                    assert_eq!(skip, input.len());
                    outcome.used += skip;
                    break;
                }
                Ok(Decoded::End { skip }) => {
                    outcome.used += skip;
                    assert!(decoder.is_done());
                    assert_eq!(decoder.remaining_hint(), Some(0));
                    assert_eq!(decoder.decode(b"more"), Ok(Decoded::End { skip: 0 }));
                    outcome.done = true;
                    let trailers = decoder.trailers();
                    outcome.trailers =
                        trailers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                    break 'all;
                }
                Err(refusal) => {
                    assert!((400..600).contains(&refusal.status));
                    assert_eq!(decoder.decode(b"0\r\n\r\n"), Err(refusal.clone()), "it stays refused");
                    assert!(!decoder.is_done());
                    outcome.refused = Some(refusal);
                    break 'all;
                }
            }
        }
    }
    outcome
}

/// The content of a chunked body, and its length on the wire, in the simplest way; extensions and
/// trailers are passed over.
fn simple(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut content = Vec::new();
    let mut at = 0;
    loop {
        let line = line(bytes, &mut at)?;
        let digits = line.split(|&byte| byte == b';').next()?;
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let size = usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        content.extend_from_slice(bytes.get(at..at.checked_add(size)?)?);
        at += size;
        if !bytes.get(at..)?.starts_with(b"\r\n") {
            return None;
        }
        at += 2;
    }
    while !line(bytes, &mut at)?.is_empty() {}
    Some((content, at))
}

/// The line at `at`, which moves behind it.
fn line<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let rest = bytes.get(*at..)?;
    let length = rest.windows(2).position(|two| two == b"\r\n")?;
    *at += length + 2;
    let line = &rest[..length];
    (!line.iter().any(|byte| matches!(byte, b'\r' | b'\n'))).then_some(line)
}
