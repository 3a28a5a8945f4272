//! One HTTP/1.1 connection: from octets to requests, and from responses to octets.
//!
//! `turn` does what may be done while the loop is held: it collects heads and small bodies, sends what is left in
//! memory, reads away what nobody wants. `run` does what may block: it serves the requests that are complete, and
//! sends from files and sources.

use std::io::ErrorKind;
use std::time::Instant;

use crate::server::config::Config;
use crate::server::learned::Kind;
use crate::server::protocol::{Admission, Cause, Connection, Next, Run, Turn};
use crate::transport::Transport;

use super::Http;
use super::body::{BodyDecoder, Decoded, Framing};
use super::exchange::Request;
use super::handler::BaseHttpRequestHandler;
use super::head::{Expect, Head, HeadLimits, Parsed, Refusal};
use super::link::Pace;
use super::pending::{Pending, Sent};
use super::scratch::Scratch;
use super::serve::Site;

/// What is kept of a connection between two pieces of work. An idle one holds no buffer.
#[derive(Debug)]
pub struct HttpConnection {
    phase: Phase,
    /// Octets that were received and not served yet.
    partial: Vec<u8>,
    /// How far the head in `partial` was parsed.
    head: Option<Box<Head>>,
    /// `partial` may hold a whole request: look before receiving more.
    look_first: bool,
    /// What this request has received of its body so far, for the minimum rate; from when.
    collecting: Option<Collecting>,
    /// When the first octet of the head came.
    head_since: Option<Instant>,
    /// A request was served on this connection.
    used: bool,
}

#[derive(Debug)]
enum Phase {
    /// Accepted over the limit: to be told so.
    Unwelcome,
    /// A request is awaited, or a part of it has come.
    Receiving,
    /// A request is complete: in the scratch, or parked in `partial`.
    Request,
    /// What came is not a request.
    Refusing(Box<Refusal>),
    /// A response is not sent yet.
    Sending(Box<Pending>, After),
    /// A body that the handler did not read.
    Draining(Box<Drain>),
    /// Closed on our side; read on for a while, so that the response is not lost to a reset.
    Lingering { until: Instant },
}

/// What follows when everything is sent.
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
    deadline: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Collecting {
    since: Instant,
    last: Instant,
    /// Octets that `partial` must have.
    goal: usize,
}

