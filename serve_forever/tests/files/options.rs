//! What a file handler can be told, as clients see it.

use std::io::{ErrorKind, Read, Write};

use crate::support::files::{Reply, Site, server_field};
use serve_forever::{SimpleHttpRequestHandler, files::EntityTags};

/// More than what is kept in memory.
const LARGE: usize = 100_000;

fn with_header(fields: &[(&str, &str)]) -> Site {
    let site = Site::serving(|builder, _| {
        fields.iter().fold(builder, |builder, (name, value)| builder.extra_response_header(*name, *value))
    });
    site.file("a.txt", "text\n").file("large.bin", vec![b'x'; LARGE]).directory("dir").directory("list");
    site.file("dir/index.html", "page\n");
    site
}

#[test]
fn names_with_a_dot_are_neither_served_nor_listed() {
    let site = Site::new();
    site.directory(".git").file(".git/config", "secret").file(".env", "secret").directory("dir/.ssh");
    site.file("dir/.ssh/id", "secret").file("dir/.htpasswd", "secret").file("a.txt", "text\n");
    for target in [
        "/.git/config",
        "/.git/",
        "/.git",
        "/.env",
        "/%2eenv",
        "/%2Eenv",
        "/./.env",
        "/dir/../.env",
        "/.env/",
        "/dir/.ssh/id",
        "/dir/.htpasswd",
        "/.git/../.env",
        "//.env",
    ] {
        for method in ["GET", "HEAD"] {
            let reply = site.request(method, target, "");
            assert_eq!((reply.code(), reply.field("Location")), (404, None), "{method} {target}");
        }
    }
    // That of what is not there looks the same.
    assert_eq!(site.get("/.env").text(), site.get("/.missing").text());
    for target in ["/", "/dir/"] {
        let page = site.get(target).text();
        for name in [".git", ".env", ".ssh", ".htpasswd"] {
            assert!(!page.contains(name), "{page}");
        }
    }
    // Dots elsewhere hide nothing, and the way past a hidden name leads somewhere else.
    assert_eq!(site.get("/.git/../a.txt").text(), "text\n");
}

#[test]
fn what_is_well_known_is_served() {
    let site = Site::new();
    site.directory(".well-known/acme-challenge").file(".well-known/acme-challenge/token", "token");
    site.file(".well-known/.private", "secret").directory("dir/.well-known").file("dir/.well-known/x", "x");
    assert_eq!(site.get("/.well-known/acme-challenge/token").text(), "token");
    assert_eq!(site.get("/dir/.well-known/x").text(), "x");
    assert_eq!(site.get("/.well-known").field("Location"), Some("/.well-known/"));
    site.get("/.well-known/.private").assert_not_found();
    site.get("/.well-known2").assert_not_found();
    site.get("/.Well-Known/acme-challenge/token").assert_not_found();
    assert!(site.get("/").text().contains("<a href=\".well-known/\">"));
}

#[test]
fn hidden_names_can_be_served() {
    let site = Site::serving(|builder, _| builder.hidden(true));
    site.directory(".git").file(".git/config", "config").file(".env", "env");
    assert_eq!(site.get("/.git/config").text(), "config");
    assert_eq!(site.get("/.env").text(), "env");
    assert_eq!(site.get("/.git").field("Location"), Some("/.git/"));
    let page = site.get("/").text();
    assert!(page.contains("<a href=\".git/\">") && page.contains("<a href=\".env\">"), "{page}");
}

#[test]
fn a_page_of_the_index_may_be_hidden_by_its_name() {
    let site = Site::serving(|builder, _| builder.index_pages([".index"]));
    site.file(".index", "page");
    assert_eq!(site.get("/").text(), "page");
    site.get("/.index").assert_not_found();
}

#[test]
fn index_pages_are_looked_for_in_their_order() {
    let site = Site::serving(|builder, _| builder.index_pages(["first.txt", "second.html", "third"]));
    site.file("index.html", "not this one");
    assert!(site.get("/").text().contains("Directory listing for /"));
    for (name, media_type) in [
        ("third", "application/octet-stream"),
        ("second.html", "text/html; charset=utf-8"),
        ("first.txt", "text/plain; charset=utf-8"),
    ] {
        site.file(name, name);
        let reply = site.get("/");
        assert_eq!((reply.text().as_str(), reply.field("Content-Type")), (name, Some(media_type)));
    }
}

