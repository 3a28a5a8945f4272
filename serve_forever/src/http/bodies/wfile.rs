//! The body of a response, as a handler writes it.

use std::fmt;
use std::io::{self, Write};

use crate::http::bodies::link::Link;
use crate::http::bodies::outlet::Outlet;

/// The body of a response: Python's `wfile`. Its framing is automatic.
///
/// Up to [`Builder::buffer_size`](crate::Builder::buffer_size) bytes are held back. If the handler
/// writes no more than that, the response gets a `Content-Length`. If it writes more, or flushes,
/// the response gets `Transfer-Encoding: chunked` (RFC 9112 §7.1), or for an HTTP/1.0 client a body
/// that ends with the connection. If the handler sets `Content-Length` itself, it must write
/// exactly that many bytes. For `HEAD`, and for statuses without content, the written bytes are
/// discarded.
///
/// ```
/// use std::io::Write;
/// use serve_forever::{handler_fn, testing, Exchange, Result};
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result {
///     http.send_response(200).end_headers()?;
///     let client = http.client_address().ip();
///     writeln!(http.wfile(), "Hello, {client}!")?;
///     Ok(())
/// });
/// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(answer.ends_with(b"Content-Length: 18\r\n\r\nHello, 127.0.0.1!\n"));
/// ```
pub struct WFile<'r> {
    pub(crate) outlet: Outlet<'r>,
    link: &'r Link<'r>,
}

impl<'r> WFile<'r> {
    pub(crate) fn new(outlet: Outlet<'r>, link: &'r Link<'r>) -> Self {
        Self { outlet, link }
    }
}

impl Write for WFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outlet.open().write(bytes, self.link)
    }

    /// Sends what was written so far. The rest of the response is sent in chunks.
    fn flush(&mut self) -> io::Result<()> {
        self.outlet.open().flush(self.link)
    }
}

impl fmt::Debug for WFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WFile").finish_non_exhaustive()
    }
}
