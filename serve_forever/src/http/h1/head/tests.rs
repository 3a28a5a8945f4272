//! Tests of each rule for the request line, the target, and the fields that frame a message.

use proptest::prelude::*;

use super::*;
use crate::http::message::framing::{Expect, Framing};

/// Most tests look at the parsed head.
impl std::ops::Deref for HeadParser {
    type Target = RequestHead;

    fn deref(&self) -> &RequestHead {
        self.head()
    }
}

const LIMITS: HeadLimits = HeadLimits { head: MAX_HEAD_SIZE, fields: MAX_FIELDS, target: MAX_TARGET_SIZE };

/// Parses a request that must be valid.
fn accept(bytes: impl AsRef<[u8]>) -> HeadParser {
    let bytes = bytes.as_ref();
    let mut head = HeadParser::default();
    match head.parse(bytes, &LIMITS) {
        Ok(Parsed::Complete(_)) => head,
        other => panic!("{other:?} for {}", bytes.escape_ascii()),
    }
}

fn refusal(bytes: impl AsRef<[u8]>) -> Refusal {
    let bytes = bytes.as_ref();
    match HeadParser::default().parse(bytes, &LIMITS) {
        Err(refusal) => refusal,
        other => panic!("{other:?} for {}", bytes.escape_ascii()),
    }
}

fn status(bytes: impl AsRef<[u8]>) -> u16 {
    refusal(bytes).status
}

fn message(bytes: impl AsRef<[u8]>) -> String {
    let refusal = refusal(bytes);
    format!("{} {}", refusal.status, refusal.message)
}

/// Returns a GET request with these lines after `Host`.
fn get(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n")
}

fn get_1_0(lines: &str) -> String {
    format!("GET / HTTP/1.0\r\n{lines}\r\n\r\n")
}

