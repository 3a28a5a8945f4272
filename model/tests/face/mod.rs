//! What `serve_forever/src/sync.rs` offers, over the primitives of a model checker.
//!
//! Each test target names its checker as `crate::checker`; both look like `std`. The mutex is
//! wrapped, so that a wait whose time runs out can let go of it and take it again as the real one
//! does.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use crate::checker;

pub(crate) use crate::checker::atomic;
pub(crate) use crate::checker::sync::Condvar;

#[derive(Debug)]
pub(crate) struct Mutex<T>(checker::sync::Mutex<T>);

#[derive(Debug)]
pub(crate) struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// Always there, but for the moment in which a wait has it.
    held: Option<checker::sync::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(checker::sync::Mutex::new(value))
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    MutexGuard { mutex, held: Some(mutex.0.lock().expect("no model goes on after a panic")) }
}

pub(crate) fn wait<'a, T>(bell: &Condvar, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    if let Some(held) = guard.held.take() {
        guard.held = Some(bell.wait(held).expect("no model goes on after a panic"));
    }
    guard
}

/// The models have no clock: the checker says whether the time runs out before a bell rings.
pub(crate) fn wait_for<'a, T>(
    bell: &Condvar,
    guard: MutexGuard<'a, T>,
    _time: Duration,
) -> (MutexGuard<'a, T>, bool) {
    if !checker::time_is_up() {
        return (wait(bell, guard), false);
    }
    let mutex = guard.mutex;
    drop(guard);
    checker::thread::yield_now();
    (lock(mutex), true)
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect("held outside of a wait")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("held outside of a wait")
    }
}
