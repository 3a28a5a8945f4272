//! The place where a thread makes its handlers.

use crate::server::hooks::{catch, guarded};

use crate::http::Http;
use crate::http::handler::BaseHttpRequestHandler;
use crate::http::message::identity::Identity;

/// The handler of one request, and the identity that it had before it was called.
///
/// A handler that only reads stays here: it serves the next request as well as a new handler would.
pub(crate) struct HandlerSlot<H> {
    handler: Option<H>,
    identity: Identity,
    /// The generation of the [`Route`](crate::http::message::route::Route) for which the handler
    /// was made.
    generation: u16,
}

impl<H> HandlerSlot<H> {
    /// Returns the handler, if it could be made, and its identity.
    pub(crate) fn contents(&mut self) -> (Option<&mut H>, &Identity) {
        (self.handler.as_mut(), &self.identity)
    }

    /// Drops the handler. As in [`fill`](Self::fill), the error is the message of a panic.
    pub(crate) fn empty(&mut self) -> Result<(), String> {
        catch(|| self.handler = None)
    }
}

impl<H: BaseHttpRequestHandler> HandlerSlot<H> {
    /// Makes a handler, unless the slot has one of this generation. The error is the message of a
    /// panic.
    pub(crate) fn fill(&mut self, http: &Http<H>, generation: u16) -> Result<(), String> {
        if self.handler.is_some() && self.generation == generation {
            return Ok(());
        }
        self.generation = generation;
        self.make(http)
    }

    #[inline(never)]
    fn make(&mut self, http: &Http<H>) -> Result<(), String> {
        // The slot is outside the closure, so that a panic in the closure does not drop the
        // handler: a `drop` that panics during another panic would end the process.
        let made = catch(|| {
            let handler = self.handler.insert(http.make());
            let identity = Identity::of(handler);
            http.remember(handler);
            identity
        });
        let (identity, made) = match made {
            Ok(identity) => (identity, Ok(())),
            Err(panic) => (Identity::default(), Err(panic)),
        };
        self.identity = identity;
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
        Self { handler: None, identity: Identity::default(), generation: 0 }
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
    /// The identity of a handler that overrides nothing.
    fn default() -> Self {
        struct Plain;
        impl BaseHttpRequestHandler for Plain {}
        Self::of(&Plain)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

    use super::*;
    use crate::http::handler::routes::Routes;
    use crate::http::message::route::Route;
    use crate::sealed::Sealed;
    use crate::{Exchange, Result, testing};

    /// A handler that answers with the number of handlers made before it, and begins a new
    /// generation at `/new`.
    struct Reloaded {
        generation: Arc<AtomicU16>,
        made: Arc<AtomicU64>,
        number: u64,
    }

    impl Clone for Reloaded {
        fn clone(&self) -> Self {
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            Self { generation: Arc::clone(&self.generation), made: Arc::clone(&self.made), number }
        }
    }

    impl BaseHttpRequestHandler for Reloaded {
        fn do_get(&mut self, http: &mut Exchange) -> Result {
            http.send_response(200).send_header("Content-Length", 1).end_headers()?;
            write!(http.wfile(), "{}", self.number)?;
            if http.path() == "/new" {
                self.generation.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        }

        fn routes(&self, _: Sealed) -> Routes {
            let generation = Arc::clone(&self.generation);
            Routes::Of(Arc::new(move |_, _| Route {
                blocks: false,
                only_reads: true,
                wants_body: false,
                generation: generation.load(Ordering::Relaxed),
                leaf: 0,
            }))
        }
    }

    #[test]
    fn a_handler_that_only_reads_is_kept_until_another_generation_begins() {
        let handler = Reloaded { generation: Arc::default(), made: Arc::default(), number: 9 };
        let requests: String = ["/", "/", "/", "/new", "/", "/"]
            .map(|path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .concat();
        let answers = testing::respond(handler, requests);
        let numbers: String = String::from_utf8_lossy(&answers)
            .split("\r\n\r\n")
            .skip(1)
            .filter_map(|answer| answer.chars().next())
            .collect();
        // The first handler is dropped after its request: its route was not known before it was
        // made.
        assert_eq!(numbers, "011122");
    }
}
