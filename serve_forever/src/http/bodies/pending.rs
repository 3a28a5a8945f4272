//! The unsent rest of a response, after its handler has returned: bytes, a part of a file, or a
//! source. No thread waits for its client.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use crate::server::config::Config;
use crate::server::handle::ServerHandle;
use crate::server::hooks::{catch, disarmed, guarded};
use crate::server::unsent::{Charge, Load};
use crate::sys::Stamp;
use crate::transport::Transport;

use crate::http::bodies::detached::{Feed, Taken};
use crate::http::bodies::framer::{LAST_CHUNK, SourceFraming, append_chunk};
use crate::http::bodies::link::Pace;
use crate::http::log::lines::Waiting;

/// Content that is made piece by piece, each when the client has taken the piece before.
///
/// It needs no thread while it waits for the client. See
/// [`Exchange::send_source`](crate::Exchange::send_source) for an example.
///
/// ```
/// use serve_forever::{handler_fn, testing, Exchange, Result, Source};
///
/// struct Words(std::vec::IntoIter<&'static str>);
///
/// impl Source for Words {
///     fn pull(&mut self, out: &mut Vec<u8>) -> std::io::Result<bool> {
///         out.extend(self.0.next().unwrap_or_default().bytes());
///         Ok(self.0.len() > 0)
///     }
/// }
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result {
///     http.send_response(200).send_header("Content-Length", 11).end_headers()?;
///     http.send_source(Words(vec!["tea", " or ", "milk"].into_iter()))
/// });
/// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(answer.ends_with(b"\r\n\r\ntea or milk"));
/// ```
pub trait Source: Send {
    /// Appends the next piece to `out`. Returns false if it is the last one. A piece should have
    /// some 16 to 64 KiB.
    ///
    /// An error cuts the connection, so that the client notices. If a source returns `true` 1000
    /// times in a row without appending anything, the server closes the connection too, because it
    /// notices a lost client only when it sends. If a source has no data yet, `pull` must block
    /// until it has some. While `pull` blocks, it holds a thread.
    ///
    /// ```
    /// use std::io::{self, Read};
    /// use serve_forever::Source;
    ///
    /// struct Reader<R>(R);
    ///
    /// impl<R: Read + Send> Source for Reader<R> {
    ///     fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
    ///         Ok((&mut self.0).take(16 * 1024).read_to_end(out)? > 0)
    ///     }
    /// }
    ///
    /// let mut out = Vec::new();
    /// assert!(Reader(&b"tea"[..]).pull(&mut out)?);
    /// assert_eq!(out, b"tea");
    /// # Ok::<(), io::Error>(())
    /// ```
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool>;
}

/// The content after the bytes.
pub(crate) enum Attachment {
    /// A part of a file, and the bytes that end its framing.
    File {
        file: Arc<File>,
        offset: u64,
        left: u64,
        tail: &'static [u8],
        /// The state that the file must keep while it is sent, if that is known.
        expected: Option<Expected>,
    },
    Source(GuardedSource),
    /// What a detached writer writes.
    Detached(Feed),
}

impl Attachment {
    /// Returns how many of its bytes count as accepted already.
    pub(crate) fn accounted(&self) -> u64 {
        match self {
            Self::File { left, .. } => *left,
            Self::Source(_) | Self::Detached(_) => 0,
        }
    }
}

/// The state of a file whose bytes are being sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) stamp: Stamp,
    /// The file was being written to when it was opened, as a log is. It may become longer, because
    /// its entity tag is weak.
    pub(crate) may_grow: bool,
}

impl Expected {
    /// Whether the content is still the same. If there is an explanation for another change time,
    /// such as another link count, that is the expected state from then on.
    pub(crate) fn holds(&mut self, file: &File) -> io::Result<bool> {
        for _ in 0..LOOKS_AT_GROWTH {
            let now = Stamp::of(file)?;
            if now.has_content_of(&self.stamp) {
                self.stamp = now;
                return Ok(true);
            }
            if self.may_grow && now.size() > self.stamp.size() {
                return Ok(true);
            }
            if !self.may_grow || now.size() < self.stamp.size() {
                return Ok(false);
            }
            // Its time has changed and its length has not, as for a moment while bytes are
            // appended.
            std::thread::yield_now();
        }
        Ok(false)
    }
}

