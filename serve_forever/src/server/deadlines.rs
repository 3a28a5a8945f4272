//! The deadlines of a loop's connections.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::handover::slots::Token;

/// A heap that is allowed to be out of date.
///
/// A connection's deadline moves with every request, mostly to a later time; moving an entry each time would be
/// work for nothing. So an entry only says when to look at the connection again: whoever pops it compares
/// with the deadline that the connection has by then.
///
/// Entries lie on a grid of [`GRAIN`], so that a loop with thousands of connections wakes up once for many of them
/// and not for each.
#[derive(Debug)]
pub(crate) struct Deadlines {
    heap: BinaryHeap<Reverse<(Instant, Token)>>,
    /// Where the grid begins.
    start: Instant,
}

/// How much later than its deadline a connection may be told.
const GRAIN: Duration = Duration::from_millis(20);

/// What a slot knows of its deadline.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deadline {
    /// When the connection is to be told.
    at: Option<Instant>,
    /// The earliest entry that the heap has for it.
    entry: Option<Instant>,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), start: Instant::now() }
    }
}

impl Deadlines {
    /// Sets the deadline of `token`.
    pub(crate) fn set(&mut self, token: Token, deadline: &mut Deadline, at: Option<Instant>) {
        deadline.at = at;
        let Some(at) = at.filter(|at| deadline.entry.is_none_or(|entry| *at < entry)) else { return };
        let at = self.on_grid(at);
        if deadline.entry != Some(at) {
            deadline.entry = Some(at);
            self.heap.push(Reverse((at, token)));
        }
    }

    /// The first point of the grid that is not before `at`.
    fn on_grid(&self, at: Instant) -> Instant {
        let grain = GRAIN.as_nanos() as u64;
        let since = at.saturating_duration_since(self.start).as_nanos() as u64;
        self.start
            .checked_add(Duration::from_nanos(since.div_ceil(grain).saturating_mul(grain)))
            .unwrap_or(at)
    }

    /// The next token whose entry is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Token)> {
        let &Reverse((at, _)) = self.heap.peek()?;
        if at > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    /// The entry `at` of `token` was popped: true when its deadline is really over.
    pub(crate) fn is_over(
        &mut self,
        token: Token,
        deadline: &mut Deadline,
        at: Instant,
        now: Instant,
    ) -> bool {
        if deadline.entry != Some(at) {
            // An earlier entry has taken over since; this one is a leftover.
            return false;
        }
        deadline.entry = None;
        match deadline.at {
            Some(due) if due <= now => {
                deadline.at = None;
                true
            }
            due => {
                self.set(token, deadline, due);
                false
            }
        }
    }

    /// When to look again.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TOKEN: Token = Token { index: 3, generation: 1 };

    #[test]
    fn deadlines_that_are_close_together_are_looked_at_together() {
        let mut deadlines = Deadlines::default();
        let at = |millis| deadlines.start + Duration::from_millis(millis);
        assert_eq!(deadlines.on_grid(at(1000)), at(1000));
        assert_eq!(deadlines.on_grid(at(1001)), at(1020));
        let (early, late) = (at(1001), at(1019));
        deadlines.set(TOKEN, &mut Deadline::default(), Some(early));
        deadlines.set(TOKEN, &mut Deadline::default(), Some(late));
        let due = deadlines.next().expect("there is an entry");
        assert!(early <= due && late <= due);
        assert!(deadlines.pop_due(due).is_some() && deadlines.pop_due(due).is_some());
    }

    #[test]
    fn a_deadline_that_moved_on_is_looked_at_again_when_it_is_due() {
        let mut deadlines = Deadlines::default();
        let start = deadlines.start;
        let (first, second) = (start + Duration::from_secs(1), start + Duration::from_secs(5));
        let mut deadline = Deadline::default();
        deadlines.set(TOKEN, &mut deadline, Some(first));
        deadlines.set(TOKEN, &mut deadline, Some(second));
        assert_eq!(deadlines.next(), Some(first));

        let (at, token) = deadlines.pop_due(first).expect("an entry is due");
        assert!(!deadlines.is_over(token, &mut deadline, at, first));
        assert_eq!(deadlines.next(), Some(second));
        let (at, token) = deadlines.pop_due(second).expect("an entry is due");
        assert!(deadlines.is_over(token, &mut deadline, at, second));
        assert!(deadlines.next().is_none());
    }

    #[test]
    fn an_earlier_deadline_makes_the_old_entry_a_leftover() {
        let mut deadlines = Deadlines::default();
        let start = deadlines.start;
        let (late, early) = (start + Duration::from_secs(75), start + Duration::from_secs(10));
        let mut deadline = Deadline::default();
        deadlines.set(TOKEN, &mut deadline, Some(late));
        deadlines.set(TOKEN, &mut deadline, Some(early));
        let (at, token) = deadlines.pop_due(early).expect("an entry is due");
        assert!(deadlines.is_over(token, &mut deadline, at, early));
        let (at, token) = deadlines.pop_due(late).expect("the leftover is due");
        assert!(!deadlines.is_over(token, &mut deadline, at, late));
        assert!(deadlines.next().is_none());
    }
}
