//! How the end of a body is recognized, and what the client expects before it sends the body.

/// How the end of a body is recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The body has this many bytes. 0 means that there is no body.
    Length(u64),
    Chunked,
}

/// What the client expects before it sends the body (RFC 9110 §10.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing, or an expectation that does not count in this HTTP version or without a body.
    #[default]
    None,
    /// `100-continue`.
    Continue,
    /// Something unknown.
    Unknown,
}
