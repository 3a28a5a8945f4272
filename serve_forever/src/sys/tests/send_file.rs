//! Files to sockets.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::{fill, pair};
use crate::sys::{Interest, SEND_FILE_PIECE, Socket, is_disconnect};

/// A file that is removed at the end of its test.
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    fn with(bytes: &[u8]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("serve_forever-sys-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::write(&path, bytes).unwrap();
        Self { file: File::open(&path).unwrap(), path }
    }

    fn truncate(&self, length: u64) {
        File::options().write(true).open(&self.path).unwrap().set_len(length).unwrap();
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index % 251) as u8).collect()
}

/// Sends that part of the file, and the end after it; returns how much there was.
fn send_part(socket: &Socket, file: &File, start: u64, end: u64) -> u64 {
    let mut offset = start;
    while offset < end {
        match socket.send_file(file, offset, end - offset) {
            Ok(0) => break,
            Ok(sent) => {
                assert!(sent <= SEND_FILE_PIECE.min(end - offset));
                offset += sent;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(socket.wait(Interest::Write, None).unwrap());
            }
            Err(error) => panic!("{error}"),
        }
    }
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    offset - start
}

/// Sends that part to a peer that reads it, and returns what came.
fn transfer(file: &File, start: u64, end: u64) -> Vec<u8> {
    let (socket, mut peer) = pair();
    thread::scope(|scope| {
        let sender = scope.spawn(|| send_part(&socket, file, start, end));
        let mut received = Vec::new();
        peer.read_to_end(&mut received).unwrap();
        assert_eq!(sender.join().unwrap(), received.len() as u64);
        received
    })
}

#[test]
fn parts_of_a_file_arrive_whole() {
    let content = bytes(3 * 1024 * 1024 + 17);
    let temporary = Temporary::with(&content);
    assert_eq!(transfer(&temporary.file, 0, content.len() as u64), content);
    assert_eq!(transfer(&temporary.file, 1_000_003, 2_500_000), content[1_000_003..2_500_000]);
    assert_eq!(transfer(&temporary.file, 5, 6), content[5..6]);
    assert!(transfer(&temporary.file, 5, 5).is_empty());
}

#[test]
fn many_connections_share_one_file() {
    let content = bytes(500_000);
    let temporary = Temporary::with(&content);
    thread::scope(|scope| {
        for start in [0, 1, 100_000, 499_999] {
            let (file, content) = (&temporary.file, &content);
            scope.spawn(move || assert_eq!(transfer(file, start as u64, 500_000), content[start..]));
        }
    });
}

#[cfg(unix)]
#[test]
fn the_files_own_cursor_stays() {
    use std::io::Seek;
    let temporary = Temporary::with(&bytes(1000));
    let mut file = &temporary.file;
    file.seek(std::io::SeekFrom::Start(10)).unwrap();
    assert_eq!(transfer(&temporary.file, 500, 1000).len(), 500);
    assert_eq!(file.stream_position().unwrap(), 10);
}

#[test]
fn a_file_that_shrinks_ends_early() {
    let temporary = Temporary::with(&bytes(10_000));
    let (socket, _peer) = pair();
    assert_eq!(socket.send_file(&temporary.file, 0, 4000).unwrap(), 4000);
    temporary.truncate(5000);
    assert_eq!(socket.send_file(&temporary.file, 4000, 6000).unwrap(), 1000);
    assert_eq!(socket.send_file(&temporary.file, 5000, 5000).unwrap(), 0);
    temporary.truncate(100);
    assert_eq!(socket.send_file(&temporary.file, 5000, 5000).unwrap(), 0);
    assert_eq!(socket.send_file(&temporary.file, 0, 0).unwrap(), 0);
}

#[test]
fn lengths_beyond_the_file_are_harmless() {
    let content = bytes(2000);
    let temporary = Temporary::with(&content);
    assert_eq!(transfer(&temporary.file, 500, u64::MAX), content[500..]);
}

#[test]
fn a_full_socket_would_block() {
    let temporary = Temporary::with(&bytes(100));
    let (socket, _peer) = pair();
    fill(&socket);
    let error = socket.send_file(&temporary.file, 0, 100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_peer_that_left_is_a_disconnect_and_no_signal() {
    let temporary = Temporary::with(&bytes(100));
    let (socket, peer) = pair();
    socket.send(b"unread", false).unwrap();
    peer.peek(&mut [0; 1]).unwrap();
    drop(peer);
    assert!(socket.wait(Interest::Read, None).unwrap());
    for _ in 0..3 {
        assert!(is_disconnect(&socket.send_file(&temporary.file, 0, 100).unwrap_err()));
    }
}

#[test]
fn a_directory_is_an_error() {
    let (socket, _peer) = pair();
    if let Ok(directory) = File::open(std::env::temp_dir()) {
        assert!(socket.send_file(&directory, 0, 100).is_err());
    }
}

/// Files that the kernel makes up as they are read, of which it refuses some to `sendfile`.
#[cfg(target_os = "linux")]
#[test]
fn files_that_sendfile_may_refuse_are_copied() {
    for path in ["/proc/version", "/proc/self/environ", "/proc/self/cmdline", "/proc/sys/kernel/ostype"] {
        let expected = fs::read(path).unwrap();
        assert_eq!(transfer(&File::open(path).unwrap(), 0, u64::MAX), expected, "{path}");
    }
}

#[test]
fn the_copy_goes_in_pieces_and_reports_what_went_out() {
    use crate::sys::copy::copy;
    let content = bytes(200_000);
    let temporary = Temporary::with(&content);
    let mut received = Vec::new();
    loop {
        let offset = received.len() as u64;
        let copied = copy(&temporary.file, offset, u64::MAX, |bytes| {
            // As a socket with little room takes a part.
            let part = bytes.len().min(50_000);
            received.write(&bytes[..part])
        });
        match copied.unwrap() {
            0 => break,
            copied => assert!(copied <= 50_000),
        }
    }
    assert_eq!(received, content);
}
