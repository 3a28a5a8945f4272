//! Handlers that wait for bytes from their client, and which of them gives its thread to others.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::sync::lock;

/// The handlers of one server that wait for a part of their request's body, each with its thread.
#[derive(Debug, Default)]
pub(crate) struct BodyWaits {
    all: Mutex<Vec<Arc<BodyWait>>>,
}

/// One handler that waits.
#[derive(Debug)]
pub(crate) struct BodyWait {
    address: IpAddr,
    /// Bytes that have come so far.
    bytes: u64,
    /// How long the handler has waited for them before this.
    waited: Duration,
    since: Instant,
    evicted: AtomicBool,
}

/// Takes the handler off the list.
#[derive(Debug)]
pub(crate) struct Entered<'a> {
    waits: &'a BodyWaits,
    wait: Arc<BodyWait>,
}

impl BodyWaits {
    /// A handler begins to wait. So far it has waited for the time `waited` and got `bytes`.
    pub(crate) fn enter(&self, address: IpAddr, bytes: u64, waited: Duration) -> Entered<'_> {
        let wait = Arc::new(BodyWait {
            address,
            bytes,
            waited,
            since: Instant::now(),
            evicted: AtomicBool::new(false),
        });
        lock(&self.all).push(Arc::clone(&wait));
        Entered { waits: self, wait }
    }

    /// Ends the wait of the handler whose client delivers least, if any handler waits. With an
    /// address: of those whose client has this address.
    pub(crate) fn evict_slowest(&self, address: Option<IpAddr>) {
        let now = Instant::now();
        let mut all = lock(&self.all);
        let slowest = all
            .iter()
            .enumerate()
            .filter(|(_, each)| address.is_none_or(|address| each.address == address))
            .min_by_key(|(_, each)| each.rate(now));
        if let Some((place, _)) = slowest {
            all.swap_remove(place).evicted.store(true, Ordering::Relaxed);
        }
    }

    /// Whether no handler waits.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.all).is_empty()
    }
}

impl BodyWait {
    /// Bytes per second of the time in which a handler waited for them.
    fn rate(&self, now: Instant) -> u64 {
        let waited = self.waited + now.saturating_duration_since(self.since);
        let millis = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX).max(1);
        self.bytes.saturating_mul(1000) / millis
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
    fn the_handler_whose_client_delivers_least_is_evicted_first() {
        let waits = BodyWaits::default();
        let second = Duration::from_secs(1);
        let all =
            [(1, 500), (2, 100), (1, 300)].map(|(last, bytes)| waits.enter(address(last), bytes, second));
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
