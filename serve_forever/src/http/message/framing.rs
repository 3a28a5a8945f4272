//! How the end of a body is known, and what the client expects before it sends one.

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes; 0 is no body.
    Length(u64),
    Chunked,
}

/// What the client expects before it sends the body (RFC 9110 §10.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing, or nothing that this version and this body let it expect.
    #[default]
    None,
    /// `100-continue`.
    Continue,
    /// Something that nobody knows.
    Unknown,
}
