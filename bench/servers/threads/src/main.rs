//! A plain blocking server, one thread per connection: what the kernel's scheduler makes of
//! handlers that compute.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use kit::Task;

const BUFFER: usize = 16 * 1024;
const FIELDS: usize = 32;

fn main() -> io::Result<()> {
    let options = kit::Options::from_env()?;
    let listener = TcpListener::bind(options.address()?)?;
    kit::announce("listening", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        // A client that goes away is no news here.
        std::thread::spawn(move || serve(stream));
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut input = Vec::with_capacity(BUFFER);
    let mut output = Vec::with_capacity(BUFFER);
    loop {
        let mut done = 0;
        while let Some(length) = answer(input.get(done..).unwrap_or_default(), &mut output)? {
            done += length;
        }
        input.drain(..done);
        if !output.is_empty() {
            stream.write_all(&output)?;
            output.clear();
        }
        let start = input.len();
        input.resize(start + BUFFER, 0);
        let read = stream.read(input.get_mut(start..).unwrap_or_default())?;
        input.truncate(start + read);
        if read == 0 {
            return Ok(());
        }
    }
}

/// Answers the first request of `input` and says how long it was; none: it is not all there yet.
fn answer(input: &[u8], output: &mut Vec<u8>) -> io::Result<Option<usize>> {
    if input.is_empty() {
        return Ok(None);
    }
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(length) = request.parse(input).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let task = Task::of(request.path.unwrap_or("/"));
    task.run();
    let (status, body): (_, &[u8]) =
        if task == Task::Unknown { ("404 Not Found", b"") } else { ("200 OK", kit::HOMEPAGE) };
    write!(
        output,
        "HTTP/1.1 {status}\r\nServer: threads/1.0\r\nDate: {}\r\nContent-Length: {}\r\n\r\n",
        kit::DATE,
        body.len()
    )?;
    output.extend_from_slice(body);
    Ok(Some(length))
}
