//! The examples whose connections live long, as processes of their own.

use std::net::TcpStream;
use std::time::Duration;

use crate::support::program::Example;
use tungstenite::{Message, client};

#[test]
fn events_are_pushed_to_all_who_listen() {
    let example = Example::start("events");
    let mut listeners: Vec<_> =
        (0..3).map(|_| example.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    for client in &mut listeners {
        let head = client.response_to_head();
        assert_eq!((head.code(), head.field("Content-Type").as_deref()), (200, Some("text/event-stream")));
        assert_eq!(client.take(34), b"1c\r\nevent: welcome\ndata: hello\n\n\r\n");
    }
    for client in &mut listeners {
        assert_eq!(client.take(22), b"1e\r\nevent: tick\ndata: ");
        assert!(client.take(10).iter().all(u8::is_ascii_digit));
        assert_eq!(client.take(4), b"\n\n\r\n");
    }
    let mut client = example.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.response().text().contains("EventSource"));
}

#[test]
fn a_web_socket_answers_and_pushes() {
    let example = Example::start("websocket");
    let stream = TcpStream::connect(example.address()).expect("it accepts");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let (mut socket, response) =
        client(format!("ws://{}/chat", example.address()), stream).expect("the handshake");
    assert_eq!(response.status(), 101);
    let mut next = || socket.read().expect("a message");
    // Nobody said anything for a second.
    assert_eq!(next(), Message::text("still here (1)"));
    socket.send(Message::text("tea")).expect("it takes it");
    assert_eq!(socket.read().expect("a message"), Message::text("TEA"));
    let large = vec![7; 300_000];
    socket.send(Message::binary(large.clone())).expect("it takes it");
    assert_eq!(socket.read().expect("a message"), Message::binary(large));
    socket.close(None).expect("it can be closed");
    while socket.read().is_ok() {}
}

#[test]
fn what_is_no_web_socket_is_told_so() {
    let example = Example::start("websocket");
    for (fields, code) in [
        ("", 400),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n", 426),
    ] {
        let mut client = example.connect();
        client.send(format!("GET /chat HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        assert_eq!(client.response().code(), code, "{fields}");
    }
    // The example of RFC 6455 §1.3, to the letter.
    let mut client = example.connect();
    client.send(
        "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    let head = client.response_to_head();
    assert_eq!(head.code(), 101);
    assert_eq!(head.field("Sec-WebSocket-Accept").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
}
