//! The header of the PROXY protocol, versions 1 and 2 (`proxy-protocol.txt` of `HAProxy`): a parser
//! without input or output.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The result of parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// The header is not complete yet.
    Partial,
    Complete {
        /// The client of the connection. `None`: the proxy connects for itself, or knows no
        /// address.
        client: Option<SocketAddr>,
        /// The length of the header. The bytes after it belong to the protocol.
        length: usize,
    },
}

/// The bytes are not a header, or the header is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Parses the first bytes of a connection. A header may have at most `most` bytes.
pub(crate) fn parse(bytes: &[u8], most: usize) -> Result<Parsed, Malformed> {
    // The first byte tells the two versions apart.
    let parsed = match bytes.first() {
        None => return Ok(Parsed::Partial),
        Some(&first) if first == V1_START[0] => parse_v1(bytes, most.min(V1_MOST)),
        Some(_) => parse_v2(bytes, most),
    };
    match parsed? {
        Parsed::Complete { length, .. } if length > most => Err(Malformed),
        Parsed::Partial if bytes.len() >= most => Err(Malformed),
        parsed => Ok(parsed),
    }
}

/// `PROXY TCP4 192.0.2.1 198.51.100.1 4711 443` and CR LF.
fn parse_v1(bytes: &[u8], most: usize) -> Result<Parsed, Malformed> {
    starts_like(bytes, V1_START)?;
    let line = &bytes[..bytes.len().min(most)];
    let Some(end) = line.windows(2).position(|two| two == b"\r\n") else {
        return if bytes.len() < most { Ok(Parsed::Partial) } else { Err(Malformed) };
    };
    let line = line.get(V1_START.len()..end).ok_or(Malformed)?;
    let client = v1_client(std::str::from_utf8(line).map_err(|_| Malformed)?)?;
    Ok(Parsed::Complete { client, length: end + 2 })
}

fn v1_client(line: &str) -> Result<Option<SocketAddr>, Malformed> {
    let mut parts = line.split(' ');
    let kind = parts.next();
    let mut address = |kind| -> Option<IpAddr> {
        let part = parts.next()?;
        match kind {
            "TCP4" => part.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            _ => part.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        }
    };
    match kind {
        // The rest of the line is ignored.
        Some("UNKNOWN") => Ok(None),
        Some(kind @ ("TCP4" | "TCP6")) => {
            let (client, _) = address(kind).zip(address(kind)).ok_or(Malformed)?;
            let (port, _) = v1_port(parts.next()).zip(v1_port(parts.next())).ok_or(Malformed)?;
            if parts.next().is_some() { Err(Malformed) } else { Ok(known(client, port)) }
        }
        _ => Err(Malformed),
    }
}

/// A decimal number without sign or leading zeros.
fn v1_port(text: Option<&str>) -> Option<u16> {
    let text = text.filter(|text| text.bytes().all(|digit| digit.is_ascii_digit()))?;
    (text == "0" || !text.starts_with('0')).then(|| text.parse().ok())?
}

/// Twelve fixed bytes; version and command; family and transport; the length of what follows:
/// addresses, and further data (TLVs), which is ignored.
fn parse_v2(bytes: &[u8], most: usize) -> Result<Parsed, Malformed> {
    starts_like(bytes, V2_START)?;
    let (Some(&command), Some(&family)) = (bytes.get(12), bytes.get(13)) else {
        return if bytes.get(12).is_none_or(|&command| is_command(command)) {
            Ok(Parsed::Partial)
        } else {
            Err(Malformed)
        };
    };
    // Other values are reserved and must be refused. If the proxy connects for itself, the family
    // is ignored.
    if !is_command(command) || command == V2_PROXY && (family >> 4 > 3 || family & 0xf > 2) {
        return Err(Malformed);
    }
    let Some(&[high, low]) = bytes.get(14..V2_FIXED) else { return Ok(Parsed::Partial) };
    let length = V2_FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > most {
        return Err(Malformed);
    }
    // If the family is not TCP over IPv4 or IPv6, only the length is used.
    let addresses = match (command, family) {
        (V2_PROXY, TCP_OVER_IPV4) => 12,
        (V2_PROXY, TCP_OVER_IPV6) => 36,
        (V2_PROXY, STREAM_OVER_UNIX) => 216,
        _ => 0,
    };
    if length < V2_FIXED + addresses {
        return Err(Malformed);
    }
    let Some(rest) = bytes.get(V2_FIXED..length) else { return Ok(Parsed::Partial) };
    let client = match (family, rest) {
        (TCP_OVER_IPV4, [a, b, c, d, _, _, _, _, high, low, ..]) if command == V2_PROXY => {
            known(Ipv4Addr::new(*a, *b, *c, *d).into(), u16::from_be_bytes([*high, *low]))
        }
        (TCP_OVER_IPV6, rest) if command == V2_PROXY => match (rest.first_chunk::<16>(), rest.get(32..34)) {
            (Some(&client), Some(&[high, low])) => {
                known(Ipv6Addr::from(client).into(), u16::from_be_bytes([high, low]))
            }
            _ => None,
        },
        _ => None,
    };
    Ok(Parsed::Complete { client, length })
}

