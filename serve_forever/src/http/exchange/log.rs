//! The log calls of handlers, and the texts that appear in logs and fields.

use std::fmt;
use std::time::SystemTime;

use crate::http::message::date;
use crate::http::message::response_head::IntoStatus;
use crate::server::hooks::Shown;

use super::{Exchange, Record};

impl Exchange<'_> {
    /// Logs the request with `code` and `size`, in addition to the record that the server makes of
    /// every request.
    ///
    /// ```
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// # struct Handler(std::sync::mpsc::Sender<String>);
    /// # impl BaseHttpRequestHandler for Handler {
    /// fn do_get(&mut self, http: &mut Exchange) -> Result {
    ///     http.log_request(102, 0); // Logged with this status, and later with that of the response.
    ///     http.send_response(204).end_headers()
    /// }
    /// # fn log_request(&self, record: &LogRecord) {
    /// #     self.0.send(record.text()).unwrap();
    /// # }
    /// # }
    /// # let (log, lines) = std::sync::mpsc::channel();
    /// # testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// # let lines: Vec<String> = lines.iter().collect();
    /// # assert_eq!(lines, ["\"GET / HTTP/1.1\" 102 0", "\"GET / HTTP/1.1\" 204 0"]);
    /// ```
    pub fn log_request(&mut self, code: impl IntoStatus, size: u64) {
        self.records.push(Record::Request { status: code.into_status(), bytes: size });
    }

    /// Logs an error. The handler's `log_error` gets it after the handler has returned.
    ///
    /// ```
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// # struct Handler(std::sync::mpsc::Sender<String>);
    /// # impl BaseHttpRequestHandler for Handler {
    /// fn do_get(&mut self, http: &mut Exchange) -> Result {
    ///     http.log_error("the teapot is empty");
    ///     http.send_response(204).end_headers()
    /// }
    /// # fn log_error(&self, record: &LogRecord) {
    /// #     self.0.send(record.text()).unwrap();
    /// # }
    /// # }
    /// # let (log, lines) = std::sync::mpsc::channel();
    /// # testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// # let lines: Vec<String> = lines.iter().collect();
    /// # assert_eq!(lines, ["the teapot is empty"]);
    /// ```
    pub fn log_error(&mut self, message: impl fmt::Display) {
        self.records.push(Record::Error(Shown::text_of(message)));
    }

    /// Logs a message. The handler's `log_message` gets it after the handler has returned.
    ///
    /// ```
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// # struct Handler(std::sync::mpsc::Sender<String>);
    /// # impl BaseHttpRequestHandler for Handler {
    /// fn do_get(&mut self, http: &mut Exchange) -> Result {
    ///     http.log_message(format_args!("{} asks for tea", http.address_string()));
    ///     http.send_response(204).end_headers()
    /// }
    /// # fn log_message(&self, record: &LogRecord) {
    /// #     self.0.send(record.text()).unwrap();
    /// # }
    /// # }
    /// # let (log, lines) = std::sync::mpsc::channel();
    /// # testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// # let lines: Vec<String> = lines.iter().collect();
    /// # assert_eq!(lines, ["127.0.0.1 asks for tea"]);
    /// ```
    pub fn log_message(&mut self, message: impl fmt::Display) {
        self.records.push(Record::Message(Shown::text_of(message)));
    }

    /// Returns the content of the `Server` field.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let version = http.version_string();
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "Served by {version}")?;
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\n\r\nServed by serve-forever/"));
    /// ```
    pub fn version_string(&self) -> String {
        let mut text = Vec::new();
        self.context.identity.append_version(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Formats a time, by default the current one, as HTTP does: `Sun, 06 Nov 1994 08:49:37 GMT`
    /// (RFC 9110 §5.6.7).
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let changed = UNIX_EPOCH + Duration::from_secs(784_111_777);
    ///     let changed = http.date_time_string(Some(changed));
    ///     http.send_response(204).send_header("Last-Modified", changed).end_headers()
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"));
    /// ```
    pub fn date_time_string(&self, time: Option<SystemTime>) -> String {
        let date = date::http_date(time.unwrap_or_else(SystemTime::now));
        String::from_utf8_lossy(&date).into_owned()
    }

    /// Returns the current local time in the format of the log: `06/Nov/1994 08:49:37`.
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let now = http.log_date_time_string();
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "It is {now}")?;
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nContent-Length: 26\r\n"));
    /// ```
    pub fn log_date_time_string(&self) -> String {
        date::present_log_date()
    }

    /// Returns the IP address of the client as text, or `unix` on a [Unix socket](Self::is_unix).
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let address = http.address_string();
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "You are {address}")?;
    ///     Ok(())
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"You are 127.0.0.1"));
    /// ```
    pub fn address_string(&self) -> String {
        if self.is_unix() { "unix".into() } else { self.client_address().ip().to_string() }
    }
}
