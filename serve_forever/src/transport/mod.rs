//! What carries a connection's bytes: a plain socket, or memory in tests. TLS will be one more
//! kind.
//!
//! This layer knows nothing of HTTP, and its callers know nothing of system calls.
//!
//! A transport may stand between its caller and the socket, as TLS does. Then what the socket can
//! do and what the caller can do are two things: received bytes may wait in the transport
//! ([`Received::more`], [`Transport::holds_received`]), bytes that were taken for sending may wait
//! there ([`Transport::has_unsent`]), and reading may need the socket to be writable
//! ([`Transport::wants`]). A plain socket has none of this, and pays a comparison for it.

mod memory;
#[cfg(test)]
pub(crate) mod pipe;
#[cfg(any(test, feature = "test-transport"))]
pub(crate) mod veil;

use std::fs::File;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::diagnostics;
use crate::sys::{Interest, NO_ADDRESS, Socket};

pub(crate) use memory::Memory;
#[cfg(any(test, feature = "test-transport"))]
use veil::{Veil, Veiling};

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// Bytes that were received; 0 at the end.
    pub(crate) count: usize,
    /// Further bytes may be there. Otherwise this read has found the socket empty, and the system
    /// tells when some arrive.
    pub(crate) more: bool,
}

/// What the socket has to be ready for, so that the connection can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// How far the handshake of a transport has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    Done,
    /// [`Transport::compute_handshake`] comes next, which takes time.
    #[cfg_attr(not(any(test, feature = "test-transport")), expect(dead_code, reason = "for TLS"))]
    Computes,
}

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
    #[cfg(test)]
    Pipe(pipe::Pipe),
    #[cfg(any(test, feature = "test-transport"))]
    Veiled(Veil),
}

impl Transport {
    pub(crate) fn plain(socket: Socket, peer: SocketAddr, local: SocketAddr) -> Self {
        Self::of(Carrier::Plain(socket), peer, local)
    }

    #[cfg(any(test, feature = "test-transport"))]
    pub(crate) fn veiled(socket: Socket, peer: SocketAddr, local: SocketAddr, veiling: Veiling) -> Self {
        Self::of(Carrier::Veiled(Veil::new(socket, veiling)), peer, local)
    }

    #[cfg(test)]
    pub(crate) fn pipe(pipe: pipe::Pipe, peer: SocketAddr, local: SocketAddr) -> Self {
        Self::of(Carrier::Pipe(pipe), peer, local)
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

    /// Whether the peer has said that it speaks for somebody it does not name.
    pub(crate) fn is_nameless(&self) -> bool {
        self.announced.get() == Some(&None)
    }

    /// Whether the peer came by a Unix socket.
    pub(crate) fn is_unix(&self) -> bool {
        self.peer == NO_ADDRESS
    }

    /// Whether the handshake is still to be done.
    pub(crate) fn is_handshaking(&self) -> bool {
        match &self.carrier {
            Carrier::Plain(_) | Carrier::Memory(_) => false,
            #[cfg(test)]
            Carrier::Pipe(_) => false,
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.is_handshaking(),
        }
    }

    /// Goes on with the handshake without blocking or computing. `WouldBlock`: the peer has to go
    /// on, and [`wants`](Self::wants) knows how.
    #[allow(clippy::unnecessary_wraps, reason = "plain connections have no handshake that could fail")]
    pub(crate) fn handshake(&self) -> io::Result<Handshake> {
        match &self.carrier {
            Carrier::Plain(_) | Carrier::Memory(_) => Ok(Handshake::Done),
            #[cfg(test)]
            Carrier::Pipe(_) => Ok(Handshake::Done),
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.handshake(),
        }
    }

    /// The part of a handshake that [computes](Handshake::Computes).
    pub(crate) fn compute_handshake(&self) {
        match &self.carrier {
            Carrier::Plain(_) | Carrier::Memory(_) => {}
            #[cfg(test)]
            Carrier::Pipe(_) => {}
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.compute_handshake(),
        }
    }

    /// Reads from the socket itself, before the handshake.
    pub(crate) fn recv_raw(&self, buffer: &mut [u8]) -> io::Result<Received> {
        #[cfg(any(test, feature = "test-transport"))]
        if let Carrier::Veiled(veil) = &self.carrier {
            return received(&veil.socket, buffer);
        }
        self.recv(buffer)
    }

    /// Takes bytes that were [read from the socket itself](Self::recv_raw). Returns those that are
    /// the protocol's, as there is nothing in between.
    pub(crate) fn feed(&self, bytes: Vec<u8>) -> Vec<u8> {
        match &self.carrier {
            Carrier::Plain(_) | Carrier::Memory(_) => bytes,
            #[cfg(test)]
            Carrier::Pipe(_) => bytes,
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => {
                veil.feed(&bytes);
                Vec::new()
            }
        }
    }

    /// Reads what has arrived. `WouldBlock`: nothing has.
    pub(crate) fn recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        match &self.carrier {
            Carrier::Plain(socket) => received(socket, buffer),
            Carrier::Memory(memory) => Ok(memory.recv(buffer)),
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.recv(buffer),
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.recv(buffer),
        }
    }

    /// Whether received bytes wait in the transport itself, of which the system will not tell.
    pub(crate) fn holds_received(&self) -> bool {
        match &self.carrier {
            Carrier::Plain(_) | Carrier::Memory(_) => false,
            #[cfg(test)]
            Carrier::Pipe(_) => false,
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.holds_received(),
        }
    }

