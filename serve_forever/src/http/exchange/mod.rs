//! One request and its response, as a handler sees them.

pub(crate) mod cookies;
pub(crate) mod event;
pub(crate) mod form;
pub(crate) mod forwarded;
#[cfg(feature = "json")]
pub(crate) mod json;
pub(crate) mod multipart;
pub(crate) mod negotiate;
pub(crate) mod query;
pub(crate) mod reply;
mod rest;
pub(crate) mod texts;
pub(crate) mod upgrade;

use std::fmt;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::Result;
use crate::server::handle::ServerHandle;
use crate::server::hooks::{ErrorReport, Shown};
use crate::server::waker::Waker;
use crate::sys::NO_ADDRESS;

use crate::http::bodies::link::Link;
use crate::http::bodies::output::{Output, Plan};
use crate::http::bodies::pending::{Attachment, Expected, GuardedSource, Source};
use crate::http::bodies::rfile::RFile;
use crate::http::bodies::wfile::WFile;
use crate::http::exchange::upgrade::{Place, Upgraded};
use crate::http::message::date;
use crate::http::message::error_page;
use crate::http::message::error_page::ErrorBody;
use crate::http::message::fields::Headers;
use crate::http::message::identity::Identity;
use crate::http::message::request::RequestHead;
use crate::http::message::response_head::{HeaderText, IntoStatus, PreparedFields, ResponseHead};
use crate::http::message::status;

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

/// The request.
impl<'r> Exchange<'r> {
    /// The client's address; `0.0.0.0:0` on a [Unix socket](Self::is_unix), where there is none. What a trusted proxy says of
    /// it counts, if that is [asked for](crate::Builder::forwarded).
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let status = if http.client_address().ip().is_loopback() { 204 } else { 403 };
    ///     http.send_response(status).end_headers()
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 204 No Content\r\n"));
    /// ```
    pub fn client_address(&self) -> SocketAddr {
        self.context.client
    }

    /// Whether the client came by a [Unix socket](crate::Builder::unix_socket): then it has no address.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let is_local = http.is_unix() || http.client_address().ip().is_loopback();
    ///     http.send_response(if is_local { 204 } else { 403 }).end_headers()
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 204 No Content\r\n"));
    /// ```
    pub fn is_unix(&self) -> bool {
        self.context.client == NO_ADDRESS
    }

