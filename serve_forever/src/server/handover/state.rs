//! The state word of an event loop: what its driver is doing, and which job it is inside of.

use crate::sync::atomic::{AtomicU64, Ordering, fence};

/// One word per loop.
///
/// The driver enters a job with a store and leaves it with a compare-and-swap. Whoever wants the loop
/// meanwhile (the monitor, or the job itself before it waits) swaps the same word: exactly one of them wins,
/// and the winner holds the loop.
///
/// The low two bits are the phase, the others a sequence number that grows with every job, so that a job that
/// returns late can never mistake the next driver's job for its own.
#[derive(Debug)]
pub(crate) struct LoopState {
    word: AtomicU64,
}

/// A job that the driver of a loop went into: the word while it is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job(u64);

impl Job {
    /// Whether it needs no permit: it runs no code that may block, and nothing but a disk keeps it.
    pub(crate) fn is_brief(self) -> bool {
        self.0 & PHASE == BRIEF_JOB
    }
}

impl LoopState {
    pub(crate) fn new() -> Self {
        Self { word: AtomicU64::new(DRIVING) }
    }

    /// The driver goes into a job; it must have let go of the loop's core right after.
    pub(crate) fn enter_job(&self) -> Job {
        self.enter(JOB)
    }

    /// The same for a job that [is brief](Job::is_brief).
    pub(crate) fn enter_brief_job(&self) -> Job {
        self.enter(BRIEF_JOB)
    }

    fn enter(&self, phase: u64) -> Job {
        // Only the driver writes the word outside of a job, so its own last value needs no ordering.
        let sequence = (self.word.load(Ordering::Relaxed) & !PHASE).wrapping_add(STEP);
        self.word.store(sequence | phase, Ordering::Release);
        Job(sequence | phase)
    }

    /// The driver comes back from `job`: true when the loop is still its own.
    #[must_use]
    pub(crate) fn leave_job(&self, job: Job) -> bool {
        self.claim(job)
    }

    /// Takes the loop away from the driver that is inside of `job`: true when the caller now holds it.
    #[must_use]
    pub(crate) fn take(&self, job: Job) -> bool {
        self.claim(job)
    }

    fn claim(&self, job: Job) -> bool {
        // Who comes too late sees what the winner did before (it has counted the loser as detached).
        let driving = job.0 & !PHASE | DRIVING;
        self.word.compare_exchange(job.0, driving, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The job that the driver is inside of, if it is.
    pub(crate) fn job(&self) -> Option<Job> {
        let word = self.word.load(Ordering::Acquire);
        matches!(word & PHASE, JOB | BRIEF_JOB).then_some(Job(word))
    }

    /// The driver is about to block in its poll. After this it must look into the inbox once more.
    ///
    /// A sender publishes its mail and then reads this word, the driver writes this word and then looks for
    /// mail, both with a fence in between: at least one of them sees the other.
    pub(crate) fn enter_poll(&self) {
        let sequence = self.word.load(Ordering::Relaxed) & !PHASE;
        self.word.store(sequence | POLLING, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// The driver's poll is over. After this it must look whether the monitor sleeps (`Watch::wake`, which has the
    /// fence that belongs between the two).
    pub(crate) fn leave_poll(&self) {
        let sequence = self.word.load(Ordering::Relaxed) & !PHASE;
        self.word.store(sequence | DRIVING, Ordering::Release);
    }

    /// Whether the driver has said that it is in its poll. The caller puts a fence between this and what it
    /// published before.
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
