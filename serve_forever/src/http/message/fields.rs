//! Header fields: the view for handlers, and the parser for heads and trailers.

use std::fmt;

use crate::http::message::refusal::Refusal;

/// The header fields of a request, in the order in which they were sent.
///
/// This is a cheap view that can be copied. Names are compared without regard to case (RFC 9110
/// §5.1). Values are bytes, because the protocol promises no encoding (RFC 9110 §5.5). Spaces and
/// tabs at both ends of a value are removed.
///
/// ```
/// use std::io::Write;
///
/// use serve_forever::{Exchange, Result, handler_fn, testing};
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result {
///     let headers = http.headers();
///     let language = headers.get("accept-language").unwrap_or("any");
///     http.send_response(200).end_headers()?;
///     http.wfile().write_all(language.as_bytes())?;
///     Ok(())
/// });
/// let reply = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Language: eo\r\n\r\n");
/// assert!(reply.ends_with(b"eo"));
/// ```
#[derive(Clone, Copy)]
pub struct Headers<'r> {
    bytes: &'r [u8],
    fields: &'r [FieldRange],
}

impl<'r> Headers<'r> {
    pub(crate) fn new(bytes: &'r [u8], fields: &'r [FieldRange]) -> Self {
        Self { bytes, fields }
    }

    /// Returns the value of the first field of that name. Returns `None` if there is no such field,
    /// or if its value is not UTF-8. [`get_bytes`](Self::get_bytes) returns such a value, too.
    ///
    /// ```
    /// # use std::io::Write;
    /// use serve_forever::{Exchange, Result, handler_fn, testing};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     assert_eq!(http.headers().get("x-name"), Some("Zamenhof"));
    ///     assert_eq!(http.headers().get("X-Other"), None);
    ///     http.send_response(204).end_headers()
    /// });
    /// let reply = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\nX-Name: Zamenhof\r\n\r\n");
    /// assert!(reply.starts_with(b"HTTP/1.1 204 "));
    /// ```
    pub fn get(self, name: &str) -> Option<&'r str> {
        self.get_bytes(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Returns the value of the first field of that name, as the client sent it.
    ///
    /// ```
    /// use serve_forever::{Exchange, Result, handler_fn, testing};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     assert_eq!(http.headers().get_bytes("X-Name"), Some(&b"Andr\xe9"[..]));
    ///     http.send_response(204).end_headers()
    /// });
    /// let reply = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\nX-Name: Andr\xe9\r\n\r\n");
    /// assert!(reply.starts_with(b"HTTP/1.1 204 "));
    /// ```
    pub fn get_bytes(self, name: &str) -> Option<&'r [u8]> {
        let field = self.fields.iter().find(|field| field.is(self.bytes, name))?;
        Some(field.value.bytes(self.bytes))
    }

    /// Returns the values of all fields of that name, in order. Joined with commas, they can be
    /// read as one list.
    ///
    /// ```
    /// use serve_forever::{Exchange, Result, handler_fn, testing};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let hops: Vec<&[u8]> = http.headers().get_all("Via").collect();
    ///     assert_eq!(hops, [&b"1.1 a"[..], b"1.1 b"]);
    ///     http.send_response(204).end_headers()
    /// });
    /// let request = b"GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 a\r\nvia: 1.1 b\r\n\r\n";
    /// let reply = testing::respond(handler, request);
    /// assert!(reply.starts_with(b"HTTP/1.1 204 "));
    /// ```
    pub fn get_all(self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        let bytes = self.bytes;
        self.fields
            .iter()
            .filter(move |field| field.is(bytes, name))
            .map(move |field| field.value.bytes(bytes))
    }

    /// Like [`get_all`](Self::get_all), but the last field comes first.
    pub(crate) fn get_all_from_last(self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        let bytes = self.bytes;
        self.fields
            .iter()
            .rev()
            .filter(move |field| field.is(bytes, name))
            .map(move |field| field.value.bytes(bytes))
    }

