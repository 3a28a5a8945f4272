//! The head of a request: request line and header fields, read strictly (RFC 9112 §2–§6).
//!
//! No input or output is done here: whoever has the octets hands them in and keeps them. Where the RFC lets a
//! server choose between repairing and refusing, this one refuses: request smuggling lives on two parties
//! that repair differently.

mod content;
mod target;

use std::borrow::Cow;
use std::ops::Deref;

use memchr::{memchr, memchr2};

use self::content::Content;
use self::target::{Fault, Target};
use crate::http::h1::body_decoder::Framing;
use crate::http::message::escape;
use crate::http::message::fields::{self, FieldRange, Headers, Section, Span};

/// How large a head may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    /// Octets in the whole head, the empty line included.
    pub head: usize,
    /// Field lines.
    pub fields: usize,
    /// Octets in the request target.
    pub target: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head: HEAD_LIMIT, fields: FIELDS_LIMIT, target: TARGET_LIMIT }
    }
}

/// Octets in a head, as much as Python lets a single line have.
pub(crate) const HEAD_LIMIT: usize = 64 * 1024;

/// Field lines in a head.
pub(crate) const FIELDS_LIMIT: usize = 100;

/// Octets in a request target.
pub(crate) const TARGET_LIMIT: usize = 16 * 1024;

/// A parsed head, as offsets into the octets it was parsed from. The same octets are to be given to the
/// accessors.
///
/// One is made for each connection and used for all its requests, so that after the first a usual request
/// allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Head {
    /// Where the next call goes on; 0 for a new head. Lines that are complete are not read twice, so a head
    /// that trickles in does not cost the square of its length.
    resume: usize,
    line: Span,
    method: Span,
    target: Span,
    fields: Vec<FieldRange>,
    minor: u8,
    path: Path,
    /// What `path` is when no part of the target says it. Kept for its capacity.
    own_path: String,
    /// The authority of the target, if that names one.
    authority: Option<Span>,
    content: Content,
    asterisk: bool,
    /// The last `Host` that was found valid: that of the next request is nearly always the same.
    known_host: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// So many octets belong to the head, any empty lines before it included.
    Complete(usize),
    /// The empty line has not come yet. Parse again when there is more.
    Partial,
}

/// What the client expects before it sends the body (RFC 9110 §10.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing, or nothing that this version and this body let it expect.
    #[default]
    None,
    /// `100-continue`.
    Continue,
    /// Something that nobody knows.
    Unknown,
}

/// Why a request is not served. In a box, so that the results of all that may refuse one are small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(Box<Reason>);

/// What the error response says. The connection is closed after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub status: u16,
    /// Printable ASCII, fit for the status line.
    pub message: Cow<'static, str>,
    /// `None` for the usual explanation of the status.
    pub explain: Option<Cow<'static, str>>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Path {
    #[default]
    Empty,
    Part(Span),
    Own,
}

impl Head {
    /// Parses the head at the start of `octets`.
    ///
    /// After [`Parsed::Partial`] the next call is to have the same octets with more behind them; to start on
    /// others, call [`clear`](Self::clear). After any other result it starts anew by itself. Octets are
    /// judged from left to right and as soon as they are seen; what takes the whole head (`Host`, the
    /// framing) is judged at the empty line.
    pub(crate) fn parse(&mut self, octets: &[u8], limits: &HeadLimits) -> Result<Parsed, Refusal> {
        if self.resume == 0 {
            self.clear();
        }
        let limit = limits.head.min(fields::OFFSET_LIMIT);
        let window = octets.get(..limit).unwrap_or(octets);
        let parsed = match self.advance(window, limits) {
            Ok(Parsed::Partial) if window.len() < limit => return Ok(Parsed::Partial),
            Ok(Parsed::Partial) => Err(self.too_large(limit)),
            done => done,
        };
        self.resume = 0;
        parsed
    }

    /// Forgets everything but keeps the memory.
    pub(crate) fn clear(&mut self) {
        let Self {
            resume,
            line,
            method,
            target,
            fields,
            minor,
            path,
            own_path,
            authority,
            content,
            asterisk,
            known_host: _,
        } = self;
        (*resume, *minor, *asterisk) = (0, 0, false);
        (*line, *method, *target) = (Span::default(), Span::default(), Span::default());
        (*path, *authority, *content) = (Path::Empty, None, Content::default());
        fields.clear();
        own_path.clear();
    }

