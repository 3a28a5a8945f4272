//! Handlers that read a body, or leave it (rules 53 to 55, 74 and 97).

use std::io::{BufRead, ErrorKind, Read, Write};
use std::sync::mpsc::{self, Receiver};

use crate::support::{FAILSAFE, Running, answer, describe, masked, reply, serve, serve_with};
use serve_forever::{Exchange, Result};

/// More than the server collects before it starts a handler.
const LARGE: usize = 2_000_000;

/// A server whose handler reads the whole body and reports how that went.
fn reading() -> (Running, Receiver<std::result::Result<usize, ErrorKind>>) {
    let (report, reports) = mpsc::channel();
    let server = serve(answer(move |http| {
        let read = std::io::copy(http.rfile(), &mut std::io::sink());
        report.send(read.as_ref().map(|&count| count as usize).map_err(std::io::Error::kind))?;
        reply(http, format!("{}\n", read?))
    }));
    (server, reports)
}

#[test]
fn rule_52_a_body_of_known_length_is_read_to_its_end() {
    let server = serve(answer(describe));
    assert_eq!(
        server.ask("POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nConnection: close\r\n\r\nx=1&y=2"),
        "HTTP/1.1 200 OK\r\n\
         Server: wire\r\n\
         Date: *\r\n\
         Connection: close\r\n\
         Content-Length: 31\r\n\
         \r\n\
         POST /form host=a body=x=1&y=2\n"
    );
}

#[test]
fn rule_52_a_large_body_is_read_to_its_end() {
    let (server, _reports) = reading();
    let mut client = server.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"));
    client.send("x".repeat(LARGE));
    assert_eq!(client.response().text(), format!("{LARGE}\n"));
}

#[test]
fn rule_52_a_large_chunked_body_is_read_to_its_end() {
    let (server, _reports) = reading();
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..1000 {
        client.send(format!("7d0\r\n{}\r\n", "x".repeat(2000)));
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.response().text(), format!("{LARGE}\n"));
}

#[test]
fn rule_52_a_body_can_be_read_by_lines_while_the_answer_is_written() {
    let server = serve(answer(|http| {
        http.send_response(200).end_headers()?;
        let (body, out) = http.files();
        for line in body.lines() {
            writeln!(out, "<{}>", line?)?;
        }
        Ok(())
    }));
    let request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\none\nt\r\n3\r\nwo\n\r\n0\r\n\r\n";
    assert_eq!(server.body(request), "<one>\n<two>\n");
}

#[test]
fn rule_52_what_was_written_goes_out_before_the_handler_waits_for_more() {
    let server = serve(answer(|http| {
        http.send_response(200).end_headers()?;
        let (body, out) = http.files();
        out.write_all(b"name?")?;
        let mut name = String::new();
        body.read_to_string(&mut name)?;
        write!(out, "hello {name}")?;
        Ok(())
    }));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    // Head and prompt come while the body is still owed.
    assert_eq!(client.response_to_head().code(), 200);
    assert_eq!(client.take(10), b"5\r\nname?\r\n");
    client.send("3\r\nyou\r\n0\r\n\r\n");
    assert_eq!(masked(&client.rest()), "9\r\nhello you\r\n0\r\n\r\n");
}

#[test]
fn rule_53_a_handler_that_wants_a_length_answers_411() {
    let server = serve(answer(|http| {
        if http.headers().contains("Content-Length") {
            describe(http)
        } else {
            http.send_error(411, None, None)
        }
    }));
    server
        .answers_with_error("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411);
    assert_eq!(
        server.body("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"),
        "PUT / host=a body=x\n"
    );
}

#[test]
fn rule_54_a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    let server = serve(answer(|http| {
        let length: u64 = http.headers().get("Content-Length").unwrap_or("0").parse()?;
        if length > 2_000_000 { http.send_error(413, None, None) } else { describe(http) }
    }));
    server.refuses("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000001\r\n\r\n", 413);
    server.refuses("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n", 413);
}

#[test]
fn rule_54_a_chunked_body_can_be_counted_as_it_arrives() {
    let server = serve(answer(|http| {
        let mut body = Vec::new();
        http.rfile().take(11).read_to_end(&mut body)?;
        if body.len() > 10 { http.send_error(413, None, None) } else { reply(http, body) }
    }));
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    // The end of this body never comes.
    server.answers_with_error(format!("{head}6\r\n012345\r\n6\r\n678901\r\n"), 413);
    assert_eq!(server.body(format!("{head}6\r\n012345\r\n4\r\n6789\r\n0\r\n\r\n")), "0123456789");
}

#[test]
fn rule_55_a_large_body_that_ends_early_is_an_error_to_its_reader() {
    let (server, reports) = reading();
    let mut client = server.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\nonly this"));
    client.half_close();
    assert_eq!(reports.recv_timeout(FAILSAFE).expect("the handler runs"), Err(ErrorKind::UnexpectedEof));
    let answer = masked(&client.rest_until_cut());
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
}

