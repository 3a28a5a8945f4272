//! The trait of the handlers that answer requests.

mod boxed;
pub(crate) mod closure;
pub(crate) mod routes;
pub(crate) mod slot;
pub(crate) mod verbs;

use std::borrow::Cow;

use crate::Result;
use crate::sealed::Sealed;
use crate::server::factory::{ByClone, HandlerFactory};

use crate::http::exchange::Exchange;
use crate::http::handler::routes::Routes;
use crate::http::handler::verbs::{answer_options, not_implemented};
use crate::http::log::record::LogRecord;
use crate::http::message::error_page;
use crate::http::message::route::Route;

/// Answers requests with one function for each request method, as Python's `BaseHTTPRequestHandler`
/// does.
///
/// Every function has a default; a handler overrides those for the methods that it supports. Other
/// methods get `501 Unsupported method`, as in Python, or `405` with `Allow` if
/// [`allowed_methods`](Self::allowed_methods) lists the allowed ones. For every request, a handler
/// is made, called, and dropped on one thread. State that must outlive the request belongs in the
/// [server](Exchange::server), or behind an `Arc` that the constructor of the handler clones.
///
/// Handlers may block: a handler that waits never stops the others.
///
/// If a function returns an error or panics, the client gets `500`, provided that nothing was sent
/// yet. Otherwise the connection is cut, so that the client notices that the response is
/// incomplete.
///
/// ```
/// use std::io::Write;
/// use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result};
///
/// struct Handler;
///
/// impl BaseHttpRequestHandler for Handler {
///     fn do_get(&mut self, http: &mut Exchange) -> Result {
///         http.send_response(200).send_header("Content-Type", "text/plain").end_headers()?;
///         http.wfile().write_all(b"Hello\n")?;
///         Ok(())
///     }
/// }
///
/// let answer = testing::respond(|| Handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(answer.ends_with(b"\r\n\r\nHello\n"));
/// let answer = testing::respond(|| Handler, b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(answer.starts_with(b"HTTP/1.1 501 Unsupported method ('PUT')\r\n"));
/// ```
pub trait BaseHttpRequestHandler {
    /// Answers `GET` (RFC 9110 §9.3.1).
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn do_get(&mut self, http: &mut Exchange) -> Result {
    ///         if http.url_path() != "/tea" {
    ///             return http.send_error(404, None, None);
    ///         }
    ///         http.send_response(200).end_headers()?;
    ///         Ok(http.wfile().write_all(b"Here you are")?)
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| Handler, b"GET /tea HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\n\r\nHere you are"));
    /// ```
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        not_implemented(self.allowed_methods(), http)
    }

    /// Answers `HEAD` (RFC 9110 §9.3.2): as `GET`, without the body. The default calls
    /// [`do_get`](Self::do_get), and the server discards the body.
    ///
    /// ```
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn do_head(&mut self, http: &mut Exchange) -> Result {
    ///         // The length is known; nothing has to be computed for it.
    ///         http.send_response(200).send_header("Content-Length", 1_000_000).end_headers()
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| Handler, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\nContent-Length: 1000000\r\n\r\n"));
    /// ```
    fn do_head(&mut self, http: &mut Exchange) -> Result {
        self.do_get(http)
    }

    /// Answers `POST` (RFC 9110 §9.3.3).
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn do_post(&mut self, http: &mut Exchange) -> Result {
    ///         let mut body = String::new();
    ///         http.rfile().read_to_string(&mut body)?;
    ///         http.send_response(200).end_headers()?;
    ///         Ok(http.wfile().write_all(body.to_uppercase().as_bytes())?)
    ///     }
    /// }
    ///
    /// let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntea";
    /// assert!(testing::respond(|| Handler, request).ends_with(b"\r\n\r\nTEA"));
    /// ```
    fn do_post(&mut self, http: &mut Exchange) -> Result {
        not_implemented(self.allowed_methods(), http)
    }

    /// Answers `PUT` (RFC 9110 §9.3.4).
    ///
    /// ```
    /// # use std::io::Read;
    /// # use std::sync::Mutex;
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn do_put(&mut self, http: &mut Exchange) -> Result {
    ///         let mut content = Vec::new();
    ///         http.rfile().read_to_end(&mut content)?;
    ///         *http.server().state::<Mutex<Vec<u8>>>().lock().unwrap() = content;
    ///         http.send_response(204).end_headers()
    ///     }
    /// }
    ///
    /// let request = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntea";
    /// assert!(testing::respond(|| Handler, request).starts_with(b"HTTP/1.1 204 "));
    /// ```
    fn do_put(&mut self, http: &mut Exchange) -> Result {
        not_implemented(self.allowed_methods(), http)
    }

    /// Answers `DELETE` (RFC 9110 §9.3.5).
    ///
    /// ```
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn do_delete(&mut self, http: &mut Exchange) -> Result {
    ///         match http.url_path() {
    ///             "/tea" => http.send_error(403, Some("Never delete the tea"), None),
    ///             _ => http.send_response(204).end_headers(),
    ///         }
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| Handler, b"DELETE /tea HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 403 Never delete the tea\r\n"));
    /// ```
    fn do_delete(&mut self, http: &mut Exchange) -> Result {
        not_implemented(self.allowed_methods(), http)
    }

    /// Answers `PATCH` (RFC 5789).
    ///
    /// ```
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn do_patch(&mut self, http: &mut Exchange) -> Result {
    ///         if http.headers().get("Content-Type") != Some("application/merge-patch+json") {
    ///             return http.send_error(415, None, None);
    ///         }
    ///         http.send_response(204).end_headers()
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| Handler, b"PATCH / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 415 "));
    /// ```
    fn do_patch(&mut self, http: &mut Exchange) -> Result {
        not_implemented(self.allowed_methods(), http)
    }

    /// Answers `OPTIONS` (RFC 9110 §9.3.7). The default sends `Allow` if
    /// [`allowed_methods`](Self::allowed_methods) returns the methods. `OPTIONS *` gets the same
    /// answer without a call of this function.
    ///
    /// ```
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn do_options(&mut self, http: &mut Exchange) -> Result {
    ///         http.send_response(204)
    ///             .send_header("Access-Control-Allow-Origin", "*")
    ///             .send_header("Access-Control-Allow-Methods", "GET, PUT")
    ///             .end_headers()
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| Handler, b"OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\nAccess-Control-Allow-Methods: GET, PUT\r\n\r\n"));
    /// ```
    fn do_options(&mut self, http: &mut Exchange) -> Result {
        match self.allowed_methods() {
            Some(allowed) => answer_options(Some(&allowed), http),
            None => not_implemented(None, http),
        }
    }

    /// Answers `CONNECT` (RFC 9110 §9.3.6). [`path`](Exchange::path) is the requested authority.
    ///
    /// ```
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn do_connect(&mut self, http: &mut Exchange) -> Result {
    ///         let message = format!("No way to {}", http.path());
    ///         http.send_error(403, Some(&message), None)
    ///     }
    /// }
    ///
    /// let request = b"CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n";
    /// let answer = testing::respond(|| Handler, request);
    /// assert!(answer.starts_with(b"HTTP/1.1 403 No way to b.example:443\r\n"));
    /// ```
    fn do_connect(&mut self, http: &mut Exchange) -> Result {
        not_implemented(self.allowed_methods(), http)
    }

    /// Answers `TRACE` (RFC 9110 §9.3.8).
    ///
    /// ```
    /// # use std::io::Write;
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn do_trace(&mut self, http: &mut Exchange) -> Result {
    ///         let line = http.requestline();
    ///         http.send_response(200).send_header("Content-Type", "message/http").end_headers()?;
    ///         http.wfile().write_all(line)?;
    ///         Ok(http.wfile().write_all(b"\r\n\r\n")?)
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| Handler, b"TRACE /tea HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\n\r\nTRACE /tea HTTP/1.1\r\n\r\n"));
    /// ```
    fn do_trace(&mut self, http: &mut Exchange) -> Result {
        not_implemented(self.allowed_methods(), http)
    }

    /// Answers every other method. [`command`](Exchange::command) returns its name.
    ///
    /// ```
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn do_other(&mut self, http: &mut Exchange) -> Result {
    ///         match http.command() {
    ///             "BREW" => http.send_error(418, None, None),
    ///             _ => http.send_error(501, None, None),
    ///         }
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| Handler, b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 418 "));
    /// ```
    fn do_other(&mut self, http: &mut Exchange) -> Result {
        not_implemented(None, http)
    }

    /// Decides whether a client that waits for `100 Continue` may send its body (RFC 9110 §10.1.1).
    /// If this function returns `true`, the client gets `100 Continue` when the handler first reads
    /// `rfile`. If it returns `false`, it has sent a final response itself, and the function for
    /// the method is not called.
    ///
    /// ```
    /// # use serve_forever::{BaseHttpRequestHandler, Exchange, Result};
    /// struct Small;
    ///
    /// impl BaseHttpRequestHandler for Small {
    ///     fn handle_expect_100(&mut self, http: &mut Exchange) -> bool {
    ///         let length = http.headers().get("Content-Length").and_then(|text| text.parse().ok());
    ///         if length.unwrap_or(0) <= 1_000_000_u64 {
    ///             return true;
    ///         }
    ///         let _ = http.send_error(413, None, None);
    ///         false
    ///     }
    /// }
    /// ```
    fn handle_expect_100(&mut self, http: &mut Exchange) -> bool {
        let _ = http;
        true
    }

    /// The allowed methods, in the form of an `Allow` field. With `None`, methods that are not
    /// implemented get `501`.
    ///
    /// ```
    /// use std::borrow::Cow;
    /// use serve_forever::{testing, BaseHttpRequestHandler};
    ///
    /// struct ReadOnly;
    ///
    /// impl BaseHttpRequestHandler for ReadOnly {
    ///     fn allowed_methods(&self) -> Option<Cow<'static, str>> {
    ///         Some("GET, HEAD, OPTIONS".into())
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| ReadOnly, b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 405 Method Not Allowed\r\n"));
    /// ```
    fn allowed_methods(&self) -> Option<Cow<'static, str>> {
        None
    }

    /// The first half of the `Server` field. If this and [`sys_version`](Self::sys_version) are
    /// empty, there is no such field.
    ///
    /// ```
    /// # use std::borrow::Cow;
    /// # use serve_forever::{testing, BaseHttpRequestHandler};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn server_version(&self) -> Cow<'static, str> {
    ///         "Teapot/1.0".into()
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| Handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nServer: Teapot/1.0\r\n"));
    /// ```
    fn server_version(&self) -> Cow<'static, str> {
        Cow::Borrowed(SERVER_VERSION)
    }

    /// The second half of the `Server` field. Empty by default, because a client need not know
    /// which system the server runs on.
    ///
    /// ```
    /// # use std::borrow::Cow;
    /// # use serve_forever::{testing, BaseHttpRequestHandler};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn sys_version(&self) -> Cow<'static, str> {
    ///         format!("({})", std::env::consts::OS).into()
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| Handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// let system = format!(" ({})\r\n", std::env::consts::OS);
    /// assert!(String::from_utf8_lossy(&answer).contains(&system));
    /// ```
    fn sys_version(&self) -> Cow<'static, str> {
        Cow::Borrowed("")
    }

    /// The version of HTTP: `HTTP/1.1`, or `HTTP/1.0` to close the connection after every response.
    ///
    /// ```
    /// # use std::borrow::Cow;
    /// # use serve_forever::{testing, BaseHttpRequestHandler};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn protocol_version(&self) -> Cow<'static, str> {
    ///         "HTTP/1.0".into()
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| Handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.0 501 "));
    /// ```
    fn protocol_version(&self) -> Cow<'static, str> {
        Cow::Borrowed("HTTP/1.1")
    }

    /// The template for the page of [`send_error`](Exchange::send_error), with the placeholders
    /// `%(code)d`, `%(message)s` and `%(explain)s`.
    ///
    /// ```
    /// # use std::borrow::Cow;
    /// # use serve_forever::{testing, BaseHttpRequestHandler};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn error_message_format(&self) -> Cow<'static, str> {
    ///         "%(code)d: %(message)s".into()
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| Handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\n\r\n501: Unsupported method ("));
    /// ```
    fn error_message_format(&self) -> Cow<'static, str> {
        Cow::Borrowed(error_page::DEFAULT_FORMAT)
    }

    /// The `Content-Type` of the error page.
    ///
    /// ```
    /// # use std::borrow::Cow;
    /// # use serve_forever::{testing, BaseHttpRequestHandler};
    /// struct Handler;
    ///
    /// impl BaseHttpRequestHandler for Handler {
    ///     fn error_content_type(&self) -> Cow<'static, str> {
    ///         "application/problem+json".into() // With an `error_message_format` that fits.
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| Handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nContent-Type: application/problem+json\r\n"));
    /// ```
    fn error_content_type(&self) -> Cow<'static, str> {
        Cow::Borrowed(error_page::DEFAULT_CONTENT_TYPE)
    }

    /// Whether a function of this handler may wait for anything but the client. A handler that
    /// never does takes none of the [threads for handlers](crate::Builder::max_threads), so it is
    /// served even while other handlers hold all of them.
    ///
    /// When many requests arrive at once, the responses of such handlers are sent together, which
    /// costs much less processor time. The first of these responses waits for half a millisecond
    /// plus the time of three more handlers, at most.
    ///
    /// ```
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result};
    /// struct Health;
    ///
    /// impl BaseHttpRequestHandler for Health {
    ///     fn do_get(&mut self, http: &mut Exchange) -> Result {
    ///         http.send_response(204).end_headers()
    ///     }
    ///
    ///     fn may_block(&self) -> bool {
    ///         false
    ///     }
    /// }
    ///
    /// let answer = testing::respond(|| Health, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 204 "));
    /// ```
    fn may_block(&self) -> bool {
        true
    }

    /// Returns what the server knows of each request before its handler runs. The answer of the
    /// first handler applies to all handlers that the server makes.
    #[doc(hidden)]
    fn routes(&self, _: Sealed) -> Routes {
        Routes::One(Route { blocks: self.may_block(), ..Route::ANY })
    }

    /// Logs a request that was answered. Called after the function for the method, on the same
    /// thread.
    ///
    /// ```
    /// # use std::sync::mpsc::{channel, Sender};
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// struct Handler(Sender<String>);
    ///
    /// impl BaseHttpRequestHandler for Handler {
    /// #     fn do_get(&mut self, http: &mut Exchange) -> Result {
    /// #         http.send_response(204).end_headers()
    /// #     }
    ///     fn log_request(&self, record: &LogRecord) {
    ///         let _ = self.0.send(record.text());
    ///     }
    /// }
    ///
    /// let (log, lines) = channel();
    /// testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert_eq!(lines.recv().unwrap(), "\"GET / HTTP/1.1\" 204 0");
    /// ```
    fn log_request(&self, record: &LogRecord) {
        record.write();
    }

    /// Logs an error: the text of [`send_error`](Exchange::send_error) or
    /// [`log_error`](Exchange::log_error).
    ///
    /// ```
    /// # use std::sync::mpsc::{channel, Sender};
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// struct Handler(Sender<String>);
    ///
    /// impl BaseHttpRequestHandler for Handler {
    /// #     fn do_get(&mut self, http: &mut Exchange) -> Result {
    /// #         http.send_error(404, Some("No tea"), None)
    /// #     }
    ///     fn log_error(&self, record: &LogRecord) {
    ///         let _ = self.0.send(record.text());
    ///     }
    /// }
    ///
    /// let (log, lines) = channel();
    /// testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert_eq!(lines.recv().unwrap(), "code 404, message No tea");
    /// ```
    fn log_error(&self, record: &LogRecord) {
        self.log_message(record);
    }

    /// Logs a message that was passed to [`Exchange::log_message`].
    ///
    /// ```
    /// # use std::sync::mpsc::{channel, Sender};
    /// # use serve_forever::{testing, BaseHttpRequestHandler, Exchange, LogRecord, Result};
    /// struct Handler(Sender<String>);
    ///
    /// impl BaseHttpRequestHandler for Handler {
    /// #     fn do_get(&mut self, http: &mut Exchange) -> Result {
    /// #         http.log_message("tea, please");
    /// #         http.send_response(204).end_headers()
    /// #     }
    ///     fn log_message(&self, record: &LogRecord) {
    ///         let _ = self.0.send(format!("{}: {}", record.client_address().ip(), record.text()));
    ///     }
    /// }
    ///
    /// let (log, lines) = channel();
    /// testing::respond(move || Handler(log.clone()), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert_eq!(lines.recv().unwrap(), "127.0.0.1: tea, please");
    /// ```
    fn log_message(&self, record: &LogRecord) {
        record.write();
    }
}

/// The default `Server` field.
pub(crate) const SERVER_VERSION: &str = concat!("serve-forever/", env!("CARGO_PKG_VERSION"));

impl<H> HandlerFactory<(ByClone, Exchange<'static>)> for H
where
    H: BaseHttpRequestHandler + Clone + Send + Sync + 'static,
{
    type Handler = H;

    fn makes_copies(&self, _: Sealed) -> bool {
        true
    }

    fn make(&self) -> H {
        self.clone()
    }
}
