//! How the monitor goes to sleep.

use crate::sync::atomic::{AtomicBool, Ordering, fence};
use crate::sync::{Condvar, Mutex, lock, wait};

/// The bed of the monitor: it lies down only while every loop is in its poll, and the first loop that comes
/// out of it rings.
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

    /// The monitor sleeps until [`Watch::wake`], unless `all_quiet` says no after it announced that it will.
    ///
    /// Announce, then look; the loops do it the other way round (leave the poll, then look whether the monitor
    /// sleeps), both with a fence in between: at least one side sees the other.
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

    /// Wakes the monitor if it sleeps; for whoever has just changed what it looks at. One fence and one load when
    /// it does not.
    pub(crate) fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            *lock(&self.rung) = true;
            self.bell.notify_one();
        }
    }
}
