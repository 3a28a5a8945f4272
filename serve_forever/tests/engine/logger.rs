//! The logger is the program's: one that panics ends nothing. It is the only one of its process, so
//! this is the only test.

use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::engine::{get, http, raw};
use crate::support::{alone, answer, reply};
use log::{LevelFilter, Log, Metadata, Record};
use serve_forever::{BaseRequestHandler, Stream};

/// More often than there are threads.
const OFTEN: usize = 64;
const THREADS: usize = 8;

struct Panicking;

static CALLS: AtomicUsize = AtomicUsize::new(0);

impl Log for Panicking {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        panic!("it is asked");
    }

    fn log(&self, record: &Record<'_>) {
        // Crates that the library uses might tell it something too.
        CALLS.fetch_add(1, Ordering::SeqCst);
        panic!("{} tells it", record.target());
    }

    fn flush(&self) {
        panic!("it is flushed");
    }
}

struct Failing;

impl BaseRequestHandler for Failing {
    fn handle(&mut self, _: &mut Stream) -> io::Result<()> {
        Err(io::Error::other("an error"))
    }
}

#[test]
fn a_logger_that_panics_ends_no_thread() {
    alone(|| {
        log::set_logger(&Panicking).expect("the only one");
        log::set_max_level(LevelFilter::Trace);
        let server = http(
            answer(|http| match http.path() {
                "/fast" => reply(http, "fast"),
                "/error" => Err("an error".into()),
                "/body" => {
                    http.rfile().read_to_end(&mut Vec::new())?;
                    reply(http, "never")
                }
                _ => panic!("a panic"),
            }),
            |builder| builder.loops(1).max_threads(THREADS).verify_request(|_| true),
        );
        for _ in 0..OFTEN {
            assert_eq!(server.ask(get("/error")).code(), 500);
            assert_eq!(server.ask(get("/panic")).code(), 500);
            // The client leaves in the middle of its request.
            let mut client =
                server.send("POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
            client.half_close();
            client.rest_until_cut();
        }
        server.is_alive();
        server
            .wait_until("nothing is held", |stats| (stats.connections, stats.threads_in_user_code) == (0, 0));
        server.shut_down();

        let server = raw(|| Failing, |builder| builder.loops(1).max_threads(THREADS));
        for _ in 0..OFTEN {
            assert!(server.connect().rest_until_cut().is_empty());
        }
        server
            .wait_until("nothing is held", |stats| (stats.connections, stats.threads_in_user_code) == (0, 0));
        assert!(CALLS.load(Ordering::SeqCst) >= 3 * OFTEN, "it is told of every error");
    });
}
