//! The header of the PROXY protocol: what a simpler reader of a whole one finds, and the same
//! however it is cut.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::server::greeting::proxy_header::{Malformed, Parsed, parse};

/// Bytes that a header may have here: the smaller, the more are too long.
const MOST: usize = 300;

/// The bytes that a connection begins with.
pub fn proxy_header(input: &[u8]) {
    let whole = parse(input, MOST);
    // More bytes may decide what was open, and change nothing that was decided.
    for length in 0..input.len().min(MOST + 1) {
        match parse(&input[..length], MOST) {
            Ok(Parsed::Partial) => {}
            decided => assert_eq!(decided, whole, "after {length} bytes"),
        }
    }
    match whole {
        Ok(Parsed::Complete { client, length }) => {
            assert!(length <= MOST && length <= input.len());
            let header = &input[..length];
            assert_eq!(simple(header), Some(client), "{}", header.escape_ascii());
            // None is complete without its last byte.
            assert_eq!(parse(&header[..length - 1], MOST), Ok(Parsed::Partial));
        }
        Ok(Parsed::Partial) => assert!(input.len() < MOST, "there is no end to it"),
        // Nor is anything else of it one.
        Err(Malformed) => {
            for length in 1..=input.len().min(MOST) {
                assert!(
                    simple(&input[..length]).is_none() || is_long_line(&input[..length]),
                    "{}",
                    input[..length].escape_ascii()
                );
            }
        }
    }
}

/// The protocol's own bound, which the simple reader does not know.
fn is_long_line(header: &[u8]) -> bool {
    header[0] == b'P' && header.len() > 107
}

/// Whom it names, if these bytes are a header and nothing but that.
#[expect(clippy::option_option, reason = "what is no header differs from one that names nobody")]
fn simple(header: &[u8]) -> Option<Option<SocketAddr>> {
    let (ip, port): (IpAddr, u16) = if let Some(rest) = header.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n") {
        let [command @ (0x20 | 0x21), family, high, low, rest @ ..] = rest else { return None };
        let (kind, transport) = (family >> 4, family & 15);
        if *command == 0x21 && (kind > 3 || transport > 2)
            || rest.len() != usize::from(*high) << 8 | usize::from(*low)
        {
            return None;
        }
        match (command, family, rest.len()) {
            (0x21, 0x11, 12..) => {
                let ip: [u8; 4] = rest[..4].try_into().ok()?;
                (Ipv4Addr::from(ip).into(), u16::from_be_bytes([rest[8], rest[9]]))
            }
            (0x21, 0x21, 36..) => {
                let ip: [u8; 16] = rest[..16].try_into().ok()?;
                (Ipv6Addr::from(ip).into(), u16::from_be_bytes([rest[32], rest[33]]))
            }
            (0x21, 0x31, 216..) => return Some(None),
            (0x21, 0x11 | 0x21 | 0x31, _) => return None,
            _ => return Some(None),
        }
    } else {
        let line = std::str::from_utf8(header.strip_suffix(b"\r\n")?).ok()?;
        if line.contains("\r\n") {
            return None;
        }
        let words: Vec<&str> = line.split(' ').collect();
        let number = |word: &str| word.parse::<u16>().ok().filter(|number| number.to_string() == word);
        match words[..] {
            ["PROXY", "UNKNOWN", ..] => return Some(None),
            ["PROXY", kind @ ("TCP4" | "TCP6"), client, server, from, to] => {
                let [client, server] = [client, server].map(|word| word.parse::<IpAddr>().ok());
                let (client, server) = client.zip(server)?;
                if client.is_ipv4() != (kind == "TCP4") || server.is_ipv4() != client.is_ipv4() {
                    return None;
                }
                let (from, _) = number(from).zip(number(to))?;
                (client, from)
            }
            _ => return None,
        }
    };
    let ip = ip.to_canonical();
    Some((!ip.is_unspecified()).then(|| SocketAddr::new(ip, port)))
}
