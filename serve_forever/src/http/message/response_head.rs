//! The head of a response, as a handler builds it.

use std::borrow::Cow;
use std::io::Write;

use http::StatusCode;

use crate::http::message::fields;
use crate::http::message::identity::Identity;
use crate::http::message::opening::{Opening, ServerLine};

/// The status and the fields that a handler gives between `send_response` and `end_headers`.
///
/// The first error is kept until `end_headers` returns it, so that the calls in between can be
/// chained.
#[derive(Debug, Default)]
pub(crate) struct ResponseHead {
    status: Option<u16>,
    message: Option<String>,
    /// Whether `Server` and `Date` are added before the fields of the handler. A field that the
    /// handler gave is not added.
    pub(crate) standard: bool,
    pub(crate) server_given: bool,
    pub(crate) date_given: bool,
    fields: Vec<u8>,
    pub(crate) length: Option<u64>,
    pub(crate) connection_given: bool,
    /// Whether `Connection: close` is among the fields.
    pub(crate) close_given: bool,
    /// Whether the client or the server wants the connection to end after this response.
    pub(crate) must_close: bool,
    /// What a `Connection` field of the handler demands: true to close the connection, false to
    /// keep it.
    pub(crate) close: Option<bool>,
    error: Option<String>,
    /// The value of the `Upgrade` field, if there is one.
    pub(crate) upgrade: Option<Vec<u8>>,
    /// Fields of every final response to the request. They stay when the response is begun again.
    persistent: Vec<u8>,
    /// Whether `Server` is among these fields.
    persistent_server: bool,
    server_line: ServerLine,
}

impl ResponseHead {
    /// Clears the head for the next request, and keeps the allocated memory.
    pub(crate) fn clear(&mut self) {
        self.persistent.clear();
        self.persistent_server = false;
        self.reset();
    }

    /// Clears the response, except the fields that every response to this request has.
    pub(crate) fn reset(&mut self) {
        // This runs for every request. The fields are reset one by one, because most of them are
        // empty already and then cost nothing.
        let Self {
            status,
            message,
            standard,
            server_given,
            date_given,
            fields,
            length,
            connection_given,
            close_given,
            must_close,
            close,
            error,
            upgrade,
            persistent: _,
            persistent_server,
            server_line: _,
        } = self;
        (*status, *message, *length) = (None, None, None);
        (*standard, *server_given, *date_given) = (false, *persistent_server, false);
        (*connection_given, *close_given, *must_close, *close) = (false, false, false, None);
        (*error, *upgrade) = (None, None);
        fields.clear();
    }

    /// Begins a response, and discards one that was begun before.
    pub(crate) fn start(&mut self, status: u16, message: Option<&str>, standard: bool) {
        let must_close = self.must_close;
        self.reset();
        (self.status, self.standard, self.must_close) = (Some(status), standard, must_close);
        if !(100..=999).contains(&status) {
            self.fail(|| format!("{status} is not a status code: it must have three digits"));
        }
        if let Some(message) = message {
            // A reason phrase is free text, but it must not end its line (RFC 9112 §4).
            if message.contains(|c: char| c.is_control()) {
                self.fail(|| {
                    format!("the reason phrase {message:?} has a character that is not allowed there")
                });
            } else {
                self.message = Some(message.to_owned());
            }
        }
    }

    /// Appends prepared fields, and notes those of them that mean something to the server itself.
    pub(crate) fn prepared(&mut self, prepared: &PreparedFields) {
        self.fields.extend_from_slice(&prepared.bytes);
        self.server_given |= prepared.server_given;
        self.date_given |= prepared.date_given;
        self.length = prepared.length.or(self.length);
    }

    /// Returns the status, if a response was begun.
    pub(crate) fn status(&self) -> Option<u16> {
        self.status
    }

    /// Adds a field to the response.
    pub(crate) fn field(&mut self, name: &str, value: &impl HeaderText) {
        if self.status.is_none() {
            return self.fail(|| format!("send_header({name:?}) was called before send_response()"));
        }
        let before = self.fields.len();
        let from = match append_field(&mut self.fields, name, value) {
            Ok(from) => from,
            Err(error) => return self.fail(|| error),
        };
        if self.note(name, from) {
            self.fields.extend_from_slice(b"\r\n");
        } else {
            self.fields.truncate(before);
        }
    }

    /// Adds a field to every final response to this request. Fails for the fields that the server
    /// must know or makes itself.
    pub(crate) fn add_persistent(&mut self, name: &str, value: &impl HeaderText) -> Result<(), String> {
        if SERVER_FIELDS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return Err(format!("{name} cannot be added to every response: give it with send_header()"));
        }
        append_field(&mut self.persistent, name, value)?;
        self.persistent.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Adds prepared fields to every final response to this request. They come before the fields
    /// that [`add_persistent`](Self::add_persistent) adds later.
    pub(crate) fn add_prepared(&mut self, prepared: &PreparedFields) {
        self.persistent.extend_from_slice(&prepared.bytes);
        self.persistent_server |= prepared.server_given;
        self.server_given |= prepared.server_given;
    }

