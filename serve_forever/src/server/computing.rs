//! Handlers that compute take turns, so that the loops get their share of the processors.
//!
//! A thread that wakes up gets a processor the later, the more others want one: with thirty that compute, a loop often has to
//! wait for a millisecond or more. Nothing is lost if most of these wait in their loops instead of in the queue of the system.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::sys::{ThreadTimes, thread_times};

/// How many handlers of kinds that compute run on spare threads.
#[derive(Debug)]
pub(crate) struct Computing {
    running: AtomicUsize,
    most: usize,
}

impl Computing {
    pub(crate) fn new(most: usize) -> Self {
        Self { running: AtomicUsize::new(0), most }
    }

    /// A turn for one more, to be given back with [`Computing::finish`].
    #[must_use]
    pub(crate) fn try_start(&self) -> bool {
        self.running
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |running| {
                (running < self.most).then_some(running + 1)
            })
            .is_ok()
    }

    /// A turn is over. Before its permit is given back: whoever waits is told then, and has to find it.
    pub(crate) fn finish(&self) {
        self.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Tells whether a thread computes or waits for something.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    began: Instant,
    times: Option<ThreadTimes>,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        // In this order, and at the end the other way round: a wait for a processor that comes in between must not look
        // like rest.
        let times = thread_times();
        Self { began: Instant::now(), times }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether the calling thread, which must be the same, has computed whenever it could. Unknown where the system does
    /// not tell.
    pub(crate) fn has_computed(&self) -> Option<bool> {
        let elapsed = self.elapsed();
        if elapsed < WORTH_A_TURN {
            return Some(false);
        }
        let (before, after) = (self.times?, thread_times()?);
        Some(computed(
            after.ran.saturating_sub(before.ran),
            after.waited.saturating_sub(before.waited),
            elapsed,
        ))
    }
}

/// `waited`: for a processor.
fn computed(ran: Duration, waited: Duration, elapsed: Duration) -> bool {
    ran >= WORTH_A_TURN && ran * 5 >= elapsed.saturating_sub(waited) * 4
}

/// What computes for less than this does not keep anybody waiting.
const WORTH_A_TURN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_bounded() {
        let computing = Computing::new(2);
        assert!(computing.try_start() && computing.try_start() && !computing.try_start());
        computing.finish();
        assert!(computing.try_start() && !computing.try_start());
    }

    #[test]
    fn to_wait_for_a_processor_is_no_rest() {
        let did = |ran, waited, elapsed| {
            let [ran, waited, elapsed] = [ran, waited, elapsed].map(Duration::from_millis);
            computed(ran, waited, elapsed)
        };
        assert!(did(10, 0, 10) && did(10, 310, 320) && did(8, 0, 10));
        assert!(!did(7, 0, 10) && !did(1, 0, 50) && !did(1, 20, 50) && !did(0, 10, 10));
    }

    #[cfg(all(target_os = "linux", not(feature = "portable-sys")))]
    #[test]
    fn the_system_tells_who_computes() {
        let watch = Stopwatch::start();
        while watch.times.is_some_and(|before| {
            thread_times().is_some_and(|now| now.ran < before.ran + Duration::from_millis(5))
        }) {}
        assert_eq!(watch.has_computed(), Some(true));
        let watch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(watch.has_computed(), Some(false));
    }
}
