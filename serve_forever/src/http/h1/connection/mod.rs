//! An HTTP/1.1 connection: from bytes to requests, and from responses to bytes.
//!
//! `turn` does what may be done while the loop is held: it collects heads and small bodies, sends
//! bytes in memory, and discards unread bodies. `run` does what may block: it serves complete
//! requests, and sends from files and sources.

mod collect;
mod detached;
mod finish;
mod held;
mod receive;
mod respond;

use std::sync::Arc;
use std::time::Instant;

use crate::diagnostics;
use crate::server::config::Config;
use crate::server::learned::Kind;
use crate::server::protocol::{Admission, Admitted, Cause, Connection, Next, Run, Sending, Turn};
use crate::server::unsent::Load;
use crate::transport::Transport;

use crate::http::Http;
use crate::http::answer::lent::Held;
use crate::http::bodies::decoder::BodyDecoder;
use crate::http::bodies::framer::SourceFraming;
use crate::http::bodies::pending::Pending;
use crate::http::exchange::upgrade::Upgraded;
use crate::http::h1::head::{HeadLimits, HeadParser, Parsed};
use crate::http::h1::scratch::Scratch;
use crate::http::handler::BaseHttpRequestHandler;
use crate::http::log::lines::{Lines, NoKeeper, Share};
use crate::http::log::record::{LogRecord, What};
use crate::http::message::refusal::Refusal;
use crate::http::message::request::RequestHead;
use crate::http::message::route::Route;

use collect::{Collecting, is_here};

/// The state of a connection between its turns and runs. An idle connection holds no buffer.
#[derive(Debug)]
pub struct HttpConnection {
    phase: Phase,
    /// Bytes that were received but not served yet.
    partial: Vec<u8>,
    /// The parser of the head in `partial`, if that is not complete.
    head: Option<Box<HeadParser>>,
    /// `partial` may hold a whole request, so it is parsed before more is received.
    look_first: bool,
    /// Whether the source of the last handler may block, as the handler itself may.
    blocks: bool,
    /// The body that is collected, if the head in `partial` is complete.
    collecting: Option<Box<Collecting>>,
    /// Held responses, which are sent before anything else.
    held: Option<Box<Held>>,
    awaited: Awaited,
    /// When the head was complete.
    arrived: Option<Instant>,
}

/// What the connection waits for, and since when.
#[derive(Clone, Copy, Debug)]
enum Awaited {
    /// The first request, since the connection was accepted. Empty lines before it do not belong to
    /// it.
    First(Instant),
    /// The rest of a head, since its first byte came.
    Head(Instant),
    /// The next request, or the rest of a body.
    Other,
}

#[derive(Debug)]
enum Phase {
    /// The client has too many connections, and gets a response that says so.
    Unwelcome,
    /// Waits for a request, or for the rest of it.
    Receiving,
    /// A request is complete, in the scratch or parked in `partial`.
    Request,
    /// The received bytes are not a valid request.
    Refusing(Refusal),
    /// A response is not sent yet.
    Sending(Box<Pending>, After),
    /// The client was too slow. The unsent rest is dropped by a run, outside of the loop.
    Ending { _unsent: Box<Pending> },
    /// The connection was upgraded. Its stream tells when it ends.
    Upgraded(Arc<Upgraded>),
    /// A body that the handler did not read.
    Draining(Box<Drain>),
}

/// What follows when all bytes are sent.
#[derive(Debug)]
enum After {
    Receive,
    Drain(Box<Drain>),
    Linger,
    Close,
}

#[derive(Debug)]
struct Drain {
    decoder: BodyDecoder,
    left: u64,
    /// Bytes that were discarded.
    read: u64,
    deadline: Option<Instant>,
}

