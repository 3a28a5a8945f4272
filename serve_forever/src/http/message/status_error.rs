//! Errors that choose the status of the response.

use std::error;
use std::fmt;
use std::io;

use crate::Error;

use crate::http::message::response_head::{HeaderText, IntoStatus};
use crate::http::message::status;

/// An error that a handler returns to get a response with a status of its choice, rather than 500.
///
/// It passes through `?` like every other error. If nothing was sent yet, the client gets an error
/// page, as from [`send_error`](crate::Exchange::send_error). The error is meant for the client, so
/// it is not reported to [`handle_error`](crate::Builder::handle_error).
///
/// ```
/// use serve_forever::{handler_fn, testing, Exchange, Result, StatusError};
///
/// fn cups(http: &Exchange) -> Result<u32> {
///     let text = http.query().ok_or_else(|| StatusError::new(400).explain("How many cups?"))?;
///     Ok(text.parse().map_err(|_| StatusError::new(400).explain("That is not a number"))?)
/// }
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result {
///     let cups = cups(http)?;
///     http.send_response(204).send_header("X-Cups", cups).end_headers()
/// });
/// let answer = testing::respond(handler.clone(), b"GET /?2 HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(answer.ends_with(b"\r\nX-Cups: 2\r\n\r\n"));
/// let answer = testing::respond(handler, b"GET /?two HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(answer.starts_with(b"HTTP/1.1 400 Bad Request\r\n"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusError {
    pub(crate) status: u16,
    pub(crate) message: Option<String>,
    pub(crate) explain: Option<String>,
    pub(crate) fields: Vec<(String, String)>,
}

impl StatusError {
    /// Creates an error with the status `code`, its usual reason phrase and its usual explanation.
    ///
    /// ```
    /// use serve_forever::StatusError;
    ///
    /// assert_eq!(StatusError::new(404).to_string(), "404 Not Found");
    /// ```
    #[must_use]
    pub fn new(code: impl IntoStatus) -> Self {
        Self { status: code.into_status(), message: None, explain: None, fields: Vec::new() }
    }

    /// Sets another reason phrase.
    ///
    /// ```
    /// use serve_forever::StatusError;
    ///
    /// assert_eq!(StatusError::new(404).message("No such tea").to_string(), "404 No such tea");
    /// ```
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Sets another explanation: a sentence for the error page.
    ///
    /// ```
    /// use serve_forever::StatusError;
    ///
    /// let error = StatusError::new(409).explain("Somebody else has the pot");
    /// assert_eq!(error.to_string(), "409 Conflict: Somebody else has the pot");
    /// ```
    #[must_use]
    pub fn explain(mut self, explain: impl Into<String>) -> Self {
        self.explain = Some(explain.into());
        self
    }

    /// Adds a header field to the response, such as the `WWW-Authenticate` that 401 needs (RFC 9110
    /// §15.5.2).
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result, StatusError};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     Err(StatusError::new(401).header("WWW-Authenticate", "Basic realm=\"tea\"").into())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nWWW-Authenticate: Basic realm=\"tea\"\r\n"));
    /// ```
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl HeaderText) -> Self {
        let mut text = Vec::new();
        value.append_to(&mut text);
        self.fields.push((name.into(), String::from_utf8_lossy(&text).into_owned()));
        self
    }

    /// Returns the `StatusError` that `error` is, or that it contains if it is an [`io::Error`]. A
    /// reader can return no other type of error.
    pub(crate) fn within(error: &Error) -> Option<&Self> {
        error.downcast_ref().or_else(|| error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref())
    }

    /// Returns the status code.
    ///
    /// ```
    /// use serve_forever::StatusError;
    ///
    /// assert_eq!(StatusError::new(http::StatusCode::GONE).status(), 410);
    /// ```
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(message) = self.message.as_deref().or_else(|| status::reason(self.status)) {
            write!(f, " {message}")?;
        }
        match &self.explain {
            Some(explain) => write!(f, ": {explain}"),
            None => Ok(()),
        }
    }
}

impl error::Error for StatusError {}
