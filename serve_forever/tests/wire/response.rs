//! How a response is framed, whatever its handler does (rules 65 to 69, 83, 93, 95 and 96).

use std::borrow::Cow;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Client, Response, Running, answer, masked, reply, serve, serve_with};
use serve_forever::{BaseHttpRequestHandler, Exchange, Result, Source};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST_GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Held back for automatic framing in the servers of [`streaming`].
const HELD_BACK: usize = 1024;

/// Far more than that.
const STREAMED: usize = 10_000;

fn streaming() -> Running {
    let script = answer(|http| {
        http.send_response(200).end_headers()?;
        for _ in 0..STREAMED / 100 {
            http.wfile().write_all(&[b'x'; 100])?;
        }
        Ok(())
    });
    serve_with(script, |builder| builder.buffer_size(HELD_BACK))
}

/// Answers with this status, then writes although it has no content.
fn writing_after(code: u16) -> Running {
    serve(answer(move |http| {
        http.send_response(code).end_headers()?;
        // Both to fail and to take it for nothing would do.
        let _ = http.wfile().write_all(b"junk");
        let _ = http.wfile().flush();
        Ok(())
    }))
}

/// The connection is still good for another request.
#[track_caller]
fn still_answers(client: &mut Client, head: &str) {
    client.send(HEAD);
    assert_eq!(client.response_to_head().all(), head);
}

#[test]
fn rule_65_a_204_has_neither_body_nor_length() {
    let server = writing_after(204);
    let mut client = server.connect();
    client.send(GET);
    client.expect("HTTP/1.1 204 No Content\r\nServer: wire\r\nDate: *\r\n\r\n");
    still_answers(&mut client, "HTTP/1.1 204 No Content\r\nServer: wire\r\nDate: *\r\n\r\n");
}

#[test]
fn rule_65_a_304_has_no_body() {
    let server = writing_after(304);
    let mut client = server.connect();
    client.send(GET);
    client.expect("HTTP/1.1 304 Not Modified\r\nServer: wire\r\nDate: *\r\n\r\n");
    still_answers(&mut client, "HTTP/1.1 304 Not Modified\r\nServer: wire\r\nDate: *\r\n\r\n");
}

#[test]
fn rule_65_the_length_that_a_handler_gives_a_204_does_not_go_out() {
    let server = serve(answer(|http| {
        http.send_response(204).send_header("Content-Length", 5).send_header("X", "y").end_headers()?;
        Ok(())
    }));
    let answer = server.ask(LAST_GET);
    // Refusing to send such a head at all is the other way.
    if !answer.starts_with("HTTP/1.1 500 ") {
        assert_eq!(
            answer,
            "HTTP/1.1 204 No Content\r\nServer: wire\r\nDate: *\r\nX: y\r\nConnection: close\r\n\r\n"
        );
    }
}

#[test]
fn rule_66_a_205_has_length_0() {
    let server = writing_after(205);
    let mut client = server.connect();
    client.send(GET);
    client.expect("HTTP/1.1 205 Reset Content\r\nServer: wire\r\nDate: *\r\nContent-Length: 0\r\n\r\n");
    still_answers(
        &mut client,
        "HTTP/1.1 205 Reset Content\r\nServer: wire\r\nDate: *\r\nContent-Length: 0\r\n\r\n",
    );
}

#[test]
fn rule_67_a_response_never_has_both_length_and_chunks() {
    let server = serve(answer(|http| {
        http.send_response(200).send_header("Content-Length", 3).send_header("Transfer-Encoding", "chunked");
        http.end_headers()?;
        http.wfile().write_all(b"abc")?;
        Ok(())
    }));
    let answer = server.ask(LAST_GET);
    assert!(!(answer.contains("Content-Length: ") && answer.contains("Transfer-Encoding: ")), "{answer}");
}

