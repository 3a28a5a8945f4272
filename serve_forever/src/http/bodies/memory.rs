//! The memory for request bodies that are received before their handler starts.
//!
//! A body that arrives slowly must not hold a thread, so the loops collect it in memory. One budget
//! bounds that memory for the whole server. Bytes count when they have arrived, not when they are
//! announced. When the budget is spent, handlers start with the part that has arrived while most
//! threads are free. After that, the body with the slowest client is evicted.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::server::config::Config;
use crate::server::throughput::Throughput;
use crate::server::waker::OwnedWaker;
use crate::sync::lock;
use crate::sys::NO_ADDRESS;

/// The budget of a server, and the bodies that count.
#[derive(Debug, Default)]
pub(crate) struct BodyMemory {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes that all bodies hold.
    total: usize,
    /// Bytes that the bodies of each client address hold.
    addresses: HashMap<IpAddr, usize>,
    /// The bodies that are still arriving, by number.
    arriving: HashMap<u64, Arriving>,
    next_number: u64,
}

/// A body that is still arriving. It can be evicted.
#[derive(Debug)]
struct Arriving {
    body: Arc<Body>,
    /// Bytes that it holds.
    held: usize,
    /// Tells the connection that the body was evicted. `None` without a loop.
    waker: Option<OwnedWaker>,
}

/// The state that the connection and the budget share.
#[derive(Debug)]
struct Body {
    address: IpAddr,
    throughput: Mutex<Throughput>,
    evicted: AtomicBool,
}

/// The share of one body in the budget. Dropping it gives the share back.
#[derive(Debug)]
pub(crate) struct Share {
    memory: Arc<BodyMemory>,
    body: Arc<Body>,
    number: u64,
    /// Bytes that have arrived.
    received: usize,
    /// Bytes that the body holds, after it has stopped arriving.
    settled: Option<usize>,
}

/// The answer to a request for more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// The body gets the memory.
    Given,
    /// The handler starts with the part that has arrived, and holds a thread for the rest. Most
    /// threads are free, or requests in progress hold most of the budget, so that evicting the few
    /// other bodies would free too little.
    Start,
    /// The request is refused, because its client is the slowest.
    Evicted,
}

/// The limits of a [`Config`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    total: usize,
    per_address: usize,
    /// Bytes of one body that are collected.
    pub(crate) body: u64,
}

impl BodyLimits {
    pub(crate) fn of(config: &Config) -> Self {
        let total = config.max_body_memory;
        let per_address = total / PARTS_PER_ADDRESS;
        // One body must not use the whole share of its address.
        let body = config.max_buffered_body.min((per_address / BODIES_PER_ADDRESS) as u64);
        Self { total, per_address, body }
    }
}

impl BodyMemory {
    /// Adds a body that begins to arrive. It holds nothing yet.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, now: Instant, waker: Option<OwnedWaker>) -> Share {
        let body = Arc::new(Body {
            address,
            throughput: Mutex::new(Throughput::new(now)),
            evicted: AtomicBool::new(false),
        });
        let mut state = lock(&self.state);
        let number = state.next_number;
        state.next_number += 1;
        state.arriving.insert(number, Arriving { body: Arc::clone(&body), held: 0, waker });
        drop(state);
        Share { memory: Arc::clone(self), body, number, received: 0, settled: None }
    }

    /// Bytes that all bodies hold.
    #[cfg(test)]
    fn total(&self) -> usize {
        lock(&self.state).total
    }
}

impl Share {
    /// Notes how many bytes have arrived in all.
    pub(crate) fn received(&mut self, bytes: usize, now: Instant) {
        let more = bytes.saturating_sub(std::mem::replace(&mut self.received, bytes));
        if more > 0 {
            lock(&self.body.throughput).add(more as u64, now);
        }
    }

    /// Whether the body was evicted to make room for others.
    pub(crate) fn is_evicted(&self) -> bool {
        self.body.evicted.load(Ordering::Relaxed)
    }

    /// Asks for `bytes` bytes in all.
    pub(crate) fn grow(
        &mut self,
        bytes: usize,
        limits: BodyLimits,
        threads_are_free: bool,
        now: Instant,
    ) -> Grant {
        let mut state = lock(&self.memory.state);
        let Some(own) = state.arriving.get(&self.number) else { return Grant::Evicted };
        let more = bytes.saturating_sub(own.held);
        let address = self.body.address;
        let (grant, wakers) = if state.has_room(address, more, limits) {
            (Grant::Given, Vec::new())
        } else if threads_are_free {
            (Grant::Start, Vec::new())
        } else {
            state.make_room(self.number, address, more, limits, now)
        };
        if grant == Grant::Given {
            if let Some(own) = state.arriving.get_mut(&self.number) {
                own.held += more;
            }
            state.charge(address, more);
        }
        drop(state);
        // This is not done under the lock, because it takes the lock of the mail of a loop.
        for waker in wakers {
            waker.wake();
        }
        grant
    }

