//! What the program writes of requests, and of what it refuses.
#![cfg(unix)]

use std::fs;
use std::path::Path;

use crate::support::{Directory, Serving, make_pipe, outcome, program, without_note};

/// The program with an option, and the program with its variable instead.
fn both(directory: &Path, option: &[&str], variable: &str, value: &str) -> [Serving; 2] {
    let typed = Serving::start(program(option).args(["--port", "0", "-d"]).arg(directory));
    let set = Serving::start(program(&["--port", "0", "-d"]).arg(directory).env(variable, value));
    [typed, set]
}

#[test]
fn quiet_can_be_set_by_its_variable() {
    let directory = Directory::new().with("a.txt", "text");
    for serving in both(directory.path(), &["-q"], "SERVE_FOREVER_QUIET", "on") {
        serving.get("/a.txt");
        assert_eq!(serving.stop(), "");
    }
}

#[test]
fn the_log_has_the_form_that_was_chosen() {
    let directory = Directory::new().with("a.txt", "text");
    for (form, parts) in [
        ("python", &["127.0.0.1 - - [", "] \"GET /a.txt HTTP/1.1\" 200 4"][..]),
        ("common", &["127.0.0.1 - - [", "] \"GET /a.txt HTTP/1.1\" 200 4"]),
        ("combined", &["127.0.0.1 - - [", "] \"GET /a.txt HTTP/1.1\" 200 4 \"-\" \"-\""]),
        ("json", &["{", "\"target\":\"/a.txt\"", "\"status\":200"]),
    ] {
        for serving in both(directory.path(), &["--log-format", form], "SERVE_FOREVER_LOG_FORMAT", form) {
            serving.get("/a.txt");
            let errors = serving.stop();
            let line = without_note(&errors);
            for part in parts {
                assert!(line.contains(part), "{form}: {part} is not in {line}");
            }
        }
    }
}

#[test]
fn the_log_has_colours_if_it_must() {
    let directory = Directory::new().with("a.txt", "text");
    for serving in both(directory.path(), &["--color", "always"], "SERVE_FOREVER_COLOR", "always") {
        serving.get("/a.txt");
        assert!(serving.stop().contains("\x1b["));
    }
    // Nobody sees them here.
    for serving in both(directory.path(), &[], "SERVE_FOREVER_COLOR", "auto") {
        serving.get("/a.txt");
        assert!(!serving.stop().contains('\x1b'));
    }
}

#[test]
fn the_log_can_go_to_a_file_that_is_opened_anew_when_it_was_moved() {
    let directory = Directory::new().with("a.txt", "text");
    let logs = Directory::new().with("1", "before\n").with("2", "before\n");
    let name = |name: &str| logs.path().join(name).to_str().expect("text").to_owned();
    let typed = Serving::start(program(&["0", "-q", "--log-file", &name("1"), "-d"]).arg(directory.path()));
    let set =
        Serving::start(program(&["0", "-d"]).arg(directory.path()).env("SERVE_FOREVER_LOG_FILE", name("2")));
    for (serving, log) in [(typed, name("1")), (set, name("2"))] {
        let moved = format!("{log}.old");
        serving.get("/a.txt?first");
        until(&log, "/a.txt?first");
        fs::rename(&log, &moved).expect("it is there");
        serving.signal(rustix::process::Signal::HUP);
        until(&log, "");
        serving.get("/a.txt?second");
        let errors = serving.stop();
        assert!(!errors.contains("GET"), "{errors}");
        let (old, new) = (fs::read_to_string(moved).expect("text"), fs::read_to_string(log).expect("text"));
        assert!(old.starts_with("before\n") && !old.contains("second"), "{old}");
        assert!(new.contains("/a.txt?second") && !new.contains("first"), "{new}");
    }
}

#[test]
fn a_pipe_is_no_log_file() {
    let directory = Directory::new();
    let pipe = directory.path().join("pipe");
    make_pipe(&pipe);
    // To open it would wait for a reader, and with it all signals would.
    let (code, out, errors) = outcome(&["0", "--log-file", pipe.to_str().expect("text")]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(errors.contains("it is a pipe"), "{errors}");
}

#[test]
fn what_became_a_pipe_is_not_opened_anew() {
    let directory = Directory::new().with("a.txt", "text");
    let logs = Directory::new();
    let log = logs.path().join("log");
    let serving = Serving::start(program(&["0", "--log-file"]).arg(&log).arg("-d").arg(directory.path()));
    fs::rename(&log, logs.path().join("old")).expect("it is there");
    make_pipe(&log);
    serving.signal(rustix::process::Signal::HUP);
    serving.get("/a.txt");
    until(logs.path().join("old").to_str().expect("text"), "/a.txt");
    let errors = serving.stop();
    assert!(errors.contains("it is a pipe"), "{errors}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_under_the_log_is_said_once_and_stops_nobody() {
    let directory = Directory::new().with("a.txt", "text");
    let serving = Serving::start(program(&["0", "--log-file", "/dev/full", "-d"]).arg(directory.path()));
    for _ in 0..3 {
        assert!(serving.get("/a.txt").ends_with("text"));
        // A batch of lines each, written after a tenth of a second at the latest.
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    let errors = serving.stop();
    assert_eq!(errors.matches("the access log cannot be written").count(), 1, "{errors}");
}

#[test]
fn names_with_a_dot_are_refused_with_one_explanation() {
    let directory = Directory::new().with(".secret", "secret").with(".other", "");
    let serving = Serving::start(program(&["0", "-q"]).arg(directory.path()));
    for name in ["/.secret", "/.other", "/.secret"] {
        assert!(serving.get(name).starts_with("HTTP/1.1 404 "));
    }
    assert!(!serving.get("/").contains(".secret"));
    let errors = serving.stop();
    assert!(errors.contains(".secret") && errors.contains("--hidden"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

/// Returns when the file is there and has that in it.
#[track_caller]
fn until(path: &str, part: &str) {
    let begin = std::time::Instant::now();
    while !fs::read_to_string(path).is_ok_and(|text| text.contains(part)) {
        assert!(begin.elapsed() < crate::support::FAILSAFE, "{part} does not get into {path}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
