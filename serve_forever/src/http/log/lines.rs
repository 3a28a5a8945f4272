//! Log lines whose responses are on their way. Each line waits until its response was sent or has
//! failed, because only then the number of sent bytes is known.
//!
//! The lines of one run are kept in memory of the thread, and are written together when the
//! responses were sent. If that takes longer, they are copied into a [`Waiting`].

use std::fmt;
use std::time::Instant;

use memchr::memchr;

use crate::server::access_log::{AccessLog, LogStyle};

use crate::http::log::record::LogRecord;

/// The lines of a run, in order.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The text of all lines, without the parts that depend on the end of sending.
    text: Vec<u8>,
    lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    /// The bytes of this line in the text.
    length: usize,
    /// Where in the line the number of bytes is inserted. `None` if the record is not a request.
    place: Option<usize>,
    share: Share,
    since: Instant,
}

/// The share of a response in the bytes that are sent together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// Content that was sent already.
    pub(crate) gone: u64,
    /// Content among the bytes.
    pub(crate) held: u64,
    /// Where this content begins.
    pub(crate) start: usize,
    /// Where the response ends.
    pub(crate) end: usize,
    /// Whether the content is chunked.
    pub(crate) chunked: bool,
    /// A file or a source follows the bytes.
    pub(crate) attached: bool,
    /// Whether the response is whole.
    pub(crate) whole: bool,
}

/// Sends a response, and keeps its lines until that is done.
pub(crate) trait LineKeeper: fmt::Debug + Sync {
    /// Calls `add` with the lines, and with the present share of the response in the bytes that are
    /// sent with them.
    fn keep(&self, add: &mut dyn FnMut(&mut Lines, Share));
}

/// The keeper of records without a response.
#[derive(Debug)]
pub(crate) struct NoKeeper;

impl LineKeeper for NoKeeper {
    fn keep(&self, _: &mut dyn FnMut(&mut Lines, Share)) {}
}

impl Share {
    /// The share of a record that waits for nothing.
    pub(crate) fn settled(bytes: u64) -> Self {
        Self { gone: bytes, held: 0, start: 0, end: 0, chunked: false, attached: false, whole: true }
    }

    fn is_sent(&self, sent: usize) -> bool {
        self.end <= sent && !self.attached
    }

    /// Returns how much content was sent after `sent` of `bytes`.
    pub(crate) fn content(&self, bytes: &[u8], sent: usize) -> u64 {
        if self.end <= sent {
            return self.gone + self.held;
        }
        let content = bytes.get(self.start..).unwrap_or_default();
        self.gone + content_in(content, sent.saturating_sub(self.start), self.chunked).min(self.held)
    }
}

impl Lines {
    /// Adds the line of a record. `share` is the share of its response.
    pub(crate) fn add(&mut self, record: &LogRecord<'_>, style: LogStyle, share: Share) {
        let from = self.text.len();
        let place = style.append(&mut self.text, record).map(|at| at - from);
        self.lines.push(Line { length: self.text.len() - from, place, share, since: record.arrived });
    }

    /// Writes all lines, because no more than `sent` of `bytes` will be sent.
    #[inline]
    pub(crate) fn settle(&mut self, log: &AccessLog, bytes: &[u8], sent: usize) {
        if !self.lines.is_empty() {
            self.write(log, |share| (share.content(bytes, sent), share.whole && share.is_sent(sent)));
        }
    }

    /// Writes the lines that are settled after `sent` of `bytes`. The others go on waiting.
    pub(crate) fn keep(&mut self, log: &AccessLog, bytes: &[u8], sent: usize) -> Option<Waiting> {
        if self.lines.is_empty() {
            return None;
        }
        let lines = self.split(log, bytes, sent);
        (!lines.lines.is_empty()).then(|| Waiting { lines, log: log.clone(), attached: None })
    }

    /// Drops lines that an early end may have left, and keeps the memory unless it is large.
    pub(crate) fn clear(&mut self, most: usize) {
        self.lines.clear();
        self.text.clear();
        if self.text.capacity() > most {
            *self = Self::default();
        }
    }

    fn split(&mut self, log: &AccessLog, bytes: &[u8], sent: usize) -> Self {
        let (mut over, mut waiting) = (Self::default(), Self::default());
        let mut text = self.text.as_slice();
        for line in self.lines.drain(..) {
            let (this, rest) = text.split_at_checked(line.length).unwrap_or((text, &[]));
            text = rest;
            let to = if line.share.is_sent(sent) { &mut over } else { &mut waiting };
            to.text.extend_from_slice(this);
            to.lines.push(line);
        }
        self.text.clear();
        over.settle(log, bytes, sent);
        waiting
    }

