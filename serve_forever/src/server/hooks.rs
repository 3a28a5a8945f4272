//! The functions of `socketserver.BaseServer` that a program may replace.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::diagnostics;
use crate::sys::NO_ADDRESS;
use crate::visible::OneLine;

pub(crate) use crate::diagnostics::catch;

/// What went wrong while a request was handled; see [`Builder::handle_error`](crate::Builder::handle_error).
///
/// It is shown on one line: an error may quote what the client sent. The field
/// [`error`](Self::error) has it as it is.
///
/// ```
/// # use std::io::Write;
/// # use std::net::TcpStream;
/// # use std::sync::mpsc::channel;
/// # use serve_forever::{handler_fn, ErrorReport, Exchange, HttpServer, Result};
/// let (reports, errors) = channel();
/// let server = HttpServer::builder(handler_fn(|_: &mut Exchange| -> Result { Err("no tea left".into()) }))
///     .handle_error(move |report: &ErrorReport| drop(reports.send(report.clone())))
///     .bind(("127.0.0.1", 0))?;
/// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
/// # client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
/// # client.shutdown(std::net::Shutdown::Write)?;
/// server.handle_request()?;
/// let report = errors.recv().unwrap();
/// assert_eq!((report.error.as_str(), report.panicked), ("no tea left", false));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ErrorReport {
    /// Whose request it was; `0.0.0.0:0` for a client of a Unix socket.
    pub client_address: SocketAddr,
    /// What the handler returned, or the message of its panic.
    pub error: String,
    /// Whether the handler panicked.
    pub panicked: bool,
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

type Verify = dyn Fn(SocketAddr) -> bool + Send + Sync;
type Report = dyn Fn(&ErrorReport) + Send + Sync;
type Tick = dyn Fn() + Send + Sync;

/// The hooks of one server; what is not set costs nothing.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) verify_request: Option<Box<Verify>>,
    pub(crate) handle_error: Option<Box<Report>>,
    pub(crate) handle_timeout: Option<Box<Tick>>,
    pub(crate) service_actions: Option<(Duration, Box<Tick>)>,
}

impl Hooks {
    /// Whether a connection from `peer` is wanted. A hook that panics wants none.
    pub(crate) fn verify(&self, peer: SocketAddr) -> bool {
        self.verify_request
            .as_ref()
            .is_none_or(|verify| guarded("verify_request", || verify(peer)).unwrap_or(false))
    }

    /// Reports an error.
    pub(crate) fn report(&self, report: &ErrorReport) {
        match &self.handle_error {
            Some(hook) => {
                guarded("handle_error", || hook(report));
            }
            None => diagnostics::error!("{report}"),
        }
    }

    /// Nobody came in time.
    pub(crate) fn time_out(&self) {
        if let Some(act) = &self.handle_timeout {
            guarded("handle_timeout", act);
        }
    }

    /// How often `service_actions` is to be called, if it is set.
    pub(crate) fn tick_interval(&self) -> Option<Duration> {
        self.service_actions.as_ref().map(|(interval, _)| *interval)
    }

    /// Calls `service_actions`.
    pub(crate) fn tick(&self) {
        if let Some((_, tick)) = &self.service_actions {
            guarded("service_actions", tick);
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("verify_request", &self.verify_request.is_some())
            .field("handle_error", &self.handle_error.is_some())
            .field("handle_timeout", &self.handle_timeout.is_some())
            .field("service_actions", &self.tick_interval())
            .finish()
    }
}

/// Runs user code; `None` if it panicked, which is logged.
pub(crate) fn guarded<T>(what: &str, code: impl FnOnce() -> T) -> Option<T> {
    match catch(code) {
        Ok(value) => Some(value),
        Err(message) => {
            diagnostics::error!("{what} panicked: {message}");
            None
        }
    }
}
