//! Serving: the requests that are complete, and those behind them.

use crate::http::Http;
use crate::http::body::Framing;
use crate::http::exchange::Request;
use crate::http::handler::BaseHttpRequestHandler;
use crate::http::head::{Parsed, Refusal};
use crate::http::scratch::Scratch;
use crate::http::serve::{Site, exclusive};
use crate::server::protocol::{Next, Run};

use super::finish::{Outcome, rest};
use super::{After, Drain, HttpConnection, MAX_UNSENT, Phase, body_to_collect, kind_of, limits};

impl HttpConnection {
    /// Serves the request that is complete and those behind it, and sends the responses together.
    pub(super) fn serve<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        cx: &mut Run<'_, Http<H>>,
        refusal: Option<&Refusal>,
    ) -> Next {
        let clock = cx.clock();
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
        let site = Site {
            server: cx.server,
            config: cx.config,
            transport: cx.transport,
            seat: cx.seat,
            waker: cx.waker,
        };
        let log = cx.server.access_log();
        // Of those behind the first one too: they came with it.
        let arrived = self.arrived.take().unwrap_or(cx.started);
        let limits = limits(cx.config);
        exclusive(&mut lent.output).begin_connection();
        let mut start = 0;
        let mut refusal = refusal.cloned();
        let mut first = true;
        let after = loop {
            // Whether all fields are known.
            let mut is_whole = true;
            let mut began = None;
            let end = match parsed.take() {
                Some(head) => {
                    began = head.began;
                    head.end
                }
                None if refusal.is_some() => {
                    // As far as it goes, for the log.
                    is_whole = matches!(head.parse(&read[start..*filled], &limits), Ok(Parsed::Complete(_)));
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
                        is_whole = false;
                        *filled - start
                    }
                },
            };
            if refusal.is_none() {
                if *filled - start < end + body_to_collect(head) {
                    // The next request's body is not here yet.
                    break After::Receive;
                }
                // Of the first one this was asked before the run began.
                if !first && cx.protocol.may_block() {
                    let kind = kind_of(head, &read[start..start + end]);
                    cx.kind.set(kind);
                    if cx.learned.is_some_and(|learned| learned.is_slow(kind)) {
                        cx.seat.release();
                    }
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
            let request = Request { head, octets, arrived, began, is_whole };
            let served = cx.protocol.serve(site, request, refusal.as_ref(), rest, received, lent);
            if refusal.is_some() {
                // Its parsing may have stopped in the middle, and the next connection gets this memory.
                head.clear();
            }
            *filled = start + end + served.rest.1;
            start += end + served.rest.0;
            if let Some(upgraded) = served.upgraded {
                // What is in the buffer went with the stream.
                *filled = 0;
                let output = exclusive(&mut lent.output);
                output.lines.settle(log, &[], 0);
                output.let_go();
                return self.leave_to(upgraded, cx);
            }
            if served.cut {
                // What is complete, such as answers to earlier requests, still goes out if the peer takes it at
                // once; the end of the connection shows that the last one is not whole.
                let output = exclusive(&mut lent.output);
                let sent = match output.ready.as_slice() {
                    [] => 0,
                    ready => cx.transport.send(ready, false).unwrap_or(0),
                };
                output.lines.settle(log, &output.ready, sent);
                if output.is_close_delimited() {
                    cx.transport.abort();
                }
                output.let_go();
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
                        deadline: None,
                    }));
                }
                // Nobody wants what else the client sent, but it must not be lost to a reset that we sent.
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
            self.partial = read[start..*filled].to_vec();
            self.look_first = true;
        }
        *filled = 0;
        let output = exclusive(&mut lent.output);
        let attachment = output.attachment.take();
        let framing = output.source_framing();
        // The system still has to deliver much of a long response when we are done with it: a late octet of the
        // client, for which nobody looks any more, would make it throw that away.
        let mut after = after;
        if matches!(after, After::Close) && output.has_left() {
            after = After::Linger;
        }
        // Not where its next turn is due already, nor where it has to be registered anew before that.
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
            match Outcome::of(cx.transport.send(&output.ready, false), output, cx.transport, log) {
                Outcome::All => return self.sent(after, cx.transport, cx.config, clock),
                Outcome::Part(count) => sent = count,
                Outcome::Gone => return Next::Close,
            }
        }
        if matches!(after, After::Close) {
            after = After::Linger;
        }
        let pending = rest(output, sent, attachment, framing, log);
        // The time that a long file takes is not the handler's: learned of, it would make threads for those that send one.
        let is_long = pending.is_long_file();
        self.phase = Phase::Sending(pending, after);
        if is_long { Next::Again } else { self.send_more(cx) }
    }
}