    /// The method, as it was sent: methods are case-sensitive (RFC 9110 §9.1).
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     assert_eq!(http.command(), "BREW");
    ///     http.send_response(204).end_headers()
    /// });
    /// # testing::respond(handler, b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// ```
    pub fn command(&self) -> &'r str {
        self.request.head.method(self.request.octets)
    }

    /// The path with the query, as it was sent: not decoded. Leading slashes are collapsed to one, and of an
    /// absolute-form target (RFC 9112 §3.2.2) this is the part behind the authority.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     assert_eq!(http.path(), "/a%20b?c=d");
    ///     assert_eq!((http.url_path(), http.query()), ("/a%20b", Some("c=d")));
    ///     http.send_response(204).end_headers()
    /// });
    /// # testing::respond(handler, b"GET //a%20b?c=d HTTP/1.1\r\nHost: a\r\n\r\n");
    /// ```
    pub fn path(&self) -> &'r str {
        let path = self.request.head.path(self.request.octets);
        path.get(self.mount..).unwrap_or(path)
    }

    /// [`path`](Self::path) without the query.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let status = if http.url_path() == "/tea" { 204 } else { 404 };
    ///     http.send_response(status).end_headers()
    /// });
    /// let answer = testing::respond(handler, b"GET /tea?milk=no HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 204 No Content\r\n"));
    /// ```
    pub fn url_path(&self) -> &'r str {
        let path = self.request.head.url_path(self.request.octets);
        path.get(self.mount..).unwrap_or(path)
    }

    /// The same as octets, for whoever only compares it.
    pub(crate) fn url_path_octets(&self) -> &'r [u8] {
        let path = self.request.head.url_path_octets(self.request.octets);
        path.get(self.mount..).unwrap_or(path)
    }

    /// What was taken off the front of [`path`](Self::path) on the way to this handler, as it was sent: empty, unless the
    /// handler is mounted in a `Router`. Both together lead back here: WSGI's `SCRIPT_NAME`.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let here = format!("{}{}", http.mount_path(), http.url_path());
    ///     http.send_response(303).send_header("Location", here + "?again").end_headers()
    /// });
    /// let answer = testing::respond(handler, b"GET /tea HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nLocation: /tea?again\r\n"));
    /// ```
    pub fn mount_path(&self) -> &'r str {
        let path = self.request.head.url_path(self.request.octets);
        path.get(..self.mount).unwrap_or_default()
    }

    /// What follows the first `?` of the target, if there is one.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let name = http.query().and_then(|query| query.strip_prefix("name=")).unwrap_or("nobody");
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "Hello, {name}")?;
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET /?name=Ada HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\n\r\nHello, Ada"));
    /// ```
    pub fn query(&self) -> Option<&'r str> {
        self.request.head.query(self.request.octets)
    }

    /// What stands in the path where the route of a `Router` has the parameter `name`, percent-decoded.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     // No router was here.
    ///     assert_eq!(http.param("id"), None);
    ///     http.send_response(204).end_headers()
    /// });
    /// # testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// ```
    pub fn param(&self, name: &str) -> Option<&str> {
        // The innermost router was the last to add its own.
        self.params.iter().rev().find(|(own, _)| **own == *name).map(|(_, value)| value.as_str())
    }

    /// The request line as it was sent, without its line end.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let line = http.requestline();
    ///     http.send_response(200).end_headers()?;
    ///     http.wfile().write_all(line)?;
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET /tea?milk=no HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\n\r\nGET /tea?milk=no HTTP/1.1"));
    /// ```
    pub fn requestline(&self) -> &'r [u8] {
        self.request.head.request_line(self.request.octets)
    }

    /// `HTTP/1.0` or `HTTP/1.1`. A higher minor version counts as 1.1 (RFC 9110 §6.2).
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let version = http.request_version();
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "You speak {version}")?;
    ///     Ok(())
    /// });
    /// assert!(testing::respond(handler, b"GET / HTTP/1.0\r\n\r\n").ends_with(b"You speak HTTP/1.0"));
    /// ```
    pub fn request_version(&self) -> &'static str {
        if self.request.head.version_minor() == 0 { "HTTP/1.0" } else { "HTTP/1.1" }
    }

    /// The header fields.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let welcome = http.headers().get("Authorization") == Some("Bearer secret");
    ///     http.send_response(if welcome { 204 } else { 403 }).end_headers()
    /// });
    /// let request = b"GET / HTTP/1.1\r\nHost: a\r\nauthorization: Bearer secret\r\n\r\n";
    /// assert!(testing::respond(handler, request).starts_with(b"HTTP/1.1 204 "));
    /// ```
    pub fn headers(&self) -> Headers<'r> {
        self.request.head.fields(self.request.octets)
    }

    /// The authority that the request is for: that of an absolute-form target, else the `Host` field.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let target = format!("https://{}{}", http.host().unwrap_or("a.example"), http.path());
    ///     http.send_response(308).send_header("Location", target).end_headers()
    /// });
    /// let answer = testing::respond(handler, b"GET /tea HTTP/1.1\r\nHost: b.example\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nLocation: https://b.example/tea\r\n"));
    /// ```
    pub fn host(&self) -> Option<&'r str> {
        self.request.head.host(self.request.octets)
    }

    /// The trailer fields of a chunked body; empty until it was read to its end. They are kept apart from
    /// [`headers`](Self::headers) (RFC 9110 §6.5.1).
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     std::io::copy(http.rfile(), &mut std::io::sink())?;
    ///     let complete = http.trailers().get("Rows") == Some("2");
    ///     http.send_response(if complete { 204 } else { 400 }).end_headers()
    /// });
    /// let request = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
    ///                 4\r\na\nb\n\r\n0\r\nRows: 2\r\n\r\n";
    /// assert!(testing::respond(handler, request).starts_with(b"HTTP/1.1 204 "));
    /// ```
    pub fn trailers(&self) -> Headers<'_> {
        self.rfile.trailers()
    }

    /// The body of the request.
    ///
    /// ```
    /// use std::io::Read;
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let mut body = String::new();
    ///     http.rfile().read_to_string(&mut body)?;
    ///     let number: u32 = body.parse()?;
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "{}", 2 * number)?;
    ///     Ok(())
    /// });
    /// let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n21";
    /// assert!(testing::respond(handler, request).ends_with(b"\r\n\r\n42"));
    /// ```
    pub fn rfile(&mut self) -> &mut RFile<'r> {
        &mut self.rfile
    }

    /// The server: its addresses, its state, and how to stop it.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use std::net::TcpStream;
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.server().shutdown();
    ///     http.send_response(204).end_headers()
    /// });
    /// let server = HttpServer::bind(("127.0.0.1", 0), handler)?;
    /// let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
    /// server.serve_forever()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn server(&self) -> &'r ServerHandle {
        self.context.server
    }

    /// Whether the client has gone away, so that a long computation can stop.
    ///
    /// A client that closed its side but still reads looks the same, so this is for work that nobody may want,
    /// not for errors.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let mut sum = 0_u64;
    ///     for number in 1..=1_000_000 {
    ///         if number % 1000 == 0 && http.client_gone() {
    ///             return Err("nobody waits for the sum".into());
    ///         }
    ///         sum += number;
    ///     }
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "{sum}")?;
    ///     Ok(())
    /// });
    /// // This client closes its side after the request.
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 500 "));
    /// ```
    pub fn client_gone(&self) -> bool {
        self.context.link.transport.at_end()
    }
}

