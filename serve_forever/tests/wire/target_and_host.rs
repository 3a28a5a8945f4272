//! The request target and the Host field (rules 20 to 27).

use crate::support::{OnlyGet, ReadOnly, Running, answer, describe, reply, serve};

#[track_caller]
fn refuses_host(server: &Running, host: &str) {
    server.refuses(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), 400);
}

#[test]
fn rule_20_a_request_of_1_1_without_host_is_refused_with_400() {
    let server = serve(answer(describe));
    server.refuses("GET / HTTP/1.1\r\n\r\n", 400);
    server.refuses("GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", 400);
    server.refuses("GET http://a/ HTTP/1.1\r\n\r\n", 400);
}

#[test]
fn rule_21_two_host_lines_are_refused_with_400_even_if_equal() {
    let server = serve(answer(describe));
    server.refuses("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400);
    server.refuses("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhost: b\r\n\r\n", 400);
    server.refuses("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400);
}

#[test]
fn rule_22_a_host_that_is_no_authority_is_refused_with_400() {
    let server = serve(answer(describe));
    for host in
        ["a/b", "a b", "u@a", "a:99999", "a, b", "a:b", "a:-1", "[::1", "a?b", "a#b", "http://a", "a\\b"]
    {
        refuses_host(&server, host);
    }
}

#[test]
fn rule_22_names_addresses_and_ports_are_hosts() {
    let server = serve(|| OnlyGet);
    for host in [
        "a",
        "a.example:8080",
        "127.0.0.1",
        "127.0.0.1:80",
        "[::1]",
        "[::1]:8080",
        "a:",
        "xn--bcher-kva.example",
    ] {
        assert_eq!(server.body(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), "got it\n");
    }
}

#[test]
fn rule_22_an_empty_host_is_valid() {
    let server = serve(|| OnlyGet);
    assert_eq!(server.body("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "got it\n");
    assert_eq!(server.body("GET / HTTP/1.1\r\nHost: \r\n\r\n"), "got it\n");
}

#[test]
fn rule_23_a_request_of_1_0_needs_no_host() {
    let server = serve(answer(describe));
    assert_eq!(
        server.ask("GET / HTTP/1.0\r\n\r\n"),
        "HTTP/1.1 200 OK\r\n\
         Server: wire\r\n\
         Date: *\r\n\
         Connection: close\r\n\
         Content-Length: 19\r\n\
         \r\n\
         GET / host=- body=\n"
    );
}

#[test]
fn rule_24_the_authority_of_an_absolute_target_replaces_the_host() {
    let server = serve(answer(describe));
    assert_eq!(server.body("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n"), "GET /x host=b body=\n");
    assert_eq!(server.body("GET HTTP://b/x?y=1 HTTP/1.1\r\nHost: b\r\n\r\n"), "GET /x?y=1 host=b body=\n");
}

#[test]
fn rule_24_an_absolute_target_without_path_means_the_root() {
    let server = serve(answer(|http| {
        let text = format!("{} {:?}", http.url_path(), http.query());
        reply(http, text)
    }));
    assert_eq!(server.body("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n"), "/ None");
    assert_eq!(server.body("GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n"), "/ Some(\"q\")");
}

#[test]
fn rule_25_an_absolute_target_without_a_valid_authority_is_refused_with_400() {
    let server = serve(answer(describe));
    for target in ["http:///x", "http://", "http://u@b/x", "http://b:99999/x", "http:/x", "http:x"] {
        server.refuses(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    }
}

#[test]
fn rule_25_an_absolute_target_of_another_scheme_is_refused() {
    let server = serve(answer(describe));
    server.refuses_with_one_of("GET https://b/x HTTP/1.1\r\nHost: b\r\n\r\n", &[400, 421]);
    server.refuses_with_one_of("GET ftp://b/x HTTP/1.1\r\nHost: b\r\n\r\n", &[400, 421]);
}

#[test]
fn rule_25_a_target_of_no_known_form_is_refused_with_400() {
    let server = serve(answer(describe));
    for target in ["a", "a/b", "?x", "a:80", "*/", "**"] {
        server.refuses(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    }
}

#[test]
fn rule_26_options_asterisk_is_answered_for_the_server() {
    let server = serve(|| ReadOnly);
    let response = server.response("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(matches!(response.code(), 200 | 204), "{}", response.all());
    assert_eq!(response.field("Allow").as_deref(), Some("GET, HEAD, OPTIONS"));
    assert_eq!(response.text(), "");
}

#[test]
fn rule_26_an_asterisk_with_another_method_is_refused_with_400() {
    let server = serve(answer(describe));
    for method in ["GET", "HEAD", "POST", "TRACE", "FOO"] {
        let mut client = server.connect();
        client.send(format!("{method} * HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.response_to_head().code(), 400, "{method}");
    }
}

#[test]
fn rule_27_connect_is_not_implemented_here() {
    let server = serve(|| OnlyGet);
    server.refuses_with_one_of("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", &[501, 405]);
}

#[test]
fn rule_27_connect_to_anything_but_host_and_port_is_refused_with_400() {
    let server = serve(|| OnlyGet);
    for target in ["a:0", "a", "/x", "a:99999", "a:", ":80", "http://a/", "u@a:80", "*"] {
        server.refuses(format!("CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    }
}
