//! HTTP as a protocol of the engine.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::sealed::Sealed;
use crate::server::config::Config;
use crate::server::hooks::Guarded;
use crate::server::protocol::{Admitted, NoJob, Protocol};

use crate::http::bodies::memory::BodyMemory;
use crate::http::h1::connection::HttpConnection;
use crate::http::h1::scratch::Scratch;
use crate::http::handler::routes::{FindRoute, Routes};
use crate::http::handler::{BaseHttpRequestHandler, SERVER_VERSION};
use crate::http::message::date;
use crate::http::message::error_page;
use crate::http::message::request::RequestHead;
use crate::http::message::route::Route;
use crate::http::message::status;

/// The protocol of an [`HttpServer`](crate::HttpServer): HTTP/1.1, answered by handlers of type
/// `H`.
///
/// ```
/// use serve_forever::{BaseHttpRequestHandler, Http, HttpServer, Server};
///
/// struct Handler;
/// impl BaseHttpRequestHandler for Handler {}
///
/// let server: Server<Http<Handler>> = HttpServer::bind(("localhost", 0), || Handler)?;
/// assert!(!server.server_addresses().is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Http<H> {
    make: Guarded<Box<dyn Fn() -> H + Send + Sync>>,
    /// Whether `make` runs no code of the user, because it only clones a handler.
    copies: bool,
    /// The routes that the first handler gave for all requests.
    routes: OnceLock<Routes>,
    /// Whether a later handler said that it may block.
    may_block: AtomicBool,
    /// The `Server` field of the first handler, for responses for which no handler is made.
    server_version: OnceLock<String>,
    pub(crate) body_memory: Arc<BodyMemory>,
}

impl<H> Http<H> {
    pub(crate) fn new(make: impl Fn() -> H + Send + Sync + 'static, copies: bool) -> Self {
        Self {
            make: Guarded::new(Box::new(make)),
            copies,
            routes: OnceLock::new(),
            may_block: AtomicBool::new(false),
            server_version: OnceLock::new(),
            body_memory: Arc::default(),
        }
    }

    pub(crate) fn make(&self) -> H {
        (self.make)()
    }

    /// Returns what is known of a request whose head is complete.
    #[inline]
    pub(crate) fn route(&self, head: &RequestHead, bytes: &[u8]) -> Route {
        match self.routes.get() {
            Some(Routes::One(route)) => {
                Route { blocks: route.blocks || self.may_block.load(Ordering::Relaxed), ..*route }
            }
            Some(Routes::Of(find)) => find_route(&**find, head, bytes),
            None => Route::ANY,
        }
    }

    /// Whether answering a malformed request needs a permit.
    pub(crate) fn refusals_block(&self) -> bool {
        self.may_block.load(Ordering::Relaxed) || self.routes.get().is_none_or(Routes::refusals_block)
    }

    /// Makes a complete response that closes the connection, without a handler. Returns it together
    /// with the offset of its content. `accept`: the `Accept` fields of the client.
    pub(crate) fn plain_refusal<'a>(
        &self,
        code: u16,
        accept: impl Iterator<Item = &'a [u8]>,
    ) -> (Vec<u8>, usize) {
        let message = status::reason(code).unwrap_or("???");
        let explain = status::explanation(code).unwrap_or("???");
        let body = error_page::negotiated(accept, code, message, explain);
        let mut out = format!("HTTP/1.1 {code} {message}\r\n").into_bytes();
        let version = self.server_version.get().map_or(SERVER_VERSION, String::as_str);
        if !version.is_empty() {
            out.extend_from_slice(format!("Server: {version}\r\n").as_bytes());
        }
        date::append_date_line(&mut out);
        if code == 503 {
            out.extend_from_slice(b"Retry-After: 1\r\n");
        }
        if body.varies {
            out.extend_from_slice(b"Vary: Accept\r\n");
        }
        let (kind, length) = (body.content_type, body.content.len());
        out.extend_from_slice(format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n").as_bytes());
        out.extend_from_slice(b"X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
        let start = out.len();
        out.extend_from_slice(body.content.as_bytes());
        (out, start)
    }
}

/// A separate function, never inlined, because most servers have no router.
#[inline(never)]
fn find_route(find: &FindRoute, head: &RequestHead, bytes: &[u8]) -> Route {
    find(head.method_bytes(bytes), head.url_path(bytes))
}

impl<H: BaseHttpRequestHandler> Http<H> {
    /// Remembers what `handler` says that applies to all handlers of its type.
    pub(crate) fn remember(&self, handler: &H) {
        let routes = self.routes.get_or_init(|| {
            let routes = handler.routes(Sealed::TOKEN);
            // A factory may run code of the user, and may make a different handler each time.
            if self.copies { routes } else { routes.of_others() }
        });
        if matches!(routes, Routes::One(_)) && handler.may_block() {
            self.may_block.store(true, Ordering::Relaxed);
        }
        self.server_version.get_or_init(|| {
            let (server, system) = (handler.server_version(), handler.sys_version());
            format!("{server} {system}").trim().replace(|c: char| c.is_control(), " ")
        });
    }
}

impl<H: BaseHttpRequestHandler + 'static> Protocol for Http<H> {
    type Connection = HttpConnection;
    type Job = NoJob;
    type Scratch = Scratch<H>;

    fn scratch(&self, config: &Config) -> Scratch<H> {
        Scratch::new(config)
    }

    fn connect(&self, admitted: Admitted) -> HttpConnection {
        HttpConnection::new(admitted)
    }
}

impl<H> fmt::Debug for Http<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}