/// The response.
impl<'r> Exchange<'r> {
    /// Starts the response: the status line, then `Server` and `Date`.
    ///
    /// An impossible status is told by [`end_headers`](Self::end_headers).
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(303).send_header("Location", "/elsewhere").end_headers()
    /// });
    /// # testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// ```
    pub fn send_response(&mut self, code: impl IntoStatus) -> &mut Self {
        self.response.start(code.into_status(), None, true);
        self
    }

    /// Like [`send_response`](Self::send_response), with a reason phrase of one's own.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response_with(200, "Tea is ready").end_headers()
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 200 Tea is ready\r\n"));
    /// ```
    pub fn send_response_with(&mut self, code: impl IntoStatus, message: &str) -> &mut Self {
        self.response.start(code.into_status(), Some(message), true);
        self
    }

    /// The status line alone, without `Server` and `Date`.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response_only(204).end_headers()
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert_eq!(answer, b"HTTP/1.1 204 No Content\r\n\r\n");
    /// ```
    pub fn send_response_only(&mut self, code: impl IntoStatus) -> &mut Self {
        self.response.start(code.into_status(), None, false);
        self
    }

    /// Adds a header field.
    ///
    /// A name that is no token, or a value with a line break or another control character, never gets into
    /// the response: [`end_headers`](Self::end_headers) returns the error. `Connection: close` and `keep-alive`
    /// change [`close_connection`](Self::close_connection). `Content-Length` holds the handler to that length;
    /// `Transfer-Encoding` is the server's affair and only accepted as `chunked`.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let name = if http.path() == "/" { "index" } else { "x\r\nSet-Cookie: y" };
    ///     http.send_response(204).send_header("X-Name", name).end_headers()
    /// });
    /// let answer = testing::respond(handler.clone(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\nX-Name: index\r\n\r\n"));
    /// let answer = testing::respond(handler, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 500 "));
    /// ```
    pub fn send_header(&mut self, name: impl AsRef<str>, value: impl HeaderText) -> &mut Self {
        self.response.field(name.as_ref(), &value);
        if let Some(close) = self.response.close.take() {
            self.set_close_connection(close);
        }
        self
    }

