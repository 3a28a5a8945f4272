//! Directories: their index pages, their listings, and those that have neither.

use std::time::{Duration, SystemTime};

use crate::support::files::{Site, server_field};
use serve_forever::{SimpleHttpRequestHandler, testing};

/// The parts of a listing between `<ul>` and `</ul>`.
fn items(page: &str) -> Vec<&str> {
    let (_, list) = page.split_once("<ul>\n").expect("a list");
    let (list, _) = list.split_once("</ul>").expect("its end");
    list.lines().collect()
}

/// The items up to the end of their links.
fn links(page: &str) -> Vec<&str> {
    items(page).into_iter().filter_map(|item| item.get(..item.find("</a>")? + 4)).collect()
}

#[test]
fn a_listing_has_pythons_head_and_form() {
    let site = Site::new();
    site.directory("sub").directory("sub/Dir").file("sub/b.txt", "").file("sub/A.txt", "").file("sub/.c", "");
    let reply = site.get("/sub/?query");
    let length = reply.body.len();
    assert_eq!(
        reply.head,
        format!(
            "HTTP/1.1 200 OK\r\n\
             {}\
             Date: *\r\n\
             Content-Type: text/html; charset=utf-8\r\n\
             Cache-Control: no-cache\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Content-Length: {length}\r\n\
             Connection: close\r\n\
             \r\n",
            server_field()
        )
    );
    let page = reply.text();
    assert!(
        page.starts_with("<!DOCTYPE HTML>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"),
        "{page}"
    );
    assert!(page.contains("<title>Directory listing for /sub/</title>\n"), "{page}");
    assert!(page.contains("<h1>Directory listing for /sub/</h1>\n<hr>\n<ul>\n"), "{page}");
    assert!(page.ends_with("</ul>\n<hr>\n</body>\n</html>\n"), "{page}");
    assert_eq!(
        links(&page),
        [
            "<li><a href=\"A.txt\">A.txt</a>",
            "<li><a href=\"b.txt\">b.txt</a>",
            "<li><a href=\"Dir/\">Dir/</a>",
        ]
    );
}

