//! The operating system as the rest of the library sees it: sockets that never block by themselves,
//! a wait that does, limits and a clock.
//!
//! Two back ends stand behind one face. `unix` makes the system calls directly, because those are
//! most of what a request costs; `portable` uses only `std`, `mio` and `socket2` and serves
//! everything else (feature `portable-sys` selects it on Unix too, so that it can be tested there).
//! The contract of each item is documented here, once. The back ends hold only the implementation.

mod bind;
mod copy;
mod deadline;
mod directory;
mod errors;
#[cfg(test)]
pub(crate) mod faults;
mod names;
#[cfg(any(not(unix), feature = "portable-sys"))]
mod portable;
#[cfg(unix)]
mod socket_file;
#[cfg(all(unix, not(feature = "portable-sys")))]
mod unix;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::path::Path;
#[cfg(unix)]
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

use crate::diagnostics::catch;

#[cfg(any(not(unix), feature = "portable-sys"))]
use portable as backend;
#[cfg(all(unix, not(feature = "portable-sys")))]
use unix as backend;

pub(crate) use directory::{CHANGE_TIME_IS_KNOWN, Directory, Found, FileKind, Links, Stamp};
pub(crate) use errors::{is_disconnect, is_out_of_descriptors};
pub(crate) use names::name_from_bytes;

/// The most bytes of a file that one [`Socket::send_file`] sends: 1 MiB. A fast client of a large
/// file must not hold up the other connections of its loop.
pub(crate) const SEND_FILE_PIECE: u64 = 1 << 20;

/// Whether what a poll reports about a socket is true at that time, and not only at some time since
/// the last poll.
pub(crate) const EVENTS_ARE_CURRENT: bool = backend::EVENTS_ARE_CURRENT;

/// The address, on both sides, of a connection by a Unix socket. No client of another kind has it.
pub(crate) const NO_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// What a thread waits for on a socket. An error or a hang-up ends every kind of wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Bytes to read, or the end of them.
    Read,
    /// Room to send.
    Write,
    /// Either, whichever comes first.
    Both,
}

/// How a listener is made, and the connections that it accepts.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListenOptions {
    /// Connections that may wait to be accepted. The system may allow fewer.
    pub(crate) backlog: u32,
    /// Bind although connections of a former listener still linger. Not passed on to Windows, where
    /// the option would let two programs share a port and where lingering connections do not stand
    /// in the way.
    pub(crate) reuse_address: bool,
    /// Accepted connections send without waiting to fill a segment.
    pub(crate) nodelay: bool,
    /// Other listeners may have the same port, if they allow it, too. Fails with `Unsupported`
    /// where the system cannot do this.
    pub(crate) reuse_port: bool,
    /// After this time without a packet, the system asks the peer of a connection whether it is
    /// still there.
    pub(crate) keepalive: Option<Duration>,
    /// Bytes that the system buffers for a connection. The system may use other numbers.
    pub(crate) send_buffer: Option<usize>,
    pub(crate) receive_buffer: Option<usize>,
    /// How far the system may be ahead on a connection, see [`Socket::bound_ahead`].
    pub(crate) send_ahead: Option<usize>,
    /// A listener on an IPv6 address leaves IPv4 alone. When false it takes both, where the system
    /// can.
    pub(crate) only_v6: bool,
}

/// A connected stream socket. No call but [`Socket::wait`] blocks; all take `&self` and may be made
/// from any thread.
///
/// Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Socket(backend::Socket);

