//! The handler of a raw connection.

use std::io;

use crate::server::factory::{ByClone, HandlerFactory};
use crate::stream::Stream;

/// Handles one TCP connection: Python's `BaseRequestHandler`.
///
/// The three methods run in their order, on one thread, with the same stream.
/// [`finish`](Self::finish) also runs if [`handle`](Self::handle) fails or panics, but not if
/// [`setup`](Self::setup) fails. After that, the server closes the connection. Errors are reported
/// to [`handle_error`](crate::Builder::handle_error), unless the client has only left.
///
/// ```no_run
/// use std::io::{self, BufRead, BufReader, Write};
/// use serve_forever::{BaseRequestHandler, Stream, TcpServer};
///
/// struct Upper;
///
/// impl BaseRequestHandler for Upper {
///     fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
///         let mut line = String::new();
///         BufReader::new(&mut *request).read_line(&mut line)?;
///         request.write_all(line.to_uppercase().as_bytes())
///     }
/// }
///
/// TcpServer::bind(("localhost", 9999), || Upper)?.serve_forever()?;
/// # Ok::<(), io::Error>(())
/// ```
pub trait BaseRequestHandler {
    /// Runs before [`handle`](Self::handle). If it fails, no other method runs.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::net::TcpStream;
    /// # use serve_forever::{BaseRequestHandler, Stream, TcpServer};
    /// # #[derive(Clone)]
    /// # struct Handler;
    /// # impl BaseRequestHandler for Handler {
    /// fn setup(&mut self, request: &mut Stream) -> io::Result<()> {
    ///     request.write_all(b"220 ready\r\n")
    /// }
    /// # fn handle(&mut self, request: &mut Stream) -> io::Result<()> { request.write_all(b"250 ok\r\n") }
    /// # }
    /// # let server = TcpServer::bind(("127.0.0.1", 0), Handler)?;
    /// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// # client.shutdown(std::net::Shutdown::Write)?;
    /// # server.handle_request()?;
    /// # let mut text = String::new();
    /// # client.read_to_string(&mut text)?;
    /// # assert_eq!(text, "220 ready\r\n250 ok\r\n");
    /// # Ok::<(), io::Error>(())
    /// ```
    fn setup(&mut self, request: &mut Stream) -> io::Result<()> {
        let _ = request;
        Ok(())
    }

    /// Handles the connection.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::net::TcpStream;
    /// # use serve_forever::{BaseRequestHandler, Stream, TcpServer};
    /// # #[derive(Clone)]
    /// # struct Handler;
    /// # impl BaseRequestHandler for Handler {
    /// fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
    ///     let mut text = String::new();
    ///     request.read_to_string(&mut text)?;
    ///     request.write_all(text.to_uppercase().as_bytes())
    /// }
    /// # }
    /// # let server = TcpServer::bind(("127.0.0.1", 0), Handler)?;
    /// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// # client.write_all(b"tea")?;
    /// # client.shutdown(std::net::Shutdown::Write)?;
    /// # server.handle_request()?;
    /// # let mut text = String::new();
    /// # client.read_to_string(&mut text)?;
    /// # assert_eq!(text, "TEA");
    /// # Ok::<(), io::Error>(())
    /// ```
    fn handle(&mut self, request: &mut Stream) -> io::Result<()>;

    /// Runs after [`handle`](Self::handle), whatever its result.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::net::TcpStream;
    /// # use serve_forever::{BaseRequestHandler, Stream, TcpServer};
    /// # #[derive(Clone)]
    /// # struct Handler;
    /// # impl BaseRequestHandler for Handler {
    /// fn handle(&mut self, _: &mut Stream) -> io::Result<()> {
    ///     Err(io::Error::other("no tea left"))
    /// }
    ///
    /// fn finish(&mut self, request: &mut Stream) -> io::Result<()> {
    ///     request.write_all(b"221 bye\r\n")
    /// }
    /// # }
    /// # let server = TcpServer::bind(("127.0.0.1", 0), Handler)?;
    /// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// # client.shutdown(std::net::Shutdown::Write)?;
    /// # server.handle_request()?;
    /// # let mut text = String::new();
    /// # client.read_to_string(&mut text)?;
    /// # assert_eq!(text, "221 bye\r\n");
    /// # Ok::<(), io::Error>(())
    /// ```
    fn finish(&mut self, request: &mut Stream) -> io::Result<()> {
        let _ = request;
        Ok(())
    }
}

impl<T: BaseRequestHandler + ?Sized> BaseRequestHandler for Box<T> {
    fn setup(&mut self, request: &mut Stream) -> io::Result<()> {
        (**self).setup(request)
    }

    fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
        (**self).handle(request)
    }

    fn finish(&mut self, request: &mut Stream) -> io::Result<()> {
        (**self).finish(request)
    }
}

impl<H> HandlerFactory<(ByClone, Stream)> for H
where
    H: BaseRequestHandler + Clone + Send + Sync + 'static,
{
    type Handler = H;

    fn make(&self) -> H {
        self.clone()
    }
}