    /// A header field that goes out with the final response, whichever that is: also with one that is started
    /// later, or with an error page. What it says is not looked at, so none of the fields that mean something to the server
    /// itself can be given here.
    ///
    /// # Errors
    ///
    /// The name is no token, the value has a character that no header can have, or it is one of `Connection`,
    /// `Content-Length`, `Date`, `Server`, `Transfer-Encoding` and `Upgrade`.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.add_header("X-Request-Id", 17)?;
    ///     http.send_error(404, None, None)
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nX-Request-Id: 17\r\n"));
    /// ```
    pub fn add_header(&mut self, name: impl AsRef<str>, value: impl HeaderText) -> Result {
        if self.answered {
            return Err(format!("add_header({:?}) was called after end_headers()", name.as_ref()).into());
        }
        Ok(self.response.add_lasting(name.as_ref(), &value)?)
    }

    /// Ends the head. It leaves together with the first part of the body.
    ///
    /// After a 1xx status, which is sent at once (and not at all to HTTP/1.0 clients), the final response
    /// follows with another [`send_response`](Self::send_response).
    ///
    /// # Errors
    ///
    /// The first mistake since `send_response`, or that the response has a head already.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(103).send_header("Link", "</a.css>; rel=preload").end_headers()?;
    ///     http.send_response(200).send_header("Content-Type", "text/plain").end_headers()?;
    ///     http.wfile().write_all(b"Hello")?;
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// let early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n";
    /// assert!(answer.starts_with(early));
    /// ```
    pub fn end_headers(&mut self) -> Result {
        if self.response.status() == Some(101) {
            self.prepare_upgrade()?;
        }
        let status = self.response.end()?;
        self.check_unanswered()?;
        let interim = (100..200).contains(&status) && status != 101;
        if interim && self.request.head.version_minor() == 0 {
            return Ok(());
        }
        let plan = Plan {
            connection_given: self.response.connection_given,
            close_given: self.response.close_given,
            ..self.plan(status, self.response.length)
        };
        let mut output = self.wfile.outlet.open();
        let identity = self.context.identity;
        let opening = self.response.opening(status, interim, identity);
        opening.append_to(&mut output.ready, &identity.protocol_version);
        if interim {
            output.ready.extend_from_slice(b"\r\n");
            output.flush_interim(&self.context.link)?;
            return Ok(());
        }
        self.answered = true;
        output.open(plan);
        Ok(())
    }

    /// The status of the final response, once its head is complete.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     assert_eq!(http.response_status(), None);
    ///     http.send_response(204).end_headers()?;
    ///     assert_eq!(http.response_status(), Some(204));
    ///     Ok(())
    /// });
    /// # assert!(testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with(b"HTTP/1.1 204 "));
    /// ```
    pub fn response_status(&self) -> Option<u16> {
        self.answered.then(|| self.wfile.outlet.status())
    }

    /// Sends the head if it is complete; what is not complete stays held back.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(200).send_header("Content-Type", "text/event-stream").end_headers()?;
    ///     http.flush_headers()?;
    ///     // The client has the head by now, and waits for the first event.
    ///     http.wfile().write_all(b"data: tea\n\n")?;
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\n\r\nb\r\ndata: tea\n\n\r\n0\r\n\r\n"));
    /// ```
    pub fn flush_headers(&mut self) -> Result {
        if self.answered {
            self.wfile.outlet.open().flush(&self.context.link)?;
        }
        Ok(())
    }

