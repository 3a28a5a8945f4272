//! Handlers that compute take turns; those that wait for something do not.

// Only Linux tells who computes.
#![cfg(all(target_os = "linux", not(feature = "portable-sys")))]

mod engine_support;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use engine_support::{NEVER, OpenAtEnd, Room, Served, get, http};
use serve_forever::{BaseHttpRequestHandler, Builder, Exchange, Http, Result};
use support::{Client, reply};

/// So many requests at once.
const CROWD: usize = 12;
/// How long each computes.
const WORK: Duration = Duration::from_millis(20);
/// More than a few of these bursts are never needed until the server knows.
const MOST_BURSTS: usize = 100;

/// One kind of request, as digits in a path do not count: `/0` computes, `/1` stays in the room, `/2` is fast, and `/3` sleeps.
struct Handler {
    room: Arc<Room>,
    computing: Arc<Computing>,
}

/// How many compute at a time.
#[derive(Default)]
struct Computing {
    inside: AtomicUsize,
    most: AtomicUsize,
}

impl BaseHttpRequestHandler for Handler {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        match http.path() {
            "/0" => {
                let inside = self.computing.inside.fetch_add(1, Ordering::SeqCst) + 1;
                self.computing.most.fetch_max(inside, Ordering::SeqCst);
                let begin = Instant::now();
                while begin.elapsed() < WORK {}
                self.computing.inside.fetch_sub(1, Ordering::SeqCst);
            }
            "/1" => self.room.stay(),
            "/3" => std::thread::sleep(WORK),
            _ => {}
        }
        reply(http, "done")
    }
}

struct Test {
    room: Arc<Room>,
    computing: Arc<Computing>,
    server: Served,
}

/// With one loop, and so two turns by default.
fn serve(configure: impl FnOnce(Builder<Http<Handler>>) -> Builder<Http<Handler>>) -> Test {
    let (room, computing) = (Arc::new(Room::default()), Arc::new(Computing::default()));
    let (inside, counted) = (Arc::clone(&room), Arc::clone(&computing));
    let server = http(
        move || Handler { room: Arc::clone(&inside), computing: Arc::clone(&counted) },
        |builder| configure(builder.loops(1).max_permits_per_address(Some(CROWD * 2))),
    );
    Test { room, computing, server }
}

impl Test {
    /// A crowd asks for this at once, and all are answered. How many computed at a time.
    fn burst(&self, path: &str) -> usize {
        self.computing.most.store(0, Ordering::SeqCst);
        let mut clients: Vec<Client> = (0..CROWD).map(|_| self.server.send(get(path))).collect();
        for client in &mut clients {
            assert_eq!(client.response().code(), 200);
        }
        self.computing.most.load(Ordering::SeqCst)
    }

    /// Until the server knows that such requests compute.
    fn learn(&self) {
        let mut in_a_row = 0;
        for _ in 0..MOST_BURSTS {
            in_a_row = if self.burst("/0") <= 2 { in_a_row + 1 } else { 0 };
            if in_a_row == 3 {
                return;
            }
        }
        panic!("they never take turns");
    }

    /// A crowd asks for what stays, and all get in at once.
    fn all_get_in(&self) {
        let mut clients: Vec<Client> = (0..CROWD).map(|_| self.server.send(get("/1"))).collect();
        self.room.wait_for(CROWD);
        self.room.open();
        for client in &mut clients {
            assert_eq!(client.response().code(), 200);
        }
    }
}

#[test]
fn handlers_that_compute_take_turns() {
    let test = serve(|builder| builder.permit_timeout(NEVER));
    test.learn();
    // What it knows is what it saw last, and that may be wrong now and then.
    assert!((0..5).filter(|_| test.burst("/0") <= 2).count() >= 3);
    assert_eq!(test.server.stats().refused, 0);
}

#[test]
fn handlers_that_sleep_do_not() {
    let test = serve(|builder| builder.permit_timeout(NEVER));
    let _end = OpenAtEnd(&test.room);
    for _ in 0..3 {
        test.burst("/3");
    }
    test.all_get_in();
}

#[test]
fn a_kind_that_computes_no_longer_is_let_go() {
    let test = serve(|builder| builder.permit_timeout(NEVER));
    let _end = OpenAtEnd(&test.room);
    test.learn();
    test.burst("/3");
    test.all_get_in();
}

#[test]
fn who_has_waited_long_enough_starts_out_of_turn() {
    let patience = Duration::from_millis(300);
    let test = serve(|builder| builder.permit_timeout(patience));
    let _end = OpenAtEnd(&test.room);
    test.learn();
    let mut stay: Vec<Client> = (0..2).map(|_| test.server.send(get("/1"))).collect();
    test.room.wait_for(2);
    let begin = Instant::now();
    let mut third = test.server.send(get("/2"));
    test.server.wait_until("it waits", |stats| stats.waiting == 1);
    assert_eq!(third.response().code(), 200);
    assert!(begin.elapsed() >= patience);
    assert_eq!((test.server.stats().refused, test.server.stats().waiting), (0, 0));
    test.room.open();
    for client in &mut stay {
        assert_eq!(client.response().code(), 200);
    }
}

#[test]
fn a_client_that_leaves_while_it_waits_takes_no_turn_along() {
    let test = serve(|builder| builder.permit_timeout(NEVER));
    let _end = OpenAtEnd(&test.room);
    test.learn();
    let mut stay: Vec<Client> = (0..2).map(|_| test.server.send(get("/1"))).collect();
    test.room.wait_for(2);
    let waiting: Vec<Client> = (0..3).map(|_| test.server.send(get("/2"))).collect();
    test.server.wait_until("they wait", |stats| stats.waiting == 3);
    drop(waiting);
    let mut last = test.server.send(get("/2"));
    test.server.wait_until("it waits too", |stats| stats.waiting == 4);
    test.room.open();
    for client in stay.iter_mut().chain([&mut last]) {
        assert_eq!(client.response().code(), 200);
    }
    test.server.wait_until("nobody waits", |stats| stats.waiting == 0);
    test.learn();
    assert!((0..MOST_BURSTS).any(|_| test.burst("/0") == 2), "a turn is lost");
}

#[test]
fn without_a_limit_there_are_no_turns() {
    let test = serve(|builder| builder.permit_timeout(NEVER).max_computing_handlers(None));
    let _end = OpenAtEnd(&test.room);
    for _ in 0..5 {
        test.burst("/0");
    }
    test.all_get_in();
}

#[test]
fn a_shutdown_serves_those_that_wait() {
    let mut test = serve(|builder| builder.permit_timeout(NEVER).shutdown_timeout(NEVER));
    let _end = OpenAtEnd(&test.room);
    test.learn();
    let mut clients: Vec<Client> = (0..2).map(|_| test.server.send(get("/1"))).collect();
    test.room.wait_for(2);
    clients.extend((0..3).map(|_| test.server.send(get("/2"))));
    test.server.wait_until("they wait", |stats| stats.waiting == 3);
    test.server.handle.shutdown();
    test.room.open();
    for client in &mut clients {
        assert_eq!(client.response().code(), 200);
    }
    test.server.returns();
}
