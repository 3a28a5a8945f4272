//! The head of a request as handlers read it, whatever version of HTTP it came by.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::http::message::fields::{self, FieldRange, Headers, Span};
use crate::http::message::framing::{Expect, Framing};

/// A head, as offsets into the bytes that it was read from. The same bytes are to be given to the
/// accessors.
///
/// One is made for each connection and used for all its requests, so that after the first a usual
/// request allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct RequestHead {
    pub(crate) line: Span,
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) fields: Vec<FieldRange>,
    pub(crate) minor: u8,
    pub(crate) path: Path,
    /// What `path` is when no part of the target says it. Kept for its capacity.
    pub(crate) own_path: String,
    /// The authority of the target, if that names one.
    pub(crate) authority: Option<Span>,
    pub(crate) content: Content,
    pub(crate) asterisk: bool,
    /// The length of the path without its query, and one more; 0 until somebody asks.
    url_path_end: AtomicU32,
}

/// Where the path of a request is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Path {
    #[default]
    Empty,
    Part(Span),
    Own,
}

/// What the fields say to the server itself: about the body and the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    /// The value of `Host`.
    pub(crate) host: Option<Span>,
    pub(crate) framing: Framing,
    pub(crate) keep_alive: bool,
    pub(crate) expect: Expect,
    /// `Connection` has the member `upgrade`.
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
    /// Forgets everything but keeps the memory.
    pub(crate) fn clear(&mut self) {
        let Self {
            line,
            method,
            target,
            fields,
            minor,
            path,
            own_path,
            authority,
            content,
            asterisk,
            url_path_end,
        } = self;
        (*minor, *asterisk) = (0, false);
        *url_path_end.get_mut() = 0;
        (*line, *method, *target) = (Span::default(), Span::default(), Span::default());
        (*path, *authority, *content) = (Path::Empty, None, Content::default());
        fields.clear();
        own_path.clear();
    }

    /// The request line as it came, without its CRLF; as far as it was seen if the head is not
    /// complete or was refused.
    pub(crate) fn request_line<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.line.bytes(bytes)
    }

    /// Also known after a refusal, if that was not about the method or what is before it; else
    /// empty.
    pub(crate) fn method<'a>(&self, bytes: &'a [u8]) -> &'a str {
        self.method.text(bytes)
    }

    /// The method, as bytes.
    pub(crate) fn method_bytes<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.method.bytes(bytes)
    }

    /// Whether the method is HEAD, whose responses have no content.
    pub(crate) fn is_head(&self, bytes: &[u8]) -> bool {
        self.method_bytes(bytes) == b"HEAD"
    }

    /// What [`url_path`](Self::url_path) is, as bytes.
    pub(crate) fn url_path_bytes<'a>(&'a self, bytes: &'a [u8]) -> &'a [u8] {
        let path = match self.path {
            // Perhaps not yet: nothing is to be remembered of it.
            Path::Empty => return &[],
            Path::Part(part) => part.bytes(bytes),
            Path::Own => self.own_path.as_bytes(),
        };
        // Asked for by the route, by a router and by files, and looked for once.
        let mut end = (self.url_path_end.load(Ordering::Relaxed) as usize).wrapping_sub(1);
        if end == usize::MAX {
            end = question_mark(path);
            self.url_path_end
                .store(u32::try_from(end).map_or(0, |end| end.saturating_add(1)), Ordering::Relaxed);
        }
        path.get(..end).unwrap_or(path)
    }

    #[cfg(any(test, fuzzing))]
    /// The request target as it came.
    pub(crate) fn target<'a>(&self, bytes: &'a [u8]) -> &'a str {
        self.target.text(bytes)
    }

    /// The target as Python's `self.path`: with the query, not decoded, several leading slashes as
    /// one. Of an absolute-form target the part behind the authority, of `CONNECT` the authority,
    /// and `*` of `OPTIONS *`.
    pub(crate) fn path<'a>(&'a self, bytes: &'a [u8]) -> &'a str {
        match self.path {
            Path::Empty => "",
            Path::Part(part) => part.text(bytes),
            Path::Own => &self.own_path,
        }
    }

    /// The path up to the first question mark.
    pub(crate) fn url_path<'a>(&'a self, bytes: &'a [u8]) -> &'a str {
        std::str::from_utf8(self.url_path_bytes(bytes)).unwrap_or_default()
    }

    /// What is behind the first question mark, if there is one.
    pub(crate) fn query<'a>(&'a self, bytes: &'a [u8]) -> Option<&'a str> {
        let path = self.path(bytes);
        path.get(question_mark(path.as_bytes()) + 1..)
    }

    /// Host and port as the client wrote them. The authority of the target comes before the `Host`
    /// field (RFC 9112 §3.3).
    pub(crate) fn host<'a>(&self, bytes: &'a [u8]) -> Option<&'a str> {
        self.authority.or(self.content.host).map(|host| host.text(bytes))
    }

    /// The version is 1.0 or 1.1: higher minor versions are treated as 1.1 (RFC 9110 §6.2).
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

    /// Whether the client would rather go on in another protocol, whatever its version lets it ask
    /// for.
    pub(crate) fn wants_upgrade(&self) -> bool {
        self.content.upgrade
    }

    /// Whether this is `OPTIONS *`, a question to the server as a whole.
    pub(crate) fn asterisk(&self) -> bool {
        self.asterisk
    }

    pub(crate) fn fields<'a>(&'a self, bytes: &'a [u8]) -> Headers<'a> {
        Headers::new(bytes, &self.fields)
    }
}

/// Where the query begins, or the length. Paths are short: `memchr` takes longer to begin than this
/// to end.
fn question_mark(path: &[u8]) -> usize {
    fields::find(path, 0, |word| fields::equal(word, b'?'), |byte| byte == b'?')
}
