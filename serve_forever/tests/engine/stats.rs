//! What a server counts.

use std::collections::BTreeMap;

use crate::support::answer;
use crate::support::engine::{get, http};
use crate::support::program::Example;
use serve_forever::StatusError;

#[test]
fn responses_are_counted_by_class_on_all_loops() {
    let server = http(
        answer(|http| match http.path() {
            "/302" => http.redirect(302, "/"),
            "/404" => Err(StatusError::new(404).into()),
            "/500" => Err("it fails".into()),
            "/204" => http.reply_text(204, "never sent"),
            _ => http.reply_text(200, "12345"),
        }),
        |builder| builder.loops(3),
    );
    assert_eq!(server.stats().responses, [0; 5]);
    for _ in 0..20 {
        server.ask(get("/"));
    }
    let pages =
        ["/302", "/404", "/404", "/500", "/204"].map(|path| server.ask(get(path)).body().len() as u64);
    let malformed = server.ask("nonsense\r\n\r\n").body().len() as u64;
    let mut client = server.connect();
    client.send(get("/").replace("GET", "HEAD"));
    assert_eq!(client.response_to_head().code(), 200);
    let stats = server.stats();
    assert_eq!(stats.responses, [0, 22, 1, 3, 1]);
    assert_eq!(stats.content_bytes, 20 * 5 + pages.iter().sum::<u64>() + malformed);
}

#[test]
fn streams_are_counted_while_their_handler_has_them() {
    let server = http(
        answer(|http| {
            http.send_response(101).send_header("Upgrade", "silence").end_headers()?;
            std::io::copy(&mut http.upgrade()?, &mut std::io::sink())?;
            Ok(())
        }),
        |builder| builder,
    );
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: silence\r\n\r\n");
    assert_eq!(client.response_to_head().code(), 101);
    server.wait_until("the stream is there", |stats| stats.upgraded == 1);
    client.half_close();
    server.wait_until("it is over", |stats| stats.upgraded == 0 && stats.responses[0] == 1);
}

#[test]
fn the_example_speaks_the_format_of_prometheus() {
    let example = Example::start("metrics");
    let ask = |path: &str| example.ask(get(path));
    for path in ["/", "/", "/absent"] {
        ask(path);
    }
    let response = ask("/metrics");
    assert_eq!(response.field("Content-Type").as_deref(), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = response.text();
    assert!(text.ends_with('\n'));
    let (mut kinds, mut values) = (BTreeMap::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a kind");
            assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
        } else if let Some(help) = line.strip_prefix("# HELP ") {
            assert!(help.split_once(' ').is_some_and(|(_, help)| !help.is_empty()), "{line}");
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            let bare = name.split('{').next().expect("a name");
            let kind = kinds.get(bare).unwrap_or_else(|| panic!("{bare} has no type"));
            assert_eq!(kind == "counter", bare.ends_with("_total"), "{bare}");
            values.insert(name.to_owned(), value.parse::<u64>().expect("a number"));
        }
    }
    assert_eq!(values[r#"http_responses_total{class="2xx"}"#], 2);
    assert_eq!(values[r#"http_responses_total{class="4xx"}"#], 1);
    assert_eq!(values["http_connections_accepted_total"], 4);
}
