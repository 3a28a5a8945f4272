//! A stream of a multiplexed connection, as its job sees it: bytes in memory in both directions.
//!
//! The job has a [`Pipe`], and reads and writes it like a socket. The connection has the
//! [`PipeEnd`], and moves the bytes from and into its frames.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::sync::{lock, wait_for};
use crate::sys::{Interest, SEND_FILE_PIECE};

use super::Received;

/// The job's end.
#[derive(Debug)]
pub(crate) struct Pipe(Arc<Shared>);

/// The connection's end.
#[derive(Clone, Debug)]
pub(crate) struct PipeEnd(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Tells the connection that its job has sent or taken bytes, or is done.
    tell: Box<dyn Fn() + Send + Sync>,
}

#[derive(Debug, Default)]
struct State {
    /// From the client to the job.
    received: Vec<u8>,
    /// The client will send nothing more.
    is_ended: bool,
    /// From the job to the client.
    sent: Vec<u8>,
    /// The job will send nothing more.
    is_finished: bool,
    is_broken: bool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

/// What the job has left for its client.
pub(crate) struct Sent {
    pub(crate) bytes: Vec<u8>,
    /// These are the last ones.
    pub(crate) is_finished: bool,
    /// Something went wrong: the client must not take them for a whole response.
    pub(crate) is_broken: bool,
}

pub(crate) fn pipe(tell: impl Fn() + Send + Sync + 'static) -> (Pipe, PipeEnd) {
    let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), tell: Box::new(tell) });
    (Pipe(Arc::clone(&shared)), PipeEnd(shared))
}

impl PipeEnd {
    /// The client has sent `bytes`.
    pub(crate) fn receive(&self, bytes: &[u8]) {
        lock(&self.0.state).received.extend_from_slice(bytes);
        self.0.changed.notify_all();
    }

    /// The client will send nothing more.
    pub(crate) fn end(&self) {
        lock(&self.0.state).is_ended = true;
        self.0.changed.notify_all();
    }

    /// The connection is gone.
    pub(crate) fn cut(&self) {
        lock(&self.0.state).is_broken = true;
        self.0.changed.notify_all();
    }

    /// Takes what the job has sent, at most `most` bytes of it.
    pub(crate) fn take(&self, most: usize) -> Sent {
        let mut state = lock(&self.0.state);
        let count = state.sent.len().min(most);
        let bytes = state.sent.drain(..count).collect();
        let is_finished = state.is_finished && state.sent.is_empty();
        let is_broken = state.is_broken;
        drop(state);
        self.0.changed.notify_all();
        Sent { bytes, is_finished, is_broken }
    }
}

impl Pipe {
    pub(super) fn recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut state = lock(&self.0.state);
        if state.is_broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if state.received.is_empty() && !state.is_ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = state.received.len().min(buffer.len());
        buffer[..count].copy_from_slice(&state.received[..count]);
        state.received.drain(..count);
        let more = !state.received.is_empty() || state.is_ended;
        Ok(Received { count, more })
    }

    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = lock(&self.0.state);
        if state.is_broken || state.is_finished {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(WINDOW - state.sent.len());
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        state.sent.extend_from_slice(&bytes[..count]);
        drop(state);
        (self.0.tell)();
        Ok(count)
    }

    pub(super) fn send_file(&self, file: &File, offset: u64, length: u64) -> io::Result<u64> {
        let mut piece = vec![0; length.min(SEND_FILE_PIECE) as usize];
        let count = crate::sys::read_at(file, &mut piece, offset)?;
        Ok(self.send(&piece[..count])? as u64)
    }

    pub(super) fn wait(&self, interest: Interest, deadline: Option<Instant>) -> io::Result<bool> {
        let mut state = lock(&self.0.state);
        loop {
            let can_read = !state.received.is_empty() || state.is_ended;
            let can_write = state.sent.len() < WINDOW;
            let is_ready = match interest {
                Interest::Read => can_read,
                Interest::Write => can_write,
                Interest::Both => can_read || can_write,
            };
            if is_ready || state.is_broken {
                return Ok(true);
            }
            let left = deadline.map_or(Duration::from_secs(60), |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return Ok(false);
            }
            (state, _) = wait_for(&self.0.changed, state, left);
        }
    }

    pub(super) fn at_end(&self) -> bool {
        let state = lock(&self.0.state);
        state.is_broken || (state.is_ended && state.received.is_empty())
    }

    pub(super) fn finish(&self) {
        lock(&self.0.state).is_finished = true;
        (self.0.tell)();
    }

    pub(super) fn abort(&self) {
        lock(&self.0.state).is_broken = true;
        self.0.changed.notify_all();
        (self.0.tell)();
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Bytes that a job may be ahead of its client.
const WINDOW: usize = 64 * 1024;
