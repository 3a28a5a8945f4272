//! One request and its response, as a handler sees them.

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

use self::upgrade::{Place, Upgraded};

/// One request and the response to it.
///
/// It bears the attributes and methods of Python's `BaseHTTPRequestHandler`. Whatever describes the request lives
/// as long as the exchange and stays usable while the response is written. Files and exchange are [`Send`]: a
/// handler may read and write in two scoped threads at once.
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
    /// The response has its head.
    pub(crate) answered: bool,
    /// `close_connection` of the original.
    pub(crate) close: bool,
    pub(crate) records: &'r mut Vec<Record>,
    /// What a router found in the path.
    pub(crate) params: Vec<(Arc<str>, String)>,
    /// Octets at the start of the path that lead to this handler.
    pub(crate) mount: usize,
    /// [`Route::leaf`], for the first router that answers.
    pub(crate) leaf: u16,
    /// The connection has become a stream.
    pub(crate) upgraded: Option<Arc<Upgraded>>,
    /// Held by a handler whose connection becomes a stream.
    pub(crate) place: Option<Place>,
}

/// The request in hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'r> {
    pub(crate) head: &'r RequestHead,
    /// What the head was parsed from.
    pub(crate) octets: &'r [u8],
    /// When that had come.
    pub(crate) arrived: Instant,
    /// When its first octets had come already, if that is known.
    pub(crate) began: Option<Instant>,
    /// Whether it ends, so that no field is missing.
    pub(crate) is_whole: bool,
    pub(crate) route: Route,
}

/// What a request is answered with and by.
#[derive(Debug)]
pub(crate) struct Context<'r> {
    pub(crate) server: &'r ServerHandle,
    /// The client's own address: behind a trusted proxy not that of its peer.
    pub(crate) client: SocketAddr,
    pub(crate) link: Link<'r>,
    pub(crate) waker: Waker<'r>,
    pub(crate) identity: &'r Identity,
}

/// A log call of a handler, delivered to its `log_*` method when it has returned.
#[derive(Debug)]
pub(crate) enum Record {
    Request { status: u16, octets: u64 },
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
