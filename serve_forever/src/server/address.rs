//! Makes listening sockets from names, ports and paths.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};
use std::path::{Path, PathBuf};

use crate::diagnostics;
use crate::sys::{ListenOptions, Listener};

use super::config::Config;

/// The sockets beside addresses: Unix sockets, and sockets that listen already.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    pub(crate) paths: Vec<PathBuf>,
    /// The mode of the file, which decides who may connect. `None`: the umask of the process
    /// decides.
    pub(crate) mode: Option<u32>,
    /// Listening sockets that were handed over.
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

/// The addresses of a server: every type of `std` that implements [`ToSocketAddrs`], and lists of
/// these.
///
/// Lists and names differ: every member of a list must be available, but one address of a name is
/// enough. A name such as `localhost` may have addresses that this computer lacks, such as `::1`
/// where there is no IPv6. The server skips them if the name has another address.
///
/// ```
/// use std::net::SocketAddr;
/// use serve_forever::{handler_fn, Exchange, HttpServer, Result};
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
/// // A name, on all of its addresses that are there.
/// HttpServer::bind(("localhost", 0), handler.clone())?;
/// // Two addresses, both of them.
/// let two: [SocketAddr; 2] = [([127, 0, 0, 1], 0).into(), ([127, 0, 0, 2], 0).into()];
/// # #[cfg(target_os = "linux")]
/// HttpServer::bind(two, handler.clone())?;
/// // Addresses for documentation are nobody's.
/// let missing: [SocketAddr; 2] = [([127, 0, 0, 1], 0).into(), ([198, 51, 100, 1], 0).into()];
/// assert!(HttpServer::bind(missing, handler)
///     .is_err_and(|error| error.to_string().starts_with("cannot listen on 198.51.100.1:")));
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait ToListenAddresses {
    /// Returns the addresses, in groups. In each group, the server skips addresses that this
    /// computer lacks, if it has another one.
    ///
    /// # Errors
    ///
    /// Fails if a name cannot be looked up, or if there is no port.
    ///
    /// ```
    /// use serve_forever::ToListenAddresses;
    ///
    /// let groups = [("127.0.0.1", 80), ("::1", 80)].to_listen_addresses()?;
    /// assert_eq!(groups, [["127.0.0.1:80".parse().unwrap()], ["[::1]:80".parse().unwrap()]]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn to_listen_addresses(&self) -> io::Result<Vec<Vec<SocketAddr>>>;
}

/// One name or address.
macro_rules! one_group {
    ($($kind:ty,)*) => {
        $(
            impl ToListenAddresses for $kind {
                fn to_listen_addresses(&self) -> io::Result<Vec<Vec<SocketAddr>>> {
                    Ok(vec![self.to_socket_addrs()?.collect()])
                }
            }
        )*
    };
}

one_group! {
    str, String, (&str, u16), (String, u16),
    SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16),
}

impl<T: ToListenAddresses> ToListenAddresses for [T] {
    fn to_listen_addresses(&self) -> io::Result<Vec<Vec<SocketAddr>>> {
        let groups = self.iter().map(T::to_listen_addresses).collect::<io::Result<Vec<_>>>()?;
        Ok(groups.into_iter().flatten().collect())
    }
}

impl<T: ToListenAddresses, const N: usize> ToListenAddresses for [T; N] {
    fn to_listen_addresses(&self) -> io::Result<Vec<Vec<SocketAddr>>> {
        self.as_slice().to_listen_addresses()
    }
}

impl<T: ToListenAddresses> ToListenAddresses for Vec<T> {
    fn to_listen_addresses(&self) -> io::Result<Vec<Vec<SocketAddr>>> {
        self.as_slice().to_listen_addresses()
    }
}

impl<T: ToListenAddresses + ?Sized> ToListenAddresses for &T {
    fn to_listen_addresses(&self) -> io::Result<Vec<Vec<SocketAddr>>> {
        (**self).to_listen_addresses()
    }
}

/// Listens on the addresses and on the sockets. With port 0, all addresses get the same port.
pub(crate) fn listen(
    addresses: &impl ToListenAddresses,
    sockets: &mut Sockets,
    config: &Config,
) -> io::Result<Vec<Listener>> {
    let groups = addresses.to_listen_addresses()?;
    if groups.iter().all(Vec::is_empty) && sockets.is_empty() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "there is neither an address nor a Unix socket to listen on",
        ));
    }
    let mut listeners = listen_on_addresses(&groups, config)?;
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

