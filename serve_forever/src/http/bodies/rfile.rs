//! The body of a request, as a handler reads it.

use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read};
use std::sync::Mutex;

use crate::sync::lock;
use crate::sys::Interest;

use crate::http::bodies::decoder::{BodyDecoder, Decoded};
use crate::http::bodies::link::{Link, Pace};
use crate::http::bodies::output::Output;
use crate::http::message::fields::Headers;
use crate::http::message::framing::Framing;
use crate::http::message::refusal::Refusal;

/// The body of a request, without its framing: Python's `rfile`.
///
/// Reading ends where the body ends. A body that stops before that, because the client went away,
/// is an [`UnexpectedEof`](ErrorKind::UnexpectedEof), a malformed chunk is
/// [`InvalidData`](ErrorKind::InvalidData), and a client that is too slow is
/// [`TimedOut`](ErrorKind::TimedOut) ([`Builder::body_timeout`](crate::Builder::body_timeout)). A
/// client that waits for `100 Continue` gets it at the first read (RFC 9110 §10.1.1).
///
/// ```
/// use std::io::{Read, Write};
/// use serve_forever::{handler_fn, testing, Exchange, Result};
///
/// let echo = handler_fn(|http: &mut Exchange| -> Result {
///     let mut body = String::new();
///     http.rfile().read_to_string(&mut body)?;
///     http.send_response(200).end_headers()?;
///     http.wfile().write_all(body.as_bytes())?;
///     Ok(())
/// });
/// let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
/// assert!(testing::respond(echo, request).ends_with(b"hello"));
/// ```
pub struct RFile<'r> {
    /// Bytes that were received after the head. The unread part is `start..filled`.
    buffer: &'r mut [u8],
    start: usize,
    filled: usize,
    /// How many bytes at `start` are content.
    content: usize,
    decoder: BodyDecoder,
    received: u64,
    link: &'r Link<'r>,
    /// `None` if the whole body is in `buffer`.
    output: Option<&'r Mutex<Output>>,
    /// The client waits for `100 Continue`.
    expects: bool,
    /// The client was told to continue.
    continued: bool,
    failure: Option<Failure>,
    pace: Pace,
}

/// Why a body cannot be read further.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The client sent a malformed body, or one that is too large.
    Refused(Refusal),
    /// The client was too slow.
    TimedOut,
    /// The client was slower than others, and another request needed the thread.
    GaveWay,
    /// The client went away.
    Gone(ErrorKind),
}

impl<'r> RFile<'r> {
    pub(crate) fn new(
        buffer: &'r mut [u8],
        filled: usize,
        framing: Framing,
        expects: bool,
        link: &'r Link<'r>,
        output: Option<&'r Mutex<Output>>,
    ) -> Self {
        let most = link.config.max_body_size;
        let failure = match framing {
            Framing::Length(length) if length > most => Some(Failure::Refused(too_large(most))),
            _ => None,
        };
        Self {
            buffer,
            start: 0,
            filled,
            content: 0,
            decoder: BodyDecoder::new(framing).max_fields(link.config.max_fields),
            received: 0,
            link,
            output,
            expects,
            continued: false,
            failure,
            pace: Pace::default(),
        }
    }

    /// Returns the fields after a chunked body, once it was read to its end.
    pub(crate) fn trailers(&self) -> Headers<'_> {
        self.decoder.trailers()
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Whether the client still waits for `100 Continue`, so that it may never send its body.
    pub(crate) fn is_expected(&self) -> bool {
        self.expects
    }

    /// Whether the client was told to send its body.
    pub(crate) fn has_continued(&self) -> bool {
        self.continued
    }

    /// Returns how many bytes of content are still to come, if that is known.
    pub(crate) fn remaining_hint(&self) -> Option<u64> {
        self.decoder.remaining_hint().map(|left| left.saturating_add(self.content as u64))
    }

    /// Whether the whole body was read.
    pub(crate) fn is_done(&self) -> bool {
        self.content == 0 && self.decoder.is_done()
    }

    /// Skips the part of the body that has arrived, without waiting.
    pub(crate) fn skip_buffered(&mut self) {
        self.start += std::mem::take(&mut self.content);
        while self.failure.is_none() && !self.decoder.is_done() {
            match self.decoder.decode(&self.buffer[self.start..self.filled]) {
                Ok(Decoded::Data { skip, len }) => self.start += skip + len,
                Ok(Decoded::More { skip }) => {
                    self.start += skip;
                    return;
                }
                Ok(Decoded::End { skip }) => self.start += skip,
                Err(refusal) => self.failure = Some(Failure::Refused(refusal)),
            }
        }
    }

