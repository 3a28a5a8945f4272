//! Requests one by one, on a connection of their own, or on one that stays open.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::response::Head;
use crate::socket;

const BUFFER: usize = 64 * 1024;

/// How a single request went.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    pub status: u16,
    pub body: usize,
    /// From before connecting, or from sending on a connection that was there, until the last octet.
    pub latency: Duration,
}

/// Asks for `path` on a new connection.
pub fn get(target: SocketAddr, path: &str) -> io::Result<Reply> {
    let start = Instant::now();
    let reply = Client::connect(target)?.get(path)?;
    Ok(Reply { latency: start.elapsed(), ..reply })
}

/// Connects from the `client`th loopback address, asks for `path` once and leaves the connection open.
pub fn get_and_stay(target: SocketAddr, path: &str, client: usize) -> io::Result<TcpStream> {
    let stream = socket::open(target, Some(socket::source(client)), None)?;
    let mut client = Client { stream, target, buffer: vec![0; BUFFER] };
    let reply = client.get(path)?;
    if reply.status == 200 {
        Ok(client.stream)
    } else {
        Err(io::Error::other(format!("{path} was answered with {}", reply.status)))
    }
}

/// Waits for the first octet of the answer to `path` on a new connection, and for no more.
pub fn first_octet(target: SocketAddr, path: &str) -> io::Result<()> {
    let mut client = Client { stream: socket::open(target, None, None)?, target, buffer: Vec::new() };
    client.ask(path)?;
    client.stream.read_exact(&mut [0])
}

/// A header field, as a line, that asks for `path` only if that is no longer what it is now. None: the server says
/// nothing by which one could ask.
pub fn condition(target: SocketAddr, path: &str) -> io::Result<Option<String>> {
    let mut client = Client::connect(target)?;
    client.get(path)?;
    let head = String::from_utf8_lossy(&client.buffer).into_owned();
    let value = |name: &str| {
        let fields =
            head.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1.to_owned())
    };
    let etag = value("ETag").map(|tag| format!("If-None-Match: {tag}\r\n"));
    Ok(etag.or_else(|| value("Last-Modified").map(|date| format!("If-Modified-Since: {date}\r\n"))))
}

/// A client that asks for one thing after another, and keeps nothing of what it gets.
pub struct Client {
    stream: TcpStream,
    target: SocketAddr,
    buffer: Vec<u8>,
}

impl Client {
    pub fn connect(target: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: socket::open(target, None, None)?, target, buffer: vec![0; BUFFER] })
    }

    pub fn get(&mut self, path: &str) -> io::Result<Reply> {
        let start = Instant::now();
        self.ask(path)?;
        let mut filled = 0;
        let head = loop {
            filled += self.read(filled)?;
            if let Some(head) = Head::parse(self.buffer.get(..filled).unwrap_or_default())? {
                break head;
            }
        };
        let body = head.body.ok_or_else(|| io::Error::other("the response has no Content-Length"))?;
        let mut missing = (head.length + body).saturating_sub(filled);
        while missing > 0 {
            // What comes now may overwrite what came before, but not the head.
            missing = missing.saturating_sub(self.read(head.length)?);
        }
        Ok(Reply { status: head.status, body, latency: start.elapsed() })
    }

    /// In one piece, as clients do: each argument of a `write!` to the stream would be a segment of its own.
    fn ask(&mut self, path: &str) -> io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.target);
        self.stream.write_all(request.as_bytes())
    }

    /// Reads into the buffer from `start` on; an end is an error, and so is a head that does not fit.
    fn read(&mut self, start: usize) -> io::Result<usize> {
        match self.stream.read(self.buffer.get_mut(start..).unwrap_or_default())? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}
