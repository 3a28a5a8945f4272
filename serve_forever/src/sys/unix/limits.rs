//! What the system grants this process and counts of its threads, and the time of day.

use std::io;
#[cfg(target_os = "linux")]
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::sys::ThreadTimes;

/// Far more connections than one server has; some systems allow a thousand times that, and programs
/// that a handler starts inherit the limit and may close each possible descriptor in turn.
const ENOUGH_DESCRIPTORS: u64 = 1 << 20;

/// What a system that names a higher limit than it keeps to still accepts (`OPEN_MAX` of macOS).
const MODEST_DESCRIPTORS: u64 = 10_240;

pub(crate) fn descriptor_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

pub(crate) fn raise_descriptor_limit() -> io::Result<Option<u64>> {
    let Rlimit { current: Some(current), maximum } = getrlimit(Resource::Nofile) else { return Ok(None) };
    let wanted = maximum.unwrap_or(u64::MAX).min(ENOUGH_DESCRIPTORS);
    for wanted in [wanted, wanted.min(MODEST_DESCRIPTORS)] {
        if wanted <= current {
            break;
        }
        match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
            Err(error) if wanted <= MODEST_DESCRIPTORS => return Err(error.into()),
            Err(_) => {}
            Ok(()) => break,
        }
    }
    Ok(descriptor_limit())
}

/// Linux alone tells how long a thread waited for a processor.
#[cfg(target_os = "linux")]
pub(crate) fn thread_times() -> Option<ThreadTimes> {
    use rustix::time::{ClockId, clock_gettime};
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    // The first number is the other time, but as it was at the last tick.
    let waited = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let ran = clock_gettime(ClockId::ThreadCPUTime).try_into().ok()?;
    Some(ThreadTimes { ran, waited: Duration::from_nanos(waited) })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn thread_times() -> Option<ThreadTimes> {
    None
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn unix_time() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    // The coarse clock is what the last tick left in memory that is shared with the kernel: no
    // system call, no reading of a counter.
    u64::try_from(clock_gettime(ClockId::RealtimeCoarse).tv_sec).unwrap_or(0)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn unix_time() -> u64 {
    use std::time::SystemTime;
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_goes_up_and_stays() {
        let before = descriptor_limit().unwrap();
        let raised = raise_descriptor_limit().unwrap().unwrap();
        assert!(raised >= before);
        let maximum = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        assert!(raised >= maximum.min(MODEST_DESCRIPTORS));
        assert_eq!(descriptor_limit(), Some(raised));
        assert_eq!(raise_descriptor_limit().unwrap(), Some(raised));
    }
}
