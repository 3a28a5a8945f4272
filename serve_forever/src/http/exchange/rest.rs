//! The rest of a response, sent after its handler has returned: a part of a file, a source from
//! which pieces are pulled, or the output of a detached writer.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use crate::Result;
use crate::error::misuse;
use crate::http::bodies::detached::Detached;
use crate::http::bodies::pending::{Attachment, Expected, GuardedSource, Source};

use super::Exchange;

impl Exchange<'_> {
    /// Returns a writer for the rest of the body. Any thread can use this writer, even long after
    /// the handler has returned. Between two writes no thread waits for the client, so ten thousand
    /// event streams need no threads.
    ///
    /// Call this once, after `end_headers`, and write nothing to `wfile` after it. Without a
    /// `Content-Length`, the pieces are sent as chunks. While something waits to be sent, the
    /// client must take it within the [write timeout](crate::Builder::write_timeout), and at the
    /// [minimum rate](crate::Builder::minimum_rate) of the builder.
    ///
    /// # Errors
    ///
    /// Fails if the head is not complete, or if the rest of the body was already given.
    ///
    /// ```
    /// use std::io::Write;
    /// use std::sync::Mutex;
    /// use serve_forever::{handler_fn, testing, Detached, Exchange, Result};
    ///
    /// let subscribe = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(200).send_header("Content-Type", "text/event-stream").end_headers()?;
    ///     let mut events = http.detach()?;
    ///     events.write_all(b"data: welcome\n\n")?;
    ///     http.server().state::<Mutex<Vec<Detached>>>().lock().unwrap().push(events);
    ///     Ok(())
    /// });
    /// let answer = testing::respond(subscribe, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\n\r\nf\r\ndata: welcome\n\n\r\n"));
    /// ```
    pub fn detach(&mut self) -> Result<Detached> {
        let context = self.context;
        let config = context.link.config;
        let waker = context.waker.to_owned();
        let (writer, feed) =
            Detached::new(waker, config.buffer_size, context.server.unsent(), config.max_unsent);
        self.attach(Attachment::Detached(feed), None)?;
        Ok(writer)
    }

    /// Sends a part of a file as the rest of the body. The server sends it after the handler has
    /// returned. No thread waits for the client.
    ///
    /// Call this once, after `end_headers`, and write nothing after it. The connection is cut if
    /// the file turns out to be shorter than the range.
    ///
    /// ```no_run
    /// use serve_forever::{handler_fn, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let file = std::fs::File::open("film.webm")?;
    ///     let length = file.metadata()?.len();
    ///     http.send_response(200).send_header("Content-Length", length).end_headers()?;
    ///     http.send_file(file, 0..length)
    /// });
    /// # let _ = handler;
    /// ```
    pub fn send_file(&mut self, file: impl Into<Arc<File>>, range: Range<u64>) -> Result {
        let left = range.end.saturating_sub(range.start);
        let attachment =
            Attachment::File { file: file.into(), offset: range.start, left, tail: b"", expected: None };
        self.attach(attachment, Some(left))
    }

    /// Sends pieces from `source` as the rest of the body. After the handler has returned, each
    /// piece is made when the client has taken the previous one. No thread waits for the client.
    ///
    /// Call this once, after `end_headers`, and write nothing after it. Without a `Content-Length`,
    /// the pieces are sent as chunks.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result, Source};
    ///
    /// struct Countdown(u8);
    ///
    /// impl Source for Countdown {
    ///     fn pull(&mut self, out: &mut Vec<u8>) -> std::io::Result<bool> {
    ///         out.extend_from_slice(format!("{}\n", self.0).as_bytes());
    ///         self.0 -= 1;
    ///         Ok(self.0 > 0)
    ///     }
    /// }
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(200).end_headers()?;
    ///     http.send_source(Countdown(3))
    /// });
    /// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"2\r\n3\n\r\n2\r\n2\n\r\n2\r\n1\n\r\n0\r\n\r\n"));
    /// ```
    pub fn send_source(&mut self, source: impl Source + 'static) -> Result {
        self.attach(Attachment::Source(GuardedSource::new(source)), None)
    }

    /// Like [`send_file`](Self::send_file), for a file in the state that `expected` describes. The
    /// connection is cut if the file changes while it is sent.
    pub(crate) fn send_unchanged_file(
        &mut self,
        file: Arc<File>,
        range: Range<u64>,
        expected: Expected,
    ) -> Result {
        let left = range.end.saturating_sub(range.start);
        let attachment =
            Attachment::File { file, offset: range.start, left, tail: b"", expected: Some(expected) };
        self.attach(attachment, Some(left))
    }

    pub(crate) fn attach(&mut self, attachment: Attachment, bytes: Option<u64>) -> Result {
        let mut output = self.wfile.outlet.open();
        if !self.answered {
            return misuse(
                "the body was given before the head: call send_response() and end_headers() first",
            );
        }
        if output.attachment.is_some() {
            return misuse("the rest of the body was given already");
        }
        output.attach(attachment, bytes);
        Ok(())
    }
}
