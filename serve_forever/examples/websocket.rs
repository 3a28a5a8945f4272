//! A WebSocket that answers messages, and sends one by itself when it has received nothing for a
//! second.
//!
//! `tungstenite` implements the protocol on a connection from `Exchange::upgrade`. Each WebSocket
//! holds a thread.

use std::env;
use std::io::{ErrorKind, Write};
use std::time::Duration;

use serve_forever::{BaseHttpRequestHandler, Exchange, HttpServer, Result, StatusError, Stream};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;
use tungstenite::{Error, Message, WebSocket};

struct Handler;

impl BaseHttpRequestHandler for Handler {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        match http.url_path() {
            "/" => {
                http.send_response(200)
                    .send_header("Content-Type", "text/html; charset=utf-8")
                    .end_headers()?;
                http.wfile().write_all(PAGE.as_bytes())?;
            }
            "/chat" => {
                // RFC 6455 §4.2: the key shows that the client wants a WebSocket.
                let Some(key) = http.headers().get("Sec-WebSocket-Key") else {
                    return Err(StatusError::new(400).explain("Sec-WebSocket-Key is missing").into());
                };
                if http.headers().get("Sec-WebSocket-Version") != Some("13") {
                    return Err(StatusError::new(426).header("Sec-WebSocket-Version", "13").into());
                }
                http.send_response(101)
                    .send_header("Upgrade", "websocket")
                    .send_header("Sec-WebSocket-Accept", derive_accept_key(key.as_bytes()))
                    .end_headers()?;
                let stream = http.upgrade()?;
                chat(WebSocket::from_raw_socket(stream, Role::Server, None))?;
            }
            _ => http.send_error(404, None, None)?,
        }
        Ok(())
    }
}

fn chat(mut socket: WebSocket<Stream>) -> tungstenite::Result<()> {
    socket.get_mut().set_read_timeout(Some(Duration::from_secs(1)));
    // A client that reads nothing must not hold its thread for long.
    socket.get_mut().set_write_timeout(Some(Duration::from_secs(10)));
    let mut pushed = 0;
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => socket.send(Message::text(text.to_uppercase()))?,
            Ok(message @ Message::Binary(_)) => socket.send(message)?,
            // `tungstenite` answers pings by itself.
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == ErrorKind::TimedOut => {
                pushed += 1;
                socket.send(Message::text(format!("still here ({pushed})")))?;
            }
            Err(Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn main() -> std::io::Result<()> {
    let port = env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8080);
    let server = HttpServer::bind(("localhost", port), || Handler)?;
    println!("http://{}/", server.server_addresses()[0]);
    server.serve_forever()
}

const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Chat</title>
<form><input autofocus> <button>Send</button></form>
<pre></pre>
<script>
const socket = new WebSocket(`ws://${location.host}/chat`);
socket.onmessage = event => document.querySelector("pre").append(event.data + "\n");
document.forms[0].onsubmit = event => {
    event.preventDefault();
    socket.send(document.querySelector("input").value);
};
</script>
"#;
