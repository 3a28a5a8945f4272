//! Collects bodies: turns receive a body that arrives slowly, so that its handler does not hold a
//! thread meanwhile.

use std::time::{Duration, Instant};

use crate::http::Http;
use crate::http::bodies::decoder::{BodyDecoder, Decoded};
use crate::http::bodies::link::Pace;
use crate::http::bodies::memory::{BodyLimits, Grant, Share};
use crate::http::handler::BaseHttpRequestHandler;
use crate::http::message::framing::{Expect, Framing};
use crate::http::message::refusal::Refusal;
use crate::http::message::request::RequestHead;
use crate::http::message::route::Route;
use crate::server::config::Config;
use crate::server::protocol::Turn;

use super::{HttpConnection, Phase};

/// A request with a complete head and an incomplete body.
#[derive(Debug)]
pub(super) struct Collecting {
    since: Instant,
    /// When the client last sent something.
    last: Instant,
    /// Bytes of the request that have arrived.
    received: usize,
    /// The length of the head.
    head: usize,
    goal: Goal,
    share: Share,
    /// The answer to the last request for memory.
    grant: Grant,
    limits: BodyLimits,
}

/// How the end of the body is recognized.
#[derive(Debug)]
enum Goal {
    /// The length of the whole request in bytes.
    Length(usize),
    Chunks(Box<Chunks>),
}

#[derive(Debug)]
struct Chunks {
    decoder: BodyDecoder,
    /// Bytes of the request that the decoder has consumed, including the head.
    decoded: usize,
    /// When to ask whether the handler starts without the rest.
    ask: Instant,
}

/// Returns the framing of the body if it is collected before the handler starts. A client that
/// waits for `100 Continue` sends nothing before that, and a body that no handler reads is not
/// worth its memory.
pub(super) fn awaited(route: Route, config: &Config, head: &RequestHead) -> Option<Framing> {
    let framing = head.framing();
    if framing == Framing::Length(0) { None } else { awaited_body(route, config, head, framing) }
}

#[inline(never)]
fn awaited_body(route: Route, config: &Config, head: &RequestHead, framing: Framing) -> Option<Framing> {
    let most = BodyLimits::of(config).body;
    let fits = match framing {
        Framing::Length(length) => length <= most && length <= config.max_body_size,
        Framing::Chunked => most > 0,
    };
    (fits && head.expect() == Expect::None && route.wants_body).then_some(framing)
}

/// Whether the whole body is in `bytes`, after a head of the length `head_end`.
pub(super) fn is_here(framing: Option<Framing>, head_end: usize, bytes: &[u8]) -> bool {
    match framing {
        None => true,
        Some(Framing::Length(length)) => length <= (bytes.len() - head_end) as u64,
        // A malformed body is refused when it is read.
        Some(Framing::Chunked) => decode(&mut BodyDecoder::new(Framing::Chunked), &bytes[head_end..]).1,
    }
}

/// Consumes all bytes. Returns how many belong to the body, and whether the body has ended or is
/// malformed.
fn decode(decoder: &mut BodyDecoder, bytes: &[u8]) -> (usize, bool) {
    let mut at = 0;
    loop {
        match decoder.decode(&bytes[at..]) {
            Ok(Decoded::Data { skip, len }) => at += skip + len,
            Ok(Decoded::More { skip }) => return (at + skip, false),
            Ok(Decoded::End { skip }) => return (at + skip, true),
            Err(_) => return (at, true),
        }
    }
}

/// What to do next with a body that is collected.
pub(super) enum Verdict {
    Wait,
    /// The handler starts.
    Serve,
    /// The client was too slow.
    TooSlow,
    /// The body was evicted to make room for others.
    Evicted,
}

