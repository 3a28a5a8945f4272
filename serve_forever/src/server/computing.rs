//! Handlers that compute take turns, so that the loops get their share of the processors.
//!
//! A thread that wakes up gets a processor the later, the more others want one: with thirty that compute, a loop often has to
//! wait for a millisecond or more. Short computations lose nothing if most of them wait in their loops instead of in the
//! queue of the system.
//!
//! This is a courtesy and no limit: nobody is refused for it, and who holds a place for long, be it that he computes for long or that
//! he waits for something after all, keeps it from others only for a while.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sync::lock;
use crate::sys::{ThreadTimes, thread_times};

/// The handlers of kinds that compute which run on spare threads.
#[derive(Debug)]
pub(crate) struct Computing {
    /// `None`: no limit, and nobody needs a place.
    most: Option<usize>,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    taken: Vec<Place>,
    next: u64,
}

/// A place of one that computes; it is lost after a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    number: u64,
    since: Instant,
}

impl Computing {
    /// At most so many at a time, but one at least.
    pub(crate) fn new(most: Option<usize>) -> Self {
        Self { most: most.map(|most| most.max(1)), places: Mutex::default() }
    }

    /// Whether there are places at all.
    pub(crate) fn is_limited(&self) -> bool {
        self.most.is_some()
    }

    /// A place for one more, to be given back.
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

    /// A place is free again. Before its permit is given back: whoever waits is told then, and has to find it.
    pub(crate) fn give_back(&self, place: Place) {
        lock(&self.places).taken.retain(|taken| taken.number != place.number);
    }
}

/// After so long a place is another's, too. Whoever waits looks as often.
pub(crate) const LONGEST: Duration = Duration::from_millis(50);

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

    /// Whether the calling thread, which must be the same, has computed whenever it could. Unknown where the system does
    /// not tell.
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
