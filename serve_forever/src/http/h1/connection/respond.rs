//! Serves the requests that are complete, and those behind them.
//!
//! Code that few requests need is in functions of its own, so that the code path of all others is
//! short. Loading code into the caches takes more time than running it.

use std::borrow::Cow;

use crate::http::Http;
use crate::http::answer::serve::{ServeContext, exclusive};
use crate::http::bodies::output::Output;
use crate::http::bodies::pending::Pending;
use crate::http::exchange::Request;
use crate::http::h1::head::{HeadLimits, HeadParser, Parsed};
use crate::http::h1::scratch::{BODY_BUFFER, Scratch};
use crate::http::handler::BaseHttpRequestHandler;
use crate::http::message::framing::Framing;
use crate::http::message::refusal::Refusal;
use crate::http::message::route::Route;
use crate::server::access_log::AccessLog;
use crate::server::protocol::{Next, Run};
use crate::transport::Transport;

use super::collect::{Collecting, awaited, is_here};
use super::finish::{SendResult, rest};
use super::{After, Awaited, Drain, HttpConnection, MAX_UNSENT, Phase, kind_of, limits};

impl HttpConnection {
    /// Serves the request that is complete and those behind it, and sends the responses together.
    pub(super) fn serve<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        cx: &mut Run<'_, Http<H>>,
        refusal: Option<&Refusal>,
    ) -> Next {
        let clock = cx.clock();
        let Scratch { read, filled, parsed, head: parser, lent } = &mut *cx.scratch;
        let mut read = &mut **read;
        let mut large = None;
        if std::mem::take(&mut self.look_first) || refusal.is_some() && !self.partial.is_empty() {
            if self.partial.len() + BODY_BUFFER > read.len() && refusal.is_none() {
                let large = large.insert(self.take_large());
                *filled = large.bytes.len();
                read = &mut large.bytes;
            } else {
                *filled = self.copy_partial_to(read);
            }
            *parsed = None;
            // If the request was refused before its end, this repeats the refusal, which is known
            // already.
            parser.clear();
        }
        debug_assert!(self.partial.is_empty(), "what came before would come before the next request");
        (self.head, self.awaited, self.collecting) = (None, Awaited::Other, None);
        let serve_context = ServeContext {
            server: cx.server,
            config: cx.config,
            transport: cx.transport,
            seat: cx.seat,
            waker: cx.waker,
        };
        let log = cx.server.access_log();
        // The requests behind the first one get the same time, because they arrived with it.
        let arrived = self.arrived.take().unwrap_or(cx.started);
        let limits = limits(cx.config);
        exclusive(&mut lent.output).begin_connection();
        let mut start = 0;
        let mut refusal = refusal.map(Cow::Borrowed);
        let mut first = true;
        // Whether this run has a permit. Its first request decides that.
        let mut permitted = false;
        let after = loop {
            // Whether all fields are known.
            let mut is_whole = true;
            let mut began = None;
            let (end, route) = if let Some(head) = parsed.take() {
                began = head.began;
                (head.end, head.route)
            } else {
                let bytes = &read[start..*filled];
                match parse_next(parser, bytes, &limits, &mut refusal) {
                    Some(end) => (end, cx.protocol.route(parser.head(), bytes)),
                    None if refusal.is_none() => {
                        if first {
                            // The output of another connection must not be sent.
                            exclusive(&mut lent.output).begin();
                        }
                        break After::Receive;
                    }
                    None => {
                        is_whole = false;
                        (bytes.len(), Route::ANY)
                    }
                }
            };
            if refusal.is_none() {
                // The connection has already decided that the first request starts.
                if first {
                    permitted = route.blocks;
                } else {
                    let bytes = &read[start..*filled];
                    let has_permit = permitted || !route.blocks;
                    if !has_permit || !is_here(awaited(route, cx.config, parser.head()), end, bytes) {
                        break After::Receive;
                    }
                    if route.blocks {
                        // For the first request, this was decided before the run began.
                        let kind = kind_of(parser.head(), &bytes[..end]);
                        cx.kind.set(kind);
                        if cx.learned.is_some_and(|learned| learned.is_slow(kind)) {
                            cx.seat.release();
                        }
                    }
                }
                self.blocks = route.blocks;
                // A body that has not arrived as a whole is received into the buffer after the
                // head, which needs room.
                let whole = matches!(parser.head().framing(), Framing::Length(length)
                    if length <= (*filled - start - end) as u64);
                if !whole && start > 0 {
                    make_room(read, &mut start, filled);
                }
            }
            first = false;
            let (bytes, rest) = read[start..].split_at_mut(end);
            let received = *filled - start - end;
            let request = Request { head: parser.head(), bytes, arrived, began, is_whole, route };
            let served = cx.protocol.serve(serve_context, request, refusal.as_deref(), rest, received, lent);
            if refusal.is_some() {
                // The parser may have stopped in the middle, and the next connection gets this
                // memory.
                parser.clear();
            }
            *filled = start + end + served.rest.1;
            start += end + served.rest.0;
            if let Some(upgraded) = served.upgraded {
                // The bytes in the buffer went with the stream.
                *filled = 0;
                drop_output(exclusive(&mut lent.output), log);
                return self.go_on_as_stream(upgraded, cx);
            }
            if served.cut {
                cut_off(exclusive(&mut lent.output), cx.transport, log);
                *filled = 0;
                return Next::Close;
            }
            let clean = refusal.is_none() && start == *filled && served.complete;
            match served.unread {
                Some(decoder) if !served.close => {
                    *filled = start;
                    break After::Drain(Box::new(Drain {
                        decoder: *decoder,
                        left: cx.config.max_drain_size,
                        read: 0,
                        deadline: None,
                    }));
                }
                // The rest of what the client sent is discarded. The connection lingers, so that a
                // reset does not destroy the response.
                _ if served.close && clean => break After::Close,
                _ if served.close => break After::Linger,
                _ => {}
            }
            let output = exclusive(&mut lent.output);
            if output.attachment.is_some() || output.ready.len() > MAX_UNSENT || start == *filled {
                break After::Receive;
            }
        };
        if matches!(after, After::Receive) && start < *filled {
            self.keep(&read[start..*filled]);
        }
        *filled = 0;
        let output = exclusive(&mut lent.output);
        // An attachment is large, and few responses have one. An empty one must not be copied.
        let attachment = if output.attachment.is_some() { output.attachment.take() } else { None };
        let framing = output.source_framing();
        // After a long response, the system still has to deliver much of it. If the connection were
        // closed, a late byte of the client would make the system discard that.
        let mut after = after;
        if matches!(after, After::Close) && output.has_left() {
            after = After::Linger;
        }
        // A response is not held if the next turn of the connection is due already, or if its
        // socket must be registered again before that.
        if attachment.is_none()
            && matches!(after, After::Receive)
            && !self.look_first
            && let Some(holds) = cx.holds.filter(|_| !cx.seat.is_released() && !cx.seat.is_deregistered())
        {
            self.hold(lent, framing);
            holds.set(true);
            return self.sent(after, cx.transport, cx.config, clock);
        }
        let mut sent = 0;
        if attachment.is_none() {
            match SendResult::of(cx.transport.send(&output.ready, false), output, cx.transport, log) {
                SendResult::All => return self.sent(after, cx.transport, cx.config, clock),
                SendResult::Part(count) => sent = count,
                SendResult::Gone => return Next::Close,
            }
        }
        let pending = rest(output, sent, attachment, framing, log);
        self.send_rest(pending, after, cx)
    }

    #[inline(never)]
    fn send_rest<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        mut pending: Box<Pending>,
        after: After,
        cx: &mut Run<'_, Http<H>>,
    ) -> Next {
        pending.keeps_behind(self.partial.len());
        let after = if matches!(after, After::Close) { After::Linger } else { after };
        // The time for sending a long file must not count for the kind of the request. Otherwise,
        // such requests would start on spare threads.
        let is_long = pending.is_long_file();
        self.phase = Phase::Sending(pending, after);
        if is_long { Next::Again } else { self.send_more(cx) }
    }

    /// Takes a collected request that is larger than the memory of the thread. It stays where it
    /// is.
    #[inline(never)]
    fn take_large(&mut self) -> Large {
        Large { bytes: std::mem::take(&mut self.partial), _share: self.collecting.take() }
    }

    /// Copies a request that arrived in pieces, or was parked, to the memory of the thread. Returns
    /// its length.
    #[inline(never)]
    fn copy_partial_to(&mut self, read: &mut [u8]) -> usize {
        let partial = std::mem::take(&mut self.partial);
        let length = partial.len().min(read.len());
        read[..length].copy_from_slice(&partial[..length]);
        length
    }

    /// Keeps the received bytes of the next request.
    #[inline(never)]
    fn keep(&mut self, bytes: &[u8]) {
        self.partial = bytes.to_vec();
        self.look_first = true;
    }
}

