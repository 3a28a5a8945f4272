//! What is left to be sent when the handler has returned harms nobody else, whatever its source
//! does.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::engine::{FAST, OpenAtEnd, Room, get, http};
use crate::support::{answer, reply};
use serve_forever::Source;

/// Sends a little, very often, for some time. The client takes all of it at once.
struct Ticker {
    until: Instant,
}

impl Source for Ticker {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.extend_from_slice(b"tick\n");
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_micros(20) {
            std::hint::spin_loop();
        }
        Ok(Instant::now() < self.until)
    }
}

#[test]
fn a_response_may_take_longer_than_the_head_or_an_idle_connection_may() {
    let patience = Duration::from_millis(500);
    let server = http(
        answer(move |http| {
            http.send_response(200).end_headers()?;
            http.send_source(Ticker { until: Instant::now() + 3 * patience })
        }),
        |builder| builder.loops(1).head_timeout(patience).idle_timeout(patience),
    );
    let mut client = server.connect();
    // The connection is known to its loop, with its deadline, before the request is there.
    let mut other = server.connect();
    other.send("nonsense\r\n\r\n");
    assert_eq!(other.response().code(), 400);
    client.send(get("/"));
    let body = client.response().text();
    assert!(body.replace("tick\n", "").is_empty());
}

/// A source that makes trouble.
struct Trouble {
    pulls: usize,
    in_pull: bool,
    in_drop: bool,
}

impl Source for Trouble {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.extend_from_slice(b"piece");
        self.pulls = self.pulls.saturating_sub(1);
        assert!(self.pulls > 0 || !self.in_pull, "pull");
        Ok(self.pulls > 0)
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        assert!(!self.in_drop, "drop");
    }
}

#[test]
fn a_source_that_panics_cuts_its_own_connection_only() {
    let server = http(
        answer(|http| {
            if http.path() == "/fast" {
                return reply(http, "fast");
            }
            http.send_response(200).send_header("Connection", "close").end_headers()?;
            http.send_source(Trouble { pulls: 3, in_pull: true, in_drop: false })
        }),
        |builder| builder.loops(1).max_threads(8),
    );
    // More often than there are threads.
    for _ in 0..32 {
        let mut client = server.connect();
        client.send(get("/"));
        let answer = client.rest_until_cut();
        assert!(!answer.ends_with(b"0\r\n\r\n"), "{}", answer.escape_ascii());
        server.is_alive();
    }
}

#[test]
fn a_source_that_panics_when_it_is_dropped_harms_nobody_else() {
    let server = http(
        answer(|http| {
            if http.path() == "/fast" {
                return reply(http, "fast");
            }
            http.send_response(200).send_header("Connection", "close").end_headers()?;
            http.send_source(Trouble { pulls: 3, in_pull: false, in_drop: true })
        }),
        |builder| builder.loops(1).max_threads(8),
    );
    for _ in 0..32 {
        let mut client = server.connect();
        client.send(get("/"));
        client.rest_until_cut();
        server.is_alive();
    }
}

/// Gives nothing, so often in a row.
struct Quiet(u32);

impl Source for Quiet {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if self.0 == 0 {
            out.extend_from_slice(b"tea");
            return Ok(false);
        }
        self.0 -= 1;
        Ok(true)
    }
}

#[test]
fn a_source_that_gives_nothing_without_end_is_cut() {
    let server = http(
        answer(|http| {
            if http.path() == "/fast" {
                return reply(http, "fast");
            }
            let times = if http.path() == "/often" { 999 } else { u32::MAX };
            http.send_response(200).send_header("Content-Length", 3).end_headers()?;
            http.send_source(Quiet(times))
        }),
        |builder| builder.loops(1),
    );
    assert_eq!(server.ask(get("/often")).text(), "tea");
    let got = server.send(get("/forever")).rest_until_cut();
    assert!(got.ends_with(b"\r\n\r\n"), "{}", got.escape_ascii());
    server.is_alive();
}

