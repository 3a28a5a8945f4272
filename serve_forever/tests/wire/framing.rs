//! Where a request body ends, and what leaves that in doubt (rules 43 to 52 and 56 to 64).

use std::sync::mpsc;

use crate::support::{Running, answer, describe, reply, serve, trailer};

/// The request that would run if the server took the end of the body for another place than the
/// client.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

#[track_caller]
fn refuses_fields(server: &Running, fields: impl AsRef<[u8]>, code: u16) {
    let fields = fields.as_ref();
    server.refuses([b"POST / HTTP/1.1\r\nHost: a\r\n", fields, b"\r\n\r\n0\r\n\r\n"].concat(), code);
}

#[track_caller]
fn refuses_chunks(server: &Running, body: impl AsRef<[u8]>, codes: &[u16]) {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    server.refuses_with_one_of([&head[..], body.as_ref(), SMUGGLED.as_bytes()].concat(), codes);
}

/// These chunks make this body, and the request behind them is seen.
#[track_caller]
fn accepts_chunks(server: &Running, chunks: &str, body: &str) {
    let mut client = server.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"));
    client.send("GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response().text(), format!("POST / host=a body={body}\n"));
    assert_eq!(client.response().text(), "GET /next host=a body=\n");
    client.ends();
}

#[test]
fn rule_43_content_length_beside_transfer_encoding_is_refused_with_400() {
    let (started, starts) = mpsc::channel();
    let server = serve(answer(move |http| {
        started.send(())?;
        describe(http)
    }));
    let body = format!("0\r\n\r\n{SMUGGLED}");
    let length = body.len();
    server.refuses(
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n{body}"),
        400,
    );
    server.refuses(
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n{body}"
        ),
        400,
    );
    assert!(starts.try_recv().is_err(), "a handler ran");
}

#[test]
fn rule_44_a_transfer_encoding_that_does_not_end_in_chunked_is_refused_with_400() {
    let server = serve(answer(describe));
    refuses_fields(&server, "Transfer-Encoding: chunked, identity", 400);
    refuses_fields(&server, "Transfer-Encoding: chunked, gzip", 400);
    refuses_fields(&server, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400);
}

#[test]
fn rule_44_a_transfer_encoding_without_chunked_is_refused() {
    let server = serve(answer(describe));
    for value in ["identity", "gzip", "xchunked", "chunkedx", "chunk", "\"chunked\"", "", ","] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {value}\r\n\r\n0\r\n\r\n");
        server.refuses_with_one_of(request, &[400, 501]);
    }
}

#[test]
fn rule_45_an_unknown_coding_before_chunked_is_refused_with_501() {
    let server = serve(answer(describe));
    refuses_fields(&server, "Transfer-Encoding: gzip, chunked", 501);
    refuses_fields(&server, "Transfer-Encoding: xchunked, chunked", 501);
    refuses_fields(&server, "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", 501);
}

#[test]
fn rule_46_chunked_twice_is_refused_with_400() {
    let server = serve(answer(describe));
    refuses_fields(&server, "Transfer-Encoding: chunked, chunked", 400);
    refuses_fields(&server, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400);
    refuses_fields(&server, "Transfer-Encoding: Chunked\r\nX: y\r\nTransfer-Encoding: chunkeD", 400);
}

#[test]
fn rule_47_the_name_of_a_coding_and_its_list_are_read_with_tolerance() {
    let server = serve(answer(describe));
    for value in ["Chunked", "CHUNKED", " \tchunked\t ", ",chunked", " , chunked , ,"] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {value}\r\n\r\n");
        assert_eq!(server.body(head + "3\r\nabc\r\n0\r\n\r\n"), "POST / host=a body=abc\n", "{value:?}");
    }
}

#[test]
fn rule_47_a_parameter_of_chunked_is_refused_with_400() {
    let server = serve(answer(describe));
    refuses_fields(&server, "Transfer-Encoding: chunked;q=1", 400);
    refuses_fields(&server, "Transfer-Encoding: chunked ; a=\"b\"", 400);
}

