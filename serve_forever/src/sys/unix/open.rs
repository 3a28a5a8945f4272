//! Files, opened so that no kind of file can stop the thread.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::retry_on_intr;

pub(crate) fn open_for_reading(path: &Path) -> io::Result<File> {
    // Without `NONBLOCK` a named pipe keeps the thread until somebody writes to it; on regular files it changes nothing. Without `NOCTTY` a
    // terminal could become the one that sends this process its signals.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(retry_on_intr(|| open(path, flags, Mode::empty()))?.into())
}
