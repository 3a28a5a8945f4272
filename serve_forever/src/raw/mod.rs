//! Raw TCP: handlers get the stream of a connection.

mod connection;
mod handler;
mod stream_handler;

use std::fmt;

use crate::server::config::Config;
use crate::server::hooks::Guarded;
use crate::server::protocol::{Admitted, NoJob, Protocol};

pub use handler::BaseRequestHandler;
pub use stream_handler::{StreamHandler, StreamRequest, StreamRequestHandler};

use connection::RawConnection;

/// The protocol of a [`TcpServer`](crate::TcpServer): raw TCP with handlers of the type `H`.
///
/// ```
/// use std::io;
/// use serve_forever::{BaseRequestHandler, Raw, Server, Stream, TcpServer};
///
/// struct HangUp;
///
/// impl BaseRequestHandler for HangUp {
///     fn handle(&mut self, _: &mut Stream) -> io::Result<()> {
///         Ok(())
///     }
/// }
///
/// let server: Server<Raw<HangUp>> = TcpServer::bind(("localhost", 0), || HangUp)?;
/// assert!(!server.server_addresses().is_empty());
/// # Ok::<(), io::Error>(())
/// ```
pub struct Raw<H> {
    make: Guarded<Box<dyn Fn() -> H + Send + Sync>>,
}

impl<H> Raw<H> {
    pub(crate) fn new(make: impl Fn() -> H + Send + Sync + 'static) -> Self {
        Self { make: Guarded::new(Box::new(make)) }
    }

    fn make(&self) -> H {
        (self.make)()
    }
}

impl<H: BaseRequestHandler + 'static> Protocol for Raw<H> {
    type Connection = RawConnection;
    type Job = NoJob;
    type Scratch = ();

    /// Raw handlers may hold their threads for ever, so half of the threads are reserved.
    const LONG_LIVED: bool = true;

    fn scratch(&self, _: &Config) {}

    fn connect(&self, admitted: Admitted) -> RawConnection {
        RawConnection::new(admitted)
    }
}

impl<H> fmt::Debug for Raw<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw").finish_non_exhaustive()
    }
}
