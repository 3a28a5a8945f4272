//! What unwinds through the engine itself, which nothing should: a protocol that panics wherever it
//! is called.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::ServerStats;
use crate::server::builder::Builder;
use crate::server::config::Config;
use crate::server::handle::ServerHandle;
use crate::server::learned::Kind;
use crate::server::protocol::{Admitted, Connection, Job, JobRun, Next, Protocol, Run, Sending, Turn};

use super::lines::PATIENCE;

/// More often than there are threads.
const OFTEN: usize = 40;
const THREADS: usize = 8;

/// A client sends one byte, which says what happens to it; `+` is answered with `+`.
struct Clumsy;

#[derive(Default)]
struct Sent {
    asked: u8,
    holds: bool,
}

struct Part(u8);

impl Protocol for Clumsy {
    type Connection = Sent;
    type Job = Part;
    type Scratch = Vec<u8>;

    fn scratch(&self, _: &Config) -> Vec<u8> {
        Vec::new()
    }

    fn connect(&self, _: Admitted) -> Sent {
        Sent::default()
    }
}

impl Connection<Clumsy> for Sent {
    fn turn(&mut self, cx: &mut Turn<'_, Clumsy>) -> Next {
        let mut asked = [0];
        match cx.transport.recv(&mut asked) {
            Ok(received) if received.count == 0 => return Next::Close,
            Ok(_) => self.asked = asked[0],
            Err(_) => {
                cx.readiness.read = false;
                return Next::Wait { read: true, write: false, deadline: None, idle: true };
            }
        }
        assert_ne!(self.asked, b't', "a turn");
        if matches!(self.asked, b'j' | b'J') {
            cx.jobs.push(Part(self.asked));
            return Next::Again;
        }
        // Those that hold are brief.
        let permit = !matches!(self.asked, b'h' | b'+');
        Next::Run { kind: Kind::of(&[&[self.asked]]), permit }
    }

    fn run(&mut self, cx: &mut Run<'_, Clumsy>) -> Next {
        cx.scratch.push(self.asked);
        match self.asked {
            b'r' => panic!("a run"),
            b'R' => {
                cx.seat.release();
                panic!("a run that lost its loop");
            }
            b'h' if cx.holds.is_some() => {
                self.holds = true;
                cx.holds.expect("it is there").set(true);
            }
            _ => drop(cx.transport.send(b"+", false)),
        }
        Next::Again
    }

    fn send_held(&mut self, _: &mut Sending<'_, Clumsy>) -> Option<Next> {
        assert!(!self.holds, "a send of what was held");
        None
    }

    fn park(&mut self, _: &mut Vec<u8>) {}
}

impl Job<Clumsy> for Part {
    fn kind(&self) -> Kind {
        Kind::of(&[&[self.0]])
    }

    fn run(self, cx: &mut JobRun<'_, Clumsy>) {
        if self.0 == b'J' {
            cx.seat.release();
        }
        panic!("a job");
    }

    fn refuse(self) {}
}

struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<thread::JoinHandle<std::io::Result<()>>>,
}

impl Running {
    fn new() -> Self {
        let builder = Builder::new(Clumsy).loops(1).max_threads(THREADS);
        let server = builder.bind(("127.0.0.1", 0)).expect("a free port");
        let (address, handle) = (server.server_addresses()[0], server.handle());
        Self { address, handle, thread: Some(thread::spawn(move || server.serve_forever())) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("read timeout");
        stream
    }

    /// The byte that comes back, or none where the connection ends.
    fn ask(&self, byte: u8) -> Option<u8> {
        let mut stream = self.connect();
        stream.write_all(&[byte]).expect("the server takes it");
        received(&mut stream)
    }

    #[track_caller]
    fn wait_until(&self, what: &str, reached: impl Fn(ServerStats) -> bool) {
        let begin = Instant::now();
        while !reached(self.handle.stats()) {
            assert!(begin.elapsed() < PATIENCE, "this does not come to pass: {what}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Everybody else is served, nothing is held any more, and the server stops.
    #[track_caller]
    fn must_be_whole(mut self) {
        assert_eq!(self.ask(b'+'), Some(b'+'));
        self.wait_until("nothing is held", |stats| {
            (stats.connections, stats.threads_in_user_code, stats.waiting) == (0, 0, 0)
        });
        // All permits are there: as many requests at once as there may be.
        assert_eq!(self.handle.stats().permits, THREADS - 1);
        self.handle.shutdown();
        let thread = self.thread.take().expect("it is asked once");
        let begin = Instant::now();
        while !thread.is_finished() {
            assert!(begin.elapsed() < PATIENCE, "serve_forever does not return");
            thread::sleep(Duration::from_millis(1));
        }
        thread.join().expect("it does not panic").expect("it returns without an error");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

fn received(stream: &mut TcpStream) -> Option<u8> {
    let mut byte = [0];
    match stream.read(&mut byte) {
        Ok(1) => Some(byte[0]),
        Ok(_) => None,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
            None
        }
    }
}

#[track_caller]
fn outlives(byte: u8) {
    let server = Running::new();
    for _ in 0..OFTEN {
        assert_eq!(server.ask(byte), None);
        assert_eq!(server.ask(b'+'), Some(b'+'));
    }
    server.must_be_whole();
}

#[test]
fn a_turn_that_panics_costs_its_connection_alone() {
    outlives(b't');
}

#[test]
fn a_run_that_panics_costs_its_connection_alone() {
    outlives(b'r');
}

/// The first of them lose their loop; then the kind is known to be slow, and starts on a spare
/// thread.
#[test]
fn a_run_that_panics_without_its_loop_costs_its_connection_alone() {
    outlives(b'R');
}

#[test]
fn jobs_that_panic_leave_their_counts_right() {
    let server = Running::new();
    for byte in [b'j', b'J'] {
        for _ in 0..OFTEN {
            // Its connection is not in its hands.
            let mut stream = server.connect();
            stream.write_all(&[byte, b'+']).expect("the server takes it");
            assert_eq!(received(&mut stream), Some(b'+'));
        }
    }
    server.must_be_whole();
}

#[test]
fn a_response_that_was_held_and_panics_costs_its_connection_alone() {
    let server = Running::new();
    for _ in 0..OFTEN {
        // Where they come together, some of them hold what they send.
        let mut streams: Vec<TcpStream> = (0..8).map(|_| server.connect()).collect();
        for stream in &mut streams {
            stream.write_all(b"h").expect("the server takes it");
        }
        for stream in &mut streams {
            assert!(matches!(received(stream), None | Some(b'+')));
        }
    }
    server.must_be_whole();
}
