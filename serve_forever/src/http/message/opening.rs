//! The head of a response, but for its end, on its way into the output.

use crate::http::message::date;
use crate::http::message::decimal::push_decimal;
use crate::http::message::identity::Identity;
use crate::http::message::status;

/// What is said of a response before its content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) status: u16,
    /// The reason phrase, if it is not the usual one.
    pub(crate) message: Option<&'a str>,
    /// The line that says who the server is, if there is to be one.
    pub(crate) server: &'a [u8],
    /// The server is to say what time it is.
    pub(crate) date: bool,
    pub(crate) fields: &'a [u8],
    /// Fields that every final response to this request has.
    pub(crate) lasting: &'a [u8],
}

impl Opening<'_> {
    pub(crate) fn append_to(&self, out: &mut Vec<u8>, version: &str) {
        self.append_status_line(out, version);
        out.extend_from_slice(self.server);
        if self.date {
            date::append_date_line(out);
        }
        out.extend_from_slice(self.fields);
        out.extend_from_slice(self.lasting);
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
        // The blank before an empty reason stays (RFC 9112 §4).
        out.push(b' ');
        out.extend_from_slice(reason.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// The `Server` field of the last response, which is nearly always that of the next one.
#[derive(Debug, Default)]
pub(crate) struct ServerLine {
    /// What it says: the server's version, and that of what it runs on.
    server: String,
    system: String,
    line: Vec<u8>,
}

impl ServerLine {
    /// The one of a handler, with its end; empty if that has nothing to say.
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
        // A handler's own text must not split the response.
        for byte in self.line[from..].iter_mut().filter(|byte| byte.is_ascii_control()) {
            *byte = b' ';
        }
        self.line.extend_from_slice(b"\r\n");
    }
}
