//! A client that sends the bytes it is told to send and hands over those that come back.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{FAILSAFE, Response, masked};

pub(crate) struct Client {
    stream: TcpStream,
    /// What has arrived and was not asked for yet.
    arrived: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Self::over(stream)
    }

    /// A Unix socket can be had as such a stream, too.
    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(FAILSAFE)).expect("read timeout");
        stream.set_write_timeout(Some(FAILSAFE)).expect("write timeout");
        Self { stream, arrived: Vec::new() }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the server takes the request");
    }

    /// For what the server may stop to take at any point.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Says that nothing more will be sent; the answer can still come.
    pub(crate) fn half_close(&mut self) {
        // An error here means that the server was quicker to end the connection.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next response (also an interim one), to any method but HEAD.
    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        let head = self.head();
        let response = Response::from_head(head);
        if !response.has_body() {
            response
        } else if response.field("Transfer-Encoding").is_some() {
            self.chunked_body(response)
        } else if let Some(length) = response.field("Content-Length") {
            let length: usize = length.parse().expect("Content-Length is a number");
            let body = self.take(length);
            response.with_body(&body, &body)
        } else {
            let body = self.rest();
            response.with_body(&body, &body)
        }
    }

    /// The next response, whose request was a HEAD: whatever its fields say, nothing follows the
    /// empty line.
    #[track_caller]
    pub(crate) fn response_to_head(&mut self) -> Response {
        Response::from_head(self.head())
    }

    /// The next response is exactly this, but for the value of `Date`, which is `*` here.
    #[track_caller]
    pub(crate) fn expect(&mut self, bytes: &str) {
        assert_eq!(self.response().all(), bytes);
    }

    /// All that still comes, until the server closes.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.arrived)
    }

    /// All that still comes, where the end may be a reset as well.
    #[track_caller]
    pub(crate) fn rest_until_cut(&mut self) -> Vec<u8> {
        loop {
            match self.read_more() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if is_cut(&error) => break,
                Err(error) => self.give_up(&error),
            }
        }
        std::mem::take(&mut self.arrived)
    }

    /// The server has closed, and in an orderly way: nothing more came, and no reset.
    #[track_caller]
    pub(crate) fn ends(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "more than expected: {}", masked(&rest));
    }

    /// The connection is cut, and that does not look like an end.
    #[track_caller]
    pub(crate) fn is_reset(&mut self) {
        let error = self.stream.read(&mut [0]).expect_err("no end, and nothing more");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }

    /// Exactly so many bytes.
    #[track_caller]
    pub(crate) fn take(&mut self, length: usize) -> Vec<u8> {
        while self.arrived.len() < length {
            assert!(self.fill(), "the connection ended after {} of {length} bytes", self.arrived.len());
        }
        self.arrived.drain(..length).collect()
    }

    /// Sends `bytes` again and again, one round each `pause`, until the server answers or cuts the
    /// connection.
    #[track_caller]
    pub(crate) fn trickle_until_answered(&mut self, bytes: &[u8], pause: Duration) {
        self.stream.set_read_timeout(Some(pause)).expect("read timeout");
        let begin = Instant::now();
        loop {
            match self.read_more() {
                Ok(_) => break,
                Err(error) if is_silence(&error) => {}
                Err(error) if is_cut(&error) => break,
                Err(error) => self.give_up(&error),
            }
            assert!(begin.elapsed() < 2 * FAILSAFE, "the server lets the client trickle for ever");
            if self.try_send(bytes).is_err() {
                break;
            }
        }
        self.stream.set_read_timeout(Some(FAILSAFE)).expect("read timeout");
    }

    pub(crate) fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().expect("local address")
    }

    #[track_caller]
    fn head(&mut self) -> Vec<u8> {
        self.through(b"\r\n\r\n")
    }

    #[track_caller]
    fn chunked_body(&mut self, response: Response) -> Response {
        let (mut raw, mut body) = (Vec::new(), Vec::new());
        loop {
            let line = self.through(b"\r\n");
            let digits = std::str::from_utf8(&line[..line.len() - 2]).expect("chunk size is text");
            let size = usize::from_str_radix(digits, 16).expect("chunk size is a hexadecimal number");
            raw.extend_from_slice(&line);
            if size == 0 {
                break;
            }
            let data = self.take(size);
            let end = self.take(2);
            assert_eq!(end, b"\r\n", "chunk data ends in CRLF");
            raw.extend_from_slice(&data);
            raw.extend_from_slice(&end);
            body.extend_from_slice(&data);
        }
        loop {
            let line = self.through(b"\r\n");
            raw.extend_from_slice(&line);
            if line == b"\r\n" {
                return response.with_body(&raw, &body);
            }
        }
    }

    /// What comes up to and with `end`.
    #[track_caller]
    fn through(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.arrived.windows(end.len()).position(|window| window == end) {
                return self.arrived.drain(..at + end.len()).collect();
            }
            assert!(self.fill(), "the connection ended within: {:?}", masked(&self.arrived));
        }
    }

    /// Reads more; false at the end.
    #[track_caller]
    fn fill(&mut self) -> bool {
        match self.read_more() {
            Ok(count) => count > 0,
            Err(error) => self.give_up(&error),
        }
    }

    fn read_more(&mut self) -> io::Result<usize> {
        let mut piece = vec![0; 64 * 1024];
        let count = self.stream.read(&mut piece)?;
        self.arrived.extend_from_slice(&piece[..count]);
        Ok(count)
    }

    #[track_caller]
    fn give_up(&self, error: &io::Error) -> ! {
        panic!("no orderly answer: {error}; so far: {:?}", masked(&self.arrived))
    }
}

fn is_cut(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe)
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
