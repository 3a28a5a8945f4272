//! How far apart the two cores are: the time that a cache line takes there and back.
//!
//! Every byte on the loopback goes from one core to the other, and so do the locks around it. Two
//! threads of one core are some 80 ns apart, two cores of different clusters 400 ns, and that makes
//! a request two and a half times as expensive. On a virtual machine the host moves the cores
//! about, within seconds: what was measured at different distances must not be compared.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::pin::{self, Cores};

/// Trips whose mean is one reading; the best of some readings counts, as others were interrupted.
const TRIPS: u64 = 1_000;
const READINGS: u64 = 20;
/// A machine that is busy with other things makes a trip last as long as a turn of its scheduler.
const PATIENCE: Duration = Duration::from_millis(500);
/// Distances within this factor are alike.
const ALIKE: f64 = 1.6;

/// A line of its own for each direction.
#[repr(align(128))]
struct Line(AtomicU64);

/// Nanoseconds from the generator's core to the server's and back.
pub(crate) fn measure(cores: Cores) -> io::Result<f64> {
    let (there, back) = (Line(AtomicU64::new(0)), Line(AtomicU64::new(0)));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let echo = scope.spawn(|| {
            pin::to(cores.server)?;
            let mut seen = 0;
            while !over.load(Ordering::Relaxed) {
                let now = there.0.load(Ordering::Acquire);
                if now != seen {
                    seen = now;
                    back.0.store(now, Ordering::Release);
                }
            }
            Ok(())
        });
        let best = ping(&there.0, &back.0);
        over.store(true, Ordering::Relaxed);
        echo.join().unwrap_or_else(|_| Err(io::Error::other("the echo panicked")))?;
        best.map(|best| best.as_nanos() as f64 / TRIPS as f64)
            .ok_or_else(|| io::Error::other("the server's core is too busy to be measured"))
    })
}

/// The time of the fastest `TRIPS` trips in a row; none: not even the first ones came to an end.
fn ping(there: &AtomicU64, back: &AtomicU64) -> Option<Duration> {
    let start = Instant::now();
    let mut best = None;
    for reading in 0..READINGS {
        let begin = Instant::now();
        for trip in reading * TRIPS + 1..=(reading + 1) * TRIPS {
            there.store(trip, Ordering::Release);
            while back.load(Ordering::Acquire) != trip {
                if start.elapsed() > PATIENCE {
                    return best;
                }
            }
        }
        best = best.into_iter().chain([begin.elapsed()]).min();
    }
    best
}

/// Whether what was measured at these distances may be compared.
pub(crate) fn alike(one: f64, other: f64) -> bool {
    one <= other * ALIKE && other <= one * ALIKE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_far_are_not_alike() {
        assert!(alike(80.0, 90.0) && alike(430.0, 350.0));
        assert!(!alike(80.0, 350.0) && !alike(350.0, 80.0));
    }
}
