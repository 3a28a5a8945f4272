//! When a connection stays, when it ends and how (rules 70 to 77).

use std::io::Write;
use std::sync::mpsc;
use std::thread;

use crate::support::{FAILSAFE, Gate, OnlyGet, answer, describe, masked, reply, serve, serve_with};

const KEPT: &str = "HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nContent-Length: 7\r\n\r\ngot it\n";
const CLOSED: &str =
    "HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nConnection: close\r\nContent-Length: 7\r\n\r\ngot it\n";
const KEPT_1_0: &str = "HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nConnection: keep-alive\r\nContent-Length: 7\r\n\r\ngot it\n";

#[test]
fn rule_70_a_connection_of_1_1_stays_open() {
    let server = serve(|| OnlyGet);
    let mut client = server.connect();
    for _ in 0..3 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.expect(KEPT);
    }
}

#[test]
fn rule_70_a_connection_of_1_0_ends_after_its_answer() {
    let server = serve(|| OnlyGet);
    assert_eq!(server.ask("GET / HTTP/1.0\r\n\r\n"), CLOSED);
}

#[test]
fn rule_70_a_client_of_1_0_may_ask_to_keep_the_connection() {
    let server = serve(|| OnlyGet);
    let mut client = server.connect();
    for token in ["keep-alive", "Keep-Alive", "x, keep-alive"] {
        client.send(format!("GET / HTTP/1.0\r\nConnection: {token}\r\n\r\n"));
        client.expect(KEPT_1_0);
    }
    client.send("GET / HTTP/1.0\r\n\r\n");
    client.expect(CLOSED);
    client.ends();
}

#[test]
fn rule_71_close_counts_wherever_it_stands_in_the_list() {
    let server = serve(|| OnlyGet);
    for fields in [
        "Connection: close",
        "connection: CLOSE",
        "Connection: x, Close",
        "Connection: close,x",
        "Connection: ,close ,",
        "Connection: x\r\nConnection: close",
        "Connection: close\r\nConnection: x",
        "Connection: keep-alive, close",
    ] {
        assert_eq!(server.ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n")), CLOSED, "{fields}");
    }
}

#[test]
fn rule_71_what_only_looks_like_close_does_not_count() {
    let server = serve(|| OnlyGet);
    let mut client = server.connect();
    for fields in
        ["Connection: closed", "Connection: x-close", "Connection: \"close\"", "X-Connection: close"]
    {
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"));
        client.expect(KEPT);
    }
}

#[test]
fn rule_72_nothing_behind_a_request_that_says_close_is_answered() {
    let (ran, runs) = mpsc::channel();
    let server = serve(answer(move |http| {
        ran.send(http.path().to_owned())?;
        reply(http, "got it\n")
    }));
    let answer = server
        .ask("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n");
    assert_eq!(answer, CLOSED);
    assert_eq!(runs.try_iter().collect::<Vec<_>>(), ["/1"]);
}

#[test]
fn rule_73_a_handler_that_closes_says_so() {
    let server = serve(answer(|http| {
        http.set_close_connection(true);
        reply(http, "got it\n")
    }));
    assert_eq!(server.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), CLOSED);
}

#[test]
fn rule_73_a_close_that_a_handler_sends_is_kept_to() {
    let server = serve(answer(|http| {
        http.send_response(200).send_header("Connection", "close").end_headers()?;
        http.wfile().write_all(b"got it\n")?;
        Ok(())
    }));
    assert_eq!(server.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), CLOSED);
}

#[test]
fn rule_73_the_last_answer_before_a_shutdown_says_close() {
    let server = serve(answer(|http| {
        http.server().shutdown();
        reply(http, "got it\n")
    }));
    assert_eq!(server.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), CLOSED);
}

#[test]
fn rule_73_a_refusal_says_close() {
    let server = serve(answer(describe));
    // After a good request as well as alone.
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().text(), "GET / host=a body=\n");
    let refusal = client.response();
    assert_eq!((refusal.code(), refusal.field("Connection").as_deref()), (400, Some("close")));
    client.ends();
}

