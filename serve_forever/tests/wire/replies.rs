//! Replies in one call, and what is asked of a request.

use std::fs::{self, File};
use std::io::{self, Read};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crate::support::{answer, serve, serve_with};
use proptest::prelude::*;
use serve_forever::{Cookie, Event, Exchange, SameSite, StatusError, handler_fn, testing};

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn replies_have_type_and_length() {
    let server = serve(answer(|http| match http.path() {
        "/text" => http.reply_text(201, "tea ☕"),
        "/html" => http.reply_html(200, "<p>tea"),
        "/bytes" => http.reply_bytes(200, "image/x-tea", [0, 255]),
        "/empty" => http.reply_text(204, "never sent"),
        _ => http.reply_text(200, ""),
    }));
    for (path, status, kind, body) in [
        ("/text", "201 Created", "text/plain; charset=utf-8", "tea ☕".as_bytes()),
        ("/html", "200 OK", "text/html; charset=utf-8", b"<p>tea"),
        ("/bytes", "200 OK", "image/x-tea", &[0, 255]),
        ("/", "200 OK", "text/plain; charset=utf-8", b""),
    ] {
        let response = server.response(get(path));
        assert_eq!(response.status_line(), format!("HTTP/1.1 {status}"));
        assert_eq!(response.names(), ["Server", "Date", "Content-Type", "Content-Length"]);
        assert_eq!(response.field("Content-Type").as_deref(), Some(kind));
        assert_eq!(response.body(), body);
        let mut client = server.connect();
        client.send(get(path).replace("GET", "HEAD"));
        assert_eq!(client.response_to_head().field("Content-Length"), Some(body.len().to_string()));
        client.send(get("/text"));
        assert_eq!(client.response().text(), "tea ☕");
    }
    let response = server.response(get("/empty"));
    assert_eq!((response.code(), response.has_body()), (204, false));
}

#[test]
fn readers_and_files_are_sent_without_the_handler() {
    let path = std::env::temp_dir().join(format!("serve-forever-replies-{}", std::process::id()));
    fs::write(&path, vec![b'x'; 200_000]).expect("a file");
    let name = path.clone();
    let server = serve(answer(move |http| match http.path() {
        "/file" => http.reply_file(200, "text/plain", File::open(&name)?),
        "/part" => http.reply_file_part(200, "text/plain", File::open(&name)?, 10..20),
        "/exact" => http.reply_read(200, "text/plain", io::repeat(b'y').take(32 * 1024)),
        _ => http.reply_read(200, "text/plain", io::repeat(b'y').take(100_000)),
    }));
    let mut client = server.connect();
    for (path, byte, length) in
        [("/file", b'x', 200_000), ("/part", b'x', 10), ("/exact", b'y', 32 * 1024), ("/", b'y', 100_000)]
    {
        client.send(get(path));
        let response = client.response();
        assert_eq!(response.body().len(), length, "{path}");
        assert!(response.body().iter().all(|&own| own == byte));
    }
    fs::remove_file(&path).expect("it is there");
}

#[test]
fn redirections_lead_where_they_say() {
    let server = serve(answer(|http| match http.query() {
        Some("bad") => http.redirect(200, "/"),
        Some("split") => http.redirect(303, "/\r\nSet-Cookie: a=b"),
        Some("blank") => http.redirect(303, "/a b"),
        Some("empty") => http.redirect(303, ""),
        _ => http.redirect(308, "/elsewhere?a=%20#b"),
    }));
    let response = server.response(get("/"));
    assert_eq!(response.status_line(), "HTTP/1.1 308 Permanent Redirect");
    assert_eq!(response.field("Location").as_deref(), Some("/elsewhere?a=%20#b"));
    for query in ["bad", "split", "blank", "empty"] {
        assert_eq!(server.response(get(&format!("/?{query}"))).code(), 500, "{query}");
    }
}

#[test]
fn queries_are_decoded_as_forms_are() {
    let server = serve(answer(|http| {
        let pairs: Vec<String> =
            http.query_pairs().map(|(name, value)| format!("[{name}|{value}]")).collect();
        http.reply_text(200, pairs.concat())
    }));
    for (query, pairs) in [
        ("", ""),
        ("?", ""),
        ("?a", "[a|]"),
        ("?a=1&b=2&a=3", "[a|1][b|2][a|3]"),
        ("?a=b=c&&d=%26%3D+%2B", "[a|b=c][d|&= +]"),
        ("?%C3%A9=%FF%zz%", "[é|\u{fffd}%zz%]"),
        ("?a=1?b=2", "[a|1?b=2]"),
    ] {
        assert_eq!(server.body(get(&format!("/{query}"))), pairs, "{query}");
    }
}

