//! The head of a request as handlers read it, in any version of HTTP.

use crate::http::message::fields::{FieldRange, Headers, Span};
use crate::http::message::framing::{Expect, Framing};

/// A head, stored as offsets into the bytes from which it was parsed. The accessors must be given
/// the same bytes.
///
/// A parser uses one such value for all heads, so that a usual request allocates nothing, except
/// for the first one.
#[derive(Debug, Default)]
pub(crate) struct RequestHead {
    pub(crate) line: Span,
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) fields: Vec<FieldRange>,
    pub(crate) minor: u8,
    pub(crate) path: Path,
    /// The path and query if no part of the target is the path. The string is kept for its capacity.
    pub(crate) own_path: String,
    /// The authority in the target, if there is one.
    pub(crate) authority: Option<Span>,
    pub(crate) content: Content,
    pub(crate) asterisk: bool,
}

/// Where the path of a request is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Path {
    #[default]
    Empty,
    /// `path` includes the query, and `url_path` does not.
    Part { path: Span, url_path: Span },
    /// In `own_path`. The client has sent no path, but perhaps a query, so the path is `/`.
    Own,
}

/// What the fields mean to the server itself: the host, the body and the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    /// The value of `Host`.
    pub(crate) host: Option<Span>,
    pub(crate) framing: Framing,
    pub(crate) keep_alive: bool,
    pub(crate) expect: Expect,
    /// Whether `Connection` has the member `upgrade`.
    pub(crate) upgrade: bool,
}

impl Default for Content {
    fn default() -> Self {
        Self {
            host: None,
            framing: Framing::Length(0),
            keep_alive: false,
            expect: Expect::None,
            upgrade: false,
        }
    }
}

impl RequestHead {
    /// Clears the head, and keeps the allocated memory.
    pub(crate) fn clear(&mut self) {
        let Self { line, method, target, fields, minor, path, own_path, authority, content, asterisk } = self;
        (*minor, *asterisk) = (0, false);
        (*line, *method, *target) = (Span::default(), Span::default(), Span::default());
        (*path, *authority, *content) = (Path::Empty, None, Content::default());
        fields.clear();
        own_path.clear();
    }

    /// Returns the request line as the client sent it, without its CRLF. If the head is not
    /// complete or was refused, returns the part that was parsed or seen.
    pub(crate) fn request_line<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.line.bytes(bytes)
    }

    /// Returns the method. It is known after a refusal, too, unless the reason for that was the
    /// method or something before it. Then the method is empty.
    pub(crate) fn method<'a>(&self, bytes: &'a [u8]) -> &'a str {
        self.method.text(bytes)
    }

    /// Returns the method as bytes.
    pub(crate) fn method_bytes<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.method.bytes(bytes)
    }

    /// Whether the method is HEAD, whose responses have no content.
    pub(crate) fn is_head(&self, bytes: &[u8]) -> bool {
        self.method_bytes(bytes) == b"HEAD"
    }

    /// Returns [`url_path`](Self::url_path) as bytes.
    pub(crate) fn url_path_bytes<'a>(&'a self, bytes: &'a [u8]) -> &'a [u8] {
        match self.path {
            Path::Empty => &[],
            Path::Part { url_path, .. } => url_path.bytes(bytes),
            Path::Own => b"/",
        }
    }

    #[cfg(any(test, fuzzing))]
    /// Returns the request target as the client sent it.
    pub(crate) fn target<'a>(&self, bytes: &'a [u8]) -> &'a str {
        self.target.text(bytes)
    }

    /// Returns the target like Python's `self.path`: with the query, not decoded, and with a single
    /// slash in place of several leading ones. For a target in absolute form, this is the part
    /// after the authority. For `CONNECT` it is the authority, and for `OPTIONS *` it is `*`.
    pub(crate) fn path<'a>(&'a self, bytes: &'a [u8]) -> &'a str {
        match self.path {
            Path::Empty => "",
            Path::Part { path, .. } => path.text(bytes),
            Path::Own => &self.own_path,
        }
    }

    /// Returns the path up to the first question mark.
    pub(crate) fn url_path<'a>(&'a self, bytes: &'a [u8]) -> &'a str {
        std::str::from_utf8(self.url_path_bytes(bytes)).unwrap_or_default()
    }

    /// Returns the part of the path after the first question mark, if there is one.
    pub(crate) fn query<'a>(&'a self, bytes: &'a [u8]) -> Option<&'a str> {
        self.path(bytes).get(self.url_path_bytes(bytes).len() + 1..)
    }

    /// Returns the host and the port as the client wrote them. The authority of the target takes
    /// precedence over the `Host` field (RFC 9112 §3.3).
    pub(crate) fn host<'a>(&self, bytes: &'a [u8]) -> Option<&'a str> {
        self.authority.or(self.content.host).map(|host| host.text(bytes))
    }

    /// Returns the minor version, which is 0 or 1. Higher minor versions are treated as 1.1 (RFC
    /// 9110 §6.2).
    pub(crate) fn version_minor(&self) -> u8 {
        self.minor
    }

    pub(crate) fn framing(&self) -> Framing {
        self.content.framing
    }

    /// Whether the client lets the connection stay open.
    pub(crate) fn keep_alive(&self) -> bool {
        self.content.keep_alive
    }

    pub(crate) fn expect(&self) -> Expect {
        self.content.expect
    }

    /// Whether the client offers to change to another protocol, even if its HTTP version does not
    /// allow that.
    pub(crate) fn wants_upgrade(&self) -> bool {
        self.content.upgrade
    }

    /// Whether this is `OPTIONS *`, a request about the server as a whole.
    pub(crate) fn asterisk(&self) -> bool {
        self.asterisk
    }

    pub(crate) fn fields<'a>(&'a self, bytes: &'a [u8]) -> Headers<'a> {
        Headers::new(bytes, &self.fields)
    }
}
