//! A file as a response: its head to the byte, its content, and when neither is sent again.

use std::fs;
use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::support::files::{CHANGED, Site, server_field};

#[test]
fn the_head_is_pythons() {
    let site = Site::new();
    site.file("a.txt", "text\n");
    site.dated("/a.txt");
    let reply = site.ask("GET /a.txt HTTP/1.0\r\n\r\n");
    let expected = format!(
        "HTTP/1.1 200 OK\r\n\
         {}\
         Date: *\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: 5\r\n\
         Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         ETag: *\r\n\
         Cache-Control: no-cache\r\n\
         Accept-Ranges: bytes\r\n\
         X-Content-Type-Options: nosniff\r\n\
         Connection: close\r\n\
         \r\n",
        server_field()
    );
    assert_eq!((reply.head, reply.body.as_slice()), (expected, &b"text\n"[..]));
}

#[test]
fn files_of_every_size_come_whole() {
    let site = Site::new();
    for size in [0, 1, 65_535, 65_536, 65_537, 1 << 20, (3 << 20) + 1] {
        let content: Vec<u8> = (0..size).map(|index: u32| (index % 251) as u8).collect();
        site.file("a", &content);
        let reply = site.get("/a");
        assert_eq!(reply.field("Content-Length"), Some(size.to_string().as_str()));
        assert!(reply.body == content, "{size}: {} bytes", reply.body.len());
    }
}

#[test]
fn head_has_the_fields_of_get_and_no_content() {
    let site = Site::new();
    site.file("small", "text\n").file("large", vec![b'x'; 100_000]).directory("dir");
    for target in ["/small", "/large", "/", "/dir", "/missing"] {
        let (get, head) = (site.get(target), site.request("HEAD", target, ""));
        assert_eq!(get.head, head.head, "{target}");
        assert_eq!(head.text(), "", "{target}");
    }
}

#[test]
fn files_follow_each_other_on_one_connection() {
    let site = Site::new();
    site.file("small", "small").file("large", vec![b'x'; 200_000]);
    let mut stream = site.connect();
    for name in ["small", "large", "small", "large", "small"] {
        write!(stream, "GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n").expect("a request");
    }
    stream.write_all(b"HEAD /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("the last one");
    let mut replies = Vec::new();
    stream.read_to_end(&mut replies).expect("the responses");
    let replies = String::from_utf8(replies).expect("text");
    let bodies: Vec<usize> = replies
        .split("HTTP/1.1 200 OK\r\n")
        .skip(1)
        .map(|reply| reply.split_once("\r\n\r\n").expect("a head").1.len())
        .collect();
    assert_eq!(bodies, [5, 200_000, 5, 200_000, 5, 0]);
}

#[test]
fn a_slow_reader_gets_all_and_stops_nobody() {
    let site = Site::new();
    let length = 16 << 20;
    site.file("large", vec![b'x'; length]).file("small", "small");
    let mut slow = Vec::new();
    for _ in 0..16 {
        let mut stream = site.connect();
        stream
            .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .expect("the request");
        stream.peek(&mut [0]).expect("the beginning of the response");
        slow.push(stream);
    }
    assert_eq!(site.get("/small").text(), "small");
    for mut stream in slow.into_iter().take(2) {
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).expect("the response");
        assert!(reply.len() > length);
        assert!(reply.ends_with(&[b'x'; 1000]));
    }
}

#[test]
fn files_need_no_permit() {
    // One thread is that of a loop, so none is left for handlers that may wait.
    let site = Site::with(|builder| builder.loops(1).max_threads(1));
    site.file("a.txt", "text\n");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(site.get("/a.txt").text(), "text\n"));
        }
    });
}

