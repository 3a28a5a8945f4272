//! Connections in the hands of a detached writer or of a stream.

use std::sync::Arc;

use crate::diagnostics;
use crate::http::Http;
use crate::http::exchange::upgrade::Upgraded;
use crate::http::handler::BaseHttpRequestHandler;
use crate::server::protocol::{Next, Run, Turn};

use super::{HttpConnection, Phase, Step};

impl HttpConnection {
    /// Sends bytes in memory, or those of a detached writer. Looks whether the client is still
    /// there.
    pub(super) fn send_in_loop<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        cx: &mut Turn<'_, Http<H>>,
    ) -> Step {
        if let Phase::Sending(pending, _) = &self.phase
            && let Some(feed) = pending.feed()
            && cx.stopping
        {
            // The response would never end by itself.
            feed.close();
        }
        let step = self.send(cx.transport, cx.config, cx.server, cx.now);
        if !matches!(self.phase, Phase::Sending(..)) {
            // The client may have sent its next request in the meantime, which was not received.
            cx.readiness.read = true;
            // If the server stops, idle connections are closed. This one looks first for a request
            // that has arrived.
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
            // The next request has to wait.
            cx.readiness.read = false;
        }
        step
    }

    /// Leaves the connection to its stream. When the stream has ended, the connection lingers, so
    /// that the last bytes are not lost to a reset.
    pub(super) fn go_on_as_stream<H: BaseHttpRequestHandler + 'static>(
        &mut self,
        upgraded: Arc<Upgraded>,
        cx: &Run<'_, Http<H>>,
    ) -> Next {
        if !upgraded.has_ended() {
            // The stream knows that the socket is not registered. When the stream is dropped, the
            // socket is registered again.
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
