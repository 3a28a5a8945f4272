//! Room that is asked for and cannot be made, or is made by those who need it least.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::server::handle::ServerHandle;
use crate::server::listeners::PAUSE;
use crate::server::stats::Counters;
use crate::{AccessLog, BaseHttpRequestHandler, Builder, Exchange, Http, HttpServer, Result, Source};

use super::lines::{PATIENCE, Room};
use super::{NEVER, wait_until};

/// More than the buffers between two sockets hold.
const LARGE: usize = 16 * 1024 * 1024;

/// Longer than a client must have taken nothing to have stopped.
const STALLED: Duration = Duration::from_millis(1200);

/// A large piece, and then one that takes until the room is opened.
struct Blocking {
    room: Arc<Room>,
    is_first: bool,
}

impl Source for Blocking {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if std::mem::replace(&mut self.is_first, false) {
            out.resize(LARGE, b's');
            return Ok(true);
        }
        self.room.stay();
        Ok(false)
    }
}

#[derive(Clone, Default)]
struct Pages {
    room: Arc<Room>,
}

impl BaseHttpRequestHandler for Pages {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        match http.path() {
            "/source" => {
                http.send_response(200).send_header("Content-Length", LARGE).end_headers()?;
                http.send_source(Blocking { room: Arc::clone(&self.room), is_first: true })
            }
            path => {
                let length = if path == "/memory" { LARGE } else { 1 };
                http.send_response(200).send_header("Content-Length", length).end_headers()?;
                http.wfile().write_all(&vec![b'm'; length])?;
                Ok(())
            }
        }
    }
}

/// A server that runs until this is dropped.
struct Served {
    address: SocketAddr,
    handle: ServerHandle,
    pages: Pages,
    thread: Option<JoinHandle<io::Result<()>>>,
}

fn serve(configure: impl FnOnce(Builder<Http<Pages>>) -> Builder<Http<Pages>>) -> Served {
    let pages = Pages::default();
    let shared = pages.clone();
    let builder = HttpServer::builder(move || shared.clone())
        .access_log(AccessLog::off())
        .buffer_size(2 * LARGE)
        .idle_timeout(NEVER)
        .stall_timeout(NEVER);
    let server = configure(builder).bind(("127.0.0.1", 0)).expect("a free port");
    let (address, handle) = (server.server_addresses()[0], server.handle());
    let thread = Some(thread::spawn(move || server.serve_forever()));
    Served { address, handle, pages, thread }
}

impl Served {
    fn counters(&self) -> &Counters {
        self.handle.counters()
    }

    /// A connection with a request for `path`.
    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").expect("the system takes so much");
        stream
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.pages.room.open();
        self.handle.shutdown();
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            if !thread::panicking() {
                result.expect("it does not panic").expect("it returns without an error");
            }
        }
    }
}

#[track_caller]
fn take(stream: &mut TcpStream, length: usize) {
    stream.read_exact(&mut vec![0; length]).expect("so much comes");
}

/// Skips a head. What comes after it is not touched.
#[track_caller]
fn skip_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head comes");
        head.extend(byte);
    }
}

#[test]
fn a_source_that_takes_its_time_is_neither_named_nor_asked_for_again_and_again() {
    let server = serve(|builder| builder.loops(1).max_connections(1));
    let mut reader = server.ask("/source");
    skip_head(&mut reader);
    wait_until("the client is waited for", || server.handle.stats().unsent > 0);
    let mut bytes = vec![0; 64 * 1024];
    let begin = Instant::now();
    while server.pages.room.inside() == 0 {
        assert!(begin.elapsed() < PATIENCE, "the source is not asked for its second piece");
        // The next piece is asked for before the end of this one is here: no more may come.
        reader.set_read_timeout(Some(Duration::from_millis(10))).expect("a timeout");
        let _ = reader.read(&mut bytes);
    }
    let newcomer = server.ask("/");
    let searches = || server.counters().searches.load(Ordering::Relaxed);
    // It is the time that is tested: for so long nobody has stopped.
    thread::sleep(STALLED);
    let (before, begin) = (searches(), Instant::now());
    wait_until("room is asked for", || searches() >= before + 3);
    thread::sleep(10 * PAUSE);
    let pauses = begin.elapsed().as_millis() / PAUSE.as_millis();
    let made = u128::from(searches() - before);
    assert!(made <= pauses + 2, "{made} searches in {pauses} pauses");
    assert_eq!(server.counters().named.load(Ordering::Relaxed), 0);
    drop(newcomer);
}

#[test]
fn for_a_descriptor_idle_connections_of_other_loops_go_before_readers() {
    // The loop that sees the lack of one may have the idle connection by chance, but hardly every
    // time.
    let mut all: Vec<_> = (0..4)
        .map(|_| {
            let server = serve(|builder| builder.loops(4));
            let mut readers: Vec<_> = (0..3).map(|_| server.ask("/memory")).collect();
            readers.iter_mut().for_each(skip_head);
            wait_until("they are waited for", || server.handle.stats().unsent >= 3 * LARGE);
            let mut idle = server.ask("/");
            skip_head(&mut idle);
            take(&mut idle, 1);
            // The clients leave first, so that the server does not wait for them at its end.
            (readers, idle, server)
        })
        .collect();
    // It is the pause that is tested.
    thread::sleep(STALLED);
    for (readers, idle, server) in &mut all {
        server.counters().short_of_descriptors.store(true, Ordering::Relaxed);
        // Its loop sees that.
        take(&mut readers[0], LARGE / 2);
        assert_eq!(idle.read(&mut [0]).expect("it is closed in good order"), 0);
        assert_eq!(server.handle.stats().cut, 0);
    }
}
