//! The request target in its four forms (RFC 9112 §3.2), and the check of hosts.

use std::net::Ipv6Addr;
use std::ops::Range;

use memchr::{memchr, memchr2};

use crate::http::message::fields;

/// A valid target. Its parts are offsets into the target.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `/path?query`. The path begins at the last of its leading slashes, because a redirect to
    /// `//host/` would lead to another host.
    Origin { path: usize },
    /// `http://authority/path?query`. The part at `path` may lack its slash, or be empty.
    Absolute { authority: Range<usize>, path: usize },
    /// `host:port`, only for `CONNECT`.
    Authority,
    /// `*`, only for `OPTIONS`.
    Asterisk,
}

/// Why this server does not accept a target.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Syntax(&'static str),
    /// The scheme is `https`, which this port does not speak.
    Https,
}

impl Target {
    pub(super) fn parse(method: &[u8], target: &[u8]) -> Result<Self, Fault> {
        match (method, target) {
            (b"CONNECT", _) => match Authority::parse(target) {
                Some(Authority { no_host: false, port: Some(1..) }) => Ok(Self::Authority),
                _ => Err(BAD_AUTHORITY),
            },
            (_, [b'/', ..]) => Ok(Self::Origin { path: extra_slashes(target) }),
            (b"OPTIONS", b"*") => Ok(Self::Asterisk),
            (_, b"*") => Err(Fault::Syntax("Only OPTIONS has the target *")),
            _ => Self::parse_absolute(target),
        }
    }

    /// Parses a target in absolute form. A server that is no proxy accepts only the scheme `http`.
    fn parse_absolute(target: &[u8]) -> Result<Self, Fault> {
        if starts_with_scheme(target, b"https://") {
            return Err(Fault::Https);
        }
        let scheme = b"http://";
        if !starts_with_scheme(target, scheme) {
            return Err(Fault::Syntax("The request target must begin with a slash"));
        }
        let start = scheme.len();
        let behind = target.get(start..).unwrap_or_default();
        let (authority, path) = behind.split_at(memchr2(b'/', b'?', behind).unwrap_or(behind.len()));
        match Authority::parse(authority) {
            Some(Authority { no_host: false, .. }) => {
                let end = start + authority.len();
                Ok(Self::Absolute { authority: start..end, path: end + extra_slashes(path) })
            }
            _ => Err(BAD_AUTHORITY),
        }
    }
}

/// How far a target reaches.
pub(super) struct Extent {
    /// The position of the first question mark, or `end`.
    pub(super) question_mark: usize,
    /// The position of the first byte that a target cannot contain: a control character, a space, a
    /// byte beyond ASCII, or `#`. If there is none, the length of the bytes.
    pub(super) end: usize,
}

impl Extent {
    /// Returns the extent of the target that begins at `from`.
    pub(super) fn of(bytes: &[u8], from: usize) -> Self {
        let question_mark = fields::find(
            bytes,
            from,
            |word| foreign(word) | fields::equal(word, b'?'),
            |byte| is_foreign(byte) || byte == b'?',
        );
        let end = match bytes.get(question_mark) {
            // The query may contain further question marks.
            Some(b'?') => fields::find(bytes, question_mark, foreign, is_foreign),
            _ => question_mark,
        };
        Self { question_mark, end }
    }
}

/// Whether a target cannot contain this byte.
fn is_foreign(byte: u8) -> bool {
    !byte.is_ascii_graphic() || byte == b'#'
}

/// Marks such bytes, for [`fields::find`].
fn foreign(word: u64) -> u64 {
    let ascii = fields::below(word, b'!') | fields::equal(word, 0x7f) | fields::equal(word, b'#');
    ascii | word & fields::TOP_BITS
}

/// Whether the value of a `Host` field is valid. It may be empty (RFC 9112 §3.2).
pub(super) fn is_host(value: &[u8]) -> bool {
    value.is_empty() || Authority::parse(value).is_some_and(|authority| !authority.no_host)
}

/// `uri-host [ ":" port ]` (RFC 9110 §7.2).
struct Authority {
    no_host: bool,
    port: Option<u16>,
}

impl Authority {
    /// Returns `None` if this is not a valid authority. User information is refused (RFC 9110
    /// §4.2.4). So are a zone and a port above 65535. A comma is refused, too: RFC 3986 lets a name
    /// contain it, but here it would make a list of hosts.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (no_host, behind) = if let Some(inner) = bytes.strip_prefix(b"[") {
            let (address, behind) = inner.split_at_checked(memchr(b']', inner)?)?;
            std::str::from_utf8(address).ok()?.parse::<Ipv6Addr>().ok()?;
            (false, behind.get(1..)?)
        } else {
            let (name, behind) = bytes.split_at(memchr(b':', bytes).unwrap_or(bytes.len()));
            if !is_registered_name(name) {
                return None;
            }
            (name.is_empty(), behind)
        };
        let port = match behind {
            [] | [b':'] => None,
            [b':', digits @ ..] => Some(port(digits)?),
            _ => return None,
        };
        Some(Self { no_host, port })
    }
}

const BAD_AUTHORITY: Fault = Fault::Syntax("The request target has no valid host and port");

fn starts_with_scheme(target: &[u8], scheme: &[u8]) -> bool {
    target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// Returns how many leading slashes there are before the last of them.
fn extra_slashes(path: &[u8]) -> usize {
    path.iter().take_while(|&&byte| byte == b'/').count().saturating_sub(1)
}

/// `port = *DIGIT`, here with one to five digits.
fn port(digits: &[u8]) -> Option<u16> {
    if digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    u16::try_from(digits.iter().fold(0_u32, |port, digit| port * 10 + u32::from(digit - b'0'))).ok()
}

/// The bytes that a registered name may contain, except `%`.
const IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let others = b"-._~!$&'()*+;=";
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut index = 0;
    while index < others.len() {
        table[others[index] as usize] = true;
        index += 1;
    }
    table
};

/// `reg-name = *( unreserved / pct-encoded / sub-delims )` without the comma. IPv4 addresses match,
/// too.
fn is_registered_name(name: &[u8]) -> bool {
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        let right = match byte {
            b'%' => bytes.by_ref().take(2).filter(|byte| byte.is_ascii_hexdigit()).count() == 2,
            byte => IN_NAME[usize::from(*byte)],
        };
        if !right {
            return false;
        }
    }
    true
}