    /// Settles the body, which is served now. It keeps its memory until it is dropped, and is not
    /// evicted any more.
    pub(crate) fn settle(&mut self) {
        if self.settled.is_none() {
            let arriving = lock(&self.memory.state).arriving.remove(&self.number);
            // An evicted body has given its share back already.
            self.settled = Some(arriving.map_or(0, |arriving| arriving.held));
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.settle();
        if let Some(held) = self.settled.filter(|&held| held > 0) {
            lock(&self.memory.state).release(self.body.address, held);
        }
    }
}

impl State {
    fn has_room(&self, address: IpAddr, more: usize, limits: BodyLimits) -> bool {
        self.total + more <= limits.total
            && (address == NO_ADDRESS.ip() || self.used_by(address) + more <= limits.per_address)
    }

    /// Evicts bodies until `more` bytes fit, beginning with the slowest client.
    fn make_room(
        &mut self,
        asker: u64,
        address: IpAddr,
        more: usize,
        limits: BodyLimits,
        now: Instant,
    ) -> (Grant, Vec<OwnedWaker>) {
        let mut wakers = Vec::new();
        let excess = |used: usize, limit: usize| (used + more).saturating_sub(limit);
        for (scope, limit) in [(Some(address), limits.per_address), (None, limits.total)] {
            if scope == Some(NO_ADDRESS.ip()) {
                continue;
            }
            let used = scope.map_or(self.total, |address| self.used_by(address));
            if excess(used, limit) == 0 {
                continue;
            }
            // One search frees a little more than is needed, so that searches stay rare.
            let goal = excess(used, limit).max(limit / PARTS_PER_EVICTION);
            let mut slowest: Vec<(u64, Reverse<usize>, u64)> = self
                .arriving
                .iter()
                .filter(|(_, each)| scope.is_none_or(|address| each.body.address == address))
                .map(|(&number, each)| (each.body.rate(now), Reverse(each.held), number))
                .collect();
            if slowest.iter().map(|(_, held, _)| held.0).sum::<usize>() < limit / 2 {
                return (Grant::Start, wakers);
            }
            // If several have stalled, those that hold most go first.
            slowest.sort_unstable();
            let mut freed = 0;
            for (_, Reverse(held), number) in slowest {
                if freed >= goal {
                    break;
                }
                if number == asker {
                    if freed >= excess(used, limit) {
                        break;
                    }
                    self.evict(asker);
                    return (Grant::Evicted, wakers);
                }
                freed += held;
                wakers.extend(self.evict(number));
            }
        }
        (Grant::Given, wakers)
    }

    /// The share of an evicted body is free at once. Its connection drops the memory in its next
    /// turn, which is due.
    fn evict(&mut self, number: u64) -> Option<OwnedWaker> {
        let Arriving { body, held, waker } = self.arriving.remove(&number)?;
        body.evicted.store(true, Ordering::Relaxed);
        self.release(body.address, held);
        waker
    }

    fn used_by(&self, address: IpAddr) -> usize {
        self.addresses.get(&address).copied().unwrap_or(0)
    }

    fn charge(&mut self, address: IpAddr, bytes: usize) {
        self.total += bytes;
        if address != NO_ADDRESS.ip() {
            *self.addresses.entry(address).or_default() += bytes;
        }
    }

