//! A response on its way out, and the part of it that is held back until its framing is known.
//!
//! The head and up to [`BUFFER_SIZE`](crate::server::config::BUFFER_SIZE) bytes of the body wait
//! together. If the handler is done by then, the length is known, and both are sent at once, after
//! the responses to earlier pipelined requests. Otherwise the body becomes chunked (HTTP/1.1) or
//! ends with the connection (HTTP/1.0).

use std::io::{self, ErrorKind};
use std::sync::Mutex;

use crate::sync::lock;
use crate::sys::Interest;

use crate::http::bodies::detached::Feed;
use crate::http::bodies::framer::{Body, Plan, SourceFraming};
use crate::http::bodies::link::{Link, Pace};
use crate::http::bodies::pending::Attachment;
use crate::http::log::lines::{LineKeeper, Lines, Share};

/// The responses of one run of a connection, the last one of which may be unfinished.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Bytes that are ready to be sent.
    pub(crate) ready: Vec<u8>,
    /// Content that waits for its framing.
    body: Vec<u8>,
    /// Where the present response starts in `ready`.
    start: usize,
    state: State,
    plan: Plan,
    /// Content bytes that were accepted from the handler.
    accepted: u64,
    /// Content bytes that were sent.
    gone: u64,
    /// Where content begins in `ready`, once the head is complete.
    content_at: usize,
    /// The lines of the log of the responses in `ready`.
    pub(crate) lines: Lines,
    /// A part of the present response was sent, so it cannot be replaced any more.
    part_was_sent: bool,
    pub(crate) attachment: Option<Attachment>,
    /// A detached writer whose output is discarded, because the response has no body (HEAD).
    discarded: Option<Feed>,
    /// Writing failed: nothing more can be sent.
    broken: bool,
    pace: Pace,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No head yet.
    #[default]
    Empty,
    /// The fields of the handler are there, and the framing is open.
    Open,
    /// The same, but the handler gave the length. Content follows the empty line already, and only
    /// a `Connection` field may still have to be inserted.
    Placed,
    /// The head is complete.
    Committed(Body),
}

impl LineKeeper for Mutex<Output> {
    fn keep(&self, add: &mut dyn FnMut(&mut Lines, Share)) {
        let mut output = lock(self);
        let share = output.share();
        add(&mut output.lines, share);
    }
}

impl Output {
    /// A connection begins its run. Only the memory itself is kept from the connection before, and
    /// not too much of it.
    pub(crate) fn begin_connection(&mut self) {
        for buffer in [&mut self.ready, &mut self.body] {
            buffer.clear();
            if buffer.capacity() > MAX_KEPT {
                *buffer = Vec::new();
            }
        }
        self.lines.clear(MAX_KEPT);
        self.broken = false;
    }

