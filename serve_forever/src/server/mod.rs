//! Servers: sockets, loops, threads, permits, deadlines, limits, shutdown. This layer knows nothing
//! of HTTP.

mod accept;
pub(crate) mod access_log;
pub(crate) mod address;
mod behind_proxy;
pub(crate) mod blocking;
pub(crate) mod builder;
mod client_waits;
mod computing;
pub(crate) mod config;
mod deadlines;
mod engine;
pub(crate) mod error_report;
mod event_loop;
pub(crate) mod factory;
pub(crate) mod greeting;
pub(crate) mod handle;
pub(crate) mod handover;
pub(crate) mod hooks;
mod idle;
pub(crate) mod learned;
mod listeners;
mod peers;
pub(crate) mod protocol;
pub(crate) mod proxy_claims;

pub(crate) mod proxy_networks;
mod readers;
pub(crate) mod seat;
pub(crate) mod settings;
pub(crate) mod stats;
#[cfg(test)]
mod tests;
pub(crate) mod throughput;
pub(crate) mod unsent;
pub(crate) mod waker;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::sync::lock;
use crate::sys::Listener;
use crate::transport::Transport;

use blocking::Arrival;
use config::Config;
use engine::Engine;
use handle::ServerHandle;
use protocol::Protocol;

/// A server: [`TcpServer`](crate::TcpServer) and [`HttpServer`](crate::HttpServer) are its two
/// kinds.
///
/// It is bound when it is made, and serves when [`serve_forever`](Self::serve_forever) is called.
/// It serves many connections at the same time, so there is no separate threading server.
///
/// ```
/// # use serve_forever::{handler_fn, Exchange, HttpServer, Protocol, Result, Server};
/// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
/// /// Runs a server of either kind beside other work.
/// fn with_server<P: Protocol>(server: &Server<P>, work: impl FnOnce()) -> std::io::Result<()> {
///     std::thread::scope(|scope| {
///         let running = scope.spawn(|| server.serve_forever());
///         work();
///         server.handle().shutdown();
///         running.join().unwrap()
///     })
/// }
///
/// with_server(&HttpServer::bind(("localhost", 0), handler)?, || println!("at work"))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Server<P> {
    protocol: Arc<P>,
    config: Config,
    timeout: Option<Duration>,
    handle: ServerHandle,
    /// `None` once the server is closed.
    listeners: Mutex<Vec<Listener>>,
    /// Connections that waited when the server stopped. Calls of `handle_request` serve them.
    left_over: Mutex<VecDeque<(Arc<Transport>, SocketAddr)>>,
}

impl<P: Protocol> Server<P> {
    pub(crate) fn new(
        protocol: P,
        config: Config,
        timeout: Option<Duration>,
        handle: ServerHandle,
        listeners: Vec<Listener>,
    ) -> Self {
        Self {
            protocol: Arc::new(protocol),
            config,
            timeout,
            handle,
            listeners: Mutex::new(listeners),
            left_over: Mutex::default(),
        }
    }

