//! The handle of a running server, for handlers and other threads.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use crate::diagnostics;
use crate::sync::{lock, wait, wait_for};

use super::access_log::AccessLog;
use super::hooks::{Hooks, guarded};
use super::peers::Peers;
use super::stats::{Counters, ServerStats};
use super::unsent::Unsent;

/// A server, seen from a handler or from another thread: Python's `self.server`.
///
/// Cheap to clone.
///
/// ```
/// use serve_forever::{BaseHttpRequestHandler, Exchange, HttpServer, Result};
///
/// #[derive(Clone)]
/// struct Handler;
/// impl BaseHttpRequestHandler for Handler {}
///
/// let server = HttpServer::bind(("localhost", 0), Handler)?;
/// let handle = server.handle();
/// let running = std::thread::spawn(move || server.serve_forever());
/// handle.shutdown();
/// running.join().unwrap()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct ServerHandle {
    shared: Arc<Shared>,
}

struct Shared {
    addresses: Vec<SocketAddr>,
    unix_sockets: Vec<PathBuf>,
    access_log: AccessLog,
    hooks: Hooks,
    counters: Counters,
    /// Handlers that hold an upgraded connection, by client address.
    streams: Peers,
    /// Bytes of responses in memory that wait for clients.
    unsent: Unsent,
    states: Mutex<HashMap<TypeId, Arc<OnceLock<State>>>>,
    stop: Mutex<Stop>,
    stop_asked: Condvar,
    /// The server has been told to stop. From then on, responses announce the end of their
    /// connection.
    stopping: AtomicBool,
}

#[derive(Default)]
struct Stop {
    asked: bool,
    /// The wakers of threads that wait for connections in `handle_request`.
    wakers: Vec<Arc<mio::Waker>>,
}

/// A value of any type.
type State = Arc<dyn Any + Send + Sync>;

impl Drop for Shared {
    fn drop(&mut self) {
        // Values are dropped one by one, so that two panics never meet.
        for (_, state) in lock(&self.states).drain() {
            guarded("a state that was dropped", || drop(state));
        }
    }
}