impl<H: BaseHttpRequestHandler + 'static> Connection<Http<H>> for HttpConnection {
    fn turn(&mut self, cx: &mut Turn<'_, Http<H>>) -> Next {
        match cx.cause {
            Cause::Ready => {}
            Cause::Stopping if matches!(self.phase, Phase::Lingering { .. }) => return Next::Close,
            Cause::Stopping => {}
            Cause::NoPermit => {
                self.partial = Vec::new();
                self.refuse_plainly(503, cx.protocol, cx.now);
            }
            Cause::Expired => {
                if !self.expire(cx.now) {
                    return Next::Close;
                }
            }
        }
        loop {
            let step = match &mut self.phase {
                Phase::Unwelcome => {
                    self.refuse_plainly(503, cx.protocol, cx.now);
                    continue;
                }
                Phase::Receiving => self.receive(cx),
                Phase::Request => Step::Next(self.run_request(cx.protocol, &cx.scratch.head, None)),
                Phase::Refusing(_) => Step::Next(Next::Run {
                    kind: Kind::of(&[b"refusal"]),
                    permit: cx.protocol.may_block(),
                }),
                Phase::Sending(pending, _) if !pending.is_memory() => {
                    // Disks and sources may block: outside of the loop.
                    Step::Next(Next::Run { kind: Kind::of(&[b"drain"]), permit: false })
                }
                Phase::Sending(..) => self.send(cx.transport, cx.config, cx.now),
                Phase::Draining(_) => self.drain(cx),
                Phase::Lingering { .. } => self.linger(cx),
            };
            match step {
                Step::Go => {}
                Step::Next(next) => return next,
            }
        }
    }

    fn run(&mut self, cx: &mut Run<'_, Http<H>>) -> Next {
        match std::mem::replace(&mut self.phase, Phase::Receiving) {
            Phase::Request => self.serve(cx, None),
            Phase::Refusing(refusal) => self.serve(cx, Some(&refusal)),
            phase => {
                self.phase = phase;
                self.send_more(cx)
            }
        }
    }

    fn park(&mut self, scratch: &mut Scratch) {
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
    pub(crate) fn new(admission: Admission) -> Self {
        Self {
            phase: match admission {
                Admission::Welcome => Phase::Receiving,
                Admission::TooMany => Phase::Unwelcome,
            },
            partial: Vec::new(),
            head: None,
            look_first: false,
            collecting: None,
            head_since: None,
            used: false,
        }
    }

    /// A deadline is over. False: there is nothing to say to the client.
    fn expire(&mut self, now: Instant) -> bool {
        match &self.phase {
            Phase::Receiving if self.head_since.is_some() || self.collecting.is_some() => {
                let what = if self.collecting.is_some() { "body" } else { "head" };
                let explain = format!("The request {what} took too long");
                self.phase = Phase::Refusing(Box::new(Refusal::new(408, "Request Timeout").explained(explain)));
                self.look_first = false;
                let _ = now;
                true
            }
            _ => false,
        }
    }

    /// Receives until a request is complete.
    fn receive<H: BaseHttpRequestHandler + 'static>(&mut self, cx: &mut Turn<'_, Http<H>>) -> Step {
        let scratch = &mut *cx.scratch;
        if std::mem::take(&mut self.look_first) && !self.partial.is_empty() {
            scratch.filled = 0;
            match self.examine_partial(cx.protocol, cx.config, cx.now) {
                Examined::Incomplete => {}
                Examined::Step(step) => return step,
            }
        }
        loop {
            let received = if self.partial.is_empty() {
                let received = cx.transport.recv(&mut scratch.read);
                if let Ok(count) = received {
                    scratch.filled = count;
                }
                received.map(|count| (count, count == scratch.read.len()))
            } else {
                let have = self.partial.len();
                let room = self.collecting.map_or(GROWTH, |body| body.goal.saturating_sub(have).max(1));
                self.partial.resize(have + room, 0);
                let received = cx.transport.recv(&mut self.partial[have..]);
                self.partial.truncate(have + received.as_ref().map_or(0, |&count| count));
                received.map(|count| (count, count == room))
            };
            match received {
                // The client is done. What it did not finish saying is not answered.
                Ok((0, _)) => return Step::Next(Next::Close),
                Ok((_, full)) => cx.readiness.read = full || cx.readiness.end,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    cx.readiness.read = false;
                    cx.readiness.end = false;
                    return Step::Next(self.await_octets(cx.config, cx.now));
                }
                Err(error) => {
                    log::debug!("{}: {error}", cx.transport.peer);
                    return Step::Next(Next::Close);
                }
            }
            let examined = if self.partial.is_empty() {
                self.examine_scratch(cx.protocol, scratch, cx.config, cx.now)
            } else {
                self.examine_partial(cx.protocol, cx.config, cx.now)
            };
            match examined {
                Examined::Incomplete if cx.readiness.read => {}
                Examined::Incomplete => return Step::Next(self.await_octets(cx.config, cx.now)),
                Examined::Step(step) => return step,
            }
        }
    }

    /// Looks at what has just come: the common case, in which a whole request is there at once.
    fn examine_scratch<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        protocol: &Http<H>,
        scratch: &mut Scratch,
        config: &Config,
        now: Instant,
    ) -> Examined {
        let octets = &scratch.read[..scratch.filled];
        match scratch.head.parse(octets, &limits(config)) {
            Ok(Parsed::Complete(end)) => {
                let goal = end + body_to_collect(&scratch.head);
                if octets.len() >= goal {
                    scratch.parsed = Some(end);
                    self.phase = Phase::Request;
                    return Examined::Step(Step::Next(self.run_request(protocol, &scratch.head, Some(octets))));
                }
                self.collecting = Some(Collecting { since: now, last: now, goal });
            }
            Ok(Parsed::Partial) => {
                self.head_since = Some(now);
                // Its progress is kept, so that a head that trickles in is parsed once.
                self.head = Some(Box::new(std::mem::take(&mut scratch.head)));
            }
            Err(refusal) => {
                self.phase = Phase::Refusing(Box::new(refusal));
                return Examined::Step(Step::Go);
            }
        }
        self.partial = octets.to_vec();
        scratch.filled = 0;
        Examined::Incomplete
    }

    /// Looks at what has come in several pieces.
    fn examine_partial<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        protocol: &Http<H>,
        config: &Config,
        now: Instant,
    ) -> Examined {
        if let Some(collecting) = &mut self.collecting {
            collecting.last = now;
            if self.partial.len() < collecting.goal {
                return Examined::Incomplete;
            }
        }
        let mut head = self.head.take().unwrap_or_default();
        match head.parse(&self.partial, &limits(config)) {
            Ok(Parsed::Complete(end)) => {
                self.head_since = None;
                let goal = end + body_to_collect(&head);
                if self.partial.len() >= goal {
                    self.collecting = None;
                    self.phase = Phase::Request;
                    self.look_first = true;
                    return Examined::Step(Step::Next(self.run_request(protocol, &head, Some(&self.partial))));
                }
                self.collecting = Some(Collecting { since: now, last: now, goal });
                Examined::Incomplete
            }
            Ok(Parsed::Partial) => {
                self.head_since.get_or_insert(now);
                self.head = Some(head);
                Examined::Incomplete
            }
            Err(refusal) => {
                self.look_first = true;
                self.phase = Phase::Refusing(Box::new(refusal));
                Examined::Step(Step::Go)
            }
        }
    }

    fn run_request<H: BaseHttpRequestHandler + 'static>(
        &self,
        protocol: &Http<H>,
        head: &Head,
        octets: Option<&[u8]>,
    ) -> Next {
        let kind = octets.map_or(Kind::of(&[]), |octets| kind_of(head, octets));
        Next::Run { kind, permit: protocol.may_block() }
    }

    fn await_octets(&self, config: &Config, now: Instant) -> Next {
        let deadline = if let Some(body) = self.collecting {
            let pace = Pace {
                octets: self.partial.len() as u64,
                waited: body.last.saturating_duration_since(body.since),
            };
            let patience =
                pace.patience(config.body_timeout, config.minimum_rate, config.minimum_rate_after);
            body.last.checked_add(patience)
        } else if let Some(since) = self.head_since {
            since.checked_add(config.head_timeout)
        } else {
            let patience = if self.used { config.idle_timeout } else { config.head_timeout };
            let deadline = now.checked_add(patience);
            return Next::Wait { read: true, write: false, deadline, idle: true };
        };
        Next::read(deadline)
    }

    /// Serves the request that is complete and those behind it, and sends the responses together.
    fn serve<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        cx: &mut Run<'_, Http<H>>,
        refusal: Option<&Refusal>,
    ) -> Next {
        let Scratch { read, filled, parsed, head, lent } = &mut *cx.scratch;
        if std::mem::take(&mut self.look_first) || refusal.is_some() && !self.partial.is_empty() {
            *filled = self.partial.len().min(read.len());
            read[..*filled].copy_from_slice(&self.partial[..*filled]);
            *parsed = None;
            // Where the request was refused before its end, this repeats that; the refusal is known.
            head.clear();
        }
        self.partial = Vec::new();
        (self.head, self.head_since, self.collecting) = (None, None, None);
        self.used = true;
        let site =
            Site { server: cx.server, config: cx.config, transport: cx.transport, seat: cx.seat };
        let limits = limits(cx.config);
        let mut start = 0;
        let mut refusal = refusal.cloned();
        let mut first = true;
        let after = loop {
            let end = match parsed.take() {
                Some(end) => end,
                None if refusal.is_some() => {
                    // As far as it goes, for the log.
                    let _ = head.parse(&read[start..*filled], &limits);
                    *filled - start
                }
                None => match head.parse(&read[start..*filled], &limits) {
                    Ok(Parsed::Complete(end)) => end,
                    Ok(Parsed::Partial) => {
                        head.clear();
                        break After::Receive;
                    }
                    Err(wrong) => {
                        refusal = Some(wrong);
                        *filled - start
                    }
                },
            };
            if refusal.is_none() {
                if *filled - start < end + body_to_collect(head) {
                    // The next request's body is not here yet.
                    break After::Receive;
                }
                let kind = kind_of(head, &read[start..start + end]);
                cx.kind.set(kind);
                if !first && cx.learned.is_some_and(|learned| learned.is_slow(kind)) {
                    cx.seat.release();
                }
                // A body that is not here as a whole is received into the buffer behind the head: make room.
                let whole = matches!(head.framing(), Framing::Length(length)
                    if length <= (*filled - start - end) as u64);
                if !whole && start > 0 {
                    read.copy_within(start..*filled, 0);
                    *filled -= start;
                    start = 0;
                }
            }
            first = false;
            let (octets, rest) = read[start..].split_at_mut(end);
            let received = *filled - start - end;
            let request = Request { head, octets };
            let served =
                cx.protocol.serve(site, request, refusal.as_ref(), rest, received, lent);
            *filled = start + end + served.rest.1;
            start += end + served.rest.0;
            if served.cut {
                return self.cut(cx.transport, lent.output.ready.as_slice(), &mut start);
            }
            let clean = refusal.is_none() && start == *filled && served.unread.is_none();
            match served.unread {
                Some(decoder) if !served.close => {
                    *filled = start;
                    break After::Drain(Box::new(Drain { decoder, left: cx.config.max_drain_size, deadline: None }));
                }
                // Nobody wants what else the client sent, but it must not be lost to a reset that we sent.
                _ if served.close && clean => break After::Close,
                _ if served.close => break After::Linger,
                _ => {}
            }
            if lent.output.attachment.is_some() || lent.output.ready.len() > MAX_UNSENT || start == *filled {
                break After::Receive;
            }
        };
        if matches!(after, After::Receive) && start < *filled {
            self.partial = read[start..*filled].to_vec();
            self.look_first = true;
        }
        *filled = 0;
        let attachment = lent.output.attachment.take();
        let chunked = lent.output.is_chunked();
        let ready = &mut lent.output.ready;
        if attachment.is_none() {
            match cx.transport.send(ready, false) {
                Ok(count) if count == ready.len() => {
                    ready.clear();
                    return self.sent(after, cx.transport, cx.config, Instant::now);
                }
                Ok(count) => drop(ready.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => {
                    log::debug!("{}: the client left before it had its response: {error}", cx.transport.peer);
                    ready.clear();
                    return Next::Close;
                }
            }
        }
        let octets = std::mem::take(ready);
        self.phase = Phase::Sending(Box::new(Pending::new(octets, attachment, chunked)), after);
        self.send_more(cx)
    }

    /// The last response is not whole: the client has to notice that.
    fn cut(&mut self, transport: &Transport, ready: &[u8], _: &mut usize) -> Next {
        // What is complete, such as answers to earlier requests, still goes out if the peer takes it at once.
        if !ready.is_empty() {
            let _ = transport.send(ready, false);
        }
        Next::Close
    }

    /// Sends from a run, where a disk may block.
    fn send_more<H: BaseHttpRequestHandler + 'static>(&mut self, cx: &mut Run<'_, Http<H>>) -> Next {
        match self.send(cx.transport, cx.config, Instant::now()) {
            Step::Go => Next::Again,
            Step::Next(next) => next,
        }
    }

    fn send(&mut self, transport: &Transport, config: &Config, now: Instant) -> Step {
        let Phase::Sending(pending, _) = &mut self.phase else { return Step::Go };
        match pending.send(transport) {
            Ok(Sent::All) => {
                let Phase::Sending(_, after) = std::mem::replace(&mut self.phase, Phase::Receiving) else {
                    return Step::Go;
                };
                Step::Next(self.sent(after, transport, config, || now))
            }
            Ok(Sent::Blocked) => Step::Next(Next::write(pending.deadline(now, config))),
            Ok(Sent::Yield) => Step::Next(Next::Again),
            Err(error) => {
                log::debug!("{}: the response could not be sent: {error}", transport.peer);
                Step::Next(Next::Close)
            }
        }
    }

    /// Everything is sent.
    fn sent(
        &mut self,
        after: After,
        transport: &Transport,
        config: &Config,
        now: impl FnOnce() -> Instant,
    ) -> Next {
        self.phase = match after {
            After::Receive if self.look_first => {
                self.phase = Phase::Receiving;
                return Next::Again;
            }
            After::Receive => {
                self.phase = Phase::Receiving;
                return self.await_octets(config, now());
            }
            After::Close => return Next::Close,
            After::Drain(drain) => Phase::Draining(drain),
            After::Linger => {
                transport.finish_writing();
                Phase::Lingering { until: now() + config.linger_timeout }
            }
        };
        Next::Again
    }

    /// Reads away the rest of a body.
    fn drain<H: BaseHttpRequestHandler + 'static>(&mut self, cx: &mut Turn<'_, Http<H>>) -> Step {
        let Phase::Draining(drain) = &mut self.phase else { return Step::Go };
        let buffer = &mut cx.scratch.read;
        for _ in 0..READS_PER_TURN {
            let count = match cx.transport.recv(buffer) {
                Ok(0) => return Step::Next(Next::Close),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    cx.readiness.read = false;
                    let stall = cx.now.checked_add(cx.config.body_timeout);
                    // One deadline for all of it: there is no reason to be patient with what nobody wants.
                    let deadline = *drain.deadline.get_or_insert(stall.unwrap_or(cx.now));
                    return Step::Next(Next::read(Some(deadline)));
                }
                Err(_) => return Step::Next(Next::Close),
            };
            let mut at = 0;
            loop {
                match drain.decoder.decode(&buffer[at..count]) {
                    Ok(Decoded::Data { skip, len }) => {
                        at += skip + len;
                        drain.left = drain.left.saturating_sub((skip + len) as u64);
                    }
                    Ok(Decoded::More { skip }) => {
                        drain.left = drain.left.saturating_sub(skip as u64);
                        break;
                    }
                    Ok(Decoded::End { skip }) => at += skip,
                    Err(_) => drain.left = 0,
                }
                if drain.decoder.is_done() {
                    self.partial = buffer[at..count].to_vec();
                    self.look_first = !self.partial.is_empty();
                    self.phase = Phase::Receiving;
                    if self.look_first {
                        return Step::Go;
                    }
                    return Step::Next(self.await_octets(cx.config, cx.now));
                }
                if drain.left == 0 {
                    // Too much, or malformed. The response has said nothing of it, but there is no other way.
                    cx.transport.finish_writing();
                    self.phase = Phase::Lingering { until: cx.now + cx.config.linger_timeout };
                    return Step::Go;
                }
            }
        }
        Step::Next(Next::Again)
    }

    /// Reads until the client has closed its side too.
    fn linger<H: BaseHttpRequestHandler + 'static>(&mut self, cx: &mut Turn<'_, Http<H>>) -> Step {
        let Phase::Lingering { until } = self.phase else { return Step::Go };
        if cx.now >= until {
            return Step::Next(Next::Close);
        }
        for _ in 0..READS_PER_TURN {
            match cx.transport.recv(&mut cx.scratch.read) {
                Ok(0) => return Step::Next(Next::Close),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    cx.readiness.read = false;
                    return Step::Next(Next::read(Some(until)));
                }
                Err(_) => return Step::Next(Next::Close),
            }
        }
        Step::Next(Next::Again)
    }

    /// A response without a handler: there is no thread to run one, or the client is not welcome.
    fn refuse_plainly<H>(&mut self, status: u16, protocol: &Http<H>, _: Instant) {
        let octets = protocol.plain_refusal(status);
        self.look_first = false;
        self.phase = Phase::Sending(Box::new(Pending::new(octets, None, false)), After::Linger);
    }
}

