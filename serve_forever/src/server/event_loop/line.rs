//! The requests of a loop that wait for permits.

use std::collections::VecDeque;
use std::time::Instant;

use crate::server::handover::slots::Token;

/// Requests that wait for a permit, in the order in which they get one.
///
/// A request that has arrived as a whole goes before one whose handler would wait for the rest of
/// its body. Otherwise thousands of slow uploads would fill the line, and each of them would hold
/// its permit for as long as its client likes.
#[derive(Debug, Default)]
pub(super) struct Line {
    whole: VecDeque<Waiting>,
    partial: VecDeque<Waiting>,
}

/// A request in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) token: Token,
    /// When it may next take the thread of a handler that waits for a slow client.
    pub(super) evicts_at: Instant,
    /// All of it has arrived.
    pub(super) is_whole: bool,
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.whole.len() + self.partial.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many requests have arrived as a whole, or how many have not.
    pub(super) fn count(&self, is_whole: bool) -> usize {
        if is_whole { self.whole.len() } else { self.partial.len() }
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        self.queue(waiting.is_whole).push_back(waiting);
    }

    /// Takes out the first request of those that have arrived as a whole, or of those that have
    /// not.
    pub(super) fn pop(&mut self, is_whole: bool) -> Option<Waiting> {
        self.queue(is_whole).pop_front()
    }

    fn queue(&mut self, is_whole: bool) -> &mut VecDeque<Waiting> {
        if is_whole { &mut self.whole } else { &mut self.partial }
    }

    /// Takes out the request that has the worst place, if it has not arrived as a whole.
    pub(super) fn pop_last_partial(&mut self) -> Option<Waiting> {
        self.partial.pop_back()
    }

    pub(super) fn remove(&mut self, token: Token) {
        for queue in [&mut self.whole, &mut self.partial] {
            queue.retain(|waiting| waiting.token != token);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.whole.iter().chain(&self.partial)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Waiting> {
        self.whole.iter_mut().chain(&mut self.partial)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_requests_go_first_and_the_others_lose_their_places_first() {
        let token = |index| Token { index, generation: 0 };
        let waiting = |index, is_whole| Waiting { token: token(index), evicts_at: Instant::now(), is_whole };
        let mut line = Line::default();
        for (index, is_whole) in [(1, false), (2, true), (3, false), (4, true), (5, false)] {
            line.push(waiting(index, is_whole));
        }
        line.remove(token(3));
        let order = |line: &Line| -> Vec<u32> { line.iter().map(|waiting| waiting.token.index).collect() };
        assert_eq!((order(&line), line.len()), (vec![2, 4, 1, 5], 4));
        assert_eq!(line.pop_last_partial().map(|waiting| waiting.token), Some(token(5)));
        assert_eq!(line.pop(false).map(|waiting| waiting.token), Some(token(1)));
        assert_eq!((line.pop_last_partial(), line.count(false), line.count(true)), (None, 0, 2));
        assert_eq!(line.pop(true).map(|waiting| waiting.token), Some(token(2)));
        assert!(!line.is_empty());
        line.clear();
        assert!(line.is_empty());
    }
}
