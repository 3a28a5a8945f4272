//! The synchronisation primitives on which the hand-over is built.
//!
//! The files of `server/handover` import them only from this module, so that the model checkers of
//! the `model` crate can compile the same files with their own primitives.

pub(crate) use std::sync::atomic;
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

use std::time::Duration;

/// Locks `mutex`, even if a thread panicked while it held the lock. The data behind the locks of
/// this crate is valid between any two statements, so a poisoned lock is no reason to stop the
/// server.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits until `bell` is notified.
pub(crate) fn wait<'a, T>(bell: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    bell.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits until `bell` is notified, for at most `time`. Returns `true` if the time ran out.
pub(crate) fn wait_for<'a, T>(
    bell: &Condvar,
    guard: MutexGuard<'a, T>,
    time: Duration,
) -> (MutexGuard<'a, T>, bool) {
    let (guard, result) = bell.wait_timeout(guard, time).unwrap_or_else(std::sync::PoisonError::into_inner);
    (guard, result.timed_out())
}
