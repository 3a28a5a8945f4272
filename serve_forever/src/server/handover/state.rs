//! The state word of an event loop: what its driver does, and which job it is inside of.

use crate::sync::atomic::{AtomicU64, Ordering, fence};

/// One word per loop.
///
/// The driver enters a job with a store and leaves it with a compare-and-swap. A thread that takes
/// the loop meanwhile (the monitor, or the job itself before it waits) swaps the same word. Exactly
/// one of them wins and holds the loop.
///
/// The low two bits are the phase, the others a sequence number that grows with every job, so that
/// a job that returns late can never take the job of the next driver for itself.
#[derive(Debug)]
pub(crate) struct LoopState {
    word: AtomicU64,
}

/// A job that the driver of a loop has entered: the state word while it is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JobId(u64);

impl JobId {
    /// Whether the job needs no permit: it runs no code that may block, except for disks.
    pub(crate) fn is_brief(self) -> bool {
        self.0 & PHASE == BRIEF_JOB
    }
}

impl LoopState {
    pub(crate) fn new() -> Self {
        Self { word: AtomicU64::new(DRIVING) }
    }

    /// The driver enters a job. It must release the core right after that.
    pub(crate) fn enter_job(&self) -> JobId {
        self.enter(JOB)
    }

    /// Enters a job that [is brief](JobId::is_brief).
    pub(crate) fn enter_brief_job(&self) -> JobId {
        self.enter(BRIEF_JOB)
    }

    fn enter(&self, phase: u64) -> JobId {
        // Only the driver writes the word outside of a job, so reading it needs no ordering.
        let sequence = (self.word.load(Ordering::Relaxed) & !PHASE).wrapping_add(STEP);
        self.word.store(sequence | phase, Ordering::Release);
        JobId(sequence | phase)
    }

    /// The driver returns from `job`. Returns true if it still holds the loop.
    #[must_use]
    pub(crate) fn leave_job(&self, job: JobId) -> bool {
        self.claim(job)
    }

    /// Takes the loop from the driver that is inside of `job`. Returns true if the caller holds the
    /// loop now.
    #[must_use]
    pub(crate) fn take(&self, job: JobId) -> bool {
        self.claim(job)
    }

    fn claim(&self, job: JobId) -> bool {
        // The loser must see what the winner did before: it has counted the loser as detached.
        let driving = job.0 & !PHASE | DRIVING;
        self.word.compare_exchange(job.0, driving, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Returns the job that the driver is inside of, if any.
    pub(crate) fn job(&self) -> Option<JobId> {
        let word = self.word.load(Ordering::Acquire);
        matches!(word & PHASE, JOB | BRIEF_JOB).then_some(JobId(word))
    }

    /// The driver is about to block in its poll. After this it must look into the inbox once more.
    ///
    /// A sender publishes its mail and then reads this word, the driver writes this word and then
    /// looks for mail, both with a fence in between: at least one of them sees the other.
    pub(crate) fn enter_poll(&self) {
        let sequence = self.word.load(Ordering::Relaxed) & !PHASE;
        self.word.store(sequence | POLLING, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// The poll of the driver is over. After this, it must look whether the monitor sleeps
    /// (`Watch::wake`, which has the fence that belongs between the two).
    pub(crate) fn leave_poll(&self) {
        let sequence = self.word.load(Ordering::Relaxed) & !PHASE;
        self.word.store(sequence | DRIVING, Ordering::Release);
    }

    /// Whether the driver is in its poll. The caller puts a fence between its publication and this
    /// call.
    pub(crate) fn is_polling(&self) -> bool {
        self.word.load(Ordering::Acquire) & PHASE == POLLING
    }
}

const PHASE: u64 = 0b11;
const DRIVING: u64 = 0;
const JOB: u64 = 1;
const POLLING: u64 = 2;
const BRIEF_JOB: u64 = 3;
const STEP: u64 = PHASE + 1;
