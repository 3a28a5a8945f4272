//! The two kinds of server.

use std::io;

use crate::http::{BaseHttpRequestHandler, Http};
use crate::raw::{BaseRequestHandler, Raw};
use crate::sealed::Sealed;
use crate::server::Server;
use crate::server::address::ToListenAddresses;
use crate::server::builder::Builder;
use crate::server::factory::HandlerFactory;

/// A server for any TCP protocol. Its handlers get the connection as a stream.
///
/// ```
/// use std::io::{self, Read, Write};
/// use std::net::TcpStream;
/// use serve_forever::{BaseRequestHandler, Stream, TcpServer};
///
/// struct Greeter;
///
/// impl BaseRequestHandler for Greeter {
///     fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
///         request.write_all(b"hello\n")
///     }
/// }
///
/// let server = TcpServer::bind(("127.0.0.1", 0), || Greeter)?;
/// let mut client = TcpStream::connect(server.server_addresses()[0])?;
/// server.handle_request()?;
/// let mut text = String::new();
/// client.read_to_string(&mut text)?;
/// assert_eq!(text, "hello\n");
/// # Ok::<(), io::Error>(())
/// ```
pub type TcpServer<H> = Server<Raw<H>>;

/// An HTTP server.
///
/// ```no_run
/// use serve_forever::{HttpServer, SimpleHttpRequestHandler};
///
/// HttpServer::bind(("localhost", 8080), SimpleHttpRequestHandler::new)?.serve_forever()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub type HttpServer<H> = Server<Http<H>>;

impl<H: BaseHttpRequestHandler + 'static> Server<Http<H>> {
    /// Makes an HTTP server that listens on every address of `address` and gets a new handler from
    /// `factory` for each request.
    ///
    /// # Errors
    ///
    /// Fails as [`Builder::bind`] does.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let server = HttpServer::bind(("127.0.0.1", 0), handler)?;
    /// assert_eq!(server.server_addresses().len(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind<A, F, M>(address: A, factory: F) -> io::Result<Self>
    where
        A: ToListenAddresses,
        F: HandlerFactory<M, Handler = H>,
    {
        Self::builder(factory).bind(address)
    }

    /// Returns a [`Builder`] for an HTTP server.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let server = HttpServer::builder(handler).timeout(Duration::from_millis(1)).bind(("127.0.0.1", 0))?;
    /// assert!(!server.handle_request()?, "nobody came within the timeout");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn builder<F, M>(factory: F) -> Builder<Http<H>>
    where
        F: HandlerFactory<M, Handler = H>,
    {
        let copies = factory.makes_copies(Sealed::TOKEN);
        Builder::new(Http::new(move || factory.make(), copies))
    }
}

impl<H: BaseRequestHandler + 'static> Server<Raw<H>> {
    /// Makes a TCP server that listens on every address of `address` and gets a new handler from
    /// `factory` for each connection.
    ///
    /// # Errors
    ///
    /// Fails as [`Builder::bind`] does.
    ///
    /// ```
    /// use std::io;
    /// use std::net::TcpStream;
    /// use serve_forever::{BaseRequestHandler, Stream, TcpServer};
    ///
    /// struct Discard;
    ///
    /// impl BaseRequestHandler for Discard {
    ///     fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
    ///         io::copy(request, &mut io::sink()).map(drop)
    ///     }
    /// }
    ///
    /// let server = TcpServer::bind(("127.0.0.1", 0), || Discard)?;
    /// drop(TcpStream::connect(server.server_addresses()[0])?);
    /// assert!(server.handle_request()?);
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn bind<A, F, M>(address: A, factory: F) -> io::Result<Self>
    where
        A: ToListenAddresses,
        F: HandlerFactory<M, Handler = H>,
    {
        Self::builder(factory).bind(address)
    }

    /// Returns a [`Builder`] for a TCP server.
    ///
    /// ```
    /// # use std::io;
    /// # use std::time::Duration;
    /// # use serve_forever::{BaseRequestHandler, Stream, TcpServer};
    /// # struct Handler;
    /// # impl BaseRequestHandler for Handler {
    /// #     fn handle(&mut self, _: &mut Stream) -> io::Result<()> { Ok(()) }
    /// # }
    /// let server = TcpServer::builder(|| Handler)
    ///     .max_connections(100)
    ///     .timeout(Duration::from_millis(1))
    ///     .bind(("127.0.0.1", 0))?;
    /// assert!(!server.handle_request()?, "nobody came within the timeout");
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn builder<F, M>(factory: F) -> Builder<Raw<H>>
    where
        F: HandlerFactory<M, Handler = H>,
    {
        Builder::new(Raw::new(move || factory.make()))
    }
}
