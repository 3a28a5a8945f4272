//! Requests as jobs of one connection, several at a time, as HTTP/2 will serve them.

mod streams;

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::server::builder::Builder;
use crate::server::handle::ServerHandle;
use crate::sync::lock;
use crate::{
    AccessLog, BaseHttpRequestHandler, Exchange, Http, Result, SimpleHttpRequestHandler, Source, handler_fn,
};

use streams::{END, Streams};

/// No test waits for this: it only ends one that would otherwise hang.
const PATIENCE: Duration = Duration::from_secs(30);
const LARGE: usize = 1_000_000;

struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

fn serve<H: BaseHttpRequestHandler + 'static>(make: impl Fn() -> H + Send + Sync + 'static) -> Running {
    let mut builder = Builder::new(Streams(Http::new(make, false))).loops(1);
    builder.access_log = AccessLog::off();
    let server = builder.bind(("127.0.0.1", 0)).expect("a free port");
    let (address, handle) = (server.server_addresses()[0], server.handle());
    let thread = Some(thread::spawn(move || server.serve_forever()));
    Running { address, handle, thread }
}

impl Running {
    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Client { stream, responses: HashMap::new(), ended: Vec::new() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            if !thread::panicking() {
                result.expect("it does not panic").expect("it returns without an error");
            }
        }
    }
}

/// Sends and receives frames: the number of a stream, a length, and so many bytes.
struct Client {
    stream: TcpStream,
    responses: HashMap<u8, Vec<u8>>,
    /// Streams that have ended, in this order. True: as a whole.
    ended: Vec<(u8, bool)>,
}

impl Client {
    fn frame(&mut self, id: u8, bytes: &[u8]) {
        for piece in bytes.chunks(10_000) {
            self.stream
                .write_all(&[&[id], &(piece.len() as u16).to_be_bytes()[..], piece].concat())
                .expect("taken");
        }
    }

    fn end(&mut self, id: u8) {
        self.stream.write_all(&[&[id], &END[..]].concat()).expect("taken");
    }

    fn get(&mut self, id: u8, path: &str) {
        self.frame(id, format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes());
        self.end(id);
    }

    /// Receives one frame.
    fn receive(&mut self) {
        let mut head = [0; 3];
        self.stream.read_exact(&mut head).expect("a frame");
        let length = u16::from_be_bytes([head[1], head[2]]);
        match length {
            0 => self.ended.push((head[0], true)),
            u16::MAX => self.ended.push((head[0], false)),
            length => {
                let mut bytes = vec![0; length.into()];
                self.stream.read_exact(&mut bytes).expect("its bytes");
                self.responses.entry(head[0]).or_default().extend(bytes);
            }
        }
    }

    /// The whole response of a stream: its head and its content.
    #[track_caller]
    fn response(&mut self, id: u8) -> (String, Vec<u8>) {
        while !self.ended.iter().any(|&(ended, _)| ended == id) {
            self.receive();
        }
        assert!(self.ended.contains(&(id, true)), "stream {id} was cut");
        let bytes = self.responses.remove(&id).unwrap_or_default();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        (String::from_utf8_lossy(&bytes[..end]).into_owned(), bytes[end..].to_vec())
    }

    #[track_caller]
    fn content(&mut self, id: u8) -> String {
        let (head, content) = self.response(id);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        String::from_utf8(content).expect("text")
    }
}

fn reply(http: &mut Exchange, text: &str) -> Result {
    http.send_response(200).send_header("Content-Length", text.len()).end_headers()?;
    Ok(http.wfile().write_all(text.as_bytes())?)
}

