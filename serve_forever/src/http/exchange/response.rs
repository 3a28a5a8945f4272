//! The head of a response, and access to its body.

use crate::Result;
use crate::error::{MisuseError, misuse};
use crate::http::bodies::framer::Plan;
use crate::http::bodies::rfile::RFile;
use crate::http::bodies::wfile::WFile;
use crate::http::message::response_head::{HeaderText, IntoStatus, PreparedFields};

use super::Exchange;

impl<'r> Exchange<'r> {
    /// Starts the response: the status line, then `Server` and `Date`.
    ///
    /// If the status is invalid, [`end_headers`](Self::end_headers) returns the error.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(303).send_header("Location", "/elsewhere").end_headers()
    /// });
    /// # testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// ```
    pub fn send_response(&mut self, code: impl IntoStatus) -> &mut Self {
        self.response.start(code.into_status(), None, true);
        self
    }

    /// Like [`send_response`](Self::send_response), with a custom reason phrase.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response_with(200, "Tea is ready").end_headers()
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 200 Tea is ready\r\n"));
    /// ```
    pub fn send_response_with(&mut self, code: impl IntoStatus, message: &str) -> &mut Self {
        self.response.start(code.into_status(), Some(message), true);
        self
    }

    /// Starts the response with the status line alone, without `Server` and `Date`.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response_only(204).end_headers()
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert_eq!(answer, b"HTTP/1.1 204 No Content\r\n\r\n");
    /// ```
    pub fn send_response_only(&mut self, code: impl IntoStatus) -> &mut Self {
        self.response.start(code.into_status(), None, false);
        self
    }

    /// Adds a header field.
    ///
    /// A name that is not a token, or a value with a line break or another control character, never
    /// gets into the response: [`end_headers`](Self::end_headers) returns the error. The field
    /// `Connection` with `close` or `keep-alive` changes
    /// [`close_connection`](Self::close_connection). With `Content-Length`, the handler must write
    /// a body of exactly that length. `Transfer-Encoding` is set by the server; the only value that
    /// a handler may give is `chunked`.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let name = if http.path() == "/" { "index" } else { "x\r\nSet-Cookie: y" };
    ///     http.send_response(204).send_header("X-Name", name).end_headers()
    /// });
    /// let answer = testing::respond(handler.clone(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\nX-Name: index\r\n\r\n"));
    /// let answer = testing::respond(handler, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 500 "));
    /// ```
    pub fn send_header(&mut self, name: impl AsRef<str>, value: impl HeaderText) -> &mut Self {
        self.response.field(name.as_ref(), &value);
        if let Some(close) = self.response.close.take() {
            self.set_close_connection(close);
        }
        self
    }

    /// Adds a header field to the final response, whichever that is: a response that is started
    /// later, or an error page. The server does not interpret this field, so fields that it must
    /// interpret are an error (see below).
    ///
    /// # Errors
    ///
    /// Fails if the name is not a token, if the value has a character that no header can have, or
    /// if the field is one of `Connection`, `Content-Length`, `Date`, `Server`, `Transfer-Encoding`
    /// and `Upgrade`. Also fails after `end_headers`.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.add_header("X-Request-Id", 17)?;
    ///     http.send_error(404, None, None)
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nX-Request-Id: 17\r\n"));
    /// ```
    pub fn add_header(&mut self, name: impl AsRef<str>, value: impl HeaderText) -> Result {
        if self.answered {
            return misuse(format!("add_header({:?}) was called after end_headers()", name.as_ref()));
        }
        Ok(self.response.add_persistent(name.as_ref(), &value).map_err(MisuseError::new)?)
    }

    /// Ends the head. The head is sent together with the first part of the body.
    ///
    /// A 1xx response is sent at once, and not at all to HTTP/1.0 clients. The final response then
    /// starts with another [`send_response`](Self::send_response).
    ///
    /// # Errors
    ///
    /// Returns the first mistake since `send_response`, or fails if the response already has a
    /// head.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(103).send_header("Link", "</a.css>; rel=preload").end_headers()?;
    ///     http.send_response(200).send_header("Content-Type", "text/plain").end_headers()?;
    ///     http.wfile().write_all(b"Hello")?;
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// let early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n";
    /// assert!(answer.starts_with(early));
    /// ```
    pub fn end_headers(&mut self) -> Result {
        if self.response.status() == Some(101) {
            self.prepare_upgrade()?;
        }
        let status = self.response.end().map_err(MisuseError::new)?;
        self.check_unanswered()?;
        let interim = (100..200).contains(&status) && status != 101;
        if interim && self.request.head.version_minor() == 0 {
            return Ok(());
        }
        let plan = Plan {
            connection_given: self.response.connection_given,
            close_given: self.response.close_given,
            ..self.plan(status, self.response.length)
        };
        let mut output = self.wfile.outlet.open();
        let identity = self.context.identity;
        let opening = self.response.opening(status, interim, identity);
        opening.append_to(&mut output.ready, &identity.protocol_version);
        if interim {
            output.ready.extend_from_slice(b"\r\n");
            output.flush_interim(&self.context.link)?;
            return Ok(());
        }
        self.answered = true;
        output.open(plan);
        Ok(())
    }

    /// The status of the final response, or `None` until `end_headers` has been called for it.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     assert_eq!(http.response_status(), None);
    ///     http.send_response(204).end_headers()?;
    ///     assert_eq!(http.response_status(), Some(204));
    ///     Ok(())
    /// });
    /// # assert!(testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with(b"HTTP/1.1 204 "));
    /// ```
    pub fn response_status(&self) -> Option<u16> {
        self.answered.then(|| self.wfile.outlet.status())
    }

