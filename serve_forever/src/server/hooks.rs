//! The functions of `socketserver.BaseServer` that a program may replace.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::panic::resume_unwind;
use std::time::Duration;

use crate::diagnostics;

use super::error_report::ErrorReport;

pub(crate) use crate::diagnostics::catch;

type Verify = dyn Fn(SocketAddr) -> bool + Send + Sync;
type Report = dyn Fn(&ErrorReport) + Send + Sync;
type Tick = dyn Fn() + Send + Sync;

/// The hooks of one server. A hook that is not set costs nothing.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) verify_request: Option<Guarded<Box<Verify>>>,
    pub(crate) handle_error: Option<Guarded<Box<Report>>>,
    pub(crate) handle_timeout: Option<Guarded<Box<Tick>>>,
    pub(crate) service_actions: Option<(Duration, Guarded<Box<Tick>>)>,
}

impl Hooks {
    /// Asks `verify_request` whether to serve a connection from `peer`. If the hook panics, the
    /// connection is refused.
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

    /// Calls `handle_timeout`.
    pub(crate) fn time_out(&self) {
        if let Some(act) = &self.handle_timeout {
            guarded("handle_timeout", &**act);
        }
    }

    /// Returns how often to call `service_actions`, if it is set.
    pub(crate) fn tick_interval(&self) -> Option<Duration> {
        self.service_actions.as_ref().map(|(interval, _)| *interval)
    }

    /// Calls `service_actions`.
    pub(crate) fn tick(&self) {
        if let Some((_, tick)) = &self.service_actions {
            guarded("service_actions", &**tick);
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

/// Runs user code. Returns `None` if it panicked, which is logged.
pub(crate) fn guarded<T>(what: &str, code: impl FnOnce() -> T) -> Option<T> {
    match catch(code) {
        Ok(value) => Some(value),
        Err(message) => {
            diagnostics::error!("{what} panicked: {message}");
            None
        }
    }
}

/// The text of a value of user code. Its `Display` and its `Drop` are user code, too. Both have run,
/// and their panics are recorded.
pub(crate) struct Shown {
    text: String,
    /// The message of the panic in its `Drop`.
    dropped: Result<(), String>,
}

impl Shown {
    #[cold]
    fn of(value: impl fmt::Display) -> Self {
        let (text, _) = text_of_error(&value);
        Self { text, dropped: catch(|| drop(value)) }
    }

    /// Returns the text of a value, or panics as its `Display` did. The value is gone before that,
    /// because a second panic in its `Drop` would end the process.
    pub(crate) fn text_of(message: impl fmt::Display) -> String {
        let shown = catch(|| message.to_string());
        let dropped = catch(|| drop(message));
        match shown.and_then(|text| dropped.map(|()| text)) {
            Ok(text) => text,
            // The panic hook has already reported it.
            Err(panic) => resume_unwind(Box::new(panic)),
        }
    }

    /// Returns the text, and logs the panic of the `Drop`, if there was one.
    fn into_text(self) -> String {
        if let Err(panic) = self.dropped {
            diagnostics::error!("a value owned by the program panicked when it was dropped: {panic}");
        }
        self.text
    }
}

/// Returns the text of an error of user code, and whether its `Display` panicked, which the text
/// then says.
#[cold]
pub(crate) fn text_of_error(error: &impl fmt::Display) -> (String, bool) {
    match catch(|| error.to_string()) {
        Ok(text) => (text, false),
        Err(panic) => (format!("the error cannot be shown, as that panicked: {panic}"), true),
    }
}

/// Returns an error of the same kind without user code in it.
#[cold]
pub(crate) fn disarmed(error: io::Error) -> io::Error {
    if error.get_ref().is_none() {
        return error;
    }
    let kind = error.kind();
    io::Error::new(kind, Shown::of(error).into_text())
}

/// A value of user code whose `Drop` may panic. The panic is caught wherever the value is dropped.
pub(crate) struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(crate) fn into_inner(mut self) -> Option<T> {
        self.0.take()
    }

    /// Drops the value now. Fails with the message of its panic.
    pub(crate) fn end(mut self) -> Result<(), String> {
        let value = self.0.take();
        catch(|| drop(value))
    }
}

impl<T> Deref for Guarded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Some(value) => value,
            None => unreachable!("it is there until it is dropped"),
        }
    }
}

impl<T> DerefMut for Guarded<T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.0 {
            Some(value) => value,
            None => unreachable!("it is there until it is dropped"),
        }
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            guarded("what the server had of its user, when it was dropped,", || drop(value));
        }
    }
}
