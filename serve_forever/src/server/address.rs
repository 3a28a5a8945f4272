//! From a name and a port, and from paths, to listening sockets.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use crate::sys::{ListenOptions, Listener};

use super::config::Config;

/// What is to be listened on beside addresses: Unix sockets, and sockets that listen already.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    pub(crate) paths: Vec<PathBuf>,
    /// Who may connect; else the process's mask decides.
    pub(crate) mode: Option<u32>,
    /// Listening sockets that somebody else made.
    #[cfg(unix)]
    pub(crate) adopted: Vec<std::os::fd::OwnedFd>,
}

impl Sockets {
    fn is_empty(&self) -> bool {
        #[cfg(unix)]
        if !self.adopted.is_empty() {
            return false;
        }
        self.paths.is_empty()
    }
}

/// Listens on every address of `name` and on the sockets. With port 0 all addresses get the same one.
///
/// An address that the machine does not have, such as `::1` where there is no IPv6, is passed over as long as
/// another one works.
pub(crate) fn listen(
    name: impl ToSocketAddrs,
    sockets: &mut Sockets,
    config: &Config,
) -> io::Result<Vec<Listener>> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in name.to_socket_addrs()? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() && sockets.is_empty() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "there is neither an address nor a Unix socket to listen on",
        ));
    }
    let mut listeners = listen_on_addresses(&addresses, config)?;
    for path in &sockets.paths {
        let listener = Listener::bind_unix(path, sockets.mode, &options(config, false));
        listeners.push(listener.map_err(|error| explain_unix(path, &error))?);
    }
    #[cfg(unix)]
    for socket in sockets.adopted.drain(..) {
        listeners.push(Listener::adopt(socket, &options(config, false))?);
    }
    Ok(listeners)
}

fn listen_on_addresses(addresses: &[SocketAddr], config: &Config) -> io::Result<Vec<Listener>> {
    let any_port = addresses.iter().all(|address| address.port() == 0);
    let mut tries = if any_port && addresses.len() > 1 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match listen_on(addresses, config) {
            // The port that the first address got may be taken on another one.
            Err(error) if tries > 0 && error.kind() == ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
}

fn listen_on(addresses: &[SocketAddr], config: &Config) -> io::Result<Vec<Listener>> {
    let both_families =
        addresses.iter().any(SocketAddr::is_ipv4) && addresses.iter().any(SocketAddr::is_ipv6);
    let options = options(config, both_families);
    let mut listeners: Vec<Listener> = Vec::new();
    let mut port = None;
    let mut missing = None;
    for &address in addresses {
        let mut address = address;
        if address.port() == 0
            && let Some(port) = port
        {
            address.set_port(port);
        }
        match Listener::bind(address, &options) {
            Ok(listener) => {
                port = Some(listener.local_address()?.port());
                listeners.push(listener);
            }
            Err(error) if is_missing(&error) => missing = Some((address, error)),
            Err(error) => return Err(explain(address, &error)),
        }
    }
    match missing {
        Some((address, error)) if listeners.is_empty() => Err(explain(address, &error)),
        _ => Ok(listeners),
    }
}

fn options(config: &Config, only_v6: bool) -> ListenOptions {
    ListenOptions {
        backlog: config.request_queue_size,
        reuse_address: config.allow_reuse_address,
        nodelay: true,
        only_v6,
        reuse_port: config.allow_reuse_port,
        keepalive: config.tcp_keepalive,
        send_buffer: config.send_buffer_size,
        receive_buffer: config.receive_buffer_size,
    }
}

/// Whether the machine lacks the address, or its whole family.
fn is_missing(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no kind of its own on every system.
    matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported)
        || error.to_string().contains("not supported")
}

fn explain(address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
}

fn explain_unix(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on the Unix socket {}: {error}", path.display()))
}

const PORT_TRIES: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_get_one_port() {
        let addresses = [SocketAddr::from(([127, 0, 0, 1], 0)), SocketAddr::from(([127, 0, 0, 2], 0))];
        let listeners = listen_on_addresses(&addresses, &Config::default()).expect("loopback is there");
        let ports: Vec<u16> =
            listeners.iter().map(|listener| listener.local_address().expect("it is bound").port()).collect();
        assert_eq!(ports.len(), 2);
        assert_eq!(ports[0], ports[1]);
        assert_ne!(ports[0], 0);
    }

    #[test]
    fn a_port_that_is_taken_is_an_error_that_names_the_address() {
        let listeners =
            listen(("127.0.0.1", 0), &mut Sockets::default(), &Config::default()).expect("loopback is there");
        let address = listeners[0].local_address().expect("it is bound");
        let error =
            listen(address, &mut Sockets::default(), &Config::default()).expect_err("the port is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}
