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
        let mut bytes = [0; 5];
        peer.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"hello");
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

/// Whether a listener on every address with `only_v6` takes connections by IPv4; `None` where there
/// is no IPv6.
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
        assert_eq!(accepted(&options).0.asked(|socket| socket.tcp_nodelay()).unwrap(), nodelay);
    }
}

fn accepted(options: &ListenOptions) -> super::super::Socket {
    let listener = Listener::bind(any_port(), options).unwrap();
    let _peer = TcpStream::connect(listener.local_address().unwrap()).unwrap();
    assert!(listener.wait(None).unwrap());
    listener.accept().unwrap().0
}

/// Systems give them on from the listener, or this would be the place to do it for them.
#[test]
fn accepted_sockets_have_the_options_of_their_listener() {
    let plain = accepted(&OPTIONS).0;
    assert!(!plain.asked(|socket| socket.keepalive()).unwrap());
    let options = ListenOptions {
        keepalive: Some(Duration::from_millis(1500)),
        send_buffer: Some(40_000),
        receive_buffer: Some(50_000),
        ..OPTIONS
    };
    let socket = accepted(&options).0;
    assert!(socket.asked(|socket| socket.keepalive()).unwrap());
    let room = |bytes: usize| {
        // Linux counts its own needs along.
        if cfg!(target_os = "linux") { 2 * bytes } else { bytes }
    };
    assert_eq!(socket.asked(|socket| socket.send_buffer_size()).unwrap(), room(40_000));
    assert_eq!(socket.asked(|socket| socket.recv_buffer_size()).unwrap(), room(50_000));
    #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
    {
        assert_eq!(socket.asked(|socket| socket.tcp_keepalive_time()).unwrap(), Duration::from_secs(2));
        assert_eq!(socket.asked(|socket| socket.tcp_keepalive_interval()).unwrap(), Duration::from_secs(1));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn any_time_is_one_that_the_system_takes() {
    for (silence, seconds) in [(Duration::ZERO, 1), (Duration::from_secs(60), 60), (Duration::MAX, 32_767)] {
        let socket = accepted(&ListenOptions { keepalive: Some(silence), ..OPTIONS }).0;
        assert_eq!(socket.asked(|socket| socket.tcp_keepalive_time()).unwrap(), Duration::from_secs(seconds));
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
