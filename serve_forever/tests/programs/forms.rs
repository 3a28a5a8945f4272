//! The example that takes files, as a process of its own.

use std::path::PathBuf;
use std::{env, fs};

use crate::support::Response;
use crate::support::program::Example;

#[test]
fn the_example_upload_takes_files() {
    let folder = Folder::new();
    let program = Example::start_with("upload", "0", &folder.0);
    let page = program.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(page.field("Content-Type").as_deref(), Some("text/html; charset=utf-8"));
    assert!(
        page.text().contains("<form method=\"post\" enctype=\"multipart/form-data\">"),
        "{}",
        page.text()
    );
    assert!(page.text().ends_with("<ul>\n</ul>\n"), "{}", page.text());

    let response = post(
        &program,
        "--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nignored\r\n\
         --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../tea & <milk>.txt\"\r\n\
         Content-Type: text/plain\r\n\r\nhot\r\n--y\r\n\
         --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"empty\"\r\n\r\n\r\n\
         --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n--x--\r\n",
    );
    assert_eq!(response.status_line(), "HTTP/1.1 201 Created");
    assert_eq!(response.text(), "tea & <milk>.txt: 8 bytes\nempty: 0 bytes\n");
    assert_eq!(folder.read("tea & <milk>.txt").as_deref(), Some(&b"hot\r\n--y"[..]));

    // What is there stays.
    let again = |content: &str| file("empty", content) + "--x--\r\n";
    assert_eq!(post(&program, again("more")).status_line(), "HTTP/1.1 409 Conflict");
    assert_eq!(folder.read("empty").as_deref(), Some(&b""[..]));

    let large = "0123456789".repeat(300_000);
    let response = post(&program, file("large", &large) + "--x--\r\n");
    assert_eq!(response.text(), "large: 3000000 bytes\n");
    assert_eq!(folder.read("large").map(|bytes| bytes == large.as_bytes()), Some(true));

    // Half a file is none.
    assert_eq!(post(&program, file("half", "half")).status_line(), "HTTP/1.1 400 Bad multipart body");
    assert_eq!(folder.read("half"), None);
    for name in ["..", ".", "a/", "a\\b\\..", "\u{1}"] {
        let code = post(&program, file(name, "text") + "--x--\r\n").code();
        assert_eq!(code, 400, "{name:?}");
    }
    let plain = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(program.ask(plain).code(), 415);
    assert_eq!(program.ask("GET /uploads/empty HTTP/1.1\r\nHost: a\r\n\r\n").code(), 404);

    let list = program.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text();
    let expected = "<ul>\n<li>empty: 0 bytes\n<li>large: 3000000 bytes\n\
                    <li>tea &amp; &lt;milk>.txt: 8 bytes\n</ul>\n";
    assert!(list.ends_with(expected), "{list}");
    let mut names: Vec<_> =
        fs::read_dir(&folder.0).expect("a folder").flatten().map(|e| e.file_name()).collect();
    names.sort();
    assert_eq!(names, ["uploads"], "nothing is beside the folder");
}

/// A part with a file.
fn file(name: &str, content: &str) -> String {
    let name = name.replace('\\', "\\\\");
    format!("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{content}\r\n")
}

/// The answer to a form with those parts.
#[track_caller]
fn post(example: &Example, body: impl AsRef<str>) -> Response {
    let body = body.as_ref();
    example.ask(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// An empty folder that goes when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("serve-forever-upload-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    /// What was uploaded under that name.
    fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.0.join("uploads").join(name)).ok()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
