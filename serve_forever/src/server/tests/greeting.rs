//! Handshakes of several rounds before the protocol, which the client and the server compute.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::thread;

use crate::proxy::ProxyProtocol;
use crate::server::builder::Builder;
use crate::transport::veil::{HELLO, Veiling, WELCOME};

use super::lines::Lines;
use super::{Client, NEVER, SOON, serve};

const ROUNDS: u32 = 3;

fn veiled(mut builder: Builder<Lines>) -> Builder<Lines> {
    builder.config.veiling = Some(Veiling { rounds: ROUNDS, is_heard: true });
    builder
}

fn proxied(builder: Builder<Lines>) -> Builder<Lines> {
    let builder = builder.trusted_proxies("127.0.0.1".parse().expect("an address"));
    veiled(builder.proxy_protocol(ProxyProtocol::Required))
}

fn shake_hands(stream: &mut TcpStream, rounds: u32) {
    for _ in 0..rounds {
        stream.write_all(&HELLO).expect("the server takes it");
        let mut welcome = [0];
        stream.read_exact(&mut welcome).expect("an answer");
        assert_eq!(welcome, WELCOME);
    }
}

impl Client {
    fn shaken(mut self) -> Self {
        shake_hands(self.reader.get_mut(), ROUNDS);
        self
    }
}

#[test]
fn the_protocol_begins_when_the_handshake_is_over() {
    let server = serve(veiled);
    let mut client = server.connect().shaken();
    client.send("1 echo one\n");
    client.expect("1 one");
    assert_eq!(server.stats().threads_in_user_code, 0);
}

#[test]
fn what_comes_with_the_last_round_is_the_protocols() {
    let server = serve(veiled);
    let mut client = server.connect();
    shake_hands(client.reader.get_mut(), ROUNDS - 1);
    client.send(&format!("{}1 echo one\n2 echo two\n", String::from_utf8_lossy(&HELLO)));
    let mut welcome = [0];
    client.reader.read_exact(&mut welcome).expect("an answer");
    assert_eq!(client.several(2), ["1 one", "2 two"]);
}

#[test]
fn a_proxy_header_comes_before_the_handshake() {
    let server = serve(proxied);
    let mut client = server.connect();
    client.send("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n");
    let mut client = client.shaken();
    client.send("1 echo one\n");
    client.expect("1 one");
    // All in one piece.
    let mut client = server.connect();
    client.send("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n???1 echo one\n");
    let mut welcome = [0; ROUNDS as usize];
    client.reader.read_exact(&mut welcome).expect("an answer to each");
    client.expect("1 one");
}

#[test]
fn a_handshake_that_fails_ends_the_connection() {
    let server = serve(veiled);
    let mut client = server.connect();
    client.send("x");
    assert_eq!(client.rest(), "");
    let mut client = server.connect();
    shake_hands(client.reader.get_mut(), 1);
    client.send("x");
    assert_eq!(client.rest(), "");
    server.wait_until("both are closed", |stats| stats.connections == 0);
}

#[test]
fn a_handshake_that_is_not_finished_in_time_ends_the_connection() {
    let server = serve(|builder| veiled(builder.head_timeout(SOON)));
    let silent = server.connect();
    let mut slow = server.connect();
    shake_hands(slow.reader.get_mut(), ROUNDS - 1);
    assert_eq!((silent.rest(), slow.rest()), (String::new(), String::new()));
}

#[test]
fn a_connection_too_many_is_told_so_after_the_handshake() {
    let server = serve(|builder| veiled(builder.max_connections_per_address(Some(1))));
    let mut first = server.connect().shaken();
    let second = server.connect().shaken();
    assert_eq!(second.rest(), "too many\n");
    first.send("1 echo one\n");
    first.expect("1 one");
}

#[test]
fn a_server_that_stops_does_not_wait_for_handshakes() {
    let mut server = serve(|builder| veiled(builder.shutdown_timeout(NEVER)));
    let silent = server.connect();
    let mut slow = server.connect();
    shake_hands(slow.reader.get_mut(), 1);
    server.wait_until("both are there", |stats| stats.connections == 2);
    server.handle.shutdown();
    server.returns();
    assert_eq!((silent.rest(), slow.rest()), (String::new(), String::new()));
}

#[test]
fn a_connection_without_a_loop_shakes_hands_too() {
    let server = veiled(Builder::new(Lines::default())).bind(("127.0.0.1", 0)).expect("a free port");
    let client = Client::connect(server.server_addresses()[0]);
    let client = thread::spawn(move || {
        let mut client = client.shaken();
        client.send("1 echo one\n");
        client.expect("1 one");
    });
    assert!(server.handle_request().expect("somebody came"));
    client.join().expect("it gets its answer");
}

/// The transport has taken more than the system takes when the protocol closes the connection.
#[test]
fn what_the_transport_has_taken_is_sent_before_the_end() {
    let server = serve(|builder| veiled(builder.send_buffer_size(Some(4096))));
    let mut client = server.connect().shaken();
    client.send("1 flood\n");
    server.wait_until("the protocol is done", |_| server.flood.load(Ordering::SeqCst) > 0);
    assert_eq!(client.rest().len(), server.flood.load(Ordering::SeqCst));
    server.wait_until("it is closed", |stats| stats.connections == 0);
}
