//! Requests one by one, on a connection of their own, or on one that stays open.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::response::{Head, NOT_MODIFIED};
use crate::socket;

const BUFFER: usize = 64 * 1024;

/// How a single request went.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    pub status: u16,
    pub body: usize,
    /// From before connecting, or from sending on a connection that was there, until the last byte.
    pub latency: Duration,
}

/// Asks for `path` on a new connection.
pub fn get(target: SocketAddr, path: &str) -> io::Result<Reply> {
    let start = Instant::now();
    let reply = Client::connect(target)?.get(path)?;
    Ok(Reply { latency: start.elapsed(), ..reply })
}

/// Connects from the `client`th loopback address, asks for `path` once and leaves the connection
/// open.
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

/// Connects from the `client`th loopback address and asks for `path`, whose body does not end:
/// behind its head.
pub fn subscribe(target: SocketAddr, path: &str, client: usize) -> io::Result<TcpStream> {
    let stream = socket::open(target, Some(socket::source(client)), None)?;
    let mut client = Client { stream, target, buffer: Vec::new() };
    client.ask(path, "")?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(client.stream)
}

/// Waits for the first byte of the answer to `path` on a new connection, and for no more.
pub fn first_byte(target: SocketAddr, path: &str) -> io::Result<()> {
    let mut client = Client { stream: socket::open(target, None, None)?, target, buffer: Vec::new() };
    client.ask(path, "")?;
    client.stream.read_exact(&mut [0])
}

/// A header field, as a line, to which the server answers that `path` has not changed: with its
/// tag, or else with its date. None: it answers neither with 304.
pub fn condition(target: SocketAddr, path: &str) -> io::Result<Option<String>> {
    let mut client = Client::connect(target)?;
    client.get(path)?;
    let conditions = [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")];
    let conditions = conditions.map(|(name, condition)| Some((condition, client.field(name)?)));
    for (condition, value) in conditions.into_iter().flatten() {
        let line = format!("{condition}: {value}\r\n");
        if client.get_with(path, &line)?.status == NOT_MODIFIED {
            return Ok(Some(line));
        }
    }
    Ok(None)
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
        self.get_with(path, "")
    }

    /// The same with further header fields, as lines.
    fn get_with(&mut self, path: &str, fields: &str) -> io::Result<Reply> {
        let start = Instant::now();
        self.ask(path, fields)?;
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

    /// In one piece, as clients do: each argument of a `write!` to the stream would be a segment of
    /// its own.
    fn ask(&mut self, path: &str, fields: &str) -> io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", self.target);
        self.stream.write_all(request.as_bytes())
    }

    /// A header field of the last answer.
    fn field(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.buffer);
        let mut fields =
            text.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": "));
        fields.find(|field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1.to_owned())
    }

    /// Reads into the buffer from `start` on; an end is an error, and so is a head that does not
    /// fit.
    fn read(&mut self, start: usize) -> io::Result<usize> {
        match self.stream.read(self.buffer.get_mut(start..).unwrap_or_default())? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}