impl Socket {
    /// Receives what has arrived, in one system call. `Ok(0)` is the end (`buf` must not be empty).
    /// `WouldBlock` means that nothing has arrived yet.
    ///
    /// Fewer bytes than `buf` holds mean that nothing is left, and that an event will report more.
    /// There is one exception: no further event comes for an end or an error that the last event
    /// has already reported. (A client of a Unix socket that sends descriptors along, which are
    /// closed unseen, cuts the reading short there: it waits for its next bytes, at its own
    /// expense.)
    #[inline]
    pub(crate) fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.recv(buf)
    }

    /// Sends what there is room for, in one system call. `more` says that further bytes follow at
    /// once, so that a system which knows how to waits for them before it sends an unfilled
    /// segment. Never raises `SIGPIPE`.
    ///
    /// Fewer bytes than given mean that there is no room left, and that an event will report room.
    #[inline]
    pub(crate) fn send(&self, bytes: &[u8], more: bool) -> io::Result<usize> {
        self.0.send(bytes, more)
    }

    /// Bounds how many bytes the system takes ahead of those that it can send to the peer. `None`:
    /// as many as it likes. Only Linux and Android support this. Elsewhere, the size of the send
    /// buffer is the bound, which the portable back end keeps by sending no large piece at once.
    pub(crate) fn bound_ahead(&self, bytes: Option<usize>) {
        self.0.bound_ahead(bytes);
    }

    /// Sends bytes of `file` from `offset` on, at most `length` and at most [`SEND_FILE_PIECE`].
    /// `Ok(0)` means that the file ended early (or that `length` is 0). Fewer bytes than asked say
    /// nothing about the room left: call again until `WouldBlock`.
    ///
    /// The file is read at its offset, so one open file may serve any number of connections; its
    /// own cursor is not used, and not moved except on Windows. May wait for the disk.
    pub(crate) fn send_file(&self, file: &File, offset: u64, length: u64) -> io::Result<u64> {
        match length.min(SEND_FILE_PIECE) {
            0 => Ok(0),
            piece => self.0.send_file(file, offset, piece),
        }
    }

    /// Blocks the thread until the socket is ready, fails, hangs up or is shut down by another
    /// thread (returns true), or until the deadline (returns false). A deadline that has passed
    /// asks without waiting. Any number of threads may wait on one socket, whether or not it is
    /// registered.
    ///
    /// True is a hint: another thread may have taken what was there.
    pub(crate) fn wait(&self, interest: Interest, deadline: Option<Instant>) -> io::Result<bool> {
        self.0.wait(interest, deadline)
    }

    /// Returns whether the connection is over: the peer has ended its side and everything was read,
    /// or the connection broke. Neither waits nor receives anything. (The portable back end sees a
    /// break only once the bytes before it are read.)
    pub(crate) fn at_end(&self) -> bool {
        self.0.at_end()
    }

    /// Returns whether bytes have arrived that were not received yet. Neither waits nor receives
    /// anything.
    pub(crate) fn has_unread(&self) -> bool {
        self.0.has_unread()
    }

    /// When the socket is closed, the peer will see a reset instead of an orderly end, and unsent
    /// bytes will be dropped. (Unix sockets have no reset: the peer sees an end, and sent bytes
    /// arrive.)
    pub(crate) fn reset_on_close(&self) {
        self.0.reset_on_close();
    }

    /// Ends one direction or both, now, for every thread. Waits on the socket return. Fails with
    /// `NotConnected` if the connection was gone already.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    /// Makes `registry` report, under `token`, when the socket becomes readable or writable.
    /// Present readiness is reported, too.
    ///
    /// Events are edges: one comes when something changes, and the next may come only after a call
    /// here returned `WouldBlock` or fewer bytes than asked. Act only on what an event says: on
    /// some systems, a read that finds nothing causes another "writable" event, so that reading
    /// upon "writable" would never end. A socket can be registered once at a time.
    pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        sheltered(|| self.0.register(registry, token))
    }

    /// Undoes [`Socket::register`]. Fails if the socket is not registered. An event that was
    /// already collected may still be reported.
    pub(crate) fn deregister(&self, registry: &Registry) -> io::Result<()> {
        sheltered(|| self.0.deregister(registry))
    }
}

impl From<TcpStream> for Socket {
    /// Takes over a connection and makes it non-blocking.
    fn from(stream: TcpStream) -> Self {
        Self(stream.into())
    }
}

/// A listening socket. It does not block either, except in [`Listener::wait`].
#[derive(Debug)]
pub(crate) struct Listener {
    /// Of a Unix socket. It stands first, so that the last handle removes the file before it closes
    /// the socket.
    #[cfg(unix)]
    file: Option<Arc<socket_file::SocketFile>>,
    backend: backend::Listener,
}

