//! By which addresses others reach this computer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The addresses that others can use to reach what listens on `bound`; those of this computer alone
/// are none.
pub(crate) fn of(bound: &[SocketAddr]) -> Vec<SocketAddr> {
    let own = if bound.iter().any(|address| address.ip().is_unspecified()) { own() } else { Vec::new() };
    let mut found: Vec<SocketAddr> = Vec::new();
    for &address in bound {
        // A socket may have an address of IPv4 as one of IPv6 (`::ffff:127.0.0.1`).
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        match address.ip() {
            ip if ip.is_loopback() => {}
            ip if ip.is_unspecified() => {
                // A socket for all addresses of IPv6 takes those of IPv4 too, unless another one
                // does.
                let both = ip.is_ipv6() && !bound.iter().any(SocketAddr::is_ipv4);
                let is_taken = |own: &&IpAddr| both || own.is_ipv4() == ip.is_ipv4();
                found.extend(own.iter().filter(is_taken).map(|&own| SocketAddr::new(own, address.port())));
            }
            _ => found.push(address),
        }
    }
    found
}

/// The address of this computer that most others use, if it is in any network.
pub(crate) fn usual() -> Option<IpAddr> {
    own().into_iter().next()
}

/// All addresses of this computer that others can use, the usual one first.
fn own() -> Vec<IpAddr> {
    let usual = [
        outward(Ipv4Addr::UNSPECIFIED.into(), ELSEWHERE_V4.into()),
        outward(Ipv6Addr::UNSPECIFIED.into(), ELSEWHERE_V6.into()),
    ];
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let mut own: Vec<IpAddr> = interfaces.iter().map(if_addrs::Interface::ip).filter(is_of_use).collect();
    own.dedup();
    own.sort_by_key(|ip| (!usual.contains(&Some(*ip)), ip.is_ipv6()));
    own
}

/// The address that packets to `elsewhere` would come from. None is sent: to connect such a socket
/// only chooses.
fn outward(any: IpAddr, elsewhere: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((elsewhere, DISCARD)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Whether others can use it. Addresses of a single link need a zone, which browsers do not take.
fn is_of_use(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_unspecified() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unspecified() && !ip.is_unicast_link_local(),
    }
}

/// Addresses of documentation (RFC 5737, RFC 3849): never of this network, so the way there is the
/// way out.
const ELSEWHERE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ELSEWHERE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// The port of a service that answers nothing (RFC 863).
const DISCARD: u16 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bound_by_its_address_is_reached_by_it() {
        let bound = ["127.0.0.1:80", "10.0.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"]
            .map(|address| address.parse().unwrap());
        assert_eq!(of(&bound), ["10.0.0.1:80".parse().unwrap()]);
    }

    #[test]
    fn addresses_of_use_are_neither_here_nor_of_a_link() {
        for address in ["127.0.0.1", "0.0.0.0", "169.254.1.1", "::1", "::", "fe80::1"] {
            assert!(!is_of_use(&address.parse().unwrap()), "{address}");
        }
        for address in ["192.168.1.20", "2001:db8::1", "fd00::1"] {
            assert!(is_of_use(&address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_the_addresses_of_its_kind() {
        let found = of(&["0.0.0.0:80".parse().unwrap()]);
        assert!(found.iter().all(|address| address.is_ipv4() && address.port() == 80), "{found:?}");
    }
}