    /// The body of the response.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(200).end_headers()?;
    ///     for number in 1..=3 {
    ///         writeln!(http.wfile(), "line {number}")?;
    ///     }
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"Content-Length: 21\r\n\r\nline 1\nline 2\nline 3\n"));
    /// ```
    pub fn wfile(&mut self) -> &mut WFile<'r> {
        &mut self.wfile
    }

    /// Both bodies at once.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let echo = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(200).end_headers()?;
    ///     let (rfile, wfile) = http.files();
    ///     std::io::copy(rfile, wfile)?;
    ///     Ok(())
    /// });
    /// let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\necho";
    /// assert!(testing::respond(echo, request).ends_with(b"\r\n\r\necho"));
    /// ```
    pub fn files(&mut self) -> (&mut RFile<'r>, &mut WFile<'r>) {
        (&mut self.rfile, &mut self.wfile)
    }

    /// Answers with an error page.
    ///
    /// The connection goes on where the client lets it, as after any other response: what the
    /// handler did not read of the body is read away, up to
    /// [`max_drain_size`](crate::Builder::max_drain_size). To end it, call
    /// [`set_close_connection`](Self::set_close_connection) before. It always ends after 408, which
    /// says that the client was given up (RFC 9110 §15.5.9).
    ///
    /// `message` is the reason phrase (by default that of the status), `explain` a sentence (likewise). The page
    /// has no body where the status or `HEAD` forbids one. The error is logged.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_error(404, Some("No such tea"), None) });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 404 No such tea\r\n"));
    /// ```
    pub fn send_error(
        &mut self,
        code: impl IntoStatus,
        message: Option<&str>,
        explain: Option<&str>,
    ) -> Result {
        self.send_error_with(code.into_status(), message, explain, &[])
    }

    /// [`send_error`](Self::send_error) with further fields.
    pub(crate) fn send_error_with(
        &mut self,
        code: u16,
        message: Option<&str>,
        explain: Option<&str>,
        fields: &[(&str, &str)],
    ) -> Result {
        let message = message.or_else(|| status::reason(code)).unwrap_or("???");
        let explain = explain.or_else(|| status::explanation(code)).unwrap_or("???");
        self.records.push(Record::Error(format!("code {code}, message {message}")));
        // An error must be told whatever its message has in it.
        let phrase = message.replace(|c: char| c.is_control(), " ");
        if code == 408 {
            self.close = true;
        }
        self.send_response_with(code, &phrase);
        for (name, value) in fields {
            self.send_header(name, value);
        }
        if matches!(code, 100..=199 | 204 | 205 | 304) {
            return self.end_headers();
        }
        let identity = self.context.identity;
        let (format, content_type) = (&identity.error_message_format, &identity.error_content_type);
        let body = if format == error_page::DEFAULT_FORMAT && content_type == error_page::DEFAULT_CONTENT_TYPE
        {
            error_page::negotiated(self.headers().get_all("Accept"), code, message, explain)
        } else {
            let content = error_page::render(format, code, message, explain);
            ErrorBody { content_type: content_type.clone(), content, varies: false }
        };
        if body.varies {
            self.send_header("Vary", "Accept");
        }
        let page = body.content;
        self.send_header("Content-Type", body.content_type).send_header("Content-Length", page.len());
        // What a client sent may stand in the page: it is never to be taken for anything but what
        // it is called.
        if !self.response.has_lasting("X-Content-Type-Options") {
            self.send_header("X-Content-Type-Options", "nosniff");
        }
        self.end_headers()?;
        self.send_whole(page)
    }

    /// Content that is in memory as a whole, without waiting for the client.
    fn send_whole(&mut self, content: String) -> Result {
        if content.len() > self.context.link.config.buffer_size {
            return self.send_source(Whole(content));
        }
        self.wfile.outlet.open().write_all(content.as_bytes(), &self.context.link)?;
        Ok(())
    }

    /// The rest of the body is a part of a file, which the server sends after the handler has returned. No thread
    /// waits for the client.
    ///
    /// To be called once, after `end_headers`, and with nothing written after it. The connection is cut if the file
    /// turns out to be shorter.
    ///
    /// ```no_run
    /// use serve_forever::{handler_fn, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let file = std::fs::File::open("film.webm")?;
    ///     let length = file.metadata()?.len();
    ///     http.send_response(200).send_header("Content-Length", length).end_headers()?;
    ///     http.send_file(file, 0..length)
    /// });
    /// # let _ = handler;
    /// ```
    pub fn send_file(&mut self, file: impl Into<Arc<File>>, range: Range<u64>) -> Result {
        let left = range.end.saturating_sub(range.start);
        let attachment =
            Attachment::File { file: file.into(), offset: range.start, left, tail: b"", expected: None };
        self.attach(attachment, Some(left))
    }

    /// The rest of the body is made piece by piece after the handler has returned, whenever the client has taken
    /// the last one. No thread waits for the client.
    ///
    /// To be called once, after `end_headers`, and with nothing written after it. Without a `Content-Length` the
    /// pieces become chunks.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result, Source};
    ///
    /// struct Countdown(u8);
    ///
    /// impl Source for Countdown {
    ///     fn pull(&mut self, out: &mut Vec<u8>) -> std::io::Result<bool> {
    ///         out.extend_from_slice(format!("{}\n", self.0).as_bytes());
    ///         self.0 -= 1;
    ///         Ok(self.0 > 0)
    ///     }
    /// }
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(200).end_headers()?;
    ///     http.send_source(Countdown(3))
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"2\r\n3\n\r\n2\r\n2\n\r\n2\r\n1\n\r\n0\r\n\r\n"));
    /// ```
    pub fn send_source(&mut self, source: impl Source + 'static) -> Result {
        self.attach(Attachment::Source(GuardedSource::new(source)), None)
    }

    /// Tells of a panic that changes nothing of the response.
    #[cold]
    pub(crate) fn report_panic(&self, panic: String) {
        let report = ErrorReport { client_address: self.context.client, error: panic, panicked: true };
        self.context.server.hooks().report(&report);
    }

    /// Whether the response has no content, whatever is written.
    pub(crate) fn is_head(&self) -> bool {
        self.request.head.is_head(self.request.octets)
    }

    /// The beginning of a head, with fields that were put together before.
    pub(crate) fn begin_prepared(&mut self, status: u16, fields: &PreparedFields) -> &mut Self {
        self.response.start(status, None, true);
        self.response.prepared(fields);
        self
    }

    /// Such fields go out with the final response, whichever that is.
    pub(crate) fn add_prepared(&mut self, fields: &PreparedFields) {
        self.response.add_prepared(fields);
    }

    /// A whole head of such fields, for a final response: the shortest way there is.
    pub(crate) fn send_prepared(&mut self, status: u16, fields: &PreparedFields) -> Result {
        self.check_unanswered()?;
        let plan = self.plan(status, fields.length());
        let mut output = self.wfile.outlet.open();
        let identity = self.context.identity;
        let opening = self.response.prepared_opening(status, fields, identity);
        opening.append_to(&mut output.ready, &identity.protocol_version);
        self.answered = true;
        output.open(plan);
        Ok(())
    }

    fn check_unanswered(&self) -> Result {
        if self.answered { Err("the response has its head already".into()) } else { Ok(()) }
    }

    /// What its head says of the rest of the response.
    fn plan(&self, status: u16, length: Option<u64>) -> Plan {
        let old_client = self.request.head.version_minor() == 0;
        let old_server = self.context.identity.protocol_version != "HTTP/1.1";
        Plan {
            status,
            head: self.is_head(),
            chunks: !old_client && !old_server,
            length,
            connection_given: false,
            close_given: false,
            close: self.close || old_server || self.context.server.is_stopping(),
            announce_keep: old_client,
        }
    }

    /// As [`send_file`](Self::send_file), for a file that is as `expected` tells: if it changes while it is sent, the
    /// connection is cut.
    pub(crate) fn send_unchanged_file(
        &mut self,
        file: Arc<File>,
        range: Range<u64>,
        expected: Expected,
    ) -> Result {
        let left = range.end.saturating_sub(range.start);
        let attachment =
            Attachment::File { file, offset: range.start, left, tail: b"", expected: Some(expected) };
        self.attach(attachment, Some(left))
    }

    pub(crate) fn attach(&mut self, attachment: Attachment, octets: Option<u64>) -> Result {
        let mut output = self.wfile.outlet.open();
        if !self.answered {
            return Err(
                "the body was given before the head: call send_response() and end_headers() first".into()
            );
        }
        if output.attachment.is_some() {
            return Err("the rest of the body was given already".into());
        }
        output.attach(attachment, octets);
        Ok(())
    }

    /// Whether the connection ends after this response.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let last = http.close_connection();
    ///     http.send_response(200).end_headers()?;
    ///     http.wfile().write_all(if last { b"Goodbye" } else { b"What else?" })?;
    ///     Ok(())
    /// });
    /// assert!(testing::respond(handler, b"GET / HTTP/1.0\r\n\r\n").ends_with(b"Goodbye"));
    /// ```
    pub fn close_connection(&self) -> bool {
        self.close
    }

    /// Ends the connection after this response, or keeps it, as far as the client and what follows allow it. To
    /// be called before `end_headers`.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.set_close_connection(true);
    ///     http.send_response(204).end_headers()
    /// });
    /// let two = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    /// let answer = testing::respond(handler, two);
    /// assert_eq!(String::from_utf8_lossy(&answer).matches("HTTP/1.1 204 ").count(), 1);
    /// ```
    pub fn set_close_connection(&mut self, close: bool) {
        self.close = close || self.response.must_close;
    }

    /// The minimum average rate, in bytes per second, at which the client must send its body and
    /// take its response while this handler waits for that; 0 for none. Default:
    /// [`Builder::minimum_rate`](crate::Builder::minimum_rate).
    ///
    /// It concerns only what the handler itself waits for. A body that was
    /// [received before the handler started](crate::Builder::max_buffered_body) has met the rate of
    /// the builder. A [detached](Self::detach) response must meet that rate, too, whatever was set
    /// here.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     // A recording of several megabytes, which its sender makes as it goes.
    ///     http.set_minimum_rate(0);
    ///     let size = std::io::copy(http.rfile(), &mut std::io::sink())?;
    ///     http.send_response(if size > 0 { 204 } else { 400 }).end_headers()
    /// });
    /// let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntea";
    /// assert!(testing::respond(handler, request).starts_with(b"HTTP/1.1 204 "));
    /// ```
    pub fn set_minimum_rate(&mut self, octets_per_second: u32) {
        self.context.link.set_minimum_rate(octets_per_second);
    }
}

