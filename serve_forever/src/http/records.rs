//! What is logged of a request.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::server::handle::ServerHandle;
use crate::sys;

use super::date::DateCache;
use super::escape;

/// One line of the access log, on its way through the handler's `log_*` methods.
///
/// A handler that overrides [`log_request`](crate::BaseHttpRequestHandler::log_request) and its like gets this
/// and may write something else, elsewhere, or nothing.
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
    pub(crate) what: What<'r>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What<'r> {
    Request { status: u16, octets: u64 },
    Text(&'r str),
}

impl LogRecord<'_> {
    /// Whose request it is.
    pub fn client_address(&self) -> SocketAddr {
        self.client_address
    }

    /// The request line as it was sent; empty if none was understood.
    pub fn request_line(&self) -> &[u8] {
        self.request_line
    }

    /// The status of the response, in a record of a request.
    pub fn status(&self) -> Option<u16> {
        match self.what {
            What::Request { status, .. } => Some(status),
            What::Text(_) => None,
        }
    }

    /// The octets of content that were accepted for sending, in a record of a request.
    pub fn octets(&self) -> Option<u64> {
        match self.what {
            What::Request { octets, .. } => Some(octets),
            What::Text(_) => None,
        }
    }

    /// What the record says, as it stands behind the date in the log: `"GET / HTTP/1.1" 200 9`, with control
    /// characters escaped.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match self.what {
            What::Request { status, octets } => {
                text.push('"');
                escape::log_octets(&mut text, self.request_line);
                // Writing to a String cannot fail.
                let _ = write!(text, "\" {status} {octets}");
            }
            What::Text(message) => escape::log_text(&mut text, message),
        }
        text
    }

    /// Writes the record to the server's access log, in the form that Python gives it:
    /// `127.0.0.1 - - [06/Nov/1994 08:49:37] "GET / HTTP/1.1" 200 9`.
    pub fn write(&self) {
        let log = self.server.access_log();
        if !log.is_on() {
            return;
        }
        LINE.with_borrow_mut(|(line, dates)| {
            line.clear();
            // Writing to a String cannot fail.
            let _ = write!(line, "{} - - [{}] ", self.client_address.ip(), dates.log(sys::unix_time()));
            match self.what {
                What::Request { status, octets } => {
                    line.push('"');
                    escape::log_octets(line, self.request_line);
                    let _ = writeln!(line, "\" {status} {octets}");
                }
                What::Text(message) => {
                    escape::log_text(line, message);
                    line.push('\n');
                }
            }
            log.write(|out| out.extend_from_slice(line.as_bytes()));
        });
    }
}

/// Appends the present time as an HTTP date.
pub(crate) fn append_date(out: &mut Vec<u8>) {
    LINE.with_borrow_mut(|(_, dates)| out.extend_from_slice(dates.http(sys::unix_time())));
}

/// The present time as it stands in the log.
pub(crate) fn log_date() -> String {
    LINE.with_borrow_mut(|(_, dates)| dates.log(sys::unix_time()).to_owned())
}

thread_local! {
    /// A line is put together here, and dates are formatted once a second.
    static LINE: RefCell<(String, DateCache)> = const { RefCell::new((String::new(), DateCache::new())) };
}
