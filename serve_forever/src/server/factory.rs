//! How a server makes its handlers.

use crate::sealed::Sealed;

/// Makes the handlers of a server. Where Python passes a handler class, Rust passes a factory.
///
/// Implemented for every function without arguments that returns a handler (`Handler::new`, `||
/// Handler { .. }`), and for every handler that is [`Clone`]. The server calls it for every request
/// (a [`TcpServer`](crate::TcpServer) for every connection), on the thread that runs the handler.
/// So a handler need be neither `Send` nor `Sync`.
///
/// `Marker` tells the two cases apart and is always inferred.
///
/// ```
/// use serve_forever::{BaseHttpRequestHandler, HttpServer};
///
/// #[derive(Clone)]
/// struct Handler { greeting: &'static str }
/// impl BaseHttpRequestHandler for Handler {}
///
/// HttpServer::bind(("localhost", 0), || Handler { greeting: "Hello" })?;
/// HttpServer::bind(("localhost", 0), Handler { greeting: "Hello" })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` makes no request handlers",
    label = "neither a function that returns a handler nor a handler that is `Clone`",
    note = "pass a constructor such as `Handler::new` or `|| Handler`; the handler implements \
            `BaseHttpRequestHandler` (for `HttpServer`) or `BaseRequestHandler` (for `TcpServer`)",
    note = "a closure that answers requests itself goes through `handler_fn`"
)]
pub trait HandlerFactory<Marker>: Send + Sync + 'static {
    /// The type of the handlers.
    type Handler;

    /// Whether making a handler only copies one, without running user code.
    #[doc(hidden)]
    fn makes_copies(&self, _: Sealed) -> bool {
        false
    }

    /// Makes a handler.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use serve_forever::{testing, BaseHttpRequestHandler, Exchange, HandlerFactory, Result};
    ///
    /// struct Handler(u64);
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn do_get(&mut self, http: &mut Exchange) -> Result {
    ///         http.send_response(204).send_header("X-Number", self.0).end_headers()
    ///     }
    /// }
    ///
    /// /// Numbers the handlers.
    /// struct Numbered(AtomicU64);
    ///
    /// impl HandlerFactory<()> for Numbered {
    ///     type Handler = Handler;
    ///
    ///     fn make(&self) -> Handler {
    ///         Handler(self.0.fetch_add(1, Ordering::Relaxed))
    ///     }
    /// }
    ///
    /// let answer = testing::respond(Numbered(AtomicU64::new(7)), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\nX-Number: 7\r\n\r\n"));
    /// ```
    fn make(&self) -> Self::Handler;
}

/// Marks factories that are functions.
///
/// ```
/// use serve_forever::{BaseHttpRequestHandler, ByCall, HandlerFactory, HttpServer};
///
/// struct Handler;
/// impl BaseHttpRequestHandler for Handler {}
///
/// fn constructor() -> impl HandlerFactory<ByCall, Handler = Handler> {
///     || Handler
/// }
///
/// HttpServer::bind(("localhost", 0), constructor())?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub enum ByCall {}

/// Marks factories that are handlers themselves, and the kind of handler.
///
/// ```
/// use serve_forever::{BaseHttpRequestHandler, ByClone, Exchange, HandlerFactory, HttpServer};
///
/// #[derive(Clone)]
/// struct Handler;
/// impl BaseHttpRequestHandler for Handler {}
///
/// fn prototype() -> impl HandlerFactory<(ByClone, Exchange<'static>), Handler = Handler> {
///     Handler
/// }
///
/// HttpServer::bind(("localhost", 0), prototype())?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub enum ByClone {}

impl<F, H> HandlerFactory<ByCall> for F
where
    F: Fn() -> H + Send + Sync + 'static,
{
    type Handler = H;

    fn make(&self) -> H {
        self()
    }
}