enum Examined {
    /// More octets are needed.
    Incomplete,
    Step(Step),
}

/// How many octets behind the head are awaited before the handler starts: the body, if it is small and the client
/// sends it without being asked. A handler that would have to wait for it would hold a thread.
fn body_to_collect(head: &Head) -> usize {
    match head.framing() {
        Framing::Length(length) if length <= MAX_COLLECTED && head.expect() != Expect::Continue => {
            usize::try_from(length).unwrap_or(0)
        }
        _ => 0,
    }
}

fn kind_of(head: &Head, octets: &[u8]) -> Kind {
    Kind::of(&[head.method(octets).as_bytes(), head.url_path(octets).as_bytes()])
}

fn limits(config: &Config) -> HeadLimits {
    HeadLimits { head: config.max_head_size, fields: config.max_fields, target: config.max_target_size }
}

/// Octets of a request body that the loop collects before the handler starts.
pub(crate) const MAX_COLLECTED: u64 = 64 * 1024;
/// No further pipelined request is served while so many octets of responses are unsent.
const MAX_UNSENT: usize = 64 * 1024;
/// Octets received at a time into a request that comes in pieces.
const GROWTH: usize = 4 * 1024;
/// Reads of unwanted octets before others have their turn.
const READS_PER_TURN: usize = 16;
