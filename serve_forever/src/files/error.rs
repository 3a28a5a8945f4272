//! The error of building a file handler.

use std::fmt;
use std::io;

/// Why [`SimpleHttpRequestHandlerBuilder::build`](super::SimpleHttpRequestHandlerBuilder::build)
/// made no handler.
///
/// It converts to an [`io::Error`] of the same [kind](Self::kind), so `?` works in functions that
/// return one.
///
/// ```
/// use serve_forever::SimpleHttpRequestHandler;
///
/// let error = SimpleHttpRequestHandler::builder().directory("no such directory").build().unwrap_err();
/// assert!(!error.is_setting());
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// let error = SimpleHttpRequestHandler::builder().cache_control("no\nline break").build().unwrap_err();
/// assert!(error.is_setting());
/// ```
#[derive(Debug)]
pub struct BuildError(Cause);

#[derive(Debug)]
enum Cause {
    Setting(String),
    Directory(io::Error),
}

impl BuildError {
    pub(super) fn setting(message: String) -> Self {
        Self(Cause::Setting(message))
    }

    pub(super) fn directory(error: io::Error) -> Self {
        Self(Cause::Directory(error))
    }

    /// Returns whether a setting cannot be used. Otherwise the directory or file cannot be reached.
    pub fn is_setting(&self) -> bool {
        matches!(self.0, Cause::Setting(_))
    }

    /// Returns the kind of the error: [`InvalidInput`](io::ErrorKind::InvalidInput) for a setting,
    /// otherwise the kind of the system's error.
    pub fn kind(&self) -> io::ErrorKind {
        match &self.0 {
            Cause::Setting(_) => io::ErrorKind::InvalidInput,
            Cause::Directory(error) => error.kind(),
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Setting(message) => f.write_str(message),
            Cause::Directory(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Cause::Setting(_) => None,
            Cause::Directory(error) => std::error::Error::source(error),
        }
    }
}

impl From<BuildError> for io::Error {
    fn from(error: BuildError) -> Self {
        match error.0 {
            Cause::Setting(message) => Self::new(io::ErrorKind::InvalidInput, message),
            Cause::Directory(error) => error,
        }
    }
}