#[test]
fn rule_67_a_body_shorter_than_its_length_cuts_the_connection() {
    let server = serve(answer(|http| {
        http.send_response(200).send_header("Content-Length", 10).end_headers()?;
        http.wfile().write_all(b"short")?;
        http.wfile().flush()?;
        Ok(())
    }));
    let mut client = server.connect();
    client.send(GET);
    assert_eq!(
        masked(&client.rest_until_cut()),
        "HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nContent-Length: 10\r\n\r\nshort"
    );
}

#[test]
fn rule_67_a_body_shorter_than_its_length_is_never_completed_by_another_response() {
    let server = serve(answer(|http| {
        http.send_response(200).send_header("Content-Length", 10).end_headers()?;
        http.wfile().write_all(b"short")?;
        Ok(())
    }));
    let mut client = server.connect();
    client.send(GET.repeat(2));
    let answer = masked(&client.rest_until_cut());
    assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{answer}");
}

#[test]
fn rule_67_what_is_written_beyond_the_length_does_not_go_out() {
    let server = serve(answer(|http| {
        http.send_response(200).send_header("Content-Length", 5).end_headers()?;
        let _ = http.wfile().write_all(b"right");
        let _ = http.wfile().write_all(b" HTTP/1.1 200 OK\r\n\r\n");
        Ok(())
    }));
    assert_eq!(
        server.ask(LAST_GET),
        "HTTP/1.1 200 OK\r\n\
         Server: wire\r\n\
         Date: *\r\n\
         Content-Length: 5\r\n\
         Connection: close\r\n\
         \r\n\
         right"
    );
}

#[test]
fn rule_68_a_body_of_unknown_length_goes_out_in_chunks() {
    let server = streaming();
    let mut client = server.connect();
    client.send(GET);
    let response = client.response();
    assert_eq!(
        response.head(),
        "HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    assert_eq!(response.text(), "x".repeat(STREAMED));
    still_answers(&mut client, &response.head());
}

#[test]
fn rule_68_a_body_of_unknown_length_ends_with_the_connection_on_1_0() {
    let server = streaming();
    let expected = "HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nConnection: close\r\n\r\n".to_owned()
        + &"x".repeat(STREAMED);
    assert_eq!(server.ask("GET / HTTP/1.0\r\n\r\n"), expected);
    assert_eq!(server.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), expected);
}