    /// Begins the next response. `ready` keeps the responses before it.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.body.clear();
        self.start = self.ready.len();
        self.state = State::Empty;
        self.plan = Plan::default();
        self.accepted = 0;
        self.gone = 0;
        self.part_was_sent = false;
        self.let_go();
        self.pace = Pace::default();
    }

    /// The fields of the handler are complete. They were appended to `ready`.
    pub(crate) fn open(&mut self, plan: Plan) {
        self.plan = plan;
        self.state = State::Open;
    }

    /// Whether the response has a head.
    pub(crate) fn has_head(&self) -> bool {
        self.state != State::Empty
    }

    /// Returns the status of the response.
    pub(crate) fn status(&self) -> u16 {
        self.plan.status
    }

    /// Returns how many of the accepted content bytes are sent: none if the response has no body.
    pub(crate) fn content(&self) -> u64 {
        if self.plan.is_bodiless() { 0 } else { self.accepted }
    }

    /// Returns the part of `ready` that belongs to the present response, when the handler is done.
    fn share(&self) -> Share {
        // Content that waits for its framing is not in `ready`. If the handler failed, it never
        // will be.
        let elsewhere =
            self.attachment.as_ref().map_or(0, Attachment::accounted) + self.gone + self.body.len() as u64;
        let end = self.ready.len();
        let is_held = !self.broken && matches!(self.state, State::Committed(_));
        Share {
            gone: self.gone,
            held: if is_held { self.content().saturating_sub(elsewhere) } else { 0 },
            start: if is_held { self.content_at } else { end },
            end,
            chunked: self.state == State::Committed(Body::Chunked),
            attached: self.attachment.is_some(),
            whole: true,
        }
    }

    /// Whether writing failed.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether something of the response was sent before it was complete.
    pub(crate) fn has_left(&self) -> bool {
        self.part_was_sent
    }

    /// Whether only the end of the connection tells the end of the body.
    pub(crate) fn is_close_delimited(&self) -> bool {
        self.state == State::Committed(Body::Close)
    }

    /// Whether the connection must end after this response.
    pub(crate) fn closes(&self) -> bool {
        self.plan.close
    }

    /// Closes the connection after this response. The head announces that if it is still possible.
    pub(crate) fn set_close(&mut self) {
        self.plan.close = true;
    }

    /// Drops the response, if no part of it was sent. Returns false if it is too late.
    pub(crate) fn discard(&mut self) -> bool {
        if self.part_was_sent {
            return false;
        }
        self.ready.truncate(self.start);
        self.begin();
        true
    }

    /// Notes that the response will not be whole. If its head is not complete, nothing of it is
    /// sent, because it could look whole.
    pub(crate) fn withhold(&mut self) {
        if !matches!(self.state, State::Committed(_)) {
            self.ready.truncate(self.start);
        }
    }

    /// Takes content from the handler.
    pub(crate) fn write(&mut self, bytes: &[u8], link: &Link<'_>) -> io::Result<usize> {
        if self.broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if self.state == State::Empty {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "the body was written before the head: call send_response() and end_headers() first",
            ));
        }
        if self.attachment.is_some() {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "the body was written to after send_file() or send_source()",
            ));
        }
        if self.plan.is_bodiless() {
            self.accepted += if self.plan.head { bytes.len() as u64 } else { 0 };
            return Ok(bytes.len());
        }
        let bytes = self.limit(bytes)?;
        if bytes.is_empty() {
            return Ok(0);
        }
        self.accepted += bytes.len() as u64;
        if self.state == State::Open && self.plan.length.is_some() {
            self.ready.extend_from_slice(b"\r\n");
            self.content_at = self.ready.len();
            self.state = State::Placed;
        }
        let size = link.config.buffer_size;
        let is_placed = self.state == State::Placed;
        let (kept, held) = if is_placed {
            let held = self.ready.len() - self.content_at;
            (&mut self.ready, held)
        } else {
            let held = self.body.len();
            (&mut self.body, held)
        };
        if held + bytes.len() <= size {
            kept.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        self.settle_head(None);
        self.frame_body();
        self.frame(bytes);
        self.send_all(link)?;
        Ok(bytes.len())
    }

    /// Returns the part of `bytes` that may be written now: not more than the `Content-Length` of
    /// the handler, and at most one piece.
    fn limit<'a>(&self, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        let mut most = bytes.len().min(PIECE);
        if let Some(length) = self.plan.length {
            let left = length - self.accepted.min(length);
            if left == 0 && !bytes.is_empty() {
                return Err(io::Error::new(
                    ErrorKind::InvalidInput,
                    format!("more was written than the Content-Length of {length} bytes that was announced"),
                ));
            }
            most = most.min(usize::try_from(left).unwrap_or(usize::MAX));
        }
        Ok(&bytes[..most])
    }

    /// Sends what was written so far, with a framing that does not need the length.
    pub(crate) fn flush(&mut self, link: &Link<'_>) -> io::Result<()> {
        self.settle_head(None);
        self.frame_body();
        self.send_all(link)
    }

    /// Sends an interim response (RFC 9110 §15.2) at once, which the caller has appended to
    /// `ready`.
    pub(crate) fn flush_interim(&mut self, link: &Link<'_>) -> io::Result<()> {
        let sent = self.send_all(link);
        // The final response is still open.
        self.part_was_sent = false;
        self.start = self.ready.len();
        sent
    }

    /// Attaches the rest of the content, which is sent after the handler has returned.
    pub(crate) fn attach(&mut self, attachment: Attachment, bytes: Option<u64>) {
        if !self.plan.is_bodiless() {
            self.accepted += bytes.unwrap_or(0);
        }
        if !self.plan.is_bodiless() {
            self.attachment = Some(attachment);
        } else if let Attachment::Detached(feed) = attachment {
            feed.ignore();
            self.discarded = Some(feed);
        }
    }

    /// Drops the attachment. Detached writers are told that nothing more is sent.
    pub(crate) fn let_go(&mut self) {
        self.attachment = None;
        self.discarded = None;
    }

    /// Completes the head and the framing when the handler is done. After that, `ready` and the
    /// attachment are all there is to send.
    ///
    /// Fails if the handler promised more than it wrote. Then the connection must be cut.
    pub(crate) fn finish(&mut self, buffer_size: usize) -> Result<(), String> {
        self.discarded = None;
        if matches!(self.state, State::Open | State::Placed) {
            let known = match &self.attachment {
                Some(Attachment::File { .. }) => Some(self.accepted),
                Some(Attachment::Source(_) | Attachment::Detached(_)) => None,
                // As with GET, content that is longer than the buffer has no length.
                None if self.plan.head => {
                    (1..=buffer_size as u64).contains(&self.accepted).then_some(self.accepted)
                }
                None => Some(self.body.len() as u64),
            };
            self.settle_head(known);
        }
        self.frame_body();
        match &mut self.attachment {
            Some(Attachment::Source(_) | Attachment::Detached(_)) => return Ok(()),
            Some(Attachment::File { left, tail, .. }) if self.state == State::Committed(Body::Chunked) => {
                *tail = Body::Chunked.begin_file(&mut self.ready, *left);
                return Ok(());
            }
            _ => {}
        }
        let State::Committed(body) = self.state else { return Ok(()) };
        body.end(&mut self.ready);
        let promised = self.plan.length.unwrap_or(self.accepted);
        if body == Body::Length && self.accepted != promised {
            self.plan.close = true;
            return Err(format!(
                "the handler gave {} bytes of a body whose Content-Length it gave as {promised}",
                self.accepted
            ));
        }
        Ok(())
    }

    /// Returns how the pieces of a source are framed.
    pub(crate) fn source_framing(&self) -> SourceFraming {
        match (self.state, self.plan.length) {
            (State::Committed(Body::Chunked), _) => SourceFraming::Chunked,
            (State::Committed(Body::Close), _) => SourceFraming::Close,
            (_, length) => {
                SourceFraming::Length(length.map_or(0, |length| length.saturating_sub(self.accepted)))
            }
        }
    }

    /// Completes the head, if that is still to be done.
    fn settle_head(&mut self, known: Option<u64>) {
        match self.state {
            State::Open => self.commit(known),
            State::Placed => {
                let connection = self.plan.connection_field();
                if !connection.is_empty() {
                    let end = self.content_at - b"\r\n".len();
                    self.ready.splice(end..end, connection.iter().copied());
                    self.content_at += connection.len();
                }
                self.state = State::Committed(Body::Length);
            }
            State::Empty | State::Committed(_) => {}
        }
    }

    /// Completes the head. `known`: the length of the whole content, if the handler is done.
    fn commit(&mut self, known: Option<u64>) {
        let has_content = self.accepted > 0 || self.attachment.is_some();
        let body = self.plan.complete_head(&mut self.ready, known, has_content);
        self.content_at = self.ready.len();
        self.state = State::Committed(body);
    }

    /// Appends the content that was held back, in the framing that was chosen.
    fn frame_body(&mut self) {
        if !self.body.is_empty() {
            let mut content = std::mem::take(&mut self.body);
            self.frame(&content);
            content.clear();
            self.body = content;
        }
    }

    /// Appends content in the framing that was chosen.
    fn frame(&mut self, content: &[u8]) {
        if let State::Committed(body) = self.state {
            body.frame(&mut self.ready, content);
        }
    }

    /// Sends all ready bytes, and waits for the client if necessary.
    fn send_all(&mut self, link: &Link<'_>) -> io::Result<()> {
        let mut sent = 0;
        let result = loop {
            let step = if sent < self.ready.len() {
                link.transport.send(&self.ready[sent..], false)
            } else if link.transport.has_unsent() {
                link.transport.flush().map(|()| 0)
            } else {
                break Ok(());
            };
            match step {
                Ok(count) => {
                    sent += count;
                    self.pace.bytes += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let (stall, moved) = (link.config.write_timeout, self.pace.bytes);
                    match link.wait(Interest::Write, stall, moved, &mut self.pace) {
                        Ok(true) => {}
                        Ok(false) => break Err(io::Error::new(ErrorKind::TimedOut, READER_GAVE_WAY)),
                        Err(error) => break Err(error),
                    }
                }
                Err(error) => break Err(error),
            }
        };
        self.part_was_sent |= sent > self.start;
        // The log lines of the earlier responses are settled now, whether these were sent or never
        // will be.
        self.lines.settle(link.log, &self.ready, sent);
        if let State::Committed(_) = self.state {
            let share = self.share();
            self.gone = share.content(&self.ready, sent);
        }
        self.broken |= result.is_err();
        self.ready.clear();
        self.start = 0;
        self.content_at = 0;
        result
    }
}

/// Bytes of memory that a thread keeps for its next connection.
const MAX_KEPT: usize = 256 * 1024;
/// Bytes that one call of `write` takes from the handler.
const PIECE: usize = 256 * 1024;

/// The reason for cutting a response whose client is slower than others.
const READER_GAVE_WAY: &str =
    "the client took the response more slowly than others while requests waited for threads";
