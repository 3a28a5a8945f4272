//! Files to sockets: by `sendfile(2)` where that works, by reading and sending where it does not.

use std::fs::File;
use std::io;

use super::socket::Socket;
use crate::sys::copy::copy;

/// Sends at most `length` bytes, of which there is at least one.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn send_file(socket: &Socket, file: &File, offset: u64, length: u64) -> io::Result<u64> {
    use rustix::io::{Errno, retry_on_intr};

    if !is_pipe_signal_harmless() {
        return copy(file, offset, length, |bytes| socket.send(bytes, false));
    }
    match retry_on_intr(|| rustix::fs::sendfile(socket, file, Some(&mut offset.clone()), length as usize)) {
        // Not every file system can do it.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            copy(file, offset, length, |bytes| socket.send(bytes, false))
        }
        outcome => Ok(outcome? as u64),
    }
}

/// Sends at most `length` bytes, of which there is at least one.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn send_file(socket: &Socket, file: &File, offset: u64, length: u64) -> io::Result<u64> {
    copy(file, offset, length, |bytes| socket.send(bytes, false))
}

/// Whether `SIGPIPE` is ignored or handled. `sendfile` has no flag against it, and with the default
/// action (Rust programs ignore it, but some restore it, and a library may live in a program of
/// another language) one client that hangs up would end the whole process.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_pipe_signal_harmless() -> bool {
    static HARMLESS: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *HARMLESS.get_or_init(|| {
        std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_pipe_signal(&status))
    })
}

/// Reads it out of the text of `/proc/self/status`, where `SigIgn` and `SigCgt` are sets of signals
/// in hexadecimal.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn ignores_pipe_signal(status: &str) -> bool {
    /// Signal 13 everywhere; signal 1 is bit 0.
    const PIPE: u128 = 1 << 12;
    status
        .lines()
        .filter_map(|line| line.strip_prefix("SigIgn:").or_else(|| line.strip_prefix("SigCgt:")))
        .filter_map(|set| u128::from_str_radix(set.trim(), 16).ok())
        .any(|set| set & PIPE != 0)
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::*;

    #[test]
    fn the_signal_sets_are_read() {
        assert!(ignores_pipe_signal("Name:\tx\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000000440\n"));
        assert!(ignores_pipe_signal("SigIgn:\t0000000000000000\nSigCgt:\t0000000000001440\n"));
        assert!(!ignores_pipe_signal("SigBlk:\t0000000000001000\nSigIgn:\t0000000000000800\nSigCgt:\t0\n"));
        assert!(!ignores_pipe_signal("SigIgn:\tnonsense\n"));
        assert!(!ignores_pipe_signal(""));
    }

    #[test]
    fn this_process_ignores_it() {
        assert!(is_pipe_signal_harmless());
    }
}
