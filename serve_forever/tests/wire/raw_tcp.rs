//! `TcpServer` with a `BaseRequestHandler`: any protocol over TCP.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use crate::support::{FAILSAFE, serve_raw, serve_raw_with};
use serve_forever::{BaseRequestHandler, Stream, StreamHandler, StreamRequest, StreamRequestHandler};

/// Answers each line in upper case.
struct Upper;

impl BaseRequestHandler for Upper {
    fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            if BufReader::with_capacity(1, &mut *request).read_line(&mut line)? == 0 {
                return Ok(());
            }
            request.write_all(line.to_uppercase().as_bytes())?;
        }
    }
}

#[test]
fn a_line_is_answered() {
    let server = serve_raw(|| Upper);
    let mut client = server.connect();
    client.send("hello\n");
    assert_eq!(client.take(6), b"HELLO\n");
    client.send("again\n");
    assert_eq!(client.take(6), b"AGAIN\n");
    client.half_close();
    client.ends();
}

#[test]
fn several_clients_are_served_at_the_same_time() {
    let server = serve_raw(|| Upper);
    let mut clients: Vec<_> = (0..16).map(|_| server.connect()).collect();
    // The last to come is answered while all others are still in their handlers.
    for client in clients.iter_mut().rev() {
        client.send("hello\n");
        assert_eq!(client.take(6), b"HELLO\n");
    }
}

#[test]
fn clients_in_threads_do_not_mix() {
    let server = serve_raw(|| Upper);
    thread::scope(|scope| {
        for number in 0..16 {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                for turn in 0..50 {
                    let line = format!("client {number} turn {turn}\n");
                    client.send(&line);
                    assert_eq!(client.take(line.len()), line.to_uppercase().as_bytes());
                }
            });
        }
    });
}

#[test]
fn the_server_can_speak_first() {
    struct Greeter;
    impl BaseRequestHandler for Greeter {
        fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
            request.write_all(b"220 hello\r\n")
        }
    }
    let server = serve_raw(|| Greeter);
    let mut client = server.connect();
    assert_eq!(client.rest(), b"220 hello\r\n");
}

#[test]
fn what_was_written_goes_out_before_the_handler_waits() {
    struct Prompt;
    impl BaseRequestHandler for Prompt {
        fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
            request.write_all(b"name? ")?;
            let mut name = [0; 3];
            request.read_exact(&mut name)?;
            request.write_all(&name)
        }
    }
    let server = serve_raw(|| Prompt);
    let mut client = server.connect();
    assert_eq!(client.take(6), b"name? ");
    client.send("you");
    assert_eq!(client.rest(), b"you");
}

#[test]
fn a_large_stream_passes_both_ways() {
    struct Echo;
    impl BaseRequestHandler for Echo {
        fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
            let mut all = Vec::new();
            request.read_to_end(&mut all)?;
            request.write_all(&all)
        }
    }
    let server = serve_raw(|| Echo);
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut client = server.connect();
    client.send(&bytes);
    client.half_close();
    assert!(client.rest() == bytes, "other bytes came back");
}

/// Where a [`Steps`] handler fails.
#[derive(Clone, Copy, PartialEq)]
enum Failure {
    None,
    Setup,
    Handle,
    Panic,
}

/// Reports every step it is led through.
struct Steps {
    report: Sender<&'static str>,
    failure: Failure,
}

impl Steps {
    fn step(&self, name: &'static str, fails: bool) -> io::Result<()> {
        // The test listens until it has seen all it waits for.
        let _ = self.report.send(name);
        if fails { Err(io::Error::other(name)) } else { Ok(()) }
    }
}

impl BaseRequestHandler for Steps {
    fn setup(&mut self, _request: &mut Stream) -> io::Result<()> {
        self.step("setup", self.failure == Failure::Setup)
    }

    fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
        request.write_all(b"handled\n")?;
        self.step("handle", self.failure == Failure::Handle)?;
        assert!(self.failure != Failure::Panic, "handle");
        Ok(())
    }

    fn finish(&mut self, _request: &mut Stream) -> io::Result<()> {
        self.step("finish", false)
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        let _ = self.report.send("drop");
    }
}

/// Runs one connection through such a handler.
fn steps_with(failure: Failure) -> (Vec<u8>, Receiver<&'static str>) {
    let (report, reports) = mpsc::channel();
    let server = serve_raw(move || Steps { report: report.clone(), failure });
    let answer = server.connect().rest_until_cut();
    (answer, reports)
}

#[track_caller]
fn assert_steps(reports: &Receiver<&'static str>, expected: &[&str]) {
    for step in expected {
        assert_eq!(reports.recv_timeout(FAILSAFE).as_ref(), Ok(step));
    }
    assert!(reports.try_recv().is_err(), "more steps than expected");
}

