//! Error responses.

use std::io;

use crate::Result;
use crate::http::bodies::link::Link;
use crate::http::bodies::output::Output;
use crate::http::bodies::pending::Source;
use crate::http::message::error_page::{self, ErrorBody};
use crate::http::message::response_head::IntoStatus;
use crate::http::message::status;
use crate::server::error_report::ErrorReport;

use super::{Exchange, Record};

impl Exchange<'_> {
    /// Answers with an error page.
    ///
    /// The connection can serve further requests, as after any other response: the server reads and
    /// discards what the handler did not read of the body, up to
    /// [`max_drain_size`](crate::Builder::max_drain_size). To close the connection, call
    /// [`set_close_connection`](Self::set_close_connection) first. It is always closed after 408,
    /// which says that the server has stopped waiting for the client (RFC 9110 §15.5.9).
    ///
    /// `message` is the reason phrase and `explain` a sentence for the page; both default to texts
    /// for the status. The response has no page where the status or `HEAD` forbids one. The error
    /// is logged.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_error(404, Some("No such tea"), None) });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 404 No such tea\r\n"));
    /// ```
    pub fn send_error(
        &mut self,
        code: impl IntoStatus,
        message: Option<&str>,
        explain: Option<&str>,
    ) -> Result {
        self.send_error_with(code.into_status(), message, explain, &[])
    }

    /// Like [`send_error`](Self::send_error), with additional fields.
    pub(crate) fn send_error_with(
        &mut self,
        code: u16,
        message: Option<&str>,
        explain: Option<&str>,
        fields: &[(&str, &str)],
    ) -> Result {
        let message = message.or_else(|| status::reason(code)).unwrap_or("???");
        let explain = explain.or_else(|| status::explanation(code)).unwrap_or("???");
        self.records.push(Record::Error(format!("code {code}, message {message}")));
        // The error must be sent even if its message has characters that no reason phrase may have.
        let phrase = message.replace(|c: char| c.is_control(), " ");
        if code == 408 {
            self.close = true;
        }
        self.send_response_with(code, &phrase);
        for (name, value) in fields {
            self.send_header(name, value);
        }
        if matches!(code, 100..=199 | 204 | 205 | 304) {
            return self.end_headers();
        }
        let identity = self.context.identity;
        let (format, content_type) = (&identity.error_message_format, &identity.error_content_type);
        let body = if format == error_page::DEFAULT_FORMAT && content_type == error_page::DEFAULT_CONTENT_TYPE
        {
            error_page::negotiated(self.headers().get_all("Accept"), code, message, explain)
        } else {
            let content = error_page::render(format, code, message, explain);
            ErrorBody { content_type: content_type.clone(), content, varies: false }
        };
        if body.varies {
            self.send_header("Vary", "Accept");
        }
        let page = body.content;
        self.send_header("Content-Type", body.content_type).send_header("Content-Length", page.len());
        // The page may contain what a client sent, so a browser must not guess another content type
        // for it.
        if !self.response.has_persistent("X-Content-Type-Options") {
            self.send_header("X-Content-Type-Options", "nosniff");
        }
        self.end_headers()?;
        self.send_whole(page)
    }

    /// Sends content that is completely in memory, without waiting for the client.
    fn send_whole(&mut self, content: String) -> Result {
        if content.len() > self.context.link.config.buffer_size {
            return self.send_source(Whole(content));
        }
        self.wfile.outlet.open().write_all(content.as_bytes(), &self.context.link)?;
        Ok(())
    }

    /// Reports a panic that does not affect the response.
    #[cold]
    pub(crate) fn report_panic(&self, panic: String) {
        self.context.server.hooks().report(&ErrorReport::of_panic(self.context.client, panic));
    }
}

impl Output {
    /// Writes everything, with as many calls of [`write`](Self::write) as it takes.
    fn write_all(&mut self, mut bytes: &[u8], link: &Link<'_>) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.write(bytes, link)?;
            bytes = &bytes[count..];
        }
        Ok(())
    }
}

/// A source with one piece.
struct Whole(String);

impl Source for Whole {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.append(&mut std::mem::take(&mut self.0).into_bytes());
        Ok(false)
    }
}