#[test]
fn cookies_are_read_and_set() {
    let server = serve(answer(|http| {
        let found: Vec<String> = http.cookies().map(|(name, value)| format!("{name}={value}")).collect();
        http.set_cookie(
            &Cookie::new("seen", "1").path("/").max_age(Duration::from_secs(60)).same_site(SameSite::Strict),
        )?;
        http.set_cookie(&Cookie::removal("old"))?;
        match http.path() {
            "/error" => Err(StatusError::new(404).into()),
            _ => http.reply_text(200, found.join("|")),
        }
    }));
    let set = ["seen=1; Path=/; Max-Age=60; SameSite=Strict", "old=; Max-Age=0; SameSite=Lax"];
    for (cookies, found) in [
        ("", ""),
        ("Cookie: a=1; b=\"two\"; c=x=y\r\n", "a=1|b=two|c=x=y"),
        ("Cookie: a=1;b=2\r\ncookie: c=3\r\n", "a=1|b=2|c=3"),
        ("Cookie: ;; =x; none; a = 1 ;\r\n", "a=1"),
        ("Cookie: bad=\u{ff}; a=\"\r\n", "bad=\u{ff}|a=\""),
    ] {
        let request = get("/").replace("\r\n\r\n", &format!("\r\n{cookies}\r\n"));
        let response = server.response(request);
        assert_eq!(response.text(), found, "{cookies}");
        assert_eq!(response.values("Set-Cookie"), set);
    }
    // They last through an error page.
    let response = server.response(get("/error"));
    assert_eq!((response.code(), response.values("Set-Cookie")), (404, set.map(String::from).to_vec()));
}

