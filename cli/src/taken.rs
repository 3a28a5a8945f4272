//! Who has a port, and which one is free.

use std::fmt;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

/// A program that listens on a port that we would like to have.
#[derive(Debug)]
pub(crate) struct Holder {
    name: String,
    process: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.process)
    }
}

/// The first of the addresses that cannot be had because somebody has it.
pub(crate) fn which(addresses: &[SocketAddr]) -> Option<SocketAddr> {
    addresses.iter().copied().find(|address| is_taken(*address))
}

/// The next port that is free on all addresses.
pub(crate) fn next_free(addresses: &[SocketAddr]) -> Option<u16> {
    let port = addresses.first()?.port();
    (1..=TRIES).filter_map(|more| port.checked_add(more)).find(|&port| {
        addresses.iter().all(|address| {
            let tried = TcpListener::bind((address.ip(), port));
            // An address that is not there at all is nobody's.
            tried.map_or_else(|error| error.kind() == ErrorKind::AddrNotAvailable, |_| true)
        })
    })
}

fn is_taken(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

/// Who listens there. Nothing is found of programs of other users, unless we are the administrator.
#[cfg(target_os = "linux")]
pub(crate) fn holder(address: SocketAddr) -> Option<Holder> {
    linux::holder(address)
}

/// Other systems do not tell without a program of theirs.
#[cfg(not(target_os = "linux"))]
pub(crate) fn holder(_: SocketAddr) -> Option<Holder> {
    None
}

/// How many ports are tried.
const TRIES: u16 = 100;

#[cfg(target_os = "linux")]
mod linux {
    //! `/proc/net/tcp` has the sockets with their inodes, `/proc/PID/fd` the inodes that a process
    //! has open.

    use std::fs;
    use std::net::{IpAddr, Ipv6Addr, SocketAddr};

    use super::Holder;

    pub(super) fn holder(wanted: SocketAddr) -> Option<Holder> {
        let tables =
            ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
        let sockets: Vec<String> = tables
            .iter()
            .flat_map(|table| table.lines())
            .filter_map(listening)
            .filter(|(held, _)| excludes(*held, wanted))
            .map(|(_, inode)| format!("socket:[{inode}]"))
            .collect();
        let is_one = |link: &str| sockets.iter().any(|socket| socket == link);
        if sockets.is_empty() {
            return None;
        }
        let mut holders: Vec<Holder> = Vec::new();
        for entry in fs::read_dir("/proc").ok()?.flatten() {
            let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let Ok(open) = fs::read_dir(entry.path().join("fd")) else { continue };
            let mut links = open.flatten().filter_map(|file| fs::read_link(file.path()).ok());
            if links.any(|link| link.to_str().is_some_and(is_one)) {
                let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                holders.push(Holder { name: name.trim_end().to_owned(), process });
            }
        }
        // The parent rather than its workers.
        holders.into_iter().min_by_key(|holder| holder.process)
    }

    /// The address and inode of a line, if the socket listens.
    pub(super) fn listening(line: &str) -> Option<(SocketAddr, &str)> {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let (address, _remote, state) = (columns.next()?, columns.next()?, columns.next()?);
        let inode = columns.nth(5)?;
        (state == LISTEN).then_some((self::address(address)?, inode))
    }

    /// `0100007F:1F90`: words of the address as numbers of this machine.
    fn address(text: &str) -> Option<SocketAddr> {
        let (words, port) = text.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let mut bytes = Vec::new();
        for at in (0..words.len()).step_by(8) {
            bytes.extend(u32::from_str_radix(words.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
        }
        let ip: IpAddr = match *bytes {
            [a, b, c, d] => [a, b, c, d].into(),
            _ => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into(),
        };
        Some(SocketAddr::new(ip, port))
    }

    fn excludes(held: SocketAddr, wanted: SocketAddr) -> bool {
        held.port() == wanted.port()
            && (held.ip() == wanted.ip() || held.ip().is_unspecified() || wanted.ip().is_unspecified())
    }

    const LISTEN: &str = "0A";

    #[cfg(test)]
    mod tests {
        use std::net::TcpListener;

        use super::*;

        #[test]
        #[cfg(target_endian = "little")]
        fn lines_of_the_table_are_read() {
            let line = "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0";
            assert_eq!(listening(line), Some(("127.0.0.1:8080".parse().unwrap(), "4711")));
            let line = " 0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A \
                        00000000:00000000 00:00000000 00000000 0 0 12 1 0";
            assert_eq!(listening(line), Some(("[::1]:80".parse().unwrap(), "12")));
            let connected = line.replace(" 0A ", " 01 ");
            assert_eq!(listening(&connected), None);
            assert_eq!(listening("  sl  local_address rem_address   st tx_queue rx_queue"), None);
        }

        #[test]
        fn this_process_is_found() {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let holder = holder(listener.local_addr().expect("an address")).expect("it is ours");
            assert_eq!(holder.process, std::process::id());
        }
    }
}
