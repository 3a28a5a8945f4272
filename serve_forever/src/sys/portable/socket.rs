//! A connected socket as mio's type.
//!
//! The lock is there because mio registers by `&mut`; reading and writing share it, and nobody
//! holds it while he waits.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{self, Shutdown};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Registry, Token};
use socket2::SockRef;

use super::wait::wait;
use crate::sys::Interest;
use crate::sys::bind::bound_ahead;
use crate::sys::copy::copy;

#[derive(Debug)]
pub(crate) struct Socket {
    stream: RwLock<TcpStream>,
    /// Whether reading, writing was shut down on this side: what threads that wait must learn even
    /// where the system does not tell them.
    read_shut: AtomicBool,
    write_shut: AtomicBool,
}

impl Socket {
    /// Takes over a stream that is non-blocking already.
    pub(super) fn from_nonblocking(stream: TcpStream) -> Self {
        Self {
            stream: RwLock::new(stream),
            read_shut: AtomicBool::new(false),
            write_shut: AtomicBool::new(false),
        }
    }

    pub(crate) fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let stream = self.stream();
        let received = retry(|| (&*stream).read(buf))?;
        if received > 0 && received < buf.len() {
            arm(&stream);
        }
        Ok(received)
    }

    pub(crate) fn send(&self, bytes: &[u8], _more: bool) -> io::Result<usize> {
        let stream = self.stream();
        // Windows takes a piece of any size as a whole while its buffer has any room.
        let piece = &bytes[..bytes.len().min(MAX_PIECE)];
        let sent = retry(|| (&*stream).write(piece))?;
        if sent < bytes.len() {
            arm(&stream);
        }
        Ok(sent)
    }

    pub(crate) fn send_file(&self, file: &File, offset: u64, length: u64) -> io::Result<u64> {
        copy(file, offset, length, |bytes| self.send(bytes, false))
    }

    pub(crate) fn wait(&self, interest: Interest, deadline: Option<Instant>) -> io::Result<bool> {
        let (interests, reads, writes) = match interest {
            Interest::Read => (mio::Interest::READABLE, true, false),
            Interest::Write => (mio::Interest::WRITABLE, false, true),
            Interest::Both => (mio::Interest::READABLE | mio::Interest::WRITABLE, true, true),
        };
        let handle = SockRef::from(&*self.stream()).try_clone()?;
        wait(handle, interests, deadline, || {
            (reads && self.read_shut.load(Ordering::Acquire))
                || (writes && self.write_shut.load(Ordering::Acquire))
        })
    }

    pub(crate) fn at_end(&self) -> bool {
        let stream = self.stream();
        match retry(|| stream.peek(&mut [0; 1])) {
            Ok(bytes) => bytes == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    pub(crate) fn has_unread(&self) -> bool {
        let stream = self.stream();
        retry(|| stream.peek(&mut [0; 1])).is_ok_and(|count| count > 0)
    }

    pub(crate) fn reset_on_close(&self) {
        // It can fail only where there is nothing left to reset.
        let _ = SockRef::from(&*self.stream()).set_linger(Some(Duration::ZERO));
    }

    pub(crate) fn bound_ahead(&self, bytes: Option<usize>) {
        bound_ahead(&SockRef::from(&*self.stream()), bytes);
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let outcome = self.stream().shutdown(how);
        // Also after an error: then the connection is gone, and there is nothing to wait for
        // either.
        if how != Shutdown::Write {
            self.read_shut.store(true, Ordering::Release);
        }
        if how != Shutdown::Read {
            self.write_shut.store(true, Ordering::Release);
        }
        outcome
    }

    pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut *self.stream_mut(), token, mio::Interest::READABLE | mio::Interest::WRITABLE)
    }

    pub(crate) fn deregister(&self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut *self.stream_mut())
    }

    #[cfg(test)]
    pub(crate) fn asked<T>(&self, ask: impl FnOnce(SockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        ask(SockRef::from(&*self.stream()))
    }

    fn stream(&self) -> RwLockReadGuard<'_, TcpStream> {
        self.stream.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn stream_mut(&self) -> RwLockWriteGuard<'_, TcpStream> {
        self.stream.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<net::TcpStream> for Socket {
    fn from(stream: net::TcpStream) -> Self {
        // The system has no reason to refuse this for an open socket.
        let _ = stream.set_nonblocking(true);
        Self::from_nonblocking(TcpStream::from_std(stream))
    }
}

/// Bytes that are given to the system at a time.
const MAX_PIECE: usize = 256 * 1024;

/// Has the poller tell of the socket again, as it would after a `WouldBlock`. Those above take a
/// short transfer for the end of what was there, which Linux lets them; on Windows no event would
/// ever follow it. Costs nothing where mio has real edges.
fn arm(stream: &TcpStream) {
    // The error is the one given; another one will also come out of the next call.
    let _ = stream.try_io(|| Err::<(), _>(ErrorKind::WouldBlock.into()));
}

/// Makes a call again that a signal interrupted.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
