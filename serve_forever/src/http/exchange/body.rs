//! Reading a request body as a whole.

use std::io::Read;

use crate::Result;

use crate::http::exchange::Exchange;
use crate::http::message::parameters::WithParameters;
use crate::http::message::status_error::StatusError;

/// Bodies in one call.
impl Exchange<'_> {
    /// Reads the whole body, as bytes. Use [`rfile`](Self::rfile) to read it in pieces.
    ///
    /// # Errors
    ///
    /// Fails with a [`StatusError`] of 413 if the body has more than
    /// [`max_collected_size`](crate::Builder::max_collected_size) bytes. If the request has a
    /// `Content-Length`, this error comes before the body is read, so that a client that waits for
    /// `100 Continue` does not send it. Also fails with every error of reading
    /// [`rfile`](Self::rfile).
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let mut bytes = http.body()?;
    ///     bytes.reverse();
    ///     http.reply_bytes(200, "application/octet-stream", bytes)
    /// });
    /// let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntea";
    /// assert!(testing::respond(handler, request).ends_with(b"\r\n\r\naet"));
    /// ```
    pub fn body(&mut self) -> Result<Vec<u8>> {
        let most = self.context.link.config.max_collected_size;
        let too_large = || StatusError::new(413).explain(format!("This resource takes at most {most} bytes"));
        if self.rfile.remaining_hint().is_some_and(|left| left > most as u64) {
            return Err(too_large().into());
        }
        let mut bytes = Vec::new();
        // One byte more than allowed shows that the body is too large.
        (&mut self.rfile).take((most as u64).saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() > most { Err(too_large().into()) } else { Ok(bytes) }
    }

    /// Reads the whole body, as text in UTF-8.
    ///
    /// # Errors
    ///
    /// Fails as [`body`](Self::body) does. Fails with a [`StatusError`] of 415 if the content type
    /// cannot be parsed or names another charset than UTF-8 or US-ASCII, and with one of 400 if the
    /// body is nevertheless not UTF-8.
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
        let is_utf_8 = match self.headers().get_all("Content-Type").next().map(WithParameters::parse) {
            None => true,
            Some(Err(_)) => false,
            Some(Ok(parsed)) => match parsed.get("charset") {
                // US-ASCII is a subset of UTF-8.
                Ok(Some(charset)) => {
                    ["utf-8", "us-ascii"].iter().any(|name| charset.eq_ignore_ascii_case(name.as_bytes()))
                }
                Ok(None) => true,
                Err(_) => false,
            },
        };
        if !is_utf_8 {
            return Err(StatusError::new(415).explain("This resource takes text in UTF-8").into());
        }
        String::from_utf8(self.body()?).map_err(|error| {
            let place = error.utf8_error().valid_up_to();
            StatusError::new(400).explain(format!("The text is not UTF-8 from byte {place} on")).into()
        })
    }

    /// Returns the content type, if there is exactly one.
    pub(crate) fn only_content_type(&self) -> Option<&[u8]> {
        let mut types = self.headers().get_all("Content-Type");
        types.next().filter(|_| types.next().is_none())
    }
}
