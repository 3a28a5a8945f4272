//! One keep-alive connection of the generator: what it has asked for, and how much of the answers
//! is still to come.

use std::io;
use std::net::TcpStream;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::load::Answer;
use crate::response::Head;

/// A server that takes no bytes for so long is broken.
const SEND_SECONDS: i64 = 5;

pub(crate) struct Connection {
    pub(crate) socket: TcpStream,
    pub(crate) group: usize,
    /// What it asks for.
    answer: Answer,
    /// Requests sent and not answered yet.
    pub(crate) open: usize,
    /// The path of the batch under way, and when it left or should have left.
    pub(crate) path: usize,
    pub(crate) since: Instant,
    /// The beginning of a response whose head is not all there.
    partial: Vec<u8>,
    /// Bytes of a body still to come.
    body: usize,
}

/// What an event brought.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers {
    pub(crate) complete: usize,
    pub(crate) refused: u64,
}

impl Connection {
    pub(crate) fn new(socket: TcpStream, group: usize, answer: Answer, now: Instant) -> Self {
        Self { socket, group, answer, open: 0, path: 0, since: now, partial: Vec::new(), body: 0 }
    }

    /// Reads what is there; `to_the_end`: the peer closed, so that a short read does not mean an
    /// empty socket.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], to_the_end: bool) -> io::Result<Answers> {
        let mut answers = Answers::default();
        loop {
            let read = match recv(&self.socket, &mut *buffer, RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((read, _)) => read,
                Err(Errno::AGAIN) => return Ok(answers),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            if self.partial.is_empty() {
                let used = self.count(bytes, &mut answers)?;
                self.partial.extend_from_slice(bytes.get(used..).unwrap_or_default());
            } else {
                let mut joined = std::mem::take(&mut self.partial);
                joined.extend_from_slice(bytes);
                let used = self.count(&joined, &mut answers)?;
                joined.drain(..used);
                self.partial = joined;
            }
            if read < buffer.len() && !to_the_end {
                return Ok(answers);
            }
        }
    }

    /// Counts the responses that end within `bytes` and says how many bytes are dealt with.
    fn count(&mut self, bytes: &[u8], answers: &mut Answers) -> io::Result<usize> {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            if self.body > 0 {
                let taken = self.body.min(rest.len());
                self.body -= taken;
                used += taken;
                if self.body > 0 {
                    return Ok(used);
                }
                answers.complete += 1;
                continue;
            }
            if rest.is_empty() {
                return Ok(used);
            }
            let Some(head) = Head::parse(rest)? else { return Ok(used) };
            used += head.length;
            answers.refused += u64::from(!head.is(self.answer));
            self.body = head.body.ok_or_else(|| io::Error::other("a response without Content-Length"))?;
            answers.complete += usize::from(self.body == 0);
        }
    }

    /// Sends all of `bytes`, and waits where the socket is full: batches are far smaller than
    /// socket buffers.
    pub(crate) fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match send(&self.socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let patience = Timespec { tv_sec: SEND_SECONDS, tv_nsec: 0 };
                    if poll(&mut [PollFd::new(&self.socket, PollFlags::OUT)], Some(&patience))? == 0 {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
