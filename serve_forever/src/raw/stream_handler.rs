//! Handlers that read and write a connection like a file.

use std::fmt;
use std::io::{self, BufReader};
use std::net::SocketAddr;
use std::time::Duration;

use crate::server::handle::ServerHandle;
use crate::stream::{ReadHalf, Stream, WriteHalf};

use super::BaseRequestHandler;

/// Handles one TCP connection, line by line: Python's `StreamRequestHandler`. A server gets it in a
/// [`StreamHandler`].
///
/// For `setup` and `finish`, or another buffer, implement [`BaseRequestHandler`].
///
/// ```
/// use std::io::{self, BufRead, Read, Write};
/// use std::net::{Shutdown, TcpStream};
/// use std::time::Duration;
/// use serve_forever::{StreamHandler, StreamRequest, StreamRequestHandler, TcpServer};
///
/// struct Upper;
///
/// impl StreamRequestHandler for Upper {
///     fn timeout(&self) -> Option<Duration> {
///         Some(Duration::from_secs(30))
///     }
///
///     fn handle(&mut self, request: &mut StreamRequest) -> io::Result<()> {
///         let mut line = String::new();
///         while request.rfile.read_line(&mut line)? > 0 {
///             request.wfile.write_all(line.to_uppercase().as_bytes())?;
///             line.clear();
///         }
///         Ok(())
///     }
/// }
///
/// let server = TcpServer::bind(("127.0.0.1", 0), || StreamHandler(Upper))?;
/// let mut client = TcpStream::connect(server.server_addresses()[0])?;
/// client.write_all(b"tea\nmilk\n")?;
/// client.shutdown(Shutdown::Write)?;
/// server.handle_request()?;
/// let mut text = String::new();
/// client.read_to_string(&mut text)?;
/// assert_eq!(text, "TEA\nMILK\n");
/// # Ok::<(), io::Error>(())
/// ```
pub trait StreamRequestHandler {
    /// How long a read or a write waits for the client before it fails with
    /// [`TimedOut`](io::ErrorKind::TimedOut). Called once for every connection. Default: `None`,
    /// for ever.
    ///
    /// ```
    /// # use std::io::{self, BufRead, Read};
    /// # use std::net::TcpStream;
    /// # use std::time::Duration;
    /// # use serve_forever::{StreamHandler, StreamRequest, StreamRequestHandler, TcpServer};
    /// # #[derive(Clone)]
    /// # struct Handler;
    /// # impl StreamRequestHandler for Handler {
    /// fn timeout(&self) -> Option<Duration> {
    ///     Some(Duration::from_millis(1))
    /// }
    /// # fn handle(&mut self, request: &mut StreamRequest) -> io::Result<()> {
    /// #     let error = request.rfile.read_line(&mut String::new()).expect_err("nobody says anything");
    /// #     assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    /// #     Ok(())
    /// # }
    /// # }
    /// # let builder = TcpServer::builder(StreamHandler(Handler)).linger_timeout(Duration::from_millis(1));
    /// # let server = builder.bind(("127.0.0.1", 0))?;
    /// # let client = TcpStream::connect(server.server_addresses()[0])?;
    /// # assert!(server.handle_request()?);
    /// # Ok::<(), io::Error>(())
    /// ```
    fn timeout(&self) -> Option<Duration> {
        None
    }

    /// Handles the connection, which ends when this returns. Errors are reported to
    /// [`handle_error`](crate::Builder::handle_error), unless the client has only left.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::net::{Shutdown, TcpStream};
    /// # use serve_forever::{StreamHandler, StreamRequest, StreamRequestHandler, TcpServer};
    /// # #[derive(Clone)]
    /// # struct Handler;
    /// # impl StreamRequestHandler for Handler {
    /// fn handle(&mut self, request: &mut StreamRequest) -> io::Result<()> {
    ///     io::copy(&mut request.rfile, &mut request.wfile).map(drop)
    /// }
    /// # }
    /// # let server = TcpServer::bind(("127.0.0.1", 0), StreamHandler(Handler))?;
    /// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// # client.write_all(b"tea")?;
    /// # client.shutdown(Shutdown::Write)?;
    /// # server.handle_request()?;
    /// # let mut text = String::new();
    /// # client.read_to_string(&mut text)?;
    /// # assert_eq!(text, "tea");
    /// # Ok::<(), io::Error>(())
    /// ```
    fn handle(&mut self, request: &mut StreamRequest<'_>) -> io::Result<()>;
}

/// A connection as two files, which can be used at the same time.
///
/// ```
/// use std::io::{self, BufRead, Write};
/// use serve_forever::StreamRequest;
///
/// /// Answers each line with its length, until one is empty.
/// fn measure(request: &mut StreamRequest) -> io::Result<()> {
///     for line in request.rfile.by_ref().lines() {
///         let line = line?;
///         if line.is_empty() {
///             break;
///         }
///         writeln!(request.wfile, "{}", line.len())?;
///     }
///     Ok(())
/// }
/// # use std::io::Read;
/// ```
pub struct StreamRequest<'s> {
    /// What the client sends: `Read` and `BufRead`.
    pub rfile: BufReader<&'s mut ReadHalf>,
    /// What the client is sent: `Write`. Nothing is buffered, so `write!` with many small pieces
    /// makes as many packets. Format them into a string first, or use a
    /// [`BufWriter`](io::BufWriter).
    pub wfile: &'s mut WriteHalf,
    client: SocketAddr,
    server: ServerHandle,
}

impl StreamRequest<'_> {
    /// The address of the client, or `0.0.0.0:0` if it came by a Unix socket.
    ///
    /// ```
    /// # use std::io::{self, Write};
    /// # use serve_forever::StreamRequest;
    /// fn greet(request: &mut StreamRequest) -> io::Result<()> {
    ///     let text = format!("Hello {}\n", request.client_address().ip());
    ///     request.wfile.write_all(text.as_bytes())
    /// }
    /// ```
    pub fn client_address(&self) -> SocketAddr {
        self.client
    }

    /// The server.
    ///
    /// ```
    /// # use std::io::{self, BufRead};
    /// # use serve_forever::StreamRequest;
    /// fn obey(request: &mut StreamRequest) -> io::Result<()> {
    ///     let mut line = String::new();
    ///     request.rfile.read_line(&mut line)?;
    ///     if line == "stop\n" {
    ///         request.server().shutdown();
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn server(&self) -> &ServerHandle {
        &self.server
    }
}

/// Makes a handler for [`TcpServer`](crate::TcpServer) of a [`StreamRequestHandler`].
///
/// ```
/// # use std::io;
/// # use serve_forever::{StreamHandler, StreamRequest, StreamRequestHandler, TcpServer};
/// struct HangUp;
///
/// impl StreamRequestHandler for HangUp {
///     fn handle(&mut self, _: &mut StreamRequest) -> io::Result<()> {
///         Ok(())
///     }
/// }
///
/// let server = TcpServer::bind(("localhost", 0), || StreamHandler(HangUp))?;
/// # Ok::<(), io::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StreamHandler<H>(pub H);

impl<H: StreamRequestHandler> BaseRequestHandler for StreamHandler<H> {
    fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
        let timeout = self.0.timeout();
        request.set_read_timeout(timeout);
        request.set_write_timeout(timeout);
        let (client, server) = (request.peer_addr()?, request.server().clone());
        let (read, write) = request.halves();
        self.0.handle(&mut StreamRequest { rfile: BufReader::new(read), wfile: write, client, server })
    }
}

impl fmt::Debug for StreamRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamRequest").field("client_address", &self.client).finish_non_exhaustive()
    }
}
