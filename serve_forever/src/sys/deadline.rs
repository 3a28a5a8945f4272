//! From a deadline to the timeout of one system call.

use std::time::{Duration, Instant};

const NANOSECONDS_PER_MILLISECOND: u128 = 1_000_000;

/// The time until `deadline`, at most `longest`, in whole milliseconds. Rounded up: a wait that
/// ends a fraction early would be repeated with a timeout of 0 until the clock catches up.
pub(super) fn time_left(deadline: Instant, longest: Duration) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now()).min(longest);
    Duration::from_millis(left.as_nanos().div_ceil(NANOSECONDS_PER_MILLISECOND) as u64)
}

/// Whether the deadline, if there is one, has come.
pub(super) fn has_come(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn rounds_up() {
        let left = time_left(Instant::now() + Duration::from_micros(59_999_999), HOUR);
        assert_eq!(left.subsec_nanos() % 1_000_000, 0);
        assert!(left <= Duration::from_secs(60));
        assert!(left > Duration::from_secs(30));
    }

    #[test]
    fn bounds_far_deadlines_and_past_ones() {
        assert_eq!(time_left(Instant::now() + 100_000 * HOUR, HOUR), HOUR);
        assert_eq!(time_left(Instant::now(), HOUR), Duration::ZERO);
    }

    #[test]
    fn no_deadline_never_comes() {
        assert!(!has_come(None));
        assert!(has_come(Some(Instant::now())));
        assert!(!has_come(Some(Instant::now() + HOUR)));
    }
}
