//! Thousands of clients that read nothing, or next to nothing: the others are served, and memory
//! stays bounded.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, process};

use crate::support::engine::{NEVER, PATIENCE, get, http, wait_until};
use crate::support::process::memory;
use crate::support::{alone, reply};
use serve_forever::{BaseHttpRequestHandler, Detached, Exchange, Result, Source, raise_descriptor_limit};
use socket2::{Domain, Socket, Type};

/// Clients that read nothing.
const STALLED: usize = 2000;
/// Clients that read a byte now and then.
const SLOW: usize = 2000;
const CROWD: usize = STALLED + SLOW;
/// Clients that come when there is room for nobody.
const NEWCOMERS: usize = 200;
/// Within which each of them is served, also on a busy machine.
const SOON: Duration = Duration::from_secs(15);

/// What they ask for, in turn. More of it is in memory than may be.
const PATHS: [&str; 8] = ["/memory", "/file", "/source", "/file", "/source", "/file", "/source", "/source"];
const LENGTH: usize = 512 * 1024;
const IN_MEMORY: usize = 2 * 1024 * 1024;
const PIECE: usize = 16 * 1024;
/// What the system may have of a response: less than usual, as other tests need its memory, too.
const AHEAD: usize = 16 * 1024;
const SEND_BUFFER: usize = 32 * 1024;
/// What may wait in memory.
const BUDGET: usize = 32 * 1024 * 1024;
/// What the process may take beside that: connections, threads, and what the allocator keeps of
/// responses that were in memory for a moment.
/// All of them together would take 1000 MiB.
const SLACK: usize = 640 * 1024 * 1024;

#[derive(Clone)]
struct Site {
    file: Arc<File>,
    pulled: Arc<AtomicUsize>,
    writers: Arc<Mutex<Vec<Detached>>>,
}

struct Pieces(usize, Arc<AtomicUsize>);

impl Source for Pieces {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.resize(PIECE, b's');
        self.1.fetch_add(PIECE, Ordering::SeqCst);
        self.0 -= PIECE;
        Ok(self.0 > 0)
    }
}

impl BaseHttpRequestHandler for Site {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        match http.path() {
            "/file" => {
                http.send_response(200).send_header("Content-Length", LENGTH).end_headers()?;
                http.send_file(Arc::clone(&self.file), 0..LENGTH as u64)
            }
            "/source" => {
                http.send_response(200).send_header("Content-Length", LENGTH).end_headers()?;
                http.send_source(Pieces(LENGTH, Arc::clone(&self.pulled)))
            }
            "/memory" => reply(http, vec![b'm'; IN_MEMORY]),
            // Neither idle nor waited for: it keeps its place.
            "/quiet" => {
                http.send_response(200).end_headers()?;
                let mut writer = http.detach()?;
                writer.write_all(b"quiet")?;
                self.writers.lock().expect("no test panics with it").push(writer);
                Ok(())
            }
            _ => reply(http, "fast"),
        }
    }
}

/// A client with a small window.
fn client(address: [u8; 4], server: SocketAddr, path: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small window");
    socket.bind(&SocketAddr::from((address, 0)).into()).expect("it is a loopback address");
    socket.connect(&server.into()).expect("the server accepts");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("read timeout");
    stream.write_all(get(path).as_bytes()).expect("the server takes the request");
    stream
}

fn crowd_from(addresses: usize) {
    raise_descriptor_limit().expect("the limit can be raised as far as the system lets it");
    let path = env::temp_dir().join(format!("serve-forever-crowd-{addresses}-{}", process::id()));
    fs::write(&path, vec![b'f'; LENGTH]).expect("a file in the temporary directory");
    let site = Site {
        file: Arc::new(File::open(&path).expect("it was just made")),
        pulled: Arc::default(),
        writers: Arc::default(),
    };
    fs::remove_file(&path).expect("it was just made");
    let shared = site.clone();
    let server = http(
        move || shared.clone(),
        |builder| {
            builder
                .loops(2)
                .max_connections(CROWD)
                .buffer_size(IN_MEMORY)
                .max_send_ahead(AHEAD)
                .send_buffer_size(Some(SEND_BUFFER))
                .max_unsent(BUDGET)
                .write_timeout(NEVER)
        },
    );
    let before = memory("VmRSS") * 1024;
    let mut crowd: Vec<TcpStream> = (0..CROWD)
        .map(|number| {
            let last = u8::try_from(number % addresses).expect("there are few") + 1;
            client([127, 0, 7, last], server.address(), PATHS[number % PATHS.len()])
        })
        .collect();
    for slow in &mut crowd[STALLED..] {
        // Some are cut already, for want of memory.
        let _ = slow.read(&mut [0]);
    }
    wait_until("as much is in memory as may be", || {
        let stats = server.stats();
        stats.accepted >= CROWD as u64 && stats.unsent <= BUDGET
    });
    let grown = (memory("VmRSS") * 1024).saturating_sub(before);
    assert!(grown < BUDGET + SLACK, "{grown}");
    // What the system has of a source, and what waits in the server.
    let pulled = site.pulled.load(Ordering::SeqCst);
    assert!((CROWD / 2 * PIECE..CROWD / 2 * (8 * AHEAD)).contains(&pulled), "{pulled}");
    // In the places of those that were cut there are others now.
    while server.stats().connections < CROWD {
        crowd.push(client([127, 0, 7, 1], server.address(), "/file"));
        server.wait_until("it is accepted", |stats| stats.accepted >= crowd.len() as u64);
    }
    let cut = server.stats().cut;
    assert!(cut > 0);

    let mut newcomers = Vec::new();
    let mut slowest = Duration::ZERO;
    for number in 0..NEWCOMERS {
        let begin = Instant::now();
        let mut newcomer = client([127, 0, 9, 1], server.address(), "/quiet");
        let mut start = [0; 12];
        newcomer.read_exact(&mut start).expect("it is answered");
        assert_eq!(&start, b"HTTP/1.1 200");
        slowest = slowest.max(begin.elapsed());
        newcomers.push(newcomer);
        let slow = &mut crowd[STALLED + number];
        slow.set_nonblocking(true).expect("it can be");
        // It may be cut.
        let _ = slow.read(&mut [0]);
        let fast = &mut newcomers[0];
        assert!(fast.peek(&mut [0]).is_ok(), "a quiet client keeps its place");
    }
    assert!(slowest < SOON, "{slowest:?}");
    let stats = server.stats();
    assert!(stats.connections <= CROWD && stats.unsent <= BUDGET, "{stats:?}");
    // Each of them needed the place of somebody; some may have been on their way out.
    assert!(stats.cut >= cut + NEWCOMERS as u64 / 2, "{stats:?}");
    let mut fast = client([127, 0, 9, 1], server.address(), "/fast");
    let mut start = [0; 12];
    fast.read_exact(&mut start).expect("it is answered");
    drop((crowd, newcomers, fast));
    server.wait_until("all is given back", |stats| stats.connections == 0 && stats.unsent == 0);
}

#[test]
fn thousands_of_stalled_readers_from_one_address_stop_nobody() {
    alone(|| crowd_from(1));
}

#[test]
fn thousands_of_stalled_readers_from_fifty_addresses_stop_nobody() {
    alone(|| crowd_from(50));
}