#[test]
fn a_listing_tells_sizes_and_dates() {
    let site = Site::new();
    site.file("a.txt", "text\n").file("b.bin", vec![0; 1_600]).file("c", "");
    site.changed("b.bin", SystemTime::UNIX_EPOCH + Duration::from_secs(2));
    // No date, but what files have that have none.
    site.changed("c", SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    assert_eq!(
        items(&site.get("/").text()),
        [
            "<li><a href=\"a.txt\">a.txt</a> <data value=\"5\">5 B</data> \
             <time datetime=\"1994-11-06T08:49:37Z\">1994-11-06 08:49</time></li>",
            "<li><a href=\"b.bin\">b.bin</a> <data value=\"1600\" title=\"1600 bytes\">1.6 KiB</data> \
             <time datetime=\"1970-01-01T00:00:02Z\">1970-01-01 00:00</time></li>",
            "<li><a href=\"c\">c</a> <data value=\"0\">0 B</data></li>",
        ]
    );
}

#[test]
fn every_link_leads_to_what_it_names() {
    let site = Site::new();
    let mut names = vec!["q f# &amp; &amp 'sq' %A4 %E2%82%AC", "čaj 茶", "a+b;c=d", "javascript", "-~_."];
    if cfg!(unix) {
        names.extend(["<script>\"?*", "javascript:alert(1)", "a\\b", "line\nbreak", " ", "~"]);
    }
    for name in &names {
        site.file(name, name);
    }
    let page = site.get("/").text();
    assert!(!page.contains("<script>"), "{page}");
    let items = items(&page);
    assert_eq!(items.len(), names.len());
    let mut found = Vec::new();
    for item in items {
        let (_, rest) = item.split_once("<a href=\"").expect("a link");
        let (link, _) = rest.split_once('"').expect("its end");
        found.push(site.get(&format!("/{link}")).text());
    }
    found.sort();
    names.sort_unstable();
    assert_eq!(found, names);
}

#[test]
fn the_path_in_the_title_is_decoded_and_escaped() {
    let site = Site::new();
    site.directory("a & b").directory("a & b/č");
    let page = site.get("/x/../a%20%26%20b/%C4%8D/?%3Cscript%3E").text();
    assert_eq!(page.matches("Directory listing for /a &amp; b/č/<").count(), 2, "{page}");
}

#[test]
fn an_index_page_stands_for_its_directory() {
    let site = Site::new();
    site.directory("a").file("a/index.htm", "htm");
    assert_eq!(site.get("/a/").text(), "htm");
    site.file("a/index.html", "html");
    let reply = site.get("/a/?query");
    assert_eq!(
        (reply.text().as_str(), reply.field("Content-Type")),
        ("html", Some("text/html; charset=utf-8"))
    );
    assert_eq!(site.dated("/a/"), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(site.get("/a").code(), 301);
}

#[test]
fn a_directory_is_no_index_page() {
    let site = Site::new();
    site.directory("a/index.html").file("a/index.htm", "htm").directory("b/index.html");
    assert_eq!(site.get("/a/").text(), "htm");
    assert_eq!(links(&site.get("/b/").text()), ["<li><a href=\"index.html/\">index.html/</a>"]);
}

#[test]
fn a_long_listing_comes_whole() {
    let site = Site::new();
    for number in 0..3_000 {
        site.file(format!("file with a rather long name {number}"), "");
    }
    let old = site.ask("GET / HTTP/1.0\r\n\r\n");
    assert_eq!((old.field("Content-Length"), old.field("Transfer-Encoding")), (None, None));
    assert_eq!(items(&old.text()).len(), 3_000);

    let new = site.get("/");
    assert_eq!(new.field("Transfer-Encoding"), Some("chunked"), "{}", new.head);
    assert_eq!(unchunked(&new.body), old.body);

    let head = site.request("HEAD", "/", "");
    assert_eq!((head.code(), head.text().as_str()), (200, ""));
}

#[test]
fn a_listing_of_any_length_is_whole() {
    let site = Site::new();
    // The step is small enough for lengths on both sides of all that is held in memory.
    for number in 0..1_500 {
        site.file(format!("file with a rather long name {number:04}"), "");
        if number % 25 == 0 {
            let reply = site.get("/");
            let page = match reply.field("Content-Length") {
                Some(length) => {
                    assert_eq!(length, reply.body.len().to_string());
                    reply.body
                }
                None => unchunked(&reply.body),
            };
            let page = String::from_utf8(page).expect("text");
            assert_eq!(items(&page).len(), number + 1);
            assert_eq!(page.matches("</html>").count(), 1);
        }
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n").expect("a line");
        let size = std::str::from_utf8(&bytes[..end]).expect("text");
        let size = usize::from_str_radix(size, 16).expect("a size");
        let (chunk, rest) = bytes[end + 2..].split_at(size);
        content.extend_from_slice(chunk);
        bytes = rest.strip_prefix(b"\r\n").expect("the end of the chunk");
        if size == 0 {
            assert_eq!(bytes, b"");
            return content;
        }
    }
}

#[test]
fn an_empty_directory_has_an_empty_listing() {
    assert!(items(&Site::new().get("/").text()).is_empty());
}

#[test]
fn new_serves_the_current_directory() {
    let answer =
        testing::respond(SimpleHttpRequestHandler::new, b"GET /Cargo.toml HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.contains("name = \"serve_forever\""), "{answer}");
}

#[test]
fn a_relative_directory_can_be_named() {
    let handler = SimpleHttpRequestHandler::builder().directory("tests/../src").build().expect("it is there");
    for target in ["/lib.rs", "/../src/lib.rs", "/../tests/lib.rs"] {
        let request = format!("HEAD {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = testing::respond(handler.clone(), request.as_bytes());
        assert_eq!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), target == "/lib.rs", "{target}");
    }
}

#[test]
fn what_is_no_directory_makes_no_handler() {
    for (path, kind) in
        [("no such directory", std::io::ErrorKind::NotFound), ("/dev/null", std::io::ErrorKind::InvalidInput)]
    {
        let error = SimpleHttpRequestHandler::builder().directory(path).build().expect_err(path);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
}
