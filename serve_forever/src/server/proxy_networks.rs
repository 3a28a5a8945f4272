//! The addresses of the proxies that a server trusts.

use std::error;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::sys::NO_ADDRESS;

/// The addresses of the proxies that a server trusts, parsed from text: addresses, networks in CIDR
/// form (RFC 4632 §3.1, RFC 4291 §2.3), and `unix` for clients of Unix sockets, separated by commas
/// or blanks.
///
/// The empty list, which is also the default, trusts no proxy. See
/// [`Builder::trusted_proxies`](crate::Builder::trusted_proxies).
///
/// ```
/// use serve_forever::proxy::ProxyNetworks;
///
/// let proxies: ProxyNetworks = "127.0.0.1, 10.0.0.0/8, ::1, unix".parse()?;
/// assert!(proxies.contains(([10, 1, 2, 3], 4711).into()));
/// assert!(!proxies.contains(([11, 1, 2, 3], 4711).into()));
/// # Ok::<(), serve_forever::proxy::InvalidProxyNetwork>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyNetworks {
    networks: Vec<Network>,
    unix: bool,
}

impl ProxyNetworks {
    /// Whether the list contains this address. `0.0.0.0:0` stands for clients of Unix sockets.
    /// Otherwise, the port is ignored.
    ///
    /// ```
    /// # use serve_forever::proxy::ProxyNetworks;
    /// let proxies: ProxyNetworks = "fd00::/8 unix".parse()?;
    /// assert!(proxies.contains("[fd12::1]:80".parse().unwrap()));
    /// assert!(proxies.contains(([0, 0, 0, 0], 0).into()));
    /// # Ok::<(), serve_forever::proxy::InvalidProxyNetwork>(())
    /// ```
    #[must_use]
    pub fn contains(&self, address: SocketAddr) -> bool {
        if address == NO_ADDRESS {
            return self.unix;
        }
        self.networks.iter().any(|network| network.contains(address.ip()))
    }

    /// Whether the list is empty.
    ///
    /// ```
    /// # use serve_forever::proxy::ProxyNetworks;
    /// assert!(ProxyNetworks::default().is_empty());
    /// assert!(!"unix".parse::<ProxyNetworks>()?.is_empty());
    /// # Ok::<(), serve_forever::proxy::InvalidProxyNetwork>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.unix
    }
}

impl FromStr for ProxyNetworks {
    type Err = InvalidProxyNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidProxyNetwork> {
        let mut proxies = Self::default();
        for item in text.split([',', ' ', '\t', '\r', '\n']).filter(|item| !item.is_empty()) {
            if item == "unix" {
                proxies.unix = true;
            } else {
                let network = Network::parse(item)
                    .map_err(|what| InvalidProxyNetwork { text: format!("{item:?} {what}") })?;
                proxies.networks.push(network);
            }
        }
        Ok(proxies)
    }
}

/// The error of a text that is not a [`ProxyNetworks`]. The message names the wrong item.
///
/// ```
/// use serve_forever::proxy::ProxyNetworks;
///
/// let error = "127.0.0.1, 10.1.2.3/8".parse::<ProxyNetworks>().unwrap_err();
/// assert_eq!(error.to_string(), r#""10.1.2.3/8" is no network: it has bits behind its prefix, 10.0.0.0/8 has not"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidProxyNetwork {
    text: String,
}

impl fmt::Display for InvalidProxyNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl error::Error for InvalidProxyNetwork {}

/// The addresses that start with certain bits. IPv4 addresses are stored as IPv6 addresses, in
/// `::ffff:0:0/96`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    bits: u128,
    prefix: u32,
}

