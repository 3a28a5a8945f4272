//! A connection in the hands of a handler.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::server::handle::ServerHandle;
use crate::server::seat::Seat;
use crate::sys::Interest;
use crate::transport::Transport;

/// A connection to a client, read and written in plain blocking code.
///
/// While it waits, the thread of its handler waits, and no other. There are no time-outs unless they are set.
///
/// ```no_run
/// use std::io::{self, Read, Write};
/// use std::time::Duration;
/// use serve_forever::{BaseRequestHandler, Stream};
///
/// struct Echo;
///
/// impl BaseRequestHandler for Echo {
///     fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
///         request.set_read_timeout(Some(Duration::from_secs(60)));
///         let mut buffer = [0; 4096];
///         loop {
///             let count = request.read(&mut buffer)?;
///             if count == 0 {
///                 return Ok(());
///             }
///             request.write_all(&buffer[..count])?;
///         }
///     }
/// }
/// ```
pub struct Stream {
    transport: Arc<Transport>,
    seat: Seat<'static>,
    server: ServerHandle,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

impl Stream {
    pub(crate) fn new(transport: Arc<Transport>, seat: Seat<'static>, server: ServerHandle) -> Self {
        Self { transport, seat, server, read_timeout: None, write_timeout: None }
    }

    pub(crate) fn seat(&self) -> &Seat<'static> {
        &self.seat
    }

    /// How long a read waits for the client before it fails with [`TimedOut`](ErrorKind::TimedOut). `None`, the
    /// default: for ever.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.read_timeout = timeout;
    }

    /// How long a write waits for the client before it fails with [`TimedOut`](ErrorKind::TimedOut). `None`, the
    /// default: for ever.
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.write_timeout = timeout;
    }

    /// The client's address: Python's `client_address`. A `Result` as everywhere in `std`; known from the start,
    /// so it is never an error.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.transport.peer)
    }

    /// The server's own address, likewise.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.transport.local)
    }

    /// The server: its addresses, its state, and how to stop it.
    pub fn server(&self) -> &ServerHandle {
        &self.server
    }

    /// Tells the client that nothing more will come; it can still be read from.
    pub fn shutdown_write(&mut self) {
        self.transport.finish_writing();
    }

    fn wait(&self, interest: Interest, timeout: Option<Duration>) -> io::Result<()> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        if self.seat.wait(&self.transport, interest, deadline)? {
            Ok(())
        } else {
            Err(ErrorKind::TimedOut.into())
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.transport.recv(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(Interest::Read, self.read_timeout)?;
                }
                result => return result,
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if octets.is_empty() {
            return Ok(0);
        }
        loop {
            match self.transport.send(octets, false) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(Interest::Write, self.write_timeout)?;
                }
                result => return result,
            }
        }
    }

    /// Does nothing: what is written is sent at once.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("peer_addr", &self.transport.peer).finish_non_exhaustive()
    }
}
