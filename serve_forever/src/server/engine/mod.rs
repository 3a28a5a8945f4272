//! A running server: its loops, its threads and its monitor.

pub(crate) mod errands;
mod helm;
mod life;
pub(crate) mod loops;
pub(crate) mod mail;
mod monitor;
mod threads;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};

use crate::diagnostics;
use crate::sync::lock;
use crate::sys::Listener;

use self::errands::{Errand, Work};
use self::loops::Loop;
use self::mail::{Mail, PartJob, Seated};
use super::client_waits::ClientWaits;
use super::computing::Computing;
use super::config::Config;
use super::handle::ServerHandle;
use super::handover::permits::Permits;
use super::handover::pool::{HandOver, Pool};
use super::handover::state::JobId;
use super::handover::watch::Watch;
use super::learned::Learned;
use super::peers::Peers;
use super::protocol::Protocol;
use super::readers::Readers;
use super::stats::Counters;

/// The state that the threads of one call of `serve_forever` share.
pub(crate) struct Engine<P: Protocol> {
    pub(crate) protocol: Arc<P>,
    pub(crate) config: Config,
    pub(crate) server: ServerHandle,
    pub(crate) loops: Box<[Loop<P>]>,
    pub(crate) permits: Permits,
    pub(crate) learned: Learned,
    pub(crate) computing: Computing,
    pub(crate) watch: Watch,
    /// Detached threads by client address.
    pub(crate) permit_holders: Peers,
    /// Handlers that wait for their clients.
    pub(crate) client_waits: ClientWaits,
    /// Connections by client address, counted only if they are limited.
    pub(crate) connections_by_address: Peers,
    /// Connections of all loops.
    pub(crate) connections: AtomicUsize,
    /// How many loops may still accept connections, also for other loops.
    accepting: AtomicUsize,
    /// Connections that wait for their clients.
    pub(crate) readers: Readers,
    pool: Pool<Work<P>>,
    over: AtomicBool,
    /// How many threads handlers may use at most.
    most_threads: usize,
    counting: Mutex<()>,
    short_of_threads: AtomicBool,
    finished_loops: Mutex<usize>,
    loop_finished: Condvar,
    /// A reference to itself, for the threads that it makes.
    me: Weak<Self>,
}

impl<P: Protocol> Engine<P> {
    pub(super) fn new(
        protocol: &Arc<P>,
        config: &Config,
        server: &ServerHandle,
        listeners: Vec<Listener>,
    ) -> std::io::Result<Arc<Self>> {
        let count = config.loops.max(1);
        let mut config = config.clone();
        // Every loop needs a driver, and one more thread for the job of the driver.
        config.max_threads = config.max_threads.max(2 * count);
        if let Some(limit) = crate::sys::descriptor_limit() {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            config.max_connections =
                config.max_connections.min(limit.saturating_sub(OTHER_DESCRIPTORS.min(limit / 4)).max(1));
        }
        let mut shares: Vec<Vec<Listener>> = (0..count).map(|_| Vec::new()).collect();
        for (index, listener) in listeners.into_iter().enumerate() {
            shares[index % count].push(listener);
        }
        let loops = shares
            .into_iter()
            .enumerate()
            .map(|(index, listeners)| Loop::new(index, listeners))
            .collect::<std::io::Result<Box<[_]>>>()?;
        let engine = Arc::new_cyclic(|me| Self {
            protocol: Arc::clone(protocol),
            server: server.clone(),
            loops,
            permits: Permits::new(2 * count, count),
            most_threads: Self::threads_for_handlers(config.max_threads),
            counting: Mutex::new(()),
            learned: Learned::new(),
            computing: Computing::new(config.max_computing_handlers),
            watch: Watch::new(),
            permit_holders: Peers::default(),
            client_waits: ClientWaits::default(),
            connections_by_address: Peers::default(),
            connections: AtomicUsize::new(0),
            accepting: AtomicUsize::new(count),
            readers: Readers::new(count),
            pool: Pool::new(2 * count, config.max_threads),
            over: AtomicBool::new(false),
            short_of_threads: AtomicBool::new(false),
            finished_loops: Mutex::new(0),
            loop_finished: Condvar::new(),
            config,
            me: me.clone(),
        });
        let permits = engine.most_threads.saturating_sub(count);
        engine.server.counters().permits.store(permits, Ordering::Relaxed);
        Ok(engine)
    }

    /// How many of `threads` handlers may use. Handlers that may hold their thread for ever get
    /// half.
    fn threads_for_handlers(threads: usize) -> usize {
        if P::LONG_LIVED { threads.div_ceil(2) } else { threads }
    }

    /// Gives the loop `index` to a spare thread, if its driver is still inside of `job`.
    pub(crate) fn take_loop(&self, index: usize, job: JobId) -> HandOver {
        let state = &self.loops[index].state;
        let take = || {
            // This comes before the loop is taken, because the job may return right after that and
            // give its permit back.
            self.count_detached();
            let taken = state.take(job);
            if !taken {
                self.finish_detached();
            }
            taken
        };
        let outcome = self.pool.hand_over(Work::Drive(index), take, self);
        match outcome {
            HandOver::Done => Counters::one(&self.server.counters().hand_overs),
            HandOver::NoThread | HandOver::TooLate => {}
        }
        outcome
    }

