//! The head of a response, but for its end, on its way into the output.

use super::decimal::push_decimal;
use super::exchange::Identity;
use super::{records, status};

/// What is said of a response before its content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) status: u16,
    /// The reason phrase, if it is not the usual one.
    pub(crate) message: Option<&'a str>,
    /// The server is to say who it is.
    pub(crate) server: bool,
    /// The server is to say what time it is.
    pub(crate) date: bool,
    pub(crate) fields: &'a [u8],
    /// Fields that every final response to this request has.
    pub(crate) lasting: &'a [u8],
}

impl Opening<'_> {
    pub(crate) fn append_to(&self, out: &mut Vec<u8>, identity: &Identity) {
        self.append_status_line(out, &identity.protocol_version);
        if self.server {
            identity.append_server(out);
        }
        if self.date {
            out.extend_from_slice(b"Date: ");
            records::append_date(out);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(self.fields);
        out.extend_from_slice(self.lasting);
    }

    fn append_status_line(&self, out: &mut Vec<u8>, version: &str) {
        if self.status == 200 && self.message.is_none() && version == "HTTP/1.1" {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        } else {
            self.append_other_status_line(out, version);
        }
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

impl Identity {
    fn append_server(&self, out: &mut Vec<u8>) {
        if self.server_version.is_empty() && self.sys_version.is_empty() {
            return;
        }
        out.extend_from_slice(b"Server: ");
        let from = out.len();
        self.append_version(out);
        // A handler's own text must not split the response. It is looked at where it comes from: to read what was written
        // a moment ago would wait for the memory.
        // No octet ends the look, so that the compiler takes many at once.
        let is_clean =
            |text: &str| !text.bytes().fold(false, |found, octet| found | octet.is_ascii_control());
        if !is_clean(&self.server_version) || !is_clean(&self.sys_version) {
            blank_controls(&mut out[from..]);
        }
        out.extend_from_slice(b"\r\n");
    }

    /// What the handler says of the software, as it says it.
    pub(super) fn append_version(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.server_version.as_bytes());
        if !self.server_version.is_empty() && !self.sys_version.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(self.sys_version.as_bytes());
    }
}

#[cold]
fn blank_controls(octets: &mut [u8]) {
    for octet in octets.iter_mut().filter(|octet| octet.is_ascii_control()) {
        *octet = b' ';
    }
}
