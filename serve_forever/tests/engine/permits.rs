//! What happens when there are more requests that block than there may be threads.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::engine::{FAST, NEVER, OpenAtEnd, Room, Served, connect_from, get, http, raw, status};
use crate::support::{Client, SHORT, reply};
use serve_forever::{
    BaseHttpRequestHandler, BaseRequestHandler, Builder, Exchange, Http, Result, Router,
    SimpleHttpRequestHandler, Stream,
};

/// Waits for a permit no longer than this, in tests in which it gets none.
const SOON: Duration = Duration::from_millis(100);

/// Stays in its room if its path says so.
struct Stays {
    room: Arc<Room>,
    may_block: bool,
}

impl BaseHttpRequestHandler for Stays {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        if http.path() == "/stay" {
            self.room.stay();
        }
        reply(http, "fast")
    }

    fn do_post(&mut self, http: &mut Exchange) -> Result {
        io::copy(http.rfile(), &mut io::sink())?;
        reply(http, "read")
    }

    fn may_block(&self) -> bool {
        self.may_block
    }
}

/// A server with one loop and so many threads.
fn serve(
    room: &Arc<Room>,
    threads: usize,
    configure: impl FnOnce(Builder<Http<Stays>>) -> Builder<Http<Stays>>,
) -> Served {
    let room = Arc::clone(room);
    http(
        move || Stays { room: Arc::clone(&room), may_block: true },
        |builder| configure(builder.loops(1).max_threads(threads).max_permits_per_address(Some(threads))),
    )
}

/// Sends requests that stay until no more get in: `count` of them.
#[track_caller]
fn exhaust(server: &Served, room: &Room, count: usize) -> Vec<Client> {
    let clients = (0..count).map(|_| server.send(get("/stay"))).collect();
    room.wait_for(count);
    server.wait_until("all have left the loop", |stats| stats.threads_in_user_code == count);
    clients
}

/// With 8 threads and one loop, one thread drives, and the others may be in handlers.
const THREADS: usize = 8;
const BLOCKED: usize = 7;

#[test]
fn those_that_wait_are_counted() {
    let room = Arc::new(Room::default());
    let server = serve(&room, THREADS, |builder| builder.permit_timeout(NEVER));
    let _end = OpenAtEnd(&room);
    let mut blocked = exhaust(&server, &room, BLOCKED);
    assert_eq!((server.stats().permits, server.stats().waiting), (BLOCKED, 0));
    let mut waiting: Vec<Client> = (0..3).map(|_| server.send(FAST)).collect();
    server.wait_until("they wait", |stats| stats.waiting == 3);
    room.open();
    for client in blocked.iter_mut().chain(&mut waiting) {
        assert_eq!(client.response().code(), 200);
    }
    server.wait_until("nobody waits", |stats| stats.waiting == 0);
}

#[test]
fn who_is_refused_or_cut_waits_no_longer() {
    let room = Arc::new(Room::default());
    let mut server = serve(&room, THREADS, |builder| builder.permit_timeout(SOON).shutdown_timeout(SOON));
    let _end = OpenAtEnd(&room);
    let _blocked = exhaust(&server, &room, BLOCKED);
    assert_eq!(server.ask(FAST).code(), 503);
    assert_eq!(server.stats().waiting, 0);
    let _waiting = server.send(FAST);
    server.handle.shutdown();
    server.returns();
    assert_eq!(server.stats().waiting, 0);
}

#[test]
fn a_request_that_gets_no_thread_in_time_is_refused() {
    let room = Arc::new(Room::default());
    let server = serve(&room, THREADS, |builder| builder.permit_timeout(SOON));
    let _end = OpenAtEnd(&room);
    let mut blocked = exhaust(&server, &room, BLOCKED);
    for count in 1..=3 {
        let mut client = server.send(FAST);
        let response = client.response();
        assert_eq!(response.code(), 503);
        assert_eq!(response.field("Retry-After").as_deref(), Some("1"));
        assert_eq!(response.field("Connection").as_deref(), Some("close"));
        client.ends();
        assert_eq!(server.stats().refused, count);
    }
    assert_eq!(room.most(), BLOCKED);
    room.open();
    for client in &mut blocked {
        assert_eq!(client.response().text(), "fast");
    }
    server.wait_until("no thread is held", |stats| stats.threads_in_user_code == 0);
    server.is_alive();
}

