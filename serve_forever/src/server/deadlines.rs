//! The deadlines of a loop's connections.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use super::handover::slots::Token;

/// A heap whose entries may be out of date.
///
/// The deadline of a connection moves with every request, mostly to a later time. Moving an entry
/// each time would be wasted work. So an entry only says when to look at the connection again, and
/// its deadline at that time is what counts.
///
/// Entries lie on a grid, so that a loop with thousands of connections wakes up once for many of
/// them and not for each. For distant deadlines, the grid is coarse and the entry is a little too
/// early ([`PART_OF_WAIT`]). Most of these deadlines will have moved by then, and the others are
/// looked at again.
///
/// The first deadline of a connection is short and nearly never reached, because the first request
/// comes before it. First deadlines have a queue of their own. It is cleared without a look at its
/// connections as soon as none of them still has its first deadline.
#[derive(Debug)]
pub(crate) struct Deadlines {
    /// The entries are small, because an idle connection has one for as long as it lives.
    heap: BinaryHeap<Reverse<(Tick, Token)>>,
    /// The first deadlines, in their order.
    first: VecDeque<(Tick, Token)>,
    /// How many first deadlines are still in force.
    first_hold: usize,
    /// The shortest time until a first deadline so far. A connection whose first request arrives at
    /// once begins with a longer one, which would block the queue for the others.
    shortest: Duration,
    /// When the first entry is due. Every round compares this.
    next: Option<Instant>,
    /// Where the grid begins.
    start: Instant,
}

/// A point of the grid. There are points for two years. A later time becomes the last point, at
/// which its connection is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(u32);

/// How much later than its deadline a connection may be told of it.
const GRAIN: Duration = Duration::from_nanos(GRAIN_NANOS);
const GRAIN_NANOS: u64 = 20_000_000;
/// How much too early an entry may be, as a fraction of the time until the deadline. For a deadline
/// in 10 s this is 160 ms: the power of two of grains below that fraction.
const PART_OF_WAIT: u32 = 32;

/// The part of this that is kept in the slot of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deadline {
    /// When the connection must be told.
    at: Option<Instant>,
    /// The earliest entry for it.
    entry: Entry,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Entry {
    /// The connection has never had an entry.
    #[default]
    New,
    /// The entry is in the queue of first deadlines.
    First(Tick),
    Heap(Tick),
    None,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            first: VecDeque::new(),
            first_hold: 0,
            shortest: Duration::MAX,
            next: None,
            start: Instant::now(),
        }
    }
}

impl Deadlines {
    /// Sets the deadline of `token`.
    pub(crate) fn set(&mut self, token: Token, deadline: &mut Deadline, at: Option<Instant>, now: Instant) {
        let before = std::mem::replace(&mut deadline.at, at);
        let Some(at) = at else { return };
        match deadline.entry {
            // The usual case: an entry that was early enough for a sooner deadline is early enough
            // for this one.
            Entry::Heap(tick) if before.is_some_and(|before| at >= before) || at >= self.time_of(tick) => {}
            Entry::Heap(_) | Entry::None => self.push(token, deadline, at, now),
            Entry::New => self.push_first(token, deadline, at, now),
            Entry::First(_) if before == Some(at) => {}
            Entry::First(_) => {
                self.release_first();
                self.push(token, deadline, at, now);
            }
        }
    }

    fn push(&mut self, token: Token, deadline: &mut Deadline, at: Instant, now: Instant) {
        let tick = self.tick_of(at, now);
        if deadline.entry != Entry::Heap(tick) {
            deadline.entry = Entry::Heap(tick);
            self.heap.push(Reverse((tick, token)));
            self.note_next(tick);
        }
    }

    fn push_first(&mut self, token: Token, deadline: &mut Deadline, at: Instant, now: Instant) {
        let wait = at.saturating_duration_since(now);
        self.shortest = self.shortest.min(wait);
        let tick = self.tick_of(at, now);
        let is_late = self.first.back().is_some_and(|&(last, _)| tick < last);
        if is_late || wait / 2 > self.shortest {
            return self.push(token, deadline, at, now);
        }
        deadline.entry = Entry::First(tick);
        self.first_hold += 1;
        self.first.push_back((tick, token));
        self.note_next(tick);
    }

    /// Notes that a first deadline is not in force any longer.
    fn release_first(&mut self) {
        self.first_hold -= 1;
        if self.first_hold == 0 {
            self.first = VecDeque::new();
            self.find_next();
        }
    }

