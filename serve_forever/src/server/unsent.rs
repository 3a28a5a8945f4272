//! Counts the bytes of responses that wait in memory for their clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The count for the whole server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unsent(Arc<AtomicUsize>);

/// The share of one holder. Dropping it subtracts its bytes from the count, so it lives beside the
/// memory that it counts.
#[derive(Debug)]
pub(crate) struct Charge {
    unsent: Unsent,
    bytes: usize,
}

/// The progress of a connection that waits for its client to take or to send something.
#[derive(Clone, Copy, Debug, Default)]
#[doc(hidden)]
pub struct Load {
    /// Bytes that the client has taken or sent so far. If the number is smaller than before, it
    /// belongs to another response or request.
    pub(crate) sent: u64,
    /// Bytes in memory that wait for the client.
    pub(crate) held: usize,
    /// The system reports progress only in large steps. The client may make progress in between.
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
    /// Sets how many bytes the holder has.
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