impl<H: BaseHttpRequestHandler + 'static> Connection<Http<H>> for HttpConnection {
    fn turn(&mut self, cx: &mut Turn<'_, Http<H>>) -> Next {
        // If the server stops, an idle connection is closed when it has found nothing to receive.
        if !matches!(cx.cause, Cause::Ready | Cause::Stopping) && !self.handle_cause(cx) {
            return Next::Close;
        }
        if !matches!(self.phase, Phase::Receiving) {
            // The next bytes to receive still belong to the present request.
            cx.began = None;
        } else if self.collecting.as_ref().is_some_and(|collecting| collecting.is_evicted()) {
            self.give_up_body(cx);
        }
        loop {
            let is_receiving = matches!(self.phase, Phase::Receiving);
            let step = if is_receiving { self.receive(cx) } else { self.go_on(cx) };
            match step {
                Step::Go => {}
                Step::Next(next) => return next,
            }
        }
    }

    fn run(&mut self, cx: &mut Run<'_, Http<H>>) -> Next {
        let next = match std::mem::replace(&mut self.phase, Phase::Receiving) {
            Phase::Request => self.serve(cx, None),
            Phase::Refusing(refusal) => self.serve(cx, Some(&refusal)),
            Phase::Upgraded(upgraded) => self.go_on_as_stream(upgraded, cx),
            Phase::Ending { .. } => Next::Close,
            phase => {
                self.phase = phase;
                self.send_more(cx)
            }
        };
        if next == Next::Close {
            // The unsent rest is dropped now, while the loop is not held. It may be user code, or a
            // file on a slow disk.
            self.phase = Phase::Receiving;
        }
        next
    }

    fn send_held(&mut self, cx: &mut Sending<'_, Http<H>>) -> Option<Next> {
        let held = self.held.take()?;
        self.send_at_last(held, cx)
    }

    fn load(&self) -> Option<Load> {
        match &self.phase {
            Phase::Sending(pending, _) => pending.load(),
            // Progress counts in steps. A body that brings less than one step per second makes room
            // for others.
            Phase::Receiving if self.collecting.is_some() => {
                let sent = (self.partial.len() / STEP * STEP) as u64;
                Some(Load { sent, held: 0, in_steps: false })
            }
            // A head that has begun should arrive at once.
            Phase::Receiving if matches!(self.awaited, Awaited::Head(_)) => Some(Load::default()),
            Phase::Draining(drain) => {
                let sent = drain.read / STEP as u64 * STEP as u64;
                Some(Load { sent, held: 0, in_steps: false })
            }
            _ => None,
        }
    }

    fn is_whole(&self, config: &Config) -> bool {
        let mut parser = HeadParser::default();
        let Ok(Parsed::Complete(end)) = parser.parse(&self.partial, &limits(config)) else { return true };
        is_here(Some(parser.head().framing()), end, &self.partial)
    }

    fn park(&mut self, scratch: &mut Scratch<H>) {
        if !self.look_first && scratch.filled > 0 {
            self.partial = scratch.read[..scratch.filled].to_vec();
            self.look_first = true;
        }
        scratch.filled = 0;
        scratch.parsed = None;
    }
}

enum Step {
    /// The phase has changed: go on with it.
    Go,
    Next(Next),
}

impl HttpConnection {
    pub(crate) fn new(admitted: Admitted) -> Self {
        let Admitted { admission, early, now } = admitted;
        Self {
            phase: match admission {
                Admission::Welcome => Phase::Receiving,
                Admission::TooMany => Phase::Unwelcome,
            },
            look_first: !early.is_empty(),
            partial: early,
            head: None,
            blocks: false,
            collecting: None,
            held: None,
            awaited: Awaited::First(now),
            arrived: None,
        }
    }

