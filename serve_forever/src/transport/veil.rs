//! A transport for tests that behaves as TLS does, without its cryptography.
//!
//! The bytes on the wire are those of a plain connection, so that every wire test can run over it.
//! What differs is all that the layers above may rely on least: a short read may leave received
//! bytes behind, reading may have to wait until something was sent, bytes that were taken for
//! sending may not have left yet, the end of writing may have to wait for them, and a handshake
//! takes several rounds, each of which computes.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sync::lock;
use crate::sys::{Interest, Socket};

use super::{Handshake, Received, Wanted};

/// The handshake of a [`Veil`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Veiling {
    /// How many rounds it takes.
    pub(crate) rounds: u32,
    /// In each round the client sends [`HELLO`] and is answered with [`WELCOME`]. Otherwise the
    /// rounds only compute, and a client that knows nothing of a handshake is served.
    pub(crate) is_heard: bool,
}

impl Veiling {
    /// What `SERVE_FOREVER_TEST_TRANSPORT` asks for, if it is set.
    pub(crate) fn of_environment() -> Option<Self> {
        static IS_SET: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
        let is_set = *IS_SET.get_or_init(|| std::env::var_os("SERVE_FOREVER_TEST_TRANSPORT").is_some());
        is_set.then_some(Self { rounds: 2, is_heard: false })
    }
}

#[derive(Debug)]
pub(crate) struct Veil {
    pub(super) socket: Socket,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    handshake: Veiling,
    step: Step,
    /// Received and not yet handed on, from `at` on.
    received: Vec<u8>,
    at: usize,
    /// Taken for sending and not yet sent, from `sent` on.
    unsent: Vec<u8>,
    sent: usize,
    /// The last read has to wait until these are sent.
    read_needs_write: bool,
    /// Nothing will be written any more.
    finishes: bool,
    is_finished: bool,
    random: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Hear,
    Compute,
    Answer,
}

impl Veil {
    pub(super) fn new(socket: Socket, handshake: Veiling) -> Self {
        let state = State {
            handshake,
            step: if handshake.is_heard { Step::Hear } else { Step::Compute },
            received: Vec::new(),
            at: 0,
            unsent: Vec::new(),
            sent: 0,
            read_needs_write: false,
            finishes: false,
            is_finished: false,
            random: 0x9e37_79b9,
        };
        Self { socket, state: Mutex::new(state) }
    }

    pub(super) fn is_handshaking(&self) -> bool {
        lock(&self.state).handshake.rounds > 0
    }

    pub(super) fn handshake(&self) -> io::Result<Handshake> {
        let mut state = lock(&self.state);
        while state.handshake.rounds > 0 {
            match state.step {
                Step::Hear => {
                    let mut hello = [0];
                    match state.receive(&self.socket, &mut hello)?.count {
                        0 => return Err(ErrorKind::UnexpectedEof.into()),
                        _ if hello == HELLO => state.step = Step::Compute,
                        _ => return Err(ErrorKind::InvalidData.into()),
                    }
                }
                Step::Compute => return Ok(Handshake::Computes),
                Step::Answer => {
                    if state.unsent.is_empty() {
                        state.unsent.extend_from_slice(&WELCOME);
                    }
                    state.flush(&self.socket)?;
                    state.end_round();
                }
            }
        }
        Ok(Handshake::Done)
    }

    pub(super) fn compute_handshake(&self) {
        let until = Instant::now() + COMPUTES;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        let mut state = lock(&self.state);
        if state.handshake.is_heard {
            state.step = Step::Answer;
        } else {
            state.end_round();
        }
    }

    /// Bytes that were received before the handshake.
    pub(super) fn feed(&self, bytes: &[u8]) {
        lock(&self.state).received.extend_from_slice(bytes);
    }

