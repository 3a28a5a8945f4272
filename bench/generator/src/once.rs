//! One request on a connection of its own, or on one that stays open.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::response::Head;
use crate::socket;

const BUFFER: usize = 16 * 1024;

/// How a single request went.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    pub status: u16,
    pub body: usize,
    /// From before connecting until the last octet.
    pub latency: Duration,
}

/// Asks for `path` on a new connection.
pub fn get(target: SocketAddr, path: &str) -> io::Result<Reply> {
    let start = Instant::now();
    let mut stream = socket::open(target, None, None)?;
    let reply = ask(&mut stream, target, path)?;
    Ok(Reply { latency: start.elapsed(), ..reply })
}

/// Connects from the `client`th loopback address, asks for `path` once and leaves the connection open.
pub fn get_and_stay(target: SocketAddr, path: &str, client: usize) -> io::Result<TcpStream> {
    let mut stream = socket::open(target, Some(socket::source(client)), None)?;
    let reply = ask(&mut stream, target, path)?;
    if reply.status == 200 {
        Ok(stream)
    } else {
        Err(io::Error::other(format!("{path} was answered with {}", reply.status)))
    }
}

fn ask(stream: &mut TcpStream, target: SocketAddr, path: &str) -> io::Result<Reply> {
    let start = Instant::now();
    // In one piece, as clients do: each argument of a `write!` to the stream would be a segment of its own.
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {target}\r\n\r\n").as_bytes())?;
    let mut octets = Vec::new();
    let mut buffer = [0; BUFFER];
    loop {
        if let Some(head) = Head::parse(&octets)? {
            let body = head.body.ok_or_else(|| io::Error::other("the response has no Content-Length"))?;
            if octets.len() >= head.length + body {
                return Ok(Reply { status: head.status, body, latency: start.elapsed() });
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => octets.extend_from_slice(buffer.get(..read).unwrap_or_default()),
        }
    }
}
