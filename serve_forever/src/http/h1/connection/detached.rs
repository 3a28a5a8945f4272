//! Connections that somebody else has in hand: a detached writer, or a stream.

use std::sync::Arc;

use crate::diagnostics;
use crate::http::Http;
use crate::http::exchange::upgrade::Upgraded;
use crate::http::handler::BaseHttpRequestHandler;
use crate::server::protocol::{Next, Run, Turn};

use super::{HttpConnection, Phase, Step};

impl HttpConnection {
    /// Sends what is in memory, or what a detached writer wrote; looks whether the client is still there.
    pub(super) fn send_in_loop<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        cx: &mut Turn<'_, Http<H>>,
    ) -> Step {
        if let Phase::Sending(pending, _) = &self.phase
            && let Some(feed) = pending.feed()
            && cx.stopping
        {
            // It would never end by itself.
            feed.close();
        }
        let step = self.send(cx.transport, cx.config, cx.server, cx.now);
        if !matches!(self.phase, Phase::Sending(..)) {
            // The client may have sent its next request meanwhile, which was not looked at.
            cx.readiness.read = true;
            // Who is idle while the server stops is closed: what has come is looked at before.
            return if let Step::Next(Next::Wait { idle: true, .. }) = step { Step::Go } else { step };
        }
        if let Step::Next(Next::Wait { read: true, .. }) = step {
            if cx.readiness.end || cx.readiness.broken || cx.readiness.read && cx.transport.at_end() {
                diagnostics::debug!("{}: the client left", cx.transport.peer);
                // The end of the connection must not look like the end of the body.
                if let Phase::Sending(pending, _) = &self.phase
                    && pending.is_close_delimited()
                {
                    cx.transport.abort();
                }
                return Step::Next(Next::Close);
            }
            // A request behind this one has to wait.
            cx.readiness.read = false;
        }
        step
    }

    /// The connection belongs to a stream; when that has ended, the last it wrote must not be lost to a reset.
    pub(super) fn leave_to<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        upgraded: Arc<Upgraded>,
        cx: &Run<'_, Http<H>>,
    ) -> Next {
        if !upgraded.has_ended() {
            // The stream knows of it, and whoever drops it gives the socket back.
            cx.seat.leave_registration();
            self.phase = Phase::Upgraded(upgraded);
            return Next::WAKE;
        }
        if upgraded.is_deregistered() {
            cx.seat.note_deregistered();
        }
        cx.transport.finish_writing();
        Next::Linger
    }
}
