//! Closures as handlers.

use std::fmt;
use std::sync::Arc;

use crate::Result;

use crate::http::exchange::Exchange;
use crate::http::handler::BaseHttpRequestHandler;
use crate::http::handler::verbs::verbs;

/// Makes a handler from a closure. The closure answers requests of every method.
///
/// ```
/// use std::io::Write;
/// use serve_forever::{handler_fn, testing, Exchange, Result};
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result {
///     http.send_response(200).end_headers()?;
///     let (method, path) = (http.command(), http.path());
///     writeln!(http.wfile(), "{method} {path}")?;
///     Ok(())
/// });
/// let answer = testing::respond(handler, b"DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(answer.ends_with(b"DELETE /x\n"));
/// ```
pub fn handler_fn<F>(answer: F) -> HandlerFn<F>
where
    F: Fn(&mut Exchange) -> Result + Send + Sync + 'static,
{
    HandlerFn { answer: Arc::new(answer) }
}

/// The handler that [`handler_fn`] makes.
///
/// ```
/// use serve_forever::{handler_fn, Exchange, HandlerFn, HttpServer, Result};
///
/// struct App {
///     server: HttpServer<HandlerFn<fn(&mut Exchange) -> Result>>,
/// }
///
/// fn answer(http: &mut Exchange) -> Result {
///     http.send_response(204).end_headers()
/// }
///
/// let handler = handler_fn(answer as fn(&mut Exchange) -> Result);
/// let app = App { server: HttpServer::bind(("localhost", 0), handler)? };
/// assert!(!app.server.server_addresses().is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct HandlerFn<F> {
    answer: Arc<F>,
}

impl<F> Clone for HandlerFn<F> {
    fn clone(&self) -> Self {
        Self { answer: Arc::clone(&self.answer) }
    }
}

impl<F> fmt::Debug for HandlerFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerFn").finish_non_exhaustive()
    }
}

macro_rules! answer {
    ($($verb:literal $name:ident)*) => {
        $(fn $name(&mut self, http: &mut Exchange) -> Result {
            (self.answer)(http)
        })*
    };
}

impl<F: Fn(&mut Exchange) -> Result> BaseHttpRequestHandler for HandlerFn<F> {
    verbs!(answer);

    fn do_other(&mut self, http: &mut Exchange) -> Result {
        (self.answer)(http)
    }
}