/// A source whose panics are caught. It is user code that runs and is dropped on the threads of the
/// server.
pub(crate) struct GuardedSource(Option<Box<dyn Source>>);

impl GuardedSource {
    pub(crate) fn new(source: impl Source + 'static) -> Self {
        Self(Some(Box::new(source)))
    }

    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let Some(source) = &mut self.0 else { return Ok(false) };
        match catch(|| source.pull(out)) {
            Ok(pulled) => pulled.map_err(disarmed),
            Err(panic) => Err(io::Error::other(format!("it panicked: {panic}"))),
        }
    }
}

impl Drop for GuardedSource {
    fn drop(&mut self) {
        let source = self.0.take();
        guarded("a source that was dropped", || drop(source));
    }
}

/// Unsent output of a connection.
#[derive(Debug)]
pub(crate) struct Pending {
    bytes: Vec<u8>,
    sent: usize,
    attachment: Option<Attachment>,
    framing: SourceFraming,
    bytes_sent: u64,
    /// The log lines of these responses.
    waiting: Option<Waiting>,
    started: Option<Instant>,
    progress: Option<Instant>,
    /// The memory of `bytes` and `behind` that is charged to the server while the connection waits
    /// for its client.
    charge: Option<Charge>,
    /// Bytes of later requests that the connection keeps meanwhile.
    behind: usize,
    /// How many of the last pieces of the source were empty.
    empty_pieces: u32,
}

/// The result of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    All,
    /// The system takes no more for now.
    Blocked,
    /// There is more to send and room for it, but other connections should get their turns.
    Yield,
    /// There is nothing to send until a writer wakes the connection.
    Idle,
}

impl Pending {
    /// The first `sent` of `bytes` were sent already.
    pub(crate) fn new(
        bytes: Vec<u8>,
        sent: usize,
        attachment: Option<Attachment>,
        framing: SourceFraming,
        waiting: Option<Waiting>,
    ) -> Self {
        Self {
            bytes,
            sent,
            attachment,
            framing,
            bytes_sent: 0,
            waiting,
            started: None,
            progress: None,
            charge: None,
            behind: 0,
            empty_pieces: 0,
        }
    }

    /// Notes how many bytes of later requests the connection keeps until this is sent.
    pub(crate) fn keeps_behind(&mut self, bytes: usize) {
        self.behind = bytes;
    }

    /// Writes the log lines, as nothing more is sent. `all`: all bytes were sent.
    fn end(&mut self, all: bool) {
        if let Some(waiting) = self.waiting.take() {
            waiting.end(&self.bytes, self.sent, self.framing == SourceFraming::Chunked, all);
        }
    }

    /// Whether only the end of the connection tells the end of the body.
    pub(crate) fn is_close_delimited(&self) -> bool {
        self.framing == SourceFraming::Close
    }

    /// Whether the rest can be sent without a disk and without user code, so that the loop may send
    /// it.
    pub(crate) fn is_memory(&self) -> bool {
        matches!(self.attachment, None | Some(Attachment::Detached(_)))
    }

    /// Whether this is a file that one turn cannot send.
    pub(crate) fn is_long_file(&self) -> bool {
        let before = (self.bytes.len() - self.sent) as u64;
        matches!(self.attachment, Some(Attachment::File { left, .. }) if left.saturating_add(before) > FILE_PIECE)
    }

    /// Returns the feed of a detached writer, if the response has one.
    pub(crate) fn feed(&self) -> Option<&Feed> {
        match &self.attachment {
            Some(Attachment::Detached(feed)) => Some(feed),
            _ => None,
        }
    }

    /// Whether user code makes the rest.
    pub(crate) fn is_source(&self) -> bool {
        matches!(self.attachment, Some(Attachment::Source(_)))
    }

