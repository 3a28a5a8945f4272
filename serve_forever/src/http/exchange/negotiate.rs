//! Content negotiation.

use crate::http::exchange::Exchange;
use crate::http::message::preferences;

impl Exchange<'_> {
    /// Returns the media type among `offers` that the client prefers according to its `Accept`
    /// fields. `offers` lists the best type first. Without an `Accept` field, this is the first
    /// offer. Returns `None` if the client accepts none of the offers, in which case 406 is a
    /// suitable answer.
    ///
    /// A response that depends on this choice should have the field `Vary: Accept`, so that caches
    /// know.
    ///
    /// Source: RFC 9110 §12.5.1.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result, StatusError};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.add_header("Vary", "Accept")?;
    ///     match http.preferred(&["text/plain", "application/json"]) {
    ///         Some("application/json") => http.reply_bytes(200, "application/json", r#"{"tea":true}"#),
    ///         Some(_) => http.reply_text(200, "tea"),
    ///         None => Err(StatusError::new(406).into()),
    ///     }
    /// });
    /// let ask = |accept: &str| {
    ///     let request = format!("GET / HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n");
    ///     String::from_utf8_lossy(&testing::respond(handler.clone(), request)).into_owned()
    /// };
    /// assert!(ask("application/json, text/*;q=0.5").ends_with(r#"{"tea":true}"#));
    /// assert!(ask("*/*").ends_with("\r\n\r\ntea"));
    /// assert!(ask("image/png").starts_with("HTTP/1.1 406 "));
    /// ```
    pub fn preferred<'o>(&self, offers: &[&'o str]) -> Option<&'o str> {
        preferences::acceptable(self.headers().get_all("Accept"), offers)
    }
}
