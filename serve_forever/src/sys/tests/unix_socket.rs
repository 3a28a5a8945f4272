//! Unix sockets: their files, and what is different from TCP.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::OPTIONS;
use crate::sys::{Interest, Listener, NO_ADDRESS, Socket};

/// A directory of its own for each test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("serve-forever-unix-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn listen(path: &Path) -> std::io::Result<Listener> {
    Listener::bind_unix(path, None, &OPTIONS)
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn pair(path: &Path) -> (Socket, UnixStream) {
    let listener = listen(path).unwrap();
    let peer = UnixStream::connect(path).unwrap();
    assert!(listener.wait(None).unwrap());
    (listener.accept().unwrap().0, peer)
}

#[test]
fn a_connection_carries_bytes_both_ways_and_has_no_address() {
    let directory = Directory::new();
    let listener = listen(&directory.socket()).unwrap();
    assert_eq!(listener.local_address().unwrap(), NO_ADDRESS);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let mut peer = UnixStream::connect(directory.socket()).unwrap();
    assert!(listener.wait(None).unwrap());
    let (socket, address) = listener.accept().unwrap();
    assert_eq!(address, NO_ADDRESS);
    assert_eq!(socket.recv(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    peer.write_all(b"ping").unwrap();
    assert_eq!(super::recv_all(&socket, 4), b"ping");
    assert_eq!(socket.send(b"pong", true).unwrap(), 4);
    socket.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    peer.read_to_string(&mut text).unwrap();
    assert_eq!(text, "pong");
}

#[test]
fn a_client_with_a_path_of_its_own_has_no_address_either() {
    let directory = Directory::new();
    let listener = listen(&directory.socket()).unwrap();
    let client = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    client.bind(&socket2::SockAddr::unix(directory.0.join("client")).unwrap()).unwrap();
    client.connect(&socket2::SockAddr::unix(directory.socket()).unwrap()).unwrap();
    assert!(listener.wait(None).unwrap());
    assert_eq!(listener.accept().unwrap().1, NO_ADDRESS);
}

#[test]
fn who_waits_is_woken_by_bytes_by_room_and_by_the_end() {
    let directory = Directory::new();
    let (socket, mut peer) = pair(&directory.socket());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| socket.wait(Interest::Read, None).unwrap());
        peer.write_all(b"x").unwrap();
        assert!(waiter.join().unwrap());
        assert_eq!(socket.recv(&mut [0; 8]).unwrap(), 1);

        let filled = super::fill(&socket);
        let waiter = scope.spawn(|| socket.wait(Interest::Write, None).unwrap());
        peer.read_exact(&mut vec![0; filled]).unwrap();
        assert!(waiter.join().unwrap());

        assert!(!socket.at_end());
        let waiter = scope.spawn(|| socket.wait(Interest::Read, None).unwrap());
        drop(peer);
        assert!(waiter.join().unwrap());
        assert!(socket.at_end());
    });
}

#[test]
fn shutting_down_wakes_who_waits() {
    let directory = Directory::new();
    let (socket, _peer) = pair(&directory.socket());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| socket.wait(Interest::Read, None).unwrap());
        socket.shutdown(Shutdown::Both).unwrap();
        assert!(waiter.join().unwrap());
    });
}

#[test]
fn the_file_goes_with_the_last_handle() {
    let directory = Directory::new();
    let listener = listen(&directory.socket()).unwrap();
    let clone = listener.try_clone().unwrap();
    assert_eq!(clone.local_address().unwrap(), NO_ADDRESS);
    drop(listener);
    let _peer = UnixStream::connect(directory.socket()).unwrap();
    assert!(clone.wait(None).unwrap());
    assert_eq!(clone.accept().unwrap().1, NO_ADDRESS);
    drop(clone);
    assert!(!exists(&directory.socket()));
}

#[test]
fn a_file_that_took_the_place_of_ours_stays() {
    let directory = Directory::new();
    let listener = listen(&directory.socket()).unwrap();
    fs::remove_file(directory.socket()).unwrap();
    fs::write(directory.socket(), "another's").unwrap();
    drop(listener);
    assert_eq!(fs::read(directory.socket()).unwrap(), b"another's");
}

#[test]
fn what_a_former_server_left_is_replaced() {
    let directory = Directory::new();
    drop(UnixListener::bind(directory.socket()).unwrap());
    assert!(exists(&directory.socket()), "the standard library leaves it there");
    let listener = listen(&directory.socket()).unwrap();
    UnixStream::connect(directory.socket()).unwrap();
    drop(listener);
    assert!(!exists(&directory.socket()));
}

#[test]
fn a_place_where_another_server_listens_is_taken() {
    let directory = Directory::new();
    let _other = UnixListener::bind(directory.socket()).unwrap();
    assert_eq!(listen(&directory.socket()).unwrap_err().kind(), ErrorKind::AddrInUse);
    UnixStream::connect(directory.socket()).unwrap();
}

#[test]
fn it_is_taken_also_while_that_server_has_its_hands_full() {
    let directory = Directory::new();
    let _other =
        Listener::bind_unix(&directory.socket(), None, &super::ListenOptions { backlog: 0, ..OPTIONS })
            .unwrap();
    // A queue of no length takes one all the same.
    let _waiting = UnixStream::connect(directory.socket()).unwrap();
    assert_eq!(listen(&directory.socket()).unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[test]
fn a_socket_of_another_kind_is_left_alone() {
    let directory = Directory::new();
    let _other = UnixDatagram::bind(directory.socket()).unwrap();
    assert_eq!(listen(&directory.socket()).unwrap_err().kind(), ErrorKind::AddrInUse);
    assert!(exists(&directory.socket()));
}

#[test]
fn a_file_that_is_no_socket_is_never_removed() {
    let directory = Directory::new();
    fs::write(directory.socket(), "precious").unwrap();
    assert_eq!(listen(&directory.socket()).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(directory.socket()).unwrap(), b"precious");

    let other = directory.0.join("other");
    drop(UnixListener::bind(&other).unwrap());
    let link = directory.0.join("link");
    std::os::unix::fs::symlink(&other, &link).unwrap();
    assert_eq!(listen(&link).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert!(exists(&link) && exists(&other));
    assert_eq!(listen(&directory.0).unwrap_err().kind(), ErrorKind::AlreadyExists);
}

#[test]
fn the_mode_is_the_one_that_is_asked_for() {
    let directory = Directory::new();
    for mode in [0o600, 0o666] {
        let _listener = Listener::bind_unix(&directory.socket(), Some(mode), &OPTIONS).unwrap();
        assert_eq!(fs::metadata(directory.socket()).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn paths_that_cannot_be_are_errors() {
    let directory = Directory::new();
    let long = directory.0.join("x".repeat(200));
    assert_eq!(listen(&long).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(listen(Path::new("")).unwrap_err().kind(), ErrorKind::InvalidInput);
    // What begins with NUL would be a name outside of the file system.
    assert_eq!(listen(Path::new("\0name")).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(listen(&directory.0.join("missing/socket")).unwrap_err().kind(), ErrorKind::NotFound);
}