    /// Starts a run on a spare thread. Returns the connection if there is no thread. The caller has
    /// taken the permit, and the place if there is one.
    pub(crate) fn start_on_spare(
        &self,
        errand: Errand,
        seated: Box<Seated<P>>,
    ) -> Result<(), Box<Seated<P>>> {
        self.submit(Work::Run { errand, seated }).map_err(|work| match work {
            Work::Run { seated, .. } => seated,
            _ => unreachable!("the pool gives back what it was given"),
        })
    }

    /// Starts a job on a spare thread. Returns the job if there is no thread. The caller has taken
    /// the permit.
    pub(crate) fn start_job_on_spare(&self, index: usize, part: PartJob<P>) -> Result<(), PartJob<P>> {
        self.submit(Work::Job { index, part }).map_err(|work| match work {
            Work::Job { part, .. } => part,
            _ => unreachable!("the pool gives back what it was given"),
        })
    }

    /// Drops connections on a spare thread, because the `Drop` of a source may block, and the loop
    /// must not wait for it.
    pub(crate) fn bury(&self, seats: Vec<Box<Seated<P>>>) {
        if seats.is_empty() {
            return;
        }
        self.count_detached();
        if let Err(work) = self.pool.submit(Work::Bury(seats), self) {
            drop(work);
            self.finish_detached();
        }
    }

    fn submit(&self, work: Work<P>) -> Result<(), Work<P>> {
        let outcome = self.pool.submit(work, self);
        if outcome.is_ok() {
            Counters::one(&self.server.counters().learned_starts);
        } else {
            if let Err(Work::Run { errand: Errand { place: Some(place), .. }, .. }) = &outcome {
                self.computing.give_back(*place);
            }
            self.finish_detached();
        }
        outcome
    }

    /// Whether a driver may enter user code: only if a spare thread can take its loop over. There
    /// is one at the start, and each thread that is lost to user code is replaced before the next
    /// one can be lost.
    pub(crate) fn may_start(&self) -> bool {
        self.growing_until(Permits::may_start)
    }

    /// Takes a permit for user code on a spare thread.
    #[must_use]
    pub(crate) fn try_detach(&self) -> bool {
        let detached = self.growing_until(Permits::try_detach);
        if detached {
            self.server.counters().detached.fetch_add(1, Ordering::Relaxed);
        }
        detached
    }

    /// How many permits there are if the system gives all threads.
    pub(crate) fn most_permits(&self) -> usize {
        self.most_threads.saturating_sub(2 * self.loops.len())
    }

    /// Makes threads until there are enough. One may not be enough, because every loop may lose its
    /// driver between two calls.
    fn growing_until(&self, enough: impl Fn(&Permits) -> bool) -> bool {
        loop {
            if enough(&self.permits) {
                return true;
            }
            if !self.grow() {
                return false;
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Makes one more thread, if there may be more.
    fn grow(&self) -> bool {
        if self.permits.limit() >= self.most_permits() {
            return false;
        }
        match self.pool.grow(self) {
            Ok(()) => {
                self.short_of_threads.store(false, Ordering::Relaxed);
                self.count_threads();
                true
            }
            Err(error) => {
                if !self.short_of_threads.swap(true, Ordering::Relaxed) {
                    diagnostics::warning!(
                        "no more threads can be made for now, requests may have to wait: {error}"
                    );
                }
                false
            }
        }
    }

    /// Adjusts the number of permits to the number of threads.
    fn count_threads(&self) {
        let _one_at_a_time = lock(&self.counting);
        self.permits.set_threads(self.pool.threads().min(self.most_threads), self.loops.len());
    }

    /// Tries to make more threads. The monitor calls this from time to time, because the system may
    /// give more threads later.
    pub(crate) fn retry_threads(&self) {
        if self.short_of_threads.load(Ordering::Relaxed) {
            self.tell_waiting();
        }
    }

    pub(super) fn count_detached(&self) {
        self.permits.detach();
        self.server.counters().detached.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a detached thread has left user code.
    pub(crate) fn finish_detached(&self) {
        self.server.counters().detached.fetch_sub(1, Ordering::Relaxed);
        if self.permits.finish() {
            self.tell_waiting();
        }
    }

    /// Notes that an address holds one permit less.
    pub(crate) fn release_holder(&self, address: IpAddr) {
        self.permit_holders.remove(address);
        if self.permits.is_awaited() {
            self.tell_waiting();
        }
    }

    fn tell_waiting(&self) {
        for each in &self.loops {
            each.tell(Mail::Permit);
        }
    }

    /// Notes that a loop has closed its listeners. Until all have, no loop may end, because
    /// connections may come by mail.
    pub(crate) fn loop_has_closed(&self) {
        if self.accepting.fetch_sub(1, Ordering::SeqCst) == 1 {
            for each in &self.loops {
                each.tell(Mail::AllClosed);
            }
        }
    }

    pub(crate) fn all_have_closed(&self) -> bool {
        self.accepting.load(Ordering::SeqCst) == 0
    }

    pub(crate) fn loop_has_finished(&self) {
        *lock(&self.finished_loops) += 1;
        self.loop_finished.notify_all();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// Descriptors that are kept for listeners, pollers and served files.
const OTHER_DESCRIPTORS: usize = 64;
