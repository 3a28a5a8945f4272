//! The records of the access log.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Instant;

use crate::server::handle::ServerHandle;
use crate::sys;

use crate::http::log::lines::{LineKeeper, Lines, Share};
use crate::http::message::escape;
use crate::http::message::fields::Headers;

/// A record for the access log, which the `log_*` methods of the handler get.
///
/// A handler can override [`log_request`](crate::BaseHttpRequestHandler::log_request) and similar
/// methods to write something else, elsewhere, or nothing.
///
/// ```
/// use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
///
/// struct Quiet;
///
/// impl BaseHttpRequestHandler for Quiet {
///     fn log_request(&self, record: &LogRecord) {
///         if record.status().is_some_and(|status| status >= 500) {
///             record.write();
///         }
///     }
/// }
/// # testing::respond(|| Quiet, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
/// ```
#[derive(Clone, Debug)]
pub struct LogRecord<'r> {
    pub(crate) server: &'r ServerHandle,
    pub(crate) client_address: SocketAddr,
    pub(crate) request_line: &'r [u8],
    pub(crate) headers: Headers<'r>,
    pub(crate) what: What<'r>,
    /// When the head of the request was complete.
    pub(crate) arrived: Instant,
    /// Whether the response is cut, and so will not be whole.
    pub(crate) cut: bool,
    /// The sender of the response, which writes the line after it.
    pub(crate) keeper: &'r dyn LineKeeper,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What<'r> {
    /// The response to the request.
    Response {
        status: u16,
        bytes: u64,
    },
    /// A message of the handler.
    Request {
        status: u16,
        bytes: u64,
    },
    Error(&'r str),
    Message(&'r str),
}

impl LogRecord<'_> {
    /// Returns the address of the client.
    ///
    /// ```
    /// # use std::sync::mpsc::{channel, Sender};
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// # struct Handler(Sender<String>);
    /// # impl BaseHttpRequestHandler for Handler {
    /// # fn do_get(&mut self, http: &mut Exchange) -> Result {
    /// #     http.send_response(200).end_headers()?;
    /// #     Ok(std::io::Write::write_all(http.wfile(), b"tea")?)
    /// # }
    /// fn log_request(&self, record: &LogRecord) {
    ///     let _ = self.0.send(format!("from {}", record.client_address().ip()));
    /// }
    /// # }
    /// # let (log, lines) = channel();
    /// # testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// # assert_eq!(lines.recv().unwrap(), "from 127.0.0.1");
    /// ```
    pub fn client_address(&self) -> SocketAddr {
        self.client_address
    }

    /// Whether the client connected through a [Unix socket](crate::Builder::unix_socket). Then it
    /// has no address, and the log says `unix`.
    ///
    /// ```
    /// # use std::sync::mpsc::{channel, Sender};
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// # struct Handler(Sender<String>);
    /// # impl BaseHttpRequestHandler for Handler {
    /// # fn do_get(&mut self, http: &mut Exchange) -> Result {
    /// #     http.send_response(204).end_headers()
    /// # }
    /// fn log_request(&self, record: &LogRecord) {
    ///     let _ = self.0.send(format!("by TCP: {}", !record.is_unix()));
    /// }
    /// # }
    /// # let (log, lines) = channel();
    /// # testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// # assert_eq!(lines.recv().unwrap(), "by TCP: true");
    /// ```
    pub fn is_unix(&self) -> bool {
        self.client_address == sys::NO_ADDRESS
    }

    /// Returns the request line as it was sent. It is empty if none could be read.
    ///
    /// ```
    /// # use std::sync::mpsc::{channel, Sender};
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// # struct Handler(Sender<String>);
    /// # impl BaseHttpRequestHandler for Handler {
    /// # fn do_get(&mut self, http: &mut Exchange) -> Result {
    /// #     http.send_response(200).end_headers()?;
    /// #     Ok(std::io::Write::write_all(http.wfile(), b"tea")?)
    /// # }
    /// fn log_request(&self, record: &LogRecord) {
    ///     let _ = self.0.send(String::from_utf8_lossy(record.requestline()).into_owned());
    /// }
    /// # }
    /// # let (log, lines) = channel();
    /// # testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// # assert_eq!(lines.recv().unwrap(), "GET / HTTP/1.1");
    /// ```
    pub fn requestline(&self) -> &[u8] {
        self.request_line
    }

    /// Returns the status of the response, in a record of a request.
    ///
    /// ```
    /// # use std::sync::mpsc::{channel, Sender};
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// # struct Handler(Sender<String>);
    /// # impl BaseHttpRequestHandler for Handler {
    /// # fn do_get(&mut self, http: &mut Exchange) -> Result {
    /// #     http.send_response(200).end_headers()?;
    /// #     Ok(std::io::Write::write_all(http.wfile(), b"tea")?)
    /// # }
    /// fn log_request(&self, record: &LogRecord) {
    ///     if let Some(status @ 200..=299) = record.status() {
    ///         let _ = self.0.send(format!("went well: {status}"));
    ///     }
    /// }
    /// # }
    /// # let (log, lines) = channel();
    /// # testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// # assert_eq!(lines.recv().unwrap(), "went well: 200");
    /// ```
    pub fn status(&self) -> Option<u16> {
        match self.what {
            What::Response { status, .. } | What::Request { status, .. } => Some(status),
            What::Error(_) | What::Message(_) => None,
        }
    }

    /// Returns the bytes of content to be sent, in a record of a request: 0 if there is none, as
    /// for `HEAD`. For a source, these are the bytes that were written before it. The number of
    /// sent bytes is known only later; the line of [`write`](Self::write) has it.
    ///
    /// ```
    /// # use std::sync::mpsc::{channel, Sender};
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// # struct Handler(Sender<String>);
    /// # impl BaseHttpRequestHandler for Handler {
    /// # fn do_get(&mut self, http: &mut Exchange) -> Result {
    /// #     http.send_response(200).end_headers()?;
    /// #     Ok(std::io::Write::write_all(http.wfile(), b"tea")?)
    /// # }
    /// fn log_request(&self, record: &LogRecord) {
    ///     let _ = self.0.send(format!("{} bytes", record.bytes().unwrap_or(0)));
    /// }
    /// # }
    /// # let (log, lines) = channel();
    /// # testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// # assert_eq!(lines.recv().unwrap(), "3 bytes");
    /// ```
    pub fn bytes(&self) -> Option<u64> {
        match self.what {
            What::Response { bytes, .. } | What::Request { bytes, .. } => Some(bytes),
            What::Error(_) | What::Message(_) => None,
        }
    }

    /// Returns the text of the record, as it follows the date in the log: `"GET / HTTP/1.1" 200 9`,
    /// with control characters escaped.
    ///
    /// ```
    /// # use std::sync::mpsc::{channel, Sender};
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// # struct Handler(Sender<String>);
    /// # impl BaseHttpRequestHandler for Handler {
    /// # fn do_get(&mut self, http: &mut Exchange) -> Result {
    /// #     http.send_response(200).end_headers()?;
    /// #     Ok(std::io::Write::write_all(http.wfile(), b"tea")?)
    /// # }
    /// fn log_request(&self, record: &LogRecord) {
    ///     let _ = self.0.send(record.text());
    /// }
    /// # }
    /// # let (log, lines) = channel();
    /// # testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// # assert_eq!(lines.recv().unwrap(), "\"GET / HTTP/1.1\" 200 3");
    /// ```
    pub fn text(&self) -> String {
        let mut text = String::new();
        match self.what {
            What::Response { status, bytes } | What::Request { status, bytes } => {
                text.push('"');
                escape::log_bytes(&mut text, self.request_line);
                // Writing to a String cannot fail.
                let _ = write!(text, "\" {status} {bytes}");
            }
            What::Error(message) | What::Message(message) => escape::log_text(&mut text, message),
        }
        text
    }

    /// Writes the record to the access log of the server, in its [form](crate::LogFormat), by
    /// default that of Python: `127.0.0.1 - - [06/Nov/1994 08:49:37] "GET / HTTP/1.1" 200 9`. The
    /// line of a request is written when its response was sent or has failed, with the number of
    /// sent bytes.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use serve_forever::{AccessLog, BaseHttpRequestHandler, HttpServer, LogRecord};
    ///
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn log_request(&self, record: &LogRecord) {
    ///         record.write();
    ///     }
    ///
    ///     fn log_error(&self, _: &LogRecord) {}
    /// }
    ///
    /// # let (mut log, target) = std::io::pipe()?;
    /// let access_log = AccessLog::to(target);
    /// let server = HttpServer::builder(|| Handler).access_log(access_log).bind(("127.0.0.1", 0))?;
    /// # let mut client = std::net::TcpStream::connect(server.server_addresses()[0])?;
    /// # client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    /// # client.shutdown(std::net::Shutdown::Write)?;
    /// server.handle_request()?;
    /// # drop(server);
    /// let mut text = String::new();
    /// log.read_to_string(&mut text)?;
    /// assert!(text.starts_with("127.0.0.1 - - [") && text.contains("] \"GET / HTTP/1.1\" 501 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn write(&self) {
        if !self.server.access_log().is_on() {
            return;
        }
        self.keeper.keep(&mut |lines, response| {
            let share = match self.what {
                What::Response { .. } => Share { whole: !self.cut, ..response },
                What::Request { bytes, .. } => Share::settled(bytes),
                What::Error(_) | What::Message(_) => Share::settled(0),
            };
            self.add_to(lines, share);
        });
    }

    /// Adds the line, if the log of the server has such lines. `share` is the share of the
    /// response.
    pub(crate) fn add_to(&self, lines: &mut Lines, share: Share) {
        let log = self.server.access_log();
        let style = log.style();
        if log.is_on() && style.has(&self.what) {
            lines.add(self, style, share);
        }
    }
}
