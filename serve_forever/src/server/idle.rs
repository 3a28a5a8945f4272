//! The idle connections of a loop: which one has been idle for the longest time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::time::Instant;

use super::handover::slots::Token;

/// A heap that is allowed to be out of date, as that of the deadlines is.
///
/// A connection becomes idle with every request and stops being so with the next one. To keep an
/// exact order would cost every request something, and it is only asked for when the server is
/// full. So each connection has one entry at most, with a time that is never later than the one
/// since which it is idle: whoever comes to the first entry compares it with what the connection
/// says, and moves it if that is later. The first entry that is right is the oldest of all.
#[derive(Debug)]
pub(crate) struct IdleQueue {
    heap: BinaryHeap<Reverse<(Moment, Token)>>,
    /// Entries of connections that are closed.
    stale: usize,
    start: Instant,
}

/// Nanoseconds since the queue was made: half as large as an `Instant`.
type Moment = u64;

/// What a slot knows of this.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Idleness {
    /// Since when nothing is under way, if so.
    since: Option<Instant>,
    /// The heap has an entry for it.
    listed: bool,
}

impl Idleness {
    /// Something is under way.
    pub(crate) fn end(&mut self) {
        self.since = None;
    }

    /// Whether the heap has an entry for it.
    pub(crate) fn is_listed(self) -> bool {
        self.listed
    }

    /// Since when it is idle, for [`IdleQueue::oldest`]. One that is busy loses its entry.
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
    /// The connection is idle from now on.
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

    /// The connection that has been idle for the longest time. `look` gives what [`Idleness::look`]
    /// says of a connection; `None`: it is closed.
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
                // Listed again when it becomes idle.
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

    /// A connection that was listed is closed. Entries are removed together, when they are as many
    /// as those of connections that are open: `is_open` tells which these are.
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

/// Entries for which it does not pay to look.
const FEW: usize = 64;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A loop as far as this concerns it. The time is a number of milliseconds.
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
        // A request each, in another order; one is still busy.
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
        // Every one of them has made requests since, which cost no entry.
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
        // Each entry was brought up to date once; the others were right at once.
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