#[test]
fn rule_68_what_a_handler_flushes_goes_out_at_once() {
    let server = serve(answer(|http| {
        http.send_response(200).end_headers()?;
        http.wfile().write_all(b"one")?;
        http.wfile().flush()?;
        http.wfile().write_all(b"two")?;
        Ok(())
    }));
    assert_eq!(
        server.ask(LAST_GET),
        "HTTP/1.1 200 OK\r\n\
         Server: wire\r\n\
         Date: *\r\n\
         Connection: close\r\n\
         Transfer-Encoding: chunked\r\n\
         \r\n\
         3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    );
}

#[test]
fn rule_68_a_source_is_pulled_until_its_end() {
    struct Countdown(u32);
    impl Source for Countdown {
        fn pull(&mut self, out: &mut Vec<u8>) -> std::io::Result<bool> {
            out.extend_from_slice(format!("{}\n", self.0).as_bytes());
            self.0 -= 1;
            Ok(self.0 > 0)
        }
    }
    let server = serve(answer(|http| {
        http.send_response(200).end_headers()?;
        http.send_source(Countdown(3))
    }));
    assert_eq!(server.body(GET), "3\n2\n1\n");
    assert!(server.ask("GET / HTTP/1.0\r\n\r\n").ends_with("\r\n\r\n3\n2\n1\n"));
}

#[test]
fn rule_69_a_length_is_sent_where_it_is_known() {
    let server = serve(answer(|http| reply(http, "hello\n")));
    let mut client = server.connect();
    client.send(GET);
    client.expect("HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\nContent-Length: 6\r\n\r\nhello\n");
}

#[test]
fn rule_69_an_empty_body_has_length_0() {
    let server = serve(answer(|http| http.send_response(404).end_headers()));
    let mut client = server.connect();
    client.send(GET);
    client.expect("HTTP/1.1 404 Not Found\r\nServer: wire\r\nDate: *\r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn rule_69_the_length_that_a_handler_gives_goes_out_once() {
    let server = serve(answer(|http| {
        http.send_response(200).send_header("content-length", 2).end_headers()?;
        http.wfile().write_all(b"ok")?;
        Ok(())
    }));
    let mut client = server.connect();
    client.send(GET);
    client.expect("HTTP/1.1 200 OK\r\nServer: wire\r\nDate: *\r\ncontent-length: 2\r\n\r\nok");
}

#[test]
fn rule_83_head_is_get_without_the_body() {
    let server = serve(answer(|http| {
        http.send_response(200).send_header("Content-Type", "text/plain").end_headers()?;
        http.wfile().write_all(b"hello\n")?;
        Ok(())
    }));
    let mut client = server.connect();
    client.send(GET);
    let head = client.response().head();
    client.send(HEAD.repeat(2));
    assert_eq!(client.response_to_head().head(), head);
    assert_eq!(client.response_to_head().head(), head);
    client.send(LAST_GET);
    assert_eq!(client.response().text(), "hello\n");
    client.ends();
}

#[test]
fn rule_83_head_of_a_streamed_body_has_no_body_either() {
    let server = streaming();
    let mut client = server.connect();
    client.send(HEAD);
    let response = client.response_to_head();
    assert_eq!(response.code(), 200);
    let length = response.field("Content-Length");
    assert!(length.is_none_or(|length| length == STREAMED.to_string()), "{}", response.head());
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response_to_head().code(), 200);
    client.ends();
}

#[test]
fn rule_83_the_error_page_to_a_head_is_only_its_head() {
    let server = serve(answer(|http| http.send_error(404, None, None)));
    let page = server.response(GET);
    let mut client = server.connect();
    client.send(HEAD);
    assert_eq!(client.response_to_head().head(), page.head());
    client.send(GET);
    assert_eq!(client.response().all(), page.all());
}

#[test]
fn rule_93_every_final_response_has_one_date() {
    for code in [200, 204, 301, 304, 404, 500] {
        let server = serve(answer(move |http| http.send_response(code).end_headers()));
        // Its form is checked wherever a date is masked.
        assert_eq!(server.response(GET).values("Date"), ["*"], "{code}");
    }
}

#[test]
fn rule_93_a_refusal_has_one_date() {
    let server = serve(answer(|http| reply(http, "")));
    assert_eq!(server.response("GET / HTTP/1.1\r\n\r\n").values("Date"), ["*"]);
    assert_eq!(server.response("GET / HTTP/2.0\r\n\r\n").values("Date"), ["*"]);
}

struct Named(&'static str, &'static str);

impl BaseHttpRequestHandler for Named {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        reply(http, "")
    }

    fn server_version(&self) -> Cow<'static, str> {
        self.0.into()
    }

    fn sys_version(&self) -> Cow<'static, str> {
        self.1.into()
    }
}

fn server_field(response: &Response) -> Option<String> {
    response.field("Server")
}

#[test]
fn rule_95_the_handler_names_the_server() {
    let server = serve(|| Named("Mine/1.0", "Rust"));
    assert_eq!(server_field(&server.response(GET)).as_deref(), Some("Mine/1.0 Rust"));
    let server = serve(|| Named("Mine/1.0", ""));
    assert_eq!(server_field(&server.response(GET)).as_deref(), Some("Mine/1.0"));
}

#[test]
fn control_characters_in_the_name_of_the_server_are_sent_as_blanks() {
    // A tab alone is allowed in a field, but the name is the same wherever it stands.
    for (name, sent) in [("Mi\tne/1.0", "Mi ne/1.0"), ("Mine/1.0\r\nX: y", "Mine/1.0  X: y")] {
        let server = serve(move || Named(name, ""));
        let response = server.response(GET);
        assert_eq!(server_field(&response).as_deref(), Some(sent));
        assert_eq!(response.field("X"), None);
    }
}

