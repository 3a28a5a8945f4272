//! The field section of a request, and what a handler may write into that of the response (rules 30
//! to 42).

use std::sync::mpsc;

use crate::support::{Running, answer, describe, reply, serve};
use http::HeaderValue;
use serve_forever::{Exchange, Result};

/// Answers with every field but Host, one a line.
fn list_fields(http: &mut Exchange) -> Result {
    let mut lines = Vec::new();
    for (name, value) in http.headers().iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        lines.extend_from_slice(name.to_ascii_lowercase().as_bytes());
        lines.push(b'=');
        lines.extend_from_slice(value);
        lines.push(b'\n');
    }
    reply(http, lines)
}

#[track_caller]
fn refuses_line(server: &Running, line: &[u8]) {
    server.refuses([b"GET / HTTP/1.1\r\nHost: a\r\n", line, b"\r\n\r\n"].concat(), 400);
    server.refuses([b"GET / HTTP/1.1\r\n", line, b"\r\nHost: a\r\n\r\n"].concat(), 400);
}

#[test]
fn rule_30_white_space_before_the_colon_is_refused_with_400() {
    let server = serve(answer(describe));
    refuses_line(&server, b"X-A : b");
    refuses_line(&server, b"X-A\t: b");
    refuses_line(&server, b"Content-Length : 3");
}

#[test]
fn rule_31_a_folded_line_is_refused_with_400() {
    let server = serve(answer(describe));
    refuses_line(&server, b"X: a\r\n b");
    refuses_line(&server, b"X: a\r\n\tb");
    refuses_line(&server, b"Transfer-Encoding:\r\n chunked");
}

#[test]
fn rule_32_a_field_name_that_is_no_token_is_refused_with_400() {
    let server = serve(answer(describe));
    for line in [&b": b"[..], b"X@: b", b"\xE9: b", b"X Y: b", b"X\x00: b", b"(X): b", b"\"X\": b", b"X/Y: b"]
    {
        refuses_line(&server, line);
    }
}

#[test]
fn rule_32_every_byte_of_a_token_may_stand_in_a_name() {
    let server = serve(answer(list_fields));
    let request = "GET / HTTP/1.1\r\nHost: a\r\na!#$%&'*+-.^_`|~9: b\r\n\r\n";
    assert_eq!(server.body(request), "a!#$%&'*+-.^_`|~9=b\n");
}

#[test]
fn rule_33_a_line_without_colon_is_refused_with_400() {
    let server = serve(answer(describe));
    refuses_line(&server, b"X-A");
    refuses_line(&server, b"GET /evil HTTP/1.1");
}

#[test]
fn rule_34_control_characters_in_a_value_are_refused_with_400() {
    let server = serve(answer(describe));
    for line in
        [&b"X: a\x00b"[..], b"X: \x01", b"X: a\x0B", b"X: a\x7fb", b"X: \x1b[31m", b"X: a\rb", b"X: a\nb"]
    {
        refuses_line(&server, line);
    }
}

#[test]
fn rule_35_only_space_and_tab_are_stripped_from_values() {
    let server = serve(answer(list_fields));
    let response =
        server.response(b"GET / HTTP/1.1\r\nHost: a\r\nX: \t \xA0a\tb \x85\t \r\nY:c\r\nZ: \r\n\r\n");
    assert_eq!(response.body(), b"x=\xA0a\tb \x85\ny=c\nz=\n");
}