impl Listener {
    /// Listens on `address`. With port 0, the system chooses a port, and
    /// [`Listener::local_address`] returns it.
    pub(crate) fn bind(address: SocketAddr, options: &ListenOptions) -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            file: None,
            backend: backend::Listener::new(bind::bind(address, options)?, options),
        })
    }

    /// Listens on a Unix socket at `path`. Its file gets `mode`, or the mode that the umask of the
    /// process leaves. The file of a server that does not run any more is replaced. Fails with
    /// `AddrInUse` if a server listens there, and with `AlreadyExists` if the file is not a socket.
    /// Only the backlog of `options` is used. Clients have [`NO_ADDRESS`].
    #[cfg(unix)]
    pub(crate) fn bind_unix(path: &Path, mode: Option<u32>, options: &ListenOptions) -> io::Result<Self> {
        let (socket, file) = socket_file::bind(path, mode, options.backlog)?;
        Ok(Self { file: Some(Arc::new(file)), backend: backend::Listener::unix(socket) })
    }

    /// Listens on a Unix socket, where there are such.
    #[cfg(not(unix))]
    pub(crate) fn bind_unix(_: &Path, _: Option<u32>, _: &ListenOptions) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets"))
    }

    /// Takes over a socket that listens already. Fails with `InvalidInput` if it does not listen.
    /// The file of a Unix socket stays.
    #[cfg(unix)]
    pub(crate) fn adopt(socket: std::os::fd::OwnedFd, options: &ListenOptions) -> io::Result<Self> {
        let (socket, is_unix) = bind::adopt(socket, options)?;
        let backend =
            if is_unix { backend::Listener::unix(socket) } else { backend::Listener::new(socket, options) };
        Ok(Self { file: None, backend })
    }

    /// Removes the file of a Unix socket now, if this is the last handle. No client finds it any
    /// more, and those that have connected can still be accepted. Other listeners cannot do this.
    #[cfg_attr(not(unix), allow(clippy::unused_self, clippy::needless_pass_by_ref_mut))]
    pub(crate) fn withdraw(&mut self) {
        #[cfg(unix)]
        drop(self.file.take());
    }

    /// Accepts a waiting connection. `WouldBlock`: none waits. After every other error, the rest of
    /// the queue is unchanged, and no event will report it again: try later (with
    /// [`is_out_of_descriptors`], when some are free). Connections that broke while they waited are
    /// skipped, up to a bound.
    pub(crate) fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        let (socket, address) = self.backend.accept()?;
        Ok((Socket(socket), address))
    }

    /// The address that it listens on, with the real port; [`NO_ADDRESS`] for a Unix socket.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.backend.local_address()
    }

    /// Has `registry` report, under `token`, when a connection arrives; edges, as with
    /// [`Socket::register`].
    pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        sheltered(|| self.backend.register(registry, token))
    }

    /// Undoes [`Listener::register`]. Needed before the drop of a listener that has clones: they
    /// keep its registration alive.
    pub(crate) fn deregister(&self, registry: &Registry) -> io::Result<()> {
        sheltered(|| self.backend.deregister(registry))
    }

    /// Blocks the thread until a connection arrives (returns true), or until the deadline (returns
    /// false).
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> io::Result<bool> {
        self.backend.wait(deadline)
    }

    /// Returns another handle to the same queue of connections. The port, and the file of a Unix
    /// socket, stay until the last handle is dropped.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            file: self.file.clone(),
            backend: self.backend.try_clone()?,
        })
    }
}

/// Reads what there is at `offset` into `buffer`; it may be less than fits. `Ok(0)` is the end of
/// the file (or `buffer` is empty). The file's own cursor is not used, and not moved except on
/// Windows. May wait for the disk.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    copy::read_at(file, buffer, offset)
}

/// Returns how many files and sockets this process may have open. `None`: there is no such limit.
pub(crate) fn descriptor_limit() -> Option<u64> {
    backend::descriptor_limit()
}

/// Raises [`descriptor_limit`] as far as the system allows and a server can use. Never lowers it.
/// Returns the new limit.
pub(crate) fn raise_descriptor_limit() -> io::Result<Option<u64>> {
    backend::raise_descriptor_limit()
}

/// The processor times of a thread, as the system counts them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadTimes {
    /// Time on a processor.
    pub(crate) ran: Duration,
    /// Time waiting for a processor.
    pub(crate) waited: Duration,
}

/// The times of the calling thread, where the system tells them.
pub(crate) fn thread_times() -> Option<ThreadTimes> {
    backend::thread_times()
}

/// Returns the seconds since the start of 1970, from a cheap clock that may be some milliseconds
/// late.
pub(crate) fn unix_time() -> u64 {
    backend::unix_time()
}

/// Registers or deregisters a socket. If another crate enables it, `mio` logs this through the
/// logger of the program. If the logger panics, only this call fails.
fn sheltered(call: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    catch(call)
        .unwrap_or_else(|panic| Err(io::Error::other(format!("what was told of it panicked: {panic}"))))
}
