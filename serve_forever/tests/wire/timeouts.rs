//! What happens to a client that stops, or nearly (rule 78).
//!
//! Nothing here says how soon the server acts, only that it does although the client never closes.

use std::io::{ErrorKind, Write};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use crate::support::{
    Client, FAILSAFE, OnlyGet, SHORT, answer, assert_error_page, describe, masked, reply, serve_with,
};
use serve_forever::{AccessLog, HttpServer, Source};

/// Between two bytes of a client that trickles.
const PAUSE: Duration = Duration::from_millis(100);

/// More than all buffers between two sockets hold.
const ENDLESS: usize = 1 << 30;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn rule_78_half_a_head_is_answered_with_408() {
    let server = serve_with(|| OnlyGet, |builder| builder.head_timeout(SHORT));
    server.refuses("GET / HTTP/1.1\r\nHost: a\r\n", 408);
}

#[test]
fn rule_78_half_a_request_line_is_answered_with_408() {
    let server = serve_with(|| OnlyGet, |builder| builder.head_timeout(SHORT));
    server.refuses("GE", 408);
}

#[test]
fn rule_78_half_a_second_head_is_answered_with_408() {
    let server = serve_with(|| OnlyGet, |builder| builder.head_timeout(SHORT));
    let mut client = server.connect();
    client.send(GET);
    assert_eq!(client.response().text(), "got it\n");
    client.send("GET / HTTP/1.1\r\nHo");
    let refusal = client.response();
    assert_eq!(refusal.code(), 408);
    assert_error_page(&refusal);
    client.ends();
}

#[test]
fn rule_78_a_head_that_trickles_in_is_answered_with_408() {
    let server = serve_with(|| OnlyGet, |builder| builder.head_timeout(SHORT));
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    client.trickle_until_answered(b"x", PAUSE);
    let answer = masked(&client.rest_until_cut());
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn rule_78_a_client_that_says_nothing_is_closed_without_a_word() {
    let server = serve_with(|| OnlyGet, |builder| builder.head_timeout(SHORT).idle_timeout(SHORT));
    server.connect().ends();
}

/// Not for as long as between two requests: nobody has asked for anything yet.
#[test]
fn rule_78_a_new_connection_has_the_time_of_a_head_to_begin_one() {
    let server = serve_with(|| OnlyGet, |builder| builder.head_timeout(SHORT));
    let mut used = server.connect();
    used.send(GET);
    assert_eq!(used.response().text(), "got it\n");
    for silence in ["", "\r\n", "\r\n\r\n", "\r"] {
        let mut client = server.connect();
        client.send(silence);
        client.ends();
    }
    // Whoever has asked for something may be silent for longer, also behind an empty line.
    used.send("\r\n");
    server.connect().ends();
    used.send(GET);
    assert_eq!(used.response().text(), "got it\n");
}

#[test]
fn rule_78_a_new_connection_that_says_nothing_does_not_hold_up_handle_request() {
    let server = HttpServer::builder(|| OnlyGet)
        .access_log(AccessLog::off())
        .head_timeout(SHORT)
        .bind(("127.0.0.1", 0))
        .expect("a free port");
    for silence in ["", "\r\n"] {
        let mut client = Client::connect(server.server_addresses()[0]);
        client.send(silence);
        assert!(server.handle_request().expect("somebody came"));
        client.ends();
    }
}

#[test]
fn rule_78_an_idle_connection_is_closed_without_a_word() {
    let server = serve_with(|| OnlyGet, |builder| builder.idle_timeout(SHORT));
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(GET);
        assert_eq!(client.response().text(), "got it\n");
    }
    client.ends();
}

#[test]
fn rule_78_a_small_body_that_stops_is_answered_with_408() {
    let server = serve_with(answer(describe), |builder| builder.body_timeout(SHORT));
    server.refuses("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nonly", 408);
}

