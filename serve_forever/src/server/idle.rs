//! Finds the connection of a loop that has been idle for the longest time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::time::Instant;

use super::handover::slots::Token;

/// A heap whose entries may be out of date, like that of the deadlines.
///
/// A connection becomes idle after every request, and an exact order would cost time with each of
/// them. The order is needed only when the server is full. So each connection has at most one
/// entry, whose time is never later than the time since which the connection is idle. A search
/// compares the first entry with its connection and moves the entry if the connection became idle
/// later. The first entry that is up to date belongs to the oldest idle connection.
#[derive(Debug)]
pub(crate) struct IdleQueue {
    heap: BinaryHeap<Reverse<(Moment, Token)>>,
    /// How many entries belong to closed connections.
    stale: usize,
    start: Instant,
}

/// Nanoseconds since the queue was made. This type is half as large as an `Instant`.
type Moment = u64;

/// The part of this that is kept in the slot of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Idleness {
    /// Since when the connection is idle, if it is.
    since: Option<Instant>,
    /// The heap has an entry for the connection.
    listed: bool,
}

impl Idleness {
    /// The connection is idle no longer.
    pub(crate) fn end(&mut self) {
        self.since = None;
    }

    /// Whether the heap has an entry for the connection.
    pub(crate) fn is_listed(self) -> bool {
        self.listed
    }

    /// Returns since when the connection is idle, for [`IdleQueue::oldest`]. A busy connection
    /// loses its entry.
    pub(crate) fn look(&mut self) -> Option<Instant> {
        self.listed = self.since.is_some();
        self.since
    }
}

impl Default for IdleQueue {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), stale: 0, start: Instant::now() }
    }
}

impl IdleQueue {
    /// The connection becomes idle.
    #[inline]
    pub(crate) fn begin(&mut self, token: Token, idleness: &mut Idleness, now: Instant) {
        idleness.since = Some(now);
        if !idleness.listed {
            idleness.listed = true;
            self.list(token, now);
        }
    }

    #[cold]
    fn list(&mut self, token: Token, now: Instant) {
        self.heap.push(Reverse((moment(self.start, now), token)));
    }

    /// Returns the connection that has been idle for the longest time, and since when. `look`
    /// returns the result of [`Idleness::look`], or `None` if the connection is closed.
    pub(crate) fn oldest(
        &mut self,
        mut look: impl FnMut(Token) -> Option<Option<Instant>>,
    ) -> Option<(Instant, Token)> {
        loop {
            let start = self.start;
            let mut first = self.heap.peek_mut()?;
            let Reverse((at, token)) = *first;
            match look(token) {
                None => {
                    PeekMut::pop(first);
                    self.stale = self.stale.saturating_sub(1);
                }
                // It gets an entry again when it becomes idle.
                Some(None) => {
                    PeekMut::pop(first);
                }
                Some(Some(since)) => {
                    let moment = moment(start, since);
                    if moment <= at {
                        return Some((since, token));
                    }
                    *first = Reverse((moment, token));
                }
            }
        }
    }

    /// Notes that a connection with an entry was closed. The entries of closed connections are
    /// removed together, when they are as many as those of open ones. `is_open` tells these apart.
    pub(crate) fn forget_one(&mut self, mut is_open: impl FnMut(Token) -> bool) {
        self.stale += 1;
        if self.stale > self.heap.len() / 2 + FEW {
            self.heap.retain(|Reverse((_, token))| is_open(*token));
            self.stale = 0;
        }
    }
}

fn moment(start: Instant, at: Instant) -> Moment {
    at.saturating_duration_since(start).as_nanos() as u64
}

/// Fewer entries than these are not worth a search.
const FEW: usize = 64;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A loop with its connections. Times are in milliseconds.
    struct Loop {
        queue: IdleQueue,
        slots: Vec<Option<Idleness>>,
        start: Instant,
        looks: usize,
    }

    impl Loop {
        fn new(connections: usize) -> Self {
            Self {
                queue: IdleQueue::default(),
                slots: vec![Some(Idleness::default()); connections],
                start: Instant::now(),
                looks: 0,
            }
        }

        fn idle(&mut self, index: usize, millis: u64) {
            let now = self.start + Duration::from_millis(millis);
            let slot = self.slots[index].as_mut().expect("it is open");
            self.queue.begin(token(index), slot, now);
        }

        fn busy(&mut self, index: usize) {
            self.slots[index].as_mut().expect("it is open").end();
        }

        fn oldest(&mut self) -> Option<usize> {
            let (slots, looks) = (&mut self.slots, &mut self.looks);
            let oldest = self.queue.oldest(|token| {
                *looks += 1;
                slots[token.index as usize].as_mut().map(Idleness::look)
            });
            oldest.map(|(_, token)| token.index as usize)
        }

        fn close(&mut self, index: usize) {
            let slot = self.slots[index].take().expect("it is open");
            if slot.is_listed() {
                let slots = &self.slots;
                self.queue.forget_one(|token| slots[token.index as usize].is_some());
            }
        }
    }

    fn token(index: usize) -> Token {
        Token { index: u32::try_from(index).expect("few"), generation: 0 }
    }

    #[test]
    fn the_oldest_is_found_whatever_was_asked_meanwhile() {
        let mut each = Loop::new(4);
        assert_eq!(each.oldest(), None);
        for index in 0..4 {
            each.idle(index, index as u64);
        }
        assert_eq!(each.oldest(), Some(0));
        // Each makes a request, in another order. One is still busy.
        for (index, millis) in [(2, 10), (0, 11), (1, 12)] {
            each.busy(index);
            each.idle(index, millis);
        }
        each.busy(3);
        let mut order = Vec::new();
        while let Some(index) = each.oldest() {
            assert_eq!(each.oldest(), Some(index), "it stays until it is closed");
            each.close(index);
            order.push(index);
        }
        assert_eq!(order, [2, 0, 1]);
        each.idle(3, 20);
        assert_eq!(each.oldest(), Some(3));
    }

    #[test]
    fn the_oldest_of_many_is_found_without_a_look_at_all_of_them() {
        const CONNECTIONS: usize = 65_536;
        const CAME: usize = 10_000;
        let mut each = Loop::new(CONNECTIONS);
        for index in 0..CONNECTIONS {
            each.idle(index, 0);
        }
        // All of them have made more requests since, which add no entries.
        for round in 1..=3_u64 {
            for index in 0..CONNECTIONS {
                each.busy(index);
                each.idle(index, round * 100_000 + index as u64);
            }
        }
        assert_eq!(each.queue.heap.len(), CONNECTIONS);
        for expected in 0..CAME {
            assert_eq!(each.oldest(), Some(expected));
            each.close(expected);
        }
        // Each entry was updated once. Further searches find it up to date.
        assert!(each.looks <= CONNECTIONS + 2 * CAME, "{} looks", each.looks);
    }

    #[test]
    fn connections_that_are_closed_leave_no_heap_of_entries() {
        let mut each = Loop::new(1);
        let mut most = 0;
        for round in 0..10_000 {
            each.slots.push(Some(Idleness::default()));
            let index = each.slots.len() - 1;
            each.idle(index, round);
            each.close(index);
            most = most.max(each.queue.heap.len());
        }
        assert!(most <= 3 * FEW, "{most} entries for no connection");
    }
}
