//! Several parts of a file in one response: `multipart/byteranges` (RFC 9110 §14.6, RFC 2046 §5.1).

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Write as _};
use std::ops::Range;

use crate::Source;

/// The content of a response with several parts of a file. It is made while it is sent.
///
/// ```abnf
/// multipart-body = 1*( delimiter CRLF body-part ) delimiter "--" CRLF
/// delimiter      = CRLF "--" boundary
/// ```
///
/// (RFC 2046 §5.1.1, without the elements that nobody sends.) The line break before the first
/// boundary ends an empty preamble. RFC 9110 §14.6 allows it, and nginx and Apache send it. Some
/// clients, zsync among them, skip one line before every boundary and would lose the first part
/// without it.
///
/// All parts must come from one state of the file. So `file` must fail as soon as it has changed.
pub(super) struct Multipart<F> {
    file: F,
    content_type: Option<String>,
    file_length: u64,
    /// No part is empty.
    parts: Vec<Range<u64>>,
    boundary: Boundary,
    length: u64,
    place: Position,
}

/// The file that the parts are read from.
pub(super) trait Bytes: Send {
    /// Reads bytes at `offset`. The result may be smaller than the buffer, but it is zero only at
    /// the end of the file.
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl<F: Bytes> Multipart<F> {
    /// Creates the content from `parts` of a file of `file_length` bytes. There must be at least
    /// one part, and no part may be empty.
    pub(super) fn new(
        file: F,
        content_type: Option<&str>,
        file_length: u64,
        parts: Vec<Range<u64>>,
        boundary: Boundary,
    ) -> Self {
        let mut multipart = Self {
            file,
            content_type: content_type.map(str::to_owned),
            file_length,
            parts,
            boundary,
            length: 0,
            place: Position::HeadOf(0),
        };
        multipart.length = multipart.measured();
        multipart
    }

    /// Returns the length of the content in bytes.
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// Returns the value of `Content-Type`.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// Writes the heads of all parts to measure them. They are not kept, because they would be the
    /// larger part of the memory that a slow client takes.
    fn measured(&self) -> u64 {
        let mut framing = Vec::new();
        let mut bytes = 0;
        for part in &self.parts {
            framing.clear();
            self.push_head(&mut framing, part);
            bytes += framing.len() as u64 + part.end.saturating_sub(part.start);
        }
        framing.clear();
        self.push_end(&mut framing);
        bytes + framing.len() as u64
    }

    /// Appends the line before a part, and the fields of the part.
    fn push_head(&self, out: &mut Vec<u8>, part: &Range<u64>) {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "\r\n--{}\r\n", self.boundary);
        if let Some(content_type) = &self.content_type {
            let _ = write!(out, "Content-Type: {content_type}\r\n");
        }
        let (first, last) = (part.start, part.end.saturating_sub(1));
        let _ = write!(out, "Content-Range: bytes {first}-{last}/{}\r\n\r\n", self.file_length);
    }

    fn push_end(&self, out: &mut Vec<u8>) {
        let _ = write!(out, "\r\n--{}--\r\n", self.boundary);
    }

    /// Appends at most `most` bytes of the file from `offset` on, and returns how many.
    fn push_bytes(&mut self, out: &mut Vec<u8>, offset: u64, most: u64) -> io::Result<u64> {
        let filled = out.len();
        out.resize(filled + most.min(PIECE) as usize, 0);
        let read = self.file.read_at(out.get_mut(filled..).unwrap_or_default(), offset);
        out.truncate(filled + read.as_ref().map_or(0, |count| *count));
        match read? {
            0 => Err(io::Error::new(ErrorKind::UnexpectedEof, "the file became shorter while it was sent")),
            count => Ok(count as u64),
        }
    }
}

impl<F: Bytes> Source for Multipart<F> {
    /// Reads from the file at most once, and adds the framing before and after these bytes.
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if let Position::HeadOf(index) = self.place
            && let Some(part) = self.parts.get(index)
        {
            self.push_head(out, part);
            self.place = Position::Within(index, part.start);
        }
        if let Position::Within(index, offset) = self.place
            && let Some(end) = self.parts.get(index).map(|part| part.end)
        {
            let offset = offset + self.push_bytes(out, offset, end.saturating_sub(offset))?;
            self.place =
                if offset < end { Position::Within(index, offset) } else { Position::HeadOf(index + 1) };
        }
        if let Position::HeadOf(index) = self.place
            && index >= self.parts.len()
        {
            self.push_end(out);
            self.place = Position::End;
        }
        Ok(self.place != Position::End)
    }
}

/// The text that separates the parts. It must not occur in them (RFC 2046 §5.1.1), but they are not
/// read in advance. So it is random: not even those who write the served files can foresee it.
#[derive(Clone, Debug)]
pub(super) struct Boundary(String);

impl Boundary {
    pub(super) fn new() -> Self {
        // The keys come from the system's random numbers and are different each time.
        let keys = RandomState::new();
        Self(format!("{:016x}{:016x}", keys.hash_one(0), keys.hash_one(1)))
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What comes next in the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// The head of this part, or the end of the content after the last part.
    HeadOf(usize),
    /// The byte at this offset of the file, in this part.
    Within(usize, u64),
    End,
}

/// The most bytes that are read from the file at once.
const PIECE: u64 = 64 * 1024;

#[cfg(test)]
mod tests;
