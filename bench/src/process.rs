//! What `/proc` tells about a process.

use std::fs;
use std::io;

/// A snapshot of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    /// Memory that is the process's own (heap, stacks), in bytes.
    pub(crate) anonymous: u64,
    /// All of its memory that is in use, with what it has mapped of files, its program above all.
    pub(crate) resident: u64,
    pub(crate) threads: u64,
}

pub(crate) fn status(pid: u32) -> io::Result<Status> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
            .ok_or_else(|| io::Error::other(format!("/proc/{pid}/status has no {name}")))
    };
    Ok(Status {
        anonymous: number("RssAnon")? * 1024,
        resident: number("VmRSS")? * 1024,
        threads: number("Threads")?,
    })
}
