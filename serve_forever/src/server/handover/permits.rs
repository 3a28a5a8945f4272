//! How many threads may be inside user code, so that every loop always has a driver left.

use crate::sync::atomic::{AtomicUsize, Ordering, fence};

/// The count of threads that run user code *without* driving a loop.
///
/// User code that runs inline, on the driver, is not counted. There is at most one such job for
/// each loop, and these threads and the drivers that would replace them are reserved from the start
/// (`2 × loops`). So the fast path is one load, and the count changes only when a loop changes
/// hands.
#[derive(Debug)]
pub(crate) struct Permits {
    detached: AtomicUsize,
    /// How many loops have requests that wait for a permit.
    waiting: AtomicUsize,
    /// How many detached threads there may be, without those that inline jobs can still become.
    limit: AtomicUsize,
}

impl Permits {
    /// Makes permits for `threads` threads in all. Each of `loops` loops reserves two of them: its
    /// driver, and the thread that the job of the driver may become.
    pub(crate) fn new(threads: usize, loops: usize) -> Self {
        Self {
            detached: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            limit: AtomicUsize::new(Self::limit_for(threads, loops)),
        }
    }

    /// Sets the number of threads again, if the system gave fewer than were asked for.
    pub(crate) fn set_threads(&self, threads: usize, loops: usize) {
        self.limit.store(Self::limit_for(threads, loops), Ordering::SeqCst);
    }

    fn limit_for(threads: usize, loops: usize) -> usize {
        threads.saturating_sub(2 * loops)
    }

    /// Whether a driver may enter user code itself.
    pub(crate) fn may_start(&self) -> bool {
        self.detached.load(Ordering::SeqCst) <= self.limit.load(Ordering::SeqCst)
    }

    /// Takes a permit for user code that starts on a spare thread.
    #[must_use]
    pub(crate) fn try_detach(&self) -> bool {
        let limit = self.limit.load(Ordering::SeqCst);
        self.detached
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < limit).then_some(n + 1))
            .is_ok()
    }

    /// Counts an inline job that loses its loop and goes on without it. This is called before the
    /// loop is taken, and undone with [`Permits::finish`] if that fails. Otherwise, a returning job
    /// could give its permit back before it was counted.
    pub(crate) fn detach(&self) {
        self.detached.fetch_add(1, Ordering::SeqCst);
    }

    /// Gives the permit of a detached thread back. Returns true if a loop waits for a permit and
    /// must be told.
    #[must_use]
    pub(crate) fn finish(&self) -> bool {
        let detached = self.detached.fetch_sub(1, Ordering::SeqCst);
        debug_assert_ne!(detached, 0, "a permit is given back before it was taken");
        self.is_awaited()
    }

    /// Whether a loop waits for a permit, for a thread that has just given one back.
    ///
    /// A thread gives a permit back and then looks for waiting loops. A loop announces that it
    /// waits and then looks for a permit. Both have a fence in between, so at least one sees the
    /// other.
    pub(crate) fn is_awaited(&self) -> bool {
        fence(Ordering::SeqCst);
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Notes that a loop has waiting requests. It must look at [`Permits::may_start`] again after
    /// this.
    pub(crate) fn start_waiting(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Notes that a loop has no waiting requests any more.
    pub(crate) fn stop_waiting(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// How many threads in user code drive no loop.
    pub(crate) fn detached(&self) -> usize {
        self.detached.load(Ordering::Relaxed)
    }

    /// How many there may be at most.
    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }
}
