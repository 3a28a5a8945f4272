//! The fields of what a file handler sends: how they are spelled, and where those of the user go.

use crate::support::files::{Reply, Site};

/// Every field name in a head or in the head of a part.
fn names(text: &str) -> Vec<&str> {
    let lines = text.split("\r\n").filter(|line| !line.starts_with("HTTP/"));
    lines.filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect()
}

/// Whether each word begins with a capital, as RFC 9110 writes names.
fn is_usual(name: &str) -> bool {
    name == "ETag"
        || name.split('-').all(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.bytes().all(|byte| byte.is_ascii_uppercase())
                && rest.bytes().all(|byte| byte.is_ascii_lowercase())
        })
}

#[test]
fn field_names_have_their_usual_spelling_in_every_answer() {
    let site = Site::serving(|builder, _| builder.allowed_hosts(["a"]));
    site.file("a.txt", "tea".repeat(200)).directory("sub");
    site.settled("/a.txt");
    site.dated("/a.txt");
    let cases = [
        ("GET", "/a.txt", "", 200),
        ("GET", "/a.txt", "Range: bytes=0-1\r\n", 206),
        ("GET", "/a.txt", "Range: bytes=0-1,500-501\r\n", 206),
        ("GET", "/a.txt", "If-None-Match: *\r\n", 304),
        ("GET", "/a.txt", "Range: bytes=900-\r\n", 416),
        ("GET", "/a.txt", "If-Match: \"x\"\r\n", 412),
        ("GET", "/sub/", "", 200),
        ("GET", "/sub", "", 301),
        ("GET", "/none", "", 404),
        ("GET", "/none", "Accept: application/json\r\n", 404),
        ("PUT", "/a.txt", "", 405),
        ("OPTIONS", "/a.txt", "", 200),
    ];
    let mut seen = Vec::new();
    for (method, target, fields, status) in cases {
        let reply = site.request(method, target, fields);
        assert_eq!(reply.code(), status, "{method} {target} {fields}");
        let body = if fields.contains(',') { reply.text() } else { String::new() };
        for name in names(&reply.head).into_iter().chain(names(&body)) {
            assert!(is_usual(name), "{name} on {status}");
            seen.push(name.to_owned());
        }
    }
    for name in ["Content-Type", "Content-Length", "Content-Range", "Last-Modified", "ETag", "Location"] {
        assert!(seen.iter().any(|it| it == name), "{name} is on none");
    }
}

fn with_fields(fields: &[(&str, &str)]) -> Site {
    let site = Site::serving(|builder, _| {
        fields.iter().fold(builder, |builder, (name, value)| builder.extra_response_header(*name, *value))
    });
    site.file("a.txt", "text\n").directory("dir");
    site
}

/// Responses without the content of a file: a 304 first, then redirects, errors and the answer to
/// `OPTIONS`.
fn without_content(site: &Site) -> Vec<Reply> {
    [
        ("GET", "/a.txt", "If-None-Match: *\r\n"),
        ("GET", "/dir", ""),
        ("GET", "/none", ""),
        ("GET", "/a.txt", "If-Match: \"x\"\r\n"),
        ("GET", "/a.txt", "Range: bytes=99-\r\n"),
        ("PUT", "/a.txt", ""),
        ("OPTIONS", "/a.txt", ""),
    ]
    .map(|(method, target, fields)| site.request(method, target, fields))
    .into()
}

#[test]
fn a_field_that_describes_a_file_is_sent_with_its_content_only() {
    let fields = [
        ("Content-Type", "text/x-own"),
        ("Content-Encoding", "gzip"),
        ("Content-Language", "en"),
        ("Last-Modified", "Mon, 07 Nov 1994 08:49:37 GMT"),
        ("Accept-Ranges", "none"),
        ("Repr-Digest", "md5=:AAAA:"),
    ];
    let site = with_fields(&fields);
    for (name, value) in fields {
        assert_eq!(site.get("/a.txt").fields(name), [value]);
        let listing = site.get("/dir/");
        assert!(!listing.fields(name).contains(&value), "{}", listing.head);
        for reply in without_content(&site) {
            assert!(!reply.fields(name).contains(&value), "{}", reply.head);
        }
    }
}

#[test]
fn what_a_redirect_or_an_error_says_itself_is_said_once() {
    let site = with_fields(&[("Location", "/x"), ("Allow", "X"), ("Date", "x"), ("Server", "own/1")]);
    for reply in without_content(&site).into_iter().skip(1) {
        assert_eq!(reply.fields("Date"), ["*"], "{}", reply.head);
        assert_eq!(reply.fields("Server"), ["own/1"], "{}", reply.head);
        let location: &[&str] = if reply.code() == 301 { &["/dir/"] } else { &[] };
        assert_eq!(reply.fields("Location"), location, "{}", reply.head);
        let allow: &[&str] = if matches!(reply.code(), 200 | 405) { &["GET, HEAD, OPTIONS"] } else { &[] };
        assert_eq!(reply.fields("Allow"), allow, "{}", reply.head);
    }
}

/// A cache that kept "not found" for a year would hide the file that is made tomorrow.
#[test]
fn how_long_a_file_may_be_kept_does_not_count_for_errors() {
    let kept = with_fields(&[
        ("Cache-Control", "max-age=31536000"),
        ("Expires", "x"),
        ("CDN-Cache-Control", "max-age=9"),
    ]);
    for reply in without_content(&kept).into_iter().skip(1) {
        let expected: &[&str] = if reply.code() == 301 { &["no-cache"] } else { &[] };
        assert_eq!(reply.fields("Cache-Control"), expected, "{}", reply.head);
        assert_eq!(
            reply.fields("Expires").len() + reply.fields("CDN-Cache-Control").len(),
            0,
            "{}",
            reply.head
        );
    }
    for value in ["no-store", "private, no-cache"] {
        let forbidden = with_fields(&[("Cache-Control", value)]);
        for reply in without_content(&forbidden) {
            assert_eq!(reply.fields("Cache-Control"), [value], "{}", reply.head);
        }
    }
}

#[test]
fn a_redirect_to_the_slash_is_asked_for_each_time() {
    let reply = with_fields(&[]).get("/dir");
    assert_eq!((reply.code(), reply.fields("Cache-Control")), (301, vec!["no-cache"]), "{}", reply.head);
}

/// A fetch with a field of its own from a page of another origin, and what the browser asks before
/// it.
#[test]
fn a_fetch_of_another_origin_can_be_allowed() {
    let site = with_fields(&[
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Headers", "Range, X-Demo"),
    ]);
    let reply = site.request(
        "OPTIONS",
        "/a.txt",
        "Origin: http://other.example\r\nAccess-Control-Request-Method: GET\r\n\
         Access-Control-Request-Headers: x-demo\r\n",
    );
    assert_eq!((reply.code(), reply.fields("Access-Control-Allow-Headers")), (200, vec!["Range, X-Demo"]));
    assert_eq!(reply.fields("Access-Control-Allow-Origin"), ["*"]);
}

/// What small clients look for to the letter.
#[test]
fn a_client_that_compares_letters_finds_the_type_of_a_file() {
    let site = Site::new();
    site.file("firmware.bin", b"\0\x01");
    let Reply { head, .. } = site.get("/firmware.bin");
    assert!(head.contains("\r\nContent-Type: application/octet-stream\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Length: 2\r\n"), "{head}");
}