    /// Serves until [`shutdown`](ServerHandle::shutdown) is called. Then it finishes the requests
    /// in progress within the [shutdown timeout](crate::Builder::shutdown_timeout) and returns. The
    /// server is closed after that, as after [`server_close`](Self::server_close).
    ///
    /// If a handler still runs at the end of that time, its connection is cut and the handler keeps
    /// its thread. A warning through the `log` facade tells how many such handlers there are.
    ///
    /// # Errors
    ///
    /// Fails if the system provides no thread or no poller. Fails with `NotConnected` if the server
    /// is closed; a shutdown closes it, too.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|_: &mut Exchange| -> Result { Ok(()) });
    /// let server = HttpServer::bind(("localhost", 0), handler)?;
    /// let handle = server.handle();
    /// std::thread::scope(|scope| {
    ///     let running = scope.spawn(|| server.serve_forever());
    ///     handle.shutdown();
    ///     running.join().unwrap()
    /// })?;
    /// assert_eq!(server.serve_forever().unwrap_err().kind(), std::io::ErrorKind::NotConnected);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn serve_forever(&self) -> io::Result<()> {
        let listeners = self.listeners()?;
        Engine::serve(&self.protocol, &self.config, &self.handle, listeners, || self.server_close())
    }

    /// Serves one connection to its end, on the calling thread. Returns false if no connection came
    /// within the [timeout](crate::Builder::timeout).
    ///
    /// A [shutdown](ServerHandle::shutdown) ends the wait. Further calls serve the connections that
    /// waited by then, one each. After that, calls fail because the server is closed.
    ///
    /// # Errors
    ///
    /// Fails if the system refuses to accept connections. Fails with `NotConnected` if the server
    /// is closed; a shutdown closes it, too.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::net::TcpStream;
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let server = HttpServer::bind(("127.0.0.1", 0), handler)?;
    /// let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    /// assert!(server.handle_request()?);
    /// let mut answer = String::new();
    /// client.read_to_string(&mut answer)?;
    /// assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn handle_request(&self) -> io::Result<bool> {
        let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left_over = lock(&self.left_over).pop_front();
            let (transport, peer) = if let Some(client) = left_over {
                client
            } else {
                let mut listeners = self.listeners()?;
                match blocking::accept(&listeners, deadline, &self.config, &self.handle)? {
                    Arrival::Client(transport, peer) => (transport, peer),
                    Arrival::Nobody => {
                        self.handle.hooks().time_out();
                        return Ok(false);
                    }
                    Arrival::Stop => {
                        self.server_close();
                        let most = listeners::most_drained(&self.config);
                        let waiting = blocking::drain(&mut listeners, most, &self.config);
                        lock(&self.left_over).extend(waiting);
                        continue;
                    }
                }
            };
            if self.config.lets_in(peer) && self.handle.hooks().verify(peer) {
                hooks::guarded("a connection", || {
                    blocking::serve(&*self.protocol, &self.config, &self.handle, &transport);
                });
                self.handle.access_log().flush();
                return Ok(true);
            }
        }
    }

    /// Returns the handle of the server, for handlers and other threads.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|_: &mut Exchange| -> Result { Ok(()) });
    /// let handle = HttpServer::bind(("localhost", 0), handler)?.handle();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Returns the addresses that the server listens on, with their real ports. A name stands for
    /// all of its addresses. There are none if the server has only [Unix
    /// sockets](Self::unix_sockets).
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|_: &mut Exchange| -> Result { Ok(()) });
    /// let server = HttpServer::bind(("127.0.0.1", 0), handler)?;
    /// println!("http://{}/", server.server_addresses()[0]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn server_addresses(&self) -> Vec<SocketAddr> {
        self.handle.server_addresses()
    }

    /// Returns the paths of the [Unix sockets](crate::Builder::unix_socket) that the server listens
    /// on, as they were given.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|_: &mut Exchange| -> Result { Ok(()) });
    /// let server = HttpServer::bind(("127.0.0.1", 0), handler)?;
    /// for path in server.unix_sockets() {
    ///     println!("{}", path.display());
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unix_sockets(&self) -> Vec<PathBuf> {
        self.handle.unix_sockets()
    }

    /// Closes the listening sockets: the port becomes free, and the file of a Unix socket is
    /// removed. A closed server cannot serve again. A server that serves right now goes on and
    /// keeps its sockets until its shutdown. A shutdown closes the server, too.
    ///
    /// A [listener that was handed over](crate::Builder::listener) is only given back. Others with
    /// a handle to it can go on using it, and the file of a Unix socket stays.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|_: &mut Exchange| -> Result { Ok(()) });
    /// let server = HttpServer::bind(("localhost", 0), handler)?;
    /// server.server_close();
    /// assert!(server.serve_forever().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn server_close(&self) {
        lock(&self.listeners).clear();
    }

    fn listeners(&self) -> io::Result<Vec<Listener>> {
        let listeners = lock(&self.listeners);
        if listeners.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "the server is closed: make a new one to serve again",
            ));
        }
        listeners.iter().map(Listener::try_clone).collect()
    }
}

impl<P> fmt::Debug for Server<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.handle.server_addresses())
            .field("unix_sockets", &self.handle.unix_sockets())
            .finish_non_exhaustive()
    }
}
