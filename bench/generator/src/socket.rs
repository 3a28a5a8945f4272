//! Connecting from a chosen loopback address: one address has too few ports for tens of thousands
//! of connections, and servers may limit what one address gets.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};

/// How long anything blocking waits before it is an error.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A blocking connection to `target`, from `source` if that matters; a small `window` keeps the
/// kernel from taking in at once what the client wants to read slowly.
pub(crate) fn open(
    target: SocketAddr,
    source: Option<Ipv4Addr>,
    window: Option<usize>,
) -> io::Result<TcpStream> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    if let Some(window) = window {
        sockopt::set_socket_recv_buffer_size(&socket, window)?;
    }
    if let Some(source) = source {
        bind(&socket, &SocketAddr::from((source, 0)))?;
    }
    // The timeout for sending is the one for connecting, too.
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(PATIENCE))?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE))?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    connect(&socket, &target)?;
    Ok(TcpStream::from(socket))
}

/// The `index`th client address: 127.0.0.2 and on, so that 127.0.0.1 stays what it is. There are
/// 65 536 of them.
pub(crate) fn source(index: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 0, 0, 2).to_bits() + (index as u32 & 0xffff))
}
