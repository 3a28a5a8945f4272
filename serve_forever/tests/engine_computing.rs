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
use support::{Client, SHORT, reply};

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

/// With one loop and two turns.
fn serve(configure: impl FnOnce(Builder<Http<Handler>>) -> Builder<Http<Handler>>) -> Test {
    let (room, computing) = (Arc::new(Room::default()), Arc::new(Computing::default()));
    let (inside, counted) = (Arc::clone(&room), Arc::clone(&computing));
    let server = http(
        move || Handler { room: Arc::clone(&inside), computing: Arc::clone(&counted) },
        |builder| {
            let builder = builder.loops(1).max_permits_per_address(Some(CROWD * 2));
            configure(builder.max_computing_handlers(Some(2)).permit_timeout(NEVER))
        },
    );
    Test { room, computing, server }
}

impl Test {
    /// So many clients that each ask for this.
    fn crowd(&self, path: &str) -> Vec<Client> {
        (0..CROWD).map(|_| self.server.send(get(path))).collect()
    }

    /// A crowd asks for this at once, and all are answered. How many computed at a time.
    fn burst(&self, path: &str) -> usize {
        self.computing.most.store(0, Ordering::SeqCst);
        all_are_answered(&mut self.crowd(path));
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
        let mut clients = self.crowd("/1");
        self.room.wait_for(CROWD);
        self.room.open();
        all_are_answered(&mut clients);
    }
}

#[track_caller]
fn all_are_answered(clients: &mut [Client]) {
    for client in clients {
        assert_eq!(client.response().code(), 200);
    }
}

#[test]
fn handlers_that_compute_take_turns() {
    let test = serve(|builder| builder);
    test.learn();
    // What it knows is what it saw last, and that may be wrong now and then.
    assert!((0..5).filter(|_| test.burst("/0") <= 2).count() >= 3);
    assert_eq!(test.server.stats().refused, 0);
}

#[test]
fn handlers_that_sleep_do_not() {
    let test = serve(|builder| builder);
    let _end = OpenAtEnd(&test.room);
    for _ in 0..3 {
        test.burst("/3");
    }
    test.all_get_in();
}

#[test]
fn a_kind_that_computes_no_longer_is_let_go() {
    let test = serve(|builder| builder);
    let _end = OpenAtEnd(&test.room);
    test.learn();
    test.burst("/3");
    test.all_get_in();
}

#[test]
fn who_does_not_return_keeps_the_others_only_for_a_while() {
    let test = serve(|builder| builder);
    let _end = OpenAtEnd(&test.room);
    test.learn();
    // Far more than there are turns, and none of them returns before all are inside.
    test.all_get_in();
}

#[test]
fn who_has_waited_long_enough_starts_out_of_turn() {
    let test = serve(|builder| builder.permit_timeout(Duration::ZERO));
    let _end = OpenAtEnd(&test.room);
    // Nobody waits, and nobody is refused.
    for _ in 0..5 {
        test.burst("/0");
    }
    assert_eq!(test.server.stats().refused, 0);
}

#[test]
fn nobody_is_refused_for_a_turn_when_the_line_is_full() {
    let test = serve(|builder| builder.max_waiting_requests(0));
    for _ in 0..5 {
        test.burst("/0");
    }
    assert_eq!(test.server.stats().refused, 0);
}

/// With four threads and one loop two handlers may be apart from it, and one more runs on the loop's driver.
#[test]
fn nobody_is_refused_for_a_turn_when_only_the_driver_is_left() {
    let test = serve(|builder| builder.max_threads(4).permit_timeout(SHORT / 10));
    let _end = OpenAtEnd(&test.room);
    for _ in 0..5 {
        for _ in 0..3 {
            assert_eq!(test.server.ask(get("/0")).code(), 200);
        }
    }
    let mut stay: Vec<Client> = (0..2).map(|_| test.server.send(get("/1"))).collect();
    test.room.wait_for(2);
    assert_eq!(test.server.ask(get("/2")).code(), 200);
    test.room.open();
    all_are_answered(&mut stay);
}

#[test]
fn a_client_that_leaves_while_it_waits_takes_no_turn_along() {
    let test = serve(|builder| builder);
    test.learn();
    for _ in 0..5 {
        let mut clients = test.crowd("/0");
        // Every other one.
        let mut stays = false;
        clients.retain(|_| {
            stays = !stays;
            stays
        });
        all_are_answered(&mut clients);
    }
    test.server.wait_until("nobody waits", |stats| stats.waiting == 0);
    test.learn();
    assert!((0..MOST_BURSTS).any(|_| test.burst("/0") == 2), "a turn is lost");
}

#[test]
fn without_a_limit_there_are_no_turns() {
    let test = serve(|builder| builder.max_computing_handlers(None));
    let _end = OpenAtEnd(&test.room);
    for _ in 0..5 {
        test.burst("/0");
    }
    test.all_get_in();
}

#[test]
fn a_shutdown_serves_those_that_wait() {
    let mut test = serve(|builder| builder.shutdown_timeout(NEVER));
    test.learn();
    let accepted = test.server.stats().accepted;
    let mut clients = test.crowd("/0");
    // Whoever is not accepted yet is not served.
    test.server.wait_until("all are in, and some wait", |stats| {
        stats.accepted == accepted + CROWD as u64 && stats.waiting > 0
    });
    test.server.handle.shutdown();
    all_are_answered(&mut clients);
    test.server.returns();
}
