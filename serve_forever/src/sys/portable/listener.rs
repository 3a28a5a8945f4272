//! A listening socket as mio's type.

use std::io::{self, ErrorKind};
use std::net::{self, SocketAddr};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use super::socket::Socket;
use super::wait::wait;
use crate::sys::{ListenOptions, NO_ADDRESS};

/// How many broken connections one call passes over before it gives the loop back.
const ACCEPT_ATTEMPTS: usize = 16;

#[derive(Debug)]
pub(crate) struct Listener {
    socket: RwLock<TcpListener>,
    nodelay: bool,
    /// Its clients have no address. The types are those for TCP all the same: but for addresses
    /// they do not look at the kind.
    is_unix: bool,
}

impl Listener {
    pub(crate) fn new(socket: socket2::Socket, options: &ListenOptions) -> Self {
        Self {
            socket: RwLock::new(TcpListener::from_std(net::TcpListener::from(socket))),
            nodelay: options.nodelay,
            is_unix: false,
        }
    }

    #[cfg(unix)]
    pub(crate) fn unix(socket: socket2::Socket) -> Self {
        let socket = RwLock::new(TcpListener::from_std(net::TcpListener::from(socket)));
        Self { socket, nodelay: false, is_unix: true }
    }

    pub(crate) fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        let listener = self.listener();
        let mut attempts = 1;
        loop {
            match if self.is_unix { accept_unix(&listener) } else { listener.accept() } {
                Ok((stream, address)) => {
                    if self.nodelay {
                        // Refused only when the peer has gone; the first read will tell.
                        let _ = stream.set_nodelay(true);
                    }
                    return Ok((Socket::from_nonblocking(stream), address));
                }
                Err(error) if attempts < ACCEPT_ATTEMPTS && concerns_one_connection(error.kind()) => {
                    attempts += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        if self.is_unix { Ok(NO_ADDRESS) } else { self.listener().local_addr() }
    }

    pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut *self.listener_mut(), token, Interest::READABLE)
    }

    pub(crate) fn deregister(&self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut *self.listener_mut())
    }

    pub(crate) fn wait(&self, deadline: Option<Instant>) -> io::Result<bool> {
        let handle = SockRef::from(&*self.listener()).try_clone()?;
        wait(handle, Interest::READABLE, deadline, || false)
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let clone = SockRef::from(&*self.listener()).try_clone()?;
        Ok(Self {
            socket: RwLock::new(TcpListener::from_std(net::TcpListener::from(clone))),
            nodelay: self.nodelay,
            is_unix: self.is_unix,
        })
    }

    fn listener(&self) -> RwLockReadGuard<'_, TcpListener> {
        self.socket.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn listener_mut(&self) -> RwLockWriteGuard<'_, TcpListener> {
        self.socket.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As `accept`, which fails on addresses that are not of TCP.
fn accept_unix(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, _) = SockRef::from(listener).accept()?;
    socket.set_nonblocking(true)?;
    Ok((TcpStream::from_std(net::TcpStream::from(socket)), NO_ADDRESS))
}

/// Errors of `accept` that mean the connection it would have returned (Windows calls that a reset),
/// or nothing at all.
fn concerns_one_connection(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}
