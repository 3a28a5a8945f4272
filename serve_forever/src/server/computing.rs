//! Handlers that compute take turns, so that the loops get their share of the processors.
//!
//! The more threads want a processor, the later a thread that wakes up gets one. Beside thirty
//! threads that compute, a loop often waits for a millisecond or more. Short computations lose
//! nothing if most of them wait in their loops instead of in the queue of the system.
//!
//! This is not a limit. No request is refused because of it, and a handler that keeps its place for
//! long, because it computes for long or waits after all, keeps it from others only for a while.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sync::lock;
use crate::sys::{ThreadTimes, thread_times};

/// The places of handlers that run on spare threads and whose kinds are known to compute.
#[derive(Debug)]
pub(crate) struct Computing {
    /// How many places there are. `None`: no handler needs one.
    most: Option<usize>,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    taken: Vec<Place>,
    next: u64,
}

/// The place of one handler, which it loses after a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    number: u64,
    since: Instant,
}

impl Computing {
    /// Makes `most` places, but at least one.
    pub(crate) fn new(most: Option<usize>) -> Self {
        Self { most: most.map(|most| most.max(1)), places: Mutex::default() }
    }

    /// Whether handlers need places.
    pub(crate) fn is_limited(&self) -> bool {
        self.most.is_some()
    }

    /// Takes a place, if one is free. It must be given back.
    #[must_use]
    pub(crate) fn try_take(&self, now: Instant) -> Option<Place> {
        let places = &mut *lock(&self.places);
        places.taken.retain(|place| now < place.since + LONGEST);
        if places.taken.len() >= self.most.unwrap_or(usize::MAX) {
            return None;
        }
        let place = Place { number: places.next, since: now };
        places.next += 1;
        places.taken.push(place);
        Some(place)
    }

    /// Gives a place back. This comes before the permit is given back, because that wakes the loops
    /// that wait, and they must find the place.
    pub(crate) fn give_back(&self, place: Place) {
        lock(&self.places).taken.retain(|taken| taken.number != place.number);
    }
}

/// After this time, a place can be taken by another handler as well. Loops that wait look again
/// after this time.
pub(crate) const LONGEST: Duration = Duration::from_millis(50);

/// Measures whether a thread computes or waits.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    began: Instant,
    times: Option<ThreadTimes>,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        // At the end, these are read in the opposite order. So a wait for a processor in between
        // does not look as if the thread had rested.
        let times = thread_times();
        Self { began: Instant::now(), times }
    }

    /// Returns whether the thread has computed whenever it had a processor, or `None` where the
    /// system does not tell. The calling thread must be the one that started this.
    pub(crate) fn has_computed(&self) -> Option<bool> {
        let elapsed = self.began.elapsed();
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

/// `waited` is the time for which the thread waited for a processor.
fn computed(ran: Duration, waited: Duration, elapsed: Duration) -> bool {
    ran >= WORTH_A_TURN && ran * 5 >= elapsed.saturating_sub(waited) * 4
}

/// A shorter computation does not keep other threads waiting.
const WORTH_A_TURN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_lost_after_a_while() {
        let computing = Computing::new(Some(2));
        let start = Instant::now();
        let first = computing.try_take(start).expect("the first place");
        assert!(computing.try_take(start).is_some() && computing.try_take(start).is_none());
        computing.give_back(first);
        computing.give_back(first);
        assert!(computing.try_take(start).is_some() && computing.try_take(start).is_none());
        let later = start + LONGEST;
        assert!(computing.try_take(later).is_some() && computing.try_take(later).is_some());
        assert!(computing.try_take(later).is_none());
    }

    #[test]
    fn there_is_one_place_at_least() {
        let (none, unlimited) = (Computing::new(Some(0)), Computing::new(None));
        let now = Instant::now();
        assert!(none.is_limited() && none.try_take(now).is_some() && none.try_take(now).is_none());
        assert!(!unlimited.is_limited() && (0..1000).all(|_| unlimited.try_take(now).is_some()));
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