    fn write(&mut self, log: &AccessLog, outcome: impl Fn(&Share) -> (u64, bool)) {
        let style = log.style();
        log.write_lines(self.lines.len() as u64, |out| {
            let mut text = self.text.as_slice();
            for line in &self.lines {
                let (this, rest) = text.split_at_checked(line.length).unwrap_or((text, &[]));
                text = rest;
                let Some((before, behind)) = line.place.and_then(|place| this.split_at_checked(place)) else {
                    out.extend_from_slice(this);
                    continue;
                };
                let (bytes, complete) = outcome(&line.share);
                out.extend_from_slice(before);
                style.append_bytes(out, bytes);
                out.extend_from_slice(behind);
                style.append_end(out, complete, line.since);
            }
        });
        self.lines.clear();
        self.text.clear();
    }
}

/// Lines that wait for longer than the run in which they were made.
#[derive(Debug)]
pub(crate) struct Waiting {
    lines: Lines,
    log: AccessLog,
    /// Content that was sent after the bytes. `None` while the bytes are still being sent.
    attached: Option<u64>,
}

impl Waiting {
    /// Notes that all of `bytes` were sent: first those that came with the lines, then pieces of
    /// the attachment.
    pub(crate) fn sent(&mut self, bytes: &[u8], chunked: bool) {
        if let Some(content) = &mut self.attached {
            *content += content_in(bytes, bytes.len(), chunked);
        } else {
            self.lines = self.lines.split(&self.log, bytes, bytes.len());
            self.attached = Some(0);
        }
    }

    /// Notes that content was sent that was never among the bytes.
    pub(crate) fn add(&mut self, content: u64) {
        *self.attached.get_or_insert(0) += content;
    }

    /// Ends the lines after `sent` of `bytes`. `all`: that was everything.
    pub(crate) fn end(mut self, bytes: &[u8], sent: usize, chunked: bool, all: bool) {
        match self.attached {
            None => self.lines.settle(&self.log, bytes, sent),
            Some(content) => {
                let content = content + content_in(bytes, sent, chunked);
                self.lines.write(&self.log, |share| (share.gone + share.held + content, all && share.whole));
            }
        }
    }
}

/// Returns how much content is among the first `sent` of `bytes`, which begin with content, or with
/// a chunk (RFC 9112 §7.1) that the server has made. The chunks are counted only if sending ended
/// early.
fn content_in(bytes: &[u8], sent: usize, chunked: bool) -> u64 {
    if !chunked {
        return bytes.len().min(sent) as u64;
    }
    let (mut content, mut at) = (0, 0);
    while at < sent {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(line) = memchr(b'\n', rest) else { break };
        let size = rest.get(..line).and_then(|line| std::str::from_utf8(line.trim_ascii_end()).ok());
        let Some(size) = size.and_then(|size| u64::from_str_radix(size, 16).ok()) else { break };
        let data = at + line + 1;
        content += size.min(sent.saturating_sub(data) as u64);
        // Only the size of a chunk that is a file is among the bytes.
        let Ok(size) = usize::try_from(size) else { break };
        at = data.saturating_add(size).saturating_add(CRLF);
    }
    content
}

/// Bytes after the data of a chunk.
const CRLF: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_of_chunks_is_counted_at_whatever_byte_sending_ended() {
        let bytes = b"a\r\n0123456789\r\n3\r\nabc\r\n0\r\n\r\n";
        let content = |sent| content_in(bytes, sent, true);
        for sent in 0..=bytes.len() {
            let first = sent.saturating_sub(3).min(10);
            let second = sent.saturating_sub(18).min(3);
            assert_eq!(content(sent), (first + second) as u64, "{sent}");
        }
        assert_eq!(content_in(bytes, 7, false), 7);
    }

    #[test]
    fn the_frame_of_a_file_is_no_content() {
        assert_eq!(content_in(b"2\r\nab\r\n4000000\r\n", 16, true), 2);
        assert_eq!(content_in(b"\r\n0\r\n\r\n", 7, true), 0);
        assert_eq!(content_in(b"ffffffffffffffff\r\n", 18, true), 0);
    }

    #[test]
    fn a_share_counts_its_own_content_only() {
        let bytes = b"head one body one|head two body two";
        let share = Share {
            gone: 5,
            held: 8,
            start: 27,
            end: bytes.len(),
            chunked: false,
            attached: false,
            whole: true,
        };
        for (sent, content) in [(0, 5), (17, 5), (27, 5), (30, 8), (35, 13)] {
            assert_eq!(share.content(bytes, sent), content, "{sent}");
        }
        assert!(share.is_sent(35) && !share.is_sent(34));
    }
}