    /// Sends as much as the system takes now.
    pub(crate) fn send(&mut self, transport: &Transport, config: &Config) -> io::Result<Sent> {
        if matches!(self.attachment, Some(Attachment::File { left, .. }) if left > config.max_send_ahead as u64)
        {
            transport.unbound_ahead();
        }
        let mut is_looked_at = self.bytes_sent > 0;
        if is_looked_at {
            self.check_unchanged(transport)?;
        }
        let mut pieces = 0;
        let mut room = FILE_PIECE;
        loop {
            while self.sent < self.bytes.len() {
                let more = matches!(self.attachment, Some(Attachment::File { .. }));
                match transport.send(&self.bytes[self.sent..], more) {
                    Ok(count) => {
                        self.sent += count;
                        self.bytes_sent += count as u64;
                        room = room.saturating_sub(count as u64);
                        self.progress = None;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Sent::Blocked),
                    Err(error) => return Err(error),
                }
            }
            if let Some(waiting) = &mut self.waiting {
                waiting.sent(&self.bytes, self.framing == SourceFraming::Chunked);
            }
            self.bytes.clear();
            self.sent = 0;
            if matches!(self.attachment, Some(Attachment::File { .. })) {
                // The client may take its time, and the file needs no memory.
                self.bytes = Vec::new();
            }
            match &mut self.attachment {
                None => {
                    self.bytes = Vec::new();
                    self.charge = None;
                    self.end(true);
                    return Ok(Sent::All);
                }
                Some(Attachment::File { left: 0, tail, .. }) => {
                    let tail = tail.to_vec();
                    transport.bound_ahead(config.max_send_ahead);
                    // The file may have changed after the last piece.
                    self.check_unchanged(transport)?;
                    self.bytes = tail;
                    self.attachment = None;
                }
                Some(Attachment::File { .. }) if room == 0 => return Ok(Sent::Yield),
                // The last piece makes the response whole, so the file is looked at before it is
                // sent.
                Some(Attachment::File { left, .. }) if !is_looked_at && *left <= room => {
                    is_looked_at = true;
                    self.check_unchanged(transport)?;
                }
                Some(Attachment::File { file, offset, left, .. }) => {
                    match transport.send_file(file, *offset, (*left).min(room)) {
                        Ok(0) => {
                            return Err(io::Error::new(
                                ErrorKind::UnexpectedEof,
                                "the file became shorter while it was sent",
                            ));
                        }
                        Ok(count) => {
                            *offset += count;
                            *left -= count.min(*left);
                            let is_last = *left == 0;
                            self.bytes_sent += count;
                            self.progress = None;
                            if let Some(waiting) = &mut self.waiting {
                                waiting.add(count);
                            }
                            if !is_last {
                                return Ok(Sent::Yield);
                            }
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Sent::Blocked),
                        Err(error) => return Err(error),
                    }
                }
                Some(Attachment::Source(_) | Attachment::Detached(_)) if pieces == PIECES_PER_TURN => {
                    return Ok(Sent::Yield);
                }
                Some(Attachment::Source(source)) => {
                    pieces += 1;
                    let mut piece = Vec::new();
                    let more = source.pull(&mut piece)?;
                    self.empty_pieces = if piece.is_empty() { self.empty_pieces + 1 } else { 0 };
                    if more && self.empty_pieces == MOST_EMPTY_PIECES {
                        return Err(io::Error::other(format!(
                            "the source gave nothing {MOST_EMPTY_PIECES} times in a row"
                        )));
                    }
                    self.add(piece, more)?;
                }
                Some(Attachment::Detached(feed)) => match feed.take() {
                    Taken::Bytes(bytes) => {
                        pieces += 1;
                        self.add(bytes, true)?;
                    }
                    Taken::End => self.add(Vec::new(), false)?,
                    Taken::Nothing => {
                        // There may be many quiet streams, so each gives the memory of its largest
                        // piece back.
                        self.bytes = Vec::new();
                        // The time in which nothing was to be sent does not count.
                        (self.started, self.progress, self.bytes_sent) = (None, None, 0);
                        return Ok(Sent::Idle);
                    }
                },
            }
        }
    }

