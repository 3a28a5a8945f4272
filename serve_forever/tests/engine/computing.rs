//! Handlers that compute take turns; those that wait for something do not.

// Only Linux tells who computes.
#![cfg(all(target_os = "linux", not(feature = "portable-sys")))]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::engine::{NEVER, OpenAtEnd, Room, Served, get, http, wait_until};
use crate::support::{Client, SHORT, reply};
use rustix::time::{ClockId, clock_gettime};
use serve_forever::{BaseHttpRequestHandler, Builder, Exchange, Http, Result};

/// So many requests at once.
const CROWD: usize = 12;
/// How long each computes, in time on a processor. On a busy machine a handler that computes until
/// a moment may have had no processor until then: it has not computed, and the server sees that.
/// Short, so that it is done long before its turn counts as lost, also where it has to share.
const WORK: Duration = Duration::from_millis(3);
/// How long each sleeps.
const SLEEP: Duration = Duration::from_millis(20);

/// One kind of request, as digits in a path do not count: `/0` computes, `/1` stays in the room,
/// `/2` is fast, `/3` sleeps, and `/4` computes for longer.
struct Handler {
    room: Arc<Room>,
    computing: Arc<Computing>,
}

/// How many compute at a time, and whether others wait meanwhile.
#[derive(Default)]
struct Computing {
    inside: AtomicUsize,
    most: AtomicUsize,
    some_wait: AtomicBool,
}

impl Computing {
    fn compute(&self, http: &Exchange, time: Duration) {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        let end = time_on_a_processor() + time;
        while time_on_a_processor() < end {
            if http.server().stats().waiting > 0 {
                self.some_wait.store(true, Ordering::SeqCst);
            }
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What was seen of a crowd.
struct Burst {
    /// So many computed at a time.
    most: usize,
    /// Somebody waited while others computed.
    some_wait: bool,
}

impl BaseHttpRequestHandler for Handler {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        match http.path() {
            "/0" => self.computing.compute(http, WORK),
            "/4" => self.computing.compute(http, WORK * 4),
            "/1" => self.room.stay(),
            "/3" => std::thread::sleep(SLEEP),
            _ => {}
        }
        reply(http, "done")
    }
}

/// Of this thread.
fn time_on_a_processor() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
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

    /// A crowd asks for this at once, and all are answered.
    fn burst(&self, path: &str) -> Burst {
        self.computing.most.store(0, Ordering::SeqCst);
        self.computing.some_wait.store(false, Ordering::SeqCst);
        all_are_answered(&mut self.crowd(path));
        Burst {
            most: self.computing.most.load(Ordering::SeqCst),
            some_wait: self.computing.some_wait.load(Ordering::SeqCst),
        }
    }

    /// A crowd computes, again and again until it does so in this way. On a busy machine a turn may
    /// count as lost before its handler returns, so that more compute at a time.
    #[track_caller]
    fn burst_until(&self, what: &str, reached: impl Fn(&Burst) -> bool) {
        wait_until(what, || reached(&self.burst("/0")));
    }

    /// Until the server knows that such requests compute.
    #[track_caller]
    fn learn(&self) {
        self.burst_until("they take turns", |burst| burst.some_wait);
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
    for _ in 0..3 {
        test.burst_until("no more than two compute", |burst| burst.some_wait && burst.most <= 2);
    }
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

/// With four threads and one loop two handlers may be apart from it, and one more runs on the
/// loop's driver.
#[test]
fn nobody_is_refused_for_a_turn_when_only_the_driver_is_left() {
    let test = serve(|builder| builder.max_threads(4).permit_timeout(SHORT));
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
    test.burst_until("there are still two turns", |burst| burst.some_wait && burst.most == 2);
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
    wait_until("some wait when all are in", || {
        let accepted = test.server.stats().accepted;
        let mut clients = test.crowd("/4");
        // Whoever is not accepted yet is not served.
        test.server.wait_until("all are in", |stats| stats.accepted == accepted + CROWD as u64);
        // On a busy machine all may have had their turn by now.
        let some_wait = test.server.stats().waiting > 0;
        if some_wait {
            test.server.handle.shutdown();
        }
        all_are_answered(&mut clients);
        some_wait
    });
    test.server.returns();
}
