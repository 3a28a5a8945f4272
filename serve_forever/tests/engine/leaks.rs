//! Clients that end in every unfriendly way leave descriptors, threads and memory as they were.
//!
//! Each test has a process of its own, and its time alone: they count what belongs to the whole
//! process.

#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use crate::support::engine::{NEVER, PATIENCE, Served, http, raw, wait_until};
use crate::support::{alone, answer, process, reply};
use serve_forever::{BaseRequestHandler, Exchange, Result, Stream};
use socket2::{Domain, SockRef, Socket, Type};

/// Connections that are open at the same time.
const WAVE: usize = 100;

/// Waves of each way, and of those whose responses are large.
const WAVES: usize = 20;
const LARGE_WAVES: usize = 10;

/// More than the buffers between two sockets hold.
const LARGE: usize = 4 * 1024 * 1024;

/// What memory may have grown by, in KiB: far less than a buffer for each connection.
const SLACK: usize = 16 * 1024;

/// The same where responses are large: the allocator keeps some, but far less than they were in
/// sum.
const LARGE_SLACK: usize = 64 * 1024;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Open descriptors of this process, apart from the one that counts them.
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("there is a /proc").count() - 1
}

/// What they are, for a test that failed.
fn list() -> String {
    let entries = fs::read_dir("/proc/self/fd").expect("there is a /proc");
    let links = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        Some(format!("{} {}", path.file_name()?.display(), fs::read_link(&path).ok()?.display()))
    });
    links.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn descriptors_are(most: usize) {
    let begin = Instant::now();
    while descriptors() > most {
        assert!(
            begin.elapsed() < PATIENCE,
            "{most} descriptors were open before, and now these:\n{}",
            list()
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// Threads that servers made.
fn threads() -> usize {
    process::threads(|name| name.starts_with("serve-forever"))
}

/// Memory of this process that belongs to no file, in KiB.
fn memory() -> usize {
    process::memory("RssAnon")
}

/// Every thread keeps the buffers that it worked with last, so where they are large, threads are
/// few.
const FEW: usize = 16;
const MANY: usize = 512;

fn serve(threads: usize) -> Served {
    let file = Arc::new(large_file());
    http(
        answer(move |http| match http.url_path() {
            "/large" => reply(http, vec![b'x'; LARGE]),
            "/stream" => stream(http),
            "/file" => {
                http.send_response(200).send_header("Content-Length", LARGE).end_headers()?;
                http.send_file(Arc::clone(&file), 0..LARGE as u64)
            }
            "/read" => {
                http.rfile().read_to_end(&mut Vec::new())?;
                reply(http, "read")
            }
            "/panic" => panic!("on purpose"),
            _ => reply(http, "fast"),
        }),
        |builder| {
            builder
                .loops(2)
                .max_threads(threads)
                .max_permits_per_address(Some(threads))
                .permit_timeout(NEVER)
                .buffer_size(2 * LARGE)
                .linger_timeout(Duration::from_millis(50))
                .handle_error(|_| {})
        },
    )
}

fn stream(http: &mut Exchange) -> Result {
    http.send_response(200).end_headers()?;
    let piece = vec![b'x'; 65_536];
    for _ in 0..LARGE / piece.len() {
        http.wfile().write_all(&piece)?;
        http.wfile().flush()?;
    }
    Ok(())
}

fn large_file() -> fs::File {
    let path = env::temp_dir().join(format!("serve-forever-leaks-{}", std::process::id()));
    fs::write(&path, vec![b'x'; LARGE]).expect("a file can be written");
    let file = fs::File::open(&path).expect("it is there");
    fs::remove_file(&path).expect("it can be removed");
    file
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    // So that a client that does not read is noticed soon.
    socket.set_recv_buffer_size(4096).expect("SO_RCVBUF");
    socket.connect(&address.into()).expect("the server accepts");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("read timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("write timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("write timeout");
    stream
}

/// Sends what the server takes: it may have closed before.
fn send(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// Closes with a reset.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    drop(stream);
}

/// Reads until the server closes or cuts.
fn read_all(mut stream: TcpStream) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
    }
}

/// Thousands of connections: `begin` opens each of them, `end` ends it when its wave is complete.
#[track_caller]
fn leaves_nothing(
    server: Served,
    outside: usize,
    slack: usize,
    begin: impl Fn(&mut TcpStream, usize),
    end: impl Fn(TcpStream, usize),
) {
    let wave = || {
        let accepted = server.stats().accepted;
        let streams: Vec<TcpStream> = (0..WAVE)
            .map(|number| {
                let mut stream = connect(server.address());
                begin(&mut stream, number);
                stream
            })
            .collect();
        for (number, stream) in streams.into_iter().enumerate() {
            end(stream, number);
        }
        let accepted = accepted + WAVE as u64;
        server.wait_until("all were accepted", |stats| stats.accepted >= accepted);
        server.wait_until("all are closed", |stats| stats.connections == 0);
        server.wait_until("no handler runs", |stats| stats.threads_in_user_code == 0);
    };
    // The first waves fill the caches of the allocator and the pool of threads.
    wave();
    wave();
    let (descriptors_before, memory_before) = (descriptors(), memory());
    let waves = if slack == LARGE_SLACK { LARGE_WAVES } else { WAVES };
    for _ in 0..waves {
        wave();
    }
    descriptors_are(descriptors_before);
    let grown = memory().saturating_sub(memory_before);
    assert!(grown < slack, "{grown} KiB more than before {} connections", WAVE * waves);
    assert_eq!(server.ask(REQUEST).text(), "fast");
    server.shut_down();
    wait_until("all threads have ended", || threads() == 0);
    descriptors_are(outside);
}

#[track_caller]
fn leave_nothing(begin: impl Fn(&mut TcpStream, usize), end: impl Fn(TcpStream, usize)) {
    leave_nothing_on(MANY, SLACK, begin, end);
}

/// The same, on a server with so many threads.
#[track_caller]
fn leave_nothing_on(
    threads: usize,
    slack: usize,
    begin: impl Fn(&mut TcpStream, usize),
    end: impl Fn(TcpStream, usize),
) {
    alone(|| {
        let outside = descriptors();
        leaves_nothing(serve(threads), outside, slack, begin, end);
    });
}

#[test]
fn connections_closed_at_once() {
    leave_nothing(|_, _| {}, |stream, _| drop(stream));
}

#[test]
fn connections_reset_at_once() {
    leave_nothing(|_, _| {}, |stream, _| reset(stream));
}

#[test]
fn connections_reset_in_the_middle_of_a_head() {
    leave_nothing(|stream, _| send(stream, b"GET / HTTP/1.1\r\nHos"), |stream, _| reset(stream));
}

#[test]
fn connections_closed_in_the_middle_of_a_head() {
    leave_nothing(
        |stream, number| send(stream, &REQUEST[..number % REQUEST.len()]),
        |stream, _| drop(stream),
    );
}

#[test]
fn connections_half_closed_in_the_middle_of_a_head() {
    leave_nothing(
        |stream, number| send(stream, &REQUEST[..number % REQUEST.len()]),
        |stream, _| {
            stream.shutdown(Shutdown::Write).expect("it is open");
            read_all(stream);
        },
    );
}

#[test]
fn connections_reset_when_the_request_is_sent() {
    leave_nothing(
        |_, _| {},
        |mut stream, _| {
            send(&mut stream, REQUEST);
            reset(stream);
        },
    );
}

#[test]
fn connections_whose_request_comes_with_its_end() {
    leave_nothing_on(
        FEW,
        LARGE_SLACK,
        |_, _| {},
        |mut stream, number| {
            // One segment: it leaves when the cork is pulled, which the end does.
            SockRef::from(&stream).set_tcp_cork(true).expect("TCP_CORK");
            send(
                &mut stream,
                if number % 3 == 0 { b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" } else { REQUEST },
            );
            stream.shutdown(Shutdown::Write).expect("it is open");
            if number % 2 == 0 {
                read_all(stream);
            }
        },
    );
}

#[test]
fn connections_closed_in_the_middle_of_a_small_body() {
    leave_nothing(
        |stream, _| send(stream, b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf"),
        |stream, number| if number % 2 == 0 { reset(stream) } else { drop(stream) },
    );
}

#[test]
fn connections_closed_in_the_middle_of_a_chunk() {
    leave_nothing(
        |stream, _| {
            send(
                stream,
                b"POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\nhalf",
            );
        },
        |stream, number| match number % 3 {
            0 => reset(stream),
            1 => drop(stream),
            _ => {
                stream.shutdown(Shutdown::Write).expect("it is open");
                read_all(stream);
            }
        },
    );
}

#[test]
fn connections_that_are_told_to_continue_and_do_not() {
    leave_nothing(
        |stream, _| {
            send(
                stream,
                b"POST /read HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
            );
            let mut interim = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
            stream.read_exact(&mut interim).expect("the prompt");
        },
        |stream, number| if number % 2 == 0 { reset(stream) } else { drop(stream) },
    );
}

#[test]
fn connections_whose_body_nobody_reads() {
    leave_nothing(
        |stream, number| {
            send(stream, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
            send(stream, &vec![b'x'; 1000 * number]);
        },
        |stream, number| if number % 2 == 0 { reset(stream) } else { drop(stream) },
    );
}

#[track_caller]
fn never_reading(threads: usize, request: &[u8]) {
    leave_nothing_on(
        threads,
        LARGE_SLACK,
        |stream, _| {
            send(stream, request);
            // The response has begun.
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a response");
        },
        |stream, number| if number % 2 == 0 { reset(stream) } else { drop(stream) },
    );
}

#[test]
fn connections_that_never_read_a_response_in_memory() {
    never_reading(FEW, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn connections_that_never_read_what_a_handler_streams() {
    never_reading(MANY, b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn connections_that_never_read_a_file() {
    never_reading(FEW, b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn connections_with_many_requests_at_once_that_read_no_answer() {
    leave_nothing_on(
        FEW,
        LARGE_SLACK,
        |stream, _| send(stream, &b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50)),
        |stream, number| if number % 2 == 0 { reset(stream) } else { drop(stream) },
    );
}

#[test]
fn connections_that_talk_garbage() {
    leave_nothing(
        |stream, number| {
            let bytes: Vec<u8> = (0..number * 10).map(|at| (at * at + number) as u8).collect();
            send(stream, &bytes);
            send(stream, b"\r\n\r\n");
        },
        |stream, number| match number % 3 {
            0 => reset(stream),
            1 => drop(stream),
            _ => read_all(stream),
        },
    );
}

#[test]
fn connections_whose_handlers_panic() {
    leave_nothing(
        |stream, _| send(stream, b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n"),
        |stream, number| if number % 2 == 0 { read_all(stream) } else { reset(stream) },
    );
}

#[test]
fn connections_that_stop_and_stay_open() {
    alone(|| {
        let outside = descriptors();
        let short = Duration::from_millis(100);
        let server = http(
            answer(|http| {
                http.rfile().read_to_end(&mut Vec::new())?;
                reply(http, if http.command() == "POST" { vec![b'x'; LARGE] } else { b"fast".to_vec() })
            }),
            |builder| {
                builder
                    .loops(2)
                    .max_threads(FEW)
                    .max_permits_per_address(Some(FEW))
                    .permit_timeout(NEVER)
                    .buffer_size(2 * LARGE)
                    .head_timeout(short)
                    .idle_timeout(short)
                    .body_timeout(short)
                    .write_timeout(short)
                    .stall_timeout(short)
                    .linger_timeout(short)
            },
        );
        let held = Mutex::new(Vec::new());
        let outside = outside + WAVE;
        leaves_nothing(
            server,
            outside,
            LARGE_SLACK,
            |stream, number| match number % 5 {
                0 => {}
                1 => send(stream, b"GET / HTTP/1.1\r\nHo"),
                2 => send(stream, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"),
                3 => send(
                    stream,
                    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf",
                ),
                _ => send(stream, b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"),
            },
            |stream, number| {
                // They are closed by the server, and let go of by the client with the next wave.
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                if number == 0 {
                    held.clear();
                }
                held.push(stream);
            },
        );
    });
}

/// Reads to the end.
struct Reader;

impl BaseRequestHandler for Reader {
    fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
        request.read_to_end(&mut Vec::new()).map(drop)
    }
}

#[test]
fn raw_connections() {
    alone(|| {
        let outside = descriptors();
        let server = raw(
            || Reader,
            |builder| builder.linger_timeout(Duration::from_millis(50)).max_permits_per_address(Some(512)),
        );
        let address = server.address();
        let wave = || {
            let accepted = server.stats().accepted;
            let streams: Vec<TcpStream> = (0..WAVE)
                .map(|_| {
                    let mut stream = connect(address);
                    send(&mut stream, b"something");
                    stream
                })
                .collect();
            for (number, stream) in streams.into_iter().enumerate() {
                match number % 3 {
                    0 => reset(stream),
                    1 => drop(stream),
                    _ => {
                        stream.shutdown(Shutdown::Write).expect("it is open");
                        read_all(stream);
                    }
                }
            }
            let accepted = accepted + WAVE as u64;
            server.wait_until("all were accepted", |stats| stats.accepted >= accepted);
            server.wait_until("all are closed", |stats| stats.connections == 0);
            server.wait_until("no handler runs", |stats| stats.threads_in_user_code == 0);
        };
        wave();
        let (descriptors_before, memory_before) = (descriptors(), memory());
        for _ in 0..WAVES {
            wave();
        }
        descriptors_are(descriptors_before);
        assert!(memory().saturating_sub(memory_before) < SLACK);
        server.shut_down();
        wait_until("all threads have ended", || threads() == 0);
        descriptors_are(outside);
    });
}

#[test]
fn servers_that_come_and_go() {
    alone(|| {
        let outside = descriptors();
        let mut memory_before = 0;
        for round in 0..120 {
            let server = serve(FEW);
            let mut client = server.connect();
            client.send(REQUEST);
            client.response();
            let half = server.send("GET / HTTP/1.1\r\nHost: a\r\n");
            server.handle.shutdown();
            client.ends();
            drop((client, half));
            server.shut_down();
            wait_until("all threads have ended", || threads() == 0);
            descriptors_are(outside);
            if round == 20 {
                memory_before = memory();
            }
        }
        assert!(memory().saturating_sub(memory_before) < SLACK);
    });
}
