//! Forms with files: `multipart/form-data` (RFC 7578), read while it comes.
//!
//! ```text
//!   octets ──► boundary.rs: where parts begin and end ──► reader.rs: head, content, head, content … ──► Part: impl Read
//!                                                              │
//!                                                              └──► part_head.rs: name, file name
//! ```

mod boundary;
mod part;
mod part_head;
mod reader;

use std::fmt;
use std::io::{self, BufRead};

use crate::Result;

use self::boundary::Boundary;
pub use self::part::Part;
use self::part_head::PartHead;
use self::reader::Reader;
use crate::http::exchange::Exchange;
use crate::http::message::parameters::WithParameters;
use crate::http::message::status_error::StatusError;

/// Forms with files.
impl Exchange<'_> {
    /// The body as the parts of a form, `multipart/form-data` (RFC 7578), which is what a browser sends for
    /// `<form method="post" enctype="multipart/form-data">`. Nothing is gathered: a part is read from the client as the
    /// handler reads it.
    ///
    /// # Errors
    ///
    /// A [`StatusError`] of 415: the content type is another one, or has no valid boundary (RFC 2046 §5.1.1).
    ///
    /// ```
    /// use std::io::{self, Write};
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let (mut title, mut octets) = (String::new(), 0);
    ///     let mut form = http.multipart()?;
    ///     while let Some(mut part) = form.next_part()? {
    ///         match part.name() {
    ///             "title" => title = part.text()?,
    ///             "file" => octets = io::copy(&mut part, &mut io::sink())?,
    ///             _ => {}
    ///         }
    ///     }
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "{title}: {octets} octets")?;
    ///     Ok(())
    /// });
    /// let body = "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nTea\r\n\
    ///             --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"tea.txt\"\r\n\r\nhot\r\n\
    ///             --x--\r\n";
    /// let request = format!(
    ///     "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n{body}",
    ///     body.len()
    /// );
    /// assert!(testing::respond(handler, request).ends_with(b"\r\n\r\nTea: 3 octets"));
    /// ```
    pub fn multipart(&mut self) -> Result<Multipart<'_>> {
        let boundary = self.only_content_type().and_then(boundary_of);
        let explain = "This resource takes multipart/form-data with a boundary";
        let boundary = boundary.ok_or_else(|| StatusError::new(415).explain(explain))?;
        Ok(Multipart::new(&mut self.rfile, boundary))
    }
}

/// The parts of a form: what [`Exchange::multipart`] gives.
///
/// What is malformed is refused: a line that begins with the boundary and goes on, a bare LF where a line of the framing
/// ends, a part without a name, a body without the last boundary.
///
/// ```
/// use serve_forever::{handler_fn, testing, Exchange, Result};
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result {
///     let mut form = http.multipart()?.max_parts(1);
///     while let Some(part) = form.next_part()? {
///         assert_eq!(part.name(), "a");
///     }
///     http.send_response(204).end_headers()
/// });
/// let part = "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n";
/// let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n";
/// let answer = |body: String| {
///     testing::respond(handler.clone(), format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()))
/// };
/// assert!(answer(format!("{part}--x--")).starts_with(b"HTTP/1.1 204 "));
/// assert!(answer(format!("{part}{part}--x--")).starts_with(b"HTTP/1.1 413 "));
/// assert!(answer(part.into()).starts_with(b"HTTP/1.1 400 "));
/// ```
pub struct Multipart<'a> {
    reader: Reader<'a>,
    parts: usize,
    max_parts: usize,
    max_part_head_size: usize,
    /// Octets that the texts of further parts may have.
    text_left: u64,
}

