//! A program for `tiny_http` and the same one for this library: both answer the same, and few lines
//! differ.

use std::fs;
use std::path::Path;

use crate::support::LONG_FAILSAFE;
use crate::support::program::Example;
use crate::support::waits::ended;

/// Lines of `after.rs` that are not in `before.rs`. The manual says so too.
const MOST_CHANGED: usize = 17;

#[test]
fn both_programs_answer_the_same() {
    for name in ["migration_before", "migration_after"] {
        let program = start(name);
        assert_eq!(
            ask(&program, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            (200, None, "Send me a text.\n".to_owned()),
            "{name}"
        );
        let post =
            "POST /words HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 11\r\n\r\ntea tea pot";
        let csv = Some("text/csv".to_owned());
        assert_eq!(ask(&program, post), (200, csv.clone(), "pot,1\ntea,2\n".to_owned()), "{name}");
        let chunked = "POST /words HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                       4\r\ntea \r\n3\r\ntea\r\n0\r\n\r\n";
        assert_eq!(ask(&program, chunked), (200, csv, "tea,2\n".to_owned()), "{name}");
        assert_eq!(
            ask(&program, "GET /pot HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
            (404, None, "Not found.\n".to_owned()),
            "{name}"
        );
    }
}

#[test]
fn a_body_that_is_not_text_ends_the_program_before_and_a_request_after() {
    let bad = b"POST /words HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n\xff";
    let mut before = start("migration_before");
    before.send(bad);
    assert!(!ended("the end of the program", &mut before.child, LONG_FAILSAFE).success());

    let after = start("migration_after");
    assert_eq!(after.send(bad).response().code(), 500);
    assert_eq!(ask(&after, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").0, 200);
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

fn start(name: &str) -> Example {
    Example::start_with(name, "127.0.0.1:0", Path::new("."))
}

/// The status, the type (`text/plain`, which only one of them sends for strings, aside) and the
/// body.
#[track_caller]
fn ask(program: &Example, request: &str) -> (u16, Option<String>, String) {
    let response = program.ask(request);
    let kind = response.field("Content-Type").filter(|kind| !kind.starts_with("text/plain"));
    (response.code(), kind, response.text())
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
