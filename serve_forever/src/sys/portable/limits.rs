//! Limits and time where nothing is known of the system.

use std::io;
use std::time::SystemTime;

use crate::sys::ThreadTimes;

pub(crate) fn descriptor_limit() -> Option<u64> {
    None
}

#[expect(clippy::unnecessary_wraps, reason = "on other systems it can fail")]
pub(crate) fn raise_descriptor_limit() -> io::Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn thread_times() -> Option<ThreadTimes> {
    None
}

pub(crate) fn unix_time() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
