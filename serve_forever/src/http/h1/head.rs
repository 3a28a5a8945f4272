//! The parser for the head of a request: request line and header fields. It is strict (RFC 9112
//! §2–§6).
//!
//! The parser does no input or output: its callers provide the bytes and keep them. Where the RFC
//! lets a server choose between repairing and refusing, this parser refuses, because request
//! smuggling needs two parties that repair differently.

mod content;
mod target;

use memchr::{memchr, memchr2};

use self::target::{Extent, Fault, Target};
use crate::http::message::escape;
use crate::http::message::fields::{self, Section, Span};
use crate::http::message::refusal::Refusal;
use crate::http::message::request::{Content, Path, RequestHead};
use crate::server::config::{MAX_FIELDS, MAX_HEAD_SIZE, MAX_TARGET_SIZE};

/// How large a head may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// Bytes in the whole head, including the empty line.
    pub head: usize,
    /// Field lines.
    pub fields: usize,
    /// Bytes in the request target.
    pub target: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head: MAX_HEAD_SIZE, fields: MAX_FIELDS, target: MAX_TARGET_SIZE }
    }
}

/// Parses heads, one after the other.
#[derive(Debug, Default)]
pub(crate) struct HeadParser {
    head: RequestHead,
    /// Where the next call goes on. 0 for a new head. Complete lines are not parsed twice, so the
    /// time for a head that arrives in small pieces does not grow with the square of its length.
    resume: usize,
    /// The last valid `Host`. The next request nearly always has the same one, which is not checked
    /// again.
    known_host: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// This many bytes belong to the head, including empty lines before it.
    Complete(usize),
    /// The empty line has not arrived yet. The caller parses again when there are more bytes.
    Partial,
}

