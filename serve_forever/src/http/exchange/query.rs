//! The query of a request: the part of the target after the question mark.

use std::borrow::Cow;

use crate::http::exchange::Exchange;

impl<'r> Exchange<'r> {
    /// Returns the names and values of the query in their order, decoded as forms encode them
    /// (`a=1&b=two+words&c=%C3%A9`). Bytes that are not UTF-8 become U+FFFD. Empty if there is no
    /// query.
    ///
    /// Source: the WHATWG URL standard, `application/x-www-form-urlencoded` parsing.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let list: Vec<String> = http.query_pairs().map(|(name, value)| format!("{name}: {value}")).collect();
    ///     http.reply_text(200, list.join(", "))
    /// });
    /// let answer = testing::respond(handler, b"GET /?tea=green+leaf&cups=2 HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\n\r\ntea: green leaf, cups: 2"));
    /// ```
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'r, str>, Cow<'r, str>)> + use<'r> {
        form_urlencoded::parse(self.query().unwrap_or_default().as_bytes())
    }

    /// Returns the first value for `name` in the query.
    ///
    /// ```
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let name = http.query_value("name").unwrap_or("stranger".into());
    ///     http.reply_text(200, format!("Hello, {name}"))
    /// });
    /// let answer = testing::respond(handler, b"GET /?name=Ad%61 HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.ends_with(b"\r\n\r\nHello, Ada"));
    /// ```
    pub fn query_value(&self, name: &str) -> Option<Cow<'r, str>> {
        self.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value)
    }
}
