//! However often and wherever user code panics, the service goes on.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::engine::{FAST, Served, get, http, raw};
use crate::support::{answer, reply};
use serve_forever::{BaseHttpRequestHandler, BaseRequestHandler, Exchange, LogRecord, Result, Stream};

/// More often than a server has threads.
const OFTEN: usize = 1000;

#[test]
fn a_thousand_panics_in_handlers_are_survived() {
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let server = http(
        answer(|http| match http.path() {
            "/fast" => reply(http, "fast"),
            _ => panic!("on purpose"),
        }),
        |builder| {
            builder.max_threads(16).handle_error(move |report| {
                assert!(report.panicked);
                assert_eq!(report.error, "on purpose");
                assert!(report.client_address.ip().is_loopback());
                count.fetch_add(1, Ordering::SeqCst);
            })
        },
    );
    for _ in 0..OFTEN {
        assert_eq!(server.ask(get("/")).code(), 500);
    }
    assert_eq!(told.load(Ordering::SeqCst), OFTEN);
    server.is_alive();
    server.wait_until("no thread is kept", |stats| stats.threads_in_user_code == 0);
}

#[test]
fn a_hook_for_errors_that_panics_is_survived() {
    let server = http(
        answer(|http| match http.path() {
            "/fast" => reply(http, "fast"),
            "/error" => Err("an error".into()),
            _ => panic!("on purpose"),
        }),
        |builder| builder.max_threads(8).handle_error(|_| panic!("in the hook")),
    );
    for _ in 0..64 {
        assert_eq!(server.ask(get("/")).code(), 500);
        assert_eq!(server.ask(get("/error")).code(), 500);
    }
    server.is_alive();
}

#[test]
fn raw_handlers_that_panic_are_survived() {
    struct Clumsy;
    impl BaseRequestHandler for Clumsy {
        fn handle(&mut self, _: &mut Stream) -> io::Result<()> {
            panic!("handle")
        }
        fn finish(&mut self, _: &mut Stream) -> io::Result<()> {
            panic!("finish")
        }
    }
    impl Drop for Clumsy {
        fn drop(&mut self) {
            panic!("drop")
        }
    }
    let server = raw(|| Clumsy, |builder| builder.max_threads(8).handle_error(|_| {}));
    for _ in 0..OFTEN {
        assert!(server.connect().rest_until_cut().is_empty());
    }
}

/// Panics in one of the methods that are asked outside of the request itself.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    MayBlock,
    /// Fine when it is asked for the first time.
    SecondVersion,
    Format,
    LogAndDrop,
    VersionAndDrop,
}

struct Clumsy(Place, AtomicUsize);

impl Clumsy {
    fn new(place: Place) -> Self {
        Self(place, AtomicUsize::new(0))
    }
}

impl BaseHttpRequestHandler for Clumsy {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        reply(http, "fast")
    }

    fn may_block(&self) -> bool {
        assert!(self.0 != Place::MayBlock, "may_block");
        true
    }

    fn server_version(&self) -> Cow<'static, str> {
        assert!(self.0 != Place::VersionAndDrop, "server_version");
        assert!(
            self.0 != Place::SecondVersion || self.1.fetch_add(1, Ordering::SeqCst) == 0,
            "server_version"
        );
        "wire".into()
    }

    fn error_message_format(&self) -> Cow<'static, str> {
        assert!(self.0 != Place::Format, "error_message_format");
        "%(code)d".into()
    }

    fn log_request(&self, _: &LogRecord) {
        assert!(self.0 != Place::LogAndDrop, "log_request");
    }
}

impl Drop for Clumsy {
    fn drop(&mut self) {
        assert!(!matches!(self.0, Place::LogAndDrop | Place::VersionAndDrop), "drop");
    }
}

#[track_caller]
fn goes_on_answering(place: Place) {
    let server: Served =
        http(move || Clumsy::new(place), |builder| builder.loops(1).max_threads(8).handle_error(|_| {}));
    // More often than there are threads: none may be lost.
    for _ in 0..64 {
        let answer =
            server.send("GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").rest_until_cut();
        let known =
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 200 ") || answer.starts_with(b"HTTP/1.1 500 ");
        assert!(known, "{}", answer.escape_ascii());
    }
    server.wait_until("no thread is kept", |stats| stats.threads_in_user_code == 0);
    server.wait_until("no connection is kept", |stats| stats.connections == 0);
    let _ = FAST;
}

#[test]
fn a_panic_in_may_block_is_survived() {
    goes_on_answering(Place::MayBlock);
}

#[test]
fn a_panic_in_a_second_server_version_is_survived() {
    goes_on_answering(Place::SecondVersion);
}

#[test]
fn a_panic_in_error_message_format_is_survived() {
    goes_on_answering(Place::Format);
}

#[test]
fn a_panic_in_a_log_hook_and_then_in_drop_is_survived() {
    goes_on_answering(Place::LogAndDrop);
}

#[test]
fn a_panic_in_server_version_and_then_in_drop_is_survived() {
    goes_on_answering(Place::VersionAndDrop);
}
