//! Lines, the request line and what may stand before it (rules 1 to 19).

use std::io::Write;

use crate::support::{OnlyGet, answer, describe, reply, serve, serve_with};

const GOT_IT: &str = "HTTP/1.1 200 OK\r\n\
                      Server: wire\r\n\
                      Date: *\r\n\
                      Connection: close\r\n\
                      Content-Length: 7\r\n\
                      \r\n\
                      got it\n";

#[test]
fn rule_01_bytes_that_end_in_0d_or_0a_in_another_charset_end_no_line() {
    let server = serve(answer(|http| {
        assert!(!http.headers().contains("Injected"));
        let value = http.headers().get_bytes("X").unwrap_or_default().to_vec();
        reply(http, value)
    }));
    // U+010D and U+010A in UTF-8, then as they would be in UTF-16.
    let value = b"a\xC4\x8D\xC4\x8AInjected: 1\x80";
    let request = [b"GET / HTTP/1.1\r\nHost: a\r\nX: ", &value[..], b"\r\n\r\n"].concat();
    assert_eq!(server.response(request).body(), value);
}

#[test]
fn rule_02_bare_lf_is_refused_with_400() {
    let server = serve(answer(describe));
    server.refuses("GET / HTTP/1.1\nHost: a\n\n", 400);
}

