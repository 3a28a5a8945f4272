//! Listings of a long directory, read slowly by many: what they take is bounded, and what is sent
//! is whole.
//!
//! There is one test, as it looks at the memory of the whole process.

#![cfg(target_os = "linux")] // which tells how much memory a process has

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use crate::support::alone;
use crate::support::engine::{NEVER, PATIENCE, Served, http};
use crate::support::process::memory;
use serve_forever::SimpleHttpRequestHandler;
use socket2::{Domain, Socket, Type};

/// Names in the directory, and characters of each.
const NAMES: usize = 100_000;
const LENGTH: usize = 60;

/// Clients that read the beginning of a listing only.
const CLIENTS: usize = 16;

/// What all of them together may take, in KiB: far less than the names for each, which are 8 MB.
const MOST: usize = 64 * 1024;

/// A directory that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}_{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        let folder = Self(path);
        // Other names of one file take the least time to make.
        folder.add(0);
        for number in 1..NAMES {
            let linked = fs::hard_link(folder.path(number / 10_000 * 10_000), folder.path(number));
            if linked.is_err() {
                folder.add(number);
            }
        }
        folder
    }

    fn path(&self, number: usize) -> PathBuf {
        self.0.join(name(number))
    }

    fn add(&self, number: usize) {
        fs::write(self.path(number), "").expect("a file");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn name(number: usize) -> String {
    format!("{number:0>LENGTH$}")
}

fn serve(folder: &Folder, memory: u64) -> Served {
    let handler =
        SimpleHttpRequestHandler::builder().directory(&folder.0).listing_memory(memory).build().expect("it");
    http(move || handler.clone(), |builder| builder.loops(2).write_timeout(NEVER).minimum_rate(0, NEVER))
}

/// A client that asks for the listing and reads no more than the beginning of it.
fn begin(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("SO_RCVBUF");
    socket.connect(&address.into()).expect("the server accepts");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("the request");
    let mut status = [0; 15];
    stream.read_exact(&mut status).expect("the status");
    assert_eq!(&status, b"HTTP/1.1 200 OK");
    stream
}

/// The names in the rest of a listing.
fn names(mut stream: TcpStream) -> Vec<String> {
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("the rest");
    assert!(page.ends_with("</ul>\n<hr>\n</body>\n</html>\n"), "it is cut");
    let links = page.split("<li><a href=\"").skip(1);
    links.map(|link| link.split_once('"').expect("its end").0.to_owned()).collect()
}

#[test]
fn rule_120_long_listings_that_are_read_slowly_are_bounded_and_whole() {
    alone(|| {
        let folder = Folder::new("long_listing");
        share_names(&folder);
        drop_names_of_others(&folder);
    });
}

/// Clients that read slowly share the names of one directory.
fn share_names(folder: &Folder) {
    let server = serve(folder, u64::MAX);
    let first = begin(server.address());
    let before = memory("RssAnon");
    let clients: Vec<_> = (1..CLIENTS).map(|_| begin(server.address())).collect();
    let grown = memory("RssAnon").saturating_sub(before);
    assert!(grown < MOST, "{grown} KiB for {CLIENTS} clients");
    let all: Vec<_> = (0..NAMES).map(name).collect();
    assert!(names(first) == all);
    drop(clients);
}

/// Where the names differ each time, those of others are dropped, and read again.
fn drop_names_of_others(folder: &Folder) {
    let server = serve(folder, 16 * 1024 * 1024);
    let first = begin(server.address());
    let before = memory("RssAnon");
    let clients: Vec<_> = (1..CLIENTS)
        .map(|number| {
            folder.add(NAMES + number);
            begin(server.address())
        })
        .collect();
    let grown = memory("RssAnon").saturating_sub(before);
    assert!(grown < MOST, "{grown} KiB for {CLIENTS} clients");
    drop(clients);
    // What was there all the time is there once, and so is what is there now.
    let all: Vec<_> = (0..NAMES).chain(NAMES + 1..NAMES + CLIENTS).map(name).collect();
    assert!(names(first) == all);
    // A new listing is of the directory as it is now.
    fs::remove_file(folder.path(0)).expect("it is there");
    assert!(names(begin(server.address())) == all[1..]);
}
