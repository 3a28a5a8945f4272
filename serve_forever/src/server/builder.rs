//! How a server is set up.

use std::fmt;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;
use std::time::Duration;

use super::Server;
use super::access_log::AccessLog;
use super::address::{self, Sockets, ToListenAddresses};
use super::config::Config;
use super::handle::ServerHandle;
use super::error_report::ErrorReport;
use super::hooks::{Guarded, Hooks};
use super::protocol::Protocol;
use super::settings::settings;
use crate::sys::NO_ADDRESS;

/// Sets up a server: every timeout and every limit, with a default that is fit for the open
/// network. Those that only HTTP has are methods of the builder of an `HttpServer`.
///
/// Made by `HttpServer::builder` and `TcpServer::builder`; [`bind`](Self::bind) makes the server.
///
/// ```
/// use std::time::Duration;
/// use serve_forever::{handler_fn, AccessLog, Exchange, HttpServer, Result};
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
/// let server = HttpServer::builder(handler)
///     .idle_timeout(Duration::from_secs(5))
///     .max_connections(1000)
///     .access_log(AccessLog::off())
///     .bind(("localhost", 0))?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "a builder does nothing until `bind` is called"]
pub struct Builder<P> {
    protocol: P,
    pub(crate) config: Config,
    hooks: Hooks,
    pub(crate) access_log: AccessLog,
    timeout: Option<Duration>,
    sockets: Sockets,
}

impl<P: Protocol> Builder<P> {
    pub(crate) fn new(protocol: P) -> Self {
        Self {
            protocol,
            config: Config::default(),
            hooks: Hooks::default(),
            access_log: AccessLog::stderr(),
            timeout: None,
            sockets: Sockets::default(),
        }
    }

    /// Listens on every address of `address` and on the Unix sockets, and makes the server. Port 0:
    /// any free port, the same for all. With a [Unix socket](Self::unix_socket), there need be no
    /// address.
    ///
    /// Of the addresses of a name, those that this computer lacks are passed over, such as `::1` of
    /// `localhost` where there is no IPv6. Every address of a list must exist on this computer. See
    /// [`ToListenAddresses`].
    ///
    /// # Errors
    ///
    /// The name has no address, or the system does not let the server listen there; the message
    /// names the address or the path. Neither an address nor a Unix socket was given. The [PROXY
    /// protocol](Self::proxy_protocol) is required and no proxy is trusted. A limit is beyond what
    /// can be had; the message names it.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let server = HttpServer::builder(handler.clone()).bind(("127.0.0.1", 0))?;
    /// let taken = server.server_addresses()[0];
    /// assert!(HttpServer::builder(handler).bind(taken).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind(self, address: impl ToListenAddresses) -> io::Result<Server<P>> {
        self.config.check()?;
        self.config.check_proxies()?;
        let config = self.config.bounded();
        let mut sockets = self.sockets;
        let listeners = address::listen(&address, &mut sockets, &config)?;
        let mut addresses =
            listeners.iter().map(crate::sys::Listener::local_address).collect::<io::Result<Vec<_>>>()?;
        addresses.retain(|&address| address != NO_ADDRESS);
        let handle = ServerHandle::new(addresses, sockets.paths, self.access_log, self.hooks);
        Ok(Server::new(self.protocol, config, self.timeout, handle, listeners))
    }

    /// A server that listens nowhere, for what is tested without sockets.
    pub(crate) fn without_sockets(self) -> (P, Config, ServerHandle) {
        (
            self.protocol,
            self.config.bounded(),
            ServerHandle::new(Vec::new(), Vec::new(), self.access_log, self.hooks),
        )
    }
}