    /// Handles a turn whose cause is not a ready socket. Returns false if the connection must be
    /// closed.
    #[cold]
    fn handle_cause<H: BaseHttpRequestHandler + 'static>(&mut self, cx: &Turn<'_, Http<H>>) -> bool {
        match cx.cause {
            Cause::Ready | Cause::Stopping => {}
            // A response that has begun can only go on.
            Cause::NoPermit if matches!(self.phase, Phase::Sending(..)) => {}
            Cause::NoPermit => self.refuse_plainly(503, cx),
            Cause::Expired => return self.expire(cx),
            Cause::NoRoom => return self.make_room(cx.transport),
        }
        true
    }

    /// Handles all phases other than receiving. This is a function of its own, because nearly every
    /// turn only receives.
    #[inline(never)]
    fn go_on<H: BaseHttpRequestHandler + 'static>(&mut self, cx: &mut Turn<'_, Http<H>>) -> Step {
        match &mut self.phase {
            Phase::Unwelcome => {
                self.refuse_plainly(503, cx);
                Step::Go
            }
            Phase::Receiving => Step::Go,
            Phase::Request => Step::Next(self.run_partial(cx.protocol, cx.config)),
            Phase::Refusing(_) => {
                Step::Next(Next::Run { kind: Kind::part("refusal"), permit: cx.protocol.refusals_block() })
            }
            Phase::Sending(pending, _) if !pending.is_memory() => {
                // Disks and sources may block, so they are used outside of the loop.
                let is_source = pending.is_source();
                let permit = is_source && self.blocks;
                let kind = Kind::part(if is_source { "source" } else { "drain" });
                Step::Next(Next::Run { kind, permit })
            }
            Phase::Sending(..) => self.send_in_loop(cx),
            Phase::Upgraded(upgraded) if upgraded.has_ended() => {
                Step::Next(Next::Run { kind: Kind::part("end"), permit: false })
            }
            Phase::Upgraded(_) => Step::Next(Next::WAKE),
            Phase::Ending { .. } => Step::Next(Next::Run { kind: Kind::part("end"), permit: false }),
            Phase::Draining(_) => self.drain(cx),
        }
    }

    /// Handles a passed deadline. Returns false if the connection must be closed.
    fn expire<H: BaseHttpRequestHandler + 'static>(&mut self, cx: &Turn<'_, Http<H>>) -> bool {
        let transport = cx.transport;
        match self.phase {
            Phase::Receiving => {}
            Phase::Sending(ref pending, _) => {
                diagnostics::debug!("{}: the client took its response too slowly", transport.peer);
                if pending.is_close_delimited() {
                    transport.abort();
                }
                return self.give_up();
            }
            _ => return false,
        }
        if let Some(collecting) = &mut self.collecting {
            let threads_are_free = cx.server.counters().most_threads_are_free();
            let verdict = collecting.expire(cx.now, cx.config, threads_are_free);
            self.settle_body(&verdict, cx);
            return true;
        }
        let head_has_begun =
            self.head.as_ref().is_some_and(|parser| !parser.head().request_line(&self.partial).is_empty());
        // Otherwise nothing has arrived, or only empty lines.
        if head_has_begun {
            let refusal = Refusal::new(408, "Request Timeout").explained("The request head took too long");
            self.phase = Phase::Refusing(refusal);
        }
        head_has_begun
    }

    /// Asks for a run for a request that is parked, or whose handler starts before its whole body
    /// has arrived.
    fn run_partial<H: BaseHttpRequestHandler>(&self, protocol: &Http<H>, config: &Config) -> Next {
        let mut parser = HeadParser::default();
        match parser.parse(&self.partial, &limits(config)) {
            Ok(Parsed::Complete(_)) => {
                let route = protocol.route(parser.head(), &self.partial);
                run_request(route, parser.head(), &self.partial)
            }
            _ => Next::Run { kind: Kind::part("request"), permit: true },
        }
    }

    /// Cuts the connection, because others need its room. Returns false if it must be closed at
    /// once.
    #[cold]
    fn make_room(&mut self, transport: &Transport) -> bool {
        diagnostics::debug!("{}: the connection is cut to make room for others", transport.peer);
        // Without a reset, the system would keep the bytes for a client that does not read.
        transport.abort();
        self.give_up()
    }

    /// Drops the unsent rest, outside of the loop if that may take time. Returns false if the
    /// connection must be closed at once.
    fn give_up(&mut self) -> bool {
        if !matches!(&self.phase, Phase::Sending(pending, _) if !pending.is_memory()) {
            return false;
        }
        if let Phase::Sending(pending, _) = std::mem::replace(&mut self.phase, Phase::Receiving) {
            self.phase = Phase::Ending { _unsent: pending };
        }
        true
    }

    /// Sends a response without a handler, because no thread is free, or because the client has too
    /// many connections.
    fn refuse_plainly<H: BaseHttpRequestHandler + 'static>(&mut self, status: u16, cx: &Turn<'_, Http<H>>) {
        let mut parser = HeadParser::default();
        // For the log, as far as it can be parsed.
        let parsed = parser.parse(&self.partial, &limits(cx.config));
        let head = parser.head();
        let headers = head.fields(&self.partial);
        let is_whole = matches!(parsed, Ok(Parsed::Complete(_)));
        let client_address = cx.config.client_behind(cx.transport, is_whole.then_some(headers));
        let (bytes, start) = cx.protocol.plain_refusal(status, headers.get_all("Accept"));
        let (end, content) = (bytes.len(), (bytes.len() - start) as u64);
        cx.server.counters().answered(cx.waker.index, status, content);
        let record = LogRecord {
            server: cx.server,
            client_address,
            request_line: head.request_line(&self.partial),
            headers,
            what: What::Response { status, bytes: content },
            arrived: self.arrived.take().unwrap_or(cx.now),
            cut: false,
            keeper: &NoKeeper,
        };
        let mut lines = Lines::default();
        record.add_to(&mut lines, Share { held: content, start, end, ..Share::settled(0) });
        self.partial = Vec::new();
        self.collecting = None;
        self.look_first = false;
        let waiting = lines.keep(cx.server.access_log(), &bytes, 0);
        let pending = Pending::new(bytes, 0, None, SourceFraming::Close, waiting);
        self.phase = Phase::Sending(Box::new(pending), After::Linger);
    }
}

enum Examined {
    /// More bytes are needed.
    Incomplete,
    Step(Step),
}

/// Asks for a run for the request with this head.
fn run_request(route: Route, head: &RequestHead, bytes: &[u8]) -> Next {
    let kind = if route.blocks { kind_of(head, bytes) } else { Kind::part("request") };
    Next::Run { kind, permit: route.blocks }
}

fn kind_of(head: &RequestHead, bytes: &[u8]) -> Kind {
    Kind::of(&[head.method_bytes(bytes), head.url_path_bytes(bytes)])
}

fn limits(config: &Config) -> HeadLimits {
    HeadLimits { head: config.max_head_size, fields: config.max_fields, target: config.max_target_size }
}

/// No further pipelined request is served while more bytes of responses than this are unsent.
const MAX_UNSENT: usize = 64 * 1024;
/// Bytes of a body that count as one step of progress when connections run short.
const STEP: usize = 4 * 1024;
/// How many bytes are received at once for a request that arrives in pieces.
const GROWTH: usize = 4 * 1024;
/// How often a turn receives bytes to discard before other connections get their turns.
const READS_PER_TURN: usize = 16;
