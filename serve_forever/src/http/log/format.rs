//! The forms of the lines of the access log.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::Instant;

use crate::server::access_log::{LogFormat, LogStyle};

use crate::http::log::record::{LogRecord, What};
use crate::http::message::date::DateStyle;
use crate::http::message::date::append_log_date;
use crate::http::message::decimal::push_decimal;
use crate::http::message::escape;

impl LogStyle {
    /// Whether this form of the log has lines for such records.
    pub(crate) fn has(self, what: &What<'_>) -> bool {
        match what {
            What::Response { .. } | What::Request { .. } => true,
            What::Error(_) | What::Message(_) => matches!(self.format, LogFormat::Python | LogFormat::Json),
        }
    }

    /// Appends the line of a record. The line of a request lacks the number of bytes and the end;
    /// this returns where the number is inserted.
    pub(crate) fn append(self, out: &mut Vec<u8>, record: &LogRecord<'_>) -> Option<usize> {
        if self.format == LogFormat::Json {
            append_json(out, record);
        } else {
            append_ip(out, record.client_address.ip());
            out.extend_from_slice(b" - - ");
            self.color(out, DIM);
            out.push(b'[');
            let python = self.format == LogFormat::Python;
            append_log_date(out, if python { DateStyle::Python } else { DateStyle::Common });
            out.push(b']');
            self.color(out, RESET);
            out.push(b' ');
        }
        match record.what {
            What::Response { status, .. } | What::Request { status, .. } => {
                if self.format != LogFormat::Json {
                    out.push(b'"');
                    self.append_request_line(out, record.request_line);
                    out.extend_from_slice(b"\" ");
                    self.color(out, color_of(status));
                    push_decimal(out, status.into());
                    self.color(out, RESET);
                    out.push(b' ');
                }
                let place = out.len();
                self.append_behind(out, record);
                Some(place)
            }
            What::Error(text) | What::Message(text) => {
                if self.format == LogFormat::Json {
                    out.extend_from_slice(b"}\n");
                    return None;
                }
                let is_error = matches!(record.what, What::Error(_));
                self.color(out, if is_error { YELLOW } else { b"" });
                let mut escaped = String::new();
                escape::log_text(&mut escaped, text);
                out.extend_from_slice(escaped.as_bytes());
                self.color(out, if is_error { RESET } else { b"" });
                out.push(b'\n');
                None
            }
        }
    }

    fn append_request_line(self, out: &mut Vec<u8>, line: &[u8]) {
        let quoted = self.format != LogFormat::Python;
        let plain = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'\\' && !(quoted && *byte == b'"');
        if self.colors
            && let Some((method, rest)) = split(line)
        {
            let end = rest.iter().rposition(|&byte| byte == b' ').unwrap_or(rest.len());
            let (target, version) = rest.split_at(end);
            append_escaped(out, method, quoted);
            out.push(b' ');
            self.color(out, CYAN);
            append_escaped(out, target, quoted);
            self.color(out, RESET);
            append_escaped(out, version, quoted);
        } else if line.iter().all(plain) {
            out.extend_from_slice(line);
        } else {
            append_escaped(out, line, quoted);
        }
    }

    pub(crate) fn append_bytes(self, out: &mut Vec<u8>, bytes: u64) {
        match self.format {
            LogFormat::Common | LogFormat::Combined if bytes == 0 => out.push(b'-'),
            _ => {
                self.color(out, DIM);
                push_decimal(out, bytes);
                self.color(out, RESET);
            }
        }
    }

    fn append_behind(self, out: &mut Vec<u8>, record: &LogRecord<'_>) {
        if self.format == LogFormat::Combined {
            for name in ["Referer", "User-Agent"] {
                out.extend_from_slice(b" \"");
                append_escaped(out, record.headers.get_bytes(name).unwrap_or(b"-"), true);
                out.push(b'"');
            }
        }
    }