#[test]
fn cookies_that_no_browser_would_keep_are_refused() {
    let named = |name: &str| Cookie::new(name, "1");
    let handler = handler_fn(move |http: &mut Exchange| {
        for cookie in [
            named("a").same_site(SameSite::None),
            named("__Secure-a"),
            named("__secure-a"),
            named("__Host-a").secure(),
            named("__Host-a").secure().path("/tea"),
            named("__Host-a").secure().path("/").domain("tea.example"),
            named("a").path(""),
            named("a").domain(""),
        ] {
            assert!(http.set_cookie(&cookie).is_err(), "{cookie}");
        }
        for cookie in [
            named("a").secure().same_site(SameSite::None),
            named("__Secure-a").secure().domain("tea.example"),
            named("__Host-a").secure().path("/"),
            named("__Hostile"),
        ] {
            http.set_cookie(&cookie)?;
        }
        http.reply_text(200, "")
    });
    let answer = testing::respond(handler, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(String::from_utf8_lossy(&answer).matches("\r\nSet-Cookie: ").count(), 4);
}

proptest! {
    #[test]
    fn no_cookie_adds_anything_but_itself(name in ".{0,8}", value in ".{0,8}", path in ".{0,8}") {
        let handler = handler_fn(move |http: &mut Exchange| {
            let cookie = Cookie::new(&name, &value).path(&path);
            let is_set = http.set_cookie(&cookie).is_ok();
            http.reply_text(200, if is_set { cookie.to_string() } else { String::new() })
        });
        let answer = testing::respond(handler, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = String::from_utf8(answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let set: Vec<&str> =
            head.split("\r\n").filter_map(|line| line.strip_prefix("Set-Cookie: ")).collect();
        if body.is_empty() {
            prop_assert!(set.is_empty());
        } else {
            prop_assert_eq!(set, [body]);
            // A name and a value, a path, and the other attribute that is always there.
            prop_assert_eq!(body.matches(';').count(), 2);
        }
        prop_assert_eq!(head.split("\r\n").count(), 5 + usize::from(!body.is_empty()));
    }

    #[test]
    fn pairs_come_back_as_they_were(pairs in proptest::collection::vec((".{0,6}", ".{0,6}"), 0..5)) {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let handler = handler_fn(|http: &mut Exchange| {
            let found: Vec<_> = http.query_pairs().collect();
            http.reply_text(200, format!("{found:?}"))
        });
        let answer = testing::respond(handler, format!("GET /?{query} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let answer = String::from_utf8(answer).expect("text");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
        prop_assert_eq!(body, format!("{pairs:?}"));
    }

    /// A reader of the standard finds the data, and nothing that was not said.
    #[test]
    fn events_are_read_as_they_were_written(
        data in "[a:\r\n ]{0,12}", name in "[a:\r\n\0]{0,6}", id in "[b:\r\n\0]{0,6}",
    ) {
        let text = Event::new(&data).name(&name).id(&id).to_string();
        prop_assert!(text.ends_with("\n\n"));
        let (mut found, mut names, mut ids) = (Vec::new(), 0, 0);
        for line in text.strip_suffix("\n\n").expect("an end").split('\n') {
            prop_assert!(!line.contains(['\r', '\0']));
            match line.split_once(": ") {
                Some(("data", line)) => found.push(line.to_owned()),
                Some(("event", line)) => { prop_assert!(name.starts_with(line)); names += 1; }
                Some(("id", line)) => { prop_assert!(id.starts_with(line)); ids += 1; }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        // One of which nothing is left says nothing; an empty one would say something else.
        let no_id = id.starts_with(['\r', '\n', '\0']);
        prop_assert_eq!((names, ids), (1, usize::from(!no_id)));
        prop_assert_eq!(found.join("\n"), data.replace("\r\n", "\n").replace('\r', "\n"));
    }
}

#[test]
fn bodies_are_read_as_text_up_to_a_bound() {
    let script = |http: &mut Exchange| {
        if http.path() == "/bytes" {
            let bytes = http.body()?;
            return http.reply_text(200, bytes.len().to_string());
        }
        let text = http.body_text()?;
        http.reply_text(200, text)
    };
    let server = serve_with(answer(script), |builder| builder.max_collected_size(10));
    let post = |path: &str, fields: &str, body: &str| {
        server.response(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    assert_eq!(post("/", "", "té").text(), "té");
    assert_eq!(post("/", "Content-Type: text/plain; charset=\"UTF-8\"\r\n", "tea").text(), "tea");
    assert_eq!(post("/", "Content-Type: text/plain; charset=latin1\r\n", "tea").code(), 415);
    assert_eq!(post("/", "Content-Type: text/plain; charset\r\n", "tea").code(), 415);
    assert_eq!(post("/bytes", "", "1234567890").text(), "10");
    assert_eq!(post("/bytes", "", "12345678901").code(), 413);
    let response = server.response(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n",
    );
    assert_eq!(response.code(), 413);
    let mut client = server.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab\xff");
    let response = client.response();
    assert_eq!(response.code(), 400);
    assert!(response.text().contains("not UTF-8 from byte 2 on"), "{}", response.text());
}

/// What a slow reader has is not held back until it has more.
#[test]
fn what_a_reader_has_goes_out_at_once() {
    let (give, parts) = mpsc::channel::<&'static [u8]>();
    let parts = Arc::new(Mutex::new(Some(parts)));
    let server = serve(answer(move |http| {
        let parts = parts.lock().expect("nobody panics").take().expect("asked once");
        http.reply_read(200, "text/plain", Parts(parts))
    }));
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    give.send(b"tea").expect("it is read");
    client.response_to_head();
    assert_eq!(client.take(8), b"3\r\ntea\r\n");
    give.send(b"milk").expect("it is read");
    assert_eq!(client.take(9), b"4\r\nmilk\r\n");
    drop(give);
    assert_eq!(client.take(5), b"0\r\n\r\n");
}

struct Parts(mpsc::Receiver<&'static [u8]>);

impl Read for Parts {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Ok(part) = self.0.recv() else { return Ok(0) };
        bytes[..part.len()].copy_from_slice(part);
        Ok(part.len())
    }
}

#[test]
fn fields_that_come_after_the_head_are_an_error() {
    let handler = handler_fn(|http: &mut Exchange| {
        http.reply_text(200, "tea")?;
        assert!(http.add_header("X-Late", 1).is_err());
        assert!(http.set_cookie(&Cookie::new("late", "1")).is_err());
        Ok(())
    });
    assert!(testing::respond(handler, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").ends_with(b"\r\n\r\ntea"));
}

/// The answer is 500, and the owner learns why.
#[test]
fn a_status_error_that_cannot_be_sent_is_reported() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let inner = Arc::clone(&reports);
    let script = |http: &mut Exchange| {
        let error = StatusError::new(400);
        Err(match http.path() {
            "/line" => error.header("X-Tea", "a\r\nb: c"),
            _ => error.header("Content-Type", "application/json"),
        }
        .into())
    };
    let server = serve_with(answer(script), move |builder| {
        builder.handle_error(move |report| inner.lock().expect("nobody panics").push(report.error.clone()))
    });
    for path in ["/line", "/type"] {
        let response = server.response(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!((response.code(), response.field("b")), (500, None), "{path}");
        let reports = std::mem::take(&mut *reports.lock().expect("nobody panics"));
        assert_eq!(reports.len(), 1);
        assert!(reports[0].starts_with("a StatusError for 400 cannot be sent: "), "{reports:?}");
    }
}
