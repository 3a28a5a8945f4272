//! The client of a request that a trusted proxy has passed on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::server::builder::Builder;
use crate::server::config::Config;
use crate::server::proxy_claims::Forwarded;
use crate::server::proxy_networks::ProxyNetworks;
use crate::transport::Transport;

use crate::http::Http;
use crate::http::message::fields::{Headers, trim_blanks};

impl<H> Builder<Http<H>> {
    /// For a request from one of the [trusted proxies](Self::trusted_proxies), takes the address of
    /// the client from this field: the rightmost address that does not belong to a trusted proxy.
    /// Default: none, so the client is always the peer.
    ///
    /// [`client_address`](crate::Exchange::client_address), `address_string` and the log then show
    /// that address, with port 0 if the field names no port. An element that is not an address
    /// (`unknown`, an obfuscated name, garbage) is never an error: it ends the chain, and the last
    /// trusted proxy counts as the client. The server ignores the field in requests from any other
    /// peer, and in requests that it refuses because it did not understand them.
    ///
    /// Limits per address apply to peers, so all requests of a proxy count as requests of one
    /// client. Therefore set [`max_permits_per_address`](Self::max_permits_per_address) to the
    /// number of threads that the proxy may hold; the default is half of them. Only
    /// [`max_streams_per_address`](Self::max_streams_per_address) applies to the client that the
    /// field names.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use std::net::TcpStream;
    /// use serve_forever::{handler_fn, Exchange, proxy::Forwarded, HttpServer, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let client = http.client_address().ip();
    ///     http.send_response(200).end_headers()?;
    ///     Ok(write!(http.wfile(), "You are {client}")?)
    /// });
    /// let server = HttpServer::builder(handler)
    ///     .trusted_proxies("127.0.0.1".parse()?)
    ///     .forwarded(Forwarded::XForwardedFor)
    ///     .bind(("127.0.0.1", 0))?;
    /// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
    /// # client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.9, 203.0.113.7\r\n\r\n")?;
    /// # server.handle_request()?;
    /// # let mut answer = String::new();
    /// # client.read_to_string(&mut answer)?;
    /// # assert!(answer.ends_with("You are 203.0.113.7"), "{answer}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn forwarded(mut self, field: Forwarded) -> Self {
        self.config.forwarded = Some(field);
        self
    }
}

impl Config {
    /// Returns the client of a request. `headers`: the fields of the request, if all of them are
    /// known. If some may be missing, one of these may be the field that the proxy appended.
    pub(crate) fn client_behind(&self, transport: &Transport, headers: Option<Headers<'_>>) -> SocketAddr {
        let peer = transport.client();
        let Some(headers) = headers else { return peer };
        // If the peer speaks for a client that it does not name, anybody may have written the
        // field.
        let field = self.forwarded.filter(|_| !transport.is_nameless());
        field.map_or(peer, |field| field.client(peer, &self.trusted_proxies, headers))
    }
}

impl Forwarded {
    /// Returns the client of a request that came from `peer`: the rightmost address in the field
    /// that does not belong to a trusted proxy.
    ///
    /// Each proxy appends the address from which it got the request. So the list is read from its
    /// end, for as long as the address that appended an element is trusted. Anything to the left of
    /// an untrusted address, or of an element that is not an address, may be invented.
    pub(crate) fn client(
        self,
        peer: SocketAddr,
        proxies: &ProxyNetworks,
        headers: Headers<'_>,
    ) -> SocketAddr {
        let (name, is_quoted) = match self {
            Self::XForwardedFor => ("X-Forwarded-For", false),
            Self::Forwarded => ("Forwarded", true),
        };
        let mut client = peer;
        for mut list in headers.get_all_from_last(name) {
            loop {
                if !proxies.contains(client) {
                    return client;
                }
                let (rest, element) = split_last(list, is_quoted);
                let element = trim_blanks(element);
                let address = if is_quoted { parse_element(element) } else { parse_node(element) };
                let Some(address) = address else { return client };
                client = address;
                match rest {
                    Some(rest) => list = rest,
                    None => break,
                }
            }
        }
        client
    }
}

