//! Bytes in memory that wait until clients take them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many there are in the whole server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unsent(Arc<AtomicUsize>);

/// What one holder has of them. It gives them back when it is dropped, so it lives beside the
/// memory that it counts.
#[derive(Debug)]
pub(crate) struct Charge {
    unsent: Unsent,
    bytes: usize,
}

/// How far a connection is that waits for its client to take or to send something.
#[derive(Clone, Copy, Debug, Default)]
#[doc(hidden)]
pub struct Load {
    /// Bytes that the client took or sent so far. A smaller number than the last one belongs to
    /// another response or request.
    pub(crate) sent: u64,
    /// Bytes in memory that wait for it.
    pub(crate) held: usize,
    /// The system reports progress in large steps, between which the client may go on.
    pub(crate) in_steps: bool,
}

impl Unsent {
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn charge(&self) -> Charge {
        Charge { unsent: self.clone(), bytes: 0 }
    }
}

impl Charge {
    /// The holder has `bytes` now.
    pub(crate) fn set(&mut self, bytes: usize) {
        let change = bytes.wrapping_sub(std::mem::replace(&mut self.bytes, bytes));
        if change != 0 {
            self.unsent.0.fetch_add(change, Ordering::Relaxed);
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_charged_is_given_back() {
        let unsent = Unsent::default();
        let (mut one, mut other) = (unsent.charge(), unsent.charge());
        one.set(10);
        other.set(5);
        one.set(3);
        assert_eq!(unsent.bytes(), 8);
        drop(one);
        assert_eq!(unsent.bytes(), 5);
        other.set(0);
        assert_eq!(unsent.bytes(), 0);
    }
}
