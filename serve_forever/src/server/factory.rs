//! What a server makes its handlers with.

/// Where Python passes a handler class, Rust passes something that makes handlers.
///
/// Implemented for every function without arguments that returns a handler (`Handler::new`, `|| Handler { .. }`), and
/// for every handler that is [`Clone`]. It is called for every request (by
/// [`TcpServer`](crate::TcpServer): for every connection), on the thread that runs the handler, so a handler need be
/// neither `Send` nor `Sync`.
///
/// `Marker` tells the two apart and is always inferred.
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
    /// What it makes.
    type Handler;

    /// Makes one.
    fn make(&self) -> Self::Handler;
}

/// Marks factories that are functions.
#[derive(Debug)]
pub enum ByCall {}

/// Marks factories that are handlers themselves, and the kind of handler.
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
