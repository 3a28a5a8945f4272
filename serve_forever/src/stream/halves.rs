//! The two directions of a stream, each of which may be used by a thread of its own.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sys::{self, Interest};

use super::Connected;

/// The reading half of a [`Stream`](super::Stream) after [`split`](super::Stream::split).
///
/// ```no_run
/// # use std::io::{self, Write};
/// # use serve_forever::{BaseRequestHandler, ReadHalf, Stream, TcpServer};
/// fn count(mut half: ReadHalf) -> io::Result<u64> {
///     io::copy(&mut half, &mut io::sink())
/// }
/// ```
pub struct ReadHalf {
    connected: Arc<Connected>,
    /// Bytes that were received before the first read. Those before `at` were read already.
    early: Vec<u8>,
    at: usize,
    timeout: Option<Duration>,
}

/// The writing half of a [`Stream`](super::Stream).
///
/// ```no_run
/// # use std::io::{self, Write};
/// # use serve_forever::WriteHalf;
/// fn tick(mut half: WriteHalf) -> io::Result<()> {
///     loop {
///         half.write_all(b"tick\n")?;
///         std::thread::sleep(std::time::Duration::from_secs(1));
///     }
/// }
/// ```
pub struct WriteHalf {
    connected: Arc<Connected>,
    timeout: Option<Duration>,
}

impl ReadHalf {
    pub(super) fn new(connected: Arc<Connected>, early: Vec<u8>) -> Self {
        Self { connected, early, at: 0, timeout: None }
    }

    /// As [`Stream::set_read_timeout`](super::Stream::set_read_timeout).
    ///
    /// ```no_run
    /// # fn patient(mut half: serve_forever::ReadHalf) {
    /// half.set_timeout(Some(std::time::Duration::from_secs(60)));
    /// # }
    /// ```
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// As [`Stream::peer_addr`](super::Stream::peer_addr).
    ///
    /// # Errors
    ///
    /// Never fails.
    ///
    /// ```no_run
    /// # fn name(half: serve_forever::ReadHalf) -> std::io::Result<String> {
    /// Ok(format!("the client at {}", half.peer_addr()?))
    /// # }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.connected.client)
    }
}

impl WriteHalf {
    pub(super) fn new(connected: Arc<Connected>) -> Self {
        Self { connected, timeout: None }
    }

    /// As [`Stream::set_write_timeout`](super::Stream::set_write_timeout).
    ///
    /// ```no_run
    /// # fn patient(mut half: serve_forever::WriteHalf) {
    /// half.set_timeout(Some(std::time::Duration::from_secs(60)));
    /// # }
    /// ```
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// As [`Stream::shutdown_write`](super::Stream::shutdown_write).
    ///
    /// ```no_run
    /// # use std::io::Write;
    /// # fn finish(mut half: serve_forever::WriteHalf) -> std::io::Result<()> {
    /// half.write_all(b"goodbye\n")?;
    /// half.shutdown_write();
    /// # Ok(())
    /// # }
    /// ```
    pub fn shutdown_write(&mut self) {
        self.connected.transport.finish_writing();
    }

    pub(super) fn connected(&self) -> &Connected {
        &self.connected
    }
}

impl Connected {
    /// Tells the owner that the client is gone, if `outcome` says so.
    fn told<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &outcome
            && let Some(owner) = &self.owner
            && sys::is_disconnect(error)
        {
            owner.client_left();
        }
        outcome
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

impl Read for ReadHalf {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.at < self.early.len() {
            let count = (&self.early[self.at..]).read(buffer)?;
            self.at += count;
            if self.at == self.early.len() {
                (self.early, self.at) = (Vec::new(), 0);
            }
            return Ok(count);
        }
        loop {
            match self.connected.transport.recv(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.connected.wait(Interest::Read, self.timeout)?;
                }
                result => return self.connected.told(result.map(|received| received.count)),
            }
        }
    }
}

impl Write for WriteHalf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        loop {
            match self.connected.transport.send(bytes, false) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.connected.wait(Interest::Write, self.timeout)?;
                }
                result => {
                    // The taken bytes count as written. An error shows with the next call.
                    let _ = self.flush_taken();
                    return self.connected.told(result);
                }
            }
        }
    }

    /// Does nothing: what is written is sent at once.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteHalf {
    /// Sends what the transport has taken, because the handler may not use the stream again for
    /// long.
    fn flush_taken(&self) -> io::Result<()> {
        while self.connected.transport.has_unsent() {
            match self.connected.transport.flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.connected.wait(Interest::Write, self.timeout)?;
                }
                result => return self.connected.told(result),
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").field("peer_addr", &self.connected.client).finish_non_exhaustive()
    }
}

impl fmt::Debug for WriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").field("peer_addr", &self.connected.client).finish_non_exhaustive()
    }
}
