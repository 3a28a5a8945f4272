//! The floor: the least work that an HTTP server written on `epoll` can do per request. One `recv`,
//! one pass of httparse, one `send` of constant bytes. No limits, no timeouts, no dates: nothing
//! here is fit for use.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send, sockopt};

/// The most requests that one `recv` is expected to bring.
const BUFFER: usize = 64 * 1024;
const FIELDS: usize = 32;
const EVENTS: usize = 256;

fn main() -> io::Result<()> {
    let options = kit::Options::from_env()?;
    let listener = TcpListener::bind(options.address()?)?;
    listener.set_nonblocking(true)?;
    kit::announce("listening", listener.local_addr()?);
    Floor::new(listener, response(&options)?)?.run()
}

/// The answer to every request: the homepage, or a body of `--body` bytes, or with `--status 304`
/// none.
fn response(options: &kit::Options) -> io::Result<Vec<u8>> {
    let fields = format!("Server: floor/1.0\r\nDate: {}\r\n", kit::DATE);
    if options.get::<u16>("status")? == Some(304) {
        return Ok(format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n").into_bytes());
    }
    let body = options.get("body")?.map_or_else(|| kit::HOMEPAGE.to_vec(), |length| vec![b'x'; length]);
    let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    Ok([head.as_bytes(), &body].concat())
}

struct Floor {
    listener: TcpListener,
    epoll: OwnedFd,
    /// By descriptor: small numbers that the kernel reuses.
    connections: Vec<Option<OwnedFd>>,
    response: Vec<u8>,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Floor {
    fn new(listener: TcpListener, response: Vec<u8>) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, data(&listener), EventFlags::IN)?;
        let (input, output) = (vec![0; BUFFER], Vec::with_capacity(BUFFER));
        Ok(Self { listener, epoll, connections: Vec::new(), response, input, output })
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        let listening = self.listener.as_raw_fd() as usize;
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Err(Errno::INTR) => continue,
                other => other?,
            };
            for event in &events {
                let fd = event.data.u64() as usize;
                if fd == listening {
                    self.accept()?;
                } else if !self.answer(fd)
                    && let Some(slot) = self.connections.get_mut(fd)
                {
                    *slot = None;
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok(socket) = accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            sockopt::set_tcp_nodelay(&socket, true)?;
            // Edges save the kernel the second look that a level-triggered socket gets at the next
            // wait.
            epoll::add(
                &self.epoll,
                &socket,
                data(&socket),
                EventFlags::IN | EventFlags::RDHUP | EventFlags::ET,
            )?;
            let slot = socket.as_raw_fd() as usize;
            if self.connections.len() <= slot {
                self.connections.resize_with(slot + 1, || None);
            }
            self.connections[slot] = Some(socket);
        }
        Ok(())
    }

    /// Answers what has arrived; false: the connection is done with. The generator sends whole
    /// requests, so a head in two pieces is not provided for.
    fn answer(&mut self, fd: usize) -> bool {
        let Some(socket) = self.connections.get(fd).and_then(Option::as_ref) else { return true };
        let Ok((read, _)) = recv(socket, self.input.as_mut_slice(), RecvFlags::empty()) else { return false };
        let mut rest = self.input.get(..read).unwrap_or_default();
        if rest.is_empty() {
            return false;
        }
        self.output.clear();
        while !rest.is_empty() {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS];
            let mut request = httparse::Request::new(&mut fields);
            let Ok(httparse::Status::Complete(length)) = request.parse(rest) else { return false };
            self.output.extend_from_slice(&self.response);
            rest = rest.get(length..).unwrap_or_default();
        }
        send(socket, &self.output, SendFlags::NOSIGNAL) == Ok(self.output.len())
    }
}

fn data(fd: &impl AsFd) -> EventData {
    EventData::new_u64(fd.as_fd().as_raw_fd() as u64)
}
