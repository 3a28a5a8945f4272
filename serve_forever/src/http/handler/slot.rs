//! Where a thread makes its handlers.

use crate::server::hooks::{catch, guarded};

use crate::http::Http;
use crate::http::handler::BaseHttpRequestHandler;
use crate::http::message::identity::Identity;

/// The handler of one request, and what it said of itself before it was asked to answer.
///
/// One that only reads is left here, as it serves the next request as well as a new one would.
pub(crate) struct HandlerSlot<H> {
    handler: Option<H>,
    identity: Identity,
    only_reads: bool,
}

impl<H> HandlerSlot<H> {
    /// The handler if it could be made, its identity, and whether nothing in it changes while it answers.
    pub(crate) fn contents(&mut self) -> (Option<&mut H>, &Identity, bool) {
        (self.handler.as_mut(), &self.identity, self.only_reads)
    }

    /// Drops the handler. The error is the message of its panic, as in [`fill`](Self::fill).
    pub(crate) fn empty(&mut self) -> Result<(), String> {
        catch(|| self.handler = None)
    }
}

impl<H: BaseHttpRequestHandler> HandlerSlot<H> {
    /// Makes a handler, unless one is here.
    pub(crate) fn fill(&mut self, http: &Http<H>) -> Result<(), String> {
        if self.handler.is_some() { Ok(()) } else { self.make(http) }
    }

    #[inline(never)]
    fn make(&mut self, http: &Http<H>) -> Result<(), String> {
        // The slot is outside of what is caught: a drop that panics during another panic would end the process.
        let made = catch(|| {
            let handler = self.handler.insert(http.make());
            let identity = Identity::of(handler);
            http.remember(handler);
            (identity, http.copies() && handler.only_reads())
        });
        let (said, made) = match made {
            Ok(said) => (said, Ok(())),
            Err(panic) => ((Identity::default(), false), Err(panic)),
        };
        (self.identity, self.only_reads) = said;
        made
    }
}

impl<H> Drop for HandlerSlot<H> {
    fn drop(&mut self) {
        if self.handler.is_some() {
            guarded("a handler that was dropped", || self.handler = None);
        }
    }
}

impl<H> Default for HandlerSlot<H> {
    fn default() -> Self {
        Self { handler: None, identity: Identity::default(), only_reads: false }
    }
}

impl Identity {
    fn of<H: BaseHttpRequestHandler + ?Sized>(handler: &H) -> Self {
        Self {
            server_version: handler.server_version(),
            sys_version: handler.sys_version(),
            protocol_version: handler.protocol_version(),
            error_message_format: handler.error_message_format(),
            error_content_type: handler.error_content_type(),
        }
    }
}

impl Default for Identity {
    /// What a handler says that overrides nothing.
    fn default() -> Self {
        struct Plain;
        impl BaseHttpRequestHandler for Plain {}
        Self::of(&Plain)
    }
}