    /// Returns all fields in order, with their names spelled as the client sent them.
    ///
    /// ```
    /// use serve_forever::{Exchange, Result, handler_fn, testing};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let names: Vec<&str> = http.headers().iter().map(|(name, _)| name).collect();
    ///     assert_eq!(names, ["Host", "x-NAME"]);
    ///     http.send_response(204).end_headers()
    /// });
    /// let reply = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\nx-NAME: b\r\n\r\n");
    /// assert!(reply.starts_with(b"HTTP/1.1 204 "));
    /// ```
    pub fn iter(self) -> impl Iterator<Item = (&'r str, &'r [u8])> {
        let bytes = self.bytes;
        self.fields.iter().map(move |field| (field.name.text(bytes), field.value.bytes(bytes)))
    }

    /// Like [`iter`](Self::iter), but with names as bytes. Looking at all fields in this way is
    /// cheaper.
    pub(crate) fn lines(self) -> impl Iterator<Item = (&'r [u8], &'r [u8])> + Clone {
        let bytes = self.bytes;
        self.fields.iter().map(move |field| (field.name.bytes(bytes), field.value.bytes(bytes)))
    }

    /// Returns the number of fields. Fields of the same name count separately.
    ///
    /// ```
    /// use serve_forever::{Exchange, Result, handler_fn, testing};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     assert_eq!(http.headers().len(), 2);
    ///     http.send_response(204).end_headers()
    /// });
    /// let reply = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n");
    /// assert!(reply.starts_with(b"HTTP/1.1 204 "));
    /// ```
    pub fn len(self) -> usize {
        self.fields.len()
    }

    /// Whether there are no fields at all. An HTTP/1.0 request may have none.
    ///
    /// ```
    /// use serve_forever::{Exchange, Result, handler_fn, testing};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     assert!(http.headers().is_empty());
    ///     http.send_response(204).end_headers()
    /// });
    /// let reply = testing::respond(handler, b"GET / HTTP/1.0\r\n\r\n");
    /// assert!(reply.starts_with(b"HTTP/1.1 204 "));
    /// ```
    pub fn is_empty(self) -> bool {
        self.fields.is_empty()
    }

    /// Whether there is a field of that name, whatever its value.
    ///
    /// ```
    /// use serve_forever::{Exchange, Result, handler_fn, testing};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let code = if http.headers().contains("Authorization") { 204 } else { 403 };
    ///     http.send_response(code).end_headers()
    /// });
    /// let reply = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(reply.starts_with(b"HTTP/1.1 403 "));
    /// ```
    pub fn contains(self, name: &str) -> bool {
        self.get_bytes(name).is_some()
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, value) in self.iter() {
            map.entry(&name, &format_args!("\"{}\"", value.escape_ascii()));
        }
        map.finish()
    }
}

/// A part of the parsed bytes. It is stored as offsets rather than as a slice, so that it can be
/// kept beside the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Makes a span of two positions within a head or a trailer section. [`OFFSET_LIMIT`] keeps
    /// them within 32 bits.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    pub(crate) fn start(self) -> usize {
        self.start as usize
    }

    pub(crate) fn end(self) -> usize {
        self.end as usize
    }

    /// Returns the bytes of this part. They are empty if `of` is not the buffer that was parsed and
    /// is too short.
    pub(crate) fn bytes(self, of: &[u8]) -> &[u8] {
        of.get(self.start()..self.end()).unwrap_or_default()
    }

    /// Returns this part as text, if the parser has checked that it is ASCII.
    pub(crate) fn text(self, of: &[u8]) -> &str {
        std::str::from_utf8(self.bytes(of)).unwrap_or_default()
    }
}

/// The places of the name and the value in one field line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldRange {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

impl FieldRange {
    pub(crate) fn is(&self, bytes: &[u8], name: &str) -> bool {
        self.name.bytes(bytes).eq_ignore_ascii_case(name.as_bytes())
    }
}

