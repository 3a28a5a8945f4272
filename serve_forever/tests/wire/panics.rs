//! A handler that panics or fails harms its own request at most.

use std::borrow::Cow;
use std::io::Write;

use crate::support::{
    Running, answer, assert_error_page, assert_error_page_that_goes_on, masked, reply, serve, serve_with,
};
use serve_forever::{BaseHttpRequestHandler, Exchange, LogRecord, Result};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const FINE: &str = "GET /fine HTTP/1.1\r\nHost: a\r\n\r\n";

/// Where a [`Clumsy`] handler panics, by path.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Constructor,
    Method,
    Drop,
    MethodAndDrop,
    Log,
    Version,
}

struct Clumsy {
    place: Place,
    spare: bool,
}

impl Clumsy {
    fn new(place: Place) -> Self {
        assert!(place != Place::Constructor, "constructor");
        Self { place, spare: false }
    }
}

impl BaseHttpRequestHandler for Clumsy {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        self.spare = http.path() == "/fine";
        let clumsy = matches!(self.place, Place::Method | Place::MethodAndDrop);
        assert!(self.spare || !clumsy, "method");
        reply(http, "fine\n")
    }

    fn log_request(&self, _record: &LogRecord) {
        assert!(self.spare || self.place != Place::Log, "log");
    }

    fn server_version(&self) -> Cow<'static, str> {
        assert!(self.place != Place::Version, "version");
        "wire".into()
    }
}

impl Drop for Clumsy {
    fn drop(&mut self) {
        let clumsy = matches!(self.place, Place::Drop | Place::MethodAndDrop);
        assert!(self.spare || !clumsy, "drop");
    }
}

#[track_caller]
fn goes_on(server: &Running) {
    assert_eq!(server.body(FINE), "fine\n");
}

#[test]
fn a_panic_before_the_head_is_answered_with_500() {
    let server = serve(|| Clumsy::new(Place::Method));
    for _ in 0..3 {
        let response = server.response(GET);
        assert_eq!(response.code(), 500);
        assert_error_page(&response);
        assert!(!response.text().contains("panic"), "{}", response.text());
        goes_on(&server);
    }
}

#[test]
fn a_panic_in_the_constructor_is_answered_with_500() {
    let server = serve(|| Clumsy::new(Place::Constructor));
    for _ in 0..3 {
        assert_eq!(server.response(GET).code(), 500);
    }
}

#[test]
fn a_panic_in_server_version_is_answered_with_500_or_cut() {
    let server = serve(|| Clumsy::new(Place::Version));
    for _ in 0..3 {
        let mut client = server.connect();
        client.send(GET);
        let answer = masked(&client.rest_until_cut());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 500 "), "{answer}");
    }
}

#[test]
fn a_panic_in_drop_leaves_the_server_running() {
    let server = serve(|| Clumsy::new(Place::Drop));
    for _ in 0..3 {
        let mut client = server.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = masked(&client.rest_until_cut());
        let known =
            answer.is_empty() || answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.1 500 ");
        assert!(known, "{answer}");
        goes_on(&server);
    }
}

#[test]
fn a_panic_in_the_method_and_then_in_drop_leaves_the_server_running() {
    let server = serve(|| Clumsy::new(Place::MethodAndDrop));
    for _ in 0..3 {
        let mut client = server.connect();
        client.send(GET);
        let answer = masked(&client.rest_until_cut());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 500 "), "{answer}");
        goes_on(&server);
    }
}

#[test]
fn a_panic_in_a_log_hook_leaves_the_server_running() {
    let log = crate::support::Captured::default();
    let out = serve_forever::AccessLog::to(log.clone());
    let server = serve_with(|| Clumsy::new(Place::Log), |builder| builder.access_log(out));
    for _ in 0..3 {
        let mut client = server.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = masked(&client.rest_until_cut());
        let known =
            answer.is_empty() || answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.1 500 ");
        assert!(known, "{answer}");
        goes_on(&server);
    }
}

#[test]
fn a_panic_within_the_body_cuts_the_connection() {
    let server = serve(answer(|http| {
        http.send_response(200).send_header("Content-Length", 100).end_headers()?;
        http.wfile().write_all(b"begun")?;
        http.wfile().flush()?;
        panic!("in the middle of the body");
    }));
    let mut client = server.connect();
    client.send(GET);
    assert_eq!(
        masked(&client.rest_until_cut()),
        "HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nContent-Length: 100\r\n\r\nbegun"
    );
}

#[test]
fn a_panic_within_a_chunked_body_never_looks_like_its_end() {
    let server = serve(answer(|http| {
        http.send_response(200).end_headers()?;
        http.wfile().write_all(b"begun")?;
        http.wfile().flush()?;
        panic!("in the middle of the body");
    }));
    let mut client = server.connect();
    client.send(GET);
    assert_eq!(
        masked(&client.rest_until_cut()),
        "HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n"
    );
}

#[test]
fn an_answer_that_a_panic_overtakes_in_the_buffer_is_never_taken_for_whole() {
    let server = serve(answer(|http| {
        http.send_response(200).end_headers()?;
        http.wfile().write_all(b"begun")?;
        panic!("before anything went out");
    }));
    let mut client = server.connect();
    client.send(GET);
    let answer = masked(&client.rest_until_cut());
    assert!(!answer.contains("Content-Length: 5\r\n"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
}

#[test]
fn an_error_before_the_head_is_answered_with_500() {
    let server = serve(answer(|http| {
        if http.path() == "/fine" {
            return reply(http, "fine\n");
        }
        Err("the password is 1234".into())
    }));
    let response = server.response(GET);
    assert_eq!(response.code(), 500);
    assert_error_page_that_goes_on(&response);
    assert!(!response.all().contains("1234"), "{}", response.all());
    goes_on(&server);
}

#[test]
fn an_error_within_the_body_cuts_the_connection() {
    let server = serve(answer(|http| {
        http.send_response(200).end_headers()?;
        http.wfile().write_all(b"begun")?;
        http.wfile().flush()?;
        Err("in the middle of the body".into())
    }));
    let mut client = server.connect();
    client.send(GET.repeat(2));
    assert_eq!(
        masked(&client.rest_until_cut()),
        "HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n"
    );
}

#[test]
fn requests_behind_one_that_panics_do_not_run_on_its_connection() {
    let server = serve(|| Clumsy::new(Place::Method));
    let mut client = server.connect();
    client.send(GET.to_owned() + FINE);
    assert_eq!(client.response().code(), 500);
    client.ends();
}