    /// Whether every final response to this request has a field of that name.
    pub(crate) fn has_persistent(&self, name: &str) -> bool {
        let has_name = |line: &[u8]| {
            let colon = line.get(name.len()).is_some_and(|&byte| byte == b':');
            colon && line[..name.len()].eq_ignore_ascii_case(name.as_bytes())
        };
        // Values contain no line ends, so each line is one field.
        !self.persistent.is_empty() && self.persistent.split(|&byte| byte == b'\n').any(has_name)
    }

    /// Notes a field that means something to the server itself. Returns false if the field is not
    /// sent.
    fn note(&mut self, name: &str, from: usize) -> bool {
        let value = &self.fields[from..];
        // Few names have these lengths, so one comparison is enough for most fields.
        match name.len() {
            4 if name.eq_ignore_ascii_case("Date") => self.date_given = true,
            6 if name.eq_ignore_ascii_case("Server") => self.server_given = true,
            7 if name.eq_ignore_ascii_case("Upgrade") => self.upgrade = Some(value.to_vec()),
            10 if name.eq_ignore_ascii_case("Connection") => {
                self.connection_given = true;
                if fields::list_contains(value, "close") {
                    (self.close_given, self.close) = (true, Some(true));
                } else if fields::list_contains(value, "keep-alive") {
                    if self.must_close {
                        // The handler cannot keep a connection that must end. The server sends its
                        // own field.
                        self.connection_given = false;
                        return false;
                    }
                    self.close = Some(false);
                }
            }
            14 if name.eq_ignore_ascii_case("Content-Length") => {
                let length = std::str::from_utf8(value)
                    .ok()
                    .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
                    .and_then(|text| text.parse().ok());
                match length {
                    None => {
                        let value = String::from_utf8_lossy(value).into_owned();
                        self.fail(|| format!("{value:?} is not a Content-Length"));
                        return false;
                    }
                    Some(_) if self.length.is_some() => {
                        self.fail(|| String::from("Content-Length was given twice"));
                        return false;
                    }
                    // A status that never has content has no length (RFC 9110 §8.6).
                    _ if matches!(self.status, Some(100..=199 | 204 | 205)) => return false,
                    length => self.length = length,
                }
            }
            17 if name.eq_ignore_ascii_case("Transfer-Encoding") => {
                // The framing is automatic. A handler may ask for chunks, but the server makes
                // them.
                if !value.eq_ignore_ascii_case(b"chunked") {
                    let value = String::from_utf8_lossy(value).into_owned();
                    self.fail(|| format!("the transfer coding {value:?} cannot be applied"));
                }
                return false;
            }
            _ => {}
        }
        true
    }

    /// Ends the head. Returns its status or the first error. After that, another response can be
    /// begun.
    pub(crate) fn end(&mut self) -> Result<u16, String> {
        match (self.error.take(), self.status.take()) {
            (Some(error), _) => Err(error),
            (None, Some(status)) => Ok(status),
            (None, None) => Err(String::from("end_headers() was called before send_response()")),
        }
    }

    /// Returns the opening for the output. `interim`: other responses to the request follow this
    /// one.
    pub(crate) fn opening(&mut self, status: u16, interim: bool, identity: &Identity) -> Opening<'_> {
        let standard = self.standard && !interim;
        Opening {
            status,
            message: self.message.as_deref(),
            server: if standard && !self.server_given { self.server_line.of(identity) } else { &[] },
            date: standard && !self.date_given,
            fields: &self.fields,
            persistent: if interim { &[] } else { &self.persistent },
        }
    }

    /// Returns the opening of a response with prepared fields. It has no other fields, except those
    /// of the server and those that every final response has.
    pub(crate) fn prepared_opening<'a>(
        &'a mut self,
        status: u16,
        fields: &'a PreparedFields,
        identity: &Identity,
    ) -> Opening<'a> {
        Opening {
            status,
            message: None,
            server: if fields.server_given { &[] } else { self.server_line.of(identity) },
            date: !fields.date_given,
            fields: &fields.bytes,
            persistent: &self.persistent,
        }
    }

    fn fail(&mut self, error: impl FnOnce() -> String) {
        if self.error.is_none() {
            self.error = Some(error());
        }
    }
}

/// Appends a field without its line end. Returns where its value begins. Fails, and appends
/// nothing, if a recipient would not read the bytes as this field.
fn append_field(out: &mut Vec<u8>, name: &str, value: &impl HeaderText) -> Result<usize, String> {
    if !fields::is_token(name.as_bytes()) {
        return Err(format!("{name:?} is not a header name"));
    }
    let before = out.len();
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    let from = out.len();
    value.append_to(out);
    if !fields::is_field_value(&out[from..]) {
        let value = String::from_utf8_lossy(&out[from..]).into_owned();
        out.truncate(before);
        return Err(format!("the value {value:?} of {name} has a character that no header can have"));
    }
    Ok(from)
}