fn is_command(byte: u8) -> bool {
    matches!(byte, V2_LOCAL | V2_PROXY)
}

/// Whether the bytes begin like `expected`, as far as they go.
fn starts_like(bytes: &[u8], start: &[u8]) -> Result<(), Malformed> {
    let common = bytes.len().min(start.len());
    if bytes[..common] == start[..common] { Ok(()) } else { Err(Malformed) }
}

/// An unspecified address names no client.
fn known(ip: IpAddr, port: u16) -> Option<SocketAddr> {
    let ip = ip.to_canonical();
    (!ip.is_unspecified()).then(|| SocketAddr::new(ip, port))
}

const V1_START: &[u8] = b"PROXY ";
/// Bytes of the longest line, including CR LF.
const V1_MOST: usize = 107;
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes before the addresses.
const V2_FIXED: usize = 16;
const V2_LOCAL: u8 = 0x20;
const V2_PROXY: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;
const STREAM_OVER_UNIX: u8 = 0x31;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STARTS: &[&[u8]] =
        &[b"", V1_START, V2_START, b"PROXY TCP4 ", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"];

    /// Bytes that a header may have in these tests.
    const MOST: usize = 1000;

    #[track_caller]
    fn v1(line: &str) -> Result<Option<SocketAddr>, Malformed> {
        let bytes = format!("{line}\r\nGET / HTTP/1.1\r\n");
        match parse(bytes.as_bytes(), MOST)? {
            Parsed::Complete { client, length } => {
                assert_eq!(length, line.len() + 2);
                Ok(client)
            }
            Parsed::Partial => panic!("the line is whole"),
        }
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("not that long").to_be_bytes();
        [V2_START, &[command, family], &length, rest].concat()
    }

    #[track_caller]
    fn v2_client(command: u8, family: u8, rest: &[u8]) -> Result<Option<SocketAddr>, Malformed> {
        let header = v2(command, family, rest);
        match parse(&[&header[..], b"GET"].concat(), MOST)? {
            Parsed::Complete { client, length } => {
                assert_eq!(length, header.len());
                Ok(client)
            }
            Parsed::Partial => panic!("the header is whole"),
        }
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_line_of_version_1_names_the_client() {
        for (line, client) in [
            ("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443", "192.0.2.1:4711"),
            ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535", "255.255.255.255:65535"),
            ("PROXY TCP6 2001:db8::1 ::1 0 1", "[2001:db8::1]:0"),
            ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 1", "192.0.2.1:1"),
            (
                "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            ),
        ] {
            assert_eq!(v1(line), Ok(Some(address(client))), "{line}");
        }
        for line in ["PROXY UNKNOWN", "PROXY UNKNOWN whatever 1 2 3 4 5", "PROXY TCP4 0.0.0.0 0.0.0.0 0 0"] {
            assert_eq!(v1(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn other_lines_are_malformed() {
        for line in [
            "PROXY ",
            "PROXY TCP5 192.0.2.1 192.0.2.2 1 2",
            "PROXY tcp4 192.0.2.1 192.0.2.2 1 2",
            "PROXY TCP4 2001:db8::1 ::1 1 2",
            "PROXY TCP6 192.0.2.1 192.0.2.2 1 2",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 ",
            "PROXY TCP4  192.0.2.1 192.0.2.2 1 2",
            "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2",
            "PROXY TCP4 192.0.2.1 192.0.2.256 1 2",
            "PROXY TCP4 192.0.2.01 192.0.2.2 1 2",
            "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 +2",
            "PROXY TCP4 192.0.2.1 192.0.2.2 01 2",
            "PROXY TCP4 192.0.2.1 192.0.2.2  2",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 \u{b2}",
            "PROXY UNKNOWN\t",
            "PROXYTCP4 192.0.2.1 192.0.2.2 1 2",
            "GET / HTTP/1.1",
            "",
        ] {
            assert_eq!(v1(line), Err(Malformed), "{line}");
        }
    }

    #[test]
    fn a_line_that_does_not_end_is_too_long() {
        let line = format!("PROXY UNKNOWN {}", "x".repeat(200));
        for length in 0..V1_MOST {
            assert_eq!(parse(&line.as_bytes()[..length], MOST), Ok(Parsed::Partial), "{length}");
        }
        for length in V1_MOST..line.len() {
            assert_eq!(parse(&line.as_bytes()[..length], MOST), Err(Malformed), "{length}");
        }
        let longest = format!("PROXY UNKNOWN {}", "x".repeat(V1_MOST - 2 - 14));
        assert_eq!(v1(&longest), Ok(None));
        assert_eq!(v1(&format!("{longest}x")), Err(Malformed));
    }

    #[test]
    fn version_2_names_the_client_in_bytes() {
        let ipv4 = [192, 0, 2, 1, 198, 51, 100, 1, 0x12, 0x67, 1, 187];
        assert_eq!(v2_client(V2_PROXY, TCP_OVER_IPV4, &ipv4), Ok(Some(address("192.0.2.1:4711"))));
        let with_tlv = [&ipv4[..], &[4, 0, 1, 0]].concat();
        assert_eq!(v2_client(V2_PROXY, TCP_OVER_IPV4, &with_tlv), Ok(Some(address("192.0.2.1:4711"))));
        let mut ipv6 = [0; 36];
        ipv6[..16].copy_from_slice(&"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        ipv6[32..].copy_from_slice(&[0x12, 0x67, 1, 187]);
        assert_eq!(v2_client(V2_PROXY, TCP_OVER_IPV6, &ipv6), Ok(Some(address("[2001:db8::1]:4711"))));
        ipv6[..16].copy_from_slice(&Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets());
        assert_eq!(v2_client(V2_PROXY, TCP_OVER_IPV6, &ipv6), Ok(Some(address("192.0.2.1:4711"))));
    }

    #[test]
    fn version_2_can_leave_the_client_unnamed() {
        for (command, family, rest) in [
            (V2_LOCAL, 0, &b""[..]),
            (V2_LOCAL, 0, b"whatever"),
            (V2_LOCAL, TCP_OVER_IPV4, b""),
            (V2_LOCAL, 0x41, b""),
            (V2_LOCAL, TCP_OVER_IPV4, &[192, 0, 2, 1, 198, 51, 100, 1, 0, 1, 0, 1]),
            (V2_PROXY, 0, b""),
            (V2_PROXY, 0, b"whatever"),
            // UDP.
            (V2_PROXY, 0x12, &[192, 0, 2, 1, 198, 51, 100, 1, 0, 1, 0, 1]),
            (V2_PROXY, STREAM_OVER_UNIX, &[b'/'; 216]),
            (V2_PROXY, TCP_OVER_IPV4, &[0; 12]),
            (V2_PROXY, TCP_OVER_IPV6, &[0; 36]),
        ] {
            assert_eq!(v2_client(command, family, rest), Ok(None), "{command:x} {family:x}");
        }
    }

    #[test]
    fn what_version_2_reserves_or_cuts_short_is_malformed() {
        for (command, family, rest) in [
            (0x11, TCP_OVER_IPV4, &[0; 12][..]),
            (0x31, TCP_OVER_IPV4, &[0; 12]),
            (0x22, TCP_OVER_IPV4, &[0; 12]),
            (V2_PROXY, 0x41, &[0; 12]),
            (V2_PROXY, 0x13, &[0; 12]),
            (V2_PROXY, TCP_OVER_IPV4, &[0; 11]),
            (V2_PROXY, TCP_OVER_IPV6, &[0; 35]),
            (V2_PROXY, STREAM_OVER_UNIX, &[0; 215]),
        ] {
            assert_eq!(v2_client(command, family, rest), Err(Malformed), "{command:x} {family:x}");
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_it_comes() {
        let mut header = v2(V2_LOCAL, 0, &[0; MOST - V2_FIXED]);
        assert_eq!(parse(&header, MOST), Ok(Parsed::Complete { client: None, length: MOST }));
        assert_eq!(parse(&header, MOST - 1), Err(Malformed));
        header.truncate(V2_FIXED);
        assert_eq!(parse(&header, MOST), Ok(Parsed::Partial));
        header[15] += 1;
        assert_eq!(parse(&header, MOST), Err(Malformed));
        // Whatever the limit is, the parser never waits for more bytes than that.
        assert_eq!(parse(b"PROXY ", 6), Err(Malformed));
        assert_eq!(parse(b"PROXY ", 0), Err(Malformed));
        assert_eq!(parse(&header[..3], 3), Err(Malformed));
    }

    /// Any header that a proxy may send, and its meaning.
    fn header() -> impl Strategy<Value = (Vec<u8>, Option<SocketAddr>)> {
        let line = any::<([SocketAddr; 2], bool)>().prop_map(|([client, server], is_known)| {
            let (kind, ip) = match client.ip() {
                IpAddr::V4(_) => ("TCP4", "192.0.2.1"),
                IpAddr::V6(_) => ("TCP6", "2001:db8::1"),
            };
            let (port, other) = (client.port(), server.port());
            if is_known {
                let line = format!("PROXY {kind} {} {ip} {port} {other}\r\n", client.ip());
                (line.into_bytes(), known(client.ip(), port))
            } else {
                (format!("PROXY UNKNOWN {server}\r\n").into_bytes(), None)
            }
        });
        let tlvs = proptest::collection::vec(any::<u8>(), 0..100);
        let binary = (any::<SocketAddr>(), tlvs, any::<bool>()).prop_map(|(client, tlvs, is_local)| {
            let command = if is_local { V2_LOCAL } else { V2_PROXY };
            let port = client.port().to_be_bytes();
            let (family, addresses) = match client.ip() {
                IpAddr::V4(ip) => (TCP_OVER_IPV4, [&ip.octets()[..], &[9; 4], &port, &[9; 2]].concat()),
                IpAddr::V6(ip) => (TCP_OVER_IPV6, [&ip.octets()[..], &[9; 16], &port, &[9; 2]].concat()),
            };
            let told = if is_local { None } else { known(client.ip(), client.port()) };
            (v2(command, family, &[addresses, tlvs].concat()), told)
        });
        prop_oneof![line, binary]
    }

    proptest! {
        #[test]
        fn a_header_is_complete_with_its_last_byte_and_says_the_same_with_more_behind_it(
            (header, client) in header(),
            more in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            for length in 0..header.len() {
                prop_assert_eq!(parse(&header[..length], MOST), Ok(Parsed::Partial));
            }
            let complete = Ok(Parsed::Complete { client, length: header.len() });
            prop_assert_eq!(parse(&header, MOST), complete);
            prop_assert_eq!(parse(&[header, more].concat(), MOST), complete);
        }

        #[test]
        fn what_was_decided_stays_so_whatever_comes_behind_it(
            start in proptest::sample::select(STARTS),
            bytes in proptest::collection::vec(any::<u8>(), 0..150),
        ) {
            let bytes = [start, &bytes].concat();
            let whole = parse(&bytes, MOST);
            for length in 0..bytes.len() {
                let part = parse(&bytes[..length], MOST);
                prop_assert!(part == Ok(Parsed::Partial) || part == whole);
            }
        }
    }
}
