//! Opens the browser.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread;

use crate::messages::url;

/// Starts it and does not wait for it. That it does not start is no reason not to serve.
pub(crate) fn open(address: SocketAddr) {
    let url = url(here(address));
    let page = url.clone();
    let opening = move || {
        if let Err(error) = open::that_detached(&url) {
            log::warn!("cannot open a browser: {error}; open {url} in one");
        }
    };
    if let Err(error) = thread::Builder::new().name("browser".to_owned()).spawn(opening) {
        log::warn!("cannot open a browser: {error}; open {page} in one");
    }
}

/// A server that listens everywhere is asked at this computer.
fn here(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everywhere_is_also_here() {
        for (bound, asked) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(here(bound.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