/// Fields that the server must know or makes itself.
const SERVER_FIELDS: [&str; 6] =
    ["Connection", "Content-Length", "Date", "Server", "Transfer-Encoding", "Upgrade"];

/// Header fields that many responses have in common. They are checked and put together once.
#[derive(Clone, Debug, Default)]
pub(crate) struct PreparedFields {
    bytes: Vec<u8>,
    length: Option<u64>,
    server_given: bool,
    date_given: bool,
}

impl PreparedFields {
    /// Puts fields together, in order. Fails with the error of the first field that cannot be sent.
    pub(crate) fn new<'a>(fields: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, String> {
        let mut head = ResponseHead::default();
        head.start(200, None, true);
        for (name, value) in fields {
            head.field(name, &value);
        }
        head.end()?;
        Ok(Self {
            length: head.length,
            server_given: head.server_given,
            date_given: head.date_given,
            bytes: head.fields,
        })
    }

    /// Returns the value of `Content-Length`, if that is among the fields.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }
}

/// Prevents other crates from implementing the two traits below, because what they append goes into
/// the head as it is.
mod sealed {
    pub trait Sealed {}
}
use sealed::Sealed;

/// A status code: a number or an [`http::StatusCode`].
///
/// ```
/// use serve_forever::{handler_fn, testing, Exchange, Result};
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result {
///     http.send_response(http::StatusCode::IM_A_TEAPOT).end_headers()?;
///     Ok(())
/// });
/// assert!(testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with(b"HTTP/1.1 418 "));
/// ```
pub trait IntoStatus: Sealed {
    /// Returns the number of the status.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, IntoStatus, Result};
    ///
    /// fn answer(http: &mut Exchange, status: impl IntoStatus) -> Result {
    ///     match status.into_status() {
    ///         error @ 400.. => http.send_error(error, None, None),
    ///         status => http.send_response(status).end_headers(),
    ///     }
    /// }
    ///
    /// const MISSING: http::StatusCode = http::StatusCode::NOT_FOUND;
    /// let handler = handler_fn(|http: &mut Exchange| -> Result { answer(http, MISSING) });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 404 Not Found\r\n"));
    /// ```
    fn into_status(self) -> u16;
}

impl IntoStatus for u16 {
    fn into_status(self) -> u16 {
        self
    }
}

impl Sealed for StatusCode {}

impl IntoStatus for StatusCode {
    fn into_status(self) -> u16 {
        self.as_u16()
    }
}

/// The value of a header field: text, bytes, a number, or an [`http::HeaderValue`].
///
/// ```
/// use serve_forever::{handler_fn, testing, Exchange, Result};
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result {
///     http.send_response(200).send_header("X-Count", 3).send_header("X-Text", "three").end_headers()?;
///     Ok(())
/// });
/// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(String::from_utf8_lossy(&answer).contains("\r\nX-Count: 3\r\nX-Text: three\r\n"));
/// ```
pub trait HeaderText: Sealed {
    /// Appends the value as it is written in the field.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, HeaderText, Result};
    ///
    /// /// A value in quotes.
    /// fn quoted(value: impl HeaderText) -> Vec<u8> {
    ///     let mut text = b"\"".to_vec();
    ///     value.append_to(&mut text);
    ///     text.push(b'"');
    ///     text
    /// }
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(204).send_header("ETag", quoted(17)).end_headers()
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\nETag: \"17\"\r\n\r\n"));
    /// ```
    fn append_to(&self, out: &mut Vec<u8>);
}

macro_rules! header_text {
    (bytes: $($bytes:ty),*; numbers: $($number:ty),*) => {
        $(impl Sealed for $bytes {}
        impl HeaderText for $bytes {
            fn append_to(&self, out: &mut Vec<u8>) {
                let bytes: &[u8] = self.as_ref();
                out.extend_from_slice(bytes);
            }
        })*
        $(impl Sealed for $number {}
        impl HeaderText for $number {
            fn append_to(&self, out: &mut Vec<u8>) {
                // Writing to a Vec cannot fail.
                let _ = write!(out, "{self}");
            }
        })*
    };
}

header_text!(bytes: str, String, [u8], Vec<u8>, http::HeaderValue;
    numbers: u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, bool);

impl Sealed for Cow<'_, str> {}

impl HeaderText for Cow<'_, str> {
    fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl<T: HeaderText + ?Sized> Sealed for &T {}

impl<T: HeaderText + ?Sized> HeaderText for &T {
    fn append_to(&self, out: &mut Vec<u8>) {
        (**self).append_to(out);
    }
}
