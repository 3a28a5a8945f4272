//! A multiplexed protocol for tests: frames of HTTP/1.1 requests and responses, each stream a job.
//!
//! A frame is the number of its stream, a length of two bytes (the high one first), and so many
//! bytes. The length 0 ends a direction of a stream; 65535 tells that the stream was cut.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::http::Http;
use crate::http::h1::scratch::Scratch;
use crate::http::handler::BaseHttpRequestHandler;
use crate::server::blocking;
use crate::server::config::Config;
use crate::server::learned::Kind;
use crate::server::protocol::{Admitted, Cause, Connection, Job, JobRun, Next, Protocol, Run, Turn};
use crate::transport::Transport;
use crate::transport::pipe::{Pipe, PipeEnd, pipe};

pub(super) struct Streams<H>(pub(super) Http<H>);

pub(super) struct StreamsConnection {
    received: Vec<u8>,
    unsent: Vec<u8>,
    streams: HashMap<u8, PipeEnd>,
    is_ended: bool,
}

pub(super) struct Served {
    pipe: Pipe,
    peer: SocketAddr,
    local: SocketAddr,
}

impl<H: BaseHttpRequestHandler + 'static> Protocol for Streams<H> {
    type Connection = StreamsConnection;
    type Job = Served;
    type Scratch = Scratch<H>;

    fn scratch(&self, config: &Config) -> Scratch<H> {
        self.0.scratch(config)
    }

    fn connect(&self, _: Admitted) -> StreamsConnection {
        StreamsConnection {
            received: Vec::new(),
            unsent: Vec::new(),
            streams: HashMap::new(),
            is_ended: false,
        }
    }
}

impl<H: BaseHttpRequestHandler + 'static> Connection<Streams<H>> for StreamsConnection {
    fn turn(&mut self, cx: &mut Turn<'_, Streams<H>>) -> Next {
        if cx.cause == Cause::Expired {
            return Next::Close;
        }
        let mut piece = [0; 16 * 1024];
        loop {
            match cx.transport.recv(&mut piece) {
                Ok(received) if received.count == 0 => {
                    self.is_ended = true;
                    break;
                }
                Ok(received) => self.received.extend_from_slice(&piece[..received.count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    cx.readiness.drained();
                    break;
                }
                Err(_) => return Next::Close,
            }
        }
        self.read_frames(cx);
        self.write_frames();
        while !self.unsent.is_empty() {
            match cx.transport.send(&self.unsent, false) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Next::Close,
            }
            self.write_frames();
        }
        if self.is_ended {
            return Next::Close;
        }
        let idle = self.streams.is_empty() && self.unsent.is_empty();
        Next::Wait { read: true, write: !self.unsent.is_empty(), deadline: None, idle }
    }

    fn run(&mut self, _: &mut Run<'_, Streams<H>>) -> Next {
        unreachable!("a turn never asks for it")
    }

    fn park(&mut self, _: &mut Scratch<H>) {}
}

impl StreamsConnection {
    fn read_frames<H: BaseHttpRequestHandler + 'static>(&mut self, cx: &mut Turn<'_, Streams<H>>) {
        while let [id, high, low, rest @ ..] = &self.received[..] {
            let (id, length) = (*id, usize::from(u16::from_be_bytes([*high, *low])));
            let Some(bytes) = rest.get(..length) else { break };
            let end = self.streams.entry(id).or_insert_with(|| {
                let waker = cx.waker.to_owned();
                let (pipe, end) = pipe(move || waker.wake());
                cx.jobs.push(Served { pipe, peer: cx.transport.client(), local: cx.transport.local });
                end
            });
            if length == 0 {
                end.end();
            } else {
                end.receive(bytes);
            }
            self.received.drain(..3 + length);
        }
    }

    /// Frames what the jobs have sent, while there is room.
    fn write_frames(&mut self) {
        let unsent = &mut self.unsent;
        self.streams.retain(|&id, end| {
            if unsent.len() > MOST_UNSENT {
                return true;
            }
            let sent = end.take(MOST_FRAME);
            if !sent.bytes.is_empty() {
                unsent.push(id);
                unsent.extend_from_slice(&(sent.bytes.len() as u16).to_be_bytes());
                unsent.extend_from_slice(&sent.bytes);
            }
            if sent.is_broken || sent.is_finished {
                unsent.push(id);
                unsent.extend_from_slice(if sent.is_broken { &CUT } else { &END });
            }
            !sent.is_broken && !sent.is_finished
        });
    }
}

impl Drop for StreamsConnection {
    fn drop(&mut self) {
        for end in self.streams.values() {
            end.cut();
        }
    }
}

impl<H: BaseHttpRequestHandler + 'static> Job<Streams<H>> for Served {
    fn kind(&self) -> Kind {
        Kind::part("stream")
    }

    fn run(self, cx: &mut JobRun<'_, Streams<H>>) {
        let transport = Arc::new(Transport::pipe(self.pipe, self.peer, self.local));
        blocking::serve_seated(&cx.protocol.0, cx.config, cx.server, &transport, cx.scratch, cx.seat);
    }

    fn refuse(self) {}
}

pub(super) const END: [u8; 2] = [0; 2];
const CUT: [u8; 2] = [0xff; 2];
/// Bytes of a frame.
const MOST_FRAME: usize = 16 * 1024;
/// Bytes that are framed before they are sent.
const MOST_UNSENT: usize = 64 * 1024;
