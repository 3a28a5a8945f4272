//! The fields of what a file handler sends: how they are spelled, and where those of the user go.

mod files_support;

use files_support::{Reply, Site};

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

/// What small clients look for to the letter.
#[test]
fn a_client_that_compares_letters_finds_the_type_of_a_file() {
    let site = Site::new();
    site.file("firmware.bin", b"\0\x01");
    let Reply { head, .. } = site.get("/firmware.bin");
    assert!(head.contains("\r\nContent-Type: application/octet-stream\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Length: 2\r\n"), "{head}");
}
