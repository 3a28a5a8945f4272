//! How HTTP/1.1 frames a response: the end of its head, and the end of its body (RFC 9112, section
//! 6).
//!
//! [`Output`](super::output::Output) holds content back and decides when it is sent.
//! [`Pending`](super::pending::Pending) sends content that is made later. Both frame their content
//! here.

use std::io::Write;

use crate::http::message::decimal::push_decimal;

/// What the framing of a response depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) status: u16,
    /// Whether the request is a HEAD, so that content is counted but not sent.
    pub(crate) head: bool,
    /// Whether both sides speak HTTP/1.1, so that chunks are understood.
    pub(crate) chunks: bool,
    /// The `Content-Length` that the handler gave.
    pub(crate) length: Option<u64>,
    /// Whether the handler gave a `Connection` field.
    pub(crate) connection_given: bool,
    /// Whether that field contains `close`.
    pub(crate) close_given: bool,
    /// Whether the connection ends after this response.
    pub(crate) close: bool,
    /// Whether the head must say that the connection stays open, because the client speaks
    /// HTTP/1.0.
    pub(crate) announce_keep: bool,
}

/// How a client recognizes the end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// The response has no body, whatever the handler writes.
    None,
    /// By the length in the head.
    Length,
    Chunked,
    /// By the end of the connection.
    Close,
}

/// The framing of content that is made while the response is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SourceFraming {
    #[default]
    Chunked,
    /// The number of bytes that are still to come.
    Length(u64),
    /// By the end of the connection.
    Close,
}

impl Plan {
    /// Whether the response never has content (RFC 9110, section 6.4.1; 205: section 15.3.6).
    pub(super) fn is_bodiless(&self) -> bool {
        self.head || matches!(self.status, 100..=199 | 204 | 205 | 304)
    }

    /// Returns the `Connection` field that the head needs.
    pub(super) fn connection_field(&self) -> &'static [u8] {
        // A `Connection` field of the handler may only name fields that belong to the connection.
        if self.close && !self.close_given && self.status != 101 {
            b"Connection: close\r\n"
        } else if self.announce_keep && !self.close && !self.connection_given {
            b"Connection: keep-alive\r\n"
        } else {
            b""
        }
    }

    /// Chooses the framing and completes the head. `known`: the length of the whole content, if the
    /// handler is done. `has_content`: the handler gave some, or attached it.
    pub(super) fn complete_head(&mut self, out: &mut Vec<u8>, known: Option<u64>, has_content: bool) -> Body {
        let framed = self.length.is_some() || known.is_some();
        let body = match () {
            () if self.is_bodiless() => Body::None,
            () if framed => Body::Length,
            () if self.chunks => Body::Chunked,
            () => Body::Close,
        };
        self.close |= body == Body::Close;
        out.extend_from_slice(self.connection_field());
        match (self.status, self.length, known) {
            // These statuses have neither field (RFC 9110, section 8.6; RFC 9112, section 6.1). A
            // 304 has a length only if the handler gave it.
            (100..=199 | 204 | 304, ..) | (_, Some(_), _) => {}
            (205, ..) => out.extend_from_slice(b"Content-Length: 0\r\n"),
            (_, None, Some(known)) => {
                out.extend_from_slice(b"Content-Length: ");
                push_decimal(out, known);
                out.extend_from_slice(b"\r\n");
            }
            (_, None, None) if self.chunks && (has_content || !self.head) => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            }
            (_, None, None) => {}
        }
        out.extend_from_slice(b"\r\n");
        body
    }
}

impl Body {
    /// Appends content.
    pub(super) fn frame(self, out: &mut Vec<u8>, content: &[u8]) {
        match self {
            Self::Chunked => append_chunk(out, content),
            Self::Length | Self::Close => out.extend_from_slice(content),
            Self::None => {}
        }
    }

    /// Appends the bytes that end the body.
    pub(super) fn end(self, out: &mut Vec<u8>) {
        if self == Self::Chunked {
            out.extend_from_slice(LAST_CHUNK);
        }
    }

    /// Appends the bytes before a file of `length` bytes, which is the rest of the content. Returns
    /// the bytes after the file.
    pub(super) fn begin_file(self, out: &mut Vec<u8>, length: u64) -> &'static [u8] {
        match self {
            Self::Chunked if length > 0 => {
                // The file is one chunk. Writing to a Vec cannot fail.
                let _ = write!(out, "{length:x}\r\n");
                b"\r\n0\r\n\r\n"
            }
            Self::Chunked => LAST_CHUNK,
            Self::None | Self::Length | Self::Close => b"",
        }
    }
}

/// Appends one chunk (RFC 9112, section 7.1). Does nothing if `content` is empty, because a chunk
/// without content ends the body.
pub(super) fn append_chunk(out: &mut Vec<u8>, content: &[u8]) {
    if content.is_empty() {
        return;
    }
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{:x}\r\n", content.len());
    out.extend_from_slice(content);
    out.extend_from_slice(b"\r\n");
}

pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
