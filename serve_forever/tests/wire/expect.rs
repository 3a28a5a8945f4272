//! `Expect: 100-continue` and interim responses (rules 86 to 90).

use std::borrow::Cow;
use std::io::Write;

use crate::support::{OnlyGet, answer, describe, reply, serve};
use serve_forever::{BaseHttpRequestHandler, Exchange, Result};

const HEAD: &str =
    "POST /up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n";

const ANSWER: &str = "HTTP/1.1 200 OK\r\n\
                      Server: wire\r\n\
                      Date: *\r\n\
                      Connection: close\r\n\
                      Content-Length: 25\r\n\
                      \r\n\
                      POST /up host=a body=abc\n";

#[test]
fn rule_86_a_client_that_waits_is_told_to_continue() {
    let server = serve(answer(describe));
    let mut client = server.connect();
    client.send(HEAD);
    client.expect("HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    client.expect(ANSWER);
    client.ends();
}

#[test]
fn rule_86_the_expectation_is_read_whatever_its_case_and_with_chunks() {
    let server = serve(answer(describe));
    let mut client = server.connect();
    client.send("POST /up HTTP/1.1\r\nHost: a\r\nexpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.expect("HTTP/1.1 100 Continue\r\n\r\n");
    client.send("3\r\nabc\r\n0\r\n\r\n");
    assert_eq!(client.response().text(), "POST /up host=a body=abc\n");
    client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().text(), "GET /next host=a body=\n");
}

#[test]
fn rule_86_every_request_of_a_connection_gets_its_own_100() {
    let server = serve(answer(describe));
    let mut client = server.connect();
    for body in ["abc", "def"] {
        client.send(HEAD.replace("Connection: close\r\n", ""));
        client.expect("HTTP/1.1 100 Continue\r\n\r\n");
        client.send(body);
        assert_eq!(client.response().text(), format!("POST /up host=a body={body}\n"));
    }
}

#[test]
fn rule_87_the_100_is_not_owed_when_the_body_is_already_there() {
    let server = serve(answer(describe));
    let mut client = server.connect();
    client.send(HEAD.to_owned() + "abc");
    let mut response = client.response();
    if response.code() == 100 {
        response = client.response();
    }
    assert_eq!(response.all(), ANSWER);
    client.ends();
}

#[test]
fn rule_87_the_expectation_of_a_client_of_1_0_is_ignored() {
    let server = serve(answer(describe));
    let mut client = server.connect();
    client.send("POST /up HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    client.send("abc");
    client.expect(ANSWER);
    client.ends();
}

#[test]
fn rule_87_the_expectation_of_a_request_without_body_is_ignored() {
    let server = serve(answer(describe));
    let mut client = server.connect();
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    client.send("POST /2 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response().text(), "GET /1 host=a body=\n");
    assert_eq!(client.response().text(), "POST /2 host=a body=\n");
    client.ends();
}

#[test]
fn rule_88_a_refusal_comes_without_100_and_says_close() {
    let server = serve(answer(|http| http.send_error(413, None, None)));
    server.refuses(HEAD, 413);
    server.refuses(HEAD.replace("Connection: close\r\n", ""), 413);
}

#[test]
fn rule_88_an_answer_without_reading_comes_without_100_and_says_close() {
    let server = serve(answer(|http| {
        http.send_response(403).end_headers()?;
        http.wfile().write_all(b"no\n")?;
        Ok(())
    }));
    let mut client = server.connect();
    client.send(HEAD.replace("Connection: close\r\n", ""));
    client.expect(
        "HTTP/1.1 403 Forbidden\r\nServer: wire\r\nDate: *\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno\n",
    );
    client.ends();
}

#[test]
fn rule_88_an_unimplemented_method_is_refused_without_100() {
    let server = serve(|| OnlyGet);
    server.refuses(HEAD, 501);
}

#[test]
fn rule_89_an_unknown_expectation_is_refused_with_417() {
    let server = serve(answer(describe));
    for value in ["200-ok", "100-continue, 200-ok", "100-continue=1"] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nExpect: {value}\r\nContent-Length: 3\r\n\r\n");
        server.refuses(head + "abc", 417);
    }
}

struct Choosy;

impl BaseHttpRequestHandler for Choosy {
    fn handle_expect_100(&mut self, http: &mut Exchange) -> bool {
        // The connection ends anyway where this cannot be sent.
        let _ = http.send_error(417, None, None);
        false
    }

    fn do_post(&mut self, http: &mut Exchange) -> Result {
        reply(http, "must not run\n")
    }

    fn server_version(&self) -> Cow<'static, str> {
        "wire".into()
    }
}

#[test]
fn rule_88_a_handler_that_refuses_the_expectation_is_not_run() {
    let server = serve(|| Choosy);
    server.refuses(HEAD, 417);
}

fn hint_first(http: &mut Exchange) -> Result {
    http.send_response_only(103).send_header("Link", "</a.css>; rel=preload").end_headers()?;
    reply(http, "page\n")
}

#[test]
fn rule_90_an_interim_response_goes_before_the_final_one() {
    let server = serve(answer(hint_first));
    assert_eq!(
        server.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        "HTTP/1.1 103 Early Hints\r\n\
         Link: </a.css>; rel=preload\r\n\
         \r\n\
         HTTP/1.1 200 OK\r\n\
         Server: wire\r\n\
         Date: *\r\n\
         Connection: close\r\n\
         Content-Length: 5\r\n\
         \r\n\
         page\n"
    );
}

#[test]
fn rule_90_a_client_of_1_0_gets_no_interim_response() {
    let server = serve(answer(hint_first));
    assert_eq!(
        server.ask("GET / HTTP/1.0\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nConnection: close\r\nContent-Length: 5\r\n\r\npage\n"
    );
}
