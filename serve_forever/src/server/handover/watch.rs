//! Puts the monitor to sleep and wakes it.

use crate::sync::atomic::{AtomicBool, Ordering, fence};
use crate::sync::{Condvar, Mutex, lock, wait};

/// The monitor sleeps only while every loop is in its poll. The first loop that leaves its poll
/// wakes it.
#[derive(Debug)]
pub(crate) struct Watch {
    asleep: AtomicBool,
    rung: Mutex<bool>,
    bell: Condvar,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self { asleep: AtomicBool::new(false), rung: Mutex::new(false), bell: Condvar::new() }
    }

    /// Sleeps until [`Watch::wake`], unless `all_quiet` returns false after the monitor has
    /// announced that it will sleep.
    ///
    /// The monitor announces, then looks at the loops. A loop leaves its poll, then looks whether
    /// the monitor sleeps. Both have a fence in between, so at least one sees the other.
    pub(crate) fn sleep_while(&self, all_quiet: impl Fn() -> bool) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if !all_quiet() {
            self.asleep.store(false, Ordering::Relaxed);
            return;
        }
        let mut rung = lock(&self.rung);
        while !*rung {
            rung = wait(&self.bell, rung);
        }
        *rung = false;
    }

    /// Wakes the monitor if it sleeps. Called after a change of what it looks at. Costs one fence
    /// and one load if it does not sleep.
    pub(crate) fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            *lock(&self.rung) = true;
            self.bell.notify_one();
        }
    }
}