#[test]
fn without_index_pages_every_directory_is_listed() {
    let site = Site::serving(|builder, _| builder.index_pages(Vec::<String>::new()));
    site.file("index.html", "page");
    assert!(site.get("/").text().contains("<a href=\"index.html\">"));
    assert_eq!(site.get("/index.html").text(), "page");
}

#[test]
fn without_listings_a_directory_is_not_found() {
    let site = Site::serving(|builder, _| builder.listing(false));
    site.directory("dir").file("dir/a.txt", "text\n").directory("page").file("page/index.html", "page");
    for target in ["/", "/dir/"] {
        site.get(target).assert_not_found();
        assert_eq!(site.request("HEAD", target, "").code(), 404);
    }
    assert_eq!(site.get("/dir/a.txt").text(), "text\n");
    assert_eq!(site.get("/page/").text(), "page");
    assert_eq!(site.get("/page").field("Location"), Some("/page/"));
}

#[test]
fn extra_fields_are_sent_with_every_answer() {
    let site = with_header(&[("X-Extra", "one"), ("X-Extra", "two"), ("Access-Control-Allow-Origin", "*")]);
    let extra = |reply: Reply, code| {
        let origin = reply.fields("access-control-allow-origin").join(",");
        assert_eq!((reply.code(), reply.fields("X-Extra")), (code, vec!["one", "two"]), "{}", reply.head);
        assert_eq!(origin, "*", "{}", reply.head);
    };
    for target in ["/a.txt", "/large.bin", "/dir/", "/list/"] {
        for method in ["GET", "HEAD"] {
            let reply = site.request(method, target, "");
            assert_eq!(reply.fields("X-Extra"), ["one", "two"], "{method} {target}");
            assert_eq!(reply.fields("access-control-allow-origin"), ["*"]);
        }
    }
    for range in ["Range: bytes=0-1\r\n", "Range: bytes=0-1,99990-\r\n"] {
        let reply = site.request("GET", "/large.bin", range);
        assert_eq!((reply.code(), reply.fields("X-Extra")), (206, vec!["one", "two"]));
    }
    for method in ["GET", "HEAD"] {
        extra(site.request(method, "/a.txt", "If-None-Match: *\r\n"), 304);
        extra(site.request(method, "/a.txt", "If-Match: \"x\"\r\n"), 412);
        extra(site.request(method, "/missing", ""), 404);
        extra(site.request(method, "/missing/%00", ""), 404);
        extra(site.request(method, "/missing/%zz", ""), 400);
        extra(site.request(method, "/dir", ""), 301);
    }
    extra(site.request("GET", "/a.txt", "Range: bytes=99-\r\n"), 416);
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        extra(site.request(method, "/a.txt", ""), 405);
    }
    extra(site.ask("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n"), 405);
    extra(site.request("BREW", "/a.txt", ""), 501);
    extra(site.request("OPTIONS", "/a.txt", ""), 200);
}

