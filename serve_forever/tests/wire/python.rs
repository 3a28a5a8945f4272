//! The names and ways of Python's `BaseHTTPRequestHandler` that a client or a log reader can see.

use std::borrow::Cow;
use std::io::Write;
use std::time::{Duration, SystemTime};

use crate::support::{Captured, Running, answer, describe, reply, serve, serve_with};
use serve_forever::{AccessLog, BaseHttpRequestHandler, Exchange, Result};

const LAST_GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[test]
fn the_parts_of_the_request_line_are_attributes() {
    let server = serve(answer(|http| {
        let text = format!(
            "{} {} {} {:?} {} {}",
            http.command(),
            http.path(),
            http.url_path(),
            http.query(),
            http.request_version(),
            http.requestline().escape_ascii(),
        );
        reply(http, text)
    }));
    assert_eq!(
        server.body("GET /a%20b?c=%2F&d HTTP/1.1\r\nHost: a\r\n\r\n"),
        "GET /a%20b?c=%2F&d /a%20b Some(\"c=%2F&d\") HTTP/1.1 GET /a%20b?c=%2F&d HTTP/1.1"
    );
    assert_eq!(server.body("POST /? HTTP/1.0\r\n\r\n"), "POST /? / Some(\"\") HTTP/1.0 POST /? HTTP/1.0");
}

#[test]
fn leading_slashes_of_the_path_become_one_but_stay_in_the_request_line() {
    let server = serve(answer(|http| {
        let text = format!("{} {}", http.path(), http.requestline().escape_ascii());
        reply(http, text)
    }));
    assert_eq!(
        server.body("GET //evil/..//x HTTP/1.1\r\nHost: a\r\n\r\n"),
        "/evil/..//x GET //evil/..//x HTTP/1.1"
    );
    assert_eq!(server.body("GET ///// HTTP/1.1\r\nHost: a\r\n\r\n"), "/ GET ///// HTTP/1.1");
}

#[test]
fn the_client_and_the_server_are_attributes() {
    let server = serve(answer(|http| {
        let text = format!(
            "{} {} {:?}",
            http.client_address(),
            http.address_string(),
            http.server().server_addresses()
        );
        reply(http, text)
    }));
    let mut client = server.connect();
    client.send(LAST_GET);
    let expected = format!("{} 127.0.0.1 [{}]", client.local_address(), server.address());
    assert_eq!(client.response().text(), expected);
}

#[test]
fn version_and_date_strings_are_pythons() {
    let server = serve(answer(|http| {
        let time = SystemTime::UNIX_EPOCH + Duration::new(784_111_777, 999_999_999);
        let text = format!("{} | {}", http.version_string(), http.date_time_string(Some(time)));
        reply(http, text)
    }));
    assert_eq!(server.body(LAST_GET), "wire | Sun, 06 Nov 1994 08:49:37 GMT");
}