#[test]
fn rule_78_a_chunked_body_that_stops_is_an_error_to_its_reader_and_answered_with_408() {
    let (report, reports) = mpsc::channel();
    let reading = answer(move |http| {
        let read = std::io::copy(http.rfile(), &mut std::io::sink());
        report.send(read.as_ref().map_err(std::io::Error::kind).copied())?;
        reply(http, format!("{}\n", read?))
    });
    let server = serve_with(reading, |builder| builder.body_timeout(SHORT));
    server.refuses("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 408);
    assert_eq!(reports.recv_timeout(FAILSAFE), Ok(Err(ErrorKind::TimedOut)));
}

#[test]
fn rule_78_a_body_that_was_promised_after_100_and_stays_out_ends_the_connection() {
    let server = serve_with(answer(describe), |builder| builder.body_timeout(SHORT));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(client.response().code(), 100);
    let refusal = client.response();
    assert_eq!(refusal.code(), 408);
    client.ends();
}

#[test]
fn rule_78_a_body_that_nobody_reads_and_that_stops_ends_the_connection() {
    let server = serve_with(answer(|http| reply(http, "got it\n")), |builder| builder.body_timeout(SHORT));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
    assert_eq!(client.response().text(), "got it\n");
    let rest = client.rest_until_cut();
    assert!(rest.is_empty(), "{}", masked(&rest));
}

#[test]
fn rule_78_a_body_below_the_minimum_rate_ends_the_connection() {
    let server = serve_with(answer(describe), |builder| builder.minimum_rate(1_000_000, SHORT));
    for framing in ["Content-Length: 2000000", "Transfer-Encoding: chunked"] {
        let mut client = server.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"));
        client.trickle_until_answered(b"1\r\nx\r\n", PAUSE);
        let answer = masked(&client.rest_until_cut());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
}

#[test]
fn rule_78_a_fast_body_is_above_the_minimum_rate() {
    let server = serve_with(answer(describe), |builder| builder.minimum_rate(1, SHORT));
    let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(server.body(request), "POST / host=a body=abc\n");
}

#[test]
fn rule_78_a_client_that_does_not_read_is_an_error_to_the_writer() {
    let (report, reports) = mpsc::channel();
    let writing = answer(move |http| {
        http.send_response(200).end_headers()?;
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..ENDLESS >> 20 {
            if let Err(error) = http.wfile().write_all(&piece) {
                report.send(error.kind())?;
                return Err(error.into());
            }
        }
        Ok(())
    });
    let server = serve_with(writing, |builder| builder.write_timeout(SHORT));
    let mut client = server.connect();
    client.send(GET);
    assert_eq!(reports.recv_timeout(FAILSAFE), Ok(ErrorKind::TimedOut));
    assert!(client.rest_until_cut().len() < ENDLESS);
}

#[test]
fn rule_78_a_client_that_does_not_read_what_the_server_sends_by_itself_is_cut() {
    /// Never ends, and says when it was given up.
    struct Endless(Sender<()>);
    impl Source for Endless {
        fn pull(&mut self, out: &mut Vec<u8>) -> std::io::Result<bool> {
            out.extend_from_slice(&[b'x'; 10_000]);
            Ok(true)
        }
    }
    impl Drop for Endless {
        fn drop(&mut self) {
            // The test may be over.
            let _ = self.0.send(());
        }
    }
    let (report, reports) = mpsc::channel();
    let sending = answer(move |http| {
        http.send_response(200).end_headers()?;
        http.send_source(Endless(report.clone()))
    });
    let server = serve_with(sending, |builder| builder.stall_timeout(SHORT));
    let mut client = server.connect();
    client.send(GET);
    assert_eq!(reports.recv_timeout(FAILSAFE), Ok(()));
    assert!(client.rest_until_cut().len() < ENDLESS);
}

#[test]
fn rule_78_a_client_that_stops_holds_up_nobody_else() {
    let server = serve_with(answer(describe), |builder| builder.loops(1));
    let mut stopped = Vec::new();
    for start in
        ["G", "GET / HTTP/1.1\r\nHost: a\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"]
    {
        let mut client = server.connect();
        client.send(start);
        stopped.push(client);
    }
    for _ in 0..20 {
        let mut client = server.connect();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
        stopped.push(client);
    }
    assert_eq!(server.body(GET), "GET / host=a body=\n");
}
