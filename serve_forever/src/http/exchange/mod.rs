//! One request and its response, as handlers see them.

pub(crate) mod body;
pub(crate) mod cookies;
pub(crate) mod event;
mod failure;
pub(crate) mod form;
pub(crate) mod forwarded;
#[cfg(feature = "json")]
pub(crate) mod json;
mod log;
pub(crate) mod multipart;
pub(crate) mod negotiate;
pub(crate) mod query;
pub(crate) mod reply;
mod request;
mod response;
mod rest;
pub(crate) mod upgrade;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::http::bodies::link::Link;
use crate::http::bodies::rfile::RFile;
use crate::http::bodies::wfile::WFile;
use crate::http::message::identity::Identity;
use crate::http::message::request::RequestHead;
use crate::http::message::response_head::ResponseHead;
use crate::http::message::route::Route;
use crate::server::handle::ServerHandle;
use crate::server::waker::Waker;

use self::upgrade::{CountedStream, Upgraded};

/// One request and the response to it.
///
/// An exchange has the attributes and methods of Python's `BaseHTTPRequestHandler`. Everything that
/// describes the request lives as long as the exchange and can be used while the response is
/// written. The exchange, [`rfile`](Self::rfile) and [`wfile`](Self::wfile) are [`Send`]: a handler
/// may read and write in two scoped threads at the same time.
///
/// ```
/// use std::io::Write;
/// use serve_forever::{handler_fn, testing, Exchange, Result};
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result {
///     let path = http.path();
///     http.send_response(200).send_header("Content-Type", "text/plain").end_headers()?;
///     write!(http.wfile(), "You asked for {path}\n")?;
///     Ok(())
/// });
/// let answer = testing::respond(handler, b"GET /tea HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(answer.ends_with(b"You asked for /tea\n"));
/// ```
pub struct Exchange<'r> {
    pub(crate) request: Request<'r>,
    pub(crate) context: &'r Context<'r>,
    pub(crate) rfile: RFile<'r>,
    pub(crate) wfile: WFile<'r>,
    pub(crate) response: &'r mut ResponseHead,
    /// Whether the head of the final response is complete.
    pub(crate) answered: bool,
    /// Python's `close_connection`.
    pub(crate) close: bool,
    pub(crate) records: &'r mut Vec<Record>,
    /// The parameters that routers found in the path.
    pub(crate) params: Vec<(Arc<str>, String)>,
    /// Length of the path prefix that leads to this handler, in bytes.
    pub(crate) mount: usize,
    /// [`Route::leaf`], for the first router that is called.
    pub(crate) leaf: u16,
    /// The stream that the connection has become.
    pub(crate) upgraded: Option<Arc<Upgraded>>,
    /// The right of this handler to keep the stream of an upgraded connection, obtained before 101
    /// is sent.
    pub(crate) counted_stream: Option<CountedStream>,
}

/// The request that is being answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'r> {
    pub(crate) head: &'r RequestHead,
    /// The bytes from which the head was parsed.
    pub(crate) bytes: &'r [u8],
    /// When the whole head had arrived.
    pub(crate) arrived: Instant,
    /// A time at which the first bytes of the request had already arrived, if known.
    pub(crate) began: Option<Instant>,
    /// Whether the head is complete, so that no field is missing.
    pub(crate) is_whole: bool,
    pub(crate) route: Route,
}

/// The server, the connection and the identity of the handler with which a request is answered.
#[derive(Debug)]
pub(crate) struct Context<'r> {
    pub(crate) server: &'r ServerHandle,
    /// The address of the client, which differs from that of the peer behind a trusted proxy.
    pub(crate) client: SocketAddr,
    pub(crate) link: Link<'r>,
    pub(crate) waker: Waker<'r>,
    pub(crate) identity: &'r Identity,
}

/// A log call of a handler. It is passed to the `log_*` method of the handler after the handler has
/// returned.
#[derive(Debug)]
pub(crate) enum Record {
    Request { status: u16, bytes: u64 },
    Error(String),
    Message(String),
}

impl fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("client_address", &self.client_address())
            .field("command", &self.command())
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
