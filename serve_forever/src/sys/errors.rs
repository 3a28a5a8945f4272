//! Tells the few kinds of system errors apart that a server treats differently.

use std::io::{self, ErrorKind};

/// The process or the system has no more descriptors or no memory for another socket. Others have to be closed first.
#[cfg(unix)]
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

/// The process or the system has no more descriptors or no memory for another socket. Others have to be closed first.
#[cfg(not(unix))]
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    const WSAEMFILE: i32 = 10024;
    const WSAENOBUFS: i32 = 10055;
    error.kind() == ErrorKind::OutOfMemory || matches!(error.raw_os_error(), Some(WSAEMFILE | WSAENOBUFS))
}

/// The peer or the network ended the connection; nothing that this side did wrong, and nothing to report loudly.
///
/// A time-out counts only when it comes from the system, which gave up on a peer that no longer answers. The library's own deadlines use the
/// same kind and mean something else.
pub(crate) fn is_disconnect(error: &io::Error) -> bool {
    match error.kind() {
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown => true,
        ErrorKind::TimedOut => error.raw_os_error().is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disconnects_are_told_from_other_errors() {
        for kind in [
            ErrorKind::ConnectionReset,
            ErrorKind::ConnectionAborted,
            ErrorKind::BrokenPipe,
            ErrorKind::NotConnected,
        ] {
            assert!(is_disconnect(&kind.into()), "{kind}");
        }
        for kind in
            [ErrorKind::WouldBlock, ErrorKind::Interrupted, ErrorKind::UnexpectedEof, ErrorKind::TimedOut]
        {
            assert!(!is_disconnect(&kind.into()), "{kind}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_kernels_time_out_is_a_disconnect() {
        assert!(is_disconnect(&rustix::io::Errno::TIMEDOUT.into()));
    }

    #[cfg(unix)]
    #[test]
    fn shortages_are_told_from_other_errors() {
        use rustix::io::Errno;
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert!(is_out_of_descriptors(&errno.into()), "{errno}");
        }
        for errno in [Errno::AGAIN, Errno::CONNABORTED, Errno::BADF] {
            assert!(!is_out_of_descriptors(&errno.into()), "{errno}");
        }
        assert!(!is_out_of_descriptors(&ErrorKind::WouldBlock.into()));
    }
}