    fn note_next(&mut self, tick: Tick) {
        let at = self.time_of(tick);
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    fn find_next(&mut self) {
        let heap = self.heap.peek().map(|&Reverse((tick, _))| tick);
        let first = self.first.front().map(|&(tick, _)| tick);
        self.next = heap.into_iter().chain(first).min().map(|tick| self.time_of(tick));
    }

    /// Forgets the deadline of a closed connection.
    pub(crate) fn forget(&mut self, deadline: &Deadline) {
        if matches!(deadline.entry, Entry::First(_)) {
            self.release_first();
        }
    }

    /// Returns the first point of the finest grid that is not before `at`, or the last point of a
    /// coarser grid that is not after it.
    fn tick_of(&self, at: Instant, now: Instant) -> Tick {
        let wait = at.saturating_duration_since(now) / PART_OF_WAIT;
        let early = wait.as_nanos() as u64 / GRAIN_NANOS;
        let since = self.nanos(at);
        let tick = if early < 2 {
            since.div_ceil(GRAIN_NANOS)
        } else {
            // The largest power of two that is not greater than that.
            let step = 1 << early.ilog2();
            since / GRAIN_NANOS / step * step
        };
        Tick(u32::try_from(tick).unwrap_or(u32::MAX))
    }

    fn time_of(&self, Tick(tick): Tick) -> Instant {
        self.start + GRAIN * tick
    }

    /// Nanoseconds since the grid began. 64 bits are enough for centuries.
    fn nanos(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_nanos() as u64
    }

    /// Returns the next entry that is due, and its token.
    #[inline]
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Tick, Token)> {
        if self.next.is_none_or(|next| next > now) {
            return None;
        }
        self.pop_first()
    }

    #[inline(never)]
    fn pop_first(&mut self) -> Option<(Tick, Token)> {
        let heap = self.heap.peek().map(|&Reverse((tick, _))| tick);
        let entry = match (self.first.front(), heap) {
            (Some(&(first, _)), heap) if heap.is_none_or(|tick| first <= tick) => self.first.pop_front(),
            _ => self.heap.pop().map(|Reverse(entry)| entry),
        };
        self.find_next();
        entry
    }

    /// Returns whether the deadline of `token`, whose entry `tick` was popped, has really passed.
    pub(crate) fn is_over(
        &mut self,
        token: Token,
        deadline: &mut Deadline,
        tick: Tick,
        now: Instant,
    ) -> bool {
        match deadline.entry {
            Entry::First(entry) if entry == tick => self.release_first(),
            Entry::Heap(entry) if entry == tick => {}
            // Another entry has replaced this one.
            _ => return false,
        }
        deadline.entry = Entry::None;
        match deadline.at {
            Some(due) if due <= now => {
                deadline.at = None;
                true
            }
            due => {
                self.set(token, deadline, due, now);
                false
            }
        }
    }