impl Collecting {
    /// Begins to collect the body after a head of the length `head`. `partial` holds both.
    pub(super) fn new<H: BaseHttpRequestHandler + 'static>(
        framing: Framing,
        head: usize,
        partial: &Vec<u8>,
        cx: &Turn<'_, Http<H>>,
    ) -> Box<Self> {
        let goal = match framing {
            Framing::Length(length) => {
                Goal::Length(head.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)))
            }
            Framing::Chunked => Goal::Chunks(Box::new(Chunks {
                decoder: BodyDecoder::new(framing).max_fields(cx.config.max_fields),
                decoded: head,
                ask: cx.now + PAUSE,
            })),
        };
        let share = cx.protocol.body_memory.enter(cx.transport.client().ip(), cx.now, cx.waker.if_polled());
        let limits = BodyLimits::of(cx.config);
        let mut collecting =
            Self { since: cx.now, last: cx.now, received: 0, head, goal, share, grant: Grant::Given, limits };
        collecting.share.received(partial.len(), cx.now);
        collecting.ask(partial.capacity(), cx);
        Box::new(collecting)
    }

    /// Asks for `bytes` bytes of memory.
    fn ask<H: BaseHttpRequestHandler + 'static>(&mut self, bytes: usize, cx: &Turn<'_, Http<H>>) {
        let threads_are_free = cx.server.counters().most_threads_are_free();
        self.grant = self.share.grow(bytes, self.limits, threads_are_free, cx.now);
    }

    /// Returns how many bytes to receive at most, so that none of them belong to the next request.
    pub(super) fn room(&self, have: usize) -> usize {
        match &self.goal {
            Goal::Length(length) => length.saturating_sub(have).max(1),
            Goal::Chunks(_) => usize::MAX,
        }
    }

    /// Makes room in `partial` for `count` received bytes. The capacity doubles as far as the body
    /// needs it, and the memory is not zeroed.
    pub(super) fn reserve<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        partial: &mut Vec<u8>,
        count: usize,
        cx: &Turn<'_, Http<H>>,
    ) {
        self.share.received(partial.len() + count, cx.now);
        let Some(room) = self.next_room(partial, count) else { return };
        self.ask(room, cx);
        if self.grant == Grant::Given {
            partial.reserve_exact(room - partial.len());
        }
    }

    /// Returns the capacity that `partial` needs for `count` more bytes, if its capacity is too
    /// small.
    fn next_room(&self, partial: &Vec<u8>, count: usize) -> Option<usize> {
        let needed = partial.len() + count;
        let most = match &self.goal {
            Goal::Length(length) => *length,
            Goal::Chunks(_) => usize::MAX,
        };
        let twice = partial.capacity().saturating_mul(2).min(most);
        (needed > partial.capacity()).then(|| twice.max(needed))
    }

    /// Looks at the bytes that have arrived.
    pub(super) fn look(&mut self, bytes: &[u8], now: Instant) -> Verdict {
        self.last = now;
        self.received = bytes.len();
        self.share.received(bytes.len(), now);
        let is_over = match &mut self.goal {
            Goal::Length(length) => bytes.len() >= *length,
            Goal::Chunks(chunks) => {
                chunks.ask = now + PAUSE;
                let (consumed, is_over) = decode(&mut chunks.decoder, &bytes[chunks.decoded..]);
                chunks.decoded += consumed;
                // The handler reads the rest of a longer body as it arrives.
                is_over || (bytes.len() - self.head) as u64 >= self.limits.body
            }
        };
        // An evicted body is not served even if it is complete, because its memory is promised to
        // others.
        if self.is_evicted() {
            return Verdict::Evicted;
        }
        if is_over || self.grant == Grant::Start { self.serve() } else { Verdict::Wait }
    }

    /// Handles a passed deadline.
    pub(super) fn expire(&mut self, now: Instant, config: &Config, threads_are_free: bool) -> Verdict {
        if self.is_evicted() {
            return Verdict::Evicted;
        }
        if self.too_late(config).is_some_and(|end| now >= end) {
            return Verdict::TooSlow;
        }
        let Goal::Chunks(chunks) = &mut self.goal else { return Verdict::Wait };
        if now < chunks.ask {
            return Verdict::Wait;
        }
        if threads_are_free {
            return self.serve();
        }
        // The body asks less and less often, so that thousands of such bodies cost little.
        chunks.ask = now + now.saturating_duration_since(self.last).max(PAUSE);
        Verdict::Wait
    }

    /// Returns when to look again.
    pub(super) fn deadline(&self, config: &Config) -> Option<Instant> {
        let end = self.too_late(config);
        match &self.goal {
            Goal::Length(_) => end,
            Goal::Chunks(chunks) => Some(end.map_or(chunks.ask, |end| end.min(chunks.ask))),
        }
    }

    /// Returns when the client is too slow.
    fn too_late(&self, config: &Config) -> Option<Instant> {
        let waited = self.last.saturating_duration_since(self.since);
        let pace = Pace::new(self.received as u64, waited);
        let patience = pace.patience(config.body_timeout, config.minimum_rate, config.minimum_rate_after);
        self.last.checked_add(patience)
    }

    pub(super) fn is_evicted(&self) -> bool {
        self.share.is_evicted()
    }

    /// Gives the memory to the request. It is not evicted any more.
    fn serve(&mut self) -> Verdict {
        self.share.settle();
        Verdict::Serve
    }
}

