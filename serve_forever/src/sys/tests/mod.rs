//! Each promise of the face, tested on whichever back end is chosen; the other one is tested by
//! changing the feature `portable-sys`.

mod directory;
mod listener;
mod open;
mod poller;
mod send_file;
mod socket;
#[cfg(unix)]
mod unix_socket;
mod wait;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::{Interest, ListenOptions, Listener, Socket};

/// Long enough for what should not happen.
const MOMENT: Duration = Duration::from_millis(20);

const OPTIONS: ListenOptions = ListenOptions {
    backlog: 16,
    reuse_address: true,
    nodelay: true,
    only_v6: false,
    reuse_port: false,
    keepalive: None,
    send_buffer: None,
    receive_buffer: None,
    send_ahead: None,
};

/// An address on which the system chooses the port.
fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn listener() -> Listener {
    Listener::bind(any_port(), &OPTIONS).unwrap()
}

/// A socket as `accept` makes them, and its peer, which blocks.
fn pair() -> (Socket, TcpStream) {
    let listener = listener();
    let peer = TcpStream::connect(listener.local_address().unwrap()).unwrap();
    assert!(listener.wait(None).unwrap());
    let (socket, address) = listener.accept().unwrap();
    assert_eq!(address, peer.local_addr().unwrap());
    (socket, peer)
}

/// As [`pair`], of a stream that was made elsewhere.
fn pair_from_stream() -> (Socket, TcpStream) {
    let listener = TcpListener::bind(any_port()).unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0.into(), peer)
}

/// Sends until no more goes in, and says how much did.
fn fill(socket: &Socket) -> usize {
    let mut filled = 0;
    // The peer's kernel takes some off it for a while, of which a wait need not tell: systems call
    // a socket writable when there is a good deal of room. So it is full when there is no room at
    // the end of a wait that was in vain.
    let mut waited_in_vain = false;
    loop {
        match socket.send(&[b'x'; 16 * 1024], false) {
            Ok(sent) => {
                filled += sent;
                waited_in_vain = false;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if waited_in_vain {
                    return filled;
                }
                waited_in_vain = !socket.wait(Interest::Write, Some(Instant::now() + MOMENT)).unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Receives `count` bytes, or those before the end.
fn recv_all(socket: &Socket, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let mut received = 0;
    while received < count {
        assert!(socket.wait(Interest::Read, None).unwrap());
        match socket.recv(&mut bytes[received..]) {
            Ok(0) => break,
            Ok(more) => received += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
    bytes.truncate(received);
    bytes
}
