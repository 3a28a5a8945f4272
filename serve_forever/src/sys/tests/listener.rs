//! Taking connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::{OPTIONS, any_port, listener};
use crate::sys::{ListenOptions, Listener, descriptor_limit, raise_descriptor_limit, unix_time};

#[test]
fn without_a_connection_it_would_block_or_wait_until_the_deadline() {
    let listener = listener();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let deadline = Instant::now() + Duration::from_millis(20);
    assert!(!listener.wait(Some(deadline)).unwrap());
    assert!(Instant::now() >= deadline);
}

#[test]
fn a_connection_wakes_who_waits_for_it() {
    let listener = listener();
    let address = listener.local_address().unwrap();
    assert_ne!(address.port(), 0);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| listener.wait(None).unwrap());
        let mut peer = TcpStream::connect(address).unwrap();
        assert!(waiter.join().unwrap());
        let (socket, peer_address) = listener.accept().unwrap();
        assert_eq!(peer_address, peer.local_addr().unwrap());
        assert_eq!(socket.recv(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
        socket.send(b"hello", false).unwrap();
        let mut octets = [0; 5];
        peer.read_exact(&mut octets).unwrap();
        assert_eq!(&octets, b"hello");
    });
}

#[test]
fn a_taken_port_is_refused() {
    let listener = listener();
    let error = Listener::bind(listener.local_address().unwrap(), &OPTIONS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn a_port_with_lingering_connections_can_be_had_again() {
    let first = listener();
    let address = first.local_address().unwrap();
    let mut peer = TcpStream::connect(address).unwrap();
    assert!(first.wait(None).unwrap());
    // This side closes first, so that it is the one that lingers.
    drop(first.accept().unwrap());
    assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
    drop((peer, first));
    Listener::bind(address, &OPTIONS).unwrap();
}

#[test]
fn a_connection_that_came_and_went_is_no_reason_to_fail() {
    let listener = listener();
    let mut peer = TcpStream::connect(listener.local_address().unwrap()).unwrap();
    peer.write_all(b"bye").unwrap();
    drop(peer);
    assert!(listener.wait(None).unwrap());
    let (socket, _) = listener.accept().unwrap();
    assert_eq!(super::recv_all(&socket, 4), b"bye");
}

#[test]
fn a_clone_takes_from_the_same_queue_and_keeps_the_port() {
    let listener = listener();
    let clone = listener.try_clone().unwrap();
    let address = listener.local_address().unwrap();
    assert_eq!(clone.local_address().unwrap(), address);
    drop(listener);
    let peer = TcpStream::connect(address).unwrap();
    assert!(clone.wait(None).unwrap());
    assert_eq!(clone.accept().unwrap().1, peer.local_addr().unwrap());
}

/// Whether a listener on every address with `only_v6` takes connections by IPv4; `None` where there is no IPv6.
fn takes_ipv4(only_v6: bool) -> Option<bool> {
    let options = ListenOptions { only_v6, ..OPTIONS };
    let listener = Listener::bind((Ipv6Addr::UNSPECIFIED, 0).into(), &options).ok()?;
    let address = SocketAddr::from(([127, 0, 0, 1], listener.local_address().unwrap().port()));
    Some(TcpStream::connect(address).is_ok())
}

#[test]
fn only_v6_leaves_ipv4_alone() {
    if let Some(taken) = takes_ipv4(true) {
        assert!(!taken);
    }
}

#[cfg(any(target_os = "linux", target_os = "macos", windows))]
#[test]
fn otherwise_ipv6_takes_both() {
    if let Some(taken) = takes_ipv4(false) {
        assert!(taken);
    }
}

#[test]
fn accepted_sockets_send_at_once_if_so_wished() {
    for nodelay in [true, false] {
        let options = ListenOptions { nodelay, ..OPTIONS };
        let listener = Listener::bind(any_port(), &options).unwrap();
        let _peer = TcpStream::connect(listener.local_address().unwrap()).unwrap();
        assert!(listener.wait(None).unwrap());
        assert_eq!(listener.accept().unwrap().0.0.nodelay().unwrap(), nodelay);
    }
}

#[test]
fn a_raised_limit_is_in_force() {
    let before = descriptor_limit();
    let raised = raise_descriptor_limit().unwrap();
    assert!(raised >= before);
    assert_eq!(descriptor_limit(), raised);
}

#[test]
fn the_time_is_that_of_the_system() {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert!((seconds - 1..=seconds + 1).contains(&unix_time()));
}
