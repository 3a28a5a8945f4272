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
//! No input or output is done here, and nothing is kept but a state: of a delimiter that is cut on its way it is enough to
//! know how much of it was there. As no boundary has a CR in it, an attempt that fails can begin again nowhere but at
//! the octet that failed it, and every octet is looked at no more than twice or so.

use std::ops::Range;

use memchr::{memmem, memrchr};

/// The search for one boundary through a body, piece by piece.
#[derive(Debug)]
pub(crate) struct Boundary {
    /// CR LF, two hyphens, and the boundary.
    delimiter: Vec<u8>,
    finder: memmem::Finder<'static>,
    state: State,
}

/// What is at the start of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// So many octets, at least one, of what stands between the boundaries. The next call is for what is behind them.
    Content { len: usize },
    /// This range of the delimiter is content: earlier input had looked like it. Nothing of the input was consumed.
    Held(Range<usize>),
    /// Nothing: the whole input was consumed.
    More,
    /// The head of a part begins behind so many octets.
    Part { used: usize },
    /// The last boundary ends behind so many octets.
    End { used: usize },
}

/// A line begins with the boundary and goes on as no such line does. The boundary must not be in what it separates, so
/// one may guess what this is; others may guess otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between boundaries. What came last is a delimiter up to `matched`, and content from `from` on if the rest does
    /// not follow.
    Between {
        from: usize,
        matched: usize,
    },
    /// Behind a boundary.
    Behind,
    /// Behind a boundary and a hyphen.
    Hyphen,
    /// Behind a boundary, within the blanks.
    Padding {
        last: bool,
    },
    /// Behind the CR of such a line.
    LineEnd {
        last: bool,
    },
    /// A part's head is to be read by somebody else.
    Part,
    Over,
    Malformed,
}

impl Boundary {
    /// `None` if this cannot be a boundary.
    ///
    /// `boundary := 0*69<bchars> bcharsnospace`
    pub(crate) fn new(boundary: &[u8]) -> Option<Self> {
        let is_valid = (1..=BOUNDARY_LIMIT).contains(&boundary.len())
            && !boundary.ends_with(b" ")
            && boundary.iter().all(|octet| octet.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(octet));
        is_valid.then(|| {
            let delimiter = [b"\r\n--", boundary].concat();
            Self { finder: memmem::Finder::new(&delimiter).into_owned(), delimiter, state: AT_LINE }
        })
    }

    /// What comes next. `input` begins where the call before left off.
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
            let octet = match self.state {
                State::Part => return Ok(Found::Part { used }),
                State::Over => return Ok(Found::End { used }),
                _ => input.get(used),
            };
            let Some(octet) = octet else { return Ok(Found::More) };
            used += 1;
            self.state = match (self.state, octet) {
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

    /// The head of a part was read: what follows is its content.
    ///
    /// It may be a boundary: the empty line behind the head is the CR LF of its delimiter, too, if a part is nothing but a
    /// head.
    pub(crate) fn begin_content(&mut self) {
        self.state = AT_LINE;
    }

    /// The body is over. False if it should not be.
    pub(crate) fn finish(&mut self) -> bool {
        if self.state == (State::Padding { last: true }) {
            self.state = State::Over;
        }
        self.is_over()
    }

    /// Whether a part's head comes next.
    pub(crate) fn is_at_part(&self) -> bool {
        self.state == State::Part
    }

    /// Whether the last boundary was found.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// What [`Found::Held`] is about.
    pub(crate) fn held(&self, range: Range<usize>) -> &[u8] {
        self.delimiter.get(range).unwrap_or_default()
    }

    /// How many octets there are before a delimiter or what may become one.
    fn content(&self, input: &[u8]) -> usize {
        if let Some(at) = self.finder.find(input) {
            return at;
        }
        let tail = input.len().saturating_sub(self.delimiter.len() - 1);
        let last = input.get(tail..).and_then(|octets| memrchr(b'\r', octets)).map(|at| tail + at);
        let begun = last.filter(|&at| input.get(at..).is_some_and(|end| self.delimiter.starts_with(end)));
        begun.unwrap_or(input.len())
    }
}

/// Octets in a boundary (RFC 2046 §5.1.1).
pub(crate) const BOUNDARY_LIMIT: usize = 70;

/// At the start of a line, as if the CR LF of a delimiter had been there.
const AT_LINE: State = State::Between { from: 2, matched: 2 };

#[cfg(test)]
mod tests;
