//! What carries a connection's octets: a plain socket, or memory in tests. TLS will be one more kind.
//!
//! This layer knows nothing of HTTP, and its callers know nothing of system calls.

mod memory;

use std::fs::File;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::diagnostics;
use crate::sys::{Interest, NO_ADDRESS, Socket};

pub(crate) use memory::Memory;

/// One connection's way to its peer. Nothing but [`Transport::wait`] blocks.
#[derive(Debug)]
pub(crate) struct Transport {
    carrier: Carrier,
    /// The peer's address; [`NO_ADDRESS`] on a Unix socket.
    pub(crate) peer: SocketAddr,
    /// Our own.
    pub(crate) local: SocketAddr,
    /// Whom the peer, a proxy, has said that it speaks for.
    announced: OnceLock<Option<SocketAddr>>,
    /// The system may take as much ahead as it likes.
    is_unbounded: AtomicBool,
}

#[derive(Debug)]
enum Carrier {
    Plain(Socket),
    Memory(Memory),
}

impl Transport {
    pub(crate) fn plain(socket: Socket, peer: SocketAddr, local: SocketAddr) -> Self {
        Self::of(Carrier::Plain(socket), peer, local)
    }

    pub(crate) fn memory(memory: Memory) -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::of(Carrier::Memory(memory), nowhere, nowhere)
    }

    fn of(carrier: Carrier, peer: SocketAddr, local: SocketAddr) -> Self {
        Self { carrier, peer, local, announced: OnceLock::new(), is_unbounded: AtomicBool::new(false) }
    }

    /// Whom the peer speaks for.
    pub(crate) fn client(&self) -> SocketAddr {
        // One copy of one place: put together from its parts it would be read before it is written.
        match self.announced.get() {
            Some(Some(client)) => *client,
            _ => self.peer,
        }
    }

    /// The peer speaks for `client`, or for somebody it does not name. Only its first word counts.
    pub(crate) fn announce(&self, client: Option<SocketAddr>) {
        let _ = self.announced.set(client);
    }

    /// Whether the peer has said whom it speaks for.
    pub(crate) fn is_announced(&self) -> bool {
        self.announced.get().is_some()
    }

    /// Whether the peer has said that it speaks for somebody it does not name.
    pub(crate) fn is_nameless(&self) -> bool {
        self.announced.get() == Some(&None)
    }

    /// Whether the peer came by a Unix socket.
    pub(crate) fn is_unix(&self) -> bool {
        self.peer == NO_ADDRESS
    }

    /// Reads what is there; `WouldBlock` when nothing is, `Ok(0)` at the end.
    pub(crate) fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.carrier {
            Carrier::Plain(socket) => socket.recv(buffer),
            Carrier::Memory(memory) => Ok(memory.recv(buffer)),
        }
    }

    /// Writes what fits. `more`: the rest follows at once, so that the system need not send a short packet.
    pub(crate) fn send(&self, octets: &[u8], more: bool) -> io::Result<usize> {
        match &self.carrier {
            Carrier::Plain(socket) => socket.send(octets, more),
            Carrier::Memory(memory) => Ok(memory.send(octets)),
        }
    }

    /// A large part of a file follows, which the system does not copy: unless it may take it as far
    /// ahead as it likes, sending takes it more time.
    #[cold]
    pub(crate) fn unbound_ahead(&self) {
        if let Carrier::Plain(socket) = &self.carrier
            && !self.is_unbounded.swap(true, Ordering::Relaxed)
        {
            socket.bound_ahead(None);
        }
    }

    /// What follows is copied again: the system may be at most so many bytes ahead, as on a new
    /// connection.
    pub(crate) fn bound_ahead(&self, bytes: usize) {
        if let Carrier::Plain(socket) = &self.carrier
            && self.is_unbounded.swap(false, Ordering::Relaxed)
        {
            socket.bound_ahead(Some(bytes));
        }
    }

    /// Writes what fits of a part of a file, a bounded piece at a time; `Ok(0)`: the file is shorter than that.
    pub(crate) fn send_file(&self, file: &File, offset: u64, length: u64) -> io::Result<u64> {
        match &self.carrier {
            Carrier::Plain(socket) => socket.send_file(file, offset, length),
            Carrier::Memory(memory) => memory.send_file(file, offset, length),
        }
    }

    /// Blocks the calling thread until the socket is ready (or broken); false when the deadline came first.
    pub(crate) fn wait(&self, interest: Interest, deadline: Option<Instant>) -> io::Result<bool> {
        match &self.carrier {
            Carrier::Plain(socket) => socket.wait(interest, deadline),
            Carrier::Memory(_) => Ok(true),
        }
    }

    /// Whether the peer closed its side with nothing left to read, or the connection broke.
    pub(crate) fn at_end(&self) -> bool {
        match &self.carrier {
            Carrier::Plain(socket) => socket.at_end(),
            Carrier::Memory(memory) => memory.at_end(),
        }
    }

    /// Tells the peer that nothing more will come.
    pub(crate) fn finish_writing(&self) {
        self.shutdown(Shutdown::Write);
    }

    /// The end of the connection is to look like a fault, where it would otherwise look like the end of the body.
    pub(crate) fn abort(&self) {
        if let Carrier::Plain(socket) = &self.carrier {
            socket.reset_on_close();
        }
    }

    /// Ends the connection in both directions, also under a thread that waits on it.
    pub(crate) fn cut(&self) {
        self.shutdown(Shutdown::Both);
    }

    fn shutdown(&self, how: Shutdown) {
        if let Carrier::Plain(socket) = &self.carrier
            && let Err(error) = socket.shutdown(how)
            && !crate::sys::is_disconnect(&error)
        {
            diagnostics::debug!("cannot shut down the connection with {}: {error}", self.peer);
        }
    }

    /// What was sent so far, where that is kept.
    pub(crate) fn take_output(&self) -> Vec<u8> {
        match &self.carrier {
            Carrier::Plain(_) => Vec::new(),
            Carrier::Memory(memory) => memory.take_output(),
        }
    }

    /// The socket, where there is one.
    pub(crate) fn socket(&self) -> Option<&Socket> {
        match &self.carrier {
            Carrier::Plain(socket) => Some(socket),
            Carrier::Memory(_) => None,
        }
    }
}
