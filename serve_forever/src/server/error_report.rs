//! What the program is told about a handler that failed.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::sys::NO_ADDRESS;
use crate::visible::OneLine;

use super::hooks::{Guarded, text_of_error};

/// An error or panic while a request was handled; see
/// [`Builder::handle_error`](crate::Builder::handle_error).
///
/// Its `Display` is a single line, because an error may quote what the client sent. The field
/// [`error`](Self::error) has the text unchanged, and [`source`](Self::source) returns the error
/// itself.
///
/// ```
/// # use std::io::Write;
/// # use std::net::TcpStream;
/// # use std::sync::mpsc::channel;
/// # use serve_forever::{handler_fn, ErrorReport, Exchange, HttpServer, Result};
/// let (reports, errors) = channel();
/// let handler = handler_fn(|_: &mut Exchange| -> Result { Err("4 cups".parse::<u32>().unwrap_err().into()) });
/// let server = HttpServer::builder(handler)
///     .handle_error(move |report: &ErrorReport| drop(reports.send(report.clone())))
///     .bind(("127.0.0.1", 0))?;
/// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
/// # client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
/// # client.shutdown(std::net::Shutdown::Write)?;
/// server.handle_request()?;
/// let report = errors.recv().unwrap();
/// assert_eq!((report.error.as_str(), report.panicked), ("invalid digit found in string", false));
/// assert!(report.source().is_some_and(|error| error.is::<std::num::ParseIntError>()));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ErrorReport {
    /// The address of the client, or `0.0.0.0:0` for a client of a Unix socket.
    pub client_address: SocketAddr,
    /// The text of the error that the handler returned, or the message of its panic.
    pub error: String,
    /// Whether the handler panicked, or its error when that was displayed or dropped.
    pub panicked: bool,
    source: Option<Arc<Guarded<crate::Error>>>,
}

impl ErrorReport {
    /// Returns the error that the handler returned, or `None` if it panicked.
    ///
    /// The error can be [downcast](std::error::Error#method.downcast_ref), and its own `source`
    /// leads to its causes. It is dropped together with the last clone of this report.
    pub fn source(&self) -> Option<&(dyn Error + 'static)> {
        let error: &crate::Error = self.source.as_ref()?;
        Some(&**error)
    }

    pub(crate) fn of_panic(client_address: SocketAddr, message: String) -> Self {
        Self { client_address, error: message, panicked: true, source: None }
    }
}

impl fmt::Display for ErrorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.panicked { "the handler panicked" } else { "the handler failed" };
        if self.client_address == NO_ADDRESS {
            write!(f, "unix: {what}: {}", OneLine(&self.error))
        } else {
            write!(f, "{}: {what}: {}", self.client_address, OneLine(&self.error))
        }
    }
}

impl fmt::Debug for ErrorReport {
    // The source is left out, because its `Debug` is user code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorReport")
            .field("client_address", &self.client_address)
            .field("error", &self.error)
            .field("panicked", &self.panicked)
            .finish_non_exhaustive()
    }
}

/// An error that a handler returned. Its `Display` has run, and its panic is recorded.
pub(crate) struct Failed {
    text: String,
    /// The `Display` panicked, and the text says so.
    panicked: bool,
    error: Arc<Guarded<crate::Error>>,
}

impl Failed {
    #[cold]
    pub(crate) fn new(error: crate::Error) -> Self {
        let (text, panicked) = text_of_error(&error);
        Self { text, panicked, error: Arc::new(Guarded::new(error)) }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn report(&self, client_address: SocketAddr) -> ErrorReport {
        let Self { text, panicked, error } = self;
        let source = Some(Arc::clone(error));
        ErrorReport { client_address, error: text.clone(), panicked: *panicked, source }
    }

    /// Drops the error, unless the program keeps a report of it. Fails with the message of the panic
    /// in its `Drop`.
    pub(crate) fn end(self) -> Result<(), String> {
        Arc::into_inner(self.error).map_or(Ok(()), Guarded::end)
    }
}
