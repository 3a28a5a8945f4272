//! Receives bytes until a request is complete.

use std::io::{self, ErrorKind};
use std::time::Instant;

use crate::diagnostics;
use crate::http::Http;
use crate::http::h1::head::Parsed;
use crate::http::h1::scratch::ParsedHead;
use crate::http::handler::BaseHttpRequestHandler;
use crate::server::config::Config;
use crate::server::protocol::{Next, Turn};
use crate::transport::Received;

use super::collect::{Collecting, Verdict, awaited, is_here};
use super::{Awaited, Examined, GROWTH, HttpConnection, Phase, Step, limits, run_request};

impl HttpConnection {
    /// Receives until a request is complete.
    pub(super) fn receive<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        cx: &mut Turn<'_, Http<H>>,
    ) -> Step {
        if std::mem::take(&mut self.look_first) && !self.partial.is_empty() {
            cx.scratch.filled = 0;
            match self.examine_partial(cx) {
                Examined::Incomplete => {}
                Examined::Step(step) => return step,
            }
        }
        loop {
            let received = if self.partial.is_empty() {
                let received = cx.transport.recv(&mut cx.scratch.read);
                if let Ok(received) = &received {
                    cx.scratch.filled = received.count;
                }
                received
            } else {
                self.receive_more(cx)
            };
            // This time is known only for the bytes that are received first.
            let began = cx.began.take();
            match received {
                // The client has closed its side. An incomplete request is not answered.
                Ok(received) if received.count == 0 => return Step::Next(Next::Close),
                Ok(received) => cx.readiness.received(received.more),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    cx.readiness.drained();
                    return Step::Next(self.await_more(cx));
                }
                Err(error) => {
                    diagnostics::debug!("{}: {error}", cx.transport.peer);
                    return Step::Next(Next::Close);
                }
            }
            let examined = if self.partial.is_empty() {
                self.examine_scratch(cx, began)
            } else {
                self.examine_partial(cx)
            };
            match examined {
                // While the server stops, only an empty socket shows that nothing more has arrived.
                Examined::Incomplete if cx.readiness.read || cx.stopping => {}
                Examined::Incomplete => return Step::Next(self.await_bytes(cx.config, cx.now)),
                Examined::Step(step) => return step,
            }
        }
    }

    /// Receives bytes after those that arrived before.
    #[inline(never)]
    fn receive_more<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        cx: &mut Turn<'_, Http<H>>,
    ) -> io::Result<Received> {
        let have = self.partial.len();
        let room = self.collecting.as_ref().map_or(GROWTH, |collecting| collecting.room(have));
        let room = room.min(cx.scratch.read.len());
        // Receives into the memory of the thread first, so that the memory of the connection need
        // not be zeroed.
        let received = cx.transport.recv(&mut cx.scratch.read[..room])?;
        let count = received.count;
        if let Some(collecting) = &mut self.collecting {
            collecting.reserve(&mut self.partial, count, cx);
        }
        self.partial.extend_from_slice(&cx.scratch.read[..count]);
        Ok(received)
    }

    /// Looks at the received bytes. In the common case, they are a whole request.
    pub(super) fn examine_scratch<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        cx: &mut Turn<'_, Http<H>>,
        began: Option<Instant>,
    ) -> Examined {
        let scratch = &mut *cx.scratch;
        let bytes = &scratch.read[..scratch.filled];
        match scratch.head.parse(bytes, &limits(cx.config)) {
            Ok(Parsed::Complete(end)) => {
                self.arrived = Some(cx.now);
                let head = scratch.head.head();
                let route = cx.protocol.route(head, bytes);
                if is_here(awaited(route, cx.config, head), end, bytes) {
                    // Empty lines may come before a request that has not begun yet.
                    let began = began.filter(|_| bytes.first().is_some_and(u8::is_ascii_graphic));
                    scratch.parsed = Some(ParsedHead { end, began, route });
                    self.phase = Phase::Request;
                    return Examined::Step(Step::Next(run_request(route, head, bytes)));
                }
            }
            Ok(Parsed::Partial) => {
                if has_begun(bytes) {
                    self.awaited = Awaited::Head(cx.now);
                }
                // The state of the parser is kept, so that a head that arrives in small pieces is
                // parsed once.
                self.head = Some(Box::new(std::mem::take(&mut scratch.head)));
                self.keep_scratch(cx);
                return Examined::Incomplete;
            }
            Err(refusal) => {
                self.phase = Phase::Refusing(refusal);
                return Examined::Step(Step::Go);
            }
        }
        self.keep_scratch(cx);
        self.examine_partial(cx)
    }

    /// Moves the received bytes to the memory of the connection, where they wait for the rest.
    #[inline(never)]
    fn keep_scratch<H: BaseHttpRequestHandler + 'static>(&mut self, cx: &mut Turn<'_, Http<H>>) {
        self.partial = cx.scratch.read[..cx.scratch.filled].to_vec();
        cx.scratch.filled = 0;
    }

    /// Looks at a request that arrived in several pieces.
    #[inline(never)]
    pub(super) fn examine_partial<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        cx: &Turn<'_, Http<H>>,
    ) -> Examined {
        if self.collecting.is_some() {
            return self.examine_body(cx);
        }
        let mut parser = self.head.take().unwrap_or_default();
        match parser.parse(&self.partial, &limits(cx.config)) {
            Ok(Parsed::Complete(end)) => {
                self.awaited = Awaited::Other;
                self.arrived.get_or_insert(cx.now);
                let route = cx.protocol.route(parser.head(), &self.partial);
                let awaited = awaited(route, cx.config, parser.head());
                if let Some(framing) = awaited.filter(|_| !is_here(awaited, end, &self.partial)) {
                    self.collecting = Some(Collecting::new(framing, end, &self.partial, cx));
                    return self.examine_body(cx);
                }
                self.phase = Phase::Request;
                self.look_first = true;
                Examined::Step(Step::Next(run_request(route, parser.head(), &self.partial)))
            }
            Ok(Parsed::Partial) => {
                if !matches!(self.awaited, Awaited::Head(_)) && has_begun(&self.partial) {
                    self.awaited = Awaited::Head(cx.now);
                }
                self.head = Some(parser);
                Examined::Incomplete
            }
            Err(refusal) => {
                self.look_first = true;
                self.phase = Phase::Refusing(refusal);
                Examined::Step(Step::Go)
            }
        }
    }

    /// Looks at a body that is collected.
    fn examine_body<H: BaseHttpRequestHandler + 'static>(&mut self, cx: &Turn<'_, Http<H>>) -> Examined {
        let Some(collecting) = &mut self.collecting else { return Examined::Incomplete };
        let verdict = collecting.look(&self.partial, cx.now);
        if matches!(verdict, Verdict::Wait) {
            return Examined::Incomplete;
        }
        self.settle_body(&verdict, cx);
        Examined::Step(Step::Go)
    }

    /// Waits for the rest of a request. A server that stops does not wait for the rest of a head.
    fn await_more<H: BaseHttpRequestHandler + 'static>(&self, cx: &Turn<'_, Http<H>>) -> Next {
        if cx.stopping && self.collecting.is_none() {
            return Next::Close;
        }
        self.await_bytes(cx.config, cx.now)
    }

    pub(super) fn await_bytes(&self, config: &Config, now: Instant) -> Next {
        let deadline = if let Some(collecting) = &self.collecting {
            collecting.deadline(config)
        } else if let Awaited::Head(since) = self.awaited {
            since.checked_add(config.head_timeout)
        } else {
            let deadline = match self.awaited {
                Awaited::First(since) => since.checked_add(config.head_timeout.min(config.idle_timeout)),
                _ => now.checked_add(config.idle_timeout),
            };
            return Next::Wait { read: true, write: false, deadline, idle: true };
        };
        Next::read(deadline)
    }
}