impl HttpConnection {
    /// Acts on the verdict on a body that is collected.
    pub(super) fn settle_body<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        verdict: &Verdict,
        cx: &Turn<'_, Http<H>>,
    ) {
        match verdict {
            Verdict::Wait => {}
            Verdict::Serve => {
                self.phase = Phase::Request;
                self.look_first = true;
            }
            Verdict::TooSlow => {
                self.drop_body();
                self.look_first = true;
                let refusal = Refusal::new(408, "Request Timeout");
                self.phase = Phase::Refusing(refusal.explained("The request body took too long"));
            }
            Verdict::Evicted => self.give_up_body(cx),
        }
    }

    /// Refuses a body that was evicted. No handler is called, because threads are scarce then, and
    /// the refusal must not wait for one.
    #[cold]
    pub(super) fn give_up_body<H: BaseHttpRequestHandler + 'static>(&mut self, cx: &Turn<'_, Http<H>>) {
        self.drop_body();
        self.refuse_plainly(408, cx);
    }

    /// Frees the memory of the body and keeps the head, for the log.
    fn drop_body(&mut self) {
        if let Some(collecting) = self.collecting.take() {
            self.partial.truncate(collecting.head);
            self.partial.shrink_to_fit();
        }
    }
}

/// After a pause this long in a chunked body, the client may wait for a response to what it has
/// sent.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::http::bodies::memory::BodyMemory;

    use super::*;

    const HEAD: usize = 10;

    fn chunked(config: &Config, now: Instant) -> Collecting {
        let memory: Arc<BodyMemory> = Arc::default();
        Collecting {
            since: now,
            last: now,
            received: 0,
            head: HEAD,
            goal: Goal::Chunks(Box::new(Chunks {
                decoder: BodyDecoder::new(Framing::Chunked),
                decoded: HEAD,
                ask: now + PAUSE,
            })),
            share: memory.enter([127, 0, 0, 1].into(), now, None),
            grant: Grant::Given,
            limits: BodyLimits::of(config),
        }
    }

    #[test]
    fn a_client_that_pauses_is_served_only_while_most_threads_are_free() {
        let config = Config::default();
        let start = Instant::now();
        let mut collecting = chunked(&config, start);
        assert!(matches!(collecting.look(b"HHHHHHHHHH5\r\nhello\r\n", start), Verdict::Wait));
        assert_eq!(collecting.deadline(&config), Some(start + PAUSE));
        let early = start + PAUSE / 2;
        assert!(matches!(collecting.expire(early, &config, true), Verdict::Wait));
        assert!(matches!(collecting.expire(start + PAUSE, &config, false), Verdict::Wait));
        // The body asks less often.
        assert_eq!(collecting.deadline(&config), Some(start + 2 * PAUSE));
        assert!(matches!(collecting.expire(start + 2 * PAUSE, &config, false), Verdict::Wait));
        assert_eq!(collecting.deadline(&config), Some(start + 4 * PAUSE));
        assert!(matches!(collecting.expire(start + 4 * PAUSE, &config, true), Verdict::Serve));
    }

    #[test]
    fn a_chunk_that_comes_in_between_begins_the_pause_again() {
        let config = Config::default();
        let start = Instant::now();
        let mut collecting = chunked(&config, start);
        assert!(matches!(collecting.look(b"HHHHHHHHHH5\r\nhel", start), Verdict::Wait));
        let later = start + PAUSE * 3 / 4;
        assert!(matches!(collecting.look(b"HHHHHHHHHH5\r\nhello\r\n", later), Verdict::Wait));
        assert!(matches!(collecting.expire(start + PAUSE, &config, true), Verdict::Wait));
        assert_eq!(collecting.deadline(&config), Some(later + PAUSE));
        let whole = b"HHHHHHHHHH5\r\nhello\r\n0\r\n\r\nGET";
        assert!(matches!(collecting.look(whole, later), Verdict::Serve));
    }

    #[test]
    fn a_client_that_is_too_slow_is_refused_whether_threads_are_free_or_not() {
        let config = Config::default();
        let start = Instant::now();
        let mut collecting = chunked(&config, start);
        let late = start + config.minimum_rate_after;
        assert!(matches!(collecting.expire(late, &config, true), Verdict::TooSlow));
    }

    #[test]
    fn an_evicted_body_is_not_served_even_if_it_is_complete() {
        let config = Config { max_body_memory: 64 * 1024, ..Config::default() };
        let start = Instant::now();
        let mut collecting = chunked(&config, start);
        assert_eq!(collecting.share.grow(1 << 20, collecting.limits, false, start), Grant::Start);
        assert_eq!(collecting.share.grow(10_000, collecting.limits, false, start), Grant::Given);
        // It holds more than half of what its address may have, and asks for too much.
        assert_eq!(collecting.share.grow(1 << 20, collecting.limits, false, start), Grant::Evicted);
        assert!(matches!(collecting.expire(start + PAUSE, &config, true), Verdict::Evicted));
        let whole = b"HHHHHHHHHH5\r\nhello\r\n0\r\n\r\n";
        assert!(matches!(collecting.look(whole, start), Verdict::Evicted));
    }

    #[test]
    fn a_malformed_body_is_left_to_the_handler_that_reads_it() {
        let config = Config::default();
        let start = Instant::now();
        let mut collecting = chunked(&config, start);
        assert!(matches!(collecting.look(b"HHHHHHHHHHnonsense", start), Verdict::Serve));
    }

    #[test]
    fn memory_follows_what_has_arrived() {
        let config = Config::default();
        let now = Instant::now();
        let memory: Arc<BodyMemory> = Arc::default();
        let share = memory.enter([127, 0, 0, 1].into(), now, None);
        let limits = BodyLimits::of(&config);
        let mut collecting = Collecting {
            since: now,
            last: now,
            received: 0,
            head: HEAD,
            goal: Goal::Length(HEAD + 1_000_000),
            share,
            grant: Grant::Given,
            limits,
        };
        let mut partial = vec![0; 1000];
        let mut rooms = Vec::new();
        while partial.len() < HEAD + 1_000_000 {
            let room = collecting.next_room(&partial, 500.min(HEAD + 1_000_000 - partial.len()));
            if let Some(room) = room {
                partial.reserve_exact(room - partial.len());
                rooms.push(room);
            }
            partial.resize((partial.len() + 500).min(HEAD + 1_000_000), 0);
        }
        assert!(rooms.windows(2).all(|pair| pair[1] <= 2 * pair[0]), "{rooms:?}");
        assert_eq!(rooms.last(), Some(&(HEAD + 1_000_000)), "{rooms:?}");
        assert!(matches!(collecting.look(&partial, now), Verdict::Serve));
    }
}