    /// Appends the rest of a line when the end of sending is known.
    pub(crate) fn append_end(self, out: &mut Vec<u8>, complete: bool, since: Instant) {
        match self.format {
            LogFormat::Json => {
                let taken = since.elapsed();
                // Writing to a Vec cannot fail.
                let _ = write!(
                    out,
                    ",\"complete\":{complete},\"duration_ms\":{}.{:03}}}",
                    taken.as_millis(),
                    taken.subsec_micros() % 1000
                );
            }
            LogFormat::Python if !complete => {
                self.color(out, YELLOW);
                out.extend_from_slice(b" incomplete");
                self.color(out, RESET);
            }
            _ => {}
        }
        out.push(b'\n');
    }

    fn color(self, out: &mut Vec<u8>, code: &[u8]) {
        if self.colors {
            out.extend_from_slice(code);
        }
    }
}

fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = line.iter().position(|&byte| byte == b' ')?;
    Some((line.get(..end)?, line.get(end + 1..)?))
}

fn append_ip(line: &mut Vec<u8>, address: IpAddr) {
    match address {
        // A client of a Unix socket.
        IpAddr::V4(address) if address.is_unspecified() => line.extend_from_slice(b"unix"),
        IpAddr::V4(address) => {
            for (index, byte) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    line.push(b'.');
                }
                push_decimal(line, byte.into());
            }
        }
        // Writing to a Vec cannot fail.
        IpAddr::V6(address) => drop(write!(line, "{address}")),
    }
}

/// Appends text with escapes. `quoted`: quotes are escaped, too.
fn append_escaped(out: &mut Vec<u8>, bytes: &[u8], quoted: bool) {
    let mut text = String::with_capacity(bytes.len());
    for (index, part) in bytes.split(|&byte| quoted && byte == b'"').enumerate() {
        if index > 0 {
            text.push_str("\\\"");
        }
        escape::log_bytes(&mut text, part);
    }
    out.extend_from_slice(text.as_bytes());
}

/// Appends the part before the number of bytes, or, if the record is not a request, the part before
/// the last brace.
fn append_json(out: &mut Vec<u8>, record: &LogRecord<'_>) {
    out.extend_from_slice(b"{\"time\":\"");
    append_log_date(out, DateStyle::Json);
    let mut text = String::from("\",\"client\":");
    let mut client = Vec::new();
    append_ip(&mut client, record.client_address.ip());
    json_text(&mut text, &client);
    match record.what {
        What::Error(message) | What::Message(message) => {
            text.push_str(",\"message\":");
            json_text(&mut text, message.as_bytes());
        }
        What::Response { status, .. } | What::Request { status, .. } => {
            // A refused request may lack any of these parts.
            let mut parts = record.request_line.splitn(2, |&byte| byte == b' ');
            let (method, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let end = rest.iter().rposition(|&byte| byte == b' ').unwrap_or(rest.len());
            let (target, version) = rest.split_at(end);
            let headers = record.headers;
            for (name, value) in [
                ("method", Some(method)),
                ("target", Some(target)),
                ("version", Some(version.get(1..).unwrap_or_default())),
                ("host", headers.get_bytes("Host")),
                ("referer", headers.get_bytes("Referer")),
                ("user_agent", headers.get_bytes("User-Agent")),
            ] {
                if let Some(value) = value {
                    // Writing to a String cannot fail.
                    let _ = write!(text, ",\"{name}\":");
                    json_text(&mut text, value);
                }
            }
            let _ = write!(text, ",\"status\":{status},\"bytes\":");
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// Appends a JSON string. Bytes that are not UTF-8 are shown as such.
fn json_text(out: &mut String, bytes: &[u8]) {
    escape::json(out, &String::from_utf8_lossy(bytes));
}

fn color_of(status: u16) -> &'static [u8] {
    match status {
        ..200 => DIM,
        200..300 => GREEN,
        300..400 => CYAN,
        400..500 => YELLOW,
        _ => RED,
    }
}

const RESET: &[u8] = b"\x1b[0m";
const DIM: &[u8] = b"\x1b[2m";
const RED: &[u8] = b"\x1b[31m";
const GREEN: &[u8] = b"\x1b[32m";
const YELLOW: &[u8] = b"\x1b[33m";
const CYAN: &[u8] = b"\x1b[36m";
