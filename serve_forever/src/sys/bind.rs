//! Makes the listening socket, for both back ends: it happens once, so it need not be fast.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

use super::ListenOptions;

/// A non-blocking TCP socket that listens on `address`.
pub(super) fn bind(address: SocketAddr, options: &ListenOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows the option means that anyone may take the port over.
    if options.reuse_address && !cfg!(windows) {
        socket.set_reuse_address(true)?;
    }
    if address.is_ipv6() {
        // Said either way, as the default differs from system to system. Some cannot do both kinds at once: then IPv6 alone must do.
        let outcome = socket.set_only_v6(options.only_v6);
        if options.only_v6 {
            outcome?;
        }
    }
    if options.nodelay {
        socket.set_tcp_nodelay(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    Ok(socket)
}