    /// Returns when to look again.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
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
        let start = deadlines.start;
        let at = |millis| start + Duration::from_millis(millis);
        let told = |deadlines: &Deadlines, due, now| deadlines.time_of(deadlines.tick_of(at(due), at(now)));
        assert_eq!(told(&deadlines, 1000, 1000), at(1000));
        assert_eq!(told(&deadlines, 1001, 1000), at(1020));
        let (early, late) = (at(1001), at(1019));
        deadlines.set(TOKEN, &mut Deadline::default(), Some(early), at(1000));
        deadlines.set(TOKEN, &mut Deadline::default(), Some(late), at(1000));
        let due = deadlines.next().expect("there is an entry");
        assert!(early <= due && late <= due);
        assert!(deadlines.pop_due(due).is_some() && deadlines.pop_due(due).is_some());
        assert!(deadlines.pop_due(due).is_none());
    }

    #[test]
    fn nobody_is_told_too_early_nor_much_too_late() {
        let millis = Duration::from_millis;
        for now in [0, 3, 19, 20, 777, 1_000_000] {
            for wait in [0, 1, 20, 199, 640, 1000, 10_000, 75_000, 600_000] {
                let mut deadlines = Deadlines::default();
                let (now, at) = (deadlines.start + millis(now), deadlines.start + millis(now + wait));
                let mut deadline = Deadline::default();
                deadlines.set(TOKEN, &mut deadline, Some(at), now);
                let (mut looks, mut clock) = (1, deadlines.next().expect("an entry"));
                assert!(clock + millis(wait) / PART_OF_WAIT >= at, "{wait} ms");
                loop {
                    let (tick, token) = deadlines.pop_due(clock).expect("it is due");
                    if deadlines.is_over(token, &mut deadline, tick, clock) {
                        break;
                    }
                    looks += 1;
                    let next = deadlines.next().expect("another entry");
                    assert!(next > clock, "{wait} ms");
                    clock = next;
                }
                assert!(clock >= at && clock - at <= GRAIN && looks <= 4, "{wait} ms: {looks} looks");
            }
        }
        // Connections that wait for the same time have few entries.
        let deadlines = Deadlines::default();
        let tick =
            |now| deadlines.tick_of(deadlines.start + millis(10_000 + now), deadlines.start + millis(now));
        assert_eq!((1..=160).map(tick).collect::<std::collections::BTreeSet<_>>().len(), 2);
    }

    #[test]
    fn a_deadline_that_moved_on_is_looked_at_again_when_it_is_due() {
        let mut deadlines = Deadlines::default();
        let start = deadlines.start;
        let (first, second) = (start + Duration::from_secs(1), start + Duration::from_secs(5));
        let mut deadline = Deadline { entry: Entry::None, ..Deadline::default() };
        deadlines.set(TOKEN, &mut deadline, Some(first), start);
        deadlines.set(TOKEN, &mut deadline, Some(second), start);

        let now = deadlines.next().expect("an entry").max(first);
        assert!(now < second);
        let (tick, token) = deadlines.pop_due(now).expect("an entry is due");
        assert!(!deadlines.is_over(token, &mut deadline, tick, now));
        let now = deadlines.next().expect("another entry").max(second);
        let (tick, token) = deadlines.pop_due(now).expect("an entry is due");
        assert!(deadlines.is_over(token, &mut deadline, tick, now));
        assert!(deadlines.next().is_none());
    }

    #[test]
    fn an_earlier_deadline_makes_the_old_entry_a_leftover() {
        let mut deadlines = Deadlines::default();
        let start = deadlines.start;
        let (late, early) = (start + Duration::from_secs(75), start + Duration::from_secs(10));
        let mut deadline = Deadline { entry: Entry::None, ..Deadline::default() };
        deadlines.set(TOKEN, &mut deadline, Some(late), start);
        deadlines.set(TOKEN, &mut deadline, Some(early), start);
        let now = deadlines.next().expect("an entry").max(early);
        let (tick, token) = deadlines.pop_due(now).expect("an entry is due");
        assert!(deadlines.is_over(token, &mut deadline, tick, now));
        let now = deadlines.next().expect("the leftover").max(late);
        let (tick, token) = deadlines.pop_due(now).expect("the leftover is due");
        assert!(!deadlines.is_over(token, &mut deadline, tick, now));
        assert!(deadlines.next().is_none());
    }

    #[test]
    fn first_deadlines_are_dropped_together_when_none_of_them_holds() {
        let mut deadlines = Deadlines::default();
        let start = deadlines.start;
        let at = |seconds| Some(start + Duration::from_secs(seconds));
        let token = |index| Token { index, generation: 1 };
        let mut slots: Vec<_> = (0..5).map(|_| Deadline::default()).collect();
        for (index, slot) in (0..).zip(&mut slots) {
            deadlines.set(token(index), slot, at(10), start);
        }
        let first = deadlines.next();
        let due = start + Duration::from_secs(10);
        // Three go on, one is closed, and one still sends nothing.
        for (index, slot) in (0..3).zip(&mut slots) {
            deadlines.set(token(index), slot, at(75), start);
        }
        deadlines.forget(&slots[3]);
        assert_eq!(deadlines.first.len(), 5);
        assert_eq!(deadlines.next(), first);
        let mut over = Vec::new();
        while let Some((tick, token)) = deadlines.pop_due(due) {
            let slot = &mut slots[token.index as usize];
            // A closed connection is not asked.
            if token.index != 3 && deadlines.is_over(token, slot, tick, due) {
                over.push(token.index);
            }
        }
        assert_eq!(over, [4]);
        assert_eq!((deadlines.first.len(), deadlines.first_hold), (0, 0));
        // Now no connection is silent any more.
        let mut late = Deadline::default();
        deadlines.set(token(7), &mut late, at(20), start);
        deadlines.set(token(7), &mut late, at(80), start);
        assert!(deadlines.first.is_empty());
        assert!(deadlines.next() > at(70));
    }

    #[test]
    fn a_first_deadline_that_is_sooner_than_those_before_it_comes_first() {
        let mut deadlines = Deadlines::default();
        let start = deadlines.start;
        let (late, early) = (start + Duration::from_secs(10), start + Duration::from_secs(1));
        let (mut one, mut other) = (Deadline::default(), Deadline::default());
        deadlines.set(TOKEN, &mut one, Some(late), start);
        deadlines.set(Token { index: 4, generation: 1 }, &mut other, Some(early), start);
        let now = deadlines.next().expect("an entry");
        assert!(now < late);
        let (tick, token) = deadlines.pop_due(now).expect("an entry is due");
        assert_eq!(token.index, 4);
        assert!(deadlines.is_over(token, &mut other, tick, now));
    }
}