impl<'a> Multipart<'a> {
    fn new(body: &'a mut (dyn BufRead + Send + 'a), boundary: Boundary) -> Self {
        Self {
            reader: Reader::new(body, boundary),
            parts: 0,
            max_parts: PARTS_LIMIT,
            max_part_head_size: PART_HEAD_LIMIT,
            text_left: TEXT_LIMIT,
        }
    }

    /// How many parts there may be: 1000 unless this is called. Who sends more gets 413.
    ///
    /// ```
    /// # use serve_forever::{Exchange, Result};
    /// fn upload(http: &mut Exchange) -> Result {
    ///     let mut form = http.multipart()?.max_parts(3);
    ///     while let Some(part) = form.next_part()? {
    ///         println!("{}", part.name());
    ///     }
    ///     http.send_response(204).end_headers()
    /// }
    /// ```
    #[must_use]
    pub fn max_parts(mut self, parts: usize) -> Self {
        self.max_parts = parts;
        self
    }

    /// How many octets the header fields of a part may have: 16 KiB unless this is called. Who sends more gets 413.
    ///
    /// ```
    /// # use serve_forever::{Exchange, Result};
    /// fn upload(http: &mut Exchange) -> Result {
    ///     let mut form = http.multipart()?.max_part_head_size(1024);
    ///     while let Some(part) = form.next_part()? {
    ///         println!("{}", part.name());
    ///     }
    ///     http.send_response(204).end_headers()
    /// }
    /// ```
    #[must_use]
    pub fn max_part_head_size(mut self, octets: usize) -> Self {
        self.max_part_head_size = octets;
        self
    }

    /// How many octets all that [`Part::text`] gives may have together: 2 MiB unless this is called. It is for the whole
    /// body, so that many parts cannot fill the memory where one can't.
    ///
    /// ```
    /// # use serve_forever::{Exchange, Result};
    /// fn comment(http: &mut Exchange) -> Result {
    ///     let mut form = http.multipart()?.max_text_size(10_000);
    ///     while let Some(mut part) = form.next_part()? {
    ///         println!("{}: {}", part.text()?, part.name());
    ///     }
    ///     http.send_response(204).end_headers()
    /// }
    /// ```
    #[must_use]
    pub fn max_text_size(mut self, octets: u64) -> Self {
        self.text_left = octets;
        self
    }

    /// The next part, once its header fields have come; `None` behind the last one. What was not read of the part before
    /// is passed over.
    ///
    /// # Errors
    ///
    /// A [`StatusError`]: of 400 if the body is malformed or ends too early, of 413 beyond a limit, of 415 for a part with
    /// a `Content-Transfer-Encoding` (RFC 7578 §4.7). Otherwise what reading the [body](crate::RFile) comes across.
    ///
    /// ```
    /// # use std::io;
    /// # use serve_forever::{Exchange, Result};
    /// fn sizes(http: &mut Exchange) -> Result<Vec<u64>> {
    ///     let mut sizes = Vec::new();
    ///     let mut form = http.multipart()?;
    ///     while let Some(mut part) = form.next_part()? {
    ///         sizes.push(io::copy(&mut part, &mut io::sink())?);
    ///     }
    ///     Ok(sizes)
    /// }
    /// ```
    pub fn next_part(&mut self) -> Result<Option<Part<'_>>> {
        let Some(octets) = self.reader.next_head(self.max_part_head_size).map_err(unwrapped)? else {
            return Ok(None);
        };
        if self.parts >= self.max_parts {
            let explain = format!("The body has more than {} parts", self.max_parts);
            return Err(unwrapped(self.reader.fail(StatusError::new(413).explain(explain))));
        }
        self.parts += 1;
        match PartHead::parse(octets) {
            Ok(head) => Ok(Some(Part::new(head, &mut self.reader, &mut self.text_left))),
            Err(error) => Err(unwrapped(self.reader.fail(error))),
        }
    }
}

impl fmt::Debug for Multipart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart").field("parts", &self.parts).finish_non_exhaustive()
    }
}

/// Parts in a body.
const PARTS_LIMIT: usize = 1000;

/// Octets in the head of a part.
const PART_HEAD_LIMIT: usize = 16 * 1024;

/// Octets in all the texts of a body.
const TEXT_LIMIT: u64 = 2 * 1024 * 1024;

/// What separates the parts of a body of this type.
fn boundary_of(content_type: &[u8]) -> Option<Boundary> {
    let parsed =
        WithParameters::parse(content_type).ok().filter(|parsed| parsed.is("multipart/form-data"))?;
    Boundary::new(parsed.get("boundary").ok()??)
}

/// The error with the status rather than the one of reading around it.
fn unwrapped(error: io::Error) -> crate::Error {
    match error.downcast::<StatusError>() {
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}

#[cfg(test)]
mod tests;