#[test]
fn rule_02_bare_lf_after_a_field_line_is_refused_with_400() {
    let server = serve(answer(describe));
    server.refuses("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400);
}

#[test]
fn rule_02_bare_lf_for_the_empty_line_is_refused_with_400() {
    let server = serve(answer(describe));
    server.refuses("GET / HTTP/1.1\r\nHost: a\r\n\n", 400);
}

#[test]
fn rule_02_bare_lf_before_the_request_line_is_refused_with_400() {
    let server = serve(answer(describe));
    server.refuses("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
}

#[test]
fn rule_03_bare_cr_in_the_head_is_refused_with_400() {
    let server = serve(answer(describe));
    server.refuses("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400);
    server.refuses("GET / HTTP/1.1\rHost: a\r\n\r\n", 400);
    server.refuses("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    server.refuses("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400);
}

#[test]
fn rule_04_an_empty_line_before_the_request_line_is_skipped() {
    let server = serve(|| OnlyGet);
    assert_eq!(server.ask("\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), GOT_IT);
}

#[test]
fn rule_04_an_empty_line_after_a_body_is_skipped() {
    let server = serve(answer(describe));
    let mut client = server.connect();
    client.send(
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\r\n\
         GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(client.response().text(), "POST /1 host=a body=abc\n");
    assert_eq!(client.response().text(), "GET /2 host=a body=\n");
    client.ends();
}

#[test]
fn rule_04_a_hundred_empty_lines_are_refused_with_400() {
    let server = serve(answer(describe));
    let request = "\r\n".repeat(100) + "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    server.refuses(request, 400);
}

#[test]
fn rule_05_white_space_before_the_first_field_is_refused_with_400() {
    let server = serve(answer(describe));
    server.refuses("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400);
    server.refuses("GET / HTTP/1.1\r\n\tX: b\r\nHost: a\r\n\r\n", 400);
    server.refuses("GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n", 400);
}

#[test]
fn rule_06_a_tls_hello_is_refused_with_400_at_once() {
    let server = serve(answer(describe));
    server.refuses(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400);
}

#[test]
fn rule_06_binary_garbage_is_refused_with_400_at_once() {
    let server = serve(answer(describe));
    server.refuses(b"\x00\x00\x00\x10\xff", 400);
}

#[test]
fn rule_07_the_preface_of_http_2_is_refused_with_505() {
    let server = serve(answer(describe));
    server.refuses("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
}

#[test]
fn rule_08_anything_but_one_space_between_the_parts_is_refused_with_400() {
    let server = serve(answer(describe));
    for line in [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET / a HTTP/1.1",
        "GET /",
        "GET",
    ] {
        server.refuses(format!("{line}\r\nHost: a\r\n\r\n"), 400);
    }
}

#[test]
fn rule_09_the_method_is_case_sensitive() {
    let server = serve(|| OnlyGet);
    server.answers_with_error("get / HTTP/1.1\r\nHost: a\r\n\r\n", 501);
    server.answers_with_error("Get / HTTP/1.1\r\nHost: a\r\n\r\n", 501);
}

#[test]
fn rule_09_any_token_is_a_method() {
    let server = serve(answer(describe));
    let body = server.body("a!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(body, "a!#$%&'*+-.^_`|~9 / host=a body=\n");
}

#[test]
fn rule_09_a_method_that_is_no_token_is_refused_with_400() {
    let server = serve(answer(describe));
    for method in [&b"G(T"[..], b"GET,", b"G\"T", b"G/T", b"G\x01T", b"G\xE9T", b"G:T", b"{GET}"] {
        server.refuses([method, b" / HTTP/1.1\r\nHost: a\r\n\r\n"].concat(), 400);
    }
}

#[test]
fn rule_10_an_unknown_method_is_answered_with_501() {
    let server = serve(|| OnlyGet);
    server.answers_with_error("FOO / HTTP/1.1\r\nHost: a\r\n\r\n", 501);
}

#[test]
fn rule_11_an_over_long_method_is_refused_with_501_or_400() {
    let server = serve(|| OnlyGet);
    let request = "M".repeat(1024) + " / HTTP/1.1\r\nHost: a\r\n\r\n";
    server.refuses_with_one_of(request, &[501, 400]);
}

#[test]
fn rule_12_an_over_long_target_is_refused_with_414() {
    let server = serve(answer(describe));
    let request = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(17 * 1024));
    server.refuses(request, 414);
}

#[test]
fn rule_12_a_request_line_beyond_every_limit_is_refused_with_414() {
    let server = serve(answer(describe));
    let request = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(80 * 1024));
    server.refuses(request, 414);
}

#[test]
fn rule_13_bytes_that_no_target_has_are_refused_with_400() {
    let server = serve(answer(describe));
    for target in [&b"/a\x01"[..], b"/a\x00b", b"/a\x7f", b"/\xE9", b"/\xC3\xA9", b"/\x0B", b"/\x1F"] {
        server.refuses([b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat(), 400);
    }
}

#[test]
fn rule_14_a_version_that_is_not_exactly_two_digits_is_refused_with_400() {
    let server = serve(answer(describe));
    for version in [
        "http/1.1",
        "Http/1.1",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/11",
        "HTTP/1,1",
        "HTTP/-1.1",
        "HTTP/+1.1",
        "HTTP/1.1.1",
        "HTTP/1.x",
        "HTTP1.1",
        "HTTPS/1.1",
        "ICY/1.1",
        "FUBAR",
    ] {
        server.refuses(format!("GET / {version}\r\nHost: a\r\n\r\n"), 400);
    }
}

#[test]
fn rule_15_a_major_version_other_than_1_is_refused_with_505() {
    let server = serve(answer(describe));
    for version in ["HTTP/2.0", "HTTP/3.0", "HTTP/9.9", "HTTP/0.9"] {
        server.refuses(format!("GET / {version}\r\nHost: a\r\n\r\n"), 505);
    }
}

#[test]
fn rule_16_a_higher_minor_version_is_taken_for_1_1() {
    let server = serve(|| OnlyGet);
    let mut client = server.connect();
    client.send("GET / HTTP/1.2\r\nHost: a\r\n\r\nGET / HTTP/1.9\r\nHost: a\r\nConnection: close\r\n\r\n");
    client.expect("HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nContent-Length: 7\r\n\r\ngot it\n");
    client.expect(GOT_IT);
    client.ends();
}

#[test]
fn rule_17_a_request_without_version_is_refused_with_400() {
    let server = serve(|| OnlyGet);
    server.refuses("GET /\r\n\r\n", 400);
}

#[test]
fn rule_17_a_request_without_version_is_refused_before_another_line_comes() {
    let server = serve(|| OnlyGet);
    server.refuses("GET /\r\n", 400);
}

#[test]
fn rule_18_a_client_of_1_0_is_answered_as_1_1_but_never_in_chunks() {
    let server = serve_with(
        answer(|http| {
            http.send_response(200).end_headers()?;
            http.wfile().write_all(&[b'x'; 3000])?;
            Ok(())
        }),
        |builder| builder.buffer_size(1024),
    );
    let expected = format!(
        "HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nConnection: close\r\n\r\n{}",
        "x".repeat(3000)
    );
    assert_eq!(server.ask("GET / HTTP/1.0\r\n\r\n"), expected);
}

#[test]
fn rule_19_the_space_before_an_empty_reason_stays() {
    let server = serve(answer(|http| {
        http.send_response(299).end_headers()?;
        Ok(())
    }));
    assert_eq!(
        server.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        "HTTP/1.1 299 \r\nServer: wire\r\nDate: *\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
}