    /// The request line as it came, without its CRLF; as far as it was seen if the head is not complete or
    /// was refused.
    pub(crate) fn request_line<'a>(&self, octets: &'a [u8]) -> &'a [u8] {
        self.line.octets(octets)
    }

    /// Also known after a refusal, if that was not about the method or what is before it; else empty.
    pub(crate) fn method<'a>(&self, octets: &'a [u8]) -> &'a str {
        self.method.text(octets)
    }

    /// The method, as octets.
    pub(crate) fn method_octets<'a>(&self, octets: &'a [u8]) -> &'a [u8] {
        self.method.octets(octets)
    }

    /// Whether the method is HEAD, whose responses have no content.
    pub(crate) fn is_head(&self, octets: &[u8]) -> bool {
        self.method_octets(octets) == b"HEAD"
    }

    /// What [`url_path`](Self::url_path) is, as octets.
    pub(crate) fn url_path_octets<'a>(&'a self, octets: &'a [u8]) -> &'a [u8] {
        let path = match self.path {
            Path::Empty => &[],
            Path::Part(part) => part.octets(octets),
            Path::Own => self.own_path.as_bytes(),
        };
        path.get(..question_mark(path)).unwrap_or(path)
    }

    #[cfg(any(test, fuzzing))]
    /// The request target as it came.
    pub(crate) fn target<'a>(&self, octets: &'a [u8]) -> &'a str {
        self.target.text(octets)
    }

    /// The target as Python's `self.path`: with the query, not decoded, several leading slashes as one. Of an
    /// absolute-form target the part behind the authority, of `CONNECT` the authority, and `*` of `OPTIONS
    /// *`.
    pub(crate) fn path<'a>(&'a self, octets: &'a [u8]) -> &'a str {
        match self.path {
            Path::Empty => "",
            Path::Part(part) => part.text(octets),
            Path::Own => &self.own_path,
        }
    }

    /// The path up to the first question mark.
    pub(crate) fn url_path<'a>(&'a self, octets: &'a [u8]) -> &'a str {
        std::str::from_utf8(self.url_path_octets(octets)).unwrap_or_default()
    }

    /// What is behind the first question mark, if there is one.
    pub(crate) fn query<'a>(&'a self, octets: &'a [u8]) -> Option<&'a str> {
        let path = self.path(octets);
        path.get(question_mark(path.as_bytes()) + 1..)
    }

    /// Host and port as the client wrote them. The authority of the target comes before the `Host` field
    /// (RFC 9112 §3.3).
    pub(crate) fn host<'a>(&self, octets: &'a [u8]) -> Option<&'a str> {
        self.authority.or(self.content.host).map(|host| host.text(octets))
    }

    /// The version is 1.0 or 1.1: higher minor versions are treated as 1.1 (RFC 9110 §6.2).
    pub(crate) fn version_minor(&self) -> u8 {
        self.minor
    }

    pub(crate) fn framing(&self) -> Framing {
        self.content.framing
    }

    /// Whether the client lets the connection stay open.
    pub(crate) fn keep_alive(&self) -> bool {
        self.content.keep_alive
    }

    pub(crate) fn expect(&self) -> Expect {
        self.content.expect
    }

    /// Whether the client would rather go on in another protocol, whatever its version lets it ask
    /// for.
    pub(crate) fn wants_upgrade(&self) -> bool {
        self.content.upgrade
    }

    /// Whether this is `OPTIONS *`, a question to the server as a whole.
    pub(crate) fn asterisk(&self) -> bool {
        self.asterisk
    }

    pub(crate) fn fields<'a>(&'a self, octets: &'a [u8]) -> Headers<'a> {
        Headers::new(octets, &self.fields)
    }

    fn advance(&mut self, octets: &[u8], limits: &HeadLimits) -> Result<Parsed, Refusal> {
        if self.resume == 0 {
            match self.advance_request_line(octets, limits.target)? {
                Some(next) => self.resume = next,
                None => return Ok(Parsed::Partial),
            }
        }
        match fields::parse_fields(octets, self.resume, limits.fields, &mut self.fields)? {
            Section::Partial { line } => {
                self.resume = line;
                Ok(Parsed::Partial)
            }
            Section::Complete { end } => {
                self.content = Content::of(octets, &self.fields, self.minor > 0, &mut self.known_host)?;
                Ok(Parsed::Complete(end))
            }
        }
    }

    /// Gives the offset behind the request line, `None` if it is not complete.
    fn advance_request_line(&mut self, octets: &[u8], target_limit: usize) -> Result<Option<usize>, Refusal> {
        let Some(start) = skip_empty_lines(octets)? else { return Ok(None) };
        let next = self.parse_request_line(octets, start, target_limit);
        self.line = match next {
            Ok(Some(next)) => Span::new(start, next - 2),
            _ => Span::new(start, visible_end(octets, start)),
        };
        next
    }

    /// `request-line = method SP request-target SP HTTP-version CRLF`
    fn parse_request_line(
        &mut self,
        octets: &[u8],
        start: usize,
        target_limit: usize,
    ) -> Result<Option<usize>, Refusal> {
        let bad = |explain| Err(bad_request(octets, start, explain));

        let rest = octets.get(start..).unwrap_or_default();
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
        self.method = Span::new(start, start + length);

        let from = start + length + 1;
        let to = target::target_end(octets, from);
        if to - from > target_limit {
            return Err(Refusal::new(414, "URI Too Long"));
        }
        match octets.get(to) {
            None => return Ok(None),
            Some(b' ') if to > from => {}
            Some(b'\r' | b'\n') if to > from => return Err(self.http_09(octets)),
            Some(b'#') => return bad("A request target has no fragment"),
            Some(b' ' | b'\r' | b'\n') => return bad(SYNTAX),
            Some(_) => return bad("The request target has characters that must be percent-encoded"),
        }
        self.target = Span::new(from, to);

        let version = to + 1;
        let Some(minor) = self.parse_version(octets, start, version)? else { return Ok(None) };
        self.minor = minor;
        match Target::parse(self.method.octets(octets), self.target.octets(octets)) {
            Ok(target) => self.place(octets, target),
            Err(Fault::Syntax(explain)) => return bad(explain),
            Err(Fault::Https) => return Err(Refusal::new(421, "HTTPS request on a plain HTTP port")),
        }
        Ok(Some(version + b"HTTP/1.1\r\n".len()))
    }

    /// `HTTP-version = "HTTP/" DIGIT "." DIGIT`, in upper case, with its CRLF. Gives the minor version.
    fn parse_version(&self, octets: &[u8], start: usize, version: usize) -> Result<Option<u8>, Refusal> {
        let rest = octets.get(version..).unwrap_or_default();
        if rest.starts_with(b"HTTP/1.1\r\n") {
            return Ok(Some(1));
        }
        let wrong = rest.iter().zip(b"HTTP/d.d\r\n").position(|(octet, pattern)| match pattern {
            b'd' => !octet.is_ascii_digit(),
            _ => octet != pattern,
        });
        match (wrong, rest) {
            (None, [_, _, _, _, _, b'1', _, minor, _, _, ..]) => Ok(Some(u8::from(*minor != b'0'))),
            (None, [_, _, _, _, _, _, _, _, _, _, ..]) => {
                let numbers = String::from_utf8_lossy(rest.get(5..8).unwrap_or_default());
                Err(Refusal::new(505, format!("Invalid HTTP version ({numbers})")))
            }
            (None, _) => Ok(None),
            (Some(wrong), _) => {
                let seen = Span::new(version, visible_end(octets, version)).octets(octets);
                Err(match seen {
                    [] => self.http_09(octets),
                    // The version itself is right: it is the line end that is not.
                    _ if wrong >= 8 && matches!(rest.get(wrong), Some(b'\r' | b'\n')) || wrong == 9 => {
                        bad_request(octets, start, "Lines must end with CR LF")
                    }
                    _ if memchr(b' ', seen).is_some() => bad_request(octets, start, SYNTAX),
                    _ => Refusal::new(400, format!("Bad request version ({})", shown(seen))),
                })
            }
        }
    }

    /// A line of two words. Python answers such a GET without a head; that is long gone and helps only
    /// attackers.
    #[cold]
    fn http_09(&self, octets: &[u8]) -> Refusal {
        let method = escape::repr(self.method.octets(octets));
        Refusal::new(400, format!("Bad HTTP/0.9 request type ({method})"))
            .explained("HTTP/0.9 is not supported")
    }

    /// Turns offsets into the target into offsets into the head.
    fn place(&mut self, octets: &[u8], target: Target) {
        let (start, end) = (self.target.start(), self.target.end());
        self.path = Path::Part(self.target);
        match target {
            Target::Origin { path } => self.path = Path::Part(Span::new(start + path, end)),
            Target::Absolute { authority, path } => {
                self.authority = Some(Span::new(start + authority.start, start + authority.end));
                let path = Span::new(start + path, end);
                if path.octets(octets).starts_with(b"/") {
                    self.path = Path::Part(path);
                } else {
                    self.own_path.push('/');
                    self.own_path.push_str(path.text(octets));
                    self.path = Path::Own;
                }
            }
            Target::Authority => self.authority = Some(self.target),
            Target::Asterisk => self.asterisk = true,
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

/// Where the query begins, or the length. Paths are short: `memchr` takes longer to begin than this to end.
fn question_mark(path: &[u8]) -> usize {
    fields::find(path, 0, |word| fields::equal(word, b'?'), |octet| octet == b'?')
}

impl Deref for Refusal {
    type Target = Reason;

    fn deref(&self) -> &Reason {
        &self.0
    }
}

impl Refusal {
    #[cold]
    pub(crate) fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Reason { status, message: message.into(), explain: None }))
    }

    #[cold]
    pub(crate) fn explained(mut self, explain: impl Into<Cow<'static, str>>) -> Self {
        self.0.explain = Some(explain.into());
        self
    }

    #[cold]
    pub(crate) fn line_too_long(limit: usize) -> Self {
        Self::new(431, "Line too long")
            .explained(format!("got more than {limit} bytes when reading header line"))
    }

    #[cold]
    pub(crate) fn too_many_headers(limit: usize) -> Self {
        Self::new(431, "Too many headers").explained(format!("got more than {limit} headers"))
    }
}

