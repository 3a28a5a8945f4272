//! What went wrong once. Each test failed before its fix.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use crate::support::{FAILSAFE, alone, answer, process, reply, serve, serve_with};
use serve_forever::{Exchange, Result, Source};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// More than the buffers between two sockets hold.
const LARGE: usize = 16 * 1024 * 1024;

#[test]
fn a_client_that_breaks_off_does_not_spoil_the_responses_to_others() {
    let server = serve_with(
        answer(|http| match http.path() {
            "/large" => reply(http, vec![b'x'; LARGE]),
            _ => reply(http, "small\n"),
        }),
        |builder| builder.loops(1),
    );
    for _ in 0..20 {
        let mut client = server.connect();
        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
        client.take(1);
        // With bytes unread this is a reset.
        drop(client);
        assert_eq!(server.body(GET), "small\n");
    }
}

#[test]
fn a_client_that_half_closed_and_does_not_read_costs_no_processor_time() {
    alone(|| {
        struct Endless;
        impl Source for Endless {
            fn pull(&mut self, out: &mut Vec<u8>) -> std::io::Result<bool> {
                PULLS.fetch_add(1, Ordering::Relaxed);
                out.resize(64 * 1024, b'x');
                Ok(true)
            }
        }
        static PULLS: AtomicU32 = AtomicU32::new(0);
        static TURNS: AtomicU32 = AtomicU32::new(0);
        let server = serve_with(
            answer(|http| {
                if http.path() == "/tick" {
                    TURNS.fetch_add(1, Ordering::Relaxed);
                    return reply(http, "tick");
                }
                http.send_response(200).end_headers()?;
                http.send_source(Endless)
            }),
            |builder| builder.loops(1).shutdown_timeout(Duration::ZERO),
        );
        let mut client = TcpStream::connect(server.address()).expect("the server accepts");
        client.set_read_timeout(Some(FAILSAFE)).expect("a timeout");
        client.write_all(GET.as_bytes()).expect("the server takes the request");
        client.shutdown(Shutdown::Write).expect("it is open");
        // Until the buffers are full, which nothing tells but that no more is pulled.
        let mut before = u32::MAX;
        while before != PULLS.load(Ordering::Relaxed) {
            before = PULLS.load(Ordering::Relaxed);
            for _ in 0..50 {
                assert_eq!(server.body("GET /tick HTTP/1.1\r\nHost: a\r\n\r\n"), "tick");
            }
        }
        let (begin, used) = (Instant::now(), cpu_of_threads());
        std::thread::sleep(Duration::from_millis(300));
        let used = cpu_of_threads().saturating_sub(used);
        assert!(used < begin.elapsed() / 3, "{used:?} of processor time for nothing");
        drop(client);
    });
}

/// Processor time of the server's threads in this process; nothing where no system tells it.
fn cpu_of_threads() -> Duration {
    if cfg!(target_os = "linux") {
        process::cpu_time(|name| name.starts_with("serve-forever"))
    } else {
        Duration::ZERO
    }
}

#[test]
fn a_large_answer_to_an_upload_that_is_not_read_arrives_whole() {
    let server = serve(answer(|http| reply(http, vec![b'x'; LARGE])));
    for expect in ["", "Expect: 100-continue\r\n"] {
        let mut client = TcpStream::connect(server.address()).expect("the server accepts");
        let mut sender = client.try_clone().expect("a second handle");
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{expect}Content-Length: 10000000\r\n\r\n");
        let sending = std::thread::spawn(move || {
            // The server may stop to take it.
            let _ = sender.write_all(head.as_bytes());
            let _ = sender.write_all(&vec![b'y'; 10_000_000]);
        });
        let mut bytes = Vec::new();
        client.set_read_timeout(Some(FAILSAFE)).expect("a timeout");
        client.read_to_end(&mut bytes).expect("no reset");
        assert!(bytes.len() > LARGE, "{} bytes", bytes.len());
        sending.join().expect("it does not panic");
    }
}

#[test]
fn a_late_byte_after_close_does_not_cost_the_client_its_response() {
    let server = serve(answer(|http| reply(http, vec![b'x'; LARGE])));
    let mut client = TcpStream::connect(server.address()).expect("the server accepts");
    client.set_read_timeout(Some(FAILSAFE)).expect("a timeout");
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("a request");
    let mut bytes = vec![0; 1000];
    client.read_exact(&mut bytes).expect("the response has begun");
    client.write_all(b"\r\n").expect("a late line end");
    client.read_to_end(&mut bytes).expect("no reset");
    assert!(bytes.len() > LARGE, "{} bytes", bytes.len());
}

#[test]
fn state_of_one_type_does_not_wait_for_another() {
    let (started, starts) = mpsc::channel();
    let (finish, finished) = mpsc::channel::<()>();
    let finished = Arc::new(Mutex::new(finished));
    let server = serve(answer(move |http| {
        if http.path() == "/slow" {
            http.server().state_with(|| {
                started.send(()).expect("the test waits");
                finished.lock().expect("only here").recv().expect("the test goes on");
                0_u8
            });
        } else {
            // In the making of a value another one may be asked for.
            let server = http.server();
            server.state_with(|| server.state::<u64>());
        }
        reply(http, "made")
    }));
    let mut slow = server.connect();
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    starts.recv_timeout(FAILSAFE).expect("the value is being made");
    assert_eq!(server.body(GET), "made");
    finish.send(()).expect("the handler waits");
    assert_eq!(slow.response().text(), "made");
}

#[test]
fn a_205_has_no_length_but_0_whatever_the_handler_says() {
    let server = serve(answer(|http| {
        if http.path() == "/reset" {
            http.send_response(205).send_header("Content-Length", 5).end_headers()?;
            http.wfile().write_all(b"hello")?;
            return Ok(());
        }
        reply(http, "next")
    }));
    let mut client = server.connect();
    client.send(format!("GET /reset HTTP/1.1\r\nHost: a\r\n\r\n{GET}"));
    let reset = client.response();
    assert_eq!((reset.code(), reset.field("Content-Length").as_deref()), (205, Some("0")));
    assert_eq!(client.response().text(), "next");
}

#[test]
fn a_handler_does_not_keep_a_connection_that_its_client_closes() {
    let keeps: fn(&mut Exchange) -> Result = |http| {
        http.set_close_connection(false);
        http.send_response(200).send_header("Connection", "keep-alive").end_headers()?;
        http.wfile().write_all(b"kept?")?;
        Ok(())
    };
    let server = serve(answer(keeps));
    let whole = server.ask(format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n{GET}"));
    assert!(whole.contains("\r\nConnection: close\r\n"), "{whole}");
    assert_eq!(whole.matches("kept?").count(), 1, "{whole}");
    let old = server.ask("GET / HTTP/1.0\r\n\r\n");
    assert!(old.contains("\r\nConnection: close\r\n"), "{old}");
}

#[test]
fn a_body_that_only_the_end_of_the_connection_ends_is_reset_when_it_is_not_whole() {
    let server = serve(answer(|http| {
        http.send_response(200).end_headers()?;
        http.wfile().write_all(b"half")?;
        http.wfile().flush()?;
        Err("on purpose".into())
    }));
    let mut client = TcpStream::connect(server.address()).expect("the server accepts");
    client.set_read_timeout(Some(FAILSAFE)).expect("a timeout");
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("a request");
    let error = client.read_to_end(&mut Vec::new()).expect_err("a clean end would look like a whole body");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}