#[test]
fn requests_that_wait_are_served_as_soon_as_there_is_a_thread() {
    let room = Arc::new(Room::default());
    let server = serve(&room, THREADS, |builder| builder.permit_timeout(NEVER));
    let _end = OpenAtEnd(&room);
    let mut blocked = exhaust(&server, &room, BLOCKED);
    let mut waiting: Vec<Client> = (0..20).map(|_| server.send(FAST)).collect();
    server.wait_until("all are accepted", |stats| stats.connections == BLOCKED + 20);
    room.open();
    for client in blocked.iter_mut().chain(&mut waiting) {
        assert_eq!(client.response().text(), "fast");
        client.send(FAST);
        assert_eq!(client.response().text(), "fast");
    }
    assert_eq!(server.stats().refused, 0);
}

#[test]
fn requests_on_other_loops_that_wait_are_served_too() {
    let room = Arc::new(Room::default());
    let server = serve(&room, 12, |builder| builder.loops(3).permit_timeout(NEVER));
    let _end = OpenAtEnd(&room);
    // 3 drivers, and 9 of the others may be in handlers; which loop gets how many is open.
    let mut clients: Vec<Client> = (0..60).map(|_| server.send(get("/stay"))).collect();
    room.wait_for(6);
    server.wait_until("all are accepted", |stats| stats.connections == 60);
    room.open();
    for client in &mut clients {
        assert_eq!(client.response().text(), "fast");
    }
    assert!(room.most() <= 9, "{}", room.most());
    assert_eq!(server.stats().refused, 0);
    server.wait_until("no thread is held", |stats| stats.threads_in_user_code == 0);
}

#[test]
fn when_too_many_wait_the_next_is_refused_at_once() {
    let room = Arc::new(Room::default());
    let server = serve(&room, THREADS, |builder| builder.permit_timeout(NEVER).max_waiting_requests(2));
    let _end = OpenAtEnd(&room);
    let _blocked = exhaust(&server, &room, BLOCKED);
    let mut waiting: Vec<Client> = (0..3).map(|_| server.send(FAST)).collect();
    // Which of them came last for the server does not matter.
    server.wait_until("one is refused", |stats| stats.refused == 1);
    room.open();
    let mut codes: Vec<u16> = waiting.iter_mut().map(|client| client.response().code()).collect();
    codes.sort_unstable();
    assert_eq!(codes, [200, 200, 503]);
}

/// Its body does not arrive.
const UPLOAD: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\nsome";

#[test]
fn requests_that_are_whole_take_the_places_of_uploads_in_the_line() {
    let room = Arc::new(Room::default());
    let server = serve(&room, THREADS, |builder| builder.permit_timeout(NEVER).max_waiting_requests(2));
    let _end = OpenAtEnd(&room);
    let mut blocked = exhaust(&server, &room, BLOCKED);
    let mut uploads: Vec<Client> = Vec::new();
    for count in 1..=2 {
        uploads.push(server.send(UPLOAD));
        server.wait_until("it waits", |stats| stats.waiting == count);
    }
    assert_eq!(server.ask(UPLOAD).code(), 503);
    let mut whole: Vec<Client> = Vec::new();
    for _ in 0..2 {
        whole.push(server.send(FAST));
        // The one that came last.
        assert_eq!(uploads.pop().expect("there were two").response().code(), 503);
    }
    server.wait_until("they wait in its place", |stats| stats.waiting == 2);
    assert_eq!(server.ask(FAST).code(), 503);
    room.open();
    for client in whole.iter_mut().chain(&mut blocked) {
        assert_eq!(client.response().text(), "fast");
    }
}