#[test]
fn each_response_has_the_name_of_its_own_handler() {
    let names = [
        ("One/1", ""),
        ("Two/2", ""),
        ("Two/2", "Rust"),
        ("", ""),
        ("", "Rust"),
        ("One/1", ""),
        ("One/1", ""),
    ];
    let made = AtomicUsize::new(0);
    // One loop, and so the memory of one thread.
    let server = serve_with(
        move || {
            let (name, system) = names[made.fetch_add(1, Ordering::Relaxed)];
            Named(name, system)
        },
        |builder| builder.loops(1),
    );
    let mut client = server.connect();
    client.send(GET.repeat(names.len()));
    for (name, system) in names {
        let wanted = [name, system].join(" ");
        let wanted = Some(wanted.trim()).filter(|wanted| !wanted.is_empty());
        assert_eq!(server_field(&client.response()).as_deref(), wanted);
    }
}

#[test]
fn rule_95_a_refusal_bears_the_same_name() {
    let server = serve(|| Named("Mine/1.0", ""));
    assert_eq!(server_field(&server.response("GET / HTTP/1.1\r\n\r\n")).as_deref(), Some("Mine/1.0"));
    assert_eq!(server_field(&server.response("nonsense\r\n\r\n")).as_deref(), Some("Mine/1.0"));
}

#[test]
fn rule_95_an_empty_name_leaves_the_field_out() {
    let server = serve(|| Named("", ""));
    assert_eq!(server_field(&server.response(GET)), None);
    assert_eq!(
        server.ask(LAST_GET),
        "HTTP/1.1 200 OK\r\nDate: *\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn rule_96_the_type_is_the_handlers_own_and_none_is_made_up() {
    let server = serve(answer(|http| {
        if http.path() == "/typed" {
            http.send_response(200).send_header("Content-Type", "text/plain; charset=utf-8").end_headers()?;
            http.wfile().write_all(b"x")?;
            return Ok(());
        }
        reply(http, "x")
    }));
    let typed = server.response("GET /typed HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(typed.field("Content-Type").as_deref(), Some("text/plain; charset=utf-8"));
    assert_eq!(server.response(GET).field("Content-Type"), None);
}

#[test]
fn an_error_is_told_in_the_form_that_the_client_prefers() {
    let server = serve(answer(|http| http.send_error(418, Some("No \"tea\""), Some("<b>"))));
    let body = |accept: &str| {
        let reply = server.ask(format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{accept}\r\n"));
        let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
        let fields: Vec<&str> = head
            .split("\r\n")
            .filter(|line| line.starts_with("Content-Type") || line.starts_with("Vary"))
            .collect();
        (fields.join("|"), body.to_owned())
    };
    for accept in ["", "Accept: */*\r\n", "Accept: text/html,*/*;q=0.8\r\n"] {
        let (fields, page) = body(accept);
        assert_eq!(fields, "Content-Type: text/html;charset=utf-8");
        assert!(page.contains("<p>Message: No \"tea\".</p>"), "{page}");
    }
    assert_eq!(
        body("Accept: application/json\r\n"),
        (
            "Vary: Accept|Content-Type: application/json".into(),
            "{\"error\":{\"code\":418,\"message\":\"No \\\"tea\\\"\",\"explain\":\"<b>\"}}\n".into()
        )
    );
    assert_eq!(
        body("Accept: text/plain, text/html;q=0.9\r\n"),
        (
            "Vary: Accept|Content-Type: text/plain;charset=utf-8".into(),
            "Error response\n\nError code: 418\nMessage: No \"tea\".\nError code explanation: 418 - <b>.\n"
                .into()
        )
    );
    let head =
        server.ask("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept: application/json\r\n\r\n");
    let length = body("Accept: application/json\r\n").1.len();
    assert!(head.contains(&format!("\r\nContent-Length: {length}\r\n")), "{head}");
    assert!(head.ends_with("\r\nConnection: close\r\n\r\n"), "{head}");
}
