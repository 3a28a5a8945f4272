//! Remembers which kinds of requests have blocked.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// A score for each kind of request. It rises with each hand-over and falls with each fast return.
///
/// A request with a high score starts on a spare thread at once, and the driver keeps its loop.
/// Otherwise, each blocking request would hold the other connections up for a tick of the monitor.
#[derive(Debug)]
pub(crate) struct Learned {
    scores: Box<[AtomicU8; SLOTS]>,
    /// Whether the last request of this kind that ran on a spare thread computed.
    computes: Box<[AtomicBool; SLOTS]>,
}

/// A kind of request. Two kinds may share an entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(u16);

impl Kind {
    /// Returns the kind that `parts` name, such as a method and a path. Digits are ignored, because
    /// the same code serves `/user/1` and `/user/2`.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        // The table is a hint. An attacker who causes collisions only gains a spare thread, which
        // any client can have. So a fast hash without a key is enough.
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for part in parts {
            for &byte in *part {
                if !byte.is_ascii_digit() {
                    hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
                }
            }
            hash = hash.rotate_left(7);
        }
        Self(((hash ^ (hash >> 32)) as u16) & (SLOTS as u16 - 1))
    }

    /// The kind of work that is not a request: a part of a response, or a whole connection. The
    /// next one may behave quite differently from the last one, and is already under way.
    pub(crate) fn part(name: &str) -> Self {
        Self(Self::of(&[name.as_bytes()]).0 | PART)
    }

    fn slot(self) -> usize {
        usize::from(self.0) % SLOTS
    }
}

impl Learned {
    pub(crate) fn new() -> Self {
        Self {
            scores: Box::new([const { AtomicU8::new(0) }; SLOTS]),
            computes: Box::new([const { AtomicBool::new(false) }; SLOTS]),
        }
    }

    /// Whether requests of this kind have mostly blocked of late.
    pub(crate) fn is_slow(&self, kind: Kind) -> bool {
        self.score(kind).load(Ordering::Relaxed) >= THRESHOLD
    }

    /// Notes that such a request lost its loop, or would have lost it.
    pub(crate) fn blocked(&self, kind: Kind) {
        let score = self.score(kind);
        // This is not atomic as a whole. A lost update of a hint does no harm.
        score.store(score.load(Ordering::Relaxed).saturating_add(STEP).min(MOST), Ordering::Relaxed);
    }

    /// Notes that such a request returned soon.
    pub(crate) fn returned(&self, kind: Kind) {
        let score = self.score(kind);
        let value = score.load(Ordering::Relaxed);
        if value > 0 {
            score.store(value - 1, Ordering::Relaxed);
        }
    }

    /// Whether requests of this kind are slow because they compute.
    pub(crate) fn computes(&self, kind: Kind) -> bool {
        kind.0 & PART == 0 && self.is_slow(kind) && self.computes[kind.slot()].load(Ordering::Relaxed)
    }

    /// Notes whether such a request has computed on a spare thread.
    pub(crate) fn computed(&self, kind: Kind, did: bool) {
        if kind.0 & PART == 0 {
            self.computes[kind.slot()].store(did, Ordering::Relaxed);
        }
    }

    fn score(&self, kind: Kind) -> &AtomicU8 {
        &self.scores[kind.slot()]
    }
}

const SLOTS: usize = 1024;
/// A bit beyond the slots.
const PART: u16 = 1 << 15;
/// One blocker in so many requests keeps a kind on spare threads.
const STEP: u8 = 8;
const THRESHOLD: u8 = 8;
const MOST: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_blocked_starts_on_a_spare_until_it_returned_fast_often_enough() {
        let learned = Learned::new();
        let kind = Kind::of(&[b"GET", b"/slow"]);
        assert!(!learned.is_slow(kind));
        learned.blocked(kind);
        assert!(learned.is_slow(kind));
        for _ in 0..STEP {
            learned.returned(kind);
        }
        assert!(!learned.is_slow(kind));
    }

    #[test]
    fn a_kind_computes_as_long_as_it_is_slow_and_the_last_one_did() {
        let learned = Learned::new();
        let kind = Kind::of(&[b"GET", b"/hash"]);
        learned.computed(kind, true);
        assert!(!learned.computes(kind));
        learned.blocked(kind);
        assert!(learned.computes(kind));
        learned.computed(kind, false);
        assert!(!learned.computes(kind) && learned.is_slow(kind));

        let part = Kind::part("source");
        learned.computed(part, true);
        learned.blocked(part);
        assert!(!learned.computes(part) && learned.is_slow(part));
    }

    #[test]
    fn digits_do_not_make_another_kind() {
        assert_eq!(Kind::of(&[b"GET", b"/user/17"]), Kind::of(&[b"GET", b"/user/8"]));
        assert_ne!(Kind::of(&[b"GET", b"/user/17"]), Kind::of(&[b"PUT", b"/user/17"]));
    }
}
