//! Reads a multipart body: the head of a part, then its content, then the head of the next part.

use std::io::{self, BufRead, ErrorKind, Read};
use std::ops::Range;

use super::boundary::{Boundary, Found, Malformed};
use crate::http::message::status_error::StatusError;

/// A body in parts. As [`BufRead`], it yields the content of the current part.
pub(super) struct Reader<'a> {
    body: &'a mut (dyn BufRead + Send + 'a),
    boundary: Boundary,
    /// A range of the delimiter that is content, because the input had only looked like the start
    /// of a delimiter.
    held: Range<usize>,
    /// How many bytes at the front of the buffer of the body are content.
    ready: usize,
    /// Why reading the body has failed for good.
    failure: Option<StatusError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a mut (dyn BufRead + Send + 'a), boundary: Boundary) -> Self {
        Self { body, boundary, held: 0..0, ready: 0, failure: None }
    }

    /// Returns the head of the next part, including the empty line, and skips what is left of the
    /// current part. Returns `None` after the last part.
    pub(super) fn next_head(&mut self, limit: usize) -> io::Result<Option<Vec<u8>>> {
        while self.advance()? {
            self.skip();
        }
        if self.boundary.is_over() {
            return Ok(None);
        }
        let mut head = Vec::new();
        // For a head without fields, only the second half of `HEAD_END` follows the line of the
        // boundary.
        let mut matched = 2;
        while matched < HEAD_END.len() {
            let input = self.body.fill_buf()?;
            if input.is_empty() {
                return Err(self.fail(ended()));
            }
            let mut used = 0;
            for &byte in input.iter().take(limit.saturating_sub(head.len())) {
                used += 1;
                matched = if HEAD_END.get(matched) == Some(&byte) {
                    matched + 1
                } else {
                    usize::from(byte == b'\r')
                };
                if matched == HEAD_END.len() {
                    break;
                }
            }
            head.extend(input.iter().take(used));
            self.body.consume(used);
            if used == 0 {
                let explain = format!("The head of a part has more than {limit} bytes");
                return Err(self.fail(StatusError::new(413).explain(explain)));
            }
        }
        self.boundary.begin_content();
        Ok(Some(head))
    }

    /// Makes every further read of the body fail with `failure`.
    pub(super) fn fail(&mut self, failure: StatusError) -> io::Error {
        self.failure = Some(failure.clone());
        to_io(failure)
    }

    /// Makes content ready. Returns `false` at the end of the part.
    fn advance(&mut self) -> io::Result<bool> {
        if let Some(failure) = &self.failure {
            return Err(to_io(failure.clone()));
        }
        while self.ready == 0 && self.held.is_empty() {
            if self.boundary.is_at_part() || self.boundary.is_over() {
                return Ok(false);
            }
            let input = self.body.fill_buf()?;
            let length = input.len();
            if length == 0 {
                if !self.boundary.finish() {
                    return Err(self.fail(ended()));
                }
                continue;
            }
            match self.boundary.scan(input) {
                Ok(Found::Content { len }) => self.ready = len,
                Ok(Found::Held(range)) => self.held = range,
                Ok(Found::More) => self.body.consume(length),
                Ok(Found::Part { used } | Found::End { used }) => self.body.consume(used),
                Err(Malformed) => return Err(self.fail(malformed("A line goes on behind the boundary"))),
            }
        }
        Ok(true)
    }

    /// Skips what is ready.
    fn skip(&mut self) {
        self.held = 0..0;
        self.body.consume(std::mem::take(&mut self.ready));
    }
}

impl BufRead for Reader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !self.advance()? {
            return Ok(&[]);
        }
        if !self.held.is_empty() {
            return Ok(self.boundary.held(self.held.clone()));
        }
        let input = self.body.fill_buf()?;
        Ok(input.get(..self.ready).unwrap_or(input))
    }

    fn consume(&mut self, amount: usize) {
        if self.held.is_empty() {
            let amount = amount.min(self.ready);
            self.ready -= amount;
            self.body.consume(amount);
        } else {
            self.held.start = self.held.end.min(self.held.start.saturating_add(amount));
        }
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

/// Wraps `error` in an I/O error.
pub(super) fn to_io(error: StatusError) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

pub(super) fn malformed(explain: &str) -> StatusError {
    StatusError::new(400).message("Bad multipart body").explain(explain)
}

fn ended() -> StatusError {
    malformed("The body ends before its last boundary")
}

/// The line ending of the last field, and the empty line.
const HEAD_END: &[u8] = b"\r\n\r\n";