fn listen_on_addresses(groups: &[Vec<SocketAddr>], config: &Config) -> io::Result<Vec<Listener>> {
    let mut addresses = groups.iter().flatten();
    let any_port = addresses.all(|address| address.port() == 0);
    let several = groups.iter().map(Vec::len).sum::<usize>() > 1;
    let mut tries = if any_port && several { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match listen_on(groups, config) {
            // The port of the first address may be in use on another one.
            Err(error) if tries > 0 && error.kind() == ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
}

fn listen_on(groups: &[Vec<SocketAddr>], config: &Config) -> io::Result<Vec<Listener>> {
    let has = |family: fn(&SocketAddr) -> bool| groups.iter().flatten().any(family);
    let options = options(config, has(SocketAddr::is_ipv4) && has(SocketAddr::is_ipv6));
    let mut listeners: Vec<Listener> = Vec::new();
    let mut taken: Vec<SocketAddr> = Vec::new();
    let mut port = None;
    for group in groups {
        let mut missing = None;
        let mut works = false;
        for &wanted in group {
            if taken.contains(&wanted) {
                works = true;
                continue;
            }
            let mut address = wanted;
            if address.port() == 0
                && let Some(port) = port
            {
                address.set_port(port);
            }
            match Listener::bind(address, &options) {
                Ok(listener) => {
                    port = Some(listener.local_address()?.port());
                    listeners.push(listener);
                    taken.push(wanted);
                    works = true;
                }
                Err(error) if is_missing(&error) => missing = Some(explain(address, &error)),
                Err(error) => return Err(explain(address, &error)),
            }
        }
        match missing {
            Some(error) if !works => return Err(error),
            Some(error) => diagnostics::debug!("{error}"),
            None => {}
        }
    }
    Ok(listeners)
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
        send_ahead: Some(config.max_send_ahead),
    }
}

/// Whether the computer lacks the address, or its whole family.
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
        let groups = addresses.to_listen_addresses().expect("addresses");
        let listeners = listen_on_addresses(&groups, &Config::default()).expect("loopback is there");
        let ports: Vec<u16> =
            listeners.iter().map(|listener| listener.local_address().expect("it is bound").port()).collect();
        assert_eq!(ports.len(), 2);
        assert_eq!(ports[0], ports[1]);
        assert_ne!(ports[0], 0);
    }

    #[test]
    fn a_port_that_is_taken_is_an_error_that_names_the_address() {
        let listeners = listen(&("127.0.0.1", 0), &mut Sockets::default(), &Config::default())
            .expect("loopback is there");
        let address = listeners[0].local_address().expect("it is bound");
        let error =
            listen(&address, &mut Sockets::default(), &Config::default()).expect_err("the port is taken");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }

    /// Addresses for documentation (RFC 5737), so no computer has them.
    const MISSING: [SocketAddr; 2] = [
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), 0),
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2)), 0),
    ];
    const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    /// What a resolver may find for a name.
    struct Name(Vec<SocketAddr>);

    impl ToListenAddresses for Name {
        fn to_listen_addresses(&self) -> io::Result<Vec<Vec<SocketAddr>>> {
            Ok(vec![self.0.clone()])
        }
    }

    /// Returns the addresses of the sockets, without their ports.
    fn heard(addresses: &impl ToListenAddresses) -> io::Result<Vec<IpAddr>> {
        let listeners = listen(addresses, &mut Sockets::default(), &Config::default())?;
        listeners.iter().map(|listener| Ok(listener.local_address()?.ip())).collect()
    }

    #[track_caller]
    fn is_named(outcome: io::Result<Vec<IpAddr>>, missing: SocketAddr) {
        let error = outcome.expect_err("it is not there");
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        assert!(error.to_string().contains(&format!("cannot listen on {}:", missing.ip())), "{error}");
    }

    #[test]
    fn each_address_of_a_list_must_be_there() {
        let [missing, _] = MISSING;
        is_named(heard(&[HERE, missing]), missing);
        is_named(heard(&[missing, HERE]), missing);
        is_named(heard(&vec![("127.0.0.1", 0), ("198.51.100.1", 0)]), missing);
        is_named(heard(&&[HERE, missing][..]), missing);
        is_named(heard(&missing), missing);
        is_named(heard(&"198.51.100.1:0"), missing);
    }

    #[test]
    fn of_a_name_those_that_are_not_there_are_passed_over() {
        let [first, second] = MISSING;
        assert_eq!(heard(&Name(vec![first, HERE, second])).expect("one is there"), [HERE.ip()]);
        is_named(heard(&Name(MISSING.to_vec())), second);
        // Another member of the list does not replace it.
        is_named(heard(&[Name(vec![HERE]), Name(MISSING.to_vec())]), second);
        // A socket that listens already does.
        assert_eq!(heard(&[Name(vec![HERE]), Name(vec![first, HERE])]).expect("it is there"), [HERE.ip()]);
    }
}
