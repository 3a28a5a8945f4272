//! The host names by which clients may address a server.
//!
//! A web page can make its own host name lead to `127.0.0.1` ("DNS rebinding"). A browser then lets
//! the page read the answers of a server there. But the browser sends the name in `Host`, so a
//! server that knows its own names can refuse such requests.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The allowed host names, without ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AllowedHosts {
    names: Vec<String>,
}

impl AllowedHosts {
    pub(super) fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names = names.into_iter().map(|name| {
            // Ports are ignored. An IPv6 address may be given in the brackets that it has in URLs.
            let name: String = name.into();
            if name.parse::<Ipv6Addr>().is_ok() { name } else { without_dot(without_port(&name)).to_owned() }
        });
        Self { names: names.collect() }
    }

    /// Returns whether `host`, a name or address with or without a port, is allowed: it is one of
    /// the names, or nobody could make it lead here by DNS.
    pub(super) fn allow(&self, host: &str) -> bool {
        let name = name_of(host);
        // The cheapest comparison comes first.
        name == "127.0.0.1"
            || is_localhost(name)
            || self.names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
            || is_address(name)
    }
}

/// Returns `host` without its port and without a dot at the end.
pub(super) fn name_of(host: &str) -> &str {
    without_dot(without_port(host))
}

/// Whether `name` is a complete IP address, for which nobody asks a name server. Abbreviations that
/// only resolvers accept as addresses, such as `127.1`, count as names.
fn is_address(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'0'..=b'9') if name.parse::<Ipv4Addr>().is_ok() => true,
        Some(b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' | b':') => name.parse::<Ipv6Addr>().is_ok(),
        _ => false,
    }
}

/// Whether `name` is `localhost` or a name below it (RFC 6761 §6.3).
fn is_localhost(name: &str) -> bool {
    let tail = name.len().checked_sub("localhost".len()).and_then(|at| Some((at, name.get(at..)?)));
    tail.is_some_and(|(at, tail)| {
        tail.eq_ignore_ascii_case("localhost") && (at == 0 || name.as_bytes().get(at - 1) == Some(&b'.'))
    })
}

/// Removes the dot at the end of a fully qualified name.
fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(address, _)| address);
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computer_and_addresses_are_always_allowed() {
        let hosts = AllowedHosts::default();
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "localhost.",
            "app.localhost:1",
            "127.0.0.1:80",
            "127.9.9.9",
            "[::1]",
            "[::1]:8000",
            "[::ffff:127.0.0.1]:1",
            "0.0.0.0:8000",
            "10.0.2.2:8000",
            "10.0.2.2.",
            "128.0.0.1",
            "[::]",
            "[fd00::1]:80",
            "[FE80::1]",
        ] {
            assert!(hosts.allow(host), "{host}");
        }
    }

    #[test]
    fn nothing_else_is_unless_it_was_named() {
        let hosts = AllowedHosts::new(["Build.example.", "[fd00::1]", "10.0.0.1:8000"]);
        for host in [
            "evil.example",
            "notlocalhost",
            "localhost.evil.example",
            "1.2.3.4.evil.example",
            "127.1",
            "127.0.0.1..",
            "127.0.0.1.2",
            "0127.0.0.1",
            "0x7f.0.0.1",
            "2130706433",
            "256.0.0.1",
            "beef",
            "[::1%25lo]",
            "",
        ] {
            assert!(!hosts.allow(host), "{host}");
        }
        for host in ["build.EXAMPLE:8000", "build.example.:1", "[fd00::1]:80", "10.0.0.1"] {
            assert!(hosts.allow(host), "{host}");
        }
    }
}