fn host_line(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

fn request(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn path(method: &str, target: &str) -> String {
    let bytes = request(method, target);
    accept(&bytes).path(bytes.as_bytes()).to_owned()
}

#[test]
fn a_usual_request_is_taken_apart() {
    let bytes = b"GET /a/b?c=d?e HTTP/1.1\r\nHost: example.org:8080\r\nAccept: */*\r\n\r\nrest";
    let mut head = HeadParser::default();
    assert_eq!(head.parse(bytes, &LIMITS), Ok(Parsed::Complete(bytes.len() - 4)));
    assert_eq!(head.request_line(bytes), b"GET /a/b?c=d?e HTTP/1.1");
    assert_eq!(head.method(bytes), "GET");
    assert_eq!(head.target(bytes), "/a/b?c=d?e");
    assert_eq!(head.path(bytes), "/a/b?c=d?e");
    assert_eq!(head.url_path(bytes), "/a/b");
    assert_eq!(head.query(bytes), Some("c=d?e"));
    assert_eq!(head.host(bytes), Some("example.org:8080"));
    assert_eq!(head.version_minor(), 1);
    assert_eq!(head.framing(), Framing::Length(0));
    assert!(head.keep_alive() && !head.asterisk());
    assert_eq!(head.expect(), Expect::None);
    assert_eq!(head.fields(bytes).get("accept"), Some("*/*"));
}

#[test]
fn a_head_is_used_again_without_traces_of_the_last() {
    let mut head = HeadParser::default();
    let first = b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
        Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
    assert!(head.parse(first, &LIMITS).is_ok());
    assert!(head.asterisk() && !head.keep_alive());
    assert_eq!((head.framing(), head.expect()), (Framing::Chunked, Expect::Continue));
    let second = b"GET http://b?c HTTP/1.1\r\nHost: a\r\n\r\n";
    assert!(head.parse(second, &LIMITS).is_ok());
    assert!(!head.asterisk() && head.keep_alive());
    assert_eq!((head.framing(), head.expect()), (Framing::Length(0), Expect::None));
    assert_eq!((head.path(second), head.fields(second).len()), ("/?c", 1));
    let third = b"GET HTTP";
    assert!(head.parse(third, &LIMITS).is_ok());
    assert_eq!((head.path(third), head.host(third), head.fields(third).len()), ("", None, 0));
}

#[test]
fn bytes_that_are_not_those_parsed_do_no_harm() {
    let head = accept(get("X: y"));
    assert_eq!((head.path(b""), head.host(b"x"), head.request_line(b"")), ("", Some(""), &b""[..]));
    assert_eq!(head.fields(b"").get("X"), None);
}

#[test]
fn rule_1_bytes_are_not_decoded_before_they_are_judged() {
    // The last bytes of the code points U+010D and U+010A are CR and LF.
    let bytes = get("X: \u{10d}\u{10a}Y: z");
    assert_eq!(accept(&bytes).fields(bytes.as_bytes()).len(), 2);
}

#[test]
fn rule_2_lines_that_end_in_a_bare_lf_are_refused() {
    assert_eq!(message(b"GET / HTTP/1.1\nHost: a\n\n"), "400 Bad request syntax ('GET / HTTP/1.1')");
    assert_eq!(status(b"GET / HTTP/1.1\r\nHost: a\n\n"), 400);
    assert_eq!(status(b"GET / HTTP/1.1\r\nHost: a\r\n\n"), 400);
    assert_eq!(status(b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

#[test]
fn rule_3_bare_cr_is_refused() {
    assert_eq!(status(get("X: a\rb")), 400);
    assert_eq!(status(b"GET / HTTP/1.1\rHost: a\r\n\r\n"), 400);
    assert_eq!(status(b"GET /\rHTTP/1.1\r\n\r\n"), 400);
    assert_eq!(status(b"\rGET / HTTP/1.1\r\n\r\n"), 400);
}

#[test]
fn rule_4_a_few_empty_lines_before_the_request_are_skipped() {
    let bytes = b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut head = HeadParser::default();
    assert_eq!(head.parse(bytes, &LIMITS), Ok(Parsed::Complete(bytes.len())));
    assert_eq!(head.request_line(bytes), b"GET / HTTP/1.1");
    assert_eq!(HeadParser::default().parse(b"\r\n\r", &LIMITS), Ok(Parsed::Partial));
    assert_eq!(status("\r\n".repeat(100)), 400);
}

#[test]
fn rule_5_blank_before_the_first_field_is_refused() {
    assert_eq!(status(b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400);
    assert_eq!(status(b"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n"), 400);
}

#[test]
fn rule_6_tls_is_recognised_by_its_first_byte() {
    let refusal = refusal(b"\x16");
    assert_eq!((refusal.status, &*refusal.message), (400, "Bad request syntax ('\\x16')"));
    assert!(refusal.explain.as_ref().is_some_and(|explain| explain.contains("TLS")));
    assert_eq!(message(b"\x16\x03\x01\x02\0"), "400 Bad request syntax ('\\x16\\x03\\x01\\x02\\x00')");
    assert_eq!(status(b"\0"), 400);
    assert_eq!(status(b"SSH-2.0-OpenSSH_9.9\r\n"), 400);
}

#[test]
fn rule_7_the_preface_of_http_2_is_a_version_we_do_not_speak() {
    assert_eq!(message(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "505 Invalid HTTP version (2.0)");
}

#[test]
fn rule_8_the_parts_are_separated_by_one_space() {
    for line in [
        " GET / HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET /\u{a0}HTTP/1.1",
        "GET /spaced out HTTP/1.1",
    ] {
        assert_eq!(status(format!("{line}\r\nHost: a\r\n\r\n")), 400, "{line:?}");
    }
    assert_eq!(
        message(b"GET /spaced out HTTP/1.1\r\n"),
        "400 Bad request syntax ('GET /spaced out HTTP/1.1')"
    );
}

#[test]
fn rule_9_a_method_is_any_token() {
    assert_eq!(path("get", "/"), "/");
    assert_eq!(path("M-SEARCH!", "/"), "/");
    assert_eq!(message(b"G(T / HTTP/1.1\r\n"), "400 Bad request syntax ('G(T / HTTP/1.1')");
    assert_eq!(message(b"G("), "400 Bad request syntax ('G(')");
}

#[test]
fn rule_11_an_overlong_method_is_not_implemented() {
    let method = "A".repeat(1024);
    assert_eq!(status(request(&method, "/")), 501);
    assert!(message(&method).starts_with("501 Unsupported method ('AAAA"));
}

#[test]
fn rule_12_an_overlong_target_is_refused_as_soon_as_it_is() {
    let target = |bytes| format!("GET /{}", "x".repeat(bytes - 1));
    assert_eq!(HeadParser::default().parse(target(MAX_TARGET_SIZE).as_bytes(), &LIMITS), Ok(Parsed::Partial));
    assert_eq!(message(target(MAX_TARGET_SIZE + 1)), "414 URI Too Long");
    assert_eq!(path("GET", &format!("/{}", "x".repeat(MAX_TARGET_SIZE - 1))).len(), MAX_TARGET_SIZE);
    assert_eq!(message(format!("GET {}", "x".repeat(65_537))), "414 URI Too Long");
    let small = HeadLimits { head: 20, ..LIMITS };
    assert_eq!(HeadParser::default().parse(b"GET /xxxxxxxxxxxxxxxxxxxxx", &small).unwrap_err().status, 414);
}

#[test]
fn rule_13_a_target_is_printable_ascii_without_fragment() {
    for byte in (0..=b' ').chain(0x7f..=0xff).chain([b'#']) {
        for at in 0..10 {
            let mut bytes = b"GET /012345678 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
            bytes.insert(5 + at, byte);
            assert_eq!(status(&bytes), 400, "{byte:#x} at {at}");
        }
    }
    assert_eq!(path("GET", "/%00\\{}|^<>\"`~"), "/%00\\{}|^<>\"`~");
}

#[test]
fn rule_14_a_version_is_one_digit_a_dot_and_one_digit() {
    for version in [
        "http/1.1",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/1,1",
        "HTTP/a.b",
        "FUBAR",
    ] {
        let expected = format!("400 Bad request version ('{version}')");
        assert_eq!(message(format!("GET / {version}\r\nHost: a\r\n\r\n")), expected);
    }
    assert_eq!(status(b"GET / HTTP/-9_9_9.+9_9_9\r\n"), 400);
    assert_eq!(status(b"GET / HTTP/1.1\0\r\n"), 400);
}

#[test]
fn rule_15_other_major_versions_are_505() {
    assert_eq!(message(b"GET / HTTP/9.9\r\n"), "505 Invalid HTTP version (9.9)");
    assert_eq!(message(b"GET / HTTP/0.9\r\n"), "505 Invalid HTTP version (0.9)");
    assert_eq!(status(b"GET / HTTP/3.0\r\n"), 505);
}

#[test]
fn rule_16_higher_minor_versions_count_as_1_1() {
    assert_eq!(accept(b"GET / HTTP/1.2\r\nHost: a\r\n\r\n").version_minor(), 1);
    assert_eq!(accept(b"GET / HTTP/1.9\r\nHost: a\r\n\r\n").version_minor(), 1);
    assert_eq!(accept(b"GET / HTTP/1.0\r\n\r\n").version_minor(), 0);
}

#[test]
fn rule_17_http_0_9_is_refused() {
    assert_eq!(message(b"GET /\r\n"), "400 Bad HTTP/0.9 request type ('GET')");
    assert_eq!(message(b"POST /x\r\n"), "400 Bad HTTP/0.9 request type ('POST')");
    assert_eq!(message(b"GET / \r\n"), "400 Bad HTTP/0.9 request type ('GET')");
    assert_eq!(message(b"GET\r\n"), "400 Bad request syntax ('GET')");
    assert_eq!(message(b"GET \r\n"), "400 Bad request syntax ('GET ')");
}

#[test]
fn rules_20_and_23_only_http_1_1_needs_a_host() {
    assert_eq!(message(b"GET / HTTP/1.1\r\n\r\n"), "400 Host header is missing");
    assert_eq!(accept(b"GET / HTTP/1.0\r\n\r\n").host(b""), None);
}

#[test]
fn rule_21_one_host_is_enough() {
    assert_eq!(message(get("host: a")), "400 More than one Host header");
    assert_eq!(status(get_1_0("Host: a\r\nHost: a")), 400);
}

#[test]
fn rule_22_an_invalid_host_is_refused() {
    for host in [
        "a/b",
        "a b",
        "u@a",
        "a:99999",
        "a:65536",
        "a, b",
        "a,b",
        "a:b",
        "a:80:80",
        "a:+1",
        "a?b",
        "a#b",
        "\u{e9}",
        "%zz",
        "%4",
        "<a>",
        "\"a\"",
        "[::1",
        "::1",
        "[::1]x",
        "[::1]:x",
        "[1.2.3.4]",
        "[fe80::1%25eth0]",
        "[]",
        ":80",
        "a\\b",
        "a:000080",
    ] {
        assert_eq!(status(host_line(host)), 400, "{host}");
    }
    assert_eq!(message(host_line("a/b")), "400 Bad Host header ('a/b')");
}

#[test]
fn rule_22_valid_hosts_are_accepted() {
    for host in [
        "",
        "a",
        "a:",
        "a:0",
        "a:65535",
        "127.0.0.1:8000",
        "[::1]",
        "[::1]:80",
        "[::ffff:1.2.3.4]:",
        "A_b-c.d~",
        "%41",
    ] {
        let bytes = host_line(host);
        assert_eq!(accept(&bytes).host(bytes.as_bytes()), Some(host));
    }
}

#[test]
fn rule_24_the_authority_of_an_absolute_form_replaces_host() {
    let bytes = b"GET http://b:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n";
    let head = accept(bytes);
    assert_eq!((head.host(bytes), head.path(bytes)), (Some("b:80"), "/x?y"));
    assert_eq!(head.target(bytes), "http://b:80/x?y");
    assert_eq!(path("GET", "HTTP://b"), "/");
    assert_eq!(path("GET", "http://b?q=/"), "/?q=/");
    assert_eq!(path("GET", "http://b//evil/"), "/evil/");
    assert_eq!(path("GET", "http://[::1]:8000/"), "/");
    // An authority does not replace a missing `Host` field, and does not excuse an invalid one.
    assert_eq!(status(b"GET http://b/ HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(status(b"GET http://b/ HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
}

#[test]
fn rule_25_absolute_forms_that_are_not_for_this_server() {
    for target in [
        "http:///x",
        "http://",
        "http://?",
        "http://:80/",
        "http://u@b/",
        "http://b:99999/",
        "http:/b",
        "ftp://b/",
        "//",
    ] {
        let expected = if target == "//" { None } else { Some(400) };
        let bytes = request("GET", target);
        assert_eq!(
            HeadParser::default().parse(bytes.as_bytes(), &LIMITS).err().map(|r| r.status),
            expected,
            "{target}"
        );
    }
    assert_eq!(status(request("GET", "https://a/")), 421);
}

#[test]
fn rule_26_the_asterisk_is_for_options() {
    assert_eq!(path("OPTIONS", "*"), "*");
    assert!(accept(request("OPTIONS", "*")).asterisk());
    assert!(!accept(request("OPTIONS", "/*")).asterisk());
    assert_eq!(status(request("GET", "*")), 400);
    assert_eq!(status(request("OPTIONS", "**")), 400);
}

#[test]
fn rule_27_connect_has_an_authority_with_a_port() {
    let bytes = request("CONNECT", "b:443");
    let head = accept(&bytes);
    assert_eq!((head.path(bytes.as_bytes()), head.host(bytes.as_bytes())), ("b:443", Some("b:443")));
    assert_eq!(path("CONNECT", "[::1]:1"), "[::1]:1");
    for target in ["a:0", "a", "a:", "/", "a:65536", ":80", "http://a:80/", "*", "u@a:80"] {
        assert_eq!(status(request("CONNECT", target)), 400, "{target}");
    }
    assert_eq!(status(request("GET", "a:80")), 400);
}

#[test]
fn leading_slashes_become_one() {
    assert_eq!(path("GET", "/"), "/");
    assert_eq!(path("GET", "//evil.example/.."), "/evil.example/..");
    assert_eq!(path("GET", "///"), "/");
    assert_eq!(path("GET", "/a//b"), "/a//b");
    assert_eq!(message(request("GET", "a")), "400 Bad request syntax ('GET a HTTP/1.1')");
}

#[test]
fn rule_37_large_heads_are_refused() {
    let too_long = refusal(get(&format!("X-Foo: bar{}", "r".repeat(65_537))));
    assert_eq!((too_long.status, &*too_long.message), (431, "Line too long"));
    assert_eq!(too_long.explain.as_deref(), Some("got more than 65536 bytes when reading header line"));

    let too_many = refusal(get(&"A: b\r\n".repeat(100)));
    assert_eq!((too_many.status, &*too_many.message), (431, "Too many headers"));
    assert_eq!(too_many.explain.as_deref(), Some("got more than 100 headers"));
    accept(get(&"A: b\r\n".repeat(98)).replace("\r\n\r\n\r\n", "\r\n\r\n"));

    let many_long = format!("X: {}\r\n", "a".repeat(10_000)).repeat(7);
    assert_eq!(message(get(&many_long)), "431 Request Header Fields Too Large");
}

#[test]
fn rule_37_a_head_may_be_as_large_as_the_limit() {
    let bytes = get("X: y");
    let exact = HeadLimits { head: bytes.len(), ..LIMITS };
    let more = format!("{bytes}GET /next");
    assert_eq!(HeadParser::default().parse(more.as_bytes(), &exact), Ok(Parsed::Complete(bytes.len())));
    let less = HeadLimits { head: bytes.len() - 1, ..LIMITS };
    assert_eq!(HeadParser::default().parse(bytes.as_bytes(), &less).unwrap_err().status, 431);
    // The head is refused as soon as it must be too large, before more bytes arrive.
    assert_eq!(
        HeadParser::default().parse(&bytes.as_bytes()[..bytes.len() - 1], &less).unwrap_err().status,
        431
    );
}

#[test]
fn rule_38_names_are_compared_without_case() {
    assert_eq!(accept(get("cOnTeNt-LeNgTh: 5")).framing(), Framing::Length(5));
}

#[test]
fn rule_39_nothing_is_complete_before_the_empty_line() {
    let bytes = get("Content-Length: 5\r\nContent-Length: 6");
    assert_eq!(
        HeadParser::default().parse(&bytes.as_bytes()[..bytes.len() - 1], &LIMITS),
        Ok(Parsed::Partial)
    );
    assert_eq!(status(bytes), 400);
}

#[test]
fn rule_43_length_and_chunked_together_are_refused() {
    assert_eq!(status(get("Content-Length: 5\r\nTransfer-Encoding: chunked")), 400);
    assert_eq!(status(get("Transfer-Encoding: chunked\r\nContent-Length: 0")), 400);
    assert_eq!(status(get("Transfer-Encoding:\r\nContent-Length: 0")), 400);
}

#[test]
fn rules_44_to_46_chunked_is_last_and_once_and_alone() {
    for (coding, expected) in [
        ("chunked, identity", 400),
        ("identity", 400),
        ("gzip", 400),
        ("xchunked", 400),
        ("", 400),
        (",", 400),
        ("chunked, chunked", 400),
        ("chunked\r\nTransfer-Encoding: chunked", 400),
        ("chunked\r\nTransfer-Encoding: gzip", 400),
        ("gzip, chunked", 501),
        ("xchunked, chunked", 501),
        ("gzip\r\nTransfer-Encoding: chunked", 501),
        ("gzip;q=1, chunked", 501),
        ("\"chunked\"", 400),
        ("chun ked", 400),
        ("\u{a0}chunked", 400),
        ("chunked\u{b}", 400),
    ] {
        assert_eq!(status(get(&format!("Transfer-Encoding: {coding}"))), expected, "{coding:?}");
    }
}

#[test]
fn rule_47_chunked_is_recognised_in_any_case_and_without_parameters() {
    for coding in
        ["chunked", "Chunked", "\t CHUNKED ", ",chunked", "chunked , ,", "\r\nTransfer-Encoding: chunked"]
    {
        assert_eq!(
            accept(get(&format!("Transfer-Encoding:{coding}"))).framing(),
            Framing::Chunked,
            "{coding:?}"
        );
    }
    assert_eq!(status(get("Transfer-Encoding: chunked;q=1")), 400);
    assert_eq!(status(get("Transfer-Encoding: chunked;")), 400);
}

#[test]
fn rule_48_a_coding_in_http_1_0_is_refused() {
    assert_eq!(status(get_1_0("Transfer-Encoding: chunked")), 400);
}

#[test]
fn rules_49_and_50_a_length_is_digits_that_fit() {
    for length in ["", "+5", "-5", "0x5", "5 5", "5_0", "5,5", "5, 5", "\u{665}", "5a", "\"5\"", "5.0"] {
        assert_eq!(status(get(&format!("Content-Length: {length}"))), 400, "{length:?}");
    }
    assert_eq!(message(get("Content-Length: +5")), "400 Bad Content-Length header ('+5')");
    assert_eq!(accept(get("Content-Length: 18446744073709551615")).framing(), Framing::Length(u64::MAX));
    assert_eq!(status(get("Content-Length: 18446744073709551619")), 413);
    assert_eq!(accept(get("Content-Length: 000000000000000000000005 ")).framing(), Framing::Length(5));
}

#[test]
fn rule_51_several_lengths_are_refused_also_equal_ones() {
    assert_eq!(status(get("Content-Length: 5\r\nContent-Length: 5")), 400);
}

#[test]
fn rules_70_to_72_the_connection_stays_unless_told_otherwise() {
    for (lines, modern, old) in [
        ("X: y", true, false),
        ("Connection: close", false, false),
        ("Connection: x, Close", false, false),
        ("Connection: x\r\nConnection: CLOSE ,", false, false),
        ("Connection: keep-alive", true, true),
        ("connection: Upgrade, Keep-Alive", true, true),
        ("Connection: keep-alive, close", false, false),
        ("Connection: closed", true, false),
    ] {
        assert_eq!(accept(get(lines)).keep_alive(), modern, "{lines}");
        assert_eq!(accept(get_1_0(lines)).keep_alive(), old, "{lines}");
    }
}

#[test]
fn rules_86_to_89_what_a_client_may_expect() {
    for (lines, expected) in [
        ("Expect: 100-continue\r\nContent-Length: 1", Expect::Continue),
        ("Expect: 100-Continue\r\nTransfer-Encoding: chunked", Expect::Continue),
        ("Expect: 100-continue", Expect::None),
        ("Expect: 100-continue\r\nContent-Length: 0", Expect::None),
        ("Expect:\r\nContent-Length: 1", Expect::None),
        ("Expect: 200-ok\r\nContent-Length: 1", Expect::Unknown),
        ("Expect: 200-ok", Expect::Unknown),
        ("Expect: x, 100-continue\r\nContent-Length: 1", Expect::Unknown),
        ("Expect: 100-continue;a=b\r\nContent-Length: 1", Expect::Unknown),
    ] {
        assert_eq!(accept(get(lines)).expect(), expected, "{lines}");
    }
    assert_eq!(accept(get_1_0("Expect: 100-continue\r\nContent-Length: 1")).expect(), Expect::None);
    assert_eq!(accept(get_1_0("Expect: x")).expect(), Expect::None);
}

#[test]
fn the_request_line_is_known_after_a_refusal() {
    for (bytes, line) in [
        (&b"GET / HTTP/1.1\r\nX\r\n\r\n"[..], &b"GET / HTTP/1.1"[..]),
        (b"GET /spaced out HTTP/1.1\r\n", b"GET /spaced out HTTP/1.1"),
        (b"\r\nGET /a\x01", b"GET /a\x01"),
        (b"GET / HTT", b"GET / HTT"),
        (b"\x16\x03", b"\x16\x03"),
    ] {
        let mut head = HeadParser::default();
        let _ = head.parse(bytes, &LIMITS);
        assert_eq!(head.request_line(bytes), line);
    }
}

#[test]
fn messages_are_fit_for_a_status_line_and_of_bounded_length() {
    let refusal = refusal([&b"GET /"[..], &[b'\x01'; 9000], b" HTTP/1.1\r\n"].concat());
    assert!(refusal.message.len() < 1000 && refusal.message.ends_with("...)"));
    assert!(refusal.message.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
}

/// Requests that are valid, or nearly so.
fn some_head() -> impl Strategy<Value = Vec<u8>> {
    let methods = prop::sample::select(vec!["GET", "POST", "OPTIONS", "CONNECT", "x", "G T"]);
    let targets = prop::sample::select(vec![
        "/",
        "//a?b",
        "*",
        "http://b?c",
        "http://b/",
        "a:80",
        "https://b/",
        "/#",
        "a",
    ]);
    let versions = prop::sample::select(vec![
        "HTTP/1.1",
        "HTTP/1.1",
        "HTTP/1.0",
        "HTTP/1.7",
        "HTTP/2.0",
        "HTTP/1.10",
        "x",
    ]);
    let lines = prop::sample::select(vec![
        "Host: a\r\n",
        "Host: a\r\n",
        "Host: [::1]:8\r\n",
        "Host: a b\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Connection: close\r\n",
        "Expect: 100-continue\r\n",
        "X-Long-Name-Of-A-Field:\t  some value with\ttabs \r\n",
        "X : y\r\n",
        " folded\r\n",
    ]);
    let damage = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (0..2_usize, methods, targets, versions, prop::collection::vec(lines, 0..6), damage).prop_map(
        |(empty, method, target, version, lines, damage)| {
            let empty = "\r\n".repeat(empty);
            let mut bytes =
                format!("{empty}{method} {target} {version}\r\n{}\r\n", lines.concat()).into_bytes();
            if let Some((place, byte)) = damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes
        },
    )
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let mut head = HeadParser::default();
        let _ = head.parse(&bytes, &LIMITS);
        let _ = (head.path(&bytes), head.host(&bytes), head.request_line(&bytes), head.query(&bytes));
    }

    /// The URL path and the query are what stands before and after the first question mark.
    #[test]
    fn paths_end_at_the_first_question_mark(
        start in prop::sample::select(vec!["/", "http://a/", "http://a?", "http://a:8?b"]),
        rest in "[?/a-z%&=]{0,20}",
    ) {
        let target = format!("{start}{rest}");
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
        let mut head = HeadParser::default();
        prop_assert!(head.parse(&bytes, &LIMITS).is_ok());
        let path = head.path(&bytes);
        prop_assert!(path.starts_with('/'));
        let parts = path.split_once('?');
        prop_assert_eq!(head.url_path(&bytes), parts.map_or(path, |(path, _)| path));
        prop_assert_eq!(head.query(&bytes), parts.map(|(_, query)| query));
    }

    /// The result does not depend on the pieces in which a head arrives. Before the empty line, a
    /// head may be refused, but it is never complete.
    #[test]
    fn prefixes_are_partial_or_refused_like_the_whole(
        bytes in some_head(),
        cuts in prop::collection::vec(1_usize..60, 1..6),
    ) {
        let mut head = HeadParser::default();
        let whole = head.parse(&bytes, &LIMITS);
        let mut trickled = HeadParser::default();
        let mut settled = None;
        for end in 0..=bytes.len() {
            let fresh = HeadParser::default().parse(&bytes[..end], &LIMITS);
            let resumed = trickled.parse(&bytes[..end], &LIMITS);
            prop_assert_eq!(&fresh, &resumed);
            match resumed {
                Ok(Parsed::Partial) => {}
                outcome => { settled = Some(outcome); break; }
            }
        }
        match (whole, settled) {
            (Ok(Parsed::Complete(end)), Some(Ok(Parsed::Complete(last)))) => {
                prop_assert_eq!(end, last);
                let first = &bytes[..end];
                prop_assert!(first.ends_with(b"\r\n\r\n"));
                prop_assert_eq!(head.path(first), trickled.path(first));
                prop_assert_eq!(head.framing(), trickled.framing());
                prop_assert_eq!(head.request_line(first), trickled.request_line(first));
                let fields: Vec<_> = head.fields(first).iter().collect();
                prop_assert_eq!(fields, trickled.fields(first).iter().collect::<Vec<_>>());
            }
            (Ok(Parsed::Partial), None) => {}
            (Err(whole), Some(Err(early))) => prop_assert_eq!(whole.status, early.status),
            (whole, settled) => prop_assert!(false, "{:?} but {:?}", whole, settled),
        }

        let mut cut = HeadParser::default();
        let mut sizes = cuts.iter().cycle();
        let mut end = 0;
        let whole = HeadParser::default().parse(&bytes, &LIMITS).map_err(|refusal| refusal.status);
        loop {
            end = bytes.len().min(end + sizes.next().unwrap());
            let outcome = cut.parse(&bytes[..end], &LIMITS).map_err(|refusal| refusal.status);
            if outcome != Ok(Parsed::Partial) || end == bytes.len() {
                prop_assert_eq!(outcome, whole);
                break;
            }
        }
    }
}