#[test]
fn a_file_that_did_not_change_is_not_sent_again() {
    let site = Site::new();
    site.file("a.txt", "text\n").file("index.html", "page\n");
    site.dated("/");
    for (target, date) in [
        ("/a.txt", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("/a.txt", "Sun, 06 Nov 1994 09:49:37 GMT"),
        ("/a.txt", "Sunday, 06-Nov-94 08:49:37 GMT"),
        ("/a.txt", "Sun Nov  6 08:49:37 1994"),
        ("/", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ] {
        for method in ["GET", "HEAD"] {
            let reply = site.request(method, target, &format!("If-Modified-Since: {date}\r\n"));
            let expected = format!(
                "HTTP/1.1 304 Not Modified\r\n{}Date: *\r\nETag: *\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n",
                server_field()
            );
            assert_eq!((reply.head, reply.body.len()), (expected, 0), "{method} {target} {date}");
        }
    }
}

#[test]
fn a_file_that_may_have_changed_is_sent_again() {
    let site = Site::new();
    site.file("a.txt", "text\n");
    site.dated("/a.txt");
    let date = "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    for fields in [
        "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n",
        "If-Modified-Since: yesterday\r\n",
        "If-Modified-Since: \r\n",
        "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 CET\r\n",
        "If-Modified-Since: \u{e9}\r\n",
        &format!("{date}{date}"),
        &format!("{date}If-None-Match: \"x\"\r\n"),
    ] {
        let reply = site.request("GET", "/a.txt", fields);
        assert_eq!((reply.code(), reply.text().as_str()), (200, "text\n"), "{fields}");
    }
}

#[test]
fn conditions_do_not_matter_where_nothing_is() {
    let site = Site::new();
    let fields = "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\n";
    assert_eq!(site.request("GET", "/missing", fields).code(), 404);
    assert_eq!(site.request("GET", "/", fields).code(), 200);
}

#[test]
fn nothing_was_changed_in_the_future() {
    let site = Site::new();
    site.file("a.txt", "").changed("a.txt", SystemTime::now() + Duration::from_secs(86_400));
    assert_eq!(site.get("/a.txt").field("Last-Modified"), None);
}

#[test]
fn what_was_changed_is_sent_with_its_new_date() {
    let site = Site::new();
    site.file("a.txt", "old\n");
    assert_eq!(site.get("/a.txt").text(), "old\n");
    site.file("a.txt", "new and longer\n")
        .changed("a.txt", SystemTime::UNIX_EPOCH + CHANGED + Duration::from_secs(60));
    let get = || site.request("GET", "/a.txt", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    let reply = get();
    assert_eq!((reply.code(), reply.text().as_str()), (200, "new and longer\n"));
    assert_eq!(site.dated("/a.txt"), "Sun, 06 Nov 1994 08:50:37 GMT");
    assert_eq!(get().code(), 200);
    fs::remove_file(site.path("a.txt")).expect("it is there");
    site.get("/a.txt").assert_not_found();
}

#[test]
fn the_type_is_that_of_the_name() {
    let site = Site::new();
    for (name, media_type) in [
        ("a.html", "text/html; charset=utf-8"),
        ("A.HTML", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.wasm", "application/wasm"),
        ("a.tar.gz", "application/gzip"),
        ("a", "application/octet-stream"),
    ] {
        site.file(name, "");
        assert_eq!(site.get(&format!("/{name}")).field("Content-Type"), Some(media_type), "{name}");
    }
}

#[test]
fn get_head_and_options_are_allowed() {
    let site = Site::new();
    site.file("a.txt", "");
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        let reply = site.request(method, "/a.txt", "");
        assert_eq!((reply.code(), reply.field("Allow")), (405, Some("GET, HEAD, OPTIONS")), "{method}");
    }
    for target in ["/a.txt", "*"] {
        let reply = site.request("OPTIONS", target, "");
        assert_eq!((reply.code(), reply.field("Allow")), (200, Some("GET, HEAD, OPTIONS")), "{target}");
    }
    assert_eq!(site.request("FOO", "/a.txt", "").code(), 501);
}

#[test]
fn the_body_of_a_get_is_not_taken_for_a_request() {
    let site = Site::new();
    site.file("a.txt", "a").file("b.txt", "b");
    let body = "GET /b.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    let request = format!(
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}\
         GET /b.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = site.connect();
    stream.write_all(request.as_bytes()).expect("the requests");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("the responses");
    assert_eq!(reply.matches("HTTP/1.1 200 OK").count(), 2, "{reply}");
    assert!(reply.ends_with("\r\n\r\nb"), "{reply}");
}
