//! Jobs on parts of a connection, as HTTP/2 will need them, with a protocol made for the purpose.

mod greeting;
mod lines;
mod panics;
mod readers;
mod stopping;
mod threads;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::ServerStats;
use crate::server::builder::Builder;
use crate::server::handle::ServerHandle;
use crate::server::waker::OwnedWaker;
use crate::sync::lock;

use lines::{Lines, PATIENCE, Room};

/// A timeout that is never to come.
const NEVER: Duration = Duration::from_secs(600);
/// A timeout for what is to come.
const SOON: Duration = Duration::from_millis(100);

/// A server that runs until this is dropped.
struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    room: Arc<Room>,
    kept: Arc<Mutex<Vec<OwnedWaker>>>,
    alive: Weak<()>,
    flood: Arc<AtomicUsize>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

fn serve(configure: impl FnOnce(Builder<Lines>) -> Builder<Lines>) -> Running {
    let protocol = Lines::default();
    let (room, kept, alive) =
        (Arc::clone(&protocol.room), Arc::clone(&protocol.kept), Arc::downgrade(&protocol.alive));
    let flood = Arc::clone(&protocol.flood);
    let builder = Builder::new(protocol).loops(1);
    let server = configure(builder).bind(("127.0.0.1", 0)).expect("a free port");
    let (address, handle) = (server.server_addresses()[0], server.handle());
    let thread = Some(thread::spawn(move || server.serve_forever()));
    Running { address, handle, room, kept, alive, flood, thread }
}

impl Running {
    fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    fn stats(&self) -> ServerStats {
        self.handle.stats()
    }

    #[track_caller]
    fn wait_until(&self, what: &str, reached: impl Fn(ServerStats) -> bool) {
        wait_until(what, || reached(self.stats()));
    }

