//! Tells apart the kinds of system errors that a server treats differently.

use std::io::{self, ErrorKind};

/// The process or the system has no more descriptors or no memory for another socket. Others have
/// to be closed first.
#[cfg(unix)]
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

/// The process or the system has no more descriptors or no memory for another socket. Others have
/// to be closed first.
#[cfg(not(unix))]
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    const WSAEMFILE: i32 = 10024;
    const WSAENOBUFS: i32 = 10055;
    error.kind() == ErrorKind::OutOfMemory || matches!(error.raw_os_error(), Some(WSAEMFILE | WSAENOBUFS))
}

/// A disk, or the network or program behind a file system, has failed. The error does not tell
/// whether the file is there.
#[cfg(unix)]
pub(crate) fn is_of_disk(error: &io::Error) -> bool {
    use rustix::io::Errno;
    // The later errors are those of network file systems, and of FUSE if its program has ended.
    let errors = [Errno::IO, Errno::BADMSG, Errno::TIMEDOUT, Errno::NOTCONN, Errno::HOSTDOWN];
    Errno::from_io_error(error).is_some_and(|errno| errors.contains(&errno))
}

/// A disk, or the network behind a file system, failed: it says nothing of what is there.
#[cfg(not(unix))]
pub(crate) fn is_of_disk(error: &io::Error) -> bool {
    const NOT_READY: i32 = 21;
    const CRC: i32 = 23;
    const SECTOR_NOT_FOUND: i32 = 27;
    const READ_FAULT: i32 = 30;
    const GEN_FAILURE: i32 = 31;
    const SEM_TIMEOUT: i32 = 121;
    const IO_DEVICE: i32 = 1117;
    const FILE_CORRUPT: i32 = 1392;
    const DISK_CORRUPT: i32 = 1393;
    matches!(
        error.raw_os_error(),
        Some(
            NOT_READY
                | CRC
                | SECTOR_NOT_FOUND
                | READ_FAULT
                | GEN_FAILURE
                | SEM_TIMEOUT
                | IO_DEVICE
                | FILE_CORRUPT
                | DISK_CORRUPT
        )
    )
}

/// The peer or the network ended the connection. This is not a fault of this side, and is only
/// logged for debugging.
///
/// A timeout counts only if it comes from the system, which gave up on a peer that does not answer.
/// The deadlines of the library use the same kind and mean something else.
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

    #[cfg(unix)]
    #[test]
    fn failures_of_disks_are_told_from_what_is_not_there() {
        use rustix::io::Errno;
        for errno in [Errno::IO, Errno::TIMEDOUT, Errno::NOTCONN] {
            assert!(is_of_disk(&errno.into()), "{errno}");
        }
        for errno in [Errno::NOENT, Errno::ACCESS, Errno::NOTDIR, Errno::LOOP, Errno::NAMETOOLONG] {
            assert!(!is_of_disk(&errno.into()), "{errno}");
        }
        assert!(!is_of_disk(&ErrorKind::NotFound.into()));
    }
}
