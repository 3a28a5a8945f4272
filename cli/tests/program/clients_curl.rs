//! curl, as people and scripts use it.
#![cfg(unix)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::tools::{assert_content, bytes, client, output, success, tool};
use crate::support::{Directory, Serving, long_ago};

/// A server, curl, and a directory for what it gets.
struct Curl {
    tool: PathBuf,
    place: Directory,
    serving: Serving,
}

impl Curl {
    fn new(directory: &Directory) -> Option<Self> {
        let tool = tool(&["curl"])?;
        Some(Self { tool, place: Directory::new(), serving: Serving::files(directory.path()) })
    }

    /// With these arguments, one blank between two, and the URL of that path; more may follow.
    fn command(&self, arguments: &str, path: &str) -> Command {
        let mut command = client(&self.tool, self.place.path());
        // The first says that no file of the user has a say.
        command.args(["--disable", "--silent", "--show-error", "--max-time", "30"]);
        command.args(arguments.split(' ')).arg(self.serving.url(path));
        command
    }

    #[track_caller]
    fn run(&self, arguments: &str, path: &str) -> String {
        success(&mut self.command(arguments, path))
    }
}

#[test]
fn a_download_that_broke_off_is_resumed() {
    let content = bytes(300_001);
    let directory = Directory::new().with("a.bin", &content);
    let Some(curl) = Curl::new(&directory) else { return };
    let partial = curl.place.path().join("a.bin");
    fs::write(&partial, &content[..100_003]).expect("a file");
    curl.run("--continue-at - --fail --output a.bin", "/a.bin");
    assert_content(&partial, &content);
    // There is nothing left to resume: 416. Some versions call that a failure; none may touch the
    // file.
    output(&mut curl.command("--continue-at - --output a.bin", "/a.bin"));
    assert_content(&partial, &content);
    let requests = curl.serving.requests();
    for status in [206, 416] {
        assert!(requests.contains(&("GET /a.bin".into(), status)), "{status} is not in {requests:?}");
    }
}

#[test]
fn parts_of_a_file_are_had_from_all_sides() {
    let directory = Directory::new().with("a.txt", "0123456789");
    let Some(curl) = Curl::new(&directory) else { return };
    for (range, part) in [("0-0", "0"), ("2-4", "234"), ("7-", "789"), ("-2", "89"), ("8-100", "89")] {
        let said = curl.run(&format!("--range {range} --write-out |%{{http_code}}"), "/a.txt");
        assert_eq!(said, format!("{part}|206"), "{range}");
    }
    let said = curl.run("--range 10- --output page --write-out %{http_code}", "/a.txt");
    assert_eq!(said, "416");
}

#[test]
fn several_parts_come_at_once() {
    let content = bytes(10_000);
    let directory = Directory::new().with("a.bin", &content);
    let Some(curl) = Curl::new(&directory) else { return };
    curl.run("--range 0-99,5000-5000,-7 --dump-header head --output parts", "/a.bin");
    let head = fs::read_to_string(curl.place.path().join("head")).expect("the head is text");
    assert!(head.starts_with("HTTP/1.1 206 "), "{head}");
    assert!(head.contains("multipart/byteranges; boundary="), "{head}");
    let body = fs::read(curl.place.path().join("parts")).expect("the body");
    for (range, part) in [
        ("0-99/10000", &content[..100]),
        ("5000-5000/10000", &content[5000..=5000]),
        ("9993-9999/10000", &content[9993..]),
    ] {
        let field = format!("Content-Range: bytes {range}\r\n");
        let at = position(&body, field.as_bytes()).unwrap_or_else(|| panic!("{range} is missing"));
        let rest = &body[at..];
        let begin = position(rest, b"\r\n\r\n").expect("the head of the part ends") + 4;
        assert!(rest[begin..].starts_with(part), "{range}");
        assert!(rest[begin + part.len()..].starts_with(b"\r\n--"), "{range}");
    }
}

fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[test]
fn what_is_not_newer_is_not_sent() {
    let directory = Directory::new().with("a.txt", "text\n").dated("a.txt");
    let Some(curl) = Curl::new(&directory) else { return };
    curl.serving.settled("/a.txt");
    let ask = |condition: &str| {
        let mut command = curl.command("--output got --write-out %{http_code}", "/a.txt");
        success(command.args(["--time-cond", condition]))
    };
    assert_eq!(ask("Sun, 06 Nov 1994 08:49:37 GMT"), "304");
    assert_eq!(ask("Sun, 06 Nov 1994 08:49:36 GMT"), "200");
    // Now by the date of the file that curl has: first the date of its download, then that of the
    // original.
    assert_eq!(ask("got"), "304");
    assert_content(curl.place.path().join("got"), b"text\n");
    curl.run("--remote-time --output got", "/a.txt");
    let got = fs::metadata(curl.place.path().join("got")).expect("it is there");
    assert_eq!(got.modified().expect("its time"), long_ago());
    assert_eq!(ask("got"), "304");
    assert_content(curl.place.path().join("got"), b"text\n");
}

