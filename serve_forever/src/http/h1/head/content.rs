//! What the header fields mean to the server itself: the host, the body and the connection. They
//! are checked when all of them have arrived.

use super::{shown, target};
use crate::http::message::fields::{self, FieldRange};
use crate::http::message::framing::{Expect, Framing};
use crate::http::message::refusal::Refusal;
use crate::http::message::request::Content;

impl Content {
    /// Evaluates the fields of a request. `modern`: the request is HTTP/1.1.
    ///
    /// `known_host` is the last value of `Host` that was valid, kept from one request to the next.
    pub(super) fn of(
        bytes: &[u8],
        lines: &[FieldRange],
        modern: bool,
        known_host: &mut Vec<u8>,
    ) -> Result<Self, Refusal> {
        let mut host = None;
        let mut length = None;
        let mut coding = Coding::default();
        let (mut close, mut keep, mut upgrade) = (false, false, false);
        let mut expect = Expect::None;

        for field in lines {
            let name = field.name.bytes(bytes);
            let value = field.value.bytes(bytes);
            // The length rules out most names without a comparison.
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"Host") => {
                    if host.replace(field.value).is_some() {
                        return Err(Refusal::new(400, "More than one Host header"));
                    }
                    if value != known_host.as_slice() || value.is_empty() {
                        if !target::is_host(value) {
                            return Err(Refusal::new(400, format!("Bad Host header ({})", shown(value))));
                        }
                        if value.len() <= KNOWN_HOST_LIMIT {
                            known_host.clear();
                            known_host.extend_from_slice(value);
                        }
                    }
                }
                6 if modern && name.eq_ignore_ascii_case(b"Expect") => add_expectations(&mut expect, value),
                10 if name.eq_ignore_ascii_case(b"Connection") => {
                    // Most clients that send this field send this value.
                    if value.eq_ignore_ascii_case(b"keep-alive") {
                        keep = true;
                        continue;
                    }
                    close |= fields::list_contains(value, "close");
                    keep |= fields::list_contains(value, "keep-alive");
                    upgrade |= fields::list_contains(value, "upgrade");
                }
                14 if name.eq_ignore_ascii_case(b"Content-Length") => {
                    let first = length.replace(content_length(value)?).is_none();
                    if !first {
                        return Err(Refusal::new(400, "More than one Content-Length header"));
                    }
                }
                17 if name.eq_ignore_ascii_case(b"Transfer-Encoding") => coding.add_line(value)?,
                _ => {}
            }
        }

        if modern && host.is_none() {
            return Err(Refusal::new(400, "Host header is missing"));
        }
        let framing = match (coding.present, length) {
            (false, length) => Framing::Length(length.unwrap_or(0)),
            (true, None) if modern => coding.framing()?,
            (true, None) => return Err(Refusal::new(400, "Transfer-Encoding in an HTTP/1.0 request")),
            (true, Some(_)) => return Err(Refusal::new(400, "Both Content-Length and Transfer-Encoding")),
        };
        // Without a body, there is nothing that could wait for `100 Continue`.
        if expect == Expect::Continue && framing == Framing::Length(0) {
            expect = Expect::None;
        }
        Ok(Self { host, framing, keep_alive: !close && (modern || keep), expect, upgrade })
    }
}

/// Bytes of a `Host` that is remembered. A host name has at most as many.
const KNOWN_HOST_LIMIT: usize = 255;

/// The transfer codings of all lines of `Transfer-Encoding` (RFC 9112 §6.1).
#[derive(Default)]
struct Coding {
    present: bool,
    chunked: bool,
    /// Whether there is a coding other than `chunked`.
    unknown: bool,
    /// Whether a coding follows `chunked`, even a second `chunked`.
    not_last: bool,
}

impl Coding {
    fn add_line(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.present = true;
        for member in fields::list_members(value) {
            let name = member.split(|&byte| byte == b';').next().unwrap_or_default();
            let name = fields::trim_blanks(name);
            let chunked = name.eq_ignore_ascii_case(b"chunked");
            let has_parameters = name.len() != member.len();
            if !fields::is_token(name) || chunked && has_parameters {
                return Err(bad_coding());
            }
            self.not_last |= self.chunked;
            self.chunked |= chunked;
            self.unknown |= !chunked;
        }
        Ok(())
    }

    fn framing(&self) -> Result<Framing, Refusal> {
        if !self.chunked || self.not_last {
            return Err(bad_coding());
        }
        if self.unknown {
            return Err(Refusal::new(501, "Unsupported transfer coding"));
        }
        Ok(Framing::Chunked)
    }
}

fn bad_coding() -> Refusal {
    Refusal::new(400, "Bad Transfer-Encoding header")
        .explained("chunked must be the last transfer coding, and must occur once")
}

/// `Content-Length = 1*DIGIT`
fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::new(400, format!("Bad Content-Length header ({})", shown(value))));
    }
    value
        .iter()
        .try_fold(0_u64, |length, digit| length.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .ok_or_else(|| Refusal::new(413, "Content Too Large"))
}

/// Adds the members of `Expect = #expectation`. An unknown one outweighs the others.
fn add_expectations(expect: &mut Expect, value: &[u8]) {
    for member in fields::list_members(value) {
        if !member.eq_ignore_ascii_case(b"100-continue") {
            *expect = Expect::Unknown;
        } else if *expect == Expect::None {
            *expect = Expect::Continue;
        }
    }
}
