//! Waiting costs no processor time, whatever is waited for.
//!
//! One test at a time, as they look at the time that the whole process used.

#![cfg(target_os = "linux")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use crate::support::engine::{FAST, NEVER, OpenAtEnd, Room, Served, get, http, raw};
use crate::support::process::cpu_time;
use crate::support::{Client, alone, answer, reply};
use serve_forever::{BaseRequestHandler, Source, Stream};

/// More than the buffers between two sockets hold.
const LARGE: usize = 32 * 1024 * 1024;

/// Asks for other things for a while; how much processor time went by without reason.
#[track_caller]
fn stays_idle(server: &Served) {
    // Whatever is still to be sent into the buffers of the system is sent by now.
    for _ in 0..100 {
        server.is_alive();
    }
    // The monitor of the loops goes to sleep a little later.
    thread::sleep(Duration::from_millis(200));
    is_idle();
}

#[track_caller]
fn is_idle() {
    let (begin, before) = (Instant::now(), cpu_time(|_| true));
    while begin.elapsed() < Duration::from_millis(500) {
        thread::sleep(Duration::from_millis(100));
    }
    let (elapsed, used) = (begin.elapsed(), cpu_time(|_| true).saturating_sub(before));
    assert!(used < elapsed / 4, "{used:?} of processor time in {elapsed:?} in which nothing is to be done");
}

#[test]
fn a_client_that_does_not_read_a_large_body_costs_no_processor_time() {
    alone(|| {
        let server = http(
            answer(|http| match http.path() {
                "/large" => reply(http, vec![b'x'; LARGE]),
                _ => reply(http, "fast"),
            }),
            |builder| builder.loops(1).buffer_size(2 * LARGE),
        );
        let mut client = server.connect();
        client.send(get("/large"));
        stays_idle(&server);
        assert_eq!(client.response().body().len(), LARGE);
    });
}

#[test]
fn a_client_that_does_not_read_a_file_costs_no_processor_time() {
    alone(|| {
        let path = std::env::temp_dir().join(format!("serve-forever-engine-output-{}", std::process::id()));
        fs::write(&path, vec![b'x'; LARGE]).expect("a file can be written");
        let file = Arc::new(fs::File::open(&path).expect("it is there"));
        fs::remove_file(&path).expect("it can be removed");
        let server = http(
            answer(move |http| match http.path() {
                "/large" => {
                    http.send_response(200).send_header("Content-Length", LARGE).end_headers()?;
                    http.send_file(Arc::clone(&file), 0..LARGE as u64)
                }
                _ => reply(http, "fast"),
            }),
            |builder| builder.loops(1),
        );
        let mut client = server.connect();
        client.send(get("/large"));
        stays_idle(&server);
        assert_eq!(client.response().body().len(), LARGE);
    });
}

/// Zeros in pieces.
struct Zeros(usize);

impl Source for Zeros {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.resize(64 * 1024, 0);
        self.0 -= 1;
        Ok(self.0 > 0)
    }
}

#[test]
fn a_client_that_does_not_read_a_source_costs_no_processor_time() {
    alone(|| {
        let server = http(
            answer(|http| match http.path() {
                "/large" => {
                    http.send_response(200).end_headers()?;
                    http.send_source(Zeros(LARGE / (64 * 1024)))
                }
                _ => reply(http, "fast"),
            }),
            |builder| builder.loops(1),
        );
        let mut client = server.connect();
        client.send(get("/large"));
        stays_idle(&server);
        assert_eq!(client.response().body().len(), LARGE);
    });
}

#[test]
fn a_detached_response_that_is_quiet_costs_no_processor_time_whatever_its_client_sends() {
    alone(|| {
        let kept = Arc::new(Mutex::new(None));
        let inner = Arc::clone(&kept);
        let server = http(
            answer(move |http| {
                if http.path() != "/" {
                    return reply(http, "fast");
                }
                http.send_response(200).end_headers()?;
                *inner.lock().expect("nobody panicked") = Some(http.detach()?);
                Ok(())
            }),
            |builder| builder.loops(1),
        );
        let mut client = server.connect();
        client.send(get("/") + "half of a req");
        assert_eq!(client.response_to_head().code(), 200);
        client.send("uest");
        stays_idle(&server);
        drop(kept.lock().expect("nobody panicked").take());
        assert_eq!(client.take(5), b"0\r\n\r\n");
    });
}

#[test]
fn handlers_and_connections_that_wait_cost_no_processor_time() {
    alone(|| {
        let room = Arc::new(Room::default());
        let inner = Arc::clone(&room);
        let server = http(
            answer(move |http| {
                match http.path() {
                    "/stay" => inner.stay(),
                    "/read" => drop(io::Read::read_to_end(http.rfile(), &mut Vec::new())),
                    _ => {}
                }
                reply(http, "fast")
            }),
            |builder| builder.loops(2),
        );
        let _end = OpenAtEnd(&room);
        let mut clients: Vec<Client> = Vec::new();
        for _ in 0..16 {
            clients.push(server.send(get("/stay")));
            clients.push(server.send("POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
            clients.push(server.send("GET / HTTP/1.1\r\nHo"));
            clients.push(server.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"));
            clients.push(server.connect());
            let mut used = server.send(FAST);
            assert_eq!(used.response().text(), "fast");
            clients.push(used);
        }
        room.wait_for(16);
        server.wait_until("all handlers run", |stats| stats.threads_in_user_code == 32);
        stays_idle(&server);
        room.open();
    });
}

#[test]
fn requests_that_wait_for_a_thread_cost_no_processor_time() {
    alone(|| {
        let room = Arc::new(Room::default());
        let inner = Arc::clone(&room);
        let server = http(
            answer(move |http| {
                if http.path() == "/stay" {
                    inner.stay();
                }
                reply(http, "fast")
            }),
            |builder| builder.loops(2).max_threads(8).max_permits_per_address(Some(8)).permit_timeout(NEVER),
        );
        let _end = OpenAtEnd(&room);
        let _clients: Vec<Client> = (0..50).map(|_| server.send(get("/stay"))).collect();
        server.wait_until("all are accepted", |stats| stats.connections == 50);
        room.wait_for(4);
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(200) {
            thread::sleep(Duration::from_millis(50));
        }
        is_idle();
        room.open();
    });
}

/// Reads to the end.
struct Reader;

impl BaseRequestHandler for Reader {
    fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
        io::Read::read_to_end(request, &mut Vec::new()).map(drop)
    }
}

#[test]
fn raw_handlers_that_wait_cost_no_processor_time() {
    alone(|| {
        let server = raw(|| Reader, |builder| builder.loops(2));
        let clients: Vec<Client> = (0..32).map(|_| server.send("something")).collect();
        server.wait_until("all handlers run", |stats| stats.threads_in_user_code == 32);
        thread::sleep(Duration::from_millis(200));
        is_idle();
        drop(clients);
    });
}
