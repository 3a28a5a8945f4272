//! The example of a JSON API, as a process of its own, and what JSON bodies may be.
#![cfg(feature = "json")]

use crate::support::program::Example;
use crate::support::{answer, serve};

fn post(kind: &str, body: &str) -> String {
    format!(
        "POST /teas HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn teas_are_added_and_listed() {
    let example = Example::start("json_api");
    let get = |path: &str| example.ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(get("/teas").text(), "[]");
    let made = example.ask(post("application/json", r#"{"name":"green","minutes":3}"#));
    assert_eq!((made.code(), made.field("Location").as_deref()), (201, Some("/teas/0")));
    assert_eq!(made.text(), r#"{"name":"green","minutes":3}"#);
    let listed = get("/teas");
    assert_eq!(listed.field("Content-Type").as_deref(), Some("application/json"));
    assert_eq!(listed.text(), r#"[{"name":"green","minutes":3}]"#);
    assert_eq!(get("/teas/0").text(), r#"{"name":"green","minutes":3}"#);
    for path in ["/teas/1", "/teas/x", "/"] {
        assert_eq!(get(path).code(), 404, "{path}");
    }
    assert_eq!(example.ask(post("text/plain", "{}")).code(), 415);
    let wrong = example.ask(post("application/json", r#"{"minutes":3}"#));
    assert_eq!(wrong.code(), 400);
    assert!(wrong.text().contains("missing field"), "{}", wrong.text());
}

#[test]
fn bodies_in_json_are_known_by_their_type() {
    let server = serve(answer(|http| {
        let sum: u64 = http.body_json::<Vec<u64>>()?.iter().sum();
        http.reply_json(200, &sum)
    }));
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
        assert_eq!(server.response(post(kind, "[1,2]")).text(), "3", "{kind}");
    }
    for kind in ["text/json", "+json", "application/jsonp", "application/json; charset"] {
        assert_eq!(server.response(post(kind, "[1,2]")).code(), 415, "{kind}");
    }
    for body in ["", "[1,", "[1,-2]", "[1,2] 3", "nul"] {
        assert_eq!(server.response(post("application/json", body)).code(), 400, "{body}");
    }
}
