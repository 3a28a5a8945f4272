//! Reads a file at an offset, and sends it by reading and sending where the system has nothing
//! better or refuses.

use std::fs::File;
use std::io::{self, ErrorKind};

/// The most bytes that are read before they are sent: 64 KiB. What does not fit into the socket's
/// buffer is read again next time.
const COPY_PIECE: u64 = 64 * 1024;

/// Reads a piece of at most `length` bytes at `offset` and hands it to `send`, which says how much
/// of it went out. 0: the file ended.
pub(super) fn copy(
    file: &File,
    offset: u64,
    length: u64,
    send: impl FnOnce(&[u8]) -> io::Result<usize>,
) -> io::Result<u64> {
    let mut piece = vec![0; length.min(COPY_PIECE) as usize];
    let read = read_at(file, &mut piece, offset)?;
    match piece.get(..read) {
        None | Some([]) => Ok(0),
        Some(bytes) => send(bytes).map(|sent| sent as u64),
    }
}

/// As [`sys::read_at`](super::read_at) promises.
pub(super) fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match try_read_at(file, buf, offset) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

#[cfg(unix)]
fn try_read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, offset)
}

#[cfg(windows)]
fn try_read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buf, offset)
}

#[cfg(not(any(unix, windows)))]
fn try_read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    // A seek and a read are two steps; connections that share a file would get each other's bytes.
    Err(ErrorKind::Unsupported.into())
}
