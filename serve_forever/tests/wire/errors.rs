//! After which errors a connection goes on, and after which it must not: where it is not certain
//! where the next request begins, what the client sent behind it is never served.

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use crate::support::{
    Captured, FAILSAFE, Gate, OnlyGet, ReadOnly, Running, SHORT, answer, reply, serve, serve_with,
};
use serve_forever::{BaseHttpRequestHandler, Builder, Exchange, Http, Result, StatusError};

const NEXT: &str = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
/// What nobody may serve.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers by the path, and never reads a body.
fn fail(http: &mut Exchange) -> Result {
    match http.url_path() {
        "/next" | "/hidden" => reply(http, http.path()),
        "/error" => Err("no tea".into()),
        "/status" => Err(StatusError::new(418).into()),
        "/panic" => panic!("no tea"),
        "/upgrade" => {
            http.send_response(101).send_header("Upgrade", "tea").end_headers()?;
            Err("never upgraded".into())
        }
        "/ok" => reply(http, "ok"),
        "/408" => http.send_error(408, None, None),
        "/read" => {
            std::io::copy(http.rfile(), &mut std::io::sink())?;
            http.send_error(404, None, None)
        }
        _ => http.send_error(404, None, None),
    }
}

/// Says which paths it was asked for, whatever became of the responses.
fn telling() -> (Running, Receiver<String>) {
    telling_with(|builder| builder)
}

fn telling_with<C>(configure: C) -> (Running, Receiver<String>)
where
    C: FnOnce(Builder<Http<Telling>>) -> Builder<Http<Telling>>,
{
    let (send, paths) = mpsc::channel();
    (serve_with(move || Telling(send.clone()), configure), paths)
}

struct Telling(mpsc::Sender<String>);

impl Telling {
    fn answer(&self, http: &mut Exchange) -> Result {
        self.0.send(http.path().to_owned()).expect("the test listens");
        fail(http)
    }
}

impl BaseHttpRequestHandler for Telling {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        self.answer(http)
    }

    fn do_post(&mut self, http: &mut Exchange) -> Result {
        self.answer(http)
    }

    fn do_connect(&mut self, http: &mut Exchange) -> Result {
        self.answer(http)
    }
}

/// What the client sends is answered once, with that status, and nothing behind it is served.
#[track_caller]
fn ends(request: &str, code: u16) {
    let (server, paths) = telling();
    let mut client = server.connect();
    client.send([request, HIDDEN].concat());
    let response = client.response();
    assert_eq!(response.code(), code, "{request}");
    let connection = response.values("Connection").join(", ");
    assert!(connection.split(", ").any(|option| option == "close"), "{}", response.head());
    client.ends();
    drop((client, server));
    assert!(paths.iter().all(|path| path != "/hidden"), "{request}");
}

/// What is sent is answered with that status, and so is what is sent on the same connection
/// afterwards.
#[track_caller]
fn goes_on(request: &str, code: u16) {
    let (server, _paths) = telling();
    // Both at once, and one after the other.
    let mut client = server.connect();
    client.send([request, NEXT].concat());
    let response = client.response();
    assert_eq!((response.code(), response.field("Connection")), (code, None), "{request}");
    assert_eq!(client.response().text(), "/next", "{request}");
    client.send(request);
    assert_eq!(client.response().code(), code, "{request}");
    client.send(NEXT);
    assert_eq!(client.response().text(), "/next", "{request}");
}

#[test]
fn rule_74_a_hundred_errors_take_one_connection() {
    let server = serve(answer(fail));
    let mut client = server.connect();
    let request = "GET /none HTTP/1.1\r\nHost: a\r\n\r\n";
    for _ in 0..50 {
        client.send(request);
        let response = client.response();
        assert_eq!((response.code(), response.field("Connection")), (404, None));
    }
    client.send(request.repeat(50));
    for _ in 0..50 {
        assert_eq!(client.response().code(), 404);
    }
    client.send(NEXT);
    assert_eq!(client.response().text(), "/next");
}

