//! Those rules that only show where files are served (28, 94, 96 and 98).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::support::{Response, Running, serve};
use serve_forever::SimpleHttpRequestHandler;

/// `Sun, 06 Nov 1994 08:49:37 GMT`
const CHANGED: Duration = Duration::from_secs(784_111_777);

const SECRET: &str = "outside of what is served\n";

/// A directory that is served, in one that is not.
struct Site {
    server: Running,
    outside: PathBuf,
}

impl Site {
    /// `name` keeps the tests of this file apart.
    fn new(name: &str) -> Self {
        let outside =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("wire_files_{name}_{}", std::process::id()));
        let inside = outside.join("site");
        fs::create_dir_all(inside.join("dir")).expect("a directory");
        fs::create_dir_all(inside.join("evil.com")).expect("a directory");
        fs::write(outside.join("secret.txt"), SECRET).expect("a file");
        fs::write(inside.join("a.txt"), "text\n").expect("a file");
        fs::write(inside.join("dir/b.html"), "<p>page\n").expect("a file");
        let file = File::options().write(true).open(inside.join("a.txt")).expect("the file");
        file.set_modified(SystemTime::UNIX_EPOCH + CHANGED).expect("its time");
        let handler =
            SimpleHttpRequestHandler::builder().directory(&inside).build().expect("the directory is there");
        Self { server: serve(move || handler.clone()), outside }
    }

    #[track_caller]
    fn get(&self, target: &str, fields: &str) -> Response {
        self.server.response(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // What stays behind lies in the target directory.
        let _ = fs::remove_dir_all(&self.outside);
    }
}

#[test]
fn rule_28_no_spelling_leads_out_of_the_directory() {
    let site = Site::new("escape");
    for target in [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/dir/../../secret.txt",
        "/dir/..%2f..%2fsecret.txt",
        "/..\\secret.txt",
        "/..%5csecret.txt",
        "/%252e%252e/secret.txt",
        "//../secret.txt",
        "/./../secret.txt",
        "http://a/../secret.txt",
    ] {
        let response = site.get(target, "");
        assert!(matches!(response.code(), 400 | 403 | 404), "{target}: {}", response.all());
        assert!(!response.text().contains(SECRET), "{target}");
    }
}

#[test]
fn rule_28_a_coded_slash_or_nul_within_a_name_is_404() {
    let site = Site::new("coded");
    for target in ["/dir%2fb.html", "/dir%2Fb.html", "/a.txt%00", "/a.txt%00.html", "/%00"] {
        assert_eq!(site.get(target, "").code(), 404, "{target}");
    }
}

#[test]
fn rule_28_a_coded_character_is_the_character() {
    let site = Site::new("decoded");
    for target in ["/a.txt", "/%61.txt", "/a%2etxt", "/./a.txt", "/dir/../a.txt", "/a.txt?x=/../y"] {
        assert_eq!(site.get(target, "").text(), "text\n", "{target}");
    }
    assert_eq!(site.get("/a%252etxt", "").code(), 404);
}

#[test]
fn rule_28_a_malformed_escape_is_400() {
    let site = Site::new("malformed");
    for target in ["/%zz", "/%", "/a%4", "/dir/%zz/", "/a.txt%", "http://a/%zz"] {
        let response = site.get(target, "");
        assert_eq!(response.code(), 400, "{target}");
        let told = "<p>Error code explanation: 400 - \
            The path has a percent sign that is not followed by two hexadecimal digits.</p>";
        assert!(response.text().contains(told), "{}", response.text());
    }
    for target in ["/a.txt?%zz", "/a.txt?%", "/a.txt?x=%4"] {
        assert_eq!(site.get(target, "").text(), "text\n", "{target}");
    }
}

#[test]
fn rule_28_dots_behind_a_file_are_404() {
    let site = Site::new("dots");
    for target in ["/a.txt/.", "/a.txt/x/..", "/a.txt/", "/a.txt/%2e", "/dir/b.html/.", "/x/../a.txt/."] {
        assert_eq!(site.get(target, "").code(), 404, "{target}");
    }
    assert_eq!(site.get("/dir/.", "").field("Location").as_deref(), Some("/dir/./"));
}

