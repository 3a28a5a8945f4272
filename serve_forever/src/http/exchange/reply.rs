//! Complete replies. Each of these methods makes a few calls that a handler could make itself.

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;

use crate::Result;
use crate::error::misuse;

use crate::http::bodies::pending::Source;
use crate::http::exchange::Exchange;
use crate::http::message::response_head::IntoStatus;

/// Replies in one call.
impl Exchange<'_> {
    /// Replies with plain text in UTF-8.
    ///
    /// # Errors
    ///
    /// Fails if the response already has a head, or if `code` is not a status code.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result { http.reply_text(200, "Hello") });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// let end = b"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nHello";
    /// assert!(answer.ends_with(end));
    /// ```
    pub fn reply_text(&mut self, code: impl IntoStatus, text: impl AsRef<str>) -> Result {
        self.reply_bytes(code, "text/plain; charset=utf-8", text.as_ref())
    }

    /// Replies with an HTML page in UTF-8.
    ///
    /// Text from other sources must be escaped before it is put into the page.
    ///
    /// # Errors
    ///
    /// Fails as [`reply_text`](Self::reply_text) does.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.reply_html(200, "<!DOCTYPE html><title>Tea</title><p>Here you are.")
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nContent-Type: text/html; charset=utf-8\r\n"));
    /// ```
    pub fn reply_html(&mut self, code: impl IntoStatus, page: impl AsRef<str>) -> Result {
        self.reply_bytes(code, "text/html; charset=utf-8", page.as_ref())
    }

    /// Replies with bytes of the given content type.
    ///
    /// # Errors
    ///
    /// Fails as [`reply_text`](Self::reply_text) does, or if the content type has a character that
    /// no header can have.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.reply_bytes(200, "application/wasm", b"\0asm\x01\0\0\0")
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\nContent-Length: 8\r\n\r\n\0asm\x01\0\0\0"));
    /// ```
    pub fn reply_bytes(
        &mut self,
        code: impl IntoStatus,
        content_type: &str,
        bytes: impl AsRef<[u8]>,
    ) -> Result {
        let bytes = bytes.as_ref();
        self.send_response(code)
            .send_header("Content-Type", content_type)
            .send_header("Content-Length", bytes.len())
            .end_headers()?;
        self.write_body(bytes)
    }

    /// Replies with the content of a reader. After the handler has returned, the server reads more
    /// whenever the client has taken everything read so far. No thread waits for the client. An
    /// error of the reader cuts the connection.
    ///
    /// # Errors
    ///
    /// Fails as [`reply_bytes`](Self::reply_bytes) does.
    ///
    /// ```
    /// use std::io::Read;
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let lines = std::io::repeat(b'=').take(3);
    ///     http.reply_read(200, "text/plain", lines)
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\n\r\n3\r\n===\r\n0\r\n\r\n"));
    /// ```
    pub fn reply_read(
        &mut self,
        code: impl IntoStatus,
        content_type: &str,
        reader: impl Read + Send + 'static,
    ) -> Result {
        self.send_response(code).send_header("Content-Type", content_type).end_headers()?;
        self.send_source(Reading(reader))
    }

    /// Replies with a whole file, which the server sends after the handler has returned. This
    /// method supports neither conditions nor ranges;
    /// [`SimpleHttpRequestHandler`](crate::SimpleHttpRequestHandler) does.
    ///
    /// # Errors
    ///
    /// Fails as [`reply_bytes`](Self::reply_bytes) does, or if the length of the file cannot be
    /// determined.
    ///
    /// ```
    /// use std::fs::File;
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.reply_file(200, "text/plain", File::open("Cargo.toml")?)
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\n\r\n[package]\n"));
    /// ```
    pub fn reply_file(&mut self, code: impl IntoStatus, content_type: &str, file: File) -> Result {
        let length = file.metadata()?.len();
        self.reply_file_part(code, content_type, file, 0..length)
    }

    /// Replies with the bytes of a file whose offsets are in `range`. The connection is cut if the
    /// file turns out to be shorter.
    ///
    /// # Errors
    ///
    /// Fails as [`reply_bytes`](Self::reply_bytes) does.
    ///
    /// ```
    /// use std::fs::File;
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.reply_file_part(200, "text/plain", File::open("Cargo.toml")?, 1..8)
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\nContent-Length: 7\r\n\r\npackage"));
    /// ```
    pub fn reply_file_part(
        &mut self,
        code: impl IntoStatus,
        content_type: &str,
        file: File,
        range: Range<u64>,
    ) -> Result {
        self.send_response(code)
            .send_header("Content-Type", content_type)
            .send_header("Content-Length", range.end.saturating_sub(range.start))
            .end_headers()?;
        self.send_file(file, range)
    }

    /// Redirects the client to `location`, with an empty body. 301 and 308 are permanent. 302, 303
    /// and 307 are temporary, and 303 makes the client send a `GET`, whatever the method was (RFC
    /// 9110 §15.4).
    ///
    /// Check a location that a client chose before using it: `//evil.example/` and `/\evil.example`
    /// begin with a slash, but lead to another host.
    ///
    /// # Errors
    ///
    /// Fails if `code` is no redirection, or if `location` is empty or has a character that no URI
    /// has: control characters, spaces, any of ``"<>\^`{|}``, or anything beyond ASCII. Such
    /// characters must be percent-encoded. This method encodes nothing, because that would spoil
    /// what is already encoded.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result { http.redirect(303, "/tea?cups=2") });
    /// let answer = testing::respond(handler, b"POST / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 303 See Other\r\n"));
    /// assert!(answer.ends_with(b"\r\nLocation: /tea?cups=2\r\nContent-Length: 0\r\n\r\n"));
    /// ```
    pub fn redirect(&mut self, code: impl IntoStatus, location: impl AsRef<str>) -> Result {
        let (code, location) = (code.into_status(), location.as_ref());
        if !matches!(code, 301 | 302 | 303 | 307 | 308) {
            return misuse(format!("the status {code} is not one of a redirect"));
        }
        let is_uri = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte);
        if location.is_empty() || !location.bytes().all(is_uri) {
            return misuse(format!(
                "{location:?} is not a URI reference: percent-encode what it may not contain"
            ));
        }
        self.send_to(code, location)
    }

    /// Redirects the client to a location that is known to be valid.
    pub(crate) fn send_to(&mut self, code: u16, location: &str) -> Result {
        self.send_response(code)
            .send_header("Location", location)
            .send_header("Content-Length", 0)
            .end_headers()
    }

    /// Writes a body whose length was announced. Nothing is sent where the response has no body.
    pub(crate) fn write_body(&mut self, bytes: &[u8]) -> Result {
        Ok(self.wfile().write_all(bytes)?)
    }
}

/// A reader as a source.
struct Reading<R>(R);

impl<R: Read + Send> Source for Reading<R> {
    /// Reads once, so that what a slow reader has is sent before it has more.
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.resize(PIECE, 0);
        let length = loop {
            match self.0.read(out) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                length => break length?,
            }
        };
        out.truncate(length);
        Ok(length > 0)
    }
}

/// The maximum number of bytes that are read at once.
const PIECE: usize = 32 * 1024;
