//! Held responses, which are sent after all requests of the same round were served.
//!
//! Serving a request and sending to a socket are two long code paths. If many requests have arrived
//! together, serving all of them first and sending afterwards keeps each path in the instruction
//! cache.

use crate::http::Http;
use crate::http::answer::lent::{Held, Lent};
use crate::http::answer::serve::exclusive;
use crate::http::bodies::framer::SourceFraming;
use crate::http::handler::BaseHttpRequestHandler;
use crate::server::protocol::{Next, Sending};

use super::finish::{SendResult, rest};
use super::{After, HttpConnection, Phase, Step};

impl HttpConnection {
    /// Keeps the ready bytes, to be sent later in this round.
    pub(super) fn hold<H>(&mut self, lent: &mut Lent<H>, framing: SourceFraming) {
        let mut held = lent.spare.pop().unwrap_or_default();
        held.framing = framing;
        held.swap(exclusive(&mut lent.output));
        debug_assert!(self.held.is_none(), "a connection has one turn in a round");
        self.held = Some(held);
    }

    /// Sends the held response, after the other connections have had their turns.
    pub(super) fn send_at_last<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        mut held: Box<Held>,
        cx: &mut Sending<'_, Http<H>>,
    ) -> Option<Next> {
        let sent = cx.transport.send(&held.bytes, false);
        let Lent { output, spare, .. } = &mut cx.scratch.lent;
        let output = exclusive(output);
        held.swap(output);
        let framing = held.framing;
        if spare.len() < MOST_SPARE && held.bytes.capacity() <= MOST_SPARE_BYTES {
            held.lines.clear(MOST_SPARE_BYTES);
            spare.push(held);
        }
        let log = cx.server.access_log();
        match SendResult::of(sent, output, cx.transport, log) {
            SendResult::All => None,
            SendResult::Gone => Some(Next::Close),
            SendResult::Part(sent) => {
                self.phase = Phase::Sending(rest(output, sent, None, framing, log), After::Receive);
                match self.send(cx.transport, cx.config, cx.server, cx.now) {
                    Step::Next(next) => Some(next),
                    Step::Go => Some(Next::Again),
                }
            }
        }
    }
}

/// Held responses whose memory a thread keeps for the next ones.
const MOST_SPARE: usize = 32;
/// Bytes that each of them may have, and the same number for its lines of the log.
const MOST_SPARE_BYTES: usize = 16 * 1024;