#[test]
fn a_field_that_replaces_one_of_ours_appears_once() {
    for (name, value) in [
        ("Cache-Control", "max-age=60"),
        ("cache-control", "max-age=60"),
        ("X-Content-Type-Options", "none"),
        ("Accept-Ranges", "none"),
        ("Last-Modified", "Mon, 07 Nov 1994 08:49:37 GMT"),
        ("Content-Type", "text/x-own"),
        ("CONTENT-TYPE", "text/x-own"),
        ("Server", "own"),
        ("Date", "Mon, 07 Nov 1994 08:49:37 GMT"),
    ] {
        let site = with_header(&[(name, value)]);
        for (target, range) in [
            ("/a.txt", ""),
            ("/large.bin", ""),
            ("/dir/", ""),
            ("/a.txt", "Range: bytes=0-1\r\n"),
            ("/large.bin", "Range: bytes=0-1\r\n"),
        ] {
            let head = raw_head(&site, target, range);
            let values: Vec<&str> = head
                .split("\r\n")
                .filter_map(|line| line.split_once(": "))
                .filter(|(it, _)| it.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
                .collect();
            assert_eq!(values, [value], "{target} {range:?}: {head}");
        }
    }
}

/// As it was sent, with the date.
fn raw_head(site: &Site, target: &str, fields: &str) -> String {
    let mut stream = site.connect();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n")
        .expect("the request");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the response");
    let text = String::from_utf8(bytes).expect("text");
    text.split_once("\r\n\r\n").expect("a head").0.to_owned()
}

#[test]
fn the_type_of_several_parts_stays_though_that_of_the_file_is_replaced() {
    let site = with_header(&[("Content-Type", "text/x-own; a=b")]);
    let reply = site.request("GET", "/large.bin", "Range: bytes=0-1,99990-99991\r\n");
    let types = reply.fields("Content-Type");
    assert!(types.len() == 1 && types[0].starts_with("multipart/byteranges; boundary="), "{types:?}");
    assert_eq!(reply.text().matches("\r\nContent-Type: text/x-own; a=b\r\n").count(), 2, "{}", reply.text());
    // A page that the server makes is what it is.
    assert_eq!(site.get("/list/").fields("Content-Type"), ["text/html; charset=utf-8"]);
}

#[test]
fn validators_that_are_given_are_those_that_count() {
    let site = with_header(&[("ETag", "\"own\""), ("Last-Modified", "Mon, 07 Nov 1994 08:49:37 GMT")]);
    let code = |fields: &str| site.request("GET", "/a.txt", fields).code();
    assert_eq!(site.get("/a.txt").tag.as_deref(), Some("\"own\""));
    assert_eq!(code("If-None-Match: \"own\"\r\n"), 304);
    assert_eq!(code("If-None-Match: \"other\"\r\n"), 200);
    assert_eq!(code("If-Match: \"own\"\r\n"), 200);
    assert_eq!(code("If-Range: \"own\"\r\nRange: bytes=0-1\r\n"), 206);
    assert_eq!(code("If-Modified-Since: Mon, 07 Nov 1994 08:49:37 GMT\r\n"), 304);
    assert_eq!(code("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), 200);
    // They are those of files, not of listings.
    let list = site.get("/list/");
    assert_eq!((list.code(), list.tag), (200, None));
}

#[test]
fn what_would_break_the_framing_cannot_be_set() {
    for (name, value) in [
        ("Content-Length", "5"),
        ("content-length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Content-Range", "bytes 0-1/2"),
        ("X\r\nY", "z"),
        ("X", "a\r\nb"),
        ("X", "a\nb"),
        ("X", "a\0b"),
        ("", "a"),
        ("X:", "a"),
        ("X Y", "a"),
    ] {
        let error = SimpleHttpRequestHandler::builder().extra_response_header(name, value).build();
        assert_eq!(error.expect_err(name).kind(), ErrorKind::InvalidInput, "{name:?} {value:?}");
    }
    for builder in [
        SimpleHttpRequestHandler::builder().content_type("x", "a\r\nb"),
        SimpleHttpRequestHandler::builder().default_content_type("a\nb"),
        SimpleHttpRequestHandler::builder().cache_control("a\r\nSet-Cookie: b"),
        SimpleHttpRequestHandler::builder().protocol_version("HTTP/2"),
        SimpleHttpRequestHandler::builder().protocol_version("HTTP/1.1\r\n"),
    ] {
        assert_eq!(builder.build().expect_err("it cannot be sent").kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn types_can_be_chosen() {
    let site = Site::serving(|builder, _| {
        builder
            .content_type("foo", "text/x-foo")
            .content_type(".bar", "image/x-bar")
            .content_type("html", "application/xhtml+xml")
            .content_type("BIG", "image/x-big")
            .content_type("", "text/x-none")
            .content_type("set", "text/x-set; charset=koi8-r")
            .default_content_type("application/x-unknown")
    });
    for (name, media_type) in [
        ("a.foo", "text/x-foo; charset=utf-8"),
        ("a.FOO", "text/x-foo; charset=utf-8"),
        ("a.bar", "image/x-bar"),
        ("a.html", "application/xhtml+xml"),
        ("a.htm", "text/html; charset=utf-8"),
        ("a.BIG", "image/x-big"),
        ("a.big", "application/x-unknown"),
        ("none", "text/x-none; charset=utf-8"),
        ("a.set", "text/x-set; charset=koi8-r"),
        ("a.unknown", "application/x-unknown"),
        ("a.txt", "text/plain; charset=utf-8"),
    ] {
        site.file(name, "text\n");
        assert_eq!(site.get(&format!("/{name}")).fields("Content-Type"), [media_type], "{name}");
    }
}

#[test]
fn text_is_called_utf_8_where_it_is() {
    let site = Site::new();
    // The last byte that is looked at is the first one of a character.
    let long = format!("a{}", "\u{e9}".repeat(50_000));
    for (name, content, media_type) in [
        ("utf8.txt", "caf\u{e9}".as_bytes(), "text/plain; charset=utf-8"),
        ("latin1.txt", b"caf\xe9 noir", "text/plain"),
        ("cut.txt", b"caf\xc3", "text/plain"),
        ("utf16.txt", b"c\0a\0f\0", "text/plain"),
        ("mark.txt", b"\xef\xbb\xbfcaf\xc3\xa9", "text/plain; charset=utf-8"),
        ("empty.txt", b"", "text/plain; charset=utf-8"),
        ("long.txt", long.as_bytes(), "text/plain; charset=utf-8"),
        ("utf8.html", b"<p>caf\xc3\xa9", "text/html; charset=utf-8"),
        ("latin1.html", b"<p>caf\xe9", "text/html"),
        ("meta_latin1.html", b"<meta charset=iso-8859-1><p>caf\xe9", "text/html"),
        // What a page says of itself is not overruled.
        ("meta_other.html", b"<meta charset=\"windows-1252\"><p>cafe", "text/html"),
        ("meta_utf8.html", b"<meta charset='UTF-8'><p>caf\xc3\xa9", "text/html; charset=utf-8"),
        ("data.json", b"{}", "application/json"),
        ("data.xml", b"<a/>", "text/xml"),
    ] {
        site.file(name, content);
        let reply = site.get(&format!("/{name}"));
        assert_eq!((reply.fields("Content-Type"), reply.body == content), (vec![media_type], true), "{name}");
    }
}

#[test]
fn how_long_an_answer_may_be_kept_can_be_chosen() {
    let site = Site::serving(|builder, _| builder.cache_control("public, max-age=60"));
    site.file("a.txt", "text\n").directory("list");
    for (target, fields, code) in [
        ("/a.txt", "", 200),
        ("/a.txt", "Range: bytes=0-1\r\n", 206),
        ("/a.txt", "If-None-Match: *\r\n", 304),
        ("/list/", "", 200),
    ] {
        let reply = site.request("GET", target, fields);
        assert_eq!(
            (reply.code(), reply.fields("Cache-Control")),
            (code, vec!["public, max-age=60"]),
            "{target}"
        );
    }
    assert_eq!(site.get("/missing").field("Cache-Control"), None);
    assert_eq!(site.get("/list").field("Cache-Control"), Some("no-cache"));
}

#[test]
fn nothing_need_be_said_of_keeping() {
    let site = Site::serving(|builder, _| builder.cache_control(""));
    site.file("a.txt", "text\n").directory("list");
    for (target, fields) in [("/a.txt", ""), ("/a.txt", "If-None-Match: *\r\n"), ("/list/", "")] {
        assert_eq!(site.request("GET", target, fields).field("Cache-Control"), None, "{target} {fields}");
    }
}

#[test]
fn tags_can_be_made_of_size_and_time() {
    let size_and_time = || Site::serving(|builder, _| builder.entity_tags(EntityTags::SizeAndTime));
    let (one, other) = (size_and_time(), size_and_time());
    // Two machines that share the work.
    one.file("a.txt", "text\n");
    other.file("a.txt", "text\n");
    let tag = one.settled("/a.txt");
    assert_eq!((tag.as_str(), tag == other.settled("/a.txt")), ("\"5-2ebc98a1\"", true));
}

// Where a system does not tell which file it is, the times do; and those may be the same.
#[cfg(all(unix, not(feature = "portable-sys")))]
#[test]
fn tags_of_copies_that_are_not_read_are_different() {
    let site = Site::new();
    site.file("a.txt", vec![b'x'; 100_000]).file("b.txt", vec![b'x'; 100_000]);
    assert_ne!(site.settled("/a.txt"), site.settled("/b.txt"));
}

#[test]
fn tags_can_be_left_out() {
    let site = Site::serving(|builder, _| builder.entity_tags(EntityTags::Off));
    site.file("a.txt", "text\n");
    for fields in ["", "Range: bytes=0-1\r\n", "If-None-Match: *\r\n"] {
        assert_eq!(site.request("GET", "/a.txt", fields).tag, None);
    }
    let reply = site.request("GET", "/a.txt", "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n");
    assert_eq!(reply.code(), 200);
}

#[test]
fn a_host_that_is_not_allowed_is_misdirected() {
    let site = Site::serving(|builder, _| builder.allowed_hosts(["build.example", "10.0.0.1", "[fd00::1]"]));
    site.file("a.txt", "text\n");
    let ask = |host: &str, target: &str| {
        site.ask(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    };
    for host in [
        "build.example",
        "BUILD.example:8000",
        "10.0.0.1:80",
        "[fd00::1]:80",
        "localhost",
        "localhost:8000",
        "app.localhost",
        "127.0.0.1",
        "127.1.2.3:80",
        "[::1]:8000",
        "10.0.0.2",
        "[::2]",
        "0.0.0.0:80",
        "10.0.2.2.:80",
    ] {
        assert_eq!(ask(host, "/a.txt").code(), 200, "{host}");
    }
    for host in [
        "evil.example",
        "a",
        "build.example.evil",
        "localhost.evil",
        "1.2.3.4.evil.example",
        "127.1",
        "0x7f.1",
        "",
    ] {
        for target in ["/a.txt", "/", "/missing"] {
            let reply = ask(host, target);
            assert!(reply.head.starts_with("HTTP/1.1 421 Misdirected Request\r\n"), "{host}: {}", reply.head);
            assert!(!reply.text().contains("text\n") && !reply.text().contains("a.txt"), "{}", reply.text());
            assert_eq!(reply.field("Connection"), Some("close"));
        }
    }
    // Whatever is asked for. The fields of a method that is not there might say something, too.
    for method in ["HEAD", "OPTIONS", "POST", "DELETE", "TRACE", "BREW"] {
        let request = format!("{method} /a.txt HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
        let reply = site.ask(request);
        assert_eq!((reply.code(), reply.field("Allow")), (421, None), "{method}: {}", reply.head);
    }
    assert!(ask("Evil.example:80", "/").text().contains(
        "the name 'Evil.example'. To accept it, start serve-forever with --allow-host Evil.example (in Rust: allowed_hosts)"
    ));
    // A character that HTML knows is escaped.
    assert!(ask("a&b.example", "/").text().contains("the name 'a&amp;b.example'"));
    assert_eq!(ask("[fe80::1%25eth0]", "/a.txt").code(), 400);
    // The name in the target counts, and not that in the field (RFC 9112 §3.2.2).
    assert_eq!(ask("localhost", "http://evil.example/a.txt").code(), 421);
    assert_eq!(ask("evil.example", "http://localhost/a.txt").code(), 200);
    // Who says no name was not led here by one.
    assert_eq!(site.ask("GET /a.txt HTTP/1.0\r\n\r\n").code(), 200);
}

#[test]
fn a_server_of_1_0_closes_after_each_answer() {
    let site = Site::serving(|builder, _| builder.protocol_version("HTTP/1.0"));
    site.file("a.txt", "text\n").file("large.bin", vec![b'x'; LARGE]).directory("dir");
    for (target, fields, status) in [
        ("/a.txt", "", "200 OK"),
        ("/a.txt", "Connection: keep-alive\r\n", "200 OK"),
        ("/large.bin", "", "200 OK"),
        ("/a.txt", "If-None-Match: *\r\n", "304 Not Modified"),
        ("/a.txt", "Range: bytes=0-1\r\n", "206 Partial Content"),
        ("/dir", "", "301 Moved Permanently"),
        ("/", "", "200 OK"),
        ("/missing", "", "404 File not found"),
    ] {
        // It closes without being asked to, and does not answer a second request.
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let reply = site.ask(request.repeat(2));
        assert!(reply.head.starts_with(&format!("HTTP/1.0 {status}\r\n")), "{target}: {}", reply.head);
        assert!(!reply.text().contains("HTTP/1.0"), "{target}");
        assert_eq!(reply.field("Transfer-Encoding"), None);
    }
}

#[test]
fn a_single_file_is_the_answer_to_its_name_and_to_the_root() {
    let site = Site::serving(|builder, outside| {
        std::fs::write(outside.join("site/film.txt"), "film\n").expect("a file");
        std::fs::write(outside.join("site/other.txt"), "other\n").expect("a file");
        builder.directory(outside.join("site/film.txt"))
    });
    for target in ["/", "/film.txt", "/film.txt?t=1", "/?x", "/./film.txt"] {
        let reply = site.get(target);
        assert_eq!(
            (reply.code(), reply.text().as_str(), reply.field("Content-Type")),
            (200, "film\n", Some("text/plain; charset=utf-8")),
            "{target}"
        );
    }
    for target in ["/other.txt", "/site/film.txt", "/film.txt/x", "/secret.txt", "/../secret.txt", "/film"] {
        site.get(target).assert_not_found();
    }
    assert_eq!(site.request("GET", "/", "Range: bytes=0-1\r\n").text(), "fi");
    // It may be replaced, removed and made again as others.
    std::fs::write(site.path("film.txt"), "new film\n").expect("a file");
    assert_eq!(site.get("/").text(), "new film\n");
    std::fs::remove_file(site.path("film.txt")).expect("it is there");
    site.get("/").assert_not_found();
    std::fs::write(site.path("film.txt"), "again\n").expect("a file");
    assert_eq!(site.get("/film.txt").text(), "again\n");
}

#[test]
fn a_single_file_with_a_dot_is_meant() {
    let site = Site::serving(|builder, outside| {
        std::fs::write(outside.join("site/.profile"), "profile\n").expect("a file");
        builder.directory(outside.join("site/.profile"))
    });
    assert_eq!(site.get("/").text(), "profile\n");
    assert_eq!(site.get("/.profile").text(), "profile\n");
}

#[cfg(unix)]
#[test]
fn links_can_be_followed_anywhere() {
    let link = |site: &Site| std::os::unix::fs::symlink("../secret.txt", site.path("out")).expect("a link");
    let (inside, anywhere) = (Site::new(), Site::serving(|builder, _| builder.follow_symlinks(true)));
    link(&inside);
    link(&anywhere);
    inside.get("/out").assert_not_found();
    assert_eq!(anywhere.get("/out").text(), crate::support::files::SECRET);
    // But no path leads there.
    anywhere.get("/../secret.txt").assert_not_found();
}

#[test]
fn nothing_need_be_kept() {
    let site = Site::serving(|builder, _| builder.cache_size(0));
    site.file("a.txt", "text\n").file("large.bin", vec![b'x'; LARGE]);
    let tag = site.settled("/a.txt");
    let mut client = site.client();
    for _ in 0..3 {
        let reply = client.get("/a.txt");
        assert_eq!((reply.text().as_str(), reply.tag.as_ref()), ("text\n", Some(&tag)));
        assert_eq!(client.get("/large.bin").body.len(), LARGE);
    }
}

#[test]
fn types_are_not_to_be_guessed() {
    let site = Site::new();
    site.file("a.txt", "text\n").directory("list");
    let none_match = "If-None-Match: *\r\n";
    for (target, fields, count) in [
        ("/a.txt", "", 1),
        ("/list/", "", 1),
        ("/a.txt", "Range: bytes=0-1\r\n", 1),
        ("/a.txt", none_match, 0),
    ] {
        let reply = site.request("GET", target, fields);
        assert_eq!(reply.fields("X-Content-Type-Options"), vec!["nosniff"; count], "{target} {fields}");
    }
    let head = site.get("/a.txt").head;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains(&server_field()), "{head}");
}