#[test]
fn send_error_sends_pythons_head_but_for_the_close() {
    let server = serve(answer(|http| http.send_error(404, None, None)));
    let response = server.response("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let length = response.body().len();
    assert_eq!(
        response.head(),
        format!(
            "HTTP/1.1 404 Not Found\r\n\
             Server: wire\r\n\
             Date: *\r\n\
             Content-Type: text/html;charset=utf-8\r\n\
             Content-Length: {length}\r\n\
             X-Content-Type-Options: nosniff\r\n\
             \r\n"
        )
    );
}

#[test]
fn send_error_sends_pythons_page() {
    let server = serve(answer(|http| http.send_error(404, None, None)));
    let page = server.response(LAST_GET).text();
    assert!(page.starts_with("<!DOCTYPE HTML>\n<html lang=\"en\">\n"), "{page}");
    for sentence in [
        "<meta charset=\"utf-8\">",
        "<title>Error response</title>",
        "<h1>Error response</h1>",
        "<p>Error code: 404</p>",
        "<p>Message: Not Found.</p>",
        "<p>Error code explanation: 404 - Nothing matches the given URI.</p>",
    ] {
        assert!(page.contains(sentence), "{sentence} is not in {page}");
    }
    assert!(page.ends_with("</html>\n"), "{page}");
}

#[test]
fn the_message_of_an_error_is_its_reason_and_escaped_in_the_page() {
    let server = serve(answer(|http| http.send_error(400, Some("<a> & 'b'"), Some("\"c\" < d"))));
    let response = server.response(LAST_GET);
    assert_eq!(response.status_line(), "HTTP/1.1 400 <a> & 'b'");
    let page = response.text();
    assert!(page.contains("<p>Message: &lt;a&gt; &amp; 'b'.</p>"), "{page}");
    assert!(page.contains("<p>Error code explanation: 400 - \"c\" &lt; d.</p>"), "{page}");
}

#[test]
fn errors_without_content_have_no_page() {
    for code in [204, 304] {
        let server = serve(answer(move |http| http.send_error(code, None, None)));
        let response = server.response("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(response.names(), ["Server", "Date"], "{}", response.head());
    }
    let server = serve(answer(|http| http.send_error(205, None, None)));
    let response = server.response("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((response.code(), response.text().as_str()), (205, ""));
    assert_eq!(response.field("Content-Type"), None);
}

#[test]
fn an_unknown_code_has_pythons_question_marks() {
    let server = serve(answer(|http| http.send_error(999, None, None)));
    let response = server.response(LAST_GET);
    assert_eq!(response.status_line(), "HTTP/1.1 999 ???");
    assert!(response.text().contains("<p>Error code explanation: 999 - ???.</p>"), "{}", response.text());
}

#[test]
fn a_reason_of_the_handlers_own_is_sent() {
    let server = serve(answer(|http| http.send_response_with(200, "Fine indeed").end_headers()));
    assert_eq!(server.response(LAST_GET).status_line(), "HTTP/1.1 200 Fine indeed");
}

#[test]
fn send_response_only_adds_neither_server_nor_date() {
    let server = serve(answer(|http| {
        http.send_response_only(200).send_header("X", 7).end_headers()?;
        http.wfile().write_all(b"ok")?;
        Ok(())
    }));
    let expected = "HTTP/1.1 200 OK\r\nX: 7\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(server.ask(LAST_GET), expected);
}

#[test]
fn fields_go_out_in_the_order_and_spelling_of_the_handler() {
    let server = serve(answer(|http| {
        http.send_response(200);
        http.send_header("content-Type", "text/plain")
            .send_header("B", "2")
            .send_header("a", "1")
            .send_header("B", 3);
        http.end_headers()
    }));
    assert_eq!(
        server.ask(LAST_GET),
        "HTTP/1.1 200 OK\r\n\
         Server: wire\r\n\
         Date: *\r\n\
         content-Type: text/plain\r\n\
         B: 2\r\n\
         a: 1\r\n\
         B: 3\r\n\
         Connection: close\r\n\
         Content-Length: 0\r\n\
         \r\n"
    );
}

struct OwnWays {
    protocol: &'static str,
}

impl BaseHttpRequestHandler for OwnWays {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        if http.path() == "/error" {
            http.send_error(404, Some("gone & lost"), None)
        } else {
            reply(http, "ok")
        }
    }

    fn protocol_version(&self) -> Cow<'static, str> {
        self.protocol.into()
    }

    fn error_message_format(&self) -> Cow<'static, str> {
        "%(code)d|%(message)s|%(explain)s\n".into()
    }

    fn error_content_type(&self) -> Cow<'static, str> {
        "text/plain".into()
    }

    fn server_version(&self) -> Cow<'static, str> {
        "Own".into()
    }

    fn sys_version(&self) -> Cow<'static, str> {
        "Ways".into()
    }
}

