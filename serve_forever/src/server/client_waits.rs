//! Handlers that wait for their client, and which of them gives its thread to others.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::sync::lock;

use super::throughput::Throughput;

/// The handlers of one server that wait for their client, each with its thread: for a part of the
/// request's body, or until the client takes a part of the response.
#[derive(Debug, Default)]
pub(crate) struct ClientWaits {
    all: Mutex<Vec<Arc<ClientWait>>>,
}

/// One handler that waits.
#[derive(Debug)]
pub(crate) struct ClientWait {
    address: IpAddr,
    throughput: Throughput,
    evicted: AtomicBool,
}

/// Takes the handler off the list.
#[derive(Debug)]
pub(crate) struct Entered<'a> {
    waits: &'a ClientWaits,
    wait: Arc<ClientWait>,
}

impl ClientWaits {
    /// A handler begins to wait for a client that has been so fast.
    pub(crate) fn enter(&self, address: IpAddr, throughput: Throughput) -> Entered<'_> {
        let wait = Arc::new(ClientWait { address, throughput, evicted: AtomicBool::new(false) });
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

    /// Whether no handler waits.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        lock(&self.all).is_empty()
    }
}

impl Entered<'_> {
    /// Whether the thread is to go to others.
    pub(crate) fn is_evicted(&self) -> bool {
        self.wait.evicted.load(Ordering::Relaxed)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        lock(&self.waits.all).retain(|each| !Arc::ptr_eq(each, &self.wait));
    }
}

#[cfg(test)]
mod tests {
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
}