/// Whether a request has begun, and not only empty lines have arrived.
fn has_begun(bytes: &[u8]) -> bool {
    !bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::server::protocol::{Admission, Admitted};

    fn connection(now: Instant) -> HttpConnection {
        HttpConnection::new(Admitted { admission: Admission::Welcome, early: Vec::new(), now })
    }

    const HEAD: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(75);

    /// Returns how long after `start` the connection is given up, if it waits since `now`, and
    /// whether it is idle.
    fn patience(connection: &HttpConnection, start: Instant, now: Instant) -> (Duration, bool) {
        match connection.await_bytes(&Config::default(), now) {
            Next::Wait { deadline: Some(deadline), idle, .. } => (deadline - start, idle),
            next => panic!("{next:?}"),
        }
    }

    #[test]
    fn rule_78_each_silence_has_its_own_time() {
        let start = Instant::now();
        let later = start + Duration::from_secs(9);
        let mut connection = connection(start);
        assert_eq!(patience(&connection, start, start), (HEAD, true));
        // An empty line prolongs nothing.
        assert_eq!(patience(&connection, start, later), (HEAD, true));
        // From the first byte of the head on.
        connection.awaited = Awaited::Head(later);
        assert_eq!(patience(&connection, start, later), (later - start + HEAD, false));
        // A request was served.
        connection.awaited = Awaited::Other;
        assert_eq!(patience(&connection, start, later), (later - start + IDLE, true));
    }

    #[test]
    fn a_short_idle_timeout_is_also_that_of_a_new_connection() {
        let start = Instant::now();
        let connection = connection(start);
        let config = Config { idle_timeout: Duration::from_secs(3), ..Config::default() };
        let expected = Some(start + Duration::from_secs(3));
        assert!(
            matches!(connection.await_bytes(&config, start), Next::Wait { deadline, .. } if deadline == expected)
        );
    }
}
