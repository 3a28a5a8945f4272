//! A connection in the hands of a handler.

mod halves;

use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::server::handle::ServerHandle;
use crate::server::seat::Seat;
use crate::sys::NO_ADDRESS;
use crate::transport::Transport;

pub use self::halves::{ReadHalf, WriteHalf};

/// A connection to a client, read and written in plain blocking code.
///
/// While it waits, only the thread of its handler waits. It has no timeouts unless they are set.
///
/// Handlers of a `TcpServer` get a stream, and [`Exchange::upgrade`](crate::Exchange::upgrade)
/// turns an HTTP connection into one.
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
    read: ReadHalf,
    write: WriteHalf,
}

/// The state that the two halves share. The connection belongs to them until both are dropped.
struct Connected {
    transport: Arc<Transport>,
    seat: Seat<'static>,
    server: ServerHandle,
    client: SocketAddr,
    /// The owner, which is told of the end.
    owner: Option<Arc<dyn Owner>>,
}

/// The owner of a connection, before and after it is a stream.
pub(crate) trait Owner: Send + Sync {
    /// The connection broke: the client has reset it, or cannot be reached any more.
    fn client_left(&self);

    /// The stream was dropped. `deregistered`: it has taken the socket out of the poller.
    fn stream_ended(&self, deregistered: bool);
}

impl Stream {
    /// Makes a stream whose first bytes `early` were received already.
    pub(crate) fn new(
        transport: Arc<Transport>,
        seat: Seat<'static>,
        server: ServerHandle,
        early: Vec<u8>,
    ) -> Self {
        let client = transport.client();
        Self::of(Connected { transport, seat, server, client, owner: None }, early)
    }

    /// Makes a stream that tells `owner` of its end, and whose first bytes `early` were received
    /// already.
    pub(crate) fn lent(
        transport: Arc<Transport>,
        seat: Seat<'static>,
        server: ServerHandle,
        client: SocketAddr,
        early: Vec<u8>,
        owner: Arc<dyn Owner>,
    ) -> Self {
        Self::of(Connected { transport, seat, server, client, owner: Some(owner) }, early)
    }

    fn of(connected: Connected, early: Vec<u8>) -> Self {
        let connected = Arc::new(connected);
        Self { read: ReadHalf::new(Arc::clone(&connected), early), write: WriteHalf::new(connected) }
    }

    /// Lends both directions.
    pub(crate) fn halves(&mut self) -> (&mut ReadHalf, &mut WriteHalf) {
        (&mut self.read, &mut self.write)
    }