impl HeadParser {
    /// Parses the head at the start of `bytes`.
    ///
    /// After [`Parsed::Partial`], the next call must have the same bytes, with more bytes after
    /// them. To begin with other bytes, call [`clear`](Self::clear) first. After any other result,
    /// the next call begins a new head. Bytes are checked from left to right, as soon as they have
    /// arrived. What depends on the whole head (`Host` and the framing) is checked at the empty
    /// line.
    pub(crate) fn parse(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Parsed, Refusal> {
        if self.resume == 0 {
            self.clear();
        }
        let limit = limits.head.min(fields::OFFSET_LIMIT);
        let window = bytes.get(..limit).unwrap_or(bytes);
        let parsed = match self.advance(window, limits) {
            Ok(Parsed::Partial) if window.len() < limit => return Ok(Parsed::Partial),
            Ok(Parsed::Partial) => Err(self.too_large(limit)),
            done => done,
        };
        self.resume = 0;
        parsed
    }

    /// Clears the head, and keeps the allocated memory.
    pub(crate) fn clear(&mut self) {
        self.resume = 0;
        self.head.clear();
    }

    /// Returns the parsed head. If it is not complete or was refused, it has only the parts that
    /// were parsed.
    pub(crate) fn head(&self) -> &RequestHead {
        &self.head
    }

    fn advance(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Parsed, Refusal> {
        if self.resume == 0 {
            match self.advance_request_line(bytes, limits.target)? {
                Some(next) => self.resume = next,
                None => return Ok(Parsed::Partial),
            }
        }
        match fields::parse_fields(bytes, self.resume, limits.fields, &mut self.head.fields)? {
            Section::Partial { line } => {
                self.resume = line;
                Ok(Parsed::Partial)
            }
            Section::Complete { end } => {
                self.head.content =
                    Content::of(bytes, &self.head.fields, self.head.minor > 0, &mut self.known_host)?;
                Ok(Parsed::Complete(end))
            }
        }
    }

    /// Returns the offset after the request line, or `None` if that is not complete.
    fn advance_request_line(&mut self, bytes: &[u8], target_limit: usize) -> Result<Option<usize>, Refusal> {
        let Some(start) = skip_empty_lines(bytes)? else { return Ok(None) };
        let next = self.parse_request_line(bytes, start, target_limit);
        self.head.line = match next {
            Ok(Some(next)) => Span::new(start, next - 2),
            _ => Span::new(start, visible_end(bytes, start)),
        };
        next
    }

    /// `request-line = method SP request-target SP HTTP-version CRLF`
    fn parse_request_line(
        &mut self,
        bytes: &[u8],
        start: usize,
        target_limit: usize,
    ) -> Result<Option<usize>, Refusal> {
        let bad = |explain| Err(bad_request(bytes, start, explain));

        let rest = bytes.get(start..).unwrap_or_default();
        let length = fields::token_length(rest, METHOD_LIMIT + 1);
        if length > METHOD_LIMIT {
            let shown = rest.get(..METHOD_LIMIT).unwrap_or_default();
            let message = format!("Unsupported method ({}...)", escape::repr(shown));
            return Err(Refusal::new(501, message));
        }
        match rest.get(length) {
            None => return Ok(None),
            Some(b' ') if length > 0 => {}
            Some(0x16) if length == 0 => return bad("This looks like TLS, but the port speaks plain HTTP"),
            Some(_) => return bad(SYNTAX),
        }
        self.head.method = Span::new(start, start + length);

        let from = start + length + 1;
        let Extent { question_mark, end: to } = Extent::of(bytes, from);
        if to - from > target_limit {
            return Err(Refusal::new(414, "URI Too Long"));
        }
        match bytes.get(to) {
            None => return Ok(None),
            Some(b' ') if to > from => {}
            Some(b'\r' | b'\n') if to > from => return Err(self.http_09(bytes)),
            Some(b'#') => return bad("A request target has no fragment"),
            Some(b' ' | b'\r' | b'\n') => return bad(SYNTAX),
            Some(_) => return bad("The request target has characters that must be percent-encoded"),
        }
        self.head.target = Span::new(from, to);

        let version = to + 1;
        let Some(minor) = self.parse_version(bytes, start, version)? else { return Ok(None) };
        self.head.minor = minor;
        match Target::parse(self.head.method.bytes(bytes), self.head.target.bytes(bytes)) {
            Ok(target) => self.place(bytes, target, question_mark),
            Err(Fault::Syntax(explain)) => return bad(explain),
            Err(Fault::Https) => return Err(Refusal::new(421, "HTTPS request on a plain HTTP port")),
        }
        Ok(Some(version + b"HTTP/1.1\r\n".len()))
    }

    /// `HTTP-version = "HTTP/" DIGIT "." DIGIT`, in upper case, with its CRLF. Returns the minor
    /// version.
    fn parse_version(&self, bytes: &[u8], start: usize, version: usize) -> Result<Option<u8>, Refusal> {
        let rest = bytes.get(version..).unwrap_or_default();
        if rest.starts_with(b"HTTP/1.1\r\n") {
            return Ok(Some(1));
        }
        let wrong = rest.iter().zip(b"HTTP/d.d\r\n").position(|(byte, pattern)| match pattern {
            b'd' => !byte.is_ascii_digit(),
            _ => byte != pattern,
        });
        match (wrong, rest) {
            (None, [_, _, _, _, _, b'1', _, minor, _, _, ..]) => Ok(Some(u8::from(*minor != b'0'))),
            (None, [_, _, _, _, _, _, _, _, _, _, ..]) => {
                let numbers = String::from_utf8_lossy(rest.get(5..8).unwrap_or_default());
                Err(Refusal::new(505, format!("Invalid HTTP version ({numbers})")))
            }
            (None, _) => Ok(None),
            (Some(wrong), _) => {
                let seen = Span::new(version, visible_end(bytes, version)).bytes(bytes);
                Err(match seen {
                    [] => self.http_09(bytes),
                    // The version itself is valid, but its line end is not.
                    _ if wrong >= 8 && matches!(rest.get(wrong), Some(b'\r' | b'\n')) || wrong == 9 => {
                        bad_request(bytes, start, "Lines must end with CR LF")
                    }
                    _ if memchr(b' ', seen).is_some() => bad_request(bytes, start, SYNTAX),
                    _ => Refusal::new(400, format!("Bad request version ({})", shown(seen))),
                })
            }
        }
    }

    /// The request line has only two words. Python answers such a GET without a head. Clients
    /// stopped sending them long ago, and such answers help only attackers.
    #[cold]
    fn http_09(&self, bytes: &[u8]) -> Refusal {
        let method = escape::repr(self.head.method.bytes(bytes));
        Refusal::new(400, format!("Bad HTTP/0.9 request type ({method})"))
            .explained("HTTP/0.9 is not supported")
    }

    /// Stores the parts of the target. Their offsets in the target become offsets in the head.
    /// `question_mark`: the offset of the first one in the head, or the end of the target.
    fn place(&mut self, bytes: &[u8], target: Target, question_mark: usize) {
        let (start, end) = (self.head.target.start(), self.head.target.end());
        let part_from = |from| {
            let [path, url_path] = [end, question_mark].map(|end| Span::new(from, end));
            Path::Part { path, url_path }
        };
        self.head.path = part_from(start);
        match target {
            Target::Origin { path } => self.head.path = part_from(start + path),
            Target::Absolute { authority, path } => {
                self.head.authority = Some(Span::new(start + authority.start, start + authority.end));
                let path = start + path;
                if bytes.get(path) == Some(&b'/') {
                    self.head.path = part_from(path);
                } else {
                    self.head.own_path.push('/');
                    self.head.own_path.push_str(Span::new(path, end).text(bytes));
                    self.head.path = Path::Own;
                }
            }
            Target::Authority => self.head.authority = Some(self.head.target),
            Target::Asterisk => self.head.asterisk = true,
        }
    }

    #[cold]
    fn too_large(&self, limit: usize) -> Refusal {
        if self.resume == 0 {
            Refusal::new(414, "URI Too Long")
        } else if limit - self.resume > limit / 2 {
            Refusal::line_too_long(limit)
        } else {
            Refusal::new(431, "Request Header Fields Too Large")
                .explained(format!("got more than {limit} bytes of headers"))
        }
    }
}

/// Empty lines that are skipped before a request line. Some old clients sent one after a body (RFC
/// 9112 §2.2).
const EMPTY_LINES_LIMIT: usize = 8;

/// Bytes in a method. The longest registered method has 17.
const METHOD_LIMIT: usize = 64;

/// How many bytes of the client's text a message repeats.
const SHOWN_LIMIT: usize = 200;

const SYNTAX: &str = "A request line is a method, a target and a version, with one space between them";

/// Returns the offset of the request line after the empty lines, or `None` if that depends on bytes
/// that have not arrived yet.
fn skip_empty_lines(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
    let mut at = 0;
    while bytes.get(at) == Some(&b'\r') {
        match bytes.get(at + 1) {
            None => return Ok(None),
            Some(b'\n') if at < 2 * EMPTY_LINES_LIMIT => at += 2,
            Some(b'\n') => return Err(Refusal::new(400, "Too many empty lines before the request")),
            Some(_) => return Err(bad_request(bytes, at, SYNTAX)),
        }
    }
    Ok(Some(at))
}

/// Returns where the line ends, or where the bytes that have arrived end.
fn visible_end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    start + memchr2(b'\r', b'\n', rest).unwrap_or(rest.len())
}

#[cold]
fn bad_request(bytes: &[u8], start: usize, explain: &'static str) -> Refusal {
    let line = Span::new(start, visible_end(bytes, start)).bytes(bytes);
    Refusal::new(400, format!("Bad request syntax ({})", shown(line))).explained(explain)
}

fn shown(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN_LIMIT) {
        Some(start) if bytes.len() > SHOWN_LIMIT => format!("{}...", escape::repr(start)),
        _ => escape::repr(bytes),
    }
}

#[cfg(test)]
mod tests;
