//! Speaks a custom protocol over TCP on port 9999: sends a line back in upper case.

use std::io::{self, BufRead, BufReader, Write};
use serve_forever::{BaseRequestHandler, Stream, TcpServer};

struct Upper;

impl BaseRequestHandler for Upper {
    fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
        let mut line = String::new();
        BufReader::new(&mut *request).read_line(&mut line)?;
        request.write_all(line.to_uppercase().as_bytes())
    }
}

fn main() -> io::Result<()> {
    TcpServer::bind(("localhost", 9999), || Upper)?.serve_forever()
}