#[test]
fn setup_handle_and_finish_come_in_this_order() {
    let (answer, reports) = steps_with(Failure::None);
    assert_eq!(answer, b"handled\n");
    assert_steps(&reports, &["setup", "handle", "finish", "drop"]);
}

#[test]
fn finish_comes_also_where_handle_fails() {
    let (_, reports) = steps_with(Failure::Handle);
    assert_steps(&reports, &["setup", "handle", "finish", "drop"]);
}

#[test]
fn finish_comes_also_where_handle_panics() {
    let (_, reports) = steps_with(Failure::Panic);
    assert_steps(&reports, &["setup", "handle", "finish", "drop"]);
}

#[test]
fn where_setup_fails_nothing_else_comes() {
    let (answer, reports) = steps_with(Failure::Setup);
    assert_eq!(answer, b"");
    assert_steps(&reports, &["setup", "drop"]);
}

#[test]
fn a_handler_that_fails_ends_its_own_connection_only() {
    struct Picky;
    impl BaseRequestHandler for Picky {
        fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
            let mut wish = [0];
            request.read_exact(&mut wish)?;
            match &wish {
                b"e" => Err(io::Error::other("an error")),
                b"p" => panic!("a panic"),
                other => request.write_all(other),
            }
        }
    }
    let server = serve_raw(|| Picky);
    let mut waiting = server.connect();
    for wish in ["e", "p", "e", "p"] {
        let mut client = server.connect();
        client.send(wish);
        assert_eq!(client.rest_until_cut(), b"");
        let mut client = server.connect();
        client.send("x");
        assert_eq!(client.rest(), b"x");
    }
    waiting.send("y");
    assert_eq!(waiting.rest(), b"y");
}

#[test]
fn a_factory_that_panics_ends_one_connection_only() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static FIRST: AtomicBool = AtomicBool::new(true);
    let server = serve_raw(|| {
        assert!(!FIRST.swap(false, Ordering::SeqCst), "the first of all");
        Upper
    });
    assert_eq!(server.connect().rest_until_cut(), b"");
    let mut client = server.connect();
    client.send("x\n");
    assert_eq!(client.take(2), b"X\n");
}

#[test]
fn the_peer_is_known() {
    struct WhoAmI;
    impl BaseRequestHandler for WhoAmI {
        fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
            let peer = request.peer_addr()?;
            write!(request, "{peer}")
        }
    }
    let server = serve_raw(|| WhoAmI);
    let mut client = server.connect();
    assert_eq!(client.rest(), client.local_address().to_string().as_bytes());
}

#[test]
fn verify_request_turns_a_client_away() {
    let server = serve_raw_with(|| Upper, |builder| builder.verify_request(|_| false));
    assert_eq!(server.connect().rest_until_cut(), b"");
}

/// Tells who came, answers lines in upper case, and how it ended.
struct Lines {
    timeout: Option<Duration>,
    ends: Sender<io::Result<()>>,
}

impl StreamRequestHandler for Lines {
    fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    fn handle(&mut self, request: &mut StreamRequest<'_>) -> io::Result<()> {
        let greeting = format!("{} {}\n", request.client_address(), request.server().server_addresses()[0]);
        request.wfile.write_all(greeting.as_bytes())?;
        let end = request
            .rfile
            .by_ref()
            .lines()
            .try_for_each(|line| request.wfile.write_all((line?.to_uppercase() + "\n").as_bytes()));
        self.ends.send(end).expect("the test waits for it");
        Ok(())
    }
}

#[test]
fn a_connection_is_two_files() {
    let (ends, end) = mpsc::channel();
    let server = serve_raw(move || StreamHandler(Lines { timeout: None, ends: ends.clone() }));
    let mut client = server.connect();
    let greeting = format!("{} {}\n", client.local_address(), server.address());
    assert_eq!(client.take(greeting.len()), greeting.as_bytes());
    client.send("tea\nmi");
    assert_eq!(client.take(4), b"TEA\n");
    client.send("lk\nsugar");
    client.half_close();
    assert_eq!(client.rest(), b"MILK\nSUGAR\n");
    assert!(end.recv_timeout(FAILSAFE).expect("it returns").is_ok());
}

#[test]
fn a_silent_client_of_a_stream_handler_is_given_up() {
    let (ends, end) = mpsc::channel();
    let timeout = Some(Duration::from_millis(20));
    let server = serve_raw(move || StreamHandler(Lines { timeout, ends: ends.clone() }));
    let mut client = server.connect();
    client.send("tea\nnot a line");
    let error = end.recv_timeout(FAILSAFE).expect("it returns").expect_err("nothing more comes");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(client.rest().ends_with(b"\nTEA\n"));
}