#[test]
fn rule_48_a_transfer_encoding_in_a_request_of_1_0_is_refused_with_400() {
    let server = serve(answer(describe));
    server.refuses("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    server.refuses("GET / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
}

#[test]
fn rule_49_a_content_length_that_is_not_all_digits_is_refused_with_400() {
    let server = serve(answer(describe));
    for value in [
        &b"+3"[..],
        b"-3",
        b"0x3",
        b"3 3",
        b"1_0",
        b"",
        b" ",
        b"3.0",
        b"3;",
        b"\"3\"",
        b"three",
        b"\xC2\xB3",
        b"3\xA0",
        b"-0",
    ] {
        refuses_fields(&server, [b"Content-Length: ", value].concat(), 400);
    }
}

#[test]
fn rule_49_leading_zeros_are_digits() {
    let server = serve(answer(describe));
    let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:  0003 \r\n\r\nabc";
    assert_eq!(server.body(request), "POST / host=a body=abc\n");
}

#[test]
fn rule_50_a_content_length_beyond_64_bits_never_wraps() {
    let server = serve(answer(describe));
    for value in ["18446744073709551619", "18446744073709551616", "99999999999999999999999999999999999"] {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {value}\r\n\r\nabc{SMUGGLED}");
        server.refuses_with_one_of(request, &[400, 413]);
    }
}

#[test]
fn rule_51_several_lengths_are_refused_with_400_even_if_equal() {
    let server = serve(answer(describe));
    refuses_fields(&server, "Content-Length: 5\r\nContent-Length: 5", 400);
    refuses_fields(&server, "Content-Length: 5\r\nContent-Length: 6", 400);
    refuses_fields(&server, "Content-Length: 5, 5", 400);
    refuses_fields(&server, "Content-Length: 5,6", 400);
    refuses_fields(&server, "Content-Length: ,5", 400);
}

#[test]
fn rule_52_a_request_without_length_has_no_body() {
    let server = serve(answer(describe));
    let mut client = server.connect();
    client.send("POST /1 HTTP/1.1\r\nHost: a\r\n\r\nPUT /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response().text(), "POST /1 host=a body=\n");
    assert_eq!(client.response().text(), "PUT /2 host=a body=\n");
    client.ends();
}

#[test]
fn rule_56_a_chunk_size_that_is_not_all_hexadecimal_digits_is_refused_with_400() {
    let server = serve(answer(describe));
    for size in ["+3", "-3", "0x3", " 3", "3 3", "3_0", "", "g", "3h", "3.", "\t3"] {
        refuses_chunks(&server, format!("{size}\r\nabc\r\n0\r\n\r\n"), &[400]);
    }
}

#[test]
fn rule_56_white_space_after_a_chunk_size_is_refused_with_400() {
    let server = serve(answer(describe));
    refuses_chunks(&server, "3 \r\nabc\r\n0\r\n\r\n", &[400]);
    refuses_chunks(&server, "3\t\r\nabc\r\n0\r\n\r\n", &[400]);
}

#[test]
fn rule_56_a_chunk_size_beyond_64_bits_never_wraps() {
    let server = serve(answer(describe));
    for size in ["10000000000000003", "FFFFFFFFFFFFFFFFF", "100000000000000000000000000000003"] {
        refuses_chunks(&server, format!("{size}\r\nabc\r\n0\r\n\r\n"), &[400, 413]);
    }
}

#[test]
fn rule_57_chunk_data_that_no_crlf_follows_is_refused_with_400() {
    let server = serve(answer(describe));
    for body in [
        "3\r\nabcXX0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabc\r0\r\n\r\n",
        "3\r\nab\r\n0\r\n\r\n",
    ] {
        refuses_chunks(&server, body, &[400]);
    }
}

#[test]
fn rule_58_a_chunk_line_that_ends_in_anything_but_crlf_is_refused_with_400() {
    let server = serve(answer(describe));
    for body in [
        "3\nabc\r\n0\r\n\r\n",
        "3\rabc\r\n0\r\n\r\n",
        "3;a\nabc\r\n0\r\n\r\n",
        "3;a\rb\r\nabc\r\n0\r\n\r\n",
        "0\n\r\n",
        "0\r\n\n",
    ] {
        refuses_chunks(&server, body, &[400]);
    }
}

#[test]
fn rule_59_chunk_extensions_are_ignored() {
    let server = serve(answer(describe));
    accepts_chunks(&server, "3;a=b;c\r\nabc\r\n2;x=\"y;z\"\r\nde\r\n0;last\r\n\r\n", "abcde");
}

#[test]
fn rule_59_an_endless_chunk_extension_is_refused() {
    let server = serve(answer(describe));
    refuses_chunks(&server, format!("3{}\r\nabc\r\n0\r\n\r\n", ";a=b".repeat(10_000)), &[400, 413]);
}

#[test]
fn rule_59_the_extensions_of_one_body_are_counted_together() {
    let server = serve(answer(describe));
    let chunk = format!("1{}\r\nx\r\n", ";a=b".repeat(250));
    refuses_chunks(&server, chunk.repeat(40) + "0\r\n\r\n", &[400, 413]);
}

#[test]
fn rule_60_control_characters_in_a_chunk_extension_are_refused_with_400() {
    let server = serve(answer(describe));
    for body in
        ["3;a=\x01\r\nabc\r\n0\r\n\r\n", "3;\0\r\nabc\r\n0\r\n\r\n", "3;a=\"\x7f\"\r\nabc\r\n0\r\n\r\n"]
    {
        refuses_chunks(&server, body, &[400]);
    }
}

#[test]
fn rule_60_a_quoted_extension_holds_no_line_end() {
    let server = serve(answer(describe));
    refuses_chunks(&server, "3;a=\"\r\nabc\r\n0\r\n\r\n\"\r\n", &[400]);
    refuses_chunks(&server, "3;a=\"x\ny\"\r\nabc\r\n0\r\n\r\n", &[400]);
}

#[test]
fn rule_61_trailers_are_read_after_the_body_and_kept_apart() {
    let server = serve(answer(|http| {
        std::io::copy(http.rfile(), &mut std::io::sink())?;
        let text = format!("{:?} {:?}", trailer(http, "x-sum"), http.headers().get("X-Sum"));
        reply(http, text)
    }));
    let mut client = server.connect();
    client.send(
        "POST /1 HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n0\r\nX-Sum: 42\r\nX-More: b\r\n\r\n\
         GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(client.response().text(), "Some(\"42\") None");
    assert_eq!(client.response().text(), "None None");
    client.ends();
}

#[test]
fn rule_61_trailers_obey_the_rules_of_fields() {
    let server = serve(answer(describe));
    for trailer in ["X : y", "X", " X: y", "X: a\r\n b", "X: a\0b", ": y", "X: a\nY: b", "X: a\rb"] {
        refuses_chunks(&server, format!("3\r\nabc\r\n0\r\n{trailer}\r\n\r\n"), &[400]);
    }
}

#[test]
fn rule_61_trailers_are_bounded() {
    let server = serve(answer(describe));
    refuses_chunks(&server, format!("0\r\nX: {}\r\n\r\n", "y".repeat(100_000)), &[400, 413, 431]);
    refuses_chunks(&server, format!("0\r\n{}\r\n", "X: y\r\n".repeat(1000)), &[400, 413, 431]);
}

#[test]
fn rule_62_trailers_never_become_fields_of_the_head() {
    let server = serve(answer(|http| {
        std::io::copy(http.rfile(), &mut std::io::sink())?;
        let headers = http.headers();
        let text = format!(
            "{} {:?} {:?} {:?} {}",
            http.host().unwrap_or("-"),
            headers.get("Content-Length"),
            headers.get("Authorization"),
            headers.get("Connection"),
            headers.get_all("Transfer-Encoding").count(),
        );
        reply(http, text)
    }));
    let mut client = server.connect();
    client.send(
        "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\
         Content-Length: 50\r\nHost: evil\r\nAuthorization: Basic eA==\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n\
         GET /2 HTTP/1.1\r\nHost: b\r\n\r\n",
    );
    assert_eq!(client.response().text(), "a None None None 1");
    assert_eq!(client.response().text(), "b None None None 0");
}

#[test]
fn rule_63_sizes_in_upper_case_and_with_leading_zeros_are_fine() {
    let server = serve(answer(describe));
    accepts_chunks(
        &server,
        "A\r\n0123456789\r\n0003\r\nabc\r\na\r\n0123456789\r\n000\r\n\r\n",
        "0123456789abc0123456789",
    );
}

#[test]
fn rule_64_the_body_of_a_get_is_framed_and_never_run_as_a_request() {
    let server = serve(answer(|http| reply(http, format!("{}\n", http.path()))));
    let length = SMUGGLED.len();
    for method in ["GET", "DELETE", "OPTIONS"] {
        let mut client = server.connect();
        client.send(format!("{method} /1 HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}"));
        client.send(format!(
            "{method} /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n"
        ));
        client.send("GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        for path in ["/1\n", "/2\n", "/3\n"] {
            assert_eq!(client.response().text(), path, "{method}");
        }
        client.ends();
    }
}

#[test]
fn rule_64_the_body_of_a_head_is_framed_and_never_run_as_a_request() {
    let server = serve(answer(describe));
    let mut client = server.connect();
    client
        .send(format!("HEAD /1 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{SMUGGLED}", SMUGGLED.len()));
    client.send("GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response_to_head().code(), 200);
    assert_eq!(client.response().text(), "GET /2 host=a body=\n");
    client.ends();
}
