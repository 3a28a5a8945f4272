//! Errors of the user's are code of the user's: they may panic when they are shown, and when they
//! are dropped.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::engine::{PATIENCE, Served, get, http, raw, run};
use crate::support::{answer, reply};
use serve_forever::{
    AccessLog, BaseHttpRequestHandler, BaseRequestHandler, ErrorReport, Exchange, HttpServer, MisuseError,
    Result, Router, Source, StatusError, Stream, handler_fn,
};

/// More often than there are threads.
const OFTEN: usize = 64;
const THREADS: usize = 8;

/// An error that panics in one way or another.
#[derive(Clone, Copy, Debug)]
enum Bad {
    /// As one does that slices a text of the client's in the midst of a character.
    Display,
    Drop,
    Both,
}

#[derive(Debug)]
struct BadError(Bad);

impl fmt::Display for BadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(matches!(self.0, Bad::Drop), "it is shown");
        f.write_str("a bad error")
    }
}

impl StdError for BadError {}

impl Drop for BadError {
    fn drop(&mut self) {
        assert!(matches!(self.0, Bad::Display), "it is dropped");
    }
}

const ALL: [Bad; 3] = [Bad::Display, Bad::Drop, Bad::Both];

fn bad(bad: Bad) -> serve_forever::Error {
    BadError(bad).into()
}

fn bad_io(bad: Bad) -> io::Error {
    io::Error::other(BadError(bad))
}

/// Which one a path asks for.
fn asked(http: &Exchange) -> Bad {
    let last = http.url_path().rsplit('/').next().unwrap_or_default();
    match last {
        "display" => Bad::Display,
        "drop" => Bad::Drop,
        _ => Bad::Both,
    }
}

/// Answers `/fast`, and all others with an error.
fn server(fail: impl Fn(&mut Exchange) -> Result + Clone + Send + Sync + 'static) -> Served {
    http(
        answer(move |http| if http.path() == "/fast" { reply(http, "fast") } else { fail(http) }),
        |builder| builder.loops(1).max_threads(THREADS).handle_error(|_| {}),
    )
}

/// However often clients ask for that, in whichever way, nobody else notices.
#[track_caller]
fn outlives(server: &Served, head: &str) {
    for kind in ["display", "drop", "both"] {
        for _ in 0..OFTEN {
            let request = format!("GET /{kind} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let got = server.send(request).rest_until_cut();
            assert!(got.starts_with(head.as_bytes()), "{kind}: {}", got.escape_ascii());
        }
    }
    server.is_alive();
    is_whole(server);
}

#[track_caller]
fn is_whole(server: &Served) {
    server.wait_until("nothing is held", |stats| {
        (stats.connections, stats.threads_in_user_code, stats.waiting, stats.upgraded) == (0, 0, 0, 0)
    });
    assert_eq!(server.stats().permits, THREADS - 1);
}

#[test]
fn a_handler_may_return_errors_that_panic() {
    outlives(&server(|http| Err(bad(asked(http)))), "HTTP/1.1 500 ");
}

#[test]
fn a_handler_may_return_io_errors_that_panic() {
    outlives(&server(|http| Err(bad_io(asked(http)).into())), "HTTP/1.1 500 ");
}

#[test]
fn a_handler_may_return_them_after_it_waited() {
    let server = server(|http| {
        std::thread::sleep(Duration::from_millis(5));
        Err(bad(asked(http)))
    });
    outlives(&server, "HTTP/1.1 500 ");
}

#[test]
fn a_handler_may_return_them_in_the_middle_of_a_body() {
    let server = server(|http| {
        let which = asked(http);
        http.send_response(200).end_headers()?;
        http.wfile().write_all(b"begun")?;
        http.wfile().flush()?;
        Err(bad(which))
    });
    outlives(&server, "HTTP/1.1 200 ");
}

#[test]
fn a_handler_may_return_them_from_a_stream() {
    let server = server(|http| {
        let which = asked(http);
        http.send_response(101).send_header("Upgrade", "tea").end_headers()?;
        let mut stream = http.upgrade()?;
        stream.read_exact(&mut [0])?;
        Err(bad(which))
    });
    for kind in ["display", "drop", "both"] {
        for _ in 0..OFTEN {
            let mut client = server.send(get(&format!("/{kind}")).replacen(
                "\r\n\r\n",
                "\r\nConnection: upgrade\r\nUpgrade: tea\r\n\r\nx",
                1,
            ));
            assert_eq!(client.response().code(), 101);
            assert!(client.rest_until_cut().is_empty());
        }
    }
    server.is_alive();
    is_whole(&server);
}

struct Failing(Bad);

impl Source for Failing {
    fn pull(&mut self, _: &mut Vec<u8>) -> io::Result<bool> {
        Err(bad_io(self.0))
    }
}

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(bad_io(self.0))
    }
}