impl ServerHandle {
    pub(crate) fn new(
        addresses: Vec<SocketAddr>,
        unix_sockets: Vec<PathBuf>,
        access_log: AccessLog,
        hooks: Hooks,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                addresses,
                unix_sockets,
                access_log,
                hooks,
                counters: Counters::default(),
                streams: Peers::default(),
                unsent: Unsent::default(),
                states: Mutex::default(),
                stop: Mutex::default(),
                stop_asked: Condvar::new(),
                stopping: AtomicBool::new(false),
            }),
        }
    }

    /// Asks the server to stop for good. It accepts the connections that wait already and closes
    /// its listening sockets at once, so that another server can have the address. It closes
    /// connections that are idle, also new ones that have not sent anything. Requests that have
    /// come are answered, with `Connection: close`, and get the [shutdown
    /// timeout](crate::Builder::shutdown_timeout) for that. `serve_forever` returns after that.
    ///
    /// A client whose connection is completed by the system between the last look at the queue and
    /// the close of the socket gets a reset. No system lets a server avoid that; clients try again
    /// elsewhere.
    ///
    /// Unlike the method of Python, it does not wait, so a handler may call it. If called before
    /// `serve_forever`, that call answers the waiting connections and returns.
    /// [`handle_request`](crate::Server::handle_request) stops waiting for connections.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// let server = HttpServer::bind(("localhost", 0), handler_fn(|_: &mut Exchange| -> Result { Ok(()) }))?;
    /// server.handle().shutdown();
    /// server.serve_forever()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(&self) {
        let mut stop = lock(&self.shared.stop);
        stop.asked = true;
        self.shared.stopping.store(true, Ordering::Relaxed);
        let wakers = std::mem::take(&mut stop.wakers);
        drop(stop);
        self.shared.stop_asked.notify_all();
        for waker in wakers {
            if let Err(error) = waker.wake() {
                diagnostics::error!("cannot wake a thread that waits for connections: {error}");
            }
        }
    }

    /// Returns the addresses that the server listens on, with their real ports. There are none if
    /// it has only [Unix sockets](Self::unix_sockets).
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// let server = HttpServer::bind(("127.0.0.1", 0), handler_fn(|_: &mut Exchange| -> Result { Ok(()) }))?;
    /// assert_ne!(server.handle().server_addresses()[0].port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn server_addresses(&self) -> Vec<SocketAddr> {
        self.shared.addresses.clone()
    }

    /// Returns the paths of the Unix sockets that the server listens on, as they were given.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// let server = HttpServer::bind(("127.0.0.1", 0), handler_fn(|_: &mut Exchange| -> Result { Ok(()) }))?;
    /// assert!(server.handle().unix_sockets().is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unix_sockets(&self) -> Vec<PathBuf> {
        self.shared.unix_sockets.clone()
    }

    /// Returns the value of type `T` that the server keeps, and makes it on first use. Handlers
    /// share state in this way.
    ///
    /// There is one value per type, shared by all handlers. Use a lock or an atomic to change it.
    ///
    /// ```
    /// use std::io::Write;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// #[derive(Default)]
    /// struct Visits(AtomicU64);
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let visits = http.server().state::<Visits>().0.fetch_add(1, Ordering::Relaxed) + 1;
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "visit {visits}")?;
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"visit 1"));
    /// ```
    pub fn state<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        self.state_with(T::default)
    }

    /// Like [`ServerHandle::state`] for a type without a default: `make` makes the value on first
    /// use.
    ///
    /// Other callers for the same type wait until `make` is done. So `make` must not ask for the
    /// type that it makes.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let server = HttpServer::bind(("127.0.0.1", 0), handler_fn(|_: &mut Exchange| -> Result { Ok(()) }))?;
    /// let secret = server.handle().state_with(|| String::from("first"));
    /// assert_eq!(*server.handle().state_with(|| String::from("second")), "first");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn state_with<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        // The table is locked only to find the entry, because `make` is user code and may take
        // long.
        let place = Arc::clone(lock(&self.shared.states).entry(TypeId::of::<T>()).or_default());
        let state = place.get_or_init(|| Arc::new(make()));
        match Arc::clone(state).downcast() {
            Ok(state) => state,
            Err(_) => unreachable!("the entry was made for this very type"),
        }
    }

    /// Returns the counters of the server.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let server = HttpServer::bind(("127.0.0.1", 0), handler_fn(|_: &mut Exchange| -> Result { Ok(()) }))?;
    /// assert_eq!(server.handle().stats().connections, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stats(&self) -> ServerStats {
        self.shared.counters.read(self.shared.access_log.dropped(), self.shared.unsent.bytes())
    }

    pub(crate) fn access_log(&self) -> &AccessLog {
        &self.shared.access_log
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        &self.shared.hooks
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    pub(crate) fn streams(&self) -> &Peers {
        &self.shared.streams
    }

    /// Bytes in memory that wait for clients.
    pub(crate) fn unsent(&self) -> &Unsent {
        &self.shared.unsent
    }

    /// Waits until a shutdown is asked for. With `every`, calls `tick` at that interval meanwhile.
    pub(crate) fn wait_for_shutdown(&self, every: Option<Duration>, mut tick: impl FnMut()) {
        let mut stop = lock(&self.shared.stop);
        while !stop.asked {
            let Some(every) = every else {
                stop = wait(&self.shared.stop_asked, stop);
                continue;
            };
            let timed_out;
            (stop, timed_out) = wait_for(&self.shared.stop_asked, stop, every);
            if timed_out && !stop.asked {
                drop(stop);
                tick();
                stop = lock(&self.shared.stop);
            }
        }
    }

    /// Makes a shutdown interrupt the poll of `waker`, as long as the result lives, or at once if
    /// the shutdown was asked for already.
    pub(crate) fn wake_at_stop(&self, waker: mio::Waker) -> io::Result<WakeAtStop<'_>> {
        let waker = Arc::new(waker);
        let mut stop = lock(&self.shared.stop);
        if stop.asked {
            waker.wake()?;
        } else {
            stop.wakers.push(Arc::clone(&waker));
        }
        drop(stop);
        Ok(WakeAtStop { handle: self, waker })
    }

    /// Whether the server is stopping or has stopped.
    pub(crate) fn is_stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::Relaxed)
    }
}

/// See [`ServerHandle::wake_at_stop`].
pub(crate) struct WakeAtStop<'a> {
    handle: &'a ServerHandle,
    waker: Arc<mio::Waker>,
}

impl Drop for WakeAtStop<'_> {
    fn drop(&mut self) {
        let mut stop = lock(&self.handle.shared.stop);
        stop.wakers.retain(|waker| !Arc::ptr_eq(waker, &self.waker));
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle")
            .field("addresses", &self.shared.addresses)
            .field("unix_sockets", &self.shared.unix_sockets)
            .finish_non_exhaustive()
    }
}