/// Texts and the log.
impl Exchange<'_> {
    /// Logs the request with `code` and `size` beside the record that the server makes of every request by itself.
    ///
    /// ```
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// # struct Handler(std::sync::mpsc::Sender<String>);
    /// # impl BaseHttpRequestHandler for Handler {
    /// fn do_get(&mut self, http: &mut Exchange) -> Result {
    ///     http.log_request(102, 0); // Logged with this status, and later with that of the response.
    ///     http.send_response(204).end_headers()
    /// }
    /// # fn log_request(&self, record: &LogRecord) {
    /// #     self.0.send(record.text()).unwrap();
    /// # }
    /// # }
    /// # let (log, lines) = std::sync::mpsc::channel();
    /// # testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// # let lines: Vec<String> = lines.iter().collect();
    /// # assert_eq!(lines, ["\"GET / HTTP/1.1\" 102 0", "\"GET / HTTP/1.1\" 204 0"]);
    /// ```
    pub fn log_request(&mut self, code: impl IntoStatus, size: u64) {
        self.records.push(Record::Request { status: code.into_status(), octets: size });
    }

    /// Logs an error; delivered to the handler's `log_error` when it has returned.
    ///
    /// ```
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// # struct Handler(std::sync::mpsc::Sender<String>);
    /// # impl BaseHttpRequestHandler for Handler {
    /// fn do_get(&mut self, http: &mut Exchange) -> Result {
    ///     http.log_error("the teapot is empty");
    ///     http.send_response(204).end_headers()
    /// }
    /// # fn log_error(&self, record: &LogRecord) {
    /// #     self.0.send(record.text()).unwrap();
    /// # }
    /// # }
    /// # let (log, lines) = std::sync::mpsc::channel();
    /// # testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// # let lines: Vec<String> = lines.iter().collect();
    /// # assert_eq!(lines, ["the teapot is empty"]);
    /// ```
    pub fn log_error(&mut self, message: impl fmt::Display) {
        self.records.push(Record::Error(Shown::text_of(message)));
    }

    /// Logs a message; delivered to the handler's `log_message` when it has returned.
    ///
    /// ```
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// # struct Handler(std::sync::mpsc::Sender<String>);
    /// # impl BaseHttpRequestHandler for Handler {
    /// fn do_get(&mut self, http: &mut Exchange) -> Result {
    ///     http.log_message(format_args!("{} asks for tea", http.address_string()));
    ///     http.send_response(204).end_headers()
    /// }
    /// # fn log_message(&self, record: &LogRecord) {
    /// #     self.0.send(record.text()).unwrap();
    /// # }
    /// # }
    /// # let (log, lines) = std::sync::mpsc::channel();
    /// # testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// # let lines: Vec<String> = lines.iter().collect();
    /// # assert_eq!(lines, ["127.0.0.1 asks for tea"]);
    /// ```
    pub fn log_message(&mut self, message: impl fmt::Display) {
        self.records.push(Record::Message(Shown::text_of(message)));
    }

    /// What stands in the `Server` field.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let version = http.version_string();
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "Served by {version}")?;
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\n\r\nServed by serve-forever/"));
    /// ```
    pub fn version_string(&self) -> String {
        let mut text = Vec::new();
        self.context.identity.append_version(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// A time (by default the present one) as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let changed = UNIX_EPOCH + Duration::from_secs(784_111_777);
    ///     let changed = http.date_time_string(Some(changed));
    ///     http.send_response(204).send_header("Last-Modified", changed).end_headers()
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"));
    /// ```
    pub fn date_time_string(&self, time: Option<SystemTime>) -> String {
        let date = date::http_date(time.unwrap_or_else(SystemTime::now));
        String::from_utf8_lossy(&date).into_owned()
    }

    /// The present time as it stands in the log: `06/Nov/1994 08:49:37`, local time.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let now = http.log_date_time_string();
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "It is {now}")?;
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nContent-Length: 26\r\n"));
    /// ```
    pub fn log_date_time_string(&self) -> String {
        date::present_log_date()
    }

    /// The client's IP address as text; `unix` on a [Unix socket](Self::is_unix).
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let address = http.address_string();
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "You are {address}")?;
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"You are 127.0.0.1"));
    /// ```
    pub fn address_string(&self) -> String {
        if self.is_unix() { "unix".into() } else { self.client_address().ip().to_string() }
    }
}

impl Output {
    /// [`write`](Self::write) until everything is written.
    fn write_all(&mut self, mut octets: &[u8], link: &Link<'_>) -> io::Result<()> {
        while !octets.is_empty() {
            let count = self.write(octets, link)?;
            octets = &octets[count..];
        }
        Ok(())
    }
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

/// A source with one piece.
struct Whole(String);

impl Source for Whole {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.append(&mut std::mem::take(&mut self.0).into_bytes());
        Ok(false)
    }
}