impl Network {
    fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr =
            address.parse().map_err(|_| "is neither an IP address nor a network nor `unix`")?;
        let (width, behind) = if address.is_ipv4() { (32, MAPPED) } else { (128, 0) };
        let prefix = match prefix {
            None => width,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits
                    .parse()
                    .ok()
                    .filter(|&prefix| prefix <= width)
                    .ok_or_else(|| format!("is no network: an address of its kind has {width} bits"))?
            }
            Some(_) => return Err("is no network: the length of its prefix must be a number".into()),
        };
        let network = Self { bits: bits_of(address), prefix: prefix + behind };
        let first = network.bits & network.mask();
        if first != network.bits {
            let first = Ipv6Addr::from_bits(first);
            let first = if width == 32 { first.to_canonical() } else { first.into() };
            return Err(format!("is no network: it has bits behind its prefix, {first}/{prefix} has not"));
        }
        Ok(network)
    }

    fn contains(self, address: IpAddr) -> bool {
        let bits = bits_of(address);
        // A short prefix, such as that of `::/0`, means IPv6.
        let is_of_its_kind = self.prefix >= MAPPED || Ipv6Addr::from_bits(bits).to_ipv4_mapped().is_none();
        is_of_its_kind && bits & self.mask() == self.bits
    }

    fn mask(self) -> u128 {
        u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0)
    }
}

fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The bits before an IPv4 address that is stored as an IPv6 address.
const MAPPED: u32 = 96;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn contains(proxies: &str, address: &str) -> bool {
        let proxies: ProxyNetworks = proxies.parse().expect("a list");
        proxies.contains(SocketAddr::new(address.parse().expect("an address"), 1))
    }

    #[test]
    fn addresses_and_networks_are_told_apart_from_what_is_beside_them() {
        for (proxies, inside, outside) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.0.0.0/9", "10.127.0.1", "10.128.0.1"),
            ("192.0.2.4/31", "192.0.2.5", "192.0.2.6"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::1", "::1", "::2"),
            ("::/0", "ff02::1", "127.0.0.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"),
            ("127.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1"),
        ] {
            assert!(contains(proxies, inside), "{inside} is in {proxies}");
            assert!(!contains(proxies, outside), "{outside} is not in {proxies}");
        }
    }

    #[test]
    fn clients_of_unix_sockets_are_trusted_only_by_their_own_word() {
        assert!(!"0.0.0.0/0, ::/0".parse::<ProxyNetworks>().unwrap().contains(NO_ADDRESS));
        assert!("unix".parse::<ProxyNetworks>().unwrap().contains(NO_ADDRESS));
        assert!(!contains("unix", "127.0.0.1"));
    }

    #[test]
    fn any_commas_and_blanks_separate() {
        let proxies: ProxyNetworks = " 127.0.0.1,,\tunix\n::1 , ".parse().unwrap();
        assert_eq!(proxies, "127.0.0.1 ::1 unix".parse().unwrap());
        assert_eq!(" , ".parse(), Ok(ProxyNetworks::default()));
    }

    #[test]
    fn what_is_no_network_is_named() {
        for (item, what) in [
            ("localhost", "neither"),
            ("10.0.0", "neither"),
            ("010.0.0.1", "neither"),
            ("10.0.0.1:80", "neither"),
            ("[::1]", "neither"),
            ("/8", "neither"),
            ("UNIX", "neither"),
            ("10.0.0.0/33", "32 bits"),
            ("::/129", "128 bits"),
            ("10.0.0.0/99999999999", "32 bits"),
            ("10.0.0.0/", "number"),
            ("10.0.0.0/+8", "number"),
            ("10.0.0.0/8/8", "number"),
            ("10.0.0.0/-1", "number"),
            ("10.1.0.0/8", "10.0.0.0/8"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:10.1.0.0/104", "::ffff:10.0.0.0/104"),
        ] {
            let error = format!("127.0.0.1, {item}").parse::<ProxyNetworks>().unwrap_err().to_string();
            assert!(error.contains(item) && error.contains(what), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_network_has_exactly_the_addresses_that_start_like_it(bits: u32, other: u32, prefix in 0..=32_u32) {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            let proxies = format!("{}/{prefix}", Ipv4Addr::from_bits(bits & mask));
            for address in [bits, other, bits ^ 1, bits ^ (1 << 31)] {
                let is_inside = address & mask == bits & mask;
                prop_assert_eq!(contains(&proxies, &Ipv4Addr::from_bits(address).to_string()), is_inside);
            }
        }

        #[test]
        fn no_text_is_too_much(text in "[0-9a-f.:/, unix]{0,40}") {
            let _ = text.parse::<ProxyNetworks>();
        }
    }
}
