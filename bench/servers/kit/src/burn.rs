//! Work that costs a fixed amount of CPU, however many threads contend for the core.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Multiplications between two looks at the clock: some 10 µs, so that the look (a system call)
/// hardly counts.
const STRIDE: u32 = 10_000;

/// Keeps the core busy until this thread has used `time` of it. Wall time would let contention
/// shorten the work.
pub fn burn(time: Duration) {
    let end = thread_time() + time;
    let mut number = 1_u64;
    while thread_time() < end {
        for _ in 0..STRIDE {
            number = black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
}

fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}
