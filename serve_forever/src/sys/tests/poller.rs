//! Events, as the engine uses them.

use std::io::{ErrorKind, Write};
use std::time::Instant;

use mio::{Events, Poll, Token};

use super::{MOMENT, listener, pair, recv_all};
use crate::sys::Interest;

struct Poller {
    poll: Poll,
    events: Events,
}

impl Poller {
    fn new() -> Self {
        Self { poll: Poll::new().unwrap(), events: Events::with_capacity(16) }
    }

    /// Waits until `token` is readable.
    fn until_readable(&mut self, token: Token) {
        loop {
            self.poll.poll(&mut self.events, None).unwrap();
            if self.events.iter().any(|event| event.token() == token && event.is_readable()) {
                return;
            }
        }
    }

    /// Whether any event says readable within a moment.
    fn is_anything_readable(&mut self) -> bool {
        let end = Instant::now() + MOMENT;
        while Instant::now() < end {
            self.poll.poll(&mut self.events, Some(MOMENT)).unwrap();
            if self.events.iter().any(mio::event::Event::is_readable) {
                return true;
            }
        }
        false
    }
}

#[test]
fn bytes_are_told_each_time_they_arrive() {
    let (socket, mut peer) = pair();
    let mut poller = Poller::new();
    socket.register(poller.poll.registry(), Token(7)).unwrap();
    for _ in 0..3 {
        peer.write_all(b"hello").unwrap();
        poller.until_readable(Token(7));
        // One short read, and no further call, must be enough for the next event.
        assert_eq!(socket.recv(&mut [0; 64]).unwrap(), 5);
    }
    assert!(!poller.is_anything_readable());
    drop(peer);
    poller.until_readable(Token(7));
    assert_eq!(socket.recv(&mut [0; 64]).unwrap(), 0);
}

#[test]
fn a_socket_that_was_taken_out_is_not_told_of_but_remembered() {
    let (socket, mut peer) = pair();
    let mut poller = Poller::new();
    let registry = poller.poll.registry().try_clone().unwrap();
    socket.register(&registry, Token(1)).unwrap();
    socket.deregister(&registry).unwrap();
    peer.write_all(b"x").unwrap();
    assert!(socket.wait(Interest::Read, None).unwrap());
    assert!(!poller.is_anything_readable());
    socket.register(&registry, Token(2)).unwrap();
    poller.until_readable(Token(2));
}

#[test]
fn threads_may_wait_while_a_registration_stands() {
    let (socket, mut peer) = pair();
    let mut poller = Poller::new();
    socket.register(poller.poll.registry(), Token(3)).unwrap();
    assert!(!socket.wait(Interest::Read, Some(Instant::now() + MOMENT)).unwrap());
    peer.write_all(b"x").unwrap();
    assert!(socket.wait(Interest::Read, None).unwrap());
    poller.until_readable(Token(3));
    assert_eq!(recv_all(&socket, 1), b"x");
    peer.write_all(b"y").unwrap();
    poller.until_readable(Token(3));
}

#[test]
fn registering_twice_is_an_error() {
    let (socket, _peer) = pair();
    let poller = Poller::new();
    socket.register(poller.poll.registry(), Token(1)).unwrap();
    assert_eq!(
        socket.register(poller.poll.registry(), Token(1)).unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
}

#[test]
fn deregistering_what_is_not_registered_is_an_error() {
    let (socket, _peer) = pair();
    let poller = Poller::new();
    assert!(socket.deregister(poller.poll.registry()).is_err());
}

#[test]
fn a_dropped_socket_is_heard_of_no_more() {
    let (socket, mut peer) = pair();
    let mut poller = Poller::new();
    socket.register(poller.poll.registry(), Token(1)).unwrap();
    drop(socket);
    let _ = peer.write_all(b"x");
    assert!(!poller.is_anything_readable());
}

#[test]
fn connections_are_told() {
    let listener = listener();
    let mut poller = Poller::new();
    listener.register(poller.poll.registry(), Token(9)).unwrap();
    for _ in 0..2 {
        let _peer = std::net::TcpStream::connect(listener.local_address().unwrap()).unwrap();
        poller.until_readable(Token(9));
        listener.accept().unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    listener.deregister(poller.poll.registry()).unwrap();
    let _peer = std::net::TcpStream::connect(listener.local_address().unwrap()).unwrap();
    assert!(listener.wait(None).unwrap());
    assert!(!poller.is_anything_readable());
}