    /// Takes as many bytes as there is room for. Fewer than all, or `WouldBlock`: the socket takes
    /// no more for now. `more`: the rest follows at once, so that the system need not send a short
    /// packet.
    pub(crate) fn send(&self, bytes: &[u8], more: bool) -> io::Result<usize> {
        match &self.carrier {
            Carrier::Plain(socket) => socket.send(bytes, more),
            Carrier::Memory(memory) => Ok(memory.send(bytes)),
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.send(bytes),
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.send(bytes),
        }
    }

    /// Whether bytes that were [taken](Self::send) are still to be given to the socket.
    #[inline]
    pub(crate) fn has_unsent(&self) -> bool {
        match &self.carrier {
            Carrier::Plain(_) | Carrier::Memory(_) => false,
            #[cfg(test)]
            Carrier::Pipe(_) => false,
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.has_unsent(),
        }
    }

    /// Gives the socket what was taken. `WouldBlock`: a part of it stays.
    #[allow(clippy::unnecessary_wraps, reason = "plain connections keep nothing that could stay")]
    pub(crate) fn flush(&self) -> io::Result<()> {
        match &self.carrier {
            Carrier::Plain(_) | Carrier::Memory(_) => Ok(()),
            #[cfg(test)]
            Carrier::Pipe(_) => Ok(()),
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.flush(),
        }
    }

    /// What the socket must be ready for, so that the connection can read or write.
    #[inline]
    pub(crate) fn wants(&self, read: bool, write: bool) -> Wanted {
        match &self.carrier {
            Carrier::Plain(_) | Carrier::Memory(_) => Wanted { read, write },
            #[cfg(test)]
            Carrier::Pipe(_) => Wanted { read, write },
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.wants(read, write),
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

    /// Writes what fits of a part of a file, a bounded piece at a time; `Ok(0)`: the file is
    /// shorter than that.
    pub(crate) fn send_file(&self, file: &File, offset: u64, length: u64) -> io::Result<u64> {
        match &self.carrier {
            Carrier::Plain(socket) => socket.send_file(file, offset, length),
            Carrier::Memory(memory) => memory.send_file(file, offset, length),
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.send_file(file, offset, length),
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.send_file(file, offset, length),
        }
    }

    /// Blocks the calling thread until it can read or write, as far as is known, or the connection
    /// is broken. False: the deadline came first.
    pub(crate) fn wait(&self, interest: Interest, deadline: Option<Instant>) -> io::Result<bool> {
        match &self.carrier {
            Carrier::Plain(socket) => socket.wait(interest, deadline),
            Carrier::Memory(_) => Ok(true),
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.wait(interest, deadline),
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.wait(interest, deadline),
        }
    }

    /// Whether the peer closed its side with nothing left to read, or the connection broke.
    pub(crate) fn at_end(&self) -> bool {
        match &self.carrier {
            Carrier::Plain(socket) => socket.at_end(),
            Carrier::Memory(memory) => memory.at_end(),
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.at_end(),
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.at_end(),
        }
    }

    /// Whether bytes have arrived that nobody has read.
    pub(crate) fn has_unread(&self) -> bool {
        self.holds_received() || self.socket().is_some_and(Socket::has_unread)
    }

    /// Tells the peer that nothing more will come. What was [taken](Self::send) is sent before.
    pub(crate) fn finish_writing(&self) {
        let outcome = match &self.carrier {
            Carrier::Plain(socket) => socket.shutdown(Shutdown::Write),
            Carrier::Memory(_) => Ok(()),
            #[cfg(test)]
            Carrier::Pipe(pipe) => {
                pipe.finish();
                Ok(())
            }
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.finish_writing(),
        };
        self.note_shutdown(outcome);
    }

    /// Makes the end of the connection look like a fault, where it would otherwise look like the
    /// end of the body.
    pub(crate) fn abort(&self) {
        match &self.carrier {
            Carrier::Plain(socket) => socket.reset_on_close(),
            Carrier::Memory(_) => {}
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.abort(),
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => veil.abort(),
        }
    }

    /// Ends the connection in both directions, also under a thread that waits on it.
    pub(crate) fn cut(&self) {
        #[cfg(test)]
        if let Carrier::Pipe(pipe) = &self.carrier {
            pipe.abort();
        }
        if let Some(socket) = self.socket() {
            self.note_shutdown(socket.shutdown(Shutdown::Both));
        }
    }

    fn note_shutdown(&self, outcome: io::Result<()>) {
        if let Err(error) = outcome
            && !crate::sys::is_disconnect(&error)
        {
            diagnostics::debug!("cannot shut down the connection with {}: {error}", self.peer);
        }
    }

    /// What was sent so far, where that is kept.
    pub(crate) fn take_output(&self) -> Vec<u8> {
        if let Carrier::Memory(memory) = &self.carrier { memory.take_output() } else { Vec::new() }
    }

    /// The socket, where there is one.
    pub(crate) fn socket(&self) -> Option<&Socket> {
        match &self.carrier {
            Carrier::Plain(socket) => Some(socket),
            Carrier::Memory(_) => None,
            #[cfg(test)]
            Carrier::Pipe(_) => None,
            #[cfg(any(test, feature = "test-transport"))]
            Carrier::Veiled(veil) => Some(&veil.socket),
        }
    }
}

#[inline]
fn received(socket: &Socket, buffer: &mut [u8]) -> io::Result<Received> {
    let count = socket.recv(buffer)?;
    // A short read leaves nothing behind.
    Ok(Received { count, more: count == buffer.len() })
}
