//! What one peer address holds: connections and permits.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use crate::sync::lock;

/// Counts by address. An address that holds nothing has no entry.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    counts: Mutex<HashMap<IpAddr, usize>>,
}

impl Peers {
    /// One more for `address`.
    pub(crate) fn add(&self, address: IpAddr) {
        *lock(&self.counts).entry(address).or_default() += 1;
    }

    /// One more for `address`, unless it has `most` already.
    #[must_use]
    pub(crate) fn try_add(&self, address: IpAddr, most: usize) -> bool {
        let mut counts = lock(&self.counts);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        true
    }

    /// One less for `address`.
    pub(crate) fn remove(&self, address: IpAddr) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }

    /// How many `address` has.
    pub(crate) fn count(&self, address: IpAddr) -> usize {
        lock(&self.counts).get(&address).copied().unwrap_or(0)
    }
}
