//! Makes the listening socket, for both back ends: it happens once, so it need not be fast.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::ListenOptions;

/// A non-blocking TCP socket that listens on `address`.
pub(super) fn bind(address: SocketAddr, options: &ListenOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows the option means that anyone may take the port over.
    if options.reuse_address && !cfg!(windows) {
        socket.set_reuse_address(true)?;
    }
    if address.is_ipv6() {
        // Said either way, as the default differs from system to system. Some cannot do both kinds
        // at once: then IPv6 alone must do.
        let outcome = socket.set_only_v6(options.only_v6);
        if options.only_v6 {
            outcome?;
        }
    }
    if options.reuse_port {
        reuse_port(&socket)?;
    }
    hand_on(&socket, options)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    Ok(socket)
}

/// A socket that listens already, made non-blocking; whether it is a Unix socket.
#[cfg(unix)]
pub(super) fn adopt(socket: std::os::fd::OwnedFd, options: &ListenOptions) -> io::Result<(Socket, bool)> {
    let socket = Socket::from(socket);
    let unfit = |what: &str| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("cannot take over a listener: {what}"))
    };
    match socket.r#type() {
        Ok(Type::STREAM) => {}
        Ok(_) => return Err(unfit("it is no stream socket")),
        Err(error) => return Err(unfit(&error.to_string())),
    }
    // Apple's systems do not tell whether a socket listens. There the first `accept` fails.
    #[cfg(not(target_vendor = "apple"))]
    if matches!(rustix::net::sockopt::socket_acceptconn(&socket), Ok(false)) {
        return Err(unfit("it does not listen"));
    }
    let address = socket.local_addr()?;
    if !(address.is_unix() || address.is_ipv4() || address.is_ipv6()) {
        return Err(unfit("it is neither of TCP nor a Unix socket"));
    }
    socket.set_nonblocking(true)?;
    socket.set_cloexec(true)?;
    if !address.is_unix() {
        hand_on(&socket, options)?;
    }
    Ok((socket, address.is_unix()))
}

/// What connections have from the listener that accepts them. Set before it listens, as the window
/// that the first packet offers follows from the buffer.
fn hand_on(socket: &Socket, options: &ListenOptions) -> io::Result<()> {
    if options.nodelay {
        socket.set_tcp_nodelay(true)?;
    }
    if let Some(silence) = options.keepalive {
        socket.set_tcp_keepalive(&keepalive(silence))?;
    }
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes.min(MOST_BYTES))?;
    }
    if let Some(bytes) = options.receive_buffer {
        socket.set_recv_buffer_size(bytes.min(MOST_BYTES))?;
    }
    if options.send_ahead.is_some() {
        bound_ahead(&socket2::SockRef::from(socket), options.send_ahead);
    }
    Ok(())
}

/// Bounds what the system takes before it can send it; `None`: not at all.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn bound_ahead(socket: &socket2::SockRef<'_>, bytes: Option<usize>) {
    let bytes = bytes.map_or(u32::MAX, |bytes| u32::try_from(bytes.max(1)).unwrap_or(u32::MAX));
    // Refused by sockets of other kinds, such as Unix sockets, whose buffers do not grow.
    let _ = socket.set_tcp_notsent_lowat(bytes);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn bound_ahead(_: &socket2::SockRef<'_>, _: Option<usize>) {}

/// Systems count in whole seconds, and refuse none of them.
fn keepalive(silence: Duration) -> TcpKeepalive {
    let seconds =
        silence.as_secs().saturating_add(u64::from(silence.subsec_nanos() > 0)).clamp(1, LONGEST_SILENCE);
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(seconds));
    // Elsewhere the system's own pace must do.
    #[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd", windows))]
    let keepalive = keepalive.with_interval(Duration::from_secs((seconds / 4).clamp(1, 75)));
    keepalive
}

/// More would not be the number that the system is told.
const MOST_BYTES: usize = i32::MAX as usize;
/// Seconds; the most that Linux takes.
const LONGEST_SILENCE: u64 = 32_767;

#[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
fn reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin")))))]
fn reuse_port(_: &Socket) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system gives a port to one listener only"))
}