/// Returns the last element of a list, and the part of the list before its comma.
///
/// It searches from the end, which a trusted proxy wrote: an open quote of the client must not
/// swallow what a proxy appended.
fn split_last(list: &[u8], is_quoted: bool) -> (Option<&[u8]>, &[u8]) {
    let mut inside = false;
    for (at, byte) in list.iter().enumerate().rev() {
        match byte {
            b'"' if is_quoted => {
                let backslashes = list[..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
                inside ^= backslashes % 2 == 0;
            }
            b',' if !inside => return (Some(&list[..at]), &list[at + 1..]),
            _ => {}
        }
    }
    (None, list)
}

/// Returns the address in a `forwarded-element` (RFC 7239 §4), which has exactly one `for` among
/// its pairs.
fn parse_element(mut element: &[u8]) -> Option<SocketAddr> {
    let mut node = None;
    loop {
        let equals = element.iter().position(|&byte| byte == b'=')?;
        let name = trim_blanks(&element[..equals]);
        let (value, rest) = split_value(&element[equals + 1..])?;
        if name.eq_ignore_ascii_case(b"for") && node.replace(value).is_some() {
            return None;
        }
        match trim_blanks(rest) {
            [] => return parse_node(node?),
            [b';', rest @ ..] => element = rest,
            _ => return None,
        }
    }
}

/// Returns a token, or the inside of a quoted string, and what follows it. Backslashes are not
/// removed: nothing in an address needs one, and senders should not use them where they are not
/// needed (RFC 9110 §5.6.4).
fn split_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if let [b'"', bytes @ ..] = bytes {
        let mut escaped = false;
        let end = bytes.iter().position(|&byte| {
            let is_end = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            is_end
        })?;
        return Some((&bytes[..end], &bytes[end + 1..]));
    }
    let end = bytes.iter().position(|&byte| byte == b';').unwrap_or(bytes.len());
    let (value, rest) = bytes.split_at(end);
    (!value.contains(&b'"')).then_some((trim_blanks(value), rest))
}

