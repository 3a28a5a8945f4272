//! Finds the lines that separate the parts of a multipart body (RFC 2046 §5.1.1).
//!
//! ```text
//! multipart-body    := [preamble CRLF] "--" boundary transport-padding CRLF
//!                      body-part *( delimiter transport-padding CRLF body-part )
//!                      delimiter "--" transport-padding [CRLF epilogue]
//! delimiter         := CRLF "--" boundary
//! transport-padding := *( SP / HTAB )
//! ```
//!
//! This module does no input or output, and stores no input. If a delimiter is cut between two
//! pieces of input, it is enough to know how much of it was there. As no boundary contains a CR, a
//! match that fails can start again only at the byte that made it fail, so every byte is examined
//! about twice at most.

use std::ops::Range;

use memchr::{memmem, memrchr};

/// The search for a boundary in a body that arrives in pieces.
#[derive(Debug)]
pub(crate) struct Boundary {
    /// CR LF, two hyphens, and the boundary.
    delimiter: Vec<u8>,
    finder: memmem::Finder<'static>,
    state: State,
}

/// What was found at the start of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// This many bytes, at least one, are content between the boundaries. The next call must pass
    /// the input after them.
    Content { len: usize },
    /// This range of the delimiter is content, because earlier input had only looked like a
    /// delimiter. None of the input of this call was consumed.
    Held(Range<usize>),
    /// Nothing yet. The whole input was consumed.
    More,
    /// The head of a part begins after this many bytes.
    Part { used: usize },
    /// The last boundary ends after this many bytes.
    End { used: usize },
}

/// A line begins with the boundary but does not continue as the line of a boundary. As the content
/// must not contain the boundary, the meaning of such a line can only be guessed, and other
/// programs may guess differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between boundaries. The input so far ends with the first `matched` bytes of the delimiter.
    /// If the rest does not follow, the bytes of the delimiter from `from` to `matched` are
    /// content.
    Between {
        from: usize,
        matched: usize,
    },
    /// After a boundary.
    Behind,
    /// After a boundary and a hyphen.
    Hyphen,
    /// After a boundary, in the padding.
    Padding {
        last: bool,
    },
    /// After the CR of the line of a boundary.
    LineEnd {
        last: bool,
    },
    /// At the head of a part, which the caller must read.
    Part,
    Over,
    Malformed,
}

impl Boundary {
    /// Returns `None` if this is not a valid boundary.
    ///
    /// `boundary := 0*69<bchars> bcharsnospace`
    pub(crate) fn new(boundary: &[u8]) -> Option<Self> {
        let is_valid = (1..=BOUNDARY_LIMIT).contains(&boundary.len())
            && !boundary.ends_with(b" ")
            && boundary.iter().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte));
        is_valid.then(|| {
            let delimiter = [b"\r\n--", boundary].concat();
            Self { finder: memmem::Finder::new(&delimiter).into_owned(), delimiter, state: AT_LINE }
        })
    }

    /// Finds what comes next. `input` begins where the previous call left off.
    pub(crate) fn scan(&mut self, input: &[u8]) -> Result<Found, Malformed> {
        let mut used = 0;
        loop {
            if let State::Between { from, matched } = self.state {
                let missing = self.delimiter.get(matched..).unwrap_or_default();
                let same = missing.iter().zip(input).take_while(|(one, other)| one == other).count();
                if same == missing.len() {
                    used = same;
                    self.state = State::Behind;
                } else if same == input.len() {
                    self.state = State::Between { from, matched: matched + same };
                    return Ok(Found::More);
                } else if matched > 0 {
                    self.state = State::Between { from: 0, matched: 0 };
                    if from < matched {
                        return Ok(Found::Held(from..matched));
                    }
                } else {
                    return Ok(Found::Content { len: self.content(input) });
                }
                continue;
            }
            let byte = match self.state {
                State::Part => return Ok(Found::Part { used }),
                State::Over => return Ok(Found::End { used }),
                _ => input.get(used),
            };
            let Some(byte) = byte else { return Ok(Found::More) };
            used += 1;
            self.state = match (self.state, byte) {
                (State::Behind, b'-') => State::Hyphen,
                (State::Hyphen, b'-') => State::Padding { last: true },
                (State::Behind, b' ' | b'\t') => State::Padding { last: false },
                (State::Padding { last }, b' ' | b'\t') => State::Padding { last },
                (State::Behind, b'\r') => State::LineEnd { last: false },
                (State::Padding { last }, b'\r') => State::LineEnd { last },
                (State::LineEnd { last: false }, b'\n') => State::Part,
                (State::LineEnd { last: true }, b'\n') => State::Over,
                _ => {
                    self.state = State::Malformed;
                    return Err(Malformed);
                }
            };
        }
    }

    /// Continues with the content of a part, after the caller has read its head.
    ///
    /// The content may begin with a boundary: if a part consists of a head only, the CR LF of the
    /// empty line also begins the delimiter that follows.
    pub(crate) fn begin_content(&mut self) {
        self.state = AT_LINE;
    }

    /// Ends the body. Returns `false` if the body must not end here.
    pub(crate) fn finish(&mut self) -> bool {
        if self.state == (State::Padding { last: true }) {
            self.state = State::Over;
        }
        self.is_over()
    }

    /// Whether the head of a part comes next.
    pub(crate) fn is_at_part(&self) -> bool {
        self.state == State::Part
    }

    /// Whether the last boundary was found.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Returns the content for a range from [`Found::Held`].
    pub(crate) fn held(&self, range: Range<usize>) -> &[u8] {
        self.delimiter.get(range).unwrap_or_default()
    }

    /// Returns the number of bytes before a delimiter, or before what may become one.
    fn content(&self, input: &[u8]) -> usize {
        if let Some(at) = self.finder.find(input) {
            return at;
        }
        let tail = input.len().saturating_sub(self.delimiter.len() - 1);
        let last = input.get(tail..).and_then(|bytes| memrchr(b'\r', bytes)).map(|at| tail + at);
        let begun = last.filter(|&at| input.get(at..).is_some_and(|end| self.delimiter.starts_with(end)));
        begun.unwrap_or(input.len())
    }
}

/// The maximum length of a boundary in bytes (RFC 2046 §5.1.1).
pub(crate) const BOUNDARY_LIMIT: usize = 70;

/// At the start of a line, as if the CR LF of a delimiter had already been matched.
const AT_LINE: State = State::Between { from: 2, matched: 2 };

#[cfg(test)]
mod tests;
