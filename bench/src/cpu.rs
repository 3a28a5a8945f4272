//! CPU time of a process, exact to the nanosecond.

use std::io;
use std::time::Duration;

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// The CPU time of all threads of process `pid`: the sum of the first fields of
/// `/proc/PID/task/*/schedstat`, taken by the kernel at once, and threads that have ended count,
/// too. (`utime` and `stime` of `/proc/PID/stat` would have those as well, but in ticks of 10 ms.)
pub(crate) fn time(pid: u32) -> io::Result<Duration> {
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    let time = clock_gettime(clock_getcpuclockid(Pid::from_raw(pid))?)?;
    Ok(Duration::new(time.tv_sec().unsigned_abs(), time.tv_nsec() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_counts_threads_that_have_ended() {
        let pid = std::process::id();
        let before = time(pid).unwrap();
        let spent = std::thread::spawn(|| {
            let start = std::time::Instant::now();
            while start.elapsed() < Duration::from_millis(50) {
                std::hint::spin_loop();
            }
        });
        spent.join().unwrap();
        let used = time(pid).unwrap().checked_sub(before).unwrap();
        // Contention makes the thread's share smaller than its 50 ms.
        assert!(used > Duration::from_millis(5), "{used:?}");
    }
}