/// A request that is larger than the memory of the thread, and its share in the budget.
struct Large {
    bytes: Vec<u8>,
    _share: Option<Box<Collecting>>,
}

/// Returns the length of the head of the next request. `None`: the head is not complete, or the
/// request is refused and not all of its fields are known.
#[inline(never)]
fn parse_next(
    parser: &mut HeadParser,
    bytes: &[u8],
    limits: &HeadLimits,
    refusal: &mut Option<Cow<'_, Refusal>>,
) -> Option<usize> {
    let parsed = parser.parse(bytes, limits);
    if refusal.is_some() {
        // For the log, as far as it can be parsed.
        return matches!(parsed, Ok(Parsed::Complete(_))).then_some(bytes.len());
    }
    match parsed {
        Ok(Parsed::Complete(end)) => return Some(end),
        Ok(Parsed::Partial) => parser.clear(),
        Err(wrong) => *refusal = Some(Cow::Owned(wrong)),
    }
    None
}

/// Moves the bytes that were received but not served yet to the front.
#[cold]
fn make_room(read: &mut [u8], start: &mut usize, filled: &mut usize) {
    read.copy_within(*start..*filled, 0);
    *filled -= *start;
    *start = 0;
}

/// Drops the output: the connection is a stream now, and nothing more is sent as a response.
#[cold]
fn drop_output(output: &mut Output, log: &AccessLog) {
    output.lines.settle(log, &[], 0);
    output.let_go();
}

/// Sends complete responses to earlier requests, as far as the system takes them at once. The end
/// of the connection shows that the last response is not whole.
#[cold]
fn cut_off(output: &mut Output, transport: &Transport, log: &AccessLog) {
    let sent = match output.ready.as_slice() {
        [] => 0,
        ready => transport.send(ready, false).unwrap_or(0),
    };
    output.lines.settle(log, &output.ready, sent);
    if output.is_close_delimited() {
        transport.abort();
    }
    output.let_go();
}
