//! How a test holds a handler at a point of its choice.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::FAILSAFE;

/// Handlers wait at it until the test opens it.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    shared: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    pub(crate) fn open(&self) {
        let (open, opened) = &*self.shared;
        *open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        opened.notify_all();
    }

    /// Waits until it is open; gives up in the end so that a failed test ends as well.
    pub(crate) fn wait(&self) {
        let (open, opened) = &*self.shared;
        let guard = open.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = opened.wait_timeout_while(guard, FAILSAFE, |open| !*open);
    }
}
