//! Measures how fast bytes have moved recently.

use std::time::{Duration, Instant};

/// Counts the bytes of the last few seconds. An average over a whole transfer would favour a client
/// that began with a burst and has stalled since over one that is sending now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throughput {
    since: Instant,
    /// The number of the window that `current` counts.
    window: u32,
    current: u64,
    /// Bytes of the window before that.
    previous: u64,
}

impl Throughput {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, window: 0, current: 0, previous: 0 }
    }

    /// Counts moved bytes.
    pub(crate) fn add(&mut self, bytes: u64, now: Instant) {
        self.advance(now);
        self.current = self.current.saturating_add(bytes);
    }

    /// Returns the bytes per second of this window and the one before it. The first second counts
    /// as a whole second, so that the size of the first packet does not decide.
    pub(crate) fn rate(mut self, now: Instant) -> u64 {
        let time = self.advance(now);
        let counted = if self.window == 0 { time } else { time.saturating_sub(WINDOW * (self.window - 1)) };
        let millis = u64::try_from(counted.max(SHORTEST).as_millis()).unwrap_or(u64::MAX);
        self.current.saturating_add(self.previous).saturating_mul(1000) / millis
    }

    /// Whether bytes have moved more slowly than `rate` bytes per second, for at least a second.
    pub(crate) fn is_below(self, rate: u64, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= SHORTEST && self.rate(now) < rate
    }

    /// Goes on to the window of `now`. Returns the time since the beginning.
    fn advance(&mut self, now: Instant) -> Duration {
        // Windows for a hundred years fit.
        let time = now.saturating_duration_since(self.since);
        let window = u32::try_from(time.as_millis() / WINDOW.as_millis()).unwrap_or(u32::MAX);
        if window > self.window {
            self.previous = if window == self.window + 1 { self.current } else { 0 };
            self.current = 0;
            self.window = window;
        }
        time
    }
}

/// The length of a window.
const WINDOW: Duration = Duration::from_secs(2);
/// The shortest time that a rate is averaged over.
const SHORTEST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_forgotten() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut burst = Throughput::new(start);
        burst.add(1_000_000, at(10));
        assert_eq!(burst.rate(at(500)), 1_000_000);
        assert_eq!(burst.rate(at(1900)), 526_315);
        assert_eq!(burst.rate(at(2500)), 400_000);
        assert_eq!(burst.rate(at(4000)), 0);
        let mut steady = Throughput::new(start);
        for tenth in 1..=50 {
            steady.add(2000, at(tenth * 100));
        }
        assert!((15_000..25_000).contains(&steady.rate(at(5000))), "{}", steady.rate(at(5000)));
        assert_eq!(steady.rate(at(60_000)), 0);
    }
}
