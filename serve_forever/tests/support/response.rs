//! A response as it came over the wire.

pub(crate) struct Response {
    bytes: Vec<u8>,
    head_length: usize,
    body: Vec<u8>,
}

impl Response {
    pub(crate) fn from_head(head: Vec<u8>) -> Self {
        Self { head_length: head.len(), bytes: head, body: Vec::new() }
    }

    /// `raw` is what stood on the wire, `body` what it means (they differ where it is chunked).
    pub(crate) fn with_body(mut self, raw: &[u8], body: &[u8]) -> Self {
        self.bytes.extend_from_slice(raw);
        body.clone_into(&mut self.body);
        self
    }

    /// Everything, as in [`masked`].
    pub(crate) fn all(&self) -> String {
        masked(&self.bytes)
    }

    /// Status line, fields and the empty line, as in [`masked`].
    pub(crate) fn head(&self) -> String {
        masked(&self.bytes[..self.head_length])
    }

    /// The bytes of the head as they came.
    pub(crate) fn raw_head(&self) -> &[u8] {
        &self.bytes[..self.head_length]
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn status_line(&self) -> String {
        self.head().split("\r\n").next().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub(crate) fn code(&self) -> u16 {
        let line = self.status_line();
        let code = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        code.unwrap_or_else(|| panic!("no status code in {line:?}"))
    }

    pub(crate) fn fields(&self) -> Vec<(String, String)> {
        let head = self.head();
        let lines = head.split("\r\n").skip(1).take_while(|line| !line.is_empty());
        lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.fields().into_iter().map(|(name, _)| name).collect()
    }

    /// The value of the only field of that name.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let mut values = self.values(name);
        assert!(values.len() < 2, "{name} stands twice in {:?}", self.head());
        values.pop()
    }

    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let named = self.fields().into_iter().filter(|field| field.0.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value).collect()
    }

    /// Whether the status allows a body, to a method other than HEAD.
    pub(crate) fn has_body(&self) -> bool {
        !matches!(self.code(), 100..=199 | 204 | 304)
    }
}

/// The bytes as text, with `*` for the value of each `Date` field (which is checked for its form
/// instead).
#[track_caller]
pub(crate) fn masked(bytes: &[u8]) -> String {
    const MARK: &str = "\r\nDate: ";
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split(MARK);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (date, rest) = part.split_once("\r\n").unwrap_or((part, ""));
        assert!(is_http_date(date), "not a date as HTTP writes it: {date:?}");
        out.push_str(MARK);
        out.push_str("*\r\n");
        out.push_str(rest);
    }
    out
}

/// The page that `send_error` makes, on a connection that ends with it.
#[track_caller]
pub(crate) fn assert_error_page(response: &Response) {
    assert_page(response, &["Connection"]);
    assert_eq!(response.field("Connection").as_deref(), Some("close"));
}

/// A page of ours after which the connection goes on.
#[track_caller]
pub(crate) fn assert_error_page_that_goes_on(response: &Response) {
    assert_page(response, &[]);
}

#[track_caller]
fn assert_page(response: &Response, connection: &[&str]) {
    let code = response.code();
    let mut names = response.names();
    names.retain(|name| !matches!(name.as_str(), "Allow" | "Retry-After"));
    let text = response.text();
    assert!(response.status_line().starts_with("HTTP/1.1 "), "{}", response.head());
    let usual = ["Server", "Date", "Content-Type", "Content-Length", "X-Content-Type-Options"];
    assert_eq!(names, [&usual, connection].concat(), "{}", response.head());
    assert_eq!(response.field("X-Content-Type-Options").as_deref(), Some("nosniff"));
    assert_eq!(response.field("Content-Type").as_deref(), Some("text/html;charset=utf-8"));
    assert!(text.starts_with("<!DOCTYPE HTML>\n"), "{text}");
    assert!(text.contains(&format!("<p>Error code: {code}</p>")), "{text}");
    assert!(text.contains("<p>Message: "), "{text}");
    assert!(text.ends_with("</html>\n"), "{text}");
}

fn is_http_date(text: &str) -> bool {
    const FORM: &str = "Aaa, 00 Aaa 0000 00:00:00 GMT";
    let fits = |(form, byte): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b'A' => byte.is_ascii_uppercase(),
        b'a' => byte.is_ascii_lowercase(),
        other => byte == other,
    };
    text.len() == FORM.len() && FORM.bytes().zip(text.bytes()).all(fits)
}
