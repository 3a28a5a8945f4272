//! The spare threads, which take over loops and run the jobs that do not run inline.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, MutexGuard, lock, wait, wait_for};

/// The work for spare threads, and the count of these threads.
#[derive(Debug)]
pub(crate) struct Pool<W> {
    inner: Mutex<Inner<W>>,
    /// Notified for every piece of work, and when the pool closes.
    work: Condvar,
    /// Notified when a thread ends.
    ended: Condvar,
    most: usize,
    /// How many threads stay even without work.
    least: usize,
}

#[derive(Debug)]
struct Inner<W> {
    /// Loops without a driver come before jobs: they make everything else go on.
    loops: VecDeque<W>,
    jobs: VecDeque<W>,
    /// How many threads there are, including new ones.
    threads: usize,
    /// How many threads are working.
    busy: usize,
    closed: bool,
}

impl<W> Inner<W> {
    fn pop(&mut self) -> Option<W> {
        self.loops.pop_front().or_else(|| self.jobs.pop_front())
    }

    fn queued(&self) -> usize {
        self.loops.len() + self.jobs.len()
    }
}

/// Makes one more thread, which calls [`Pool::work`].
pub(crate) trait Spawn {
    fn spawn(&self) -> std::io::Result<()>;
}

impl<W> Pool<W> {
    pub(crate) fn new(least: usize, most: usize) -> Self {
        Self {
            inner: Mutex::new(Inner {
                loops: VecDeque::new(),
                jobs: VecDeque::new(),
                threads: 0,
                busy: 0,
                closed: false,
            }),
            work: Condvar::new(),
            ended: Condvar::new(),
            most,
            least,
        }
    }

    /// Makes threads until there are as many as stay without work.
    pub(crate) fn fill(&self, spawner: &impl Spawn) -> std::io::Result<()> {
        loop {
            let inner = lock(&self.inner);
            if inner.threads >= self.least {
                return Ok(());
            }
            drop(self.add_thread(inner, spawner)?);
        }
    }

    /// Makes one more thread.
    pub(crate) fn grow(&self, spawner: &impl Spawn) -> std::io::Result<()> {
        let inner = lock(&self.inner);
        if inner.threads >= self.most {
            return Err(std::io::Error::other("the limit of threads is reached"));
        }
        drop(self.add_thread(inner, spawner)?);
        Ok(())
    }

    /// Gives a loop to a spare thread, if there is or can be one, and if `take` then still gets the
    /// loop.
    ///
    /// The thread comes first, because a loop that was taken without a thread would stand still.
    pub(crate) fn hand_over(
        &self,
        driving: W,
        take: impl FnOnce() -> bool,
        spawner: &impl Spawn,
    ) -> HandOver {
        let Ok(mut inner) = self.with_spare(spawner) else { return HandOver::NoThread };
        if !take() {
            return HandOver::TooLate;
        }
        inner.loops.push_back(driving);
        drop(inner);
        self.work.notify_one();
        HandOver::Done
    }

    /// Gives a job to a spare thread. Returns the job if there is no thread and none can be made.
    pub(crate) fn submit(&self, job: W, spawner: &impl Spawn) -> Result<(), W> {
        let Ok(mut inner) = self.with_spare(spawner) else { return Err(job) };
        inner.jobs.push_back(job);
        drop(inner);
        self.work.notify_one();
        Ok(())
    }

    /// Runs a spare thread: does the work there is, waits for more, and returns when the pool is
    /// closed or no work came for `patience`.
    pub(crate) fn work(&self, patience: Duration, mut run: impl FnMut(W)) {
        let mut inner = lock(&self.inner);
        loop {
            if let Some(work) = inner.pop() {
                inner.busy += 1;
                drop(inner);
                run(work);
                inner = lock(&self.inner);
                inner.busy -= 1;
                continue;
            }
            if inner.closed {
                break;
            }
            let timed_out;
            (inner, timed_out) = wait_for(&self.work, inner, patience);
            if timed_out && inner.queued() == 0 && inner.threads > self.least {
                break;
            }
        }
        inner.threads -= 1;
        drop(inner);
        self.ended.notify_all();
    }

    /// Ends all threads as soon as they are idle.
    pub(crate) fn close(&self) {
        lock(&self.inner).closed = true;
        self.work.notify_all();
    }

    /// Waits until at most `left()` threads exist, for `patience` at most. Returns how many there
    /// are then.
    pub(crate) fn wait_until_ended(&self, left: impl Fn() -> usize, patience: Duration) -> usize {
        let deadline = Instant::now() + patience;
        let mut inner = lock(&self.inner);
        while inner.threads > left() {
            let patience = deadline.saturating_duration_since(Instant::now());
            if patience.is_zero() {
                break;
            }
            (inner, _) = wait_for(&self.ended, inner, patience);
        }
        inner.threads
    }

    /// Waits until every thread has ended.
    #[allow(dead_code, reason = "the model checkers have no clock")]
    pub(crate) fn wait_until_all_ended(&self) {
        let mut inner = lock(&self.inner);
        while inner.threads > 0 {
            inner = wait(&self.ended, inner);
        }
    }

    /// How many threads there are.
    pub(crate) fn threads(&self) -> usize {
        lock(&self.inner).threads
    }

    /// Returns the lock in a state in which an idle thread is free for one more piece of work.
    fn with_spare(&self, spawner: &impl Spawn) -> std::io::Result<MutexGuard<'_, Inner<W>>> {
        let mut inner = lock(&self.inner);
        if inner.threads - inner.busy <= inner.queued() {
            if inner.threads >= self.most {
                return Err(std::io::Error::other("the limit of threads is reached"));
            }
            inner = self.add_thread(inner, spawner)?;
        }
        Ok(inner)
    }

    #[allow(clippy::unused_self, reason = "the guard is the pool's")]
    fn add_thread<'a>(
        &'a self,
        mut inner: MutexGuard<'a, Inner<W>>,
        spawner: &impl Spawn,
    ) -> std::io::Result<MutexGuard<'a, Inner<W>>> {
        inner.threads += 1;
        if let Err(error) = spawner.spawn() {
            inner.threads -= 1;
            return Err(error);
        }
        Ok(inner)
    }
}

/// The result of a hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandOver {
    /// A spare thread drives the loop.
    Done,
    /// The job had returned, or another thread took the loop.
    TooLate,
    /// No thread can drive the loop, so the job keeps it.
    NoThread,
}
