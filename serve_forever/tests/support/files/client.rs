//! A client that asks one thing after the other on one connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::Reply;

/// It knows only bodies of a known length.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    #[track_caller]
    pub(crate) fn get(&mut self, target: &str) -> Reply {
        self.request("GET", target, "")
    }

    #[track_caller]
    pub(crate) fn request(&mut self, method: &str, target: &str, fields: &str) -> Reply {
        let reply = self.begin(method, target, fields).expect("a head");
        assert_eq!(reply.body.len() as u64, Self::length(method, &reply), "the body is cut: {}", reply.head);
        reply
    }

    /// As much of the response as comes, which may end early; `None` if the connection ends before
    /// the head does.
    pub(crate) fn begin(&mut self, method: &str, target: &str, fields: &str) -> Option<Reply> {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).ok()?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if self.stream.read_until(b'\n', &mut head).ok()? == 0 {
                return None;
            }
        }
        let mut reply = Reply::new(&head);
        // A reset is an end, too: what came before it counts.
        let _ = (&mut self.stream).take(Self::length(method, &reply)).read_to_end(&mut reply.body);
        Some(reply)
    }

    #[track_caller]
    fn length(method: &str, reply: &Reply) -> u64 {
        if method == "HEAD" || reply.code() == 304 {
            return 0;
        }
        reply.field("Content-Length").expect("a length").parse().expect("a number")
    }

    /// Nothing more comes: the server has ended the connection.
    #[track_caller]
    pub(crate) fn assert_ended(mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).expect("the end");
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }
}
