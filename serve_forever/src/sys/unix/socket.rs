//! A connected socket as a bare descriptor.

use std::fs::File;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Registry, Token};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags};

use super::send_file::send_file;
use super::wait::wait;
use crate::sys::Interest;
use crate::sys::bind::bound_ahead;

/// A descriptor that is non-blocking. Nothing here but `set_nodelay` assumes TCP.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
}

impl Socket {
    /// Takes over a descriptor that is non-blocking already.
    pub(super) fn from_nonblocking(fd: OwnedFd) -> Self {
        // Where `MSG_NOSIGNAL` is missing the socket itself is told. This fails only on one that is
        // dead already.
        #[cfg(target_vendor = "apple")]
        let _ = rustix::net::sockopt::set_socket_nosigpipe(&fd, true);
        Self { fd }
    }

    #[inline]
    pub(crate) fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let (received, _) = retry_on_intr(|| rustix::net::recv(&self.fd, &mut *buf, RecvFlags::empty()))?;
        Ok(received)
    }

    #[inline]
    pub(crate) fn send(&self, bytes: &[u8], more: bool) -> io::Result<usize> {
        Ok(retry_on_intr(|| rustix::net::send(&self.fd, bytes, send_flags(more)))?)
    }

    pub(crate) fn send_file(&self, file: &File, offset: u64, length: u64) -> io::Result<u64> {
        send_file(self, file, offset, length)
    }

    pub(crate) fn wait(&self, interest: Interest, deadline: Option<Instant>) -> io::Result<bool> {
        let flags = match interest {
            Interest::Read => PollFlags::IN,
            Interest::Write => PollFlags::OUT,
            Interest::Both => PollFlags::IN | PollFlags::OUT,
        };
        wait(self.fd.as_fd(), flags, deadline)
    }

    pub(crate) fn at_end(&self) -> bool {
        let mut byte = [0; 1];
        match retry_on_intr(|| rustix::net::recv(&self.fd, &mut byte, RecvFlags::PEEK)) {
            Ok((0, _)) => true,
            Ok(_) => self.is_broken(),
            Err(error) => error != Errno::AGAIN,
        }
    }

    pub(crate) fn has_unread(&self) -> bool {
        let mut byte = [0; 1];
        retry_on_intr(|| rustix::net::recv(&self.fd, &mut byte, RecvFlags::PEEK))
            .is_ok_and(|(count, _)| count > 0)
    }

    pub(crate) fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        Ok(rustix::net::sockopt::set_tcp_nodelay(&self.fd, nodelay)?)
    }

    pub(crate) fn reset_on_close(&self) {
        // It can fail only where there is nothing left to reset.
        let _ = rustix::net::sockopt::set_socket_linger(&self.fd, Some(Duration::ZERO));
    }

    pub(crate) fn bound_ahead(&self, bytes: Option<usize>) {
        bound_ahead(&socket2::SockRef::from(&self.fd), bytes);
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let how = match how {
            Shutdown::Read => rustix::net::Shutdown::Read,
            Shutdown::Write => rustix::net::Shutdown::Write,
            Shutdown::Both => rustix::net::Shutdown::Both,
        };
        Ok(rustix::net::shutdown(&self.fd, how)?)
    }

    pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let interests = mio::Interest::READABLE | mio::Interest::WRITABLE;
        registry.register(&mut SourceFd(&self.fd.as_raw_fd()), token, interests)
    }

    pub(crate) fn deregister(&self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut SourceFd(&self.fd.as_raw_fd()))
    }

    #[cfg(test)]
    pub(crate) fn asked<T>(&self, ask: impl FnOnce(socket2::SockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        ask(socket2::SockRef::from(&self.fd))
    }

    /// Whether neither direction works any more although there are bytes to read.
    fn is_broken(&self) -> bool {
        let over = PollFlags::ERR | PollFlags::HUP;
        // Errors are told unasked; the question about room is there because some systems tell a
        // hang-up only along with one.
        let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        retry_on_intr(|| poll(&mut fds, Some(&now))).is_ok() && fds[0].revents().intersects(over)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        // The system has no reason to refuse this for an open socket.
        let _ = stream.set_nonblocking(true);
        Self::from_nonblocking(stream.into())
    }
}

#[inline]
fn send_flags(more: bool) -> SendFlags {
    #[cfg(not(target_vendor = "apple"))]
    let flags = SendFlags::NOSIGNAL;
    #[cfg(target_vendor = "apple")]
    let flags = SendFlags::empty();

    #[cfg(any(target_os = "linux", target_os = "android"))]
    if more {
        return flags | SendFlags::MORE;
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = more;
    flags
}
