//! Replies and bodies in JSON (RFC 8259).

use serde::Serialize;

use crate::Result;

use super::exchange::Exchange;
use super::response_head::IntoStatus;

impl Exchange<'_> {
    /// Replies with `value` as JSON. With the feature `json`.
    ///
    /// # Errors
    ///
    /// As [`reply_text`](Self::reply_text), or the value cannot be written as JSON.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result { http.reply_json(200, &[1, 2, 3]) });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n[1,2,3]"));
    /// ```
    pub fn reply_json(&mut self, code: impl IntoStatus, value: &(impl Serialize + ?Sized)) -> Result {
        self.reply_octets(code, "application/json", serde_json::to_vec(value)?)
    }
}
