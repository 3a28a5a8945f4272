//! The head of a request: the same result however it is cut, and nothing in it that could mean two
//! things.

use super::cut::{prefixes, split};
use crate::http::h1::head::{HeadLimits, HeadParser, Parsed};
use crate::http::message::framing::Framing;
use crate::http::message::refusal::Refusal;
use crate::http::message::request::RequestHead;

/// The first byte says how the rest is cut.
pub fn head(input: &[u8]) {
    let (seed, bytes) = split(input);
    let limits = HeadLimits { head: 4096, fields: 8, target: 256 };
    let mut whole = HeadParser::default();
    let result = whole.parse(bytes, &limits);
    look_at(whole.head(), bytes);
    if let Ok(Parsed::Complete(end)) = result {
        unambiguous(whole.head(), &bytes[..end], &limits);
    }
    if let Err(refusal) = &result {
        presentable(refusal);
    }

    let mut pieces = HeadParser::default();
    for length in prefixes(bytes, seed) {
        match pieces.parse(&bytes[..length], &limits) {
            Ok(Parsed::Partial) => {}
            decided => {
                assert!(same(&decided, &result), "cut at {length}: {decided:?} instead of {result:?}");
                break;
            }
        }
        if length == bytes.len() {
            assert_eq!(result, Ok(Parsed::Partial), "the pieces know less than the whole");
        }
    }
    look_at(pieces.head(), bytes);
    if result.is_ok() {
        assert_eq!(shown(pieces.head(), bytes), shown(whole.head(), bytes));
    }

    // What is left of one request never changes the next one.
    pieces.clear();
    assert_eq!(pieces.parse(bytes, &limits), result);
    assert_eq!(shown(pieces.head(), bytes), shown(whole.head(), bytes));
}

/// A refusal quotes what was there when it was decided; that aside, cuts change nothing.
fn same(one: &Result<Parsed, Refusal>, other: &Result<Parsed, Refusal>) -> bool {
    match (one, other) {
        (Err(one), Err(other)) => one.status == other.status,
        (one, other) => one == other,
    }
}

/// Everything that can be asked of a head, also of one that is not complete.
fn shown(head: &RequestHead, bytes: &[u8]) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {} {:?} {} {:?} {}",
        head.request_line(bytes),
        head.method(bytes),
        head.path(bytes),
        head.url_path(bytes),
        head.query(bytes),
        head.host(bytes),
        head.version_minor(),
        head.framing(),
        head.keep_alive(),
        head.expect(),
        head.asterisk(),
    )
}

fn look_at(head: &RequestHead, bytes: &[u8]) {
    shown(head, bytes);
    for (name, value) in head.fields(bytes).iter() {
        assert!(head.fields(bytes).get_all(name).any(|each| each == value));
    }
}

/// A complete head read once more, by somebody simpler.
fn unambiguous(head: &RequestHead, bytes: &[u8], limits: &HeadLimits) {
    assert!(bytes.len() <= limits.head);
    let text = bytes.strip_suffix(b"\r\n\r\n").expect("a head ends with an empty line");
    let mut lines: Vec<&[u8]> = split_lines(text);
    while lines.first().is_some_and(|line| line.is_empty()) {
        lines.remove(0);
    }
    for line in &lines {
        assert!(!line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{}", line.escape_ascii());
        assert!(!line.is_empty());
    }
    let (request_line, fields) = lines.split_first().expect("there is a request line");
    let words: Vec<&[u8]> = request_line.split(|&byte| byte == b' ').collect();
    let [method, target, version] = words.as_slice() else { panic!("{} words", words.len()) };
    assert_eq!(head.method(bytes).as_bytes(), *method);
    assert!(target.len() <= limits.target);
    assert!(version.starts_with(b"HTTP/1."));
    assert!(!head.path(bytes).is_empty());

    assert!(fields.len() <= limits.fields);
    assert_eq!(head.fields(bytes).len(), fields.len());
    let (mut codings, mut lengths, mut hosts) = (Vec::new(), Vec::new(), 0);
    for (line, (name, value)) in fields.iter().zip(head.fields(bytes).iter()) {
        let colon = line.iter().position(|&byte| byte == b':').expect("a field has a colon");
        assert_eq!(&line[..colon], name.as_bytes());
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)));
        assert_eq!(line[colon + 1..].trim_ascii(), value.trim_ascii());
        match name.to_ascii_lowercase().as_str() {
            "transfer-encoding" => codings.push(value.to_ascii_lowercase()),
            "content-length" => lengths.push(value),
            "host" => hosts += 1,
            _ => {}
        }
    }
    assert!(hosts <= 1);
    assert!(hosts == 1 || head.version_minor() == 0, "HTTP/1.1 without Host");
    match head.framing() {
        Framing::Chunked => {
            assert!(lengths.is_empty(), "two framings");
            // Empty members of a list are passed over (RFC 9110 §5.6.1.2).
            let members = codings.iter().flat_map(|value| value.split(|&byte| byte == b','));
            let members: Vec<&[u8]> =
                members.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty()).collect();
            assert_eq!(members, [b"chunked"]);
        }
        Framing::Length(length) => {
            assert!(codings.is_empty(), "a coding that was passed over");
            let mut numbers = lengths.iter().flat_map(|value| value.split(|&byte| byte == b','));
            assert!(numbers.all(|number| {
                let digits = number.trim_ascii();
                digits.iter().all(u8::is_ascii_digit)
                    && std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()) == Some(length)
            }));
            assert!(!lengths.is_empty() || length == 0);
        }
    }
}

fn split_lines(text: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    lines
}

/// What goes into a status line and a page.
fn presentable(refusal: &Refusal) {
    assert!((400..600).contains(&refusal.status), "{refusal:?}");
    assert!(refusal.message.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{refusal:?}");
}
