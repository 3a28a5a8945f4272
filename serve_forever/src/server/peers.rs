//! Counts the connections and permits of each client address. Clients of Unix sockets have no
//! address, so nothing is counted for them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use crate::sync::lock;
use crate::sys::NO_ADDRESS;

/// A count for each address. An address without connections or permits has no entry.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    counts: Mutex<HashMap<IpAddr, usize>>,
}

impl Peers {
    /// Counts one more for `address`.
    pub(crate) fn add(&self, address: IpAddr) {
        if address == NOBODY {
            return;
        }
        *lock(&self.counts).entry(address).or_default() += 1;
    }

    /// Counts one more for `address`, unless its count is `most` already.
    #[must_use]
    pub(crate) fn try_add(&self, address: IpAddr, most: usize) -> bool {
        if address == NOBODY {
            return true;
        }
        let mut counts = lock(&self.counts);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        true
    }

    /// Counts one less for `address`.
    pub(crate) fn remove(&self, address: IpAddr) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }

    /// Returns the count of `address`.
    pub(crate) fn count(&self, address: IpAddr) -> usize {
        lock(&self.counts).get(&address).copied().unwrap_or(0)
    }
}

/// The address that stands for clients without one.
const NOBODY: IpAddr = NO_ADDRESS.ip();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_without_an_address_are_not_counted() {
        let peers = Peers::default();
        peers.add(NOBODY);
        assert!(peers.try_add(NOBODY, 0));
        assert_eq!(peers.count(NOBODY), 0);
        peers.remove(NOBODY);
    }

    #[test]
    fn others_are() {
        let peers = Peers::default();
        let address = IpAddr::from([127, 0, 0, 1]);
        assert!(peers.try_add(address, 1));
        assert!(!peers.try_add(address, 1));
        peers.remove(address);
        assert_eq!(peers.count(address), 0);
    }
}