/// Parses an address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
/// `[2001:db8::1]:80`. The port is 0 if it is missing or obfuscated (`_name`, RFC 7239 §6.3).
fn parse_node(node: &[u8]) -> Option<SocketAddr> {
    let node = std::str::from_utf8(node).ok()?;
    let (ip, port): (IpAddr, _) = if let Some(node) = node.strip_prefix('[') {
        let (ip, port) = node.split_once(']')?;
        (
            ip.parse::<Ipv6Addr>().ok()?.into(),
            if port.is_empty() { None } else { Some(port.strip_prefix(':')?) },
        )
    } else if let Ok(ip) = node.parse() {
        (ip, None)
    } else {
        let (ip, port) = node.split_once(':')?;
        (ip.parse::<Ipv4Addr>().ok()?.into(), Some(port))
    };
    let port = match port {
        None => 0,
        Some(port) if port.starts_with('_') => {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
            (port.len() > 1 && port.bytes().all(is_name)).then_some(0)?
        }
        Some(port) if port.bytes().all(|digit| digit.is_ascii_digit()) => port.parse().ok()?,
        Some(_) => return None,
    };
    let ip = ip.to_canonical();
    // The unspecified address belongs to no client. In this crate it stands for the clients of Unix
    // sockets.
    (!ip.is_unspecified()).then(|| SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::h1::head::{HeadLimits, HeadParser, Parsed};
    use crate::sys::NO_ADDRESS;

    const PEER: &str = "127.0.0.1:1";

    /// Returns the client of a request with these fields, or `-` if it is the peer.
    #[track_caller]
    fn client_behind(form: Forwarded, peer: SocketAddr, fields: &[u8]) -> String {
        let mut request = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
        request.extend_from_slice(fields);
        request.extend_from_slice(b"\r\n");
        let mut parser = HeadParser::default();
        let limits = HeadLimits { head: 1 << 20, fields: 100, target: 100 };
        assert!(matches!(parser.parse(&request, &limits), Ok(Parsed::Complete(_))), "a request");
        let proxies = "127.0.0.1, 10.0.0.0/8, ::1, unix".parse().expect("a list");
        let client = form.client(peer, &proxies, parser.head().fields(&request));
        if client == peer { "-".into() } else { client.to_string() }
    }

    #[track_caller]
    fn x_forwarded_for(fields: &str) -> String {
        client_behind(Forwarded::XForwardedFor, PEER.parse().unwrap(), fields.as_bytes())
    }

    #[track_caller]
    fn forwarded(value: &str) -> String {
        let field = format!("Forwarded: {value}\r\n");
        client_behind(Forwarded::Forwarded, PEER.parse().unwrap(), field.as_bytes())
    }

    #[test]
    fn the_rightmost_address_counts_that_is_no_proxys() {
        for (fields, client) in [
            ("", "-"),
            ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1:0"),
            ("x-forwarded-for: 192.0.2.9, 192.0.2.1\r\n", "192.0.2.1:0"),
            ("X-Forwarded-For: 192.0.2.9, 192.0.2.1 ,\t10.0.0.2,10.0.0.1\r\n", "192.0.2.1:0"),
            ("X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1:0"),
            ("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.0.0.1, ::1\r\n", "192.0.2.1:0"),
            // If all addresses belong to proxies, the leftmost of them counts.
            ("X-Forwarded-For: 10.0.0.2, 10.0.0.1\r\n", "10.0.0.2:0"),
            ("Forwarded: for=192.0.2.1\r\n", "-"),
        ] {
            assert_eq!(x_forwarded_for(fields), client, "{fields}");
        }
    }

    #[test]
    fn what_is_no_address_hides_all_that_is_before_it() {
        for (value, client) in [
            ("", "-"),
            ("unknown", "-"),
            ("192.0.2.1, ", "-"),
            ("192.0.2.1,", "-"),
            ("192.0.2.1, unknown, 10.0.0.1", "10.0.0.1:0"),
            ("192.0.2.1,, 10.0.0.1", "10.0.0.1:0"),
            ("192.0.2.1, _hidden", "-"),
            ("192.0.2.1 10.0.0.1", "-"),
            ("192.0.2.1, 0.0.0.0", "-"),
            ("192.0.2.1, ::", "-"),
            ("192.0.2.1, [::ffff:0.0.0.0]:0", "-"),
            ("192.0.2.1, 256.0.0.1", "-"),
            ("192.0.2.1, unix:", "-"),
            ("192.0.2.1, \"10.0.0.1\"", "-"),
            ("192.0.2.1, 10.0.0.1\u{e9}", "-"),
        ] {
            assert_eq!(x_forwarded_for(&format!("X-Forwarded-For: {value}\r\n")), client, "{value}");
        }
    }

    #[test]
    fn addresses_come_in_many_forms() {
        for (node, client) in [
            ("192.0.2.1", "192.0.2.1:0"),
            ("192.0.2.1:80", "192.0.2.1:80"),
            ("192.0.2.1:_port.1-a", "192.0.2.1:0"),
            ("2001:db8::1", "[2001:db8::1]:0"),
            ("[2001:db8::1]", "[2001:db8::1]:0"),
            ("[2001:db8::1]:65535", "[2001:db8::1]:65535"),
            ("::ffff:192.0.2.1", "192.0.2.1:0"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1:80"),
            ("192.0.2.1:65536", "-"),
            ("192.0.2.1:", "-"),
            ("192.0.2.1:+80", "-"),
            ("192.0.2.1:_", "-"),
            ("192.0.2.1:_a b", "-"),
            ("[192.0.2.1]", "-"),
            ("[2001:db8::1", "-"),
            ("[2001:db8::1]80", "-"),
            ("2001:db8::1%eth0", "-"),
            ("192.0.2.1/32", "-"),
            ("192.0.2", "-"),
        ] {
            assert_eq!(x_forwarded_for(&format!("X-Forwarded-For: {node}\r\n")), client, "{node}");
            assert_eq!(forwarded(&format!("for=\"{node}\"")), client, "{node}");
        }
    }

    #[test]
    fn elements_are_those_of_rfc_7239() {
        for (value, client) in [
            ("for=192.0.2.1", "192.0.2.1:0"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "[2001:db8:cafe::17]:4711"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60:0"),
            ("by=\"a;b,c\";FOR=192.0.2.60 ; proto=http", "192.0.2.60:0"),
            ("for=192.0.2.43, for=\"10.0.0.1:80\";host=\"a,b\"", "192.0.2.43:0"),
            ("for=192.0.2.43, for=unknown", "-"),
            ("for=192.0.2.43, for=\"_gazonk\"", "-"),
            ("for=192.0.2.43, by=10.0.0.1", "-"),
            ("for=192.0.2.43, for=10.0.0.1;for=10.0.0.2", "-"),
            ("for=192.0.2.43, 10.0.0.1", "-"),
            ("for=192.0.2.43, for=\"192.0.2.1", "-"),
            ("for=192.0.2.43, for=\"192\\.0.2.1\"", "-"),
            ("for=192.0.2.43, for=\"10.0.0.1\"x", "-"),
            ("for=192.0.2.43, for", "-"),
            ("for=192.0.2.43,", "-"),
        ] {
            assert_eq!(forwarded(value), client, "{value}");
        }
    }

    #[test]
    fn an_open_quote_of_the_client_hides_nothing_that_a_proxy_appends() {
        for (value, client) in [
            ("for=\"192.0.2.9, for=192.0.2.1", "192.0.2.1:0"),
            ("for=\", for=\"[2001:db8::1]:80\"", "[2001:db8::1]:80"),
            ("for=\"\\\", for=192.0.2.1;by=\"x\\\"y,z\"", "192.0.2.1:0"),
            ("\", for=192.0.2.1, for=\"10.0.0.1\"", "192.0.2.1:0"),
        ] {
            assert_eq!(forwarded(value), client, "{value}");
        }
    }

    #[test]
    fn who_is_not_trusted_is_not_asked() {
        let field = b"X-Forwarded-For: 192.0.2.1\r\n";
        let stranger = "127.0.0.2:1".parse().unwrap();
        assert_eq!(client_behind(Forwarded::XForwardedFor, stranger, field), "-");
        assert_eq!(client_behind(Forwarded::XForwardedFor, NO_ADDRESS, field), "192.0.2.1:0");
    }

    proptest! {
        #[test]
        fn whatever_a_client_sends_the_proxys_word_stands(
            before in "[ -~\t]{0,60}",
            client: IpAddr,
            is_quoted: bool,
        ) {
            let client = client.to_canonical();
            let list: ProxyNetworks = "127.0.0.1, 10.0.0.0/8, ::1".parse().unwrap();
            prop_assume!(!client.is_unspecified() && !list.contains(SocketAddr::new(client, 0)));
            let expected = SocketAddr::new(client, 0).to_string();
            let node = if client.is_ipv6() && is_quoted { format!("[{client}]") } else { client.to_string() };
            if is_quoted {
                prop_assert_eq!(forwarded(&format!("x{before}, for=\"{node}\"")), expected);
            } else {
                prop_assert_eq!(x_forwarded_for(&format!("X-Forwarded-For: x{before}, {node}\r\n")), expected);
            }
        }

        #[test]
        fn no_value_is_too_much(value in "[-0-9a-fFor:;=,_.\\[\\]\\\\\" ]{0,80}") {
            let _ = (forwarded(&format!("x{value}x")), x_forwarded_for(&format!("X-Forwarded-For: x{value}x\r\n")));
        }
    }
}