/// Never ends, and panics when the client has gone and it is dropped.
struct Endless;

impl Source for Endless {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.resize(64 * 1024, b'x');
        Ok(true)
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        panic!("drop");
    }
}

#[test]
fn a_source_that_panics_when_its_client_leaves_harms_nobody_else() {
    let server = http(
        answer(|http| {
            if http.path() == "/fast" {
                return reply(http, "fast");
            }
            http.send_response(200).end_headers()?;
            http.send_source(Endless)
        }),
        |builder| builder.loops(1).max_threads(8).stall_timeout(Duration::from_millis(50)),
    );
    for _ in 0..16 {
        let mut client = server.connect();
        client.send(get("/"));
        client.take(64 * 1024);
        drop(client);
        server.is_alive();
    }
    server.wait_until("they are closed", |stats| stats.connections == 0);
    // These are cut by their deadline, on the loop itself.
    let stuck: Vec<_> = (0..4).map(|_| server.send(get("/"))).collect();
    server.wait_until("they are accepted", |stats| stats.accepted >= 36);
    server.wait_until("they are closed", |stats| stats.connections == 0);
    drop(stuck);
    server.is_alive();
}

/// Blocks when it was pulled for a while.
struct Stuck(Arc<Room>, usize);

impl Source for Stuck {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.extend_from_slice(b"piece");
        self.1 += 1;
        if self.1 == 20 {
            self.0.stay();
        }
        Ok(self.1 < 20)
    }
}

#[test]
fn sources_that_block_leave_the_loop_to_the_others() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let server = http(
        answer(move |http| {
            if http.path() == "/fast" {
                return reply(http, "fast");
            }
            http.send_response(200).end_headers()?;
            http.send_source(Stuck(Arc::clone(&inner), 0))
        }),
        |builder| builder.loops(1).max_threads(8).permit_timeout(Duration::from_millis(100)),
    );
    let _end = OpenAtEnd(&room);
    let blocked: Vec<_> = (0..20).map(|_| server.send(get("/"))).collect();
    // With every thread in use it may be refused, but it is answered.
    for _ in 0..5 {
        let code = server.ask(FAST).code();
        assert!(matches!(code, 200 | 503), "{code}");
    }
    room.open();
    for mut client in blocked {
        client.response();
    }
}

/// Never ends, and blocks when it is dropped.
struct Clinging(Arc<Room>);

impl Source for Clinging {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.resize(64 * 1024, b'x');
        Ok(true)
    }
}

impl Drop for Clinging {
    fn drop(&mut self) {
        self.0.stay();
    }
}

#[test]
fn a_source_that_blocks_when_it_is_dropped_leaves_the_loop_to_the_others() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let server = http(
        answer(move |http| {
            if http.path() == "/fast" {
                return reply(http, "fast");
            }
            http.send_response(200).end_headers()?;
            http.send_source(Clinging(Arc::clone(&inner)))
        }),
        |builder| builder.loops(1).stall_timeout(Duration::from_millis(100)),
    );
    let _end = OpenAtEnd(&room);
    // One client leaves, the other one is cut.
    let mut first = server.send(get("/"));
    first.take(1);
    drop(first);
    room.wait_for(1);
    server.is_alive();
    let _second = server.send(get("/"));
    room.wait_for(2);
    server.is_alive();
}

#[test]
fn a_source_that_blocks_when_it_is_dropped_keeps_no_server_from_its_end() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let mut server = http(
        answer(move |http| {
            http.send_response(200).end_headers()?;
            http.send_source(Clinging(Arc::clone(&inner)))
        }),
        |builder| builder.loops(1).shutdown_timeout(Duration::from_millis(100)),
    );
    let _end = OpenAtEnd(&room);
    let mut client = server.send(get("/"));
    client.take(1);
    server.handle.shutdown();
    room.wait_for(1);
    server.returns();
}
