//! Blocks a thread on one descriptor, by `poll(2)`. Unlike a registration this needs nothing set
//! up, and does not disturb one.

use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::sys::deadline::{has_come, time_left};

/// The longest single call: a day. Some systems refuse timeouts that do not fit into 31 bits of
/// milliseconds.
const LONGEST_CALL: Duration = Duration::from_secs(24 * 60 * 60);

/// True when one of `flags`, an error or a hang-up is there; false at the deadline.
pub(super) fn wait(fd: BorrowedFd<'_>, flags: PollFlags, deadline: Option<Instant>) -> io::Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(fd, flags)];
    loop {
        let timeout = match deadline {
            Some(deadline) => Some(
                Timespec::try_from(time_left(deadline, LONGEST_CALL)).map_err(|_| ErrorKind::InvalidInput)?,
            ),
            None => None,
        };
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) if has_come(deadline) => return Ok(false),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}