#[test]
fn rule_74_an_error_of_any_kind_goes_on_where_the_request_has_its_end() {
    for (path, code) in [("/none", 404), ("/error", 500), ("/status", 418), ("/read", 404)] {
        for method in ["GET", "POST"] {
            goes_on(&format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n"), code);
        }
        let post = format!("POST {path} HTTP/1.1\r\nHost: a\r\n");
        goes_on(&format!("{post}Content-Length: {}\r\n\r\n{HIDDEN}", HIDDEN.len()), code);
        let chunk = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
        goes_on(&format!("{post}Transfer-Encoding: chunked\r\n\r\n{chunk}"), code);
        goes_on(&format!("{post}Content-Length: 100000\r\n\r\n{}", "x".repeat(100_000)), code);
    }
    goes_on("PUT /none HTTP/1.1\r\nHost: a\r\n\r\n", 501);
}

#[test]
fn rule_74_a_client_of_1_0_that_keeps_its_connection_keeps_it_after_an_error() {
    let server = serve(answer(fail));
    let mut client = server.connect();
    for _ in 0..2 {
        client.send("GET /none HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let response = client.response();
        assert_eq!((response.code(), response.field("Connection").as_deref()), (404, Some("keep-alive")));
    }
    client.send("GET /none HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().field("Connection").as_deref(), Some("close"));
    client.ends();
}

/// The body comes when the error was sent already: it is too long to be waited for.
#[test]
fn rule_74_the_body_that_comes_behind_its_error_is_read_away() {
    let (server, paths) = telling_with(|builder| builder.max_drain_size(8 << 20));
    let mut client = server.connect();
    let length = (2 << 20) + HIDDEN.len();
    client.send(format!("POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
    client.send(vec![b'x'; 1 << 20]);
    assert_eq!(client.response().code(), 404);
    client.send("x".repeat(1 << 20) + HIDDEN + NEXT);
    assert_eq!(client.response().text(), "/next");
    drop((client, server));
    assert_eq!(paths.iter().collect::<Vec<_>>(), ["/none", "/next"]);
}

#[test]
fn rule_74_an_error_to_a_body_beyond_the_bound_ends_the_connection() {
    let post = "POST /none HTTP/1.1\r\nHost: a\r\n";
    ends(&format!("{post}Content-Length: 3000000\r\n\r\n"), 404);
    ends(&format!("{post}Content-Length: 18446744073709551615\r\n\r\n"), 404);
}

#[test]
fn rule_74_nothing_is_served_behind_what_the_parser_refuses() {
    for (request, code) in [
        ("nonsense\r\n\r\n", 400),
        ("GET /none\r\n\r\n", 400),
        ("GET /none HTTP/1.1\r\n\r\n", 400),
        ("GET /none HTTP/1.1\nHost: a\n\n", 400),
        ("GET /none HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET /none HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET /none HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
        ("GET /none HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
        ("GET /none HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400),
        ("GET /no\x01ne HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /none HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("GET https://a/none HTTP/1.1\r\nHost: a\r\n\r\n", 421),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n", 400),
        ("POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
        ("POST /none HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("POST /none HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
        ("POST /none HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ] {
        ends(request, code);
    }
    ends(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(20_000)), 414);
    ends(&format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200)), 431);
}

#[test]
fn rule_43_nothing_is_served_behind_a_length_beside_chunks() {
    let post = "POST /none HTTP/1.1\r\nHost: a\r\n";
    ends(&format!("{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
    ends(&format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), 400);
    ends(&format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n"), 400);
}

#[test]
fn rule_74_nothing_is_served_behind_a_body_that_is_none() {
    for chunks in
        ["zz\r\n", "5\r\nabcdefg\r\n0\r\n\r\n", "5\nabcde\r\n0\r\n\r\n", "-1\r\n", "0\r\nX : y\r\n\r\n"]
    {
        // Whether the handler reads it or not.
        let framed = format!("Host: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        ends(&format!("POST /none HTTP/1.1\r\n{framed}"), 404);
        ends(&format!("POST /error HTTP/1.1\r\n{framed}"), 500);
        ends(&format!("POST /read HTTP/1.1\r\n{framed}"), 400);
        // And where it shows when the error was sent already.
        let (server, paths) = telling();
        let mut client = server.connect();
        client.send("POST /none HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab");
        assert_eq!(client.response().code(), 404);
        client.send(["\r\n", chunks, HIDDEN].concat());
        client.ends();
        drop((client, server));
        assert_eq!(paths.iter().collect::<Vec<_>>(), ["/none"], "{chunks:?}");
    }
}

#[test]
fn rule_88_nothing_is_served_behind_an_error_in_the_place_of_100() {
    for path in ["/none", "/error", "/status"] {
        let code = [("/none", 404), ("/error", 500), ("/status", 418)].into_iter().find(|it| it.0 == path);
        let code = code.expect("it is there").1;
        for framing in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
            let head =
                format!("POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{framing}\r\n\r\n");
            // The body is not sent, as the answer came before it was wanted.
            let (server, paths) = telling();
            let mut client = server.connect();
            client.send(&head);
            let response = client.response();
            assert_eq!((response.code(), response.field("Connection").as_deref()), (code, Some("close")));
            // The server may have ended the connection by now.
            let _ = client.try_send(HIDDEN);
            assert!(client.rest_until_cut().is_empty());
            drop((client, server));
            assert_eq!(paths.iter().collect::<Vec<_>>(), [path]);
        }
        // A part of it was sent unasked, and perhaps no more is.
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n"
        );
        ends(&format!("{head}begin"), code);
    }
}

/// It was told to send its body, or had sent it.
#[test]
fn rule_88_an_error_after_the_100_or_the_whole_body_goes_on() {
    let head = "POST /read HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let server = serve(answer(fail));
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(head);
        client.expect("HTTP/1.1 100 Continue\r\n\r\n");
        client.send("abc");
        let response = client.response();
        assert_eq!((response.code(), response.field("Connection")), (404, None));
    }
    goes_on(&head.replace("/read", "/none").replace("\r\n\r\n", "\r\n\r\nabc"), 404);
}

#[test]
fn rule_89_nothing_is_served_behind_a_417() {
    ends("GET /none HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417);
    ends("POST /none HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1000\r\n\r\n", 417);
}

#[test]
fn rule_27_nothing_is_served_behind_a_connect() {
    ends("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 404);
    for (server, code) in [(serve(|| OnlyGet), 501), (serve(|| ReadOnly), 405)] {
        let mut client = server.connect();
        client.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n".to_owned() + HIDDEN);
        assert_eq!(client.response().code(), code);
        client.ends();
    }
    // Even where a handler says that it goes on.
    let server = serve(|| Tunnel);
    let mut client = server.connect();
    client.send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n".to_owned() + HIDDEN);
    assert_eq!(client.response().field("Connection").as_deref(), Some("close"));
    client.ends();
}

struct Tunnel;

impl BaseHttpRequestHandler for Tunnel {
    fn do_connect(&mut self, http: &mut Exchange) -> Result {
        http.set_close_connection(false);
        http.send_response(200).send_header("Connection", "keep-alive").send_header("Content-Length", 0);
        http.end_headers()
    }
}

#[test]
fn rule_91_nothing_is_served_behind_an_upgrade_that_was_refused() {
    for protocol in ["websocket", "tea", "h2c", "h2c, tea", "TLS/1.0"] {
        let fields = format!("Host: a\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n");
        ends(&format!("GET /none HTTP/1.1\r\n{fields}\r\n"), 404);
        ends(&format!("GET /error HTTP/1.1\r\n{fields}\r\n"), 500);
        ends(&format!("GET /ok HTTP/1.1\r\n{fields}\r\n"), 200);
        ends(&format!("POST /none HTTP/1.1\r\n{fields}Content-Length: 3\r\n\r\nabc"), 404);
        ends(
            &format!(
                "GET /none HTTP/1.0\r\n{}\r\n",
                fields.replace("Upgrade\r\n", "keep-alive, upgrade\r\n")
            ),
            404,
        );
    }
    ends("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tea\r\n\r\n", 500);
    ends("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: coffee\r\n\r\n", 426);
}

/// The bytes of the new protocol may be on their way.
#[test]
fn rule_91_an_error_to_an_upgrade_ends_the_connection_but_for_h2c() {
    let request = |protocol: &str| {
        format!("GET /none HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n")
    };
    let (server, paths) = telling();
    let mut client = server.connect();
    client.send(request("websocket"));
    assert_eq!(client.response().field("Connection").as_deref(), Some("close"));
    let _ = client.try_send(HIDDEN);
    assert!(client.rest_until_cut().is_empty());
    // Some clients offer this with every request.
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(request("h2c"));
        let response = client.response();
        assert_eq!((response.code(), response.field("Connection")), (404, None));
    }
    drop((client, server));
    assert_eq!(paths.iter().collect::<Vec<_>>(), ["/none"; 3]);
}

#[test]
fn rule_78_nothing_is_served_behind_a_408() {
    for begun in
        ["GET /none HTTP/1.1\r\nHo", "POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"]
    {
        let (server, paths) = telling_with(|builder| builder.head_timeout(SHORT).body_timeout(SHORT));
        let mut client = server.connect();
        client.send(begun);
        let response = client.response();
        assert_eq!((response.code(), response.field("Connection").as_deref()), (408, Some("close")));
        // The end of what was begun, and more.
        let _ = client.try_send(format!("st: a\r\n\r\n{HIDDEN}"));
        assert!(client.rest_until_cut().is_empty());
        drop((client, server));
        assert!(paths.iter().all(|path| path != "/hidden"), "{begun}");
    }
    ends("GET /408 HTTP/1.1\r\nHost: a\r\n\r\n", 408);
}

#[test]
fn rule_81_nothing_is_served_behind_a_503_for_want_of_a_thread() {
    let gate = Gate::default();
    let (send, entries) = mpsc::channel();
    let (paths, seen) = mpsc::channel();
    let script = {
        let gate = gate.clone();
        answer(move |http| {
            paths.send(http.path().to_owned())?;
            if http.path() == "/busy" {
                send.send(())?;
                gate.wait();
            }
            reply(http, http.path())
        })
    };
    let log = serve_forever::AccessLog::to(Captured::default());
    let server = serve_with(script, |builder| {
        let builder = builder.loops(1).max_threads(2).max_permits_per_address(Some(2)).access_log(log);
        builder.permit_timeout(Duration::from_millis(200))
    });
    let mut busy = server.connect();
    busy.send("GET /busy HTTP/1.1\r\nHost: a\r\n\r\n");
    entries.recv_timeout(FAILSAFE).expect("the handler runs");
    let mut client = server.connect();
    client.send([NEXT, HIDDEN].concat());
    let response = client.response();
    assert_eq!((response.code(), response.field("Connection").as_deref()), (503, Some("close")));
    client.ends();
    gate.open();
    assert_eq!(busy.response().text(), "/busy");
    drop((client, server));
    assert_eq!(seen.iter().collect::<Vec<_>>(), ["/busy"]);
}

#[test]
fn nothing_is_served_behind_a_panic() {
    ends("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n", 500);
    ends("POST /panic HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 500);
}

/// A handler that wants the end says so, and a `Connection` field of another kind does not hide
/// that.
#[test]
fn rule_73_an_error_says_close_where_the_connection_ends() {
    let server = serve(answer(|http| {
        http.set_close_connection(true);
        if http.path() == "/field" {
            return Err(StatusError::new(426)
                .header("Connection", "Upgrade")
                .header("Upgrade", "tea")
                .into());
        }
        http.send_error(404, None, None)
    }));
    for (path, connection) in [("/", "close"), ("/field", "Upgrade, close")] {
        let mut client = server.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n") + HIDDEN);
        assert_eq!(client.response().values("Connection").join(", "), connection);
        client.ends();
    }
    // What a handler said before it was known that the end of its request is not.
    let server = serve(answer(|http| {
        http.send_response(404).send_header("Connection", "keep-alive").send_header("Content-Length", 0);
        http.end_headers()
    }));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    assert_eq!(client.response().values("Connection").join(", "), "keep-alive, close");
    client.ends();
}

#[test]
fn an_error_page_is_only_what_it_is_called() {
    let server = serve(answer(|http| {
        if http.path() == "/own" {
            http.add_header("x-content-type-options", "own")?;
        }
        http.send_error(404, None, None)
    }));
    let value = |request: &str| server.response(request).values("X-Content-Type-Options").join("|");
    assert_eq!(value("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "nosniff");
    assert_eq!(value("GET / HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n"), "nosniff");
    assert_eq!(value("nonsense\r\n\r\n"), "nosniff");
    // Where it was given it is not said twice.
    assert_eq!(value("GET /own HTTP/1.1\r\nHost: a\r\n\r\n"), "own");
}