settings! {
    Builder<P> where P: Protocol;
    /// Time limit for a request head, counted from its first byte; then 408. A new connection must
    /// begin its first request within the same time, else it is closed without a response, as
    /// browsers open connections that they may not need. Default: 10 s.
    head_timeout: Duration = "Duration::from_secs(5)";
    /// Time in which a connection that is closed early is still read from, so that the response is
    /// not lost to a reset (RFC 9112 §9.6). Default: 2 s.
    linger_timeout: Duration = "Duration::from_secs(1)";
    /// Time that a shutdown gives to requests that are being answered. The listening sockets are
    /// closed when the shutdown begins, so another server can have the address meanwhile. A
    /// connection whose next request has not wholly arrived is closed: at once while the head is
    /// incomplete, at the end of this time while the body is. Handlers that still run then keep
    /// their threads; `serve_forever` waits some 2.5 s more for them at most. Default: 10 s.
    shutdown_timeout: Duration = "Duration::from_secs(60)";
    /// Time that a request waits for a free thread before it is refused with 503. After each
    /// quarter of it, the server ends the wait of the handler with the slowest client and gives its
    /// thread to the waiting request: that upload gets 408, that response is cut. During a
    /// shutdown, connections that still wait for room after this time, because `max_connections` or
    /// descriptors leave none, are reset. Default: 1 s.
    permit_timeout: Duration = "Duration::from_millis(200)";
    /// Bytes of a header of the [PROXY protocol](Self::proxy_protocol), whatever else the proxy
    /// tells in it included; then the connection is closed. Default: 4 KiB.
    max_proxy_header_size: usize = "512";
    /// Bytes of content in memory that the system takes ahead of what it can send to the client of
    /// a TCP connection, beside what is on its way. It limits the kernel memory that a client can
    /// hold by requesting much and reading nothing. Without it that is about 4 MiB per connection.
    /// A file above 64 KiB that is not being written to is sent without a copy, so it is not
    /// limited. Linux and Android only; elsewhere the
    /// [size of the send buffer](Self::send_buffer_size) is the limit. Default: 256 KiB.
    max_send_ahead: usize = "64 * 1024";
    /// Connections at a time. At the limit the oldest idle one is closed, else one whose client has
    /// [stopped reading](Self::stall_timeout) or does not finish its request (a head after a
    /// second, a body that brings less than 4 KiB in a second); where there is none, new ones wait.
    /// Default: 65 536, and never more than the system gives descriptors for.
    max_connections: usize = "10_000";
    /// Connections of one client address at a time; further ones get 503. Default: no limit.
    max_connections_per_address: Option<usize> = "Some(100)";
    /// Threads of the server, at least two for each [loop](Self::loops): the one that drives it and
    /// the one that takes over when a handler blocks. The others, `max_threads - 2 * loops`, are
    /// those *for handlers*. As the thread that drives a loop calls handlers too, up to
    /// `max_threads - loops` run at the same time
    /// ([`ServerStats::permits`](crate::ServerStats::permits)). Handlers of a
    /// [`TcpServer`](crate::TcpServer) get half of the threads. Default: 512.
    max_threads: usize = "64";
    /// Threads that the requests of one client address may hold when threads get scarce. Threads
    /// that hold an [upgraded](Self::max_streams) connection are not counted, neither in the limit
    /// nor in the total. At least 1. Default: half of the [threads](Self::max_threads) for
    /// handlers.
    max_permits_per_address: Option<usize> = "Some(8)";
    /// Requests per loop that may wait for a free thread, or for their turn to compute; then 503 at
    /// once. Default: 1024.
    max_waiting_requests: usize = "100";
    /// Handlers that compute at the same time, of kinds that were seen to do nothing else: so that
    /// fast requests need not wait for a processor. Further ones wait for their turn: until one is
    /// done or has computed for 50 ms, and for no longer than
    /// [`permit_timeout`](Self::permit_timeout). No request is refused because others compute,
    /// unless [`max_waiting_requests`](Self::max_waiting_requests) wait already. `None`: no turns.
    /// Default: two for each core. Only Linux, where `/proc` is there, tells who computes.
    max_computing_handlers: Option<usize> = "None";
    /// Event loops, 1024 at most. Default: one for each core.
    loops: usize = "1";
    /// Connections that the system keeps until they are accepted: the `listen` backlog. When the
    /// server stops, each listener still accepts the connections that wait in its queue. It accepts
    /// at most `max(request_queue_size, 4096)`, because new clients could keep it busy for ever.
    /// Default: 1024.
    request_queue_size: u32 = "128";
    /// Whether to listen on a port that connections of a former server still occupy. Default: true.
    /// Ignored on Windows, where the option means something dangerous.
    allow_reuse_address: bool = "false";
    /// Whether other servers may listen on the same port, if they say so too: the system shares the
    /// connections out among them, as among several processes or an old and a new version. Default:
    /// false. Where the system cannot, `bind` fails with `Unsupported`.
    allow_reuse_port: bool = "true";
    /// How long a TCP connection may be silent before the system sends a keepalive probe. Further
    /// probes follow at intervals of a quarter of this time, at most 75 s (on Linux, macOS, FreeBSD
    /// and Windows). If the peer answers none of them, as after a power cut, the system closes the
    /// connection. For streams and event streams, which have no other timeout when they are quiet.
    /// Whole seconds, rounded up, up to 32 767. Default: never.
    tcp_keepalive: Option<Duration> = "Some(Duration::from_secs(60))";
    /// Bytes that the system buffers on a TCP connection until the client has taken them. Default:
    /// the system chooses, and lets the buffer grow with the connection.
    send_buffer_size: Option<usize> = "Some(256 * 1024)";
    /// Bytes that the system buffers on a TCP connection until the server reads them. Default: the
    /// system chooses.
    receive_buffer_size: Option<usize> = "Some(256 * 1024)";
}

