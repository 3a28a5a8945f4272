//! Why a request is refused, and what the error response says about it.

use std::borrow::Cow;
use std::ops::Deref;

/// The reason why a request is refused. It is boxed, so that the results of functions that may
/// refuse a request are small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(Box<Reason>);

/// What the error response says. The connection is closed after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub status: u16,
    /// The reason phrase, in printable ASCII, so that it fits into the status line.
    pub message: Cow<'static, str>,
    /// `None` for the usual explanation of the status.
    pub explain: Option<Cow<'static, str>>,
}

impl Deref for Refusal {
    type Target = Reason;

    fn deref(&self) -> &Reason {
        &self.0
    }
}

impl Refusal {
    #[cold]
    pub(crate) fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Reason { status, message: message.into(), explain: None }))
    }

    #[cold]
    pub(crate) fn explained(mut self, explain: impl Into<Cow<'static, str>>) -> Self {
        self.0.explain = Some(explain.into());
        self
    }

    #[cold]
    pub(crate) fn line_too_long(limit: usize) -> Self {
        Self::new(431, "Line too long")
            .explained(format!("got more than {limit} bytes when reading header line"))
    }

    #[cold]
    pub(crate) fn too_many_headers(limit: usize) -> Self {
        Self::new(431, "Too many headers").explained(format!("got more than {limit} headers"))
    }
}
