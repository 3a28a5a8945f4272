//! Receiving, sending, looking for the end.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::{OPTIONS, any_port};
use super::{fill, pair, pair_from_stream, recv_all};
use crate::sys::{Interest, Socket, is_disconnect};
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::sys::{ListenOptions, Listener};

#[test]
fn receives_what_is_there_then_would_block_then_the_end() {
    for (socket, mut peer) in [pair(), pair_from_stream()] {
        let mut buf = [0; 64];
        assert_eq!(socket.recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        peer.write_all(b"hello").unwrap();
        assert_eq!(recv_all(&socket, 5), b"hello");
        assert_eq!(socket.recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(peer);
        assert!(socket.wait(Interest::Read, None).unwrap());
        assert_eq!(socket.recv(&mut buf).unwrap(), 0);
        assert_eq!(socket.recv(&mut buf).unwrap(), 0);
    }
}

#[test]
fn a_small_buffer_leaves_the_rest() {
    let (socket, mut peer) = pair();
    peer.write_all(b"hello").unwrap();
    drop(peer);
    assert_eq!(recv_all(&socket, 2), b"he");
    assert_eq!(recv_all(&socket, 2), b"ll");
    assert_eq!(recv_all(&socket, 2), b"o");
}

#[test]
fn sends_with_and_without_more_to_follow() {
    let (socket, mut peer) = pair();
    assert_eq!(socket.send(b"one ", true).unwrap(), 4);
    assert_eq!(socket.send(b"two three ", true).unwrap(), 10);
    assert_eq!(socket.send(b"", false).unwrap(), 0);
    assert_eq!(socket.send(b"four", false).unwrap(), 4);
    drop(socket);
    let mut text = String::new();
    peer.read_to_string(&mut text).unwrap();
    assert_eq!(text, "one two three four");
}

#[test]
fn a_full_socket_would_block_until_the_peer_reads() {
    let (socket, mut peer) = pair();
    let filled = fill(&socket);
    assert_eq!(socket.send(b"x", false).unwrap_err().kind(), ErrorKind::WouldBlock);
    let mut bytes = vec![0; filled];
    peer.read_exact(&mut bytes).unwrap();
    assert!(socket.wait(Interest::Write, None).unwrap());
    assert_eq!(socket.send(b"x", false).unwrap(), 1);
}

/// A socket whose peer closed with bytes unread, which makes a reset of it.
fn reset() -> Socket {
    let (socket, peer) = pair();
    socket.send(b"unread", false).unwrap();
    peer.peek(&mut [0; 1]).unwrap();
    drop(peer);
    assert!(socket.wait(Interest::Read, None).unwrap());
    socket
}

#[test]
fn a_reset_is_a_disconnect_and_no_signal() {
    let socket = reset();
    assert!(is_disconnect(&socket.recv(&mut [0; 8]).unwrap_err()));
    for _ in 0..2 {
        assert!(is_disconnect(&socket.send(b"x", false).unwrap_err()));
        assert!(is_disconnect(&socket.send(b"x", true).unwrap_err()));
    }
    assert!(is_disconnect(&socket.shutdown(Shutdown::Both).unwrap_err()));
}

#[test]
fn the_end_is_seen_once_everything_was_read() {
    let (socket, mut peer) = pair();
    assert!(!socket.at_end());
    peer.write_all(b"x").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    assert!(socket.wait(Interest::Read, None).unwrap());
    assert!(!socket.at_end());
    assert!(!socket.at_end(), "looking takes nothing");
    assert_eq!(recv_all(&socket, 1), b"x");
    assert!(socket.wait(Interest::Read, None).unwrap());
    assert!(socket.at_end());
    assert_eq!(socket.send(b"still open this way", false).unwrap(), 19);
}

#[test]
fn a_broken_connection_is_at_its_end() {
    let socket = reset();
    assert!(socket.at_end());
    assert!(socket.recv(&mut [0; 1]).is_err() || socket.at_end());
    assert!(socket.at_end());
}

#[cfg(all(unix, not(feature = "portable-sys")))]
#[test]
fn a_broken_connection_is_at_its_end_even_with_bytes_unread() {
    let (socket, mut peer) = pair();
    peer.write_all(b"next request").unwrap();
    socket.send(b"unread", false).unwrap();
    peer.peek(&mut [0; 1]).unwrap();
    drop(peer);
    while !socket.at_end() {
        assert!(socket.wait(Interest::Read, None).unwrap());
    }
}

#[test]
fn a_socket_that_was_shut_down_here_is_at_its_end() {
    let (socket, mut peer) = pair();
    socket.shutdown(Shutdown::Both).unwrap();
    assert!(socket.at_end());
    assert!(is_disconnect(&socket.send(b"x", false).unwrap_err()));
    assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn shutting_one_direction_leaves_the_other() {
    let (socket, mut peer) = pair();
    socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
    peer.write_all(b"late").unwrap();
    assert_eq!(recv_all(&socket, 4), b"late");
}

/// Without a bound Linux takes some megabytes.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn the_system_is_no_further_ahead_than_it_may_be() {
    const AHEAD: usize = 64 * 1024;
    let options = ListenOptions { send_ahead: Some(AHEAD), ..OPTIONS };
    let listener = Listener::bind(any_port(), &options).unwrap();
    let peer = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    // What the peer's system takes is not ahead.
    peer.set_recv_buffer_size(4096).unwrap();
    peer.connect(&listener.local_address().unwrap().into()).unwrap();
    assert!(listener.wait(None).unwrap());
    let (socket, _) = listener.accept().unwrap();
    let bounded = fill(&socket);
    assert!((AHEAD / 2..4 * AHEAD).contains(&bounded), "{bounded}");
    socket.bound_ahead(None);
    let unbounded = fill(&socket);
    assert!(unbounded > 4 * AHEAD, "{unbounded}");
    // It can be told again.
    socket.bound_ahead(Some(AHEAD));
    assert_eq!(socket.send(b"x", false).unwrap_err().kind(), ErrorKind::WouldBlock);
}
