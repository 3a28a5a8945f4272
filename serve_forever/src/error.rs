//! The errors of handlers.

use std::borrow::Cow;
use std::fmt;

/// Any error. The `?` operator converts other errors to this type.
///
/// ```
/// use serve_forever::Error;
///
/// let error: Error = "21 or so".parse::<u32>().unwrap_err().into();
/// assert!(error.is::<std::num::ParseIntError>());
/// let error: Error = "no tea left".into();
/// assert_eq!(error.to_string(), "no tea left");
/// ```
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The result of a handler.
///
/// ```
/// use serve_forever::Result;
///
/// fn cups(text: &str) -> Result<u32> {
///     let cups = text.parse()?;
///     if cups > 9 {
///         return Err("that is too much tea".into());
///     }
///     Ok(cups)
/// }
///
/// assert_eq!(cups("3").ok(), Some(3));
/// assert!(cups("three").is_err() && cups("10").is_err());
/// ```
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// A mistake in a handler: it called methods of its [`Exchange`](crate::Exchange) in a wrong order,
/// or gave them what cannot be sent.
///
/// What the methods of an `Exchange` return tells these causes apart:
///
/// | cause | error |
/// |---|---|
/// | a mistake in the handler | `MisuseError` |
/// | the client is to get another status, for example 413 for a body that is too large | [`StatusError`](crate::StatusError) |
/// | the client left | [`std::io::Error`] of a kind such as `ConnectionReset` or `UnexpectedEof` |
/// | the client was too slow | [`std::io::Error`] of the kind `TimedOut` |
///
/// ```
/// use serve_forever::{handler_fn, testing, Exchange, MisuseError, Result};
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result {
///     http.reply_text(200, "tea")?;
///     let error = http.reply_text(200, "coffee").unwrap_err();
///     assert!(error.is::<MisuseError>());
///     Ok(())
/// });
/// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(answer.ends_with(b"\r\n\r\ntea"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisuseError(Cow<'static, str>);

impl fmt::Display for MisuseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MisuseError {}

impl MisuseError {
    pub(crate) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }
}

/// Fails with a [`MisuseError`].
pub(crate) fn misuse<T>(text: impl Into<Cow<'static, str>>) -> Result<T> {
    Err(MisuseError::new(text).into())
}
