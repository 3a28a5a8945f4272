//! Replies and bodies in JSON (RFC 8259).

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Result;

use crate::http::exchange::Exchange;
use crate::http::message::parameters::WithParameters;
use crate::http::message::response_head::IntoStatus;
use crate::http::message::status_error::StatusError;

impl Exchange<'_> {
    /// Replies with `value` as JSON. Requires the feature `json`.
    ///
    /// # Errors
    ///
    /// Fails as [`reply_text`](Self::reply_text) does, or if the value cannot be written as JSON.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result { http.reply_json(200, &[1, 2, 3]) });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n[1,2,3]"));
    /// ```
    pub fn reply_json(&mut self, code: impl IntoStatus, value: &(impl Serialize + ?Sized)) -> Result {
        self.reply_bytes(code, "application/json", serde_json::to_vec(value)?)
    }

    /// Reads the whole body and parses it as JSON. Requires the feature `json`.
    ///
    /// # Errors
    ///
    /// Fails as [`body`](Self::body) does. Fails with a [`StatusError`] of 415 if the content type
    /// is neither `application/json` nor a type that ends in `+json`. Fails with one of 400, which
    /// names the position of the error, if the body is not the expected JSON.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let numbers: Vec<u32> = http.body_json()?;
    ///     http.reply_json(200, &numbers.iter().sum::<u32>())
    /// });
    /// let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n[1,2,3]";
    /// assert!(testing::respond(handler, request).ends_with(b"\r\n\r\n6"));
    /// ```
    pub fn body_json<T: DeserializeOwned>(&mut self) -> Result<T> {
        let content_type = self.headers().get_all("Content-Type").next();
        let parsed = content_type.and_then(|value| WithParameters::parse(value).ok());
        if !parsed.is_some_and(|parsed| parsed.is_json()) {
            return Err(StatusError::new(415).explain("This resource takes application/json").into());
        }
        let bytes = self.body()?;
        serde_json::from_slice(&bytes)
            .map_err(|error| StatusError::new(400).explain(format!("The JSON is not right: {error}")).into())
    }
}