#[test]
fn rule_55_a_chunked_body_that_ends_early_is_never_taken_for_whole() {
    for body in ["", "5", "5\r\n", "5\r\nab", "5\r\nabcde", "5\r\nabcde\r\n", "0\r\n", "0\r\nX: y\r\n"] {
        let (server, reports) = reading();
        let mut client = server.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}"));
        client.half_close();
        let answer = masked(&client.rest_until_cut());
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
        assert!(!matches!(reports.try_recv(), Ok(Ok(_))), "the handler saw a whole body for {body:?}");
    }
}

#[test]
fn rule_55_a_chunked_body_that_ends_early_is_an_error_to_a_reader_that_has_begun() {
    let (begins, begun) = mpsc::channel();
    let (report, reports) = mpsc::channel();
    let server = serve(answer(move |http| {
        begins.send(())?;
        let read = std::io::copy(http.rfile(), &mut std::io::sink());
        report.send(read.as_ref().map(|_| ()).map_err(std::io::Error::kind))?;
        reply(http, format!("{}\n", read?))
    }));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n");
    begun.recv_timeout(FAILSAFE).expect("the handler starts when the client pauses");
    client.half_close();
    assert_eq!(reports.recv_timeout(FAILSAFE).expect("the handler ends"), Err(ErrorKind::UnexpectedEof));
    let answer = masked(&client.rest_until_cut());
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
}

#[test]
fn rule_55_a_small_body_that_ends_early_is_never_taken_for_whole() {
    let (server, reports) = reading();
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nonly");
    client.half_close();
    let answer = masked(&client.rest_until_cut());
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    // Whether the handler is started for it at all is the server's choice.
    assert!(!matches!(reports.try_recv(), Ok(Ok(_))), "the handler saw a whole body");
}

#[test]
fn rule_55_a_head_that_ends_early_runs_no_handler() {
    let (server, reports) = reading();
    for head in ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut client = server.connect();
        client.send(head);
        client.half_close();
        let answer = masked(&client.rest_until_cut());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert!(reports.try_recv().is_err(), "a handler ran");
}

fn ignore_body(http: &mut Exchange) -> Result {
    reply(http, format!("{}\n", http.path()))
}

#[test]
fn rule_74_a_body_that_nobody_read_is_never_run_as_a_request() {
    let server = serve(answer(ignore_body));
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut client = server.connect();
    client
        .send(format!("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len()));
    client.send(format!(
        "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{smuggled}\r\n0\r\n\r\n",
        smuggled.len()
    ));
    client.send("GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    for path in ["/1\n", "/2\n", "/3\n"] {
        assert_eq!(client.response().text(), path);
    }
    client.ends();
}

#[test]
fn rule_74_a_body_that_was_read_in_part_is_drained() {
    let server = serve(answer(|http| {
        let mut first = [0; 4];
        http.rfile().read_exact(&mut first)?;
        reply(http, first)
    }));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n");
    client.send("x".repeat(20_000));
    assert_eq!(client.response().text(), "xxxx");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    client.send("6\r\nabcdef\r\n3\r\nghi\r\n0\r\nX: y\r\n\r\n");
    assert_eq!(client.response().text(), "abcd");
    client.ends();
}

#[test]
fn rule_74_a_body_beyond_the_bound_of_the_drain_ends_the_connection() {
    let server = serve_with(answer(ignore_body), |builder| builder.max_drain_size(1024));
    let mut client = server.connect();
    client.send(format!("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"));
    assert_eq!(client.response().text(), "/1\n");
    // The server may close at any point of this.
    let _ = client.try_send("x".repeat(LARGE) + "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    let rest = client.rest_until_cut();
    assert!(rest.is_empty(), "{}", masked(&rest));
}

#[test]
fn rule_74_a_broken_body_that_nobody_read_ends_the_connection() {
    let server = serve(answer(ignore_body));
    let mut client = server.connect();
    client.send("POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n\r\n");
    client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(matches!(client.response().code(), 200 | 400));
    let rest = client.rest_until_cut();
    assert!(rest.is_empty(), "{}", masked(&rest));
}

#[test]
fn rule_97_a_coded_body_reaches_the_handler_as_it_is() {
    let server = serve(answer(|http| {
        let coding = http.headers().get("Content-Encoding").unwrap_or("-").to_owned();
        let mut body = Vec::new();
        http.rfile().read_to_end(&mut body)?;
        if coding == "gzip" {
            http.send_response(200).end_headers()?;
            http.wfile().write_all(&body)?;
        } else {
            http.send_response(415).send_header("Accept-Encoding", "gzip").end_headers()?;
        }
        Ok(())
    }));
    let request =
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08";
    assert_eq!(server.response(request).body(), b"\x1f\x8b\x08");
    let request =
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08";
    let response = server.response(request);
    assert_eq!((response.code(), response.field("Accept-Encoding").as_deref()), (415, Some("gzip")));
}