    pub(super) fn recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        lock(&self.state).receive(&self.socket, buffer)
    }

    pub(super) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = lock(&self.state);
        let mut taken = 0;
        while taken < bytes.len() {
            let room = MOST_UNSENT.saturating_sub(state.unsent.len() - state.sent);
            let count = room.min(bytes.len() - taken);
            state.unsent.extend_from_slice(&bytes[taken..taken + count]);
            taken += count;
            match state.flush(&self.socket) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // What was sent before counts; the error comes back with the next call.
                Err(_) if taken > count => return Ok(taken - count),
                Err(error) => return Err(error),
            }
        }
        if taken == 0 && !bytes.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    pub(super) fn send_file(&self, file: &File, offset: u64, length: u64) -> io::Result<u64> {
        let mut piece = vec![0; length.min(MOST_UNSENT as u64) as usize];
        let count = crate::sys::read_at(file, &mut piece, offset)?;
        Ok(self.send(&piece[..count])? as u64)
    }

    pub(super) fn flush(&self) -> io::Result<()> {
        lock(&self.state).flush(&self.socket)
    }

    pub(super) fn has_unsent(&self) -> bool {
        let state = lock(&self.state);
        !state.unsent.is_empty() || state.finishes != state.is_finished
    }

    pub(super) fn wants(&self, read: bool, write: bool) -> Wanted {
        let state = lock(&self.state);
        let has_unsent = !state.unsent.is_empty();
        Wanted { read: read && !(state.read_needs_write && has_unsent), write: write || has_unsent }
    }

    pub(super) fn holds_received(&self) -> bool {
        let state = lock(&self.state);
        state.at < state.received.len()
    }

    pub(super) fn wait(&self, interest: Interest, deadline: Option<Instant>) -> io::Result<bool> {
        let (read, write) = (interest != Interest::Write, interest != Interest::Read);
        if read && self.holds_received() {
            return Ok(true);
        }
        let wanted = self.wants(read, write);
        let interest = match (wanted.read, wanted.write) {
            (true, true) => Interest::Both,
            (true, false) => Interest::Read,
            (false, _) => Interest::Write,
        };
        self.socket.wait(interest, deadline)
    }

    pub(super) fn at_end(&self) -> bool {
        let state = lock(&self.state);
        state.at == state.received.len() && self.socket.at_end()
    }

    pub(super) fn finish_writing(&self) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.finishes = true;
        match state.flush(&self.socket) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            outcome => outcome,
        }
    }

    pub(super) fn abort(&self) {
        let mut state = lock(&self.state);
        state.unsent.clear();
        state.sent = 0;
        self.socket.reset_on_close();
    }
}

impl State {
    fn end_round(&mut self) {
        self.handshake.rounds -= 1;
        self.step = if self.handshake.is_heard { Step::Hear } else { Step::Compute };
    }

    fn receive(&mut self, socket: &Socket, buffer: &mut [u8]) -> io::Result<Received> {
        // What the socket has was not asked while bytes were left.
        let mut may_have_more = true;
        if self.at == self.received.len() {
            self.read_needs_write = false;
            if !self.unsent.is_empty() {
                match self.flush(socket) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        self.read_needs_write = self.next_random().is_multiple_of(2);
                        if self.read_needs_write {
                            return Err(error);
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            let mut piece = [0; PIECE];
            let count = socket.recv(&mut piece)?;
            may_have_more = count == piece.len();
            self.received.clear();
            self.received.extend_from_slice(&piece[..count]);
            self.at = 0;
        }
        let left = self.received.len() - self.at;
        let most = match self.next_random() % 4 {
            0 => 1 + self.next_random() as usize % 100,
            1 => 1 + self.next_random() as usize % 2000,
            _ => usize::MAX,
        };
        let count = left.min(buffer.len()).min(most);
        buffer[..count].copy_from_slice(&self.received[self.at..self.at + count]);
        self.at += count;
        Ok(Received { count, more: count < left || may_have_more })
    }

    /// Sends what was taken for it. `WouldBlock`: a part of it stays.
    fn flush(&mut self, socket: &Socket) -> io::Result<()> {
        while self.sent < self.unsent.len() {
            match socket.send(&self.unsent[self.sent..], false) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
                Err(error) => {
                    self.sent = 0;
                    self.unsent.clear();
                    self.is_finished = self.finishes;
                    return Err(error);
                }
            }
        }
        self.sent = 0;
        self.unsent.clear();
        if self.finishes && !std::mem::replace(&mut self.is_finished, true) {
            socket.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    fn next_random(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }
}

/// What a client sends in each round of a handshake.
pub(crate) const HELLO: [u8; 1] = *b"?";
/// What a client is sent in each round of a handshake.
pub(crate) const WELCOME: [u8; 1] = *b"!";
/// How long each round of a handshake computes.
const COMPUTES: Duration = Duration::from_micros(50);
/// Bytes that are taken before they are sent.
const MOST_UNSENT: usize = 16 * 1024;
/// Bytes that are received at a time.
const PIECE: usize = 4 * 1024;
