//! What is too much, and how the server says so (rules 37, 54, 79 and 81).

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use crate::support::{
    Captured, FAILSAFE, Gate, OnlyGet, Running, answer, assert_error_page, describe, reply, serve, serve_with,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn get_with(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

#[test]
fn rule_37_a_value_of_64_kib_is_refused_with_431() {
    let server = serve(answer(describe));
    server.refuses(get_with(&format!("X: {}\r\n", "y".repeat(64 * 1024))), 431);
}

#[test]
fn rule_37_a_head_without_end_is_refused_with_431() {
    let server = serve(answer(describe));
    server.refuses(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(80 * 1024)), 431);
    server.refuses(format!("GET / HTTP/1.1\r\nHost: a\r\n{}", "y".repeat(80 * 1024)), 431);
}

#[test]
fn rule_37_the_whole_head_is_bounded() {
    let server = serve_with(|| OnlyGet, |builder| builder.max_head_size(1024));
    assert_eq!(server.body(get_with(&format!("X: {}\r\n", "y".repeat(900)))), "got it\n");
    server.refuses(get_with(&format!("X: {}\r\n", "y".repeat(1100))), 431);
    server.refuses(get_with(&format!("X: {}\r\n", "y".repeat(100)).repeat(20)), 431);
}

#[test]
fn rule_37_the_number_of_fields_is_bounded() {
    let server = serve_with(|| OnlyGet, |builder| builder.max_fields(4));
    assert_eq!(server.body(get_with(&"X: y\r\n".repeat(3))), "got it\n");
    server.refuses(get_with(&"X: y\r\n".repeat(4)), 431);
}

#[test]
fn rule_37_a_hundred_fields_are_allowed_by_default() {
    let server = serve(|| OnlyGet);
    assert_eq!(server.body(get_with(&"X: y\r\n".repeat(99))), "got it\n");
    server.refuses(get_with(&"X: y\r\n".repeat(100)), 431);
}

#[test]
fn rule_37_the_bound_holds_for_each_head_of_a_connection_alone() {
    let server = serve_with(|| OnlyGet, |builder| builder.max_head_size(1024).max_fields(4));
    let mut client = server.connect();
    for _ in 0..10 {
        client.send(get_with(&format!("X: {}\r\n", "y".repeat(700))));
        assert_eq!(client.response().text(), "got it\n");
    }
    client.send(get_with(&"X: y\r\n".repeat(3)).repeat(20));
    for _ in 0..20 {
        assert_eq!(client.response().text(), "got it\n");
    }
}

#[test]
fn rule_12_the_target_is_bounded() {
    let server = serve_with(answer(describe), |builder| builder.max_target_size(20));
    let longest = format!("/{}", "x".repeat(19));
    let request = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(server.body(request(&longest)), format!("GET {longest} host=a body=\n"));
    server.refuses(request(&(longest + "x")), 414);
}

#[test]
fn rule_79_a_connection_may_bear_any_number_of_requests() {
    let server = serve(|| OnlyGet);
    let mut client = server.connect();
    for _ in 0..500 {
        client.send(GET);
        assert_eq!(client.response().text(), "got it\n");
    }
}

#[test]
fn trailers_have_the_same_limit_of_fields_as_heads() {
    let server = serve_with(answer(describe), |builder| builder.max_fields(4));
    for (fields, code) in [(4, 200), (5, 431)] {
        let mut client = server.connect();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(format!("2\r\nok\r\n0\r\n{}\r\n", "a: b\r\n".repeat(fields)));
        assert_eq!(client.response().code(), code, "{fields} fields");
    }
}

#[test]
fn rule_81_the_oldest_idle_connection_makes_room() {
    let server = serve_with(|| OnlyGet, |builder| builder.max_connections(2));
    let (mut oldest, mut second) = (server.connect(), server.connect());
    for client in [&mut oldest, &mut second] {
        client.send(GET);
        assert_eq!(client.response().text(), "got it\n");
    }
    let mut third = server.connect();
    third.send(GET);
    assert_eq!(third.response().text(), "got it\n");
    oldest.ends();
    second.send(GET);
    assert_eq!(second.response().text(), "got it\n");
}

#[test]
fn rule_81_an_idle_connection_whose_request_has_arrived_is_not_closed() {
    let gate = Gate::default();
    let inside = gate.clone();
    let (entered, entries) = mpsc::channel();
    let script = answer(move |http| {
        if http.path() == "/busy" {
            entered.send(())?;
            inside.wait();
        }
        reply(http, http.path())
    });
    // No other thread takes the loop while a handler waits.
    let server = serve_with(script, |builder| builder.max_connections(2).loops(1).max_threads(1));
    let (mut oldest, mut busy) = (server.connect(), server.connect());
    oldest.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(oldest.response().text(), "/first");
    busy.send("GET /busy HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(entries.recv_timeout(FAILSAFE), Ok(()));
    // The loop learns of both together.
    oldest.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut third = server.connect();
    third.send("GET /third HTTP/1.1\r\nHost: a\r\n\r\n");
    gate.open();
    assert_eq!(busy.response().text(), "/busy");
    assert_eq!(oldest.response().text(), "/second");
    assert_eq!(third.response().text(), "/third");
}

#[test]
fn rule_81_a_client_beyond_the_limit_waits_while_all_others_are_busy() {
    let gate = Gate::default();
    let inside = gate.clone();
    let (entered, entries) = mpsc::channel();
    let script = answer(move |http| {
        entered.send(http.path().to_owned())?;
        if http.path() == "/busy" {
            inside.wait();
        }
        reply(http, http.path())
    });
    let server = serve_with(script, |builder| builder.max_connections(1));
    let mut busy = server.connect();
    busy.send("GET /busy HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(entries.recv_timeout(FAILSAFE).as_deref(), Ok("/busy"));
    let mut waiting = server.connect();
    waiting.send("GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n");
    gate.open();
    assert_eq!(busy.response().text(), "/busy");
    assert_eq!(waiting.response().text(), "/waiting");
}

#[test]
fn rule_81_too_many_connections_of_one_address_are_refused_with_503() {
    let server = serve_with(|| OnlyGet, |builder| builder.max_connections_per_address(Some(2)));
    let (mut first, mut second) = (server.connect(), server.connect());
    for client in [&mut first, &mut second] {
        client.send(GET);
        assert_eq!(client.response().text(), "got it\n");
    }
    server.refuses(GET, 503);
    // Those that are in go on.
    first.send(GET);
    assert_eq!(first.response().text(), "got it\n");
}

/// One handler may run; `/busy` does until the gate opens.
fn one_permit(log: &Captured) -> (Running, Gate, mpsc::Receiver<()>) {
    let gate = Gate::default();
    let inside = gate.clone();
    let (entered, entries) = mpsc::channel();
    let script = answer(move |http| {
        if http.path() == "/busy" {
            entered.send(())?;
            inside.wait();
        }
        reply(http, http.path())
    });
    let log = serve_forever::AccessLog::to(log.clone());
    let server = serve_with(script, |builder| {
        let builder = builder.loops(1).max_threads(2).max_permits_per_address(Some(2)).access_log(log);
        builder.permit_timeout(Duration::from_millis(200))
    });
    (server, gate, entries)
}

#[test]
fn rule_81_a_request_that_no_thread_is_left_for_is_refused_with_503() {
    let log = Captured::default();
    let (server, gate, entries) = one_permit(&log);
    let mut busy = server.connect();
    busy.send("GET /busy HTTP/1.1\r\nHost: a\r\n\r\n");
    entries.recv_timeout(FAILSAFE).expect("the handler runs");
    let refusal = server.response(GET);
    assert_eq!(refusal.code(), 503);
    assert_error_page(&refusal);
    let wait = refusal.field("Retry-After").expect("the client is told when to come again");
    assert!(wait.parse::<u32>().is_ok(), "{wait}");
    let refusal = server.response("GET / HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n");
    assert_eq!(refusal.code(), 503);
    assert_eq!(refusal.field("Vary").as_deref(), Some("Accept"));
    assert!(refusal.text().starts_with("{\"error\":{\"code\":503,"), "{}", refusal.text());
    let lines = log.lines(2);
    let size = format!("\"GET / HTTP/1.1\" 503 {}", refusal.body().len());
    assert!(lines.iter().any(|line| line.ends_with(&size)), "{lines:?}");
    gate.open();
    assert_eq!(busy.response().text(), "/busy");
    assert_eq!(server.body(GET), "/");
}

#[test]
fn rule_81_verify_request_turns_a_client_away() {
    let script = answer(describe);
    let server =
        serve_with(script, |builder| builder.verify_request(|address: SocketAddr| address.ip().is_ipv6()));
    let mut client = server.connect();
    // What was not read may turn the end into a reset.
    let _ = client.try_send(GET);
    assert!(client.rest_until_cut().is_empty());
}
