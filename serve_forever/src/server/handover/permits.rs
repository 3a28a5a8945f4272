//! How many threads may be inside user code, so that every loop always has a driver left.

use crate::sync::atomic::{AtomicUsize, Ordering, fence};

/// The count of threads that run user code *without* driving a loop.
///
/// User code that runs inline, on the driver, is not counted: there is at most one per loop, and both these
/// and the drivers that would replace them are set aside from the start (`2 × loops`). So the fast path
/// is one load, and the count changes only when a loop changes hands.
#[derive(Debug)]
pub(crate) struct Permits {
    detached: AtomicUsize,
    /// Loops that hold requests which wait for a permit.
    waiting: AtomicUsize,
    /// How many detached threads there may be, less those that inline jobs can still become.
    limit: AtomicUsize,
}

impl Permits {
    /// Permits for `threads` threads in all, of which every one of `loops` loops keeps two for itself: its
    /// driver, and the one that its driver's job may turn into.
    pub(crate) fn new(threads: usize, loops: usize) -> Self {
        Self {
            detached: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            limit: AtomicUsize::new(Self::limit_for(threads, loops)),
        }
    }

    /// Sets the number of threads anew, when the system gave less than was asked for.
    pub(crate) fn set_threads(&self, threads: usize, loops: usize) {
        self.limit.store(Self::limit_for(threads, loops), Ordering::SeqCst);
    }

    fn limit_for(threads: usize, loops: usize) -> usize {
        threads.saturating_sub(2 * loops)
    }

    /// Whether a driver may go into user code itself.
    pub(crate) fn may_start(&self) -> bool {
        self.detached.load(Ordering::SeqCst) <= self.limit.load(Ordering::SeqCst)
    }

    /// A permit for user code that starts on a spare thread.
    #[must_use]
    pub(crate) fn try_detach(&self) -> bool {
        let limit = self.limit.load(Ordering::SeqCst);
        self.detached
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < limit).then_some(n + 1))
            .is_ok()
    }

    /// A job that ran inline loses its loop and runs on without it. To be called before the loop is taken, and
    /// undone with [`Permits::finish`] if that fails: a job that is just returning could be the first to give its
    /// permit back.
    pub(crate) fn detach(&self) {
        self.detached.fetch_add(1, Ordering::SeqCst);
    }

    /// A detached thread is out of user code. True: somebody waits for a permit and must be told.
    #[must_use]
    pub(crate) fn finish(&self) -> bool {
        let detached = self.detached.fetch_sub(1, Ordering::SeqCst);
        debug_assert_ne!(detached, 0, "a permit is given back before it was taken");
        self.is_awaited()
    }

    /// Whether somebody waits for a permit; for whoever has just given one back.
    ///
    /// Give back, then look who waits; who waits says so, then looks for a permit, both with a fence in between:
    /// at least one sees the other.
    pub(crate) fn is_awaited(&self) -> bool {
        fence(Ordering::SeqCst);
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// A loop has requests that wait. It must look at [`Permits::may_start`] once more after this.
    pub(crate) fn start_waiting(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// A loop has no such request any more.
    pub(crate) fn stop_waiting(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Threads in user code that drive no loop.
    pub(crate) fn detached(&self) -> usize {
        self.detached.load(Ordering::Relaxed)
    }

    /// The most of them that there may be.
    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }
}