#[test]
fn rule_35_a_no_break_space_does_not_make_chunked() {
    let server = serve(answer(describe));
    for value in [&b"\xA0chunked"[..], b"chunked\xA0", b"\x85chunked"] {
        let head =
            [b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:", value, b"\r\n\r\n0\r\n\r\n"].concat();
        server.refuses_with_one_of(head, &[400, 501]);
    }
}

#[test]
fn rule_36_bytes_beyond_ascii_in_a_request_stay_as_they_are() {
    let server = serve(answer(list_fields));
    let response = server.response(b"GET / HTTP/1.1\r\nHost: a\r\nX: \xE9\x80\xFF \xC3\xA9\r\n\r\n");
    assert_eq!(response.body(), b"x=\xE9\x80\xFF \xC3\xA9\n");
}

#[test]
fn rule_36_bytes_beyond_ascii_in_a_response_stay_as_they_are() {
    let server = serve(answer(|http| {
        http.send_response(200).send_header("X", HeaderValue::from_bytes(b"\xE9\xFF")?).end_headers()?;
        Ok(())
    }));
    let response = server.response("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        response.raw_head().windows(9).any(|window| window == b"\r\nX: \xE9\xFF\r\n"),
        "{}",
        response.head()
    );
}

#[test]
fn rule_38_names_are_found_whatever_their_case() {
    let server = serve(answer(|http| {
        let value = http.headers().get("x-a").unwrap_or("?").to_owned();
        reply(http, value)
    }));
    assert_eq!(server.body("GET / HTTP/1.1\r\nhOST: a\r\nX-a: found\r\n\r\n"), "found");
}

#[test]
fn rule_38_content_length_counts_whatever_its_case() {
    let server = serve(answer(describe));
    let request = "POST / HTTP/1.1\r\nHost: a\r\ncOnTeNt-LeNgTh: 3\r\n\r\nabc";
    assert_eq!(server.body(request), "POST / host=a body=abc\n");
}

#[test]
fn rule_38_lines_of_one_name_keep_their_order() {
    let server = serve(answer(|http| {
        let values: Vec<_> = http.headers().get_all("X").map(String::from_utf8_lossy).collect();
        let text = format!("{} of {}", values.join("|"), http.headers().len());
        reply(http, text)
    }));
    let request = "GET / HTTP/1.1\r\nX: 1\r\nHost: a\r\nx: 2\r\nY: 0\r\nX: 3\r\n\r\n";
    assert_eq!(server.body(request), "1|2|3 of 5");
}

#[test]
fn rule_39_nothing_is_done_before_the_whole_head_is_in() {
    let (started, starts) = mpsc::channel();
    let server = serve(answer(move |http| {
        started.send(())?;
        describe(http)
    }));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n");
    client.send("X: y\r\n".repeat(50));
    client.send("Content-Length: 4\r\n\r\nabcd");
    assert_eq!(client.response().code(), 400);
    client.ends();
    assert!(starts.try_recv().is_err(), "the handler ran");
}

#[test]
fn rule_40_an_underscore_is_no_hyphen() {
    let server = serve(answer(|http| {
        let text = format!("{:?} {:?}", http.headers().get("X-A"), http.headers().get("X_A"));
        reply(http, text)
    }));
    assert_eq!(server.body("GET / HTTP/1.1\r\nHost: a\r\nX_A: evil\r\n\r\n"), "None Some(\"evil\")");
}

#[test]
fn rule_40_an_underscore_makes_no_framing_field() {
    let server = serve(answer(describe));
    let request = "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 3\r\nTransfer_Encoding: chunked\r\n\r\n";
    assert_eq!(server.body(request), "POST / host=a body=\n");
}

#[test]
fn rule_41_fields_that_connection_names_are_shown_as_received() {
    let server = serve(answer(list_fields));
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-End: 2\r\n\r\n";
    assert_eq!(server.body(request), "connection=x-hop\nx-hop=1\nx-end=2\n");
}

#[test]
fn rule_42_a_value_that_would_split_the_response_is_an_error() {
    for value in ["a\r\nB: c", "a\nB: c", "a\rB: c", "a\0b", "a\r\n\r\n<html>"] {
        let server = serve(answer(move |http| {
            http.send_response(200).send_header("X", value).end_headers()?;
            Ok(())
        }));
        server.answers_with_error("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 500);
    }
}

#[test]
fn rule_42_a_name_that_would_split_the_response_is_an_error() {
    for name in ["X\r\nB", "X: y\r\nB", "X Y", "X:", "", "X\n", "é"] {
        let server = serve(answer(move |http| {
            http.send_response(200).send_header(name, "c").end_headers()?;
            Ok(())
        }));
        server.answers_with_error("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 500);
    }
}

#[test]
fn rule_42_a_reason_phrase_that_would_split_the_response_is_an_error() {
    let server = serve(answer(|http| {
        http.send_response_with(200, "Fine\r\nB: c").end_headers()?;
        Ok(())
    }));
    server.answers_with_error("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 500);
}

#[test]
fn rule_42_the_message_of_an_error_page_cannot_split_the_response() {
    let server = serve(answer(|http| http.send_error(400, Some("a\r\nB: c\r\n\r\nd"), None)));
    let response = server.response("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(matches!(response.code(), 400 | 500), "{}", response.head());
    assert_eq!(response.field("B"), None);
    assert!(response.field("Content-Length").is_some());
}
