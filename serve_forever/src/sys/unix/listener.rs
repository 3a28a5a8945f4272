//! A listening socket as a bare descriptor.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use mio::unix::SourceFd;
use mio::{Registry, Token};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::SocketAddrAny;

use super::socket::Socket;
use super::wait::wait;
use crate::sys::{ListenOptions, NO_ADDRESS};

/// How many broken connections one call passes over before it gives the loop back.
const ACCEPT_ATTEMPTS: usize = 16;

/// Whether `TCP_NODELAY` comes with the connection. It does on other systems too, but only these
/// promise it.
const INHERITS_NODELAY: bool = cfg!(any(target_os = "linux", target_os = "android"));

#[derive(Debug)]
pub(crate) struct Listener {
    fd: OwnedFd,
    /// Set this on each accepted socket.
    nodelay: bool,
    /// Its clients have no address.
    is_unix: bool,
}

impl Listener {
    pub(crate) fn new(socket: socket2::Socket, options: &ListenOptions) -> Self {
        Self { fd: socket.into(), nodelay: options.nodelay && !INHERITS_NODELAY, is_unix: false }
    }

    pub(crate) fn unix(socket: socket2::Socket) -> Self {
        Self { fd: socket.into(), nodelay: false, is_unix: true }
    }

    pub(crate) fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        let mut attempts = 1;
        loop {
            let error = match accept(self.fd.as_fd()) {
                // A client may have bound its socket to some path, which says nothing.
                Ok((fd, _)) if self.is_unix => return Ok((Socket::from_nonblocking(fd), NO_ADDRESS)),
                Ok((fd, Some(address))) => {
                    let socket = Socket::from_nonblocking(fd);
                    if self.nodelay {
                        // Some systems refuse it when the peer has gone; the first read will tell.
                        let _ = socket.set_nodelay(true);
                    }
                    return Ok((socket, SocketAddr::try_from(address)?));
                }
                // Some systems hand out a connection that is gone already, without the address.
                Ok((_, None)) => Errno::CONNABORTED,
                Err(error) => error,
            };
            if attempts == ACCEPT_ATTEMPTS || !concerns_one_connection(error) {
                return Err(error.into());
            }
            attempts += 1;
        }
    }

    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        if self.is_unix {
            return Ok(NO_ADDRESS);
        }
        Ok(SocketAddr::try_from(rustix::net::getsockname(&self.fd)?)?)
    }

    pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.fd.as_raw_fd()), token, mio::Interest::READABLE)
    }

    pub(crate) fn deregister(&self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut SourceFd(&self.fd.as_raw_fd()))
    }

    pub(crate) fn wait(&self, deadline: Option<Instant>) -> io::Result<bool> {
        wait(self.fd.as_fd(), PollFlags::IN, deadline)
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()?, nodelay: self.nodelay, is_unix: self.is_unix })
    }
}

/// Errors of `accept` that mean the connection it would have returned (Linux passes on what the
/// network said about it), or nothing at all.
fn concerns_one_connection(error: Errno) -> bool {
    matches!(
        error,
        Errno::INTR
            | Errno::CONNABORTED
            | Errno::PROTO
            | Errno::PERM
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
    )
}

/// Takes a connection that neither blocks nor leaks into child processes, in one call.
#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
))]
fn accept(listener: BorrowedFd<'_>) -> rustix::io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    use rustix::net::SocketFlags;
    rustix::net::acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
use accept_in_steps as accept;

/// The same where there is no such call.
#[cfg(any(
    test,
    not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "netbsd",
        target_os = "openbsd"
    ))
))]
fn accept_in_steps(listener: BorrowedFd<'_>) -> rustix::io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    let (fd, address) = rustix::net::acceptfrom(listener)?;
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok((fd, address))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use rustix::fs::{OFlags, fcntl_getfl};
    use rustix::io::{FdFlags, fcntl_getfd};

    use super::*;
    use crate::sys::bind::bind;

    fn listener() -> Listener {
        let options = ListenOptions { backlog: 8, nodelay: true, ..ListenOptions::default() };
        Listener::new(bind(([127, 0, 0, 1], 0).into(), &options).unwrap(), &options)
    }

    #[test]
    fn both_ways_of_accepting_give_sockets_that_neither_block_nor_leak() {
        let listener = listener();
        for accept in [accept, accept_in_steps] {
            let client = TcpStream::connect(listener.local_address().unwrap()).unwrap();
            assert!(listener.wait(None).unwrap());
            let (fd, address) = accept(listener.fd.as_fd()).unwrap();
            assert_eq!(SocketAddr::try_from(address.unwrap()).unwrap(), client.local_addr().unwrap());
            assert!(fcntl_getfl(&fd).unwrap().contains(OFlags::NONBLOCK));
            assert!(fcntl_getfd(&fd).unwrap().contains(FdFlags::CLOEXEC));
        }
    }

    #[test]
    fn listeners_and_their_clones_do_not_leak() {
        let listener = listener();
        let clone = listener.try_clone().unwrap();
        for fd in [&listener.fd, &clone.fd] {
            assert!(fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK));
            assert!(fcntl_getfd(fd).unwrap().contains(FdFlags::CLOEXEC));
        }
    }
}
