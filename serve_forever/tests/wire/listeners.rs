//! Listening sockets that somebody else made.
#![cfg(unix)]

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};

use crate::support::engine::{get, run};
use crate::support::{Client, reply};
use serve_forever::{AccessLog, Builder, Exchange, Http, HttpServer, Result, handler_fn};

const NONE: &[SocketAddr] = &[];

fn builder() -> Builder<Http<impl serve_forever::BaseHttpRequestHandler + 'static>> {
    let handler = handler_fn(|http: &mut Exchange| -> Result { reply(http, http.address_string()) });
    HttpServer::builder(handler).access_log(AccessLog::off())
}

fn tcp() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).expect("a free port")
}

#[test]
fn a_socket_that_listens_already_is_taken_over_with_who_waits_on_it() {
    let listener = tcp();
    let address = listener.local_addr().expect("an address");
    // Here before there is a server.
    let mut early = Client::connect(address);
    early.send(get("/"));
    let server = run(builder().listener(listener).bind(NONE).expect("it listens"));
    assert_eq!(server.addresses(), [address]);
    assert_eq!(early.response().text(), "127.0.0.1");
    assert_eq!(server.ask(get("/")).text(), "127.0.0.1");
}

#[test]
fn several_are_taken_over_beside_addresses() {
    let (first, second) = (tcp(), tcp());
    let given = [&first, &second].map(|listener| listener.local_addr().expect("an address"));
    let builder = builder().listener(first).listener(OwnedFd::from(second));
    let server = run(builder.bind(("127.0.0.1", 0)).expect("they listen"));
    assert_eq!(server.addresses().len(), 3);
    assert_eq!(server.addresses()[1..], given);
    for &address in server.addresses() {
        let mut client = Client::connect(address);
        client.send(get("/"));
        assert_eq!(client.response().code(), 200);
    }
}

#[test]
fn a_unix_socket_is_taken_over_and_its_file_left_alone() {
    let path = std::env::temp_dir().join(format!("serve-forever-adopted-{}.sock", std::process::id()));
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path).expect("a free path");
    let server = run(builder().listener(listener).bind(NONE).expect("it listens"));
    assert!(server.addresses().is_empty());
    let mut client = UnixStream::connect(&path).expect("it accepts");
    client.set_read_timeout(Some(crate::support::FAILSAFE)).expect("a timeout");
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("it takes it");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it answers");
    assert!(answer.ends_with("\r\n\r\nunix"), "{answer}");
    server.shut_down();
    assert!(path.exists());
    fs::remove_file(&path).expect("it is there");
}

#[test]
fn what_does_not_listen_is_refused() {
    let listener = tcp();
    let stream =
        std::net::TcpStream::connect(listener.local_addr().expect("an address")).expect("it accepts");
    // Apple's systems do not tell.
    let not_listening = (!cfg!(target_vendor = "apple")).then(|| (stream.into(), "does not listen"));
    let others: [(OwnedFd, &str); 2] = [
        (UdpSocket::bind(("127.0.0.1", 0)).expect("a port").into(), "no stream socket"),
        (File::open("Cargo.toml").expect("it is there").into(), "cannot take over"),
    ];
    for (socket, about) in others.into_iter().chain(not_listening) {
        let error = builder().listener(socket).bind(NONE).expect_err("it is unfit");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(about), "{error}");
    }
}

#[test]
fn two_servers_share_a_port_if_both_say_so() {
    let first = run(builder().allow_reuse_port(true).bind(("127.0.0.1", 0)).expect("a free port"));
    let address = first.address();
    let error = builder().bind(address).expect_err("it is the other's");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let second = run(builder().allow_reuse_port(true).bind(address).expect("they share it"));
    assert_eq!(second.addresses(), first.addresses());
    // When one is gone all come to the other.
    first.shut_down();
    for _ in 0..20 {
        assert_eq!(second.ask(get("/")).code(), 200);
    }
}