impl<P: Protocol> Builder<P> {
    /// How long [`handle_request`](Server::handle_request) waits for a connection. Default: for
    /// ever.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let server = HttpServer::builder(handler).timeout(Duration::from_millis(10)).bind(("localhost", 0))?;
    /// assert!(!server.handle_request()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Asked for every connection, before anything is read: false closes it. It must not block. A
    /// client of a Unix socket has the address `0.0.0.0:0`. Default: all are wanted.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let builder = HttpServer::builder(handler).verify_request(|client| client.ip().is_loopback());
    /// # builder.bind(("localhost", 0))?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn verify_request(mut self, verify: impl Fn(SocketAddr) -> bool + Send + Sync + 'static) -> Self {
        self.hooks.verify_request = Some(Guarded::new(Box::new(verify)));
        self
    }

    /// Called by [`handle_request`](Server::handle_request) when nobody came within the
    /// [timeout](Self::timeout). Default: nothing.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let server = HttpServer::builder(handler)
    ///     .timeout(Duration::from_millis(10))
    ///     .handle_timeout(|| println!("nobody came"))
    ///     .bind(("localhost", 0))?;
    /// assert!(!server.handle_request()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn handle_timeout(mut self, act: impl Fn() + Send + Sync + 'static) -> Self {
        self.hooks.handle_timeout = Some(Guarded::new(Box::new(act)));
        self
    }

    /// Told of every handler that failed or panicked. Default: `log::error!`.
    /// [`ErrorReport::source`] returns the error that the handler returned.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let builder = HttpServer::builder(handler).handle_error(|report| eprintln!("{report}"));
    /// # builder.bind(("localhost", 0))?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn handle_error(mut self, report: impl Fn(&ErrorReport) + Send + Sync + 'static) -> Self {
        self.hooks.handle_error = Some(Guarded::new(Box::new(report)));
        self
    }

    /// Listens on a Unix socket at `path` too, beside the addresses given to [`bind`](Self::bind),
    /// which may be none at all (`&[] as &[SocketAddr]`). May be called several times.
    ///
    /// The file of the socket is made by `bind` and removed when the server stops, is closed or is
    /// dropped, if it is still the same file. If a server that no longer runs left a socket file at
    /// this path, `bind` replaces the file. Where another server listens, `bind` fails with
    /// `AddrInUse`; where there is a file of another kind, with `AlreadyExists`. The directory must
    /// not let strangers write.
    ///
    /// A client of such a socket has no IP address.
    /// [`client_address`](crate::Exchange::client_address) and
    /// [`verify_request`](Self::verify_request) have `0.0.0.0:0` for it,
    /// [`is_unix`](crate::Exchange::is_unix) tells, and the log says `unix`. Limits per address do
    /// not count it. It cannot be sent a reset either, so a response of HTTP/1.0 without a length
    /// that is cut short looks complete to it.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use std::net::SocketAddr;
    /// # use std::os::unix::net::UnixStream;
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// # let path = std::env::temp_dir().join(format!("serve-forever-example-{}.sock", std::process::id()));
    /// let server = HttpServer::builder(handler).unix_socket(&path).bind(&[] as &[SocketAddr])?;
    /// let mut client = UnixStream::connect(&path)?;
    /// client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    /// assert!(server.handle_request()?);
    /// let mut answer = String::new();
    /// client.read_to_string(&mut answer)?;
    /// assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"));
    /// drop(server);
    /// assert!(!path.exists());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(unix)]
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.sockets.paths.push(path.into());
        self
    }

    /// The mode of the files of Unix sockets: who may connect. Default: what the process's `umask`
    /// leaves, as for any file that it makes. Not every system looks at the mode; all look at that
    /// of the directory.
    ///
    /// ```
    /// # use std::net::SocketAddr;
    /// # use std::os::unix::fs::PermissionsExt;
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// # let path = std::env::temp_dir().join(format!("serve-forever-mode-{}.sock", std::process::id()));
    /// let builder = HttpServer::builder(handler).unix_socket(&path).unix_socket_mode(0o660);
    /// let server = builder.bind(&[] as &[SocketAddr])?;
    /// assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o660);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(unix)]
    pub fn unix_socket_mode(mut self, mode: u32) -> Self {
        self.sockets.mode = Some(mode);
        self
    }

    /// Takes over a socket that listens already, beside the addresses given to
    /// [`bind`](Self::bind), which may be none at all (`&[] as &[SocketAddr]`): one that a
    /// supervisor made before it started this program, so that no connection is lost while it is
    /// started anew, or one whose options are set in a way of one's own. A `TcpListener` and a
    /// `UnixListener` of `std` are such sockets. May be called several times.
    ///
    /// `bind` fails with `InvalidInput` if it is no stream socket that listens.
    /// `request_queue_size` and `allow_reuse_address` do not concern it, and the file of a Unix
    /// socket stays where it is. How systemd numbers the descriptors that it passes on is known to
    /// crates such as `listenfd`, which make an owned one of a number.
    ///
    /// When the server stops it answers who waits on the socket, and gives it back: whoever else
    /// has a handle of it, a supervisor or this program, can go on accepting, and what has come by
    /// then waits for them. The socket is non-blocking for all of them from `bind` on.
    ///
    /// ```
    /// # use std::net::{SocketAddr, TcpListener};
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let listener = TcpListener::bind(("127.0.0.1", 0))?;
    /// let address = listener.local_addr()?;
    /// let server = HttpServer::builder(handler).listener(listener).bind(&[] as &[SocketAddr])?;
    /// assert_eq!(server.server_addresses(), [address]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(unix)]
    pub fn listener(mut self, listener: impl Into<std::os::fd::OwnedFd>) -> Self {
        self.sockets.adopted.push(listener.into());
        self
    }

    /// Called by [`serve_forever`](Server::serve_forever) on its own thread, at this interval.
    /// Default: not set, and nothing ticks.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let builder = HttpServer::builder(handler).service_actions(Duration::from_secs(1), || println!("tick"));
    /// # builder.bind(("localhost", 0))?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn service_actions(mut self, every: Duration, tick: impl Fn() + Send + Sync + 'static) -> Self {
        self.hooks.service_actions = Some((every, Guarded::new(Box::new(tick))));
        self
    }
}

impl<P> fmt::Debug for Builder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("config", &self.config)
            .field("sockets", &self.sockets)
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}