#[test]
fn those_that_were_refused_take_no_place_in_the_line() {
    let room = Arc::new(Room::default());
    let server = serve(&room, THREADS, |builder| builder.permit_timeout(SHORT / 2).max_waiting_requests(2));
    let _end = OpenAtEnd(&room);
    let _blocked = exhaust(&server, &room, BLOCKED);
    for _ in 0..2 {
        let mut pair = [server.send(FAST), server.send(FAST)];
        for client in &mut pair {
            assert_eq!(client.response().code(), 503);
        }
    }
    let begin = Instant::now();
    assert_eq!(server.ask(FAST).code(), 503);
    assert!(
        begin.elapsed() >= SHORT / 2,
        "it was refused after {:?}, without having waited",
        begin.elapsed()
    );
}

#[test]
fn clients_that_leave_while_they_wait_hold_nothing() {
    let room = Arc::new(Room::default());
    let server = serve(&room, THREADS, |builder| builder.permit_timeout(NEVER));
    let _end = OpenAtEnd(&room);
    let blocked = exhaust(&server, &room, BLOCKED);
    let waiting: Vec<Client> = (0..20).map(|_| server.send(get("/stay"))).collect();
    server.wait_until("all are accepted", |stats| stats.connections == BLOCKED + 20);
    drop(waiting);
    drop(blocked);
    room.open();
    server.wait_until("no thread is held", |stats| stats.threads_in_user_code == 0);
    server.wait_until("no connection is held", |stats| stats.connections == 0);
    server.is_alive();
}

#[test]
fn handlers_that_say_they_never_block_need_no_permit() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let server = http(
        move || Stays { room: Arc::clone(&inner), may_block: false },
        |builder| builder.loops(1).max_threads(THREADS).permit_timeout(SOON),
    );
    let _end = OpenAtEnd(&room);
    server.is_alive();
    // They lie, but where every other handler would be refused these are still answered.
    let _blocked = exhaust(&server, &room, BLOCKED);
    for _ in 0..10 {
        server.is_alive();
    }
    assert_eq!(server.stats().refused, 0);
}

#[test]
fn when_threads_get_scarce_one_address_leaves_some_to_the_others() {
    let room = Arc::new(Room::default());
    // 16 may be apart from the loop: they are scarce from 8 on.
    let server = serve(&room, 18, |builder| builder.permit_timeout(SOON).max_permits_per_address(Some(4)));
    let _end = OpenAtEnd(&room);
    let connect = |last: u8| connect_from([127, 0, 0, last], server.address());
    let mut kept = Vec::new();
    let mut stay = |last: u8, count: usize, inside: usize| {
        for _ in 0..count {
            let mut client = connect(last);
            client.write_all(get("/stay").as_bytes()).expect("the server takes it");
            kept.push(client);
        }
        room.wait_for(inside);
        server.wait_until("all have left the loop", |stats| stats.threads_in_user_code == inside);
    };
    let code = |last: u8| {
        let mut client = connect(last);
        client.write_all(FAST.as_bytes()).expect("the server takes it");
        status(&mut client)
    };
    stay(1, 8, 8);
    assert_eq!(code(1), 503);
    assert_eq!(code(2), 200);
    stay(2, 4, 12);
    assert_eq!(code(2), 503);
    assert_eq!(code(1), 503);
    assert_eq!(code(3), 200);
    room.open();
    for client in &mut kept {
        assert_eq!(status(client), 200);
    }
    server.wait_until("no thread is held", |stats| stats.threads_in_user_code == 0);
    for last in 1..=3 {
        assert_eq!(code(last), 200);
    }
}