#[test]
fn rule_94_all_three_forms_of_a_date_are_read() {
    let site = Site::new("dates");
    // A file has no date before a change of it is over for 2 seconds.
    let end = Instant::now() + Duration::from_secs(30);
    while site.get("/a.txt", "").field("Last-Modified").is_none() && Instant::now() < end {
        thread::sleep(Duration::from_millis(20));
    }
    for date in
        ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
    {
        assert_eq!(site.get("/a.txt", &format!("If-Modified-Since: {date}\r\n")).code(), 304, "{date}");
    }
}

#[test]
fn rule_94_an_invalid_date_is_as_none() {
    let site = Site::new("no_dates");
    for date in ["yesterday", "", "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994", "\u{e9}", "784111777"]
    {
        assert_eq!(site.get("/a.txt", &format!("If-Modified-Since: {date}\r\n")).code(), 200, "{date}");
    }
}

#[test]
fn rule_96_a_file_has_the_type_of_its_name() {
    let site = Site::new("types");
    let text = site.get("/a.txt", "").field("Content-Type").unwrap_or_default();
    assert!(text.starts_with("text/plain"), "{text}");
    let page = site.get("/dir/b.html", "").field("Content-Type").unwrap_or_default();
    assert!(page.starts_with("text/html"), "{page}");
    let listing = site.get("/dir/", "").field("Content-Type").unwrap_or_default();
    assert!(listing.starts_with("text/html"), "{listing}");
}

#[test]
fn rule_96_the_content_tells_two_kinds_of_one_name_apart() {
    let site = Site::new("kinds");
    let packet = [&[0x47, 0x40, 0, 0x10][..], &[0xff; 184]].concat();
    for (name, content, media_type) in [
        ("video.ts", packet.repeat(3), "video/mp2t"),
        ("large.ts", packet.repeat(1_000), "video/mp2t"),
        ("program.ts", b"Global.answer = 42;\n".to_vec(), "text/plain; charset=utf-8"),
        ("xml.plist", b"<?xml version=\"1.0\"?><plist/>".to_vec(), "text/xml"),
        ("binary.plist", b"bplist00\xd1".to_vec(), "application/x-bplist"),
    ] {
        fs::write(site.outside.join("site").join(name), content).expect("a file");
        let found = site.get(&format!("/{name}"), "").field("Content-Type");
        assert_eq!(found.as_deref(), Some(media_type), "{name}");
    }
}

#[test]
fn rule_98_a_directory_without_slash_is_redirected_and_keeps_its_query() {
    let site = Site::new("slash");
    for (target, location) in [("/dir", "/dir/"), ("/dir?x=1&y=/", "/dir/?x=1&y=/")] {
        let response = site.get(target, "");
        assert_eq!(response.code(), 301, "{target}");
        assert_eq!(response.field("Location").as_deref(), Some(location));
    }
}

#[test]
fn rule_98_a_redirect_never_leads_to_another_host() {
    let site = Site::new("redirect");
    for target in [
        "//evil.com",
        "///evil.com",
        "//evil.com/..%2f..%2fevil.com",
        "//evil.com/../evil.com",
        "//evil.com/%2e%2e",
    ] {
        let location = site.get(target, "").field("Location").unwrap_or_default();
        assert!(!location.starts_with("//") && !location.contains('\\'), "{target} leads to {location}");
    }
    assert_eq!(site.get("//evil.com", "").field("Location").as_deref(), Some("/evil.com/"));
}

#[test]
fn rule_10_files_allow_get_head_and_options() {
    let site = Site::new("methods");
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        let response = site.server.response(format!("{method} /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(
            (response.code(), response.field("Allow").as_deref()),
            (405, Some("GET, HEAD, OPTIONS")),
            "{method}"
        );
    }
    assert_eq!(site.server.response("FOO /a.txt HTTP/1.1\r\nHost: a\r\n\r\n").code(), 501);
}
