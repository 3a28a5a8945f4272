//! Blocks a thread on one socket.
//!
//! The thread makes a second handle of the socket and registers that with a poller of its own. So
//! it neither needs the loop's registration to be gone nor meets other threads that wait on the
//! same socket: each has a handle, a registration and edges of its own, and the first of these
//! edges tells what is ready already. It costs a handle for the time of the wait, and a poller per
//! thread that ever waited.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::Socket;

use crate::sys::deadline::{has_come, time_left};

/// How long a thread waits before it looks whether its socket was shut down on this side, of which
/// not every system sends an event.
const SLICE: Duration = Duration::from_millis(250);

thread_local! {
    /// Taken out while it is in use. A thread whose locals are gone already makes one for each
    /// wait.
    static POLLER: Cell<Option<Poller>> = const { Cell::new(None) };
}

/// True when the socket is ready for one of `interests`, has failed or hung up, or `is_shut` says
/// so; false at the deadline. `handle` is a second handle of the socket, made for this wait.
pub(super) fn wait(
    handle: Socket,
    interests: Interest,
    deadline: Option<Instant>,
    is_shut: impl Fn() -> bool,
) -> io::Result<bool> {
    // mio asks a socket for its handle only, so that this is right for listeners too.
    let mut handle = TcpStream::from_std(net::TcpStream::from(handle));
    let mut poller = match POLLER.try_with(Cell::take) {
        Ok(Some(poller)) => poller,
        _ => Poller::new()?,
    };
    let ready = poller.wait(&mut handle, interests, deadline, is_shut)?;
    // After an error a registration may be left in it; such a one is dropped.
    let _ = POLLER.try_with(|kept| kept.set(Some(poller)));
    Ok(ready)
}

struct Poller {
    poll: Poll,
    events: Events,
    /// Each wait has its own token, so that an event which an earlier one left behind counts for
    /// nothing.
    token: Token,
}

impl Poller {
    fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, events: Events::with_capacity(4), token: Token(0) })
    }

    fn wait(
        &mut self,
        handle: &mut TcpStream,
        interests: Interest,
        deadline: Option<Instant>,
        is_shut: impl Fn() -> bool,
    ) -> io::Result<bool> {
        self.token = Token(self.token.0.wrapping_add(1));
        self.poll.registry().register(handle, self.token, interests)?;
        let ready = self.until_ready(deadline, is_shut)?;
        self.poll.registry().deregister(handle)?;
        Ok(ready)
    }

    fn until_ready(&mut self, deadline: Option<Instant>, is_shut: impl Fn() -> bool) -> io::Result<bool> {
        loop {
            if is_shut() {
                return Ok(true);
            }
            let timeout = deadline.map_or(SLICE, |deadline| time_left(deadline, SLICE));
            match self.poll.poll(&mut self.events, Some(timeout)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome?,
            }
            if self.events.iter().any(|event| event.token() == self.token) {
                return Ok(true);
            }
            if has_come(deadline) {
                return Ok(false);
            }
        }
    }
}
