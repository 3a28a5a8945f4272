//! Bodies that are read as a whole.

use crate::Result;

use super::exchange::Exchange;
use super::parameters::WithParameters;
use super::status_error::StatusError;

/// Bodies in one call.
impl Exchange<'_> {
    /// The whole body, as octets. [`rfile`](Self::rfile) reads it bit by bit.
    ///
    /// # Errors
    ///
    /// A [`StatusError`] of 413 if it has more than [`max_collected_size`](crate::Builder::max_collected_size) octets.
    /// Otherwise what reading it comes across.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let mut octets = http.body()?;
    ///     octets.reverse();
    ///     http.reply_octets(200, "application/octet-stream", octets)
    /// });
    /// let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntea";
    /// assert!(testing::respond(handler, request).ends_with(b"\r\n\r\naet"));
    /// ```
    pub fn body(&mut self) -> Result<Vec<u8>> {
        self.collect_body()
    }

    /// The whole body, as text in UTF-8.
    ///
    /// # Errors
    ///
    /// As [`body`](Self::body), and a [`StatusError`]: of 415 if the content type names another charset than UTF-8 or US-ASCII,
    /// of 400 if it is not UTF-8 all the same.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let text = http.body_text()?;
    ///     http.reply_text(200, text.to_uppercase())
    /// });
    /// let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntea";
    /// assert!(testing::respond(handler, request).ends_with(b"\r\n\r\nTEA"));
    /// ```
    pub fn body_text(&mut self) -> Result<String> {
        let is_utf_8 = self.content_type().is_none_or(|parsed| match parsed.get("charset") {
            Ok(Some(charset)) => {
                charset.eq_ignore_ascii_case(b"utf-8") || charset.eq_ignore_ascii_case(b"us-ascii")
            }
            Ok(None) => true,
            Err(_) => false,
        });
        if !is_utf_8 {
            return Err(StatusError::new(415).explain("This resource takes text in UTF-8").into());
        }
        String::from_utf8(self.collect_body()?).map_err(|error| {
            let place = error.utf8_error().valid_up_to();
            StatusError::new(400).explain(format!("The text is not UTF-8 from octet {place} on")).into()
        })
    }

    /// What the content type says, if there is one that can be read.
    pub(super) fn content_type(&self) -> Option<WithParameters<'_>> {
        WithParameters::parse(self.headers().get_all("Content-Type").next()?).ok()
    }
}
