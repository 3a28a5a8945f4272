//! Descriptors run out because of clients that have stopped reading.
//!
//! The only test of its process: the limit is that of the whole process.

#![cfg(all(unix, not(feature = "portable-sys")))]

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;
use std::{env, fs, io, process};

use crate::support::alone;
use crate::support::engine::{NEVER, PATIENCE, get, http};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serve_forever::SimpleHttpRequestHandler;

/// How many descriptors the process may have.
const DESCRIPTORS: u64 = 160;
/// Far more than the system takes of a file for a client that does not read.
const LENGTH: u64 = 64 * 1024 * 1024;

#[test]
fn a_stalled_reader_gives_its_descriptors_to_who_needs_them() {
    alone(|| {
        let directory = env::temp_dir().join(format!("serve-forever-descriptors-{}", process::id()));
        fs::create_dir(&directory).expect("a directory of our own");
        for number in 0..DESCRIPTORS {
            let file = File::create(directory.join(format!("{number}"))).expect("a file");
            file.set_len(LENGTH).expect("a sparse file");
        }
        fs::write(directory.join("wanted"), vec![b'w'; 256 * 1024]).expect("a file");
        let limit = Rlimit { current: Some(DESCRIPTORS), maximum: getrlimit(Resource::Nofile).maximum };
        setrlimit(Resource::Nofile, limit).expect("a lower limit is allowed");
        let site = SimpleHttpRequestHandler::builder().directory(&directory).build().expect("it is there");
        let server =
            http(move || site.clone(), |builder| builder.loops(1).write_timeout(NEVER).stall_timeout(NEVER));
        let connect = || -> io::Result<TcpStream> {
            let stream = TcpStream::connect(server.address())?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let ask = |path: &str| -> io::Result<(TcpStream, [u8; 12])> {
            let mut stream = connect()?;
            stream.write_all(get(path).as_bytes())?;
            let mut start = [0; 12];
            stream.read_exact(&mut start)?;
            Ok((stream, start))
        };
        // Each takes three: its own, the connection, and the file. As many as there are.
        let mut stalled = Vec::new();
        for number in 0..DESCRIPTORS {
            match ask(&format!("/{number}")) {
                Ok((stream, start)) if &start == b"HTTP/1.1 200" => stalled.push(stream),
                _ => break,
            }
        }
        assert!(stalled.len() as u64 > DESCRIPTORS / 6, "{}", stalled.len());
        // The client itself needs one.
        drop(stalled.pop());
        let begin = Instant::now();
        loop {
            match ask("/wanted") {
                Ok((_, start)) if &start == b"HTTP/1.1 200" => break,
                Ok((_, start)) => assert_eq!(&start, b"HTTP/1.1 503"),
                // There may be none for the client.
                Err(error) => assert_ne!(error.kind(), ErrorKind::WouldBlock, "it is not answered"),
            }
            assert!(begin.elapsed() < PATIENCE, "{:?}", server.stats());
        }
        drop(stalled);
        drop(server);
        fs::remove_dir_all(&directory).expect("it is ours");
    });
}