/// How far a field section was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// The empty line was found. `end` is the offset after it.
    Complete { end: usize },
    /// The fields before the offset `line` are stored. Parsing goes on there when more bytes have
    /// arrived.
    Partial { line: usize },
}

/// Parses field lines from `start` up to the empty line. Appends them to `fields`, which may have
/// at most `most` members.
///
/// `field-line = field-name ":" OWS field-value OWS`, and each line ends with CRLF (RFC 9112 §5).
/// Bytes are checked from left to right. So what is refused does not depend on the pieces in which
/// the bytes arrived.
pub(crate) fn parse_fields(
    bytes: &[u8],
    start: usize,
    most: usize,
    fields: &mut Vec<FieldRange>,
) -> Result<Section, Refusal> {
    let mut line = start;
    loop {
        match bytes.get(line) {
            None => return Ok(Section::Partial { line }),
            Some(b'\r') => match bytes.get(line + 1) {
                None => return Ok(Section::Partial { line }),
                Some(b'\n') => return Ok(Section::Complete { end: line + 2 }),
                Some(_) => return Err(bad_line(LINE_END)),
            },
            Some(b' ' | b'\t') => return Err(bad_line("Header lines must not begin with a blank")),
            Some(b'\n') => return Err(bad_line(LINE_END)),
            Some(_) if fields.len() >= most => return Err(Refusal::too_many_headers(most)),
            Some(_) => {}
        }
        let Some(colon) = name_end(bytes, line)? else { return Ok(Section::Partial { line }) };
        let Some(cr) = value_end(bytes, colon + 1)? else { return Ok(Section::Partial { line }) };
        let (from, to) = trim(bytes, colon + 1, cr);
        fields.push(FieldRange { name: Span::new(line, colon), value: Span::new(from, to) });
        line = cr + 2;
    }
}

/// Whether a list field such as `Connection` has the member `token`, without regard to case.
pub(crate) fn list_contains(value: &[u8], token: &str) -> bool {
    list_members(value).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
}

/// Returns the members of a comma-separated list, without the blanks around them. Empty members are
/// skipped (RFC 9110 §5.6.1.2).
///
/// This is for lists of tokens: it also splits at a comma in a quoted string.
pub(crate) fn list_members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim_blanks).filter(|member| !member.is_empty())
}

/// Removes SP and HTAB at both ends. Nothing else counts as white space in HTTP (RFC 9110 §5.6.3).
pub(crate) fn trim_blanks(value: &[u8]) -> &[u8] {
    let (from, to) = trim(value, 0, value.len());
    value.get(from..to).unwrap_or_default()
}

/// Whether `bytes` are a token: `token = 1*tchar` (RFC 9110 §5.6.2). Methods and field names are
/// tokens.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Returns how many of the first bytes a token may contain, up to `most`.
pub(crate) fn token_length(bytes: &[u8], most: usize) -> usize {
    let bytes = bytes.get(..most).unwrap_or(bytes);
    bytes.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(bytes.len())
}

/// Whether `byte` is a `tchar`: a visible ASCII character that is not a delimiter.
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// Whether a value can be sent without ending its line or confusing a recipient (RFC 9110 §5.5). It
/// may contain HTAB, spaces, visible ASCII and bytes from 0x80 on, but no other control character.
pub(crate) fn is_field_value(bytes: &[u8]) -> bool {
    scan_value(bytes, 0) == bytes.len()
}

