//! Forms with files: `multipart/form-data` (RFC 7578), read as they arrive.
//!
//! ```text
//!   bytes ──► boundary.rs: where parts begin and end ──► reader.rs: head, content, head, content … ──► Part: impl Read
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
    /// Returns the parts of a form, `multipart/form-data` (RFC 7578), which is what a browser sends
    /// for `<form method="post" enctype="multipart/form-data">`. Nothing is buffered: the server
    /// receives a part as the handler reads it.
    ///
    /// # Errors
    ///
    /// Fails with a [`StatusError`] of 415 if the content type is a different one or has no valid
    /// boundary (RFC 2046 §5.1.1).
    ///
    /// ```
    /// use std::io::{self, Write};
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let (mut title, mut bytes) = (String::new(), 0);
    ///     let mut form = http.multipart()?;
    ///     while let Some(mut part) = form.next_part()? {
    ///         match part.name() {
    ///             "title" => title = part.text()?,
    ///             "file" => bytes = io::copy(&mut part, &mut io::sink())?,
    ///             _ => {}
    ///         }
    ///     }
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "{title}: {bytes} bytes")?;
    ///     Ok(())
    /// });
    /// let body = "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nTea\r\n\
    ///             --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"tea.txt\"\r\n\r\nhot\r\n\
    ///             --x--\r\n";
    /// let request = format!(
    ///     "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n{body}",
    ///     body.len()
    /// );
    /// assert!(testing::respond(handler, request).ends_with(b"\r\n\r\nTea: 3 bytes"));
    /// ```
    pub fn multipart(&mut self) -> Result<Multipart<'_>> {
        let boundary = self.only_content_type().and_then(boundary_of);
        let explain = "This resource takes multipart/form-data with a boundary";
        let boundary = boundary.ok_or_else(|| StatusError::new(415).explain(explain))?;
        Ok(Multipart::new(&mut self.rfile, boundary))
    }
}

/// The parts of a form. Returned by [`Exchange::multipart`].
///
/// Malformed bodies are refused: with a line that begins with the boundary but has more after it, a
/// bare LF as the end of a line of the framing, a part without a name, or no last boundary.
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
    /// How many bytes the texts of further parts may have together.
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

    /// Sets the maximum number of parts in a body; 1000 by default. A client that sends more gets
    /// 413.
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

    /// Sets the maximum size of the header fields of a part in bytes; 16 KiB by default. A client
    /// that sends more gets 413.
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
    pub fn max_part_head_size(mut self, bytes: usize) -> Self {
        self.max_part_head_size = bytes;
        self
    }

    /// Sets the maximum size, in bytes, of all texts together that [`Part::text`] returns; 2 MiB by
    /// default. The limit applies to the whole body, so that many parts cannot use more memory than
    /// a single one.
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
    pub fn max_text_size(mut self, bytes: u64) -> Self {
        self.text_left = bytes;
        self
    }

    /// Returns the next part as soon as its header fields have arrived, or `None` after the last
    /// part. What was not read of the previous part is skipped.
    ///
    /// # Errors
    ///
    /// Fails with a [`StatusError`]: of 400 if the body is malformed or ends too early, of 413 if
    /// it exceeds a limit, of 415 if a part has a `Content-Transfer-Encoding` other than `7bit`,
    /// `8bit` or `binary` (RFC 7578 §4.7). Also fails with every error of reading the
    /// [body](crate::RFile).
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
        let Some(bytes) = self.reader.next_head(self.max_part_head_size).map_err(unwrapped)? else {
            return Ok(None);
        };
        if self.parts >= self.max_parts {
            let explain = format!("The body has more than {} parts", self.max_parts);
            return Err(unwrapped(self.reader.fail(StatusError::new(413).explain(explain))));
        }
        self.parts += 1;
        match PartHead::parse(bytes) {
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

/// The default number of parts that a body may have.
const PARTS_LIMIT: usize = 1000;

/// The default number of bytes that the head of a part may have.
const PART_HEAD_LIMIT: usize = 16 * 1024;

/// The default number of bytes that all texts of a body may have together.
const TEXT_LIMIT: u64 = 2 * 1024 * 1024;

/// Returns the boundary between the parts of a body with this content type.
fn boundary_of(content_type: &[u8]) -> Option<Boundary> {
    let parsed =
        WithParameters::parse(content_type).ok().filter(|parsed| parsed.is("multipart/form-data"))?;
    Boundary::new(parsed.get("boundary").ok()??)
}

/// Returns the `StatusError` inside of an I/O error, if there is one, else the I/O error itself.
fn unwrapped(error: io::Error) -> crate::Error {
    match error.downcast::<StatusError>() {
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}

#[cfg(test)]
mod tests;