#[test]
fn the_error_page_is_the_handlers_own_where_it_has_one() {
    let server = serve(|| OwnWays { protocol: "HTTP/1.1" });
    assert_eq!(
        server.response("GET /error HTTP/1.1\r\nHost: a\r\n\r\n").all(),
        "HTTP/1.1 404 gone & lost\r\n\
         Server: Own Ways\r\n\
         Date: *\r\n\
         Content-Type: text/plain\r\n\
         Content-Length: 50\r\n\
         X-Content-Type-Options: nosniff\r\n\
         \r\n\
         404|gone &amp; lost|Nothing matches the given URI\n"
    );
    let refusal = server.response("FOO / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(refusal.text(), "501|Unsupported method ('FOO')|Server does not support this operation\n");
}

#[test]
fn a_handler_that_speaks_1_0_closes_after_each_answer() {
    let server = serve(|| OwnWays { protocol: "HTTP/1.0" });
    assert_eq!(
        server.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        "HTTP/1.0 200 OK\r\nServer: Own Ways\r\nDate: *\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    );
}

fn logging<H: BaseHttpRequestHandler + 'static>(
    factory: impl Fn() -> H + Send + Sync + 'static,
) -> (Running, Captured) {
    let log = Captured::default();
    let out = AccessLog::to(log.clone());
    (serve_with(factory, |builder| builder.access_log(out)), log)
}

/// The line without its time stamp, whose form is checked instead.
#[track_caller]
fn without_time(line: &str) -> String {
    const FORM: &str = "00/Aaa/0000 00:00:00";
    let (client, rest) = line.split_once(" - - [").expect("client and time");
    let (time, rest) = rest.split_once("] ").expect("the end of the time");
    let fits = |(form, byte): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b'A' | b'a' => byte.is_ascii_alphabetic(),
        other => byte == other,
    };
    assert!(time.len() == FORM.len() && FORM.bytes().zip(time.bytes()).all(fits), "{time}");
    format!("{client} - - [*] {rest}")
}

/// The line of a request up to its size, which is digits or a hyphen.
#[track_caller]
fn without_size(line: &str) -> String {
    let line = without_time(line);
    let (start, size) = line.rsplit_once(' ').expect("a size");
    assert!(size == "-" || size.parse::<u64>().is_ok(), "{line}");
    start.to_owned()
}

#[test]
fn each_request_is_logged_as_python_does() {
    let (server, log) = logging(answer(describe));
    server.body("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let lines = log.lines(1);
    assert_eq!(without_size(&lines[0]), "127.0.0.1 - - [*] \"GET / HTTP/1.1\" 200");
    server.body("POST //x?y=%41 HTTP/1.0\r\n\r\n");
    let lines = log.lines(2);
    assert_eq!(without_size(&lines[1]), "127.0.0.1 - - [*] \"POST //x?y=%41 HTTP/1.0\" 200");
    assert_eq!(lines.len(), 2);
}

#[test]
fn an_error_is_logged_by_two_lines_as_python_does() {
    let (server, log) = logging(answer(|http| http.send_error(404, Some("File not found"), None)));
    server.response("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    let lines = log.lines(2);
    assert_eq!(without_time(&lines[0]), "127.0.0.1 - - [*] code 404, message File not found");
    assert_eq!(without_size(&lines[1]), "127.0.0.1 - - [*] \"GET /x HTTP/1.1\" 404");
}

#[test]
fn an_unsupported_method_is_logged_as_python_does() {
    let (server, log) = logging(|| OwnWays { protocol: "HTTP/1.1" });
    server.response("FOO / HTTP/1.1\r\nHost: a\r\n\r\n");
    let lines = log.lines(2);
    assert_eq!(without_time(&lines[0]), "127.0.0.1 - - [*] code 501, message Unsupported method ('FOO')");
    assert_eq!(without_size(&lines[1]), "127.0.0.1 - - [*] \"FOO / HTTP/1.1\" 501");
}

#[test]
fn control_characters_of_a_request_line_are_escaped_in_the_log() {
    let (server, log) = logging(answer(describe));
    server.refuses(b"GET /\x1b[31m\x07 HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    let lines = log.lines(2);
    let line = lines.iter().find(|line| line.contains('"')).expect("the line of the request");
    assert!(line.contains("\"GET /\\x1b[31m\\x07 HTTP/1.1\" 400 "), "{line}");
    assert!(!lines.concat().contains(|character: char| character.is_control()), "{lines:?}");
}

#[test]
fn a_backslash_is_doubled_in_the_log() {
    let (server, log) = logging(answer(describe));
    server.ask("GET /a\\x1b HTTP/1.0\r\n\r\n");
    let lines = log.lines(1);
    let line = lines.last().expect("a line");
    assert!(line.contains("\"GET /a\\\\x1b HTTP/1.0\" "), "{line}");
}
