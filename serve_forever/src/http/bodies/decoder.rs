//! The decoder of a request body, which finds the content between the bytes of the framing (RFC
//! 9112 §6 and §7.1).
//!
//! The decoder neither reads nor copies content. It looks at the bytes that have arrived, and
//! returns how many of them to drop and how many are content. The content does not depend on the
//! pieces in which the bytes arrive.

use crate::http::message::fields::{self, FieldRange, Headers, Section};
use crate::http::message::framing::Framing;
use crate::http::message::refusal::Refusal;
use crate::server::config::MAX_FIELDS;

/// What the decoder found in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// Drop `skip` bytes of framing. After them are `len` bytes of content, at least one. Both
    /// count as consumed.
    Data { skip: usize, len: usize },
    /// Drop `skip` bytes, which is the whole input. More bytes are needed.
    More { skip: usize },
    /// Drop `skip` bytes. The body has ended. The bytes after it belong to the next request.
    End { skip: usize },
}

/// The decoder of one body. After a refusal, the rest of the connection has no meaning, and each
/// call returns the same refusal.
#[derive(Debug)]
pub(crate) struct BodyDecoder {
    state: State,
    /// Bytes of extensions so far, in all chunks together.
    extensions: usize,
    /// The trailer section. Few bodies have one, so it is allocated when its first line arrives.
    trailers: Option<Box<Trailers>>,
    /// Field lines that the trailer section may have.
    max_fields: usize,
}

/// The trailer section, as far as it has arrived.
#[derive(Debug, Default)]
struct Trailers {
    bytes: Vec<u8>,
    fields: Vec<FieldRange>,
    /// Where the first line begins that was not parsed yet.
    line: usize,
}

/// Bytes of chunk extensions in one body. They have no meaning here, so more of them are an attack.
pub(crate) const CHUNK_EXTENSIONS_LIMIT: usize = 16 * 1024;

/// Bytes in a trailer section.
pub(crate) const TRAILERS_LIMIT: usize = 16 * 1024;

/// The most hexadecimal digits of a chunk size, which then fits into 64 bits.
const SIZE_DIGITS_LIMIT: u8 = 16;

/// The part of the body that comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Content, of which this many bytes are left. Never 0.
    Length(u64),
    /// `chunk-size = 1*HEXDIG`
    Size {
        size: u64,
        digits: u8,
    },
    /// `chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`
    Extension {
        size: u64,
        place: Extension,
    },
    /// The LF of a chunk line.
    SizeLf {
        size: u64,
    },
    /// Content of a chunk, of which this many bytes are left. Never 0.
    Chunk(u64),
    /// The CR after the content of a chunk.
    ChunkCr,
    ChunkLf,
    Trailers,
    Done,
    Refused(Refusal),
}

/// The place of the next byte in a chunk extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    BeforeName,
    Name,
    BeforeEquals,
    BeforeValue,
    Token,
    Quoted,
    Escaped,
    AfterQuoted,
    BeforeSemicolon,
}