    /// Returns where the unused bytes of the connection are in the buffer: from, to.
    pub(crate) fn rest(&self) -> (usize, usize) {
        (self.start, self.filled)
    }

    /// Returns the bytes that were received after the body.
    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.buffer[self.start..self.filled].to_vec();
        self.start = self.filled;
        rest
    }

    /// Returns the decoder, for the rest of the body when the handler is done.
    pub(crate) fn take_decoder(&mut self) -> BodyDecoder {
        std::mem::replace(&mut self.decoder, BodyDecoder::new(Framing::Length(0)))
    }

    /// Receives more bytes, and waits for them if necessary.
    fn receive(&mut self) -> io::Result<()> {
        (self.start, self.filled) = (0, 0);
        if std::mem::take(&mut self.expects)
            && let Some(output) = self.output
        {
            let mut output = lock(output);
            if !output.has_head() {
                output.ready.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                output.flush_interim(self.link)?;
                self.continued = true;
            }
        }
        loop {
            match self.link.transport.recv(self.buffer) {
                Ok(received) if received.count == 0 => {
                    self.failure = Some(Failure::Gone(ErrorKind::UnexpectedEof));
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                Ok(received) => {
                    self.filled = received.count;
                    self.pace.bytes += received.count as u64;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // What was written must be sent before waiting for the answer of the client. If
                    // another thread of the handler holds the lock, it is writing already.
                    if let Some(Ok(mut output)) = self.output.map(Mutex::try_lock)
                        && output.has_head()
                    {
                        output.flush(self.link)?;
                    }
                    let stall = self.link.config.body_timeout;
                    let failure = match self.link.wait(Interest::Read, stall, self.received, &mut self.pace) {
                        Ok(true) => continue,
                        Ok(false) => Failure::GaveWay,
                        Err(error) if error.kind() == ErrorKind::TimedOut => Failure::TimedOut,
                        Err(error) => Failure::Gone(error.kind()),
                    };
                    let error = failure.to_error();
                    self.failure = Some(failure);
                    return Err(error);
                }
                Err(error) => {
                    self.failure = Some(Failure::Gone(error.kind()));
                    return Err(error);
                }
            }
        }
    }
}

impl BufRead for RFile<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.content == 0 {
            if let Some(failure) = &self.failure {
                return Err(failure.to_error());
            }
            if self.decoder.is_done() {
                break;
            }
            match self.decoder.decode(&self.buffer[self.start..self.filled]) {
                Ok(Decoded::Data { skip, len }) => {
                    self.start += skip;
                    self.received = self.received.saturating_add(len as u64);
                    if self.received > self.link.config.max_body_size {
                        self.failure = Some(Failure::Refused(too_large(self.link.config.max_body_size)));
                        continue;
                    }
                    self.content = len;
                }
                Ok(Decoded::End { skip }) => self.start += skip,
                Ok(Decoded::More { .. }) => self.receive()?,
                Err(refusal) => self.failure = Some(Failure::Refused(refusal)),
            }
        }
        Ok(&self.buffer[self.start..self.start + self.content])
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.content);
        self.start += amount;
        self.content -= amount;
    }
}

impl Read for RFile<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let content = self.fill_buf()?;
        let count = content.len().min(out.len());
        out[..count].copy_from_slice(&content[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl Failure {
    fn to_error(&self) -> io::Error {
        match self {
            Self::Refused(refusal) => io::Error::new(ErrorKind::InvalidData, refusal.message.to_string()),
            Self::TimedOut => ErrorKind::TimedOut.into(),
            Self::GaveWay => io::Error::new(ErrorKind::TimedOut, SENDER_GAVE_WAY),
            Self::Gone(kind) => (*kind).into(),
        }
    }
}

impl fmt::Debug for RFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RFile").field("received", &self.received).finish_non_exhaustive()
    }
}

fn too_large(limit: u64) -> Refusal {
    Refusal::new(413, "Content Too Large")
        .explained(format!("got more than {limit} bytes when reading the request body"))
}

/// The reason for not reading a body further whose client is slower than others.
pub(crate) const SENDER_GAVE_WAY: &str =
    "The request body came more slowly than others while requests waited for threads";