/// Empty lines that are skipped before a request line: some old clients sent one behind a body (RFC 9112
/// §2.2).
const EMPTY_LINES_LIMIT: usize = 8;

/// Octets in a method. The longest one registered has 17.
const METHOD_LIMIT: usize = 64;

/// Octets of a client's text that a message repeats.
const SHOWN_LIMIT: usize = 200;

const SYNTAX: &str = "A request line is a method, a target and a version, with one space between them";

/// The offset of the first octet that is no empty line; `None` if only more input can tell.
fn skip_empty_lines(octets: &[u8]) -> Result<Option<usize>, Refusal> {
    let mut at = 0;
    while octets.get(at) == Some(&b'\r') {
        match octets.get(at + 1) {
            None => return Ok(None),
            Some(b'\n') if at < 2 * EMPTY_LINES_LIMIT => at += 2,
            Some(b'\n') => return Err(Refusal::new(400, "Too many empty lines before the request")),
            Some(_) => return Err(bad_request(octets, at, SYNTAX)),
        }
    }
    Ok(Some(at))
}

/// Where the line ends, or what has come of it.
fn visible_end(octets: &[u8], start: usize) -> usize {
    let rest = octets.get(start..).unwrap_or_default();
    start + memchr2(b'\r', b'\n', rest).unwrap_or(rest.len())
}

#[cold]
fn bad_request(octets: &[u8], start: usize, explain: &'static str) -> Refusal {
    let line = Span::new(start, visible_end(octets, start)).octets(octets);
    Refusal::new(400, format!("Bad request syntax ({})", shown(line))).explained(explain)
}

fn shown(octets: &[u8]) -> String {
    match octets.get(..SHOWN_LIMIT) {
        Some(start) if octets.len() > SHOWN_LIMIT => format!("{}...", escape::repr(start)),
        _ => escape::repr(octets),
    }
}

#[cfg(test)]
mod tests;