/// Returns the position of the first byte, from `at` on, for which `stop` returns true. If there is
/// none, returns the length of `bytes`.
///
/// Eight bytes are checked together. `flagged` sets the top bits of bytes that may be wanted. It
/// must mark the first wanted byte of the eight. Other marks may be wrong.
pub(crate) fn find(
    bytes: &[u8],
    mut at: usize,
    flagged: impl Fn(u64) -> u64,
    stop: impl Fn(u8) -> bool,
) -> usize {
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let mask = flagged(u64::from_le_bytes(*eight));
        if mask == 0 {
            at += 8;
            continue;
        }
        at += mask.trailing_zeros() as usize / 8;
        if bytes.get(at).is_some_and(|&byte| stop(byte)) {
            return at;
        }
        at += 1;
    }
    let tail = bytes.get(at..).unwrap_or_default();
    at + tail.iter().position(|&byte| stop(byte)).unwrap_or(tail.len())
}

/// Marks bytes less than `limit` (at most 0x80), for [`find`]. Bytes after the first marked byte
/// may be marked wrongly, because the subtraction borrows.
pub(crate) const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word & TOP_BITS
}

/// Marks bytes equal to `byte`, for [`find`]. The restriction of [`below`] applies here, too.
pub(crate) const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * byte as u64), 1)
}

/// The byte 0x80 in each place. As a mask, it selects bytes beyond ASCII.
pub(crate) const TOP_BITS: u64 = ONES << 7;

/// The length of a head or a trailer section that is never exceeded, whatever the settings allow.
/// Offsets are stored in 32 bits.
pub(crate) const OFFSET_LIMIT: usize = u32::MAX as usize;

/// Bytes in a field name. Real names have fewer than 50. Without this limit, a single name could be
/// as large as a whole head.
const FIELD_NAME_LIMIT: usize = 1024;

const LINE_END: &str = "Header lines must end with CR LF";

const ONES: u64 = 0x0101_0101_0101_0101;

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut i = 0;
    while i < others.len() {
        table[others[i] as usize] = true;
        i += 1;
    }
    table
};

/// Returns the offset of the colon, or `None` if the colon has not arrived yet.
fn name_end(bytes: &[u8], start: usize) -> Result<Option<usize>, Refusal> {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = token_length(rest, FIELD_NAME_LIMIT + 1);
    match rest.get(length) {
        _ if length > FIELD_NAME_LIMIT => Err(Refusal::line_too_long(FIELD_NAME_LIMIT)),
        None => Ok(None),
        Some(b':') if length > 0 => Ok(Some(start + length)),
        Some(b' ' | b'\t') => Err(bad_line("There must be no blank before the colon of a header line")),
        Some(b'\r' | b'\n') => Err(bad_line("A header line has no colon")),
        Some(_) => Err(bad_line("A header name is not a token")),
    }
}

/// Returns the offset of the CRLF, or `None` if that has not arrived yet.
fn value_end(bytes: &[u8], start: usize) -> Result<Option<usize>, Refusal> {
    let end = scan_value(bytes, start);
    match (bytes.get(end), bytes.get(end + 1)) {
        (None, _) | (Some(b'\r'), None) => Ok(None),
        (Some(b'\r'), Some(b'\n')) => Ok(Some(end)),
        (Some(b'\r' | b'\n'), _) => Err(bad_line(LINE_END)),
        _ => Err(bad_line("A header value has a control character")),
    }
}

fn scan_value(bytes: &[u8], at: usize) -> usize {
    find(
        bytes,
        at,
        |word| below(word, b' ') | equal(word, 0x7f),
        |byte| byte < b' ' && byte != b'\t' || byte == 0x7f,
    )
}

fn trim(bytes: &[u8], mut from: usize, mut to: usize) -> (usize, usize) {
    while from < to && matches!(bytes.get(from), Some(b' ' | b'\t')) {
        from += 1;
    }
    while from < to && matches!(bytes.get(to - 1), Some(b' ' | b'\t')) {
        to -= 1;
    }
    (from, to)
}

/// The message does not contain the line, because values may be secret, and messages go into logs.
#[cold]
fn bad_line(explain: &'static str) -> Refusal {
    Refusal::new(400, "Bad header syntax").explained(explain)
}

#[cfg(test)]
mod tests;