    fn release(&mut self, address: IpAddr, bytes: usize) {
        self.total -= bytes;
        if let Some(used) = self.addresses.get_mut(&address) {
            *used -= bytes;
            if *used == 0 {
                self.addresses.remove(&address);
            }
        }
    }
}

impl Body {
    fn rate(&self, now: Instant) -> u64 {
        lock(&self.throughput).rate(now)
    }
}

/// One client address may use this fraction of the budget.
const PARTS_PER_ADDRESS: usize = 4;
/// One body may use this fraction of the share of its address.
const BODIES_PER_ADDRESS: usize = 4;
/// An eviction frees at least this fraction of the budget.
const PARTS_PER_EVICTION: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    fn limits(total: usize) -> BodyLimits {
        let config = Config { max_body_memory: total, ..Config::default() };
        BodyLimits::of(&config)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    /// Bodies of different addresses that hold this much and have just received this many bytes.
    fn arrive(memory: &Arc<BodyMemory>, now: Instant, each: &[(u8, usize, usize)]) -> Vec<Share> {
        each.iter()
            .map(|&(last, held, received)| {
                let mut share = memory.enter(address(last), now, None);
                share.received(received, now);
                assert_eq!(share.grow(held, limits(256 * KIB), false, now), Grant::Given);
                share
            })
            .collect()
    }

    #[test]
    fn what_a_share_holds_is_given_back() {
        let memory = Arc::default();
        let now = Instant::now();
        let mut shares = arrive(&memory, now, &[(1, 8 * KIB, 1), (1, 4 * KIB, 1), (2, 2 * KIB, 1)]);
        assert_eq!(memory.total(), 14 * KIB);
        assert_eq!(shares[0].grow(16 * KIB, limits(256 * KIB), false, now), Grant::Given);
        assert_eq!(memory.total(), 22 * KIB);
        shares[1].settle();
        drop(shares);
        assert_eq!(memory.total(), 0);
        assert!(lock(&memory.state).addresses.is_empty());
        assert!(lock(&memory.state).arriving.is_empty());
    }

    #[test]
    fn the_body_that_delivers_least_goes_first() {
        let memory = Arc::default();
        let now = Instant::now();
        let all = [(1, 60, 900), (2, 60, 100), (3, 60, 500), (4, 60, 700)];
        let mut shares =
            arrive(&memory, now, &all.map(|(last, held, received)| (last, held * KIB, received * KIB)));
        // 240 of 256 KiB are used, and 64 KiB are what each address may have.
        assert_eq!(shares[0].grow(64 * KIB, limits(256 * KIB), false, now), Grant::Given);
        let mut fast = memory.enter(address(5), now, None);
        fast.received(2000 * KIB, now);
        assert_eq!(fast.grow(32 * KIB, limits(256 * KIB), false, now), Grant::Given);
        let evicted: Vec<bool> = shares.iter().map(Share::is_evicted).collect();
        assert_eq!(evicted, [false, true, false, false]);
        assert_eq!(memory.total(), (64 + 60 + 60 + 32) * KIB);
        assert_eq!(shares[1].grow(KIB, limits(256 * KIB), false, now), Grant::Evicted);
        drop(shares);
        drop(fast);
        assert_eq!(memory.total(), 0);
    }

    #[test]
    fn a_burst_that_has_stalled_goes_before_a_client_that_goes_on() {
        let memory = Arc::default();
        let start = Instant::now();
        let all =
            [(1, 60 * KIB, 60_000), (2, 60 * KIB, 60_000), (3, 60 * KIB, 60_000), (4, 60 * KIB, 60_000)];
        let bursts = arrive(&memory, start, &all);
        let later = start + std::time::Duration::from_secs(5);
        let mut slow = memory.enter(address(5), later, None);
        slow.received(1000, later);
        assert_eq!(slow.grow(32 * KIB, limits(256 * KIB), false, later), Grant::Given);
        assert_eq!(bursts.iter().filter(|burst| burst.is_evicted()).count(), 1);
    }

    #[test]
    fn who_asks_and_delivers_least_is_refused() {
        let memory = Arc::default();
        let now = Instant::now();
        let all = [(1, 60 * KIB, 9000), (2, 60 * KIB, 9000), (3, 60 * KIB, 9000), (4, 60 * KIB, 9000)];
        let shares = arrive(&memory, now, &all);
        let mut slow = memory.enter(address(5), now, None);
        slow.received(100, now);
        assert_eq!(slow.grow(32 * KIB, limits(256 * KIB), false, now), Grant::Evicted);
        assert!(slow.is_evicted());
        assert!(!shares.iter().any(Share::is_evicted));
        assert_eq!(memory.total(), 240 * KIB);
    }

    #[test]
    fn an_address_uses_a_quarter_at_most_and_evicts_only_its_own() {
        let memory = Arc::default();
        let now = Instant::now();
        let mut shares = arrive(&memory, now, &[(1, 40 * KIB, 50_000), (1, 20 * KIB, 100), (2, 60 * KIB, 1)]);
        assert_eq!(shares[0].grow(60 * KIB, limits(256 * KIB), false, now), Grant::Given);
        let evicted: Vec<bool> = shares.iter().map(Share::is_evicted).collect();
        assert_eq!(evicted, [false, true, false]);
    }

    #[test]
    fn clients_without_an_address_share_the_whole_budget() {
        let memory: Arc<BodyMemory> = Arc::default();
        let now = Instant::now();
        let mut share = memory.enter(NO_ADDRESS.ip(), now, None);
        assert_eq!(share.grow(200 * KIB, limits(256 * KIB), false, now), Grant::Given);
        drop(share);
        assert_eq!(memory.total(), 0);
    }

    #[test]
    fn while_most_threads_are_free_nobody_is_evicted() {
        let memory = Arc::default();
        let now = Instant::now();
        let mut shares = arrive(&memory, now, &[(1, 60 * KIB, 100), (1, 4 * KIB, 50_000)]);
        assert_eq!(shares[1].grow(8 * KIB, limits(256 * KIB), true, now), Grant::Start);
        assert!(!shares.iter().any(Share::is_evicted));
        assert_eq!(shares[1].grow(8 * KIB, limits(256 * KIB), false, now), Grant::Given);
        assert!(shares[0].is_evicted());
    }

    #[test]
    fn where_served_requests_hold_the_budget_nobody_is_evicted() {
        let memory = Arc::default();
        let now = Instant::now();
        let all = [(1, 60 * KIB, 9000), (2, 60 * KIB, 9000), (3, 60 * KIB, 9000), (4, 60 * KIB, 9000)];
        let mut shares = arrive(&memory, now, &all);
        for share in &mut shares {
            share.settle();
        }
        let mut next = memory.enter(address(5), now, None);
        next.received(100, now);
        assert_eq!(next.grow(32 * KIB, limits(256 * KIB), false, now), Grant::Start);
        assert!(!next.is_evicted());
    }
}