#[test]
fn rule_75_pipelined_requests_are_answered_in_their_order() {
    let server = serve(answer(describe));
    let mut client = server.connect();
    for number in 0..100 {
        client.send(format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    for number in 0..100 {
        assert_eq!(client.response().text(), format!("GET /{number} host=a body=\n"));
    }
}

#[test]
fn rule_75_a_slow_answer_is_not_overtaken_by_a_fast_one() {
    let gate = Gate::default();
    let inside = gate.clone();
    let server = serve(answer(move |http| {
        match http.path() {
            "/slow" => inside.wait(),
            "/open" => inside.open(),
            _ => {}
        }
        describe(http)
    }));
    let mut client = server.connect();
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /fast HTTP/1.1\r\nHost: a\r\n\r\n");
    // Another connection goes on meanwhile, and lets the slow one end.
    assert_eq!(server.body("GET /open HTTP/1.1\r\nHost: a\r\n\r\n"), "GET /open host=a body=\n");
    assert_eq!(client.response().text(), "GET /slow host=a body=\n");
    assert_eq!(client.response().text(), "GET /fast host=a body=\n");
}

#[test]
fn rule_75_pipelined_answers_of_all_kinds_keep_their_order() {
    let server = serve(answer(|http| match http.path() {
        "/none" => http.send_response(204).end_headers(),
        "/large" => reply(http, vec![b'x'; 300_000]),
        path => reply(http, path),
    }));
    let mut client = server.connect();
    for path in ["/a", "/none", "/large", "/b"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    assert_eq!(client.response().text(), "/a");
    assert_eq!(client.response().code(), 204);
    assert_eq!(client.response().body().len(), 300_000);
    assert_eq!(client.response().text(), "/b");
}

#[test]
fn rule_76_a_client_gets_its_413_although_it_goes_on_to_send() {
    let server = serve(answer(|http| http.send_error(413, None, None)));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n");
    for _ in 0..16 {
        // The server may close at any point of this, but not before its answer can be had.
        if client.try_send("x".repeat(64 * 1024)).is_err() {
            break;
        }
    }
    assert_eq!(client.response().code(), 413);
    let rest = client.rest_until_cut();
    assert!(rest.is_empty(), "{}", masked(&rest));
}

#[test]
fn rule_76_the_end_is_no_reset_for_a_client_that_sends_a_little_more() {
    let script = answer(|http| http.send_error(413, None, None));
    let server = serve_with(script, |builder| builder.max_drain_size(1000));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
    assert_eq!(client.response().code(), 413);
    client.send([b'x'; 10_000]);
    client.ends();
}

#[test]
fn rule_76_a_refusal_reaches_a_client_that_sends_more_than_it_should() {
    let server = serve(answer(describe));
    let mut client = server.connect();
    client.send("nonsense\r\n\r\n".to_owned() + &"x".repeat(100_000));
    assert_eq!(client.response().code(), 400);
    client.ends();
}

#[test]
fn rule_77_a_client_that_half_closes_gets_its_answer() {
    let server = serve(|| OnlyGet);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.half_close();
    let answer = masked(&client.rest());
    assert!(answer == KEPT || answer == CLOSED, "{answer}");
}

#[test]
fn rule_77_a_request_that_comes_with_its_end_is_answered_every_time() {
    let server = serve(|| OnlyGet);
    for _ in 0..50 {
        let mut client = server.connect();
        client
            .send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        client.half_close();
        assert_eq!(masked(&client.rest()), format!("{KEPT}{CLOSED}"));
    }
}

#[test]
fn rule_77_a_half_closed_client_gets_a_slow_answer_too() {
    let gate = Gate::default();
    let inside = gate.clone();
    let (entered, entries) = mpsc::channel();
    let server = serve(answer(move |http| {
        entered.send(())?;
        inside.wait();
        reply(http, "got it\n")
    }));
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    entries.recv_timeout(FAILSAFE).expect("the handler runs");
    client.half_close();
    gate.open();
    assert_eq!(client.response().text(), "got it\n");
    client.ends();
}

#[test]
fn many_clients_at_once_are_all_answered() {
    let server = serve(answer(describe));
    thread::scope(|scope| {
        for number in 0..32 {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                for turn in 0..20 {
                    client.send(format!("GET /{number}/{turn} HTTP/1.1\r\nHost: a\r\n\r\n"));
                    assert_eq!(client.response().text(), format!("GET /{number}/{turn} host=a body=\n"));
                }
            });
        }
    });
}
