//! The request: its head, its body, and where it came from.

use std::net::SocketAddr;

use crate::http::bodies::rfile::RFile;
use crate::http::message::fields::Headers;
use crate::server::handle::ServerHandle;
use crate::sys::NO_ADDRESS;

use super::Exchange;

impl<'r> Exchange<'r> {
    /// The address of the client, or `0.0.0.0:0` on a [Unix socket](Self::is_unix), where clients
    /// have no address. Behind a trusted proxy, this is the address that the proxy names, if the
    /// server was told to [accept it](crate::Builder::forwarded).
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

    /// Whether the client connected to a [Unix socket](crate::Builder::unix_socket). Such a client
    /// has no address.
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

    /// The method, exactly as it was sent. Methods are case-sensitive (RFC 9110 §9.1).
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
        self.request.head.method(self.request.bytes)
    }

    /// The path with the query, as it was sent, without decoding. Several leading slashes are
    /// collapsed to one. For a target in absolute form (RFC 9112 §3.2.2), this is the part after
    /// the authority.
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
        let path = self.request.head.path(self.request.bytes);
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
        let path = self.request.head.url_path(self.request.bytes);
        path.get(self.mount..).unwrap_or(path)
    }

    /// The same as bytes, for code that only compares the path.
    pub(crate) fn url_path_bytes(&self) -> &'r [u8] {
        let path = self.request.head.url_path_bytes(self.request.bytes);
        path.get(self.mount..).unwrap_or(path)
    }

    /// The prefix that a `Router` removed from the path before it called this handler, not decoded;
    /// empty if no router did. `mount_path` followed by [`path`](Self::path) is the path that the
    /// client sent. WSGI calls this prefix `SCRIPT_NAME`.
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
        let path = self.request.head.url_path(self.request.bytes);
        path.get(..self.mount).unwrap_or_default()
    }

    /// The part of the target after the first `?`, if there is one.
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
        self.request.head.query(self.request.bytes)
    }

    /// The part of the path that matches the parameter `name` in the route of a `Router`,
    /// percent-decoded.
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
        // Routers append their parameters, so the parameters of the innermost router are the last
        // ones.
        self.params.iter().rev().find(|(own, _)| **own == *name).map(|(_, value)| value.as_str())
    }

    /// The request line as it was sent, without its line ending.
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
        self.request.head.request_line(self.request.bytes)
    }

    /// The version of HTTP: `HTTP/1.0` or `HTTP/1.1`. A higher minor version counts as 1.1 (RFC
    /// 9110 §6.2).
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
        self.request.head.fields(self.request.bytes)
    }

    /// The authority that the request is for: that of a target in absolute form, else the `Host`
    /// field.
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
        self.request.head.host(self.request.bytes)
    }

    /// The trailer fields of a chunked body. Empty until the body has been read to its end.
    /// Trailers are kept apart from [`headers`](Self::headers) (RFC 9110 §6.5.1).
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

    /// The handle of the server: its addresses, its shared state, and its shutdown.
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
    /// A client that closed its sending side but still reads looks the same. So use this to stop
    /// work that may no longer be needed, not to detect errors.
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

    /// Whether the method is `HEAD`, so that the response has no content, whatever is written.
    pub(crate) fn is_head(&self) -> bool {
        self.request.head.is_head(self.request.bytes)
    }
}
