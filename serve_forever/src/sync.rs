//! The synchronisation primitives that the hand-over is built on.
//!
//! The files of `server/handover` name them through this module only, so that the model checkers of the
//! `model` crate can compile the very same files over their own primitives.

pub(crate) use std::sync::atomic;
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

use std::time::Duration;

/// Locks, also after a panic elsewhere: everything behind our locks is valid between any two statements,
/// and a server that goes on is worth more than a poisoned flag.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits on `bell`.
pub(crate) fn wait<'a, T>(bell: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    bell.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits on `bell` for `time` at the most; true when the time ran out.
pub(crate) fn wait_for<'a, T>(
    bell: &Condvar,
    guard: MutexGuard<'a, T>,
    time: Duration,
) -> (MutexGuard<'a, T>, bool) {
    let (guard, result) = bell.wait_timeout(guard, time).unwrap_or_else(std::sync::PoisonError::into_inner);
    (guard, result.timed_out())
}
