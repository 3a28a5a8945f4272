//! Forms without files: `application/x-www-form-urlencoded`.

use std::iter::Map;
use std::slice;

use crate::Result;

use crate::http::exchange::Exchange;
use crate::http::message::parameters::WithParameters;
use crate::http::message::status_error::StatusError;

/// Forms without files.
impl Exchange<'_> {
    /// Reads the whole body and returns the fields of a form, `application/x-www-form-urlencoded`,
    /// which is what a browser sends for `<form method="post">`. For forms with files, use
    /// [`multipart`](Self::multipart).
    ///
    /// # Errors
    ///
    /// Fails with a [`StatusError`] of 415 if the content type is a different one, and with one of
    /// 413 if the body has more bytes than
    /// [`max_collected_size`](crate::Builder::max_collected_size) or more fields than
    /// [`max_form_fields`](crate::Builder::max_form_fields). Also fails with every error of reading
    /// the [body](crate::RFile).
    ///
    /// ```
    /// use std::io::Write;
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let form = http.form()?;
    ///     let name = form.get("name").unwrap_or("nobody");
    ///     http.send_response(200).end_headers()?;
    ///     write!(http.wfile(), "Hello, {name}")?;
    ///     Ok(())
    /// });
    /// let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\
    ///                Content-Length: 21\r\n\r\nname=Ada+L%C3%B6vlace";
    /// assert!(testing::respond(handler, request).ends_with("\r\n\r\nHello, Ada Lövlace".as_bytes()));
    /// ```
    pub fn form(&mut self) -> Result<Form> {
        let parsed = self.only_content_type().and_then(|value| WithParameters::parse(value).ok());
        let is_form = parsed.is_some_and(|parsed| parsed.is("application/x-www-form-urlencoded"));
        if !is_form {
            let explain = "This resource takes application/x-www-form-urlencoded";
            return Err(StatusError::new(415).explain(explain).into());
        }
        let most = self.context.link.config.max_form_fields;
        let bytes = self.body()?;
        Form::parse(&bytes, most).ok_or_else(|| {
            StatusError::new(413).explain(format!("The form has more than {most} fields")).into()
        })
    }
}

/// The fields of a form, in the order in which they were sent. Returned by [`Exchange::form`].
///
/// No form is malformed: a `%` that begins no escape stands for itself, and bytes that are not
/// UTF-8 become U+FFFD (WHATWG URL §5.1).
///
/// ```
/// # use serve_forever::{handler_fn, testing, Exchange, Result};
/// let handler = handler_fn(|http: &mut Exchange| -> Result {
///     let form = http.form()?;
///     let fields: Vec<(&str, &str)> = form.iter().collect();
///     assert_eq!(fields, [("tea", "green"), ("tea", "black"), ("milk", ""), ("100%", "")]);
///     http.send_response(204).end_headers()
/// });
/// # let body = "tea=green&tea=black&milk&&100%=";
/// # let answer = testing::respond(handler, format!(
/// #     "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
/// #     body.len(),
/// # ));
/// # assert!(answer.starts_with(b"HTTP/1.1 204 "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    /// Returns `None` if there are more than `most` fields.
    fn parse(bytes: &[u8], most: usize) -> Option<Self> {
        let mut parsed = form_urlencoded::parse(bytes).into_owned();
        let fields = parsed.by_ref().take(most).collect();
        parsed.next().is_none().then_some(Self { fields })
    }

    /// Returns the value of the first field with this name.
    ///
    /// ```
    /// # use serve_forever::{Exchange, Result, StatusError};
    /// fn cups(http: &mut Exchange) -> Result<u32> {
    ///     let form = http.form()?;
    ///     let cups = form.get("cups").and_then(|cups| cups.parse().ok());
    ///     Ok(cups.ok_or_else(|| StatusError::new(400).explain("How many cups?"))?)
    /// }
    /// ```
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// Returns the values of all fields with this name, in order.
    ///
    /// ```
    /// # use serve_forever::{Exchange, Result};
    /// fn teas(http: &mut Exchange) -> Result<Vec<String>> {
    ///     Ok(http.form()?.get_all("tea").map(str::to_owned).collect())
    /// }
    /// ```
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter().filter(move |(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Returns the names and values of all fields, in order.
    ///
    /// ```
    /// # use serve_forever::{Exchange, Result};
    /// fn show(http: &mut Exchange) -> Result {
    ///     for (name, value) in http.form()?.iter() {
    ///         println!("{name}: {value}");
    ///     }
    ///     http.send_response(204).end_headers()
    /// }
    /// ```
    pub fn iter(&self) -> Iter<'_> {
        self.fields.iter().map(|(name, value)| (name, value))
    }

    /// Returns the number of fields. Fields with the same name all count.
    ///
    /// ```
    /// # use serve_forever::{Exchange, Result, StatusError};
    /// fn short(http: &mut Exchange) -> Result {
    ///     if http.form()?.len() > 10 {
    ///         return Err(StatusError::new(413).into());
    ///     }
    ///     http.send_response(204).end_headers()
    /// }
    /// ```
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are no fields.
    ///
    /// ```
    /// # use serve_forever::{Exchange, Result, StatusError};
    /// fn some(http: &mut Exchange) -> Result {
    ///     if http.form()?.is_empty() {
    ///         return Err(StatusError::new(400).into());
    ///     }
    ///     http.send_response(204).end_headers()
    /// }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// Names and values.
type Iter<'f> = Map<slice::Iter<'f, (String, String)>, fn(&'f (String, String)) -> (&'f str, &'f str)>;

impl<'f> IntoIterator for &'f Form {
    type Item = (&'f str, &'f str);
    type IntoIter = Iter<'f>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(bytes: &[u8]) -> Vec<(String, String)> {
        Form::parse(bytes, usize::MAX).expect("there is no bound").fields
    }

    #[test]
    fn fields_are_decoded_and_stay_in_order() {
        let form = Form::parse(b"a=1&b=2&a=3&=&c&%61=%2B+%26%3D&d=e=f", 7).expect("seven fields");
        assert_eq!(form.get("a"), Some("1"));
        assert_eq!(form.get_all("a").collect::<Vec<_>>(), ["1", "3", "+ &="]);
        assert_eq!(
            (form.get(""), form.get("c"), form.get("d"), form.get("e")),
            (Some(""), Some(""), Some("e=f"), None)
        );
        assert_eq!((form.len(), form.is_empty()), (7, false));
        assert_eq!((&form).into_iter().collect::<Vec<_>>(), form.iter().collect::<Vec<_>>());
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        assert_eq!(fields(b"%=%4&%zz=%c3%"), [("%".into(), "%4".into()), ("%zz".into(), "\u{fffd}%".into())]);
        assert_eq!(fields(b"&&&"), []);
        assert_eq!(fields(b""), []);
    }

    #[test]
    fn fields_are_counted() {
        assert!(Form::parse(b"a&b&", 2).is_some());
        assert!(Form::parse(b"a&b&c", 2).is_none());
        assert!(Form::parse(b"", 0).is_some_and(|form| form.is_empty()));
    }

    proptest! {
        #[test]
        fn what_was_sent_comes(sent in prop::collection::vec((any::<String>(), any::<String>()), 0..6)) {
            let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(&sent).finish();
            prop_assert_eq!(fields(encoded.as_bytes()), sent);
        }
    }
}
