//! A program for `tiny_http` and the same one for this library: both answer the same, and few lines differ.

mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::{env, fs};

use support::Client;

/// Lines of `after.rs` that are not in `before.rs`. The manual says so too.
const MOST_CHANGED: usize = 17;

#[test]
fn both_programs_answer_the_same() {
    for name in ["migration_before", "migration_after"] {
        let program = Program::start(name);
        assert_eq!(
            program.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            (200, None, "Send me a text.\n".to_owned()),
            "{name}"
        );
        let post =
            "POST /words HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 11\r\n\r\ntea tea pot";
        let csv = Some("text/csv".to_owned());
        assert_eq!(program.ask(post), (200, csv.clone(), "pot,1\ntea,2\n".to_owned()), "{name}");
        let chunked = "POST /words HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                       4\r\ntea \r\n3\r\ntea\r\n0\r\n\r\n";
        assert_eq!(program.ask(chunked), (200, csv, "tea,2\n".to_owned()), "{name}");
        assert_eq!(
            program.ask("GET /pot HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            (404, None, "Not found.\n".to_owned()),
            "{name}"
        );
    }
}

#[test]
fn a_body_that_is_not_text_ends_the_program_before_and_a_request_after() {
    let bad = b"POST /words HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n\xff";
    let mut before = Program::start("migration_before");
    before.send(bad);
    assert!(!before.child.wait().expect("it ends").success());

    let after = Program::start("migration_after");
    assert_eq!(after.send(bad).response().code(), 500);
    assert_eq!(after.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").0, 200);
}

#[test]
fn few_lines_change() {
    let (before, after) = (read("tests/migration/before.rs"), read("tests/migration/after.rs"));
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let kept = common(&before, &after);
    let changed = after.len() - kept;
    assert_eq!(changed, MOST_CHANGED, "of {} lines", after.len());
    assert!(before.len() - kept <= MOST_CHANGED);
    assert!(read("src/manual/migration.rs").contains(&format!("{changed} of {} lines", after.len())));
}

/// Lines that both have, in the same order: the longest common subsequence.
fn common(one: &[&str], other: &[&str]) -> usize {
    let mut best = vec![0; other.len() + 1];
    for line in one {
        let mut diagonal = 0;
        for (at, theirs) in other.iter().enumerate() {
            let above = best[at + 1];
            best[at + 1] = if line == theirs { diagonal + 1 } else { above.max(best[at]) };
            diagonal = above;
        }
    }
    best[other.len()]
}

struct Program {
    child: Child,
    /// Kept open, so that the program can go on writing.
    _out: BufReader<ChildStdout>,
    address: String,
}

impl Program {
    /// Starts an example on a free port; it says itself on which.
    fn start(name: &str) -> Self {
        let mut child = Command::new(built(name))
            .arg("127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("the program says where it listens");
        let address = line.trim_end().strip_prefix("Listening at http://").expect("an address").to_owned();
        Self { child, _out: out, address }
    }

    fn send(&self, octets: impl AsRef<[u8]>) -> Client {
        let mut client = Client::connect(self.address.parse().expect("an address"));
        client.send(octets);
        client
    }

    /// The status, the type (`text/plain`, which only one of them sends for strings, aside) and the body.
    fn ask(&self, request: &str) -> (u16, Option<String>, String) {
        let response = self.send(request).response();
        let kind = response.field("Content-Type").filter(|kind| !kind.starts_with("text/plain"));
        (response.code(), kind, response.text())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program of an example. `cargo test` has built it, unless it was asked for this test alone.
fn built(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test knows its file");
    let target = test.ancestors().nth(2).expect("a test is in `deps`");
    let program = target.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    let is_old = |file: &Path| {
        let modified = |file: &Path| fs::metadata(file).and_then(|data| data.modified()).ok();
        modified(file) < modified(&test)
    };
    if is_old(&program) {
        let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--quiet", "-p", "serve_forever", "--example", name])
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the example {name} cannot be built");
    }
    program
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