#[track_caller]
fn wait_until(what: &str, reached: impl Fn() -> bool) {
    let begin = Instant::now();
    while !reached() {
        assert!(begin.elapsed() < PATIENCE, "this does not come to pass: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn files_are_served_on_many_streams_of_one_connection() {
    let directory = std::env::temp_dir().join(format!("serve-forever-streams-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory can be made");
    let large: Vec<u8> = (0..LARGE).map(|at| (at % 251) as u8).collect();
    fs::write(directory.join("small.txt"), "small").expect("a file can be written");
    fs::write(directory.join("large.bin"), &large).expect("a file can be written");
    let files = SimpleHttpRequestHandler::builder().directory(&directory).build().expect("it is there");
    let server = serve(move || files.clone());
    let mut client = server.connect();
    for id in 1..=10 {
        client.get(id, if id % 2 == 0 { "/small.txt" } else { "/large.bin" });
    }
    client.get(11, "/missing");
    for id in 1..=10 {
        let (head, content) = client.response(id);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_eq!(content, if id % 2 == 0 { b"small".to_vec() } else { large.clone() });
    }
    assert!(client.response(11).0.starts_with("HTTP/1.1 404 "));
    drop(server);
    fs::remove_dir_all(&directory).expect("it can be removed");
}

#[test]
fn handlers_that_block_do_not_hold_up_other_streams() {
    let (open, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let server = serve(move || {
        let gate = Arc::clone(&gate);
        handler_fn(move |http: &mut Exchange| {
            if http.path().starts_with("/blocks") {
                lock(&gate).recv_timeout(PATIENCE)?;
            }
            let path = http.path().to_owned();
            reply(http, &path)
        })
    });
    let mut client = server.connect();
    for id in 1..=20 {
        client.get(id, &format!("/blocks/{id}"));
    }
    for id in 21..=40 {
        client.get(id, &format!("/fast/{id}"));
    }
    for id in 21..=40 {
        assert_eq!(client.content(id), format!("/fast/{id}"));
    }
    for _ in 1..=20 {
        open.send(()).expect("somebody waits");
    }
    for id in 1..=20 {
        assert_eq!(client.content(id), format!("/blocks/{id}"));
    }
    wait_until("no thread is held", || server.handle.stats().threads_in_user_code == 0);
}

#[test]
fn bodies_stream_in_both_directions_at_once() {
    let server = serve(|| {
        handler_fn(|http: &mut Exchange| {
            http.send_response(200).end_headers()?;
            let mut sum = 0_usize;
            let mut piece = [0; 1000];
            loop {
                let count = http.rfile().read(&mut piece)?;
                if count == 0 {
                    break;
                }
                sum += count;
                http.wfile().write_all(&piece[..count])?;
                http.wfile().flush()?;
            }
            Ok(write!(http.wfile(), "{sum}")?)
        })
    });
    let mut client = server.connect();
    for id in 1..=4 {
        let head =
            format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", 50_000);
        client.frame(id, head.as_bytes());
    }
    // Their bodies come by turns.
    for _ in 0..50 {
        for id in 1..=4 {
            client.frame(id, &[b'p' + id; 1000]);
        }
    }
    (1..=4).for_each(|id| client.end(id));
    for id in 1..=4 {
        let (head, content) = client.response(id);
        assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
        // No digit of a chunk's size is such a letter.
        assert_eq!(content.split(|&byte| byte == b'p' + id).count(), 50_000 + 1);
        assert!(content.windows(5).any(|five| five == b"50000"));
    }
}

/// Numbers in pieces.
struct Pieces(usize);

impl Source for Pieces {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.resize(50_000, b'x');
        self.0 -= 1;
        Ok(self.0 > 0)
    }
}

#[test]
fn sources_and_large_responses_wait_for_their_client() {
    let server = serve(|| {
        handler_fn(|http: &mut Exchange| {
            http.send_response(200).send_header("Content-Length", LARGE).end_headers()?;
            if http.path() == "/source" {
                return http.send_source(Pieces(LARGE / 50_000));
            }
            Ok(http.wfile().write_all(&vec![b'y'; LARGE])?)
        })
    });
    let mut client = server.connect();
    for id in 1..=6 {
        client.get(id, if id % 2 == 0 { "/source" } else { "/written" });
    }
    for id in 1..=6 {
        let (_, content) = client.response(id);
        assert_eq!(content, vec![if id % 2 == 0 { b'x' } else { b'y' }; LARGE]);
    }
}

#[test]
fn a_handler_that_panics_costs_its_stream_alone() {
    let server = serve(|| {
        handler_fn(|http: &mut Exchange| {
            assert_ne!(http.path(), "/panics", "this is meant");
            reply(http, "well")
        })
    });
    let mut client = server.connect();
    for round in 0..20 {
        client.get(2 * round + 1, "/panics");
        client.get(2 * round + 2, "/");
        assert!(client.response(2 * round + 1).0.starts_with("HTTP/1.1 500 "));
        assert_eq!(client.content(2 * round + 2), "well");
    }
}

#[test]
fn what_a_client_leaves_behind_ends() {
    let server = serve(|| {
        handler_fn(|http: &mut Exchange| {
            io::copy(http.rfile(), &mut io::sink())?;
            reply(http, "never")
        })
    });
    let mut client = server.connect();
    for id in 1..=10 {
        client.frame(id, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\nhalf");
    }
    wait_until("they wait for their bodies", || server.handle.stats().threads_in_user_code > 0);
    drop(client);
    wait_until("nothing is left", || {
        let stats = server.handle.stats();
        stats.threads_in_user_code == 0 && stats.connections == 0
    });
}
