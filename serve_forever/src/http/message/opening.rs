//! The opening of a response head: all of it except the end, which depends on the framing.

use crate::http::message::date;
use crate::http::message::decimal::push_decimal;
use crate::http::message::identity::Identity;
use crate::http::message::status;

/// The status line and the fields of a response head. The output completes the head with the fields
/// of the framing and the empty line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) status: u16,
    /// The reason phrase, if it is not the usual one.
    pub(crate) message: Option<&'a str>,
    /// The `Server` line with its line end. It is empty if the response has no such field.
    pub(crate) server: &'a [u8],
    /// Whether the response gets a `Date` field.
    pub(crate) date: bool,
    pub(crate) fields: &'a [u8],
    /// Fields that every final response to this request has.
    pub(crate) persistent: &'a [u8],
}

impl Opening<'_> {
    pub(crate) fn append_to(&self, out: &mut Vec<u8>, version: &str) {
        self.append_status_line(out, version);
        out.extend_from_slice(self.server);
        if self.date {
            date::append_date_line(out);
        }
        out.extend_from_slice(self.fields);
        out.extend_from_slice(self.persistent);
    }

    fn append_status_line(&self, out: &mut Vec<u8>, version: &str) {
        match self.status {
            200 if self.is_usual(version) => out.extend_from_slice(b"HTTP/1.1 200 OK\r\n"),
            304 if self.is_usual(version) => out.extend_from_slice(b"HTTP/1.1 304 Not Modified\r\n"),
            _ => self.append_other_status_line(out, version),
        }
    }

    fn is_usual(&self, version: &str) -> bool {
        self.message.is_none() && version == "HTTP/1.1"
    }

    #[inline(never)]
    fn append_other_status_line(&self, out: &mut Vec<u8>, version: &str) {
        let reason = self.message.or_else(|| status::reason(self.status)).unwrap_or("");
        out.extend_from_slice(version.as_bytes());
        out.push(b' ');
        push_decimal(out, self.status.into());
        // The space before an empty reason phrase is required (RFC 9112 §4).
        out.push(b' ');
        out.extend_from_slice(reason.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// The `Server` line of the last response. It is kept, because the next response nearly always has
/// the same one.
#[derive(Debug, Default)]
pub(crate) struct ServerLine {
    /// The parts of its value: the version of the server, and the version of the system under it.
    server: String,
    system: String,
    line: Vec<u8>,
}

impl ServerLine {
    /// Returns the line of a handler with its line end. It is empty if the handler names no
    /// version.
    pub(crate) fn of(&mut self, identity: &Identity) -> &[u8] {
        if self.server != identity.server_version || self.system != identity.sys_version {
            self.renew(identity);
        }
        &self.line
    }

    #[inline(never)]
    fn renew(&mut self, identity: &Identity) {
        self.server.clear();
        self.server.push_str(&identity.server_version);
        self.system.clear();
        self.system.push_str(&identity.sys_version);
        self.line.clear();
        if self.server.is_empty() && self.system.is_empty() {
            return;
        }
        self.line.extend_from_slice(b"Server: ");
        let from = self.line.len();
        identity.append_version(&mut self.line);
        // The text comes from the handler. Control characters in it could split the response.
        for byte in self.line[from..].iter_mut().filter(|byte| byte.is_ascii_control()) {
            *byte = b' ';
        }
        self.line.extend_from_slice(b"\r\n");
    }
}