#[test]
fn a_source_may_fail_with_errors_that_panic() {
    let server = server(|http| {
        let which = asked(http);
        http.send_response(200).end_headers()?;
        http.send_source(Failing(which))
    });
    outlives(&server, "HTTP/1.1 200 ");
}

#[test]
fn a_reader_may_fail_with_errors_that_panic() {
    let server = server(|http| http.reply_read(200, "text/plain", Failing(asked(http))));
    outlives(&server, "HTTP/1.1 200 ");
}

#[test]
fn everything_that_a_router_calls_may_fail_with_them() {
    let routes = || {
        Router::new()
            .get("/fast", |http| http.reply_text(200, "fast"))
            .get("/display", |http| Err(bad(asked(http))))
            .before(|http| if http.path() == "/both" { Err(bad(asked(http))) } else { Ok(()) })
            .after(|http, outcome| assert!(outcome.is_ok() || http.url_path() != "/mounted/both", "after it"))
            .mount("/mounted", || BadHandler)
            .fallback(|http| Err(bad(asked(http))))
    };
    let server = run(HttpServer::builder(routes())
        .access_log(AccessLog::off())
        .loops(1)
        .max_threads(THREADS)
        .handle_error(|_| {})
        .bind(("127.0.0.1", 0))
        .expect("a free port"));
    outlives(&server, "HTTP/1.1 500 ");
    for _ in 0..OFTEN {
        assert_eq!(server.ask(get("/mounted/fine")).text(), "fine");
        assert_eq!(server.ask(get("/mounted/both")).code(), 500);
        assert_eq!(server.ask(get("/mounted/panic")).code(), 500);
    }
    server.is_alive();
}

/// Fails or panics, and panics again when it is dropped.
struct BadHandler;

impl BaseHttpRequestHandler for BadHandler {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        match http.path() {
            "/fine" => reply(http, "fine"),
            "/both" => Err(bad(Bad::Both)),
            _ => panic!("the handler"),
        }
    }
}

impl Drop for BadHandler {
    fn drop(&mut self) {
        // The router makes one when it is set up, too.
        assert!(std::thread::current().name() != Some("serve-forever"), "the handler is dropped");
    }
}

#[test]
fn whatever_a_handler_gives_to_be_shown_may_panic() {
    let shows: [fn(&mut Exchange, BadError); 3] = [
        |http, error| http.log_message(error),
        |http, error| http.log_error(error),
        |http, error| {
            drop(error);
            http.server().state_with(|| -> u8 { panic!("a state") });
        },
    ];
    for show in shows {
        let server = server(move |http| {
            let error = BadError(asked(http));
            show(http, error);
            reply(http, "never")
        });
        outlives(&server, "HTTP/1.1 500 ");
    }
}

#[test]
fn raw_handlers_may_return_them() {
    struct Handler(Bad);
    impl BaseRequestHandler for Handler {
        fn setup(&mut self, stream: &mut Stream) -> io::Result<()> {
            let mut what = [0];
            stream.read_exact(&mut what)?;
            if what == *b"s" { Err(bad_io(self.0)) } else { Ok(()) }
        }

        fn handle(&mut self, _: &mut Stream) -> io::Result<()> {
            Err(bad_io(self.0))
        }

        fn finish(&mut self, stream: &mut Stream) -> io::Result<()> {
            stream.write_all(b"bye")?;
            Err(bad_io(self.0))
        }
    }
    for bad in ALL {
        let server =
            raw(move || Handler(bad), |builder| builder.loops(1).max_threads(THREADS).handle_error(|_| {}));
        for _ in 0..OFTEN {
            assert_eq!(server.send("h").rest_until_cut(), b"bye");
            assert_eq!(server.send("s").rest_until_cut(), b"");
        }
        server
            .wait_until("nothing is held", |stats| (stats.connections, stats.threads_in_user_code) == (0, 0));
    }
}

fn reports() -> (impl Fn(&ErrorReport) + Send + Sync + 'static, Receiver<(String, bool)>) {
    let (send, reports) = channel();
    (move |report: &ErrorReport| drop(send.send((report.error.clone(), report.panicked))), reports)
}

#[test]
fn what_panicked_is_reported() {
    let (report, reports) = reports();
    let server = http(answer(|http| Err(bad(asked(http)))), |builder| builder.handle_error(report));
    let next = || reports.recv_timeout(PATIENCE).expect("a report");
    let unshown = || ("the error cannot be shown, as that panicked: it is shown".to_owned(), true);
    let dropped = || ("it is dropped".to_owned(), true);
    assert_eq!(server.ask(get("/display")).code(), 500);
    assert_eq!(next(), unshown());
    assert_eq!(server.ask(get("/drop")).code(), 500);
    assert_eq!([next(), next()], [("a bad error".to_owned(), false), dropped()]);
    assert_eq!(server.ask(get("/both")).code(), 500);
    assert_eq!([next(), next()], [unshown(), dropped()]);
}

