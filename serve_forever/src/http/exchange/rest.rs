//! The rest of a response, which is written after its handler has returned.

use crate::Result;
use crate::http::bodies::detached::Detached;
use crate::http::bodies::pending::Attachment;

use super::Exchange;

impl Exchange<'_> {
    /// The rest of the body is written by whoever gets the writer that this returns, also long
    /// after the handler has returned. Between two writes no thread waits for the client, so ten
    /// thousand event streams need none.
    ///
    /// To be called once, after `end_headers`, and with nothing written to `wfile` after it.
    /// Without a `Content-Length` the pieces become chunks. The client's [write
    /// timeout](crate::Builder::write_timeout) holds for each piece.
    ///
    /// # Errors
    ///
    /// The head is not complete, or the rest of the body was given already.
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
}
