//! What the engine tests share beyond the wire tests' support: a server whose handle is at hand,
//! and ways to wait for what it does without guessing how long that takes.

#![allow(dead_code)] // every test crate uses its own part of this

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serve_forever::{
    AccessLog, BaseHttpRequestHandler, BaseRequestHandler, Builder, Http, HttpServer, Protocol, Raw, Server,
    ServerHandle, ServerStats, TcpServer,
};

use crate::support::waits::joined;
use crate::support::{Client, Response};

/// No test waits for this: it only ends one that would otherwise hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A timeout that is never to come.
pub(crate) const NEVER: Duration = Duration::from_secs(600);

/// A request that every handler of these tests answers at once with `fast`.
pub(crate) const FAST: &str = "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n";

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// A server that runs until this is dropped.
pub(crate) struct Served {
    addresses: Vec<SocketAddr>,
    pub(crate) handle: ServerHandle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

pub(crate) fn http<H: BaseHttpRequestHandler + 'static>(
    factory: impl Fn() -> H + Send + Sync + 'static,
    configure: impl FnOnce(Builder<Http<H>>) -> Builder<Http<H>>,
) -> Served {
    let builder =
        HttpServer::builder(factory).access_log(AccessLog::off()).head_timeout(NEVER).idle_timeout(NEVER);
    run(configure(builder).bind(("127.0.0.1", 0)).expect("a free port"))
}

pub(crate) fn raw<H: BaseRequestHandler + 'static>(
    factory: impl Fn() -> H + Send + Sync + 'static,
    configure: impl FnOnce(Builder<Raw<H>>) -> Builder<Raw<H>>,
) -> Served {
    run(configure(TcpServer::builder(factory)).bind(("127.0.0.1", 0)).expect("a free port"))
}

pub(crate) fn run<P: Protocol>(server: Server<P>) -> Served {
    let (addresses, handle) = (server.server_addresses(), server.handle());
    Served { addresses, handle, thread: Some(thread::spawn(move || server.serve_forever())) }
}

impl Served {
    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    pub(crate) fn stats(&self) -> ServerStats {
        self.handle.stats()
    }

    /// Sends this on a connection of its own, which is to live as long as the answer is awaited.
    pub(crate) fn send(&self, request: impl AsRef<[u8]>) -> Client {
        let mut client = self.connect();
        client.send(request);
        client
    }

    /// The first response to this on a connection of its own.
    #[track_caller]
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Response {
        self.send(request).response()
    }

    /// A fast request is answered.
    #[track_caller]
    pub(crate) fn is_alive(&self) {
        let response = self.ask(FAST);
        assert_eq!((response.code(), response.text().as_str()), (200, "fast"));
    }

    /// Waits until the statistics say so.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, reached: impl Fn(ServerStats) -> bool) {
        wait_until(what, || reached(self.stats()));
    }

    /// `serve_forever` returns, after a shutdown that something else asks for.
    #[track_caller]
    pub(crate) fn returns(&mut self) {
        let thread = self.thread.take().expect("it is asked once");
        wait_until("serve_forever returns", || thread.is_finished());
        thread.join().expect("the server does not panic").expect("serve_forever returns without an error");
    }

    #[track_caller]
    pub(crate) fn shut_down(mut self) {
        self.handle.shutdown();
        self.returns();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.handle.shutdown();
        let Some(thread) = self.thread.take() else { return };
        let Some(result) = joined("the end of the server", thread) else { return };
        if !thread::panicking() {
            result.expect("the server does not panic").expect("serve_forever returns without an error");
        }
    }
}

/// Looks again and again until it is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !reached() {
        assert!(begin.elapsed() < PATIENCE, "this does not come to pass: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Counts those that are inside, and keeps them there until it is opened.
#[derive(Default)]
pub(crate) struct Room {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    inside: usize,
    most: usize,
    open: bool,
}

impl Room {
    /// Stays inside until [`Room::open`].
    pub(crate) fn stay(&self) {
        let mut state = self.lock();
        state.inside += 1;
        state.most = state.most.max(state.inside);
        self.changed.notify_all();
        state = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !state.open)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        state.inside -= 1;
        self.changed.notify_all();
    }

    /// Waits until there are so many inside at the same time.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) {
        let state = self.lock();
        let (state, timeout) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| state.inside < count)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "only {} of {count} came in", state.inside);
    }

    pub(crate) fn inside(&self) -> usize {
        self.lock().inside
    }

    /// How many there were at a time.
    pub(crate) fn most(&self) -> usize {
        self.lock().most
    }

    pub(crate) fn open(&self) {
        self.lock().open = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a room whatever becomes of the test, so that a failed one ends at once.
pub(crate) struct OpenAtEnd<'a>(pub(crate) &'a Room);

impl Drop for OpenAtEnd<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// Connects from that address of the loopback network.
#[track_caller]
pub(crate) fn connect_from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((source, 0)).into()).expect("it is a loopback address");
    socket.connect(&to.into()).expect("the server accepts");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("read timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("write timeout");
    stream
}

/// Reads the status line of the next response, and no further.
#[track_caller]
pub(crate) fn status(stream: &mut TcpStream) -> u16 {
    let mut start = [0; 12];
    stream.read_exact(&mut start).expect("a response begins");
    let text = String::from_utf8_lossy(&start);
    let code = text.strip_prefix("HTTP/1.1 ").and_then(|code| code.parse().ok());
    code.unwrap_or_else(|| panic!("not a status line: {text:?}"))
}

/// How long the head of a 200 is that a handler of `support` sends with this field.
pub(crate) fn head_length(field: &str) -> usize {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    format!("HTTP/1.1 200 OK\r\nServer: wire\r\nDate: {date}\r\n{field}\r\n\r\n").len()
}