    #[track_caller]
    fn returns(&mut self) {
        let thread = self.thread.take().expect("it is asked once");
        wait_until("serve_forever returns", || thread.is_finished());
        thread.join().expect("it does not panic").expect("it returns without an error");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.room.open();
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
fn wait_until(what: &str, reached: impl Fn() -> bool) {
    let begin = Instant::now();
    while !reached() {
        assert!(begin.elapsed() < PATIENCE, "this does not come to pass: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("read timeout");
        Self { reader: BufReader::new(stream) }
    }

    #[track_caller]
    fn send(&mut self, lines: &str) {
        self.reader.get_mut().write_all(lines.as_bytes()).expect("the server takes it");
    }

    /// The next answer; `None` at the end.
    #[track_caller]
    fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("an answer");
        (!line.is_empty()).then(|| line.trim_end().to_owned())
    }

    #[track_caller]
    fn expect(&mut self, answer: &str) {
        assert_eq!(self.next().as_deref(), Some(answer));
    }

    /// The next so many answers, sorted.
    #[track_caller]
    fn several(&mut self, count: usize) -> Vec<String> {
        let mut answers: Vec<String> = (0..count).map(|_| self.next().expect("an answer")).collect();
        answers.sort_unstable();
        answers
    }

    /// What still comes, until the server closes or cuts.
    fn rest(mut self) -> String {
        let mut rest = Vec::new();
        if let Err(error) = self.reader.read_to_end(&mut rest) {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
        }
        String::from_utf8_lossy(&rest).into_owned()
    }
}

#[test]
fn commands_are_answered_one_by_one_and_many_at_once() {
    let server = serve(|builder| builder);
    let mut client = server.connect();
    client.send("1 echo one\n");
    client.expect("1 one");
    let lines: Vec<String> = (0..500).map(|number| format!("{number} echo x{number}\n")).collect();
    client.send(&lines.concat());
    let mut expected: Vec<String> = (0..500).map(|number| format!("{number} x{number}")).collect();
    expected.sort_unstable();
    assert_eq!(client.several(500), expected);
}

#[test]
fn a_job_that_waits_for_a_later_frame_of_its_own_connection_gets_it() {
    let server = serve(|builder| builder);
    let mut client = server.connect();
    client.send("1 wait-for 2\n");
    server.wait_until("the job has let go of the loop", |stats| stats.threads_in_user_code == 1);
    client.send("2 echo two\n");
    assert_eq!(client.several(2), ["1 came", "2 two"]);
}

#[test]
fn a_job_that_does_not_let_go_loses_its_loop_to_the_frame_it_waits_for() {
    let server = serve(|builder| builder);
    let mut client = server.connect();
    client.send("1 burn 2\n");
    server.wait_until("the loop was taken from it", |stats| stats.hand_overs == 1);
    client.send("2 echo two\n");
    assert_eq!(client.several(2), ["1 burnt", "2 two"]);
}

#[test]
fn jobs_that_came_in_one_piece_do_not_wait_for_each_other() {
    let server = serve(|builder| builder);
    let mut client = server.connect();
    // Every one of them waits for the last.
    let lines: Vec<String> = (0..50).map(|number| format!("{number} wait-for last\n")).collect();
    client.send(&(lines.concat() + "last echo !\n"));
    let mut expected: Vec<String> = (0..50).map(|number| format!("{number} came")).collect();
    expected.push("last !".into());
    expected.sort_unstable();
    assert_eq!(client.several(51), expected);
    server.wait_until("no thread is held", |stats| stats.threads_in_user_code == 0);
}

#[test]
fn jobs_like_one_that_blocked_start_on_threads_of_their_own() {
    let server = serve(|builder| builder);
    let mut client = server.connect();
    for (round, learned) in [(0, 0), (1, 1), (2, 2)] {
        client.send(&format!("{round} wait-for go{round}\n"));
        server.wait_until("it runs apart", |stats| stats.threads_in_user_code == 1);
        client.send(&format!("go{round} echo x\n"));
        assert_eq!(client.several(2), [format!("{round} came"), format!("go{round} x")]);
        server.wait_until("it is done", |stats| stats.threads_in_user_code == 0);
        assert_eq!(server.stats().learned_starts, learned);
    }
}

#[test]
fn jobs_that_get_no_thread_in_time_are_refused() {
    let server =
        serve(|builder| builder.max_threads(4).max_permits_per_address(Some(4)).permit_timeout(SOON));
    let mut client = server.connect();
    // One thread drives.
    client.send("1 wait-for go\n2 wait-for go\n3 wait-for go\n");
    server.wait_until("three run apart", |stats| stats.threads_in_user_code == 3);
    client.send("4 wait-for go\n5 echo x\n6 wait-for go\n");
    assert_eq!(client.several(3), ["4 refused", "5 refused", "6 refused"]);
    assert_eq!(server.stats().refused, 3);
    // The connection itself is served all the time.
    client.send("7 turns\n");
    assert!(client.next().is_some_and(|answer| answer.starts_with("7 ")));
    client.send("go turns\n");
    let answers = client.several(4);
    assert_eq!(answers[..3], ["1 came", "2 came", "3 came"]);
    client.send("8 echo x\n");
    client.expect("8 x");
}

#[test]
fn jobs_that_wait_for_a_thread_start_when_there_is_one() {
    let server =
        serve(|builder| builder.max_threads(4).max_permits_per_address(Some(4)).permit_timeout(NEVER));
    let mut client = server.connect();
    client.send("1 wait-for go\n2 wait-for go\n3 wait-for go\n");
    server.wait_until("three run apart", |stats| stats.threads_in_user_code == 3);
    client.send("4 echo x\n5 wait-for go\n6 echo x\n7 turns\n");
    assert!(client.next().is_some_and(|answer| answer.starts_with("7 ")), "only this one needs no thread");
    client.send("go turns\n");
    let answers = client.several(7);
    assert_eq!(answers[..6], ["1 came", "2 came", "3 came", "4 x", "5 came", "6 x"]);
    assert_eq!(server.stats().refused, 0);
}

#[test]
fn jobs_outlive_their_connection_and_their_answers_reach_nobody_else() {
    let server = serve(|builder| builder);
    let mut first = server.connect();
    first.send("1 stay\n2 stay\n");
    wait_until("both stay", || server.room.inside() == 2);
    drop(first);
    server.wait_until("the connection is closed", |stats| stats.connections == 0);
    assert_eq!(server.room.inside(), 2);
    // It gets the slot of the first.
    let mut second = server.connect();
    second.send("1 echo x\n");
    second.expect("1 x");
    server.room.open();
    server.wait_until("both are done", |stats| stats.threads_in_user_code == 0);
    second.send("2 turns\n");
    let answer = second.next().expect("an answer");
    let turns: usize = answer[2..].parse().expect("a number");
    // At the accept, for two requests, and when the echo was done.
    assert!(turns <= 4, "{turns} turns: somebody else's waker called it");
}

#[test]
fn wakers_of_connections_and_servers_that_are_gone_do_nothing() {
    let mut server = serve(|builder| builder);
    for _ in 0..3 {
        let mut client = server.connect();
        client.send("1 keep\n2 keep\n");
        client.expect("1 kept");
        client.expect("2 kept");
    }
    server.wait_until("they are closed", |stats| stats.connections == 0);
    let wake_all = |wakers: &Mutex<Vec<OwnedWaker>>| lock(wakers).iter().for_each(OwnedWaker::wake);
    wake_all(&server.kept);
    let mut client = server.connect();
    client.send("1 echo x\n");
    client.expect("1 x");
    server.handle.shutdown();
    server.returns();
    wake_all(&server.kept);
    lock(&server.kept).clear();
    wait_until("nothing of the server is left", || server.alive.upgrade().is_none());
}

#[test]
fn wakers_that_fire_all_the_time_lose_no_answer() {
    let server = serve(|builder| builder.loops(2));
    let mut client = server.connect();
    client.send("k keep\n");
    client.expect("k kept");
    let waker = lock(&server.kept)[0].clone();
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    waker.wake();
                    thread::yield_now();
                }
            });
        }
        for number in 0..500 {
            client.send(&format!("{number} echo x\n"));
            client.expect(&format!("{number} x"));
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_shutdown_lets_jobs_finish_and_their_answers_leave() {
    let mut server = serve(|builder| builder.shutdown_timeout(NEVER));
    let mut idle = server.connect();
    idle.send("1 echo x\n");
    idle.expect("1 x");
    let mut client = server.connect();
    client.send("1 stay\n2 stay\n");
    wait_until("both stay", || server.room.inside() == 2);
    server.handle.shutdown();
    assert_eq!(idle.rest(), "");
    assert_eq!(server.room.inside(), 2);
    server.room.open();
    assert_eq!(client.several(2), ["1 stayed", "2 stayed"]);
    assert_eq!(client.rest(), "");
    server.returns();
    wait_until("nothing of the server is left", || server.alive.upgrade().is_none());
}

#[test]
fn a_shutdown_does_not_wait_for_ever_for_jobs() {
    let mut server = serve(|builder| builder.shutdown_timeout(SOON));
    let mut client = server.connect();
    client.send("1 stay\n2 stay\n");
    wait_until("both stay", || server.room.inside() == 2);
    server.handle.shutdown();
    server.returns();
    assert_eq!(client.rest(), "");
    assert_eq!(server.room.inside(), 2);
    server.room.open();
    wait_until("nothing of the server is left", || server.alive.upgrade().is_none());
}

#[test]
fn a_shutdown_ends_jobs_that_still_wait_for_a_thread() {
    let mut server = serve(|builder| {
        builder.max_threads(4).max_permits_per_address(Some(4)).permit_timeout(NEVER).shutdown_timeout(SOON)
    });
    let mut client = server.connect();
    client.send("1 stay\n2 stay\n3 stay\n");
    wait_until("three stay", || server.room.inside() == 3);
    client.send("4 stay\n5 echo x\n6 turns\n");
    assert!(client.next().is_some_and(|answer| answer.starts_with("6 ")), "only this one needs no thread");
    drop(client);
    server.wait_until("the connection is closed", |stats| stats.connections == 0);
    server.handle.shutdown();
    server.returns();
    server.room.open();
    wait_until("nothing of the server is left", || server.alive.upgrade().is_none());
}

#[test]
fn jobs_run_on_the_calling_thread_where_there_is_no_loop() {
    let server = Builder::new(Lines::default()).bind(("127.0.0.1", 0)).expect("a free port");
    let mut client = Client::connect(server.server_addresses()[0]);
    client.send("1 echo one\n2 echo two\n");
    let patient = thread::spawn(move || {
        client.expect("1 one");
        client.expect("2 two");
        client.send("3 echo three\n");
        client.expect("3 three");
    });
    assert!(server.handle_request().expect("somebody came"));
    patient.join().expect("it gets its answers");
}

#[test]
fn many_connections_with_many_jobs_get_every_answer_once() {
    let server = serve(|builder| builder.loops(2).max_threads(64));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = server.connect();
                let mut expected = Vec::new();
                for number in 0..200 {
                    let partner = number + 1;
                    let (line, answer) = match number % 5 {
                        0 => (format!("{number} wait-for {partner}\n"), format!("{number} came")),
                        2 => (format!("{number} burn {partner}\n"), format!("{number} burnt")),
                        _ => (format!("{number} echo x\n"), format!("{number} x")),
                    };
                    expected.push(answer);
                    client.send(&line);
                    if number % 7 == 0 {
                        thread::yield_now();
                    }
                }
                expected.sort_unstable();
                assert_eq!(client.several(200), expected);
            });
        }
    });
    server.wait_until("no thread is held", |stats| stats.threads_in_user_code == 0);
}
