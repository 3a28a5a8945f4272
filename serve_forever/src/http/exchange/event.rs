//! Server-sent events.

use std::fmt;
use std::time::Duration;

/// An event of a `text/event-stream`. Write its text to a [`Detached`](crate::Detached) writer with
/// a single call.
///
/// Source: the HTML standard, §9.2 “Server-sent events”.
///
/// ```
/// use serve_forever::Event;
///
/// let event = Event::new("two\nlines").name("note").id("7");
/// assert_eq!(event.to_string(), "event: note\nid: 7\ndata: two\ndata: lines\n\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    name: Option<String>,
    id: Option<String>,
    retry: Option<Duration>,
    data: String,
}

impl Event {
    /// Makes an event with this data. All kinds of line endings (CR LF, LF, CR) arrive as LF.
    ///
    /// ```
    /// use serve_forever::Event;
    ///
    /// assert_eq!(Event::new("tea\r\nmilk").to_string(), "data: tea\ndata: milk\n\n");
    /// ```
    #[must_use]
    pub fn new(data: impl Into<String>) -> Self {
        Self { data: data.into(), ..Self::default() }
    }

    /// Sets the type of the event, to which listeners subscribe; `message` by default. Everything
    /// from the first line ending or NUL on is left out, because it would be read as another field.
    ///
    /// ```
    /// use serve_forever::Event;
    ///
    /// assert_eq!(Event::new("1").name("tick").to_string(), "event: tick\ndata: 1\n\n");
    /// assert_eq!(Event::new("1").name("tick\nretry: 1").to_string(), "event: tick\ndata: 1\n\n");
    /// ```
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the ID that a client sends as `Last-Event-ID` when it reconnects. Everything from the
    /// first line ending or NUL on is left out.
    ///
    /// ```
    /// use serve_forever::Event;
    ///
    /// assert_eq!(Event::new("1").id("17").to_string(), "id: 17\ndata: 1\n\n");
    /// assert_eq!(Event::new("1").id("\n17").to_string(), "data: 1\n\n");
    /// ```
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets how long a client waits before it reconnects, in whole milliseconds.
    ///
    /// ```
    /// use serve_forever::Event;
    ///
    /// let event = Event::new("1").retry(std::time::Duration::from_secs(5));
    /// assert_eq!(event.to_string(), "retry: 5000\ndata: 1\n\n");
    /// ```
    #[must_use]
    pub fn retry(mut self, wait: Duration) -> Self {
        self.retry = Some(wait);
        self
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            writeln!(f, "event: {}", one_line(name))?;
        }
        // An ID that was given as empty is meaningful: it makes the client forget the last one.
        if let Some(id) = &self.id
            && (id.is_empty() || !one_line(id).is_empty())
        {
            writeln!(f, "id: {}", one_line(id))?;
        }
        if let Some(wait) = self.retry {
            writeln!(f, "retry: {}", wait.as_millis())?;
        }
        let mut rest = self.data.as_str();
        loop {
            let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
            writeln!(f, "data: {}", &rest[..end])?;
            let Some(after) = rest.get(end..).filter(|after| !after.is_empty()) else { break };
            rest = after.strip_prefix("\r\n").unwrap_or(&after[1..]);
        }
        f.write_str("\n")
    }
}

fn one_line(text: &str) -> &str {
    text.split(['\r', '\n', '\0']).next().unwrap_or_default()
}