    /// Frames the next piece of content. `more`: it is not the last one.
    fn add(&mut self, piece: Vec<u8>, more: bool) -> io::Result<()> {
        match &mut self.framing {
            SourceFraming::Chunked => append_chunk(&mut self.bytes, &piece),
            SourceFraming::Close => self.bytes = piece,
            SourceFraming::Length(left) => {
                let Some(rest) = left.checked_sub(piece.len() as u64) else {
                    return Err(wrong_length("more"));
                };
                *left = rest;
                self.bytes = piece;
            }
        }
        if !more {
            self.attachment = None;
            match self.framing {
                SourceFraming::Chunked => self.bytes.extend_from_slice(LAST_CHUNK),
                SourceFraming::Length(1..) => return Err(wrong_length("less")),
                SourceFraming::Length(0) | SourceFraming::Close => {}
            }
        }
        Ok(())
    }

    /// Fails if the file has changed, because bytes of another state must not be sent under the
    /// length and entity tag of the first one. Bytes that the system has not delivered yet are
    /// dropped.
    fn check_unchanged(&mut self, transport: &Transport) -> io::Result<()> {
        let Some(Attachment::File { file, expected: Some(expected), .. }) = &mut self.attachment else {
            return Ok(());
        };
        if expected.holds(file)? {
            return Ok(());
        }
        transport.abort();
        Err(io::Error::new(ErrorKind::InvalidData, "the file changed while it was sent"))
    }

    /// Charges the bytes in memory to the server while the connection waits for its client.
    pub(crate) fn charge(&mut self, server: &ServerHandle) {
        let bytes = self.bytes.capacity() + self.behind;
        if bytes > 0 || self.charge.is_some() {
            self.charge.get_or_insert_with(|| server.unsent().charge()).set(bytes);
        }
    }

    /// Returns its progress and the bytes in memory. `None`: there is nothing to send.
    pub(crate) fn load(&self) -> Option<Load> {
        let waiting = self.feed().map_or(0, Feed::waiting);
        let held = self.bytes.capacity() + waiting + self.behind;
        // A quiet detached response does not wait for its client.
        let is_quiet = self.feed().is_some() && held == 0;
        (!is_quiet).then_some(Load { sent: self.bytes_sent, held, in_steps: true })
    }

    /// Returns when the client is too slow. If no thread waits for it, only a long time without any
    /// progress counts.
    pub(crate) fn deadline(&mut self, now: Instant, config: &Config) -> Option<Instant> {
        let started = *self.started.get_or_insert(now);
        let progress = *self.progress.get_or_insert(now);
        if self.feed().is_none() && !config.holds_thread {
            return progress.checked_add(config.stall_timeout);
        }
        let pace = Pace::new(self.bytes_sent, progress.saturating_duration_since(started));
        progress.checked_add(pace.patience(
            config.write_timeout,
            config.minimum_rate,
            config.minimum_rate_after,
        ))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // The log lines are written however the response ends. This comes before the source is
        // dropped, which may take long.
        self.end(false);
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { offset, left, .. } => {
                f.debug_struct("File").field("offset", offset).field("left", left).finish_non_exhaustive()
            }
            Self::Source(_) => f.write_str("Source"),
            Self::Detached(_) => f.write_str("Detached"),
        }
    }
}

fn wrong_length(what: &str) -> io::Error {
    let message = format!("the source gave {what} than the Content-Length that was announced");
    io::Error::new(ErrorKind::InvalidData, message)
}

/// Looks at a file that may grow, until its length must have followed its time.
const LOOKS_AT_GROWTH: usize = 16;
/// Pieces of a source that are sent before other connections get their turns.
const PIECES_PER_TURN: usize = 2;
/// How often in a row a source may append nothing although it says that there is more.
const MOST_EMPTY_PIECES: u32 = 1000;
/// Bytes of a file, including the head before it, that are sent before other connections get their
/// turns. Smaller pieces cost more, because the last segment of each is not full. Larger ones would
/// make others wait. The head counts because of the later pieces: if they ended at page boundaries
/// of the file, each would take Linux up to twice as long (measured).
const FILE_PIECE: u64 = 256 * 1024;

#[cfg(test)]
mod tests;