    pub(crate) fn seat(&self) -> &Seat<'static> {
        &self.connected().seat
    }

    fn connected(&self) -> &Connected {
        self.write.connected()
    }

    /// Splits the stream into its two directions, each for a thread of its own. One can wait for
    /// the client while the other writes.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::net::TcpStream;
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(101).send_header("Upgrade", "echo").end_headers()?;
    ///     let (mut read, mut write) = http.upgrade()?.split();
    ///     std::thread::spawn(move || write.write_all(b"Welcome"));
    ///     io::copy(&mut read, &mut io::sink())?;
    ///     Ok(())
    /// });
    /// # let server = HttpServer::bind(("127.0.0.1", 0), handler)?;
    /// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// # client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")?;
    /// # client.shutdown(std::net::Shutdown::Write)?;
    /// # server.handle_request()?;
    /// # let mut text = String::new();
    /// # client.read_to_string(&mut text)?;
    /// # assert!(text.ends_with("\r\n\r\nWelcome"), "{text}");
    /// # Ok::<(), io::Error>(())
    /// ```
    #[must_use]
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        (self.read, self.write)
    }

    /// How long a read waits for the client before it fails with
    /// [`TimedOut`](io::ErrorKind::TimedOut). `None`, the default: for ever.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::net::TcpStream;
    /// # use std::time::Duration;
    /// # use serve_forever::{BaseRequestHandler, Stream, TcpServer};
    /// # #[derive(Clone)]
    /// # struct Handler;
    /// # impl BaseRequestHandler for Handler {
    /// fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
    ///     request.set_read_timeout(Some(Duration::from_millis(1)));
    ///     match request.read(&mut [0; 100]) {
    ///         Err(error) if error.kind() == io::ErrorKind::TimedOut => request.write_all(b"Still there?"),
    ///         result => result.map(drop),
    ///     }
    /// }
    /// # }
    /// # let builder = TcpServer::builder(Handler).linger_timeout(Duration::from_millis(1));
    /// # let server = builder.bind(("127.0.0.1", 0))?;
    /// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// # server.handle_request()?;
    /// # let mut text = String::new();
    /// # client.read_to_string(&mut text)?;
    /// # assert_eq!(text, "Still there?");
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.read.set_timeout(timeout);
    }

    /// How long a write waits for the client before it fails with
    /// [`TimedOut`](io::ErrorKind::TimedOut). `None`, the default: for ever.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::net::TcpStream;
    /// # use std::time::Duration;
    /// # use serve_forever::{BaseRequestHandler, Stream, TcpServer};
    /// # #[derive(Clone)]
    /// # struct Handler;
    /// # impl BaseRequestHandler for Handler {
    /// fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
    ///     request.set_write_timeout(Some(Duration::from_millis(1)));
    ///     loop {
    ///         // A client that takes nothing ends this with `TimedOut`.
    ///         request.write_all(&[0; 64 * 1024])?;
    ///     }
    /// }
    /// # }
    /// # let builder = TcpServer::builder(Handler).linger_timeout(Duration::from_millis(1));
    /// # let server = builder.bind(("127.0.0.1", 0))?;
    /// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// # assert!(server.handle_request()?);
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.write.set_timeout(timeout);
    }

    /// Returns the address of the client: Python's `client_address`. It is a `Result` as everywhere
    /// in `std`, but never an error. It is `0.0.0.0:0` on a [Unix socket](Self::is_unix).
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::net::TcpStream;
    /// # use serve_forever::{BaseRequestHandler, Stream, TcpServer};
    /// # #[derive(Clone)]
    /// # struct Handler;
    /// # impl BaseRequestHandler for Handler {
    /// fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
    ///     let client = request.peer_addr()?;
    ///     write!(request, "You are {client}")
    /// }
    /// # }
    /// # let server = TcpServer::bind(("127.0.0.1", 0), Handler)?;
    /// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// # client.shutdown(std::net::Shutdown::Write)?;
    /// # server.handle_request()?;
    /// # let mut text = String::new();
    /// # client.read_to_string(&mut text)?;
    /// # assert_eq!(text, format!("You are {}", client.local_addr()?));
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.connected().client)
    }

    /// Whether the client came by a [Unix socket](crate::Builder::unix_socket): then neither side
    /// has an address.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::net::TcpStream;
    /// # use serve_forever::{BaseRequestHandler, Stream, TcpServer};
    /// # #[derive(Clone)]
    /// # struct Handler;
    /// # impl BaseRequestHandler for Handler {
    /// fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
    ///     if request.is_unix() {
    ///         return request.write_all(b"You are on this machine");
    ///     }
    ///     let client = request.peer_addr()?;
    ///     write!(request, "You are {client}")
    /// }
    /// # }
    /// # let server = TcpServer::bind(("127.0.0.1", 0), Handler)?;
    /// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// # client.shutdown(std::net::Shutdown::Write)?;
    /// # server.handle_request()?;
    /// # let mut text = String::new();
    /// # client.read_to_string(&mut text)?;
    /// # assert_eq!(text, format!("You are {}", client.local_addr()?));
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn is_unix(&self) -> bool {
        self.connected().client == NO_ADDRESS
    }

    /// Returns the address of the server. It is `0.0.0.0:0` on a Unix socket, and never an error.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::net::TcpStream;
    /// # use serve_forever::{BaseRequestHandler, Stream, TcpServer};
    /// # #[derive(Clone)]
    /// # struct Handler;
    /// # impl BaseRequestHandler for Handler {
    /// fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
    ///     let port = request.local_addr()?.port();
    ///     write!(request, "This is port {port}")
    /// }
    /// # }
    /// # let server = TcpServer::bind(("127.0.0.1", 0), Handler)?;
    /// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// # client.shutdown(std::net::Shutdown::Write)?;
    /// # server.handle_request()?;
    /// # let mut text = String::new();
    /// # client.read_to_string(&mut text)?;
    /// # assert_eq!(text, format!("This is port {}", server.server_addresses()[0].port()));
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.connected().transport.local)
    }

    /// Returns the handle of the server: its addresses, its state, and how to stop it.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::net::TcpStream;
    /// # use std::sync::atomic::{AtomicU64, Ordering};
    /// # use serve_forever::{BaseRequestHandler, Stream, TcpServer};
    /// # #[derive(Clone)]
    /// # struct Handler;
    /// # impl BaseRequestHandler for Handler {
    /// fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
    ///     let visits = request.server().state::<AtomicU64>().fetch_add(1, Ordering::Relaxed) + 1;
    ///     write!(request, "visit {visits}")
    /// }
    /// # }
    /// # let server = TcpServer::bind(("127.0.0.1", 0), Handler)?;
    /// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// # client.shutdown(std::net::Shutdown::Write)?;
    /// # server.handle_request()?;
    /// # let mut text = String::new();
    /// # client.read_to_string(&mut text)?;
    /// # assert_eq!(text, "visit 1");
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn server(&self) -> &ServerHandle {
        &self.connected().server
    }

    /// Tells the client that nothing more will come. The stream can still be read.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::net::TcpStream;
    /// # use std::sync::Mutex;
    /// # use serve_forever::{BaseRequestHandler, Stream, TcpServer};
    /// # #[derive(Clone)]
    /// # struct Handler;
    /// # impl BaseRequestHandler for Handler {
    /// fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
    ///     request.write_all(b"Your name?")?;
    ///     request.shutdown_write();
    ///     let mut name = String::new();
    ///     request.read_to_string(&mut name)?;
    /// #     request.server().state::<Mutex<String>>().lock().unwrap().push_str(&name);
    ///     Ok(())
    /// }
    /// # }
    /// # let server = TcpServer::bind(("127.0.0.1", 0), Handler)?;
    /// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// # std::thread::scope(|scope| {
    /// #     let running = scope.spawn(|| server.handle_request());
    /// #     let mut text = String::new();
    /// #     client.read_to_string(&mut text)?;
    /// #     assert_eq!(text, "Your name?");
    /// #     client.write_all(b"Ada")?;
    /// #     client.shutdown(std::net::Shutdown::Write)?;
    /// #     running.join().unwrap()
    /// # })?;
    /// # assert_eq!(*server.handle().state::<Mutex<String>>().lock().unwrap(), "Ada");
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn shutdown_write(&mut self) {
        self.write.shutdown_write();
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read.read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write.write(bytes)
    }

    /// Does nothing: what is written is sent at once.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        if let Some(owner) = &self.owner {
            owner.stream_ended(self.seat.is_deregistered());
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("peer_addr", &self.connected().client).finish_non_exhaustive()
    }
}