#[test]
fn an_entity_tag_is_kept_and_compared() {
    let directory = Directory::new().with("a.txt", "text\n").dated("a.txt");
    let Some(curl) = Curl::new(&directory) else { return };
    let arguments = "--etag-save tag --etag-compare tag --output got --write-out %{http_code}";
    curl.serving.settled("/a.txt");
    assert_eq!(curl.run(arguments, "/a.txt"), "200");
    assert_eq!(curl.run(arguments, "/a.txt"), "304");
    fs::write(directory.path().join("a.txt"), "other text\n").expect("a file");
    assert_eq!(curl.run(arguments, "/a.txt"), "200");
    assert_content(curl.place.path().join("got"), b"other text\n");
}

#[test]
fn a_client_of_http_1_0_is_served() {
    let content = bytes(200_000);
    let directory = Directory::new().with("a.bin", &content).with("a.txt", "text\n");
    let Some(curl) = Curl::new(&directory) else { return };
    curl.run("--http1.0 --fail --output a.bin", "/a.bin");
    assert_content(curl.place.path().join("a.bin"), &content);
    // A listing has no length; only the end of the connection ends it.
    assert!(curl.run("--http1.0 --fail", "/").contains("a.txt"));
}

#[test]
fn an_upload_is_refused_and_told_what_is_allowed() {
    // The large one waits for `100 Continue`, and gets its answer instead.
    let large = bytes(3 << 20);
    let directory = Directory::new().with("a.txt", "text\n");
    let Some(curl) = Curl::new(&directory) else { return };
    for (length, name) in [(5, "small"), (large.len(), "large")] {
        fs::write(curl.place.path().join(name), &large[..length]).expect("a file");
        let arguments =
            format!("--upload-file {name} --dump-header head --output page --write-out %{{http_code}}");
        assert_eq!(curl.run(&arguments, "/a.txt"), "405", "{name}");
        let head = fs::read_to_string(curl.place.path().join("head")).expect("the head is text");
        assert!(head.contains("\r\nAllow: GET, HEAD, OPTIONS\r\n"), "{head}");
    }
    assert_content(directory.path().join("a.txt"), b"text\n");
}

#[test]
fn a_head_is_had_without_the_content() {
    let directory = Directory::new().with("a.txt", "text\n");
    let Some(curl) = Curl::new(&directory) else { return };
    let head = curl.run("--head", "/a.txt");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    for field in ["Content-Type: text/plain", "Content-Length: 5", "Accept-Ranges: bytes", "ETag: "] {
        assert!(head.contains(&format!("\r\n{field}")), "{field} is not in {head}");
    }
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn to_accept_compressed_content_does_no_harm() {
    let content = bytes(100_000);
    let directory = Directory::new().with("a.txt", "text\n").with("a.gz", &content);
    let Some(curl) = Curl::new(&directory) else { return };
    assert_eq!(curl.run("--compressed --fail", "/a.txt"), "text\n");
    // This is an archive, which must not be unpacked on the way.
    curl.run("--compressed --fail --output a.gz", "/a.gz");
    assert_content(curl.place.path().join("a.gz"), &content);
}

#[test]
fn one_connection_serves_many_requests() {
    let directory = Directory::new().with("a.txt", "text\n");
    let Some(curl) = Curl::new(&directory) else { return };
    let mut command = curl.command("--fail --write-out %{num_connects}|", "/a.txt");
    for path in ["/", "/a.txt", "/a.txt"] {
        command.arg(curl.serving.url(path));
    }
    let said = success(&mut command);
    let connects: Vec<&str> = said.split('|').collect();
    assert!(said.starts_with("text\n1|"), "{said}");
    assert!(connects[1..4].iter().all(|after| after.ends_with('0')), "{said}");
}

#[test]
fn a_directory_without_slash_leads_on() {
    let directory = Directory::new();
    fs::create_dir(directory.path().join("sub")).expect("a directory");
    fs::write(directory.path().join("sub/a.txt"), "text\n").expect("a file");
    let Some(curl) = Curl::new(&directory) else { return };
    assert_eq!(curl.run("--output page --write-out %{http_code}", "/sub"), "301");
    assert!(curl.run("--location --fail", "/sub").contains("a.txt"));
}

#[test]
fn curl_asks_for_a_hundred_missing_files_on_one_connection() {
    let Some(tool) = tool(&["curl"]) else { return };
    let directory = Directory::new();
    let serving = Serving::files(directory.path());
    let mut curl = client(&tool, directory.path());
    curl.args(["--silent", "--output", "/dev/null", "--write-out", "%{http_code} %{num_connects}\\n"]);
    let said = success(curl.arg(serving.url("/missing-[1-100]")));
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("404 1"), "{said}");
    assert_eq!(lines.clone().count(), 99);
    assert!(lines.all(|line| line == "404 0"), "{said}");
}