/// A report gives the error itself, not only its text, and keeps it as long as it lives.
#[test]
fn a_report_keeps_its_source() {
    let (send, reports) = channel();
    let server = http(
        answer(|http| match http.url_path() {
            "/own" => Err(Own.into()),
            "/panic" => panic!("on purpose"),
            "/odd" => Err(StatusError::new(799).into()),
            _ => Ok(()),
        }),
        |builder| builder.handle_error(move |report| drop(send.send(report.clone()))),
    );
    let report = |path| {
        assert_eq!(server.ask(get(path)).code(), 500);
        reports.recv_timeout(PATIENCE).expect("a report")
    };
    let own = report("/own");
    assert!(own.source().is_some_and(<dyn StdError>::is::<Own>));
    let cause = own.source().and_then(StdError::source).expect("a cause");
    assert!(cause.is::<fmt::Error>());
    assert!(report("/panic").source().is_none());
    assert!(report("/nothing").source().is_some_and(<dyn StdError>::is::<MisuseError>));
    assert!(report("/odd").source().is_some_and(<dyn StdError>::is::<StatusError>));
}

#[derive(Debug)]
struct Own;

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error of the program")
    }
}

impl StdError for Own {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&fmt::Error)
    }
}

/// A report that stands in a log may quote what a client sent.
#[test]
fn a_report_is_shown_on_one_line() {
    let (report, reports) = channel();
    let server = http(answer(|_| Err("no \u{202e}tea\nleft\u{2028}".into())), |builder| {
        builder.handle_error(move |error| drop(report.send((error.error.clone(), error.to_string()))))
    });
    assert_eq!(server.ask(get("/")).code(), 500);
    let (error, shown) = reports.recv_timeout(PATIENCE).expect("a report");
    assert_eq!(error, "no \u{202e}tea\nleft\u{2028}");
    assert!(shown.ends_with(": the handler failed: no \\u202etea\\x0aleft\\u2028"), "{shown}");
}

#[test]
fn a_status_inside_of_an_io_error_is_answered() {
    let server = server(|_| Err(io::Error::other(StatusError::new(404)).into()));
    assert_eq!(server.ask(get("/")).code(), 404);
}

#[test]
fn a_log_may_fail_with_errors_that_panic() {
    struct Log(Bad);
    impl Write for Log {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(bad_io(self.0))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Drop for Log {
        fn drop(&mut self) {
            panic!("the log is dropped");
        }
    }
    for bad in ALL {
        let server = http(answer(|http| reply(http, "fast")), |builder| {
            builder.access_log(AccessLog::to(Log(bad))).loops(1).max_threads(THREADS)
        });
        for _ in 0..OFTEN {
            server.is_alive();
        }
        server.shut_down();
    }
}

/// Panics when it is dropped.
struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        panic!("it is dropped");
    }
}

impl Default for Fragile {
    fn default() -> Self {
        Self
    }
}

struct Plain;

impl BaseHttpRequestHandler for Plain {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        drop(http.server().state::<Fragile>());
        drop(http.server().state::<(Fragile,)>());
        reply(http, "fast")
    }
}

#[test]
fn what_a_server_is_made_of_may_panic_when_it_is_dropped() {
    let [verify, report, time_out, tick, make] = [(); 5].map(|()| Fragile);
    let server = HttpServer::builder(move || {
        let _ = &make;
        Plain
    })
    .access_log(AccessLog::off())
    .verify_request(move |_| {
        let _ = &verify;
        true
    })
    .handle_error(move |_| {
        let _ = &report;
    })
    .handle_timeout(move || {
        let _ = &time_out;
    })
    .service_actions(Duration::from_millis(1), move || {
        let _ = &tick;
    })
    .bind(("127.0.0.1", 0))
    .expect("a free port");
    let server = run(server);
    server.is_alive();
    server.shut_down();
}

#[test]
fn a_single_request_may_fail_with_them_too() {
    let server = HttpServer::builder(handler_fn(|http: &mut Exchange| Err(bad(asked(http)))))
        .access_log(AccessLog::off())
        .handle_error(|_| {})
        .bind(("127.0.0.1", 0))
        .expect("a free port");
    for path in ["/display", "/drop", "/both"] {
        let mut client = crate::support::Client::connect(server.server_addresses()[0]);
        client.send(get(path).replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1));
        client.half_close();
        assert!(server.handle_request().expect("it is served"));
        assert_eq!(client.response().code(), 500);
    }
}