#[test]
fn half_a_head_and_an_idle_connection_hold_no_thread() {
    let room = Arc::new(Room::default());
    let server = serve(&room, 4, |builder| builder);
    let mut halves: Vec<Client> = (0..50).map(|_| server.send("GET /fast HTTP/1.1\r\nHo")).collect();
    let mut bodies: Vec<Client> = (0..50)
        .map(|_| server.send("GET /fast HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf"))
        .collect();
    let idle: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    server.wait_until("all are accepted", |stats| stats.connections == 150);
    server.is_alive();
    server.wait_until("none of them holds a thread", |stats| stats.threads_in_user_code == 0);
    for client in &mut halves {
        client.send("st: a\r\n\r\n");
        assert_eq!(client.response().text(), "fast");
    }
    for client in &mut bodies {
        client.send(vec![b'x'; 996]);
        assert_eq!(client.response().text(), "fast");
    }
    drop(idle);
}

/// A raw handler that stays.
struct RawStays(Arc<Room>);

impl BaseRequestHandler for RawStays {
    fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
        self.0.stay();
        request.write_all(b"bye\n")
    }
}

#[test]
fn raw_handlers_get_half_of_the_threads_at_most() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let server = raw(
        move || RawStays(Arc::clone(&inner)),
        |builder| builder.loops(1).max_threads(16).max_permits_per_address(Some(16)).permit_timeout(SOON),
    );
    let _end = OpenAtEnd(&room);
    // Of half of the threads, one drives the loop.
    let mut inside: Vec<Client> = (0..7).map(|_| server.connect()).collect();
    room.wait_for(7);
    server.wait_until("all have left the loop", |stats| stats.threads_in_user_code == 7);
    for _ in 0..13 {
        server.connect().ends();
    }
    assert_eq!(room.most(), 7);
    assert_eq!(server.stats().refused, 13);
    room.open();
    for client in &mut inside {
        assert_eq!(client.rest(), b"bye\n");
    }
    assert_eq!(server.connect().rest(), b"bye\n");
}

/// Files beside routes that block, behind a hook.
fn routed(room: &Arc<Room>, only_read: bool) -> Router {
    let inside = Arc::clone(room);
    let files = SimpleHttpRequestHandler::builder().directory("src").build().expect("the sources");
    let router = Router::new()
        .mount("/files", files)
        .get("/fast", |http| reply(http, "fast"))
        .get("/stay", move |http| {
            inside.stay();
            reply(http, "stayed")
        })
        .put("/files/lib.rs", |http| reply(http, "put"))
        .before(|http| http.add_header("X-Hook", "ran"));
    if only_read { router.hooks_only_read() } else { router }
}

/// With all permits taken.
fn short_of_threads(only_read: bool, test: impl FnOnce(&Served)) {
    let room = Arc::new(Room::default());
    let router = routed(&room, only_read);
    let server = http(
        move || router.clone(),
        |builder| {
            builder.loops(1).max_threads(THREADS).max_permits_per_address(Some(THREADS)).permit_timeout(SOON)
        },
    );
    let _end = OpenAtEnd(&room);
    server.is_alive();
    let _blocked = exhaust(&server, &room, BLOCKED);
    test(&server);
}

#[test]
fn files_need_no_permit_whatever_is_routed_beside_them() {
    short_of_threads(true, |server| {
        for _ in 0..10 {
            let file = server.ask(get("/files/mime.rs"));
            assert_eq!((file.code(), file.field("X-Hook").as_deref()), (404, Some("ran")));
        }
        assert_eq!(server.stats().refused, 0);
        assert_eq!(server.ask(get("/fast")).code(), 503);
        // A hook that says nothing of itself may do anything.
    });
    short_of_threads(false, |server| {
        assert_eq!(server.ask(get("/files/mime.rs")).code(), 503);
    });
}

#[test]
fn a_request_that_may_block_waits_behind_one_that_does_not() {
    short_of_threads(true, |server| {
        // Both come at once, and the first is served without a permit.
        let mut client = server.send(format!("{}{}", get("/files/mime.rs"), get("/stay")));
        assert_eq!(client.response().code(), 404);
        assert_eq!(client.response().code(), 503);
        server.wait_until("it did not get in", |stats| stats.threads_in_user_code == BLOCKED);
    });
}
