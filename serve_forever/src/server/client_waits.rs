//! Finds the handler that must give its thread up among those that wait for their clients.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::sync::lock;

use super::throughput::Throughput;

/// The handlers of one server that wait for their client, each with its thread: for a part of the
/// request's body, or until the client takes a part of the response.
#[derive(Debug, Default)]
pub(crate) struct ClientWaits {
    all: Mutex<Vec<Arc<ClientWait>>>,
    /// Handlers that were told to make room for a connection, and have not done so yet.
    leaving: AtomicUsize,
}

/// One handler that waits.
#[derive(Debug)]
pub(crate) struct ClientWait {
    address: IpAddr,
    throughput: Throughput,
    evicted: AtomicBool,
    /// It was evicted so that its connection makes room, and counts as leaving.
    makes_room: AtomicBool,
}

/// Removes the handler from the list when dropped.
#[derive(Debug)]
pub(crate) struct Entered<'a> {
    waits: &'a ClientWaits,
    wait: Arc<ClientWait>,
}

impl ClientWaits {
    /// A handler begins to wait for its client, whose throughput so far is `throughput`.
    pub(crate) fn enter(&self, address: IpAddr, throughput: Throughput) -> Entered<'_> {
        let wait = Arc::new(ClientWait {
            address,
            throughput,
            evicted: AtomicBool::new(false),
            makes_room: AtomicBool::new(false),
        });
        lock(&self.all).push(Arc::clone(&wait));
        Entered { waits: self, wait }
    }

    /// Ends the wait of the handler whose client is slowest, if any handler waits. With an
    /// address: of those whose client has this address.
    pub(crate) fn evict_slowest(&self, address: Option<IpAddr>) {
        let now = Instant::now();
        let mut all = lock(&self.all);
        let slowest = all
            .iter()
            .enumerate()
            .filter(|(_, each)| address.is_none_or(|address| each.address == address))
            .min_by_key(|(_, each)| each.throughput.rate(now));
        if let Some((place, _)) = slowest {
            all.swap_remove(place).evicted.store(true, Ordering::Relaxed);
        }
    }

    /// Ends the wait of a handler whose client has nearly stopped, so that its connection makes
    /// room for others: of the address with most such clients, the slowest. The connection goes a
    /// moment later, so only [`MOST_LEAVING`] are on their way at a time.
    pub(crate) fn evict_stalled(&self) {
        if self.leaving.load(Ordering::Relaxed) >= MOST_LEAVING {
            return;
        }
        let now = Instant::now();
        let mut all = lock(&self.all);
        let mut shares: HashMap<IpAddr, usize> = HashMap::new();
        for each in all.iter().filter(|each| each.throughput.is_below(STALLED, now)) {
            *shares.entry(each.address).or_default() += 1;
        }
        let slowest = all
            .iter()
            .enumerate()
            .filter(|(_, each)| each.throughput.is_below(STALLED, now))
            .max_by_key(|(_, each)| (shares.get(&each.address), Reverse(each.throughput.rate(now))));
        if let Some((place, _)) = slowest {
            let wait = all.swap_remove(place);
            wait.makes_room.store(true, Ordering::Relaxed);
            wait.evicted.store(true, Ordering::Relaxed);
            self.leaving.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether no handler waits.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        lock(&self.all).is_empty()
    }
}

impl Entered<'_> {
    /// Whether the handler must give its thread up.
    pub(crate) fn is_evicted(&self) -> bool {
        self.wait.evicted.load(Ordering::Relaxed)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        lock(&self.waits.all).retain(|each| !Arc::ptr_eq(each, &self.wait));
        if self.wait.makes_room.load(Ordering::Relaxed) {
            self.waits.leaving.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Handlers that make room at a time.
const MOST_LEAVING: usize = 4;
/// A client has nearly stopped when it moves fewer bytes per second than this.
const STALLED: u64 = 4 * 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn the_handler_whose_client_is_slowest_is_evicted_first() {
        let waits = ClientWaits::default();
        let now = Instant::now();
        let all = [(1, 500), (2, 100), (1, 300)].map(|(last, bytes)| {
            let mut throughput = Throughput::new(now);
            throughput.add(bytes, now);
            waits.enter(address(last), throughput)
        });
        waits.evict_slowest(Some(address(1)));
        assert_eq!(all.each_ref().map(Entered::is_evicted), [false, false, true]);
        waits.evict_slowest(None);
        assert_eq!(all.each_ref().map(Entered::is_evicted), [false, true, true]);
        waits.evict_slowest(Some(address(3)));
        assert_eq!(all.each_ref().map(Entered::is_evicted), [false, true, true]);
        drop(all);
        assert!(waits.is_empty());
        waits.evict_slowest(None);
    }

    #[test]
    fn for_connections_the_address_with_most_stalled_clients_makes_room() {
        let waits = ClientWaits::default();
        let Some(start) = Instant::now().checked_sub(Duration::from_millis(1500)) else { return };
        let all = [(1, 10), (2, 500), (2, 100), (3, 100_000)].map(|(last, bytes)| {
            let mut throughput = Throughput::new(start);
            throughput.add(bytes, start);
            waits.enter(address(last), throughput)
        });
        // This one has only begun.
        let new = waits.enter(address(2), Throughput::new(Instant::now()));
        waits.evict_stalled();
        assert_eq!(all.each_ref().map(Entered::is_evicted), [false, false, true, false]);
        let [one, two, three, four] = all;
        drop(three);
        waits.evict_stalled();
        let (first, second) = (one.is_evicted(), two.is_evicted());
        assert!(first != second, "of two with equal shares, one goes");
        drop((one, two));
        waits.evict_stalled();
        assert!(!four.is_evicted() && !new.is_evicted());
        drop((four, new));
        assert!(waits.is_empty());
    }
}
