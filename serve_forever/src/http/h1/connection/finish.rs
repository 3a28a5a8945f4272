//! What follows a response: sends the rest, discards an unread body, and closes.

use std::io::{self, ErrorKind};
use std::time::Instant;

use crate::diagnostics;
use crate::http::Http;
use crate::http::bodies::decoder::Decoded;
use crate::http::bodies::framer::SourceFraming;
use crate::http::bodies::output::Output;
use crate::http::bodies::pending::{Attachment, Pending, Sent};
use crate::http::handler::BaseHttpRequestHandler;
use crate::server::access_log::AccessLog;
use crate::server::config::Config;
use crate::server::handle::ServerHandle;
use crate::server::protocol::{Next, Run, Turn};
use crate::transport::Transport;

use super::{After, HttpConnection, Phase, READS_PER_TURN, Step};

/// The result of one attempt to send.
pub(super) enum SendResult {
    All,
    /// The system took only this many bytes for now.
    Part(usize),
    /// The client is gone.
    Gone,
}

impl SendResult {
    /// Turns the result of sending the ready bytes into an outcome. Settles the log, unless there
    /// is a rest.
    pub(super) fn of(
        sent: io::Result<usize>,
        output: &mut Output,
        transport: &Transport,
        log: &AccessLog,
    ) -> Self {
        let ready = &mut output.ready;
        let (count, outcome) = match sent {
            Ok(count) if count == ready.len() => (count, Self::All),
            Ok(count) => return Self::Part(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Self::Part(0),
            Err(error) => {
                diagnostics::debug!(
                    "{}: the client left before it had its response: {error}",
                    transport.peer
                );
                (0, Self::Gone)
            }
        };
        output.lines.settle(log, ready, count);
        ready.clear();
        outcome
    }
}

/// Returns the unsent rest, after `sent` of the ready bytes.
pub(super) fn rest(
    output: &mut Output,
    sent: usize,
    attachment: Option<Attachment>,
    framing: SourceFraming,
    log: &AccessLog,
) -> Box<Pending> {
    // A response that waits for long must not keep much more memory than it needs. The thread keeps
    // the large buffer instead.
    let bytes = if output.ready.len() <= output.ready.capacity() / 2 {
        let bytes = output.ready.as_slice().to_vec();
        output.ready.clear();
        bytes
    } else {
        std::mem::take(&mut output.ready)
    };
    let waiting = output.lines.keep(log, &bytes, sent);
    Box::new(Pending::new(bytes, sent, attachment, framing, waiting))
}

impl HttpConnection {
    /// Sends from a run, where a disk may block.
    pub(super) fn send_more<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        cx: &mut Run<'_, Http<H>>,
    ) -> Next {
        match self.send(cx.transport, cx.config, cx.server, Instant::now()) {
            Step::Go => Next::Again,
            // The order to stop may have come while the connection was out.
            Step::Next(Next::Wait { read: true, idle: false, .. })
                if cx.server.is_stopping() && matches!(self.phase, Phase::Sending(..)) =>
            {
                Next::Again
            }
            Step::Next(next) => next,
        }
    }

    pub(super) fn send(
        &mut self,
        transport: &Transport,
        config: &Config,
        server: &ServerHandle,
        now: Instant,
    ) -> Step {
        let Phase::Sending(pending, _) = &mut self.phase else { return Step::Go };
        match pending.send(transport, config) {
            Ok(Sent::All) => {
                let Phase::Sending(_, after) = std::mem::replace(&mut self.phase, Phase::Receiving) else {
                    return Step::Go;
                };
                Step::Next(self.sent(after, transport, config, || now))
            }
            Ok(Sent::Blocked) => {
                pending.charge(server);
                Step::Next(Next::write(pending.deadline(now, config)))
            }
            Ok(Sent::Yield) => Step::Next(Next::Again),
            // The next turn comes when the writer wakes the connection, or when the client leaves.
            Ok(Sent::Idle) => {
                pending.charge(server);
                Step::Next(Next::read(None))
            }
            Err(error) => {
                diagnostics::debug!("{}: the response could not be sent: {error}", transport.peer);
                if pending.is_close_delimited() {
                    transport.abort();
                }
                Step::Next(Next::Close)
            }
        }
    }

    /// All bytes are sent. Returns what comes next.
    pub(super) fn sent(
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
                return self.await_bytes(config, now());
            }
            After::Close => return Next::Close,
            After::Drain(drain) => Phase::Draining(drain),
            After::Linger => {
                transport.finish_writing();
                return Next::Linger;
            }
        };
        Next::Again
    }

    /// Discards the rest of a body.
    pub(super) fn drain<H: BaseHttpRequestHandler + 'static>(&mut self, cx: &mut Turn<'_, Http<H>>) -> Step {
        let Phase::Draining(drain) = &mut self.phase else { return Step::Go };
        let buffer = &mut cx.scratch.read;
        for _ in 0..READS_PER_TURN {
            let count = match cx.transport.recv(buffer) {
                Ok(received) if received.count == 0 => return Step::Next(Next::Close),
                Ok(received) => received.count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    cx.readiness.drained();
                    let stall = cx.now.checked_add(cx.config.body_timeout);
                    // There is one deadline for the whole rest, because no handler wants it.
                    let deadline = *drain.deadline.get_or_insert(stall.unwrap_or(cx.now));
                    return Step::Next(Next::read(Some(deadline)));
                }
                Err(_) => return Step::Next(Next::Close),
            };
            drain.read += count as u64;
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
                    // More may have arrived by now.
                    return Step::Go;
                }
                if drain.left == 0 {
                    // The rest is too long or malformed. The response has not announced the end of
                    // the connection, but there is no other way.
                    cx.transport.finish_writing();
                    return Step::Next(Next::Linger);
                }
            }
        }
        Step::Next(Next::Again)
    }
}