impl BodyDecoder {
    pub(crate) fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size { size: 0, digits: 0 },
        };
        Self { state, extensions: 0, trailers: None, max_fields: MAX_FIELDS }
    }

    /// Sets how many field lines the trailer section may have.
    pub(crate) fn max_fields(self, max_fields: usize) -> Self {
        Self { max_fields, ..self }
    }

    /// Looks at the bytes that have arrived and are not consumed yet.
    pub(crate) fn decode(&mut self, input: &[u8]) -> Result<Decoded, Refusal> {
        let decoded = self.advance(input);
        if let Err(refusal) = &decoded {
            self.state = State::Refused(refusal.clone());
        }
        decoded
    }

    /// Whether the whole body was consumed. If the input ends before that, the request is not
    /// complete.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Returns how many bytes of content are still to come, or `None` if the body is chunked and
    /// not done.
    pub(crate) fn remaining_hint(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left),
            State::Done => Some(0),
            _ => None,
        }
    }

    /// Returns the fields after a chunked body. There are none until the body has ended. They are
    /// never added to the fields of the head, on which the server has acted already (RFC 9110
    /// §6.5.1).
    pub(crate) fn trailers(&self) -> Headers<'_> {
        match &self.trailers {
            Some(trailers) if self.is_done() => Headers::new(&trailers.bytes, &trailers.fields),
            _ => Headers::new(&[], &[]),
        }
    }

    fn advance(&mut self, input: &[u8]) -> Result<Decoded, Refusal> {
        let mut skip = 0;
        loop {
            match &mut self.state {
                State::Done => return Ok(Decoded::End { skip }),
                State::Refused(refusal) => return Err(refusal.clone()),
                State::Trailers => {
                    skip += self.collect_trailers(input.get(skip..).unwrap_or_default())?;
                    if !self.is_done() {
                        return Ok(Decoded::More { skip });
                    }
                }
                State::Length(left) | State::Chunk(left) => {
                    let available = input.len() - skip;
                    if available == 0 {
                        return Ok(Decoded::More { skip });
                    }
                    let len = usize::try_from(*left).map_or(available, |left| left.min(available));
                    *left -= len as u64;
                    if *left == 0 {
                        self.state =
                            if matches!(self.state, State::Chunk(_)) { State::ChunkCr } else { State::Done };
                    }
                    return Ok(Decoded::Data { skip, len });
                }
                _ => {
                    let Some(&byte) = input.get(skip) else { return Ok(Decoded::More { skip }) };
                    self.framing_byte(byte)?;
                    skip += 1;
                }
            }
        }
    }

    /// Consumes one byte of `chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF` that is not
    /// data.
    fn framing_byte(&mut self, byte: u8) -> Result<(), Refusal> {
        self.state = match self.state {
            State::Size { size, digits } => match (char::from(byte).to_digit(16), byte) {
                (Some(_), _) if digits == SIZE_DIGITS_LIMIT => {
                    return Err(bad_chunk("The chunk size is too large"));
                }
                (Some(digit), _) => State::Size { size: size << 4 | u64::from(digit), digits: digits + 1 },
                (None, b'\r') if digits > 0 => State::SizeLf { size },
                (None, b';') if digits > 0 => {
                    self.count_extension()?;
                    State::Extension { size, place: Extension::BeforeName }
                }
                _ => return Err(bad_chunk("A chunk begins with its size in hexadecimal digits")),
            },
            State::Extension { size, place } if byte == b'\r' && place.can_end() => State::SizeLf { size },
            State::Extension { size, place } => {
                let place = place.next(byte).ok_or_else(|| bad_chunk("A chunk extension is malformed"))?;
                self.count_extension()?;
                State::Extension { size, place }
            }
            State::SizeLf { size } if byte == b'\n' => match size {
                0 => State::Trailers,
                size => State::Chunk(size),
            },
            State::ChunkCr if byte == b'\r' => State::ChunkLf,
            State::ChunkLf if byte == b'\n' => State::Size { size: 0, digits: 0 },
            _ => return Err(bad_chunk("Chunks and their sizes must end with CR LF")),
        };
        Ok(())
    }

    fn count_extension(&mut self) -> Result<(), Refusal> {
        self.extensions += 1;
        if self.extensions > CHUNK_EXTENSIONS_LIMIT {
            return Err(bad_chunk("The chunk extensions are too long"));
        }
        Ok(())
    }

    /// Returns how many bytes belong to the trailer section. Each line is parsed when it is
    /// complete.
    fn collect_trailers(&mut self, input: &[u8]) -> Result<usize, Refusal> {
        if self.trailers.is_none() && input.starts_with(b"\r\n") {
            self.state = State::Done;
            return Ok(2);
        }
        let trailers = self.trailers.get_or_insert_default();
        let mut used = 0;
        while let Some(rest) = input.get(used..).filter(|rest| !rest.is_empty()) {
            let lf = memchr::memchr(b'\n', rest);
            let line = rest.get(..lf.map_or(rest.len(), |lf| lf + 1)).unwrap_or_default();
            if trailers.bytes.len() + line.len() > TRAILERS_LIMIT {
                return Err(Refusal::new(431, "Trailer section too large"));
            }
            trailers.bytes.extend_from_slice(line);
            used += line.len();
            if lf.is_none() {
                continue;
            }
            let Trailers { bytes, fields, line } = &mut **trailers;
            match fields::parse_fields(bytes, *line, self.max_fields, fields)? {
                Section::Partial { line: next } => *line = next,
                Section::Complete { .. } => {
                    self.state = State::Done;
                    break;
                }
            }
        }
        Ok(used)
    }
}

impl Extension {
    /// Returns the place of the byte after this one, or `None` if this byte is not allowed here.
    fn next(self, byte: u8) -> Option<Self> {
        let is_token = fields::is_token_byte(byte);
        Some(match (self, byte) {
            (
                Self::BeforeName | Self::BeforeEquals | Self::BeforeValue | Self::BeforeSemicolon,
                b' ' | b'\t',
            ) => self,
            (Self::BeforeName | Self::Name, _) if is_token => Self::Name,
            (Self::BeforeValue | Self::Token, _) if is_token => Self::Token,
            (Self::Name, b' ' | b'\t') => Self::BeforeEquals,
            (Self::Token | Self::AfterQuoted, b' ' | b'\t') => Self::BeforeSemicolon,
            (Self::Name | Self::BeforeEquals, b'=') => Self::BeforeValue,
            (Self::Quoted, b'"') => Self::AfterQuoted,
            (Self::Quoted, b'\\') => Self::Escaped,
            (Self::BeforeValue, b'"') | (Self::Quoted | Self::Escaped, b'\t' | b' '..=b'~' | 0x80..) => {
                Self::Quoted
            }
            (
                Self::Name | Self::BeforeEquals | Self::Token | Self::AfterQuoted | Self::BeforeSemicolon,
                b';',
            ) => Self::BeforeName,
            _ => return None,
        })
    }

    fn can_end(self) -> bool {
        matches!(self, Self::Name | Self::Token | Self::AfterQuoted)
    }
}

fn bad_chunk(explain: &'static str) -> Refusal {
    Refusal::new(400, "Bad chunk").explained(explain)
}

#[cfg(test)]
mod tests;