    /// Sends the head and the body written so far without waiting for more. Does nothing before
    /// `end_headers`.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(200).send_header("Content-Type", "text/event-stream").end_headers()?;
    ///     http.flush_headers()?;
    ///     // The client has the head by now, and waits for the first event.
    ///     http.wfile().write_all(b"data: tea\n\n")?;
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\n\r\nb\r\ndata: tea\n\n\r\n0\r\n\r\n"));
    /// ```
    pub fn flush_headers(&mut self) -> Result {
        if self.answered {
            self.wfile.outlet.open().flush(&self.context.link)?;
        }
        Ok(())
    }

    /// The writer for the body of the response.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(200).end_headers()?;
    ///     for number in 1..=3 {
    ///         writeln!(http.wfile(), "line {number}")?;
    ///     }
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"Content-Length: 21\r\n\r\nline 1\nline 2\nline 3\n"));
    /// ```
    pub fn wfile(&mut self) -> &mut WFile<'r> {
        &mut self.wfile
    }

    /// The reader of the request body and the writer of the response body, for use at the same
    /// time.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let echo = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(200).end_headers()?;
    ///     let (rfile, wfile) = http.files();
    ///     std::io::copy(rfile, wfile)?;
    ///     Ok(())
    /// });
    /// let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\necho";
    /// assert!(testing::respond(echo, request).ends_with(b"\r\n\r\necho"));
    /// ```
    pub fn files(&mut self) -> (&mut RFile<'r>, &mut WFile<'r>) {
        (&mut self.rfile, &mut self.wfile)
    }

    /// Starts a response with fields that were prepared earlier.
    pub(crate) fn begin_prepared(&mut self, status: u16, fields: &PreparedFields) -> &mut Self {
        self.response.start(status, None, true);
        self.response.prepared(fields);
        self
    }

    /// Adds prepared fields to the final response, whichever that is.
    pub(crate) fn add_prepared(&mut self, fields: &PreparedFields) {
        self.response.add_prepared(fields);
    }

    /// Writes the complete head of a final response from prepared fields. This is the shortest code
    /// path to a head.
    pub(crate) fn send_prepared(&mut self, status: u16, fields: &PreparedFields) -> Result {
        self.check_unanswered()?;
        let plan = self.plan(status, fields.length());
        let mut output = self.wfile.outlet.open();
        let identity = self.context.identity;
        let opening = self.response.prepared_opening(status, fields, identity);
        opening.append_to(&mut output.ready, &identity.protocol_version);
        self.answered = true;
        output.open(plan);
        Ok(())
    }

    fn check_unanswered(&self) -> Result {
        if self.answered { misuse("the response has its head already") } else { Ok(()) }
    }

    /// Returns what the framing of the response depends on.
    fn plan(&self, status: u16, length: Option<u64>) -> Plan {
        let old_client = self.request.head.version_minor() == 0;
        let old_server = self.context.identity.protocol_version != "HTTP/1.1";
        Plan {
            status,
            head: self.is_head(),
            chunks: !old_client && !old_server,
            length,
            connection_given: false,
            close_given: false,
            close: self.close || old_server || self.context.server.is_stopping(),
            announce_keep: old_client,
        }
    }

    /// Whether the connection ends after this response.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let last = http.close_connection();
    ///     http.send_response(200).end_headers()?;
    ///     http.wfile().write_all(if last { b"Goodbye" } else { b"What else?" })?;
    ///     Ok(())
    /// });
    /// assert!(testing::respond(handler, b"GET / HTTP/1.0\r\n\r\n").ends_with(b"Goodbye"));
    /// ```
    pub fn close_connection(&self) -> bool {
        self.close
    }

    /// Closes the connection after this response, or keeps it, as far as the client and the rest of
    /// the exchange allow that. Call this before `end_headers`.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.set_close_connection(true);
    ///     http.send_response(204).end_headers()
    /// });
    /// let two = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    /// let answer = testing::respond(handler, two);
    /// assert_eq!(String::from_utf8_lossy(&answer).matches("HTTP/1.1 204 ").count(), 1);
    /// ```
    pub fn set_close_connection(&mut self, close: bool) {
        self.close = close || self.response.must_close;
    }

    /// Sets the minimum average rate, in bytes per second, at which the client must send its body
    /// and take its response while this handler waits for either; 0 for none. Default:
    /// [`Builder::minimum_rate`](crate::Builder::minimum_rate).
    ///
    /// The rate applies only while the handler itself waits. A body that was [received before the
    /// handler started](crate::Builder::max_buffered_body) has already met the rate of the builder.
    /// A [detached](Self::detach) response must meet the rate of the builder, too, whatever was set
    /// here.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     // A recording of several megabytes, which its sender makes as it goes.
    ///     http.set_minimum_rate(0);
    ///     let size = std::io::copy(http.rfile(), &mut std::io::sink())?;
    ///     http.send_response(if size > 0 { 204 } else { 400 }).end_headers()
    /// });
    /// let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntea";
    /// assert!(testing::respond(handler, request).starts_with(b"HTTP/1.1 204 "));
    /// ```
    pub fn set_minimum_rate(&mut self, bytes_per_second: u32) {
        self.context.link.set_minimum_rate(bytes_per_second);
    }
}
