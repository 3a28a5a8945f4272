//! Wakers call the next turn of a connection, from any thread.

use std::fmt;
use std::sync::{Arc, Weak};

use super::handover::slots::Token;

/// Delivers the calls of wakers.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self, index: usize, token: Token);

    /// Notes that the run which has the connection keeps it as a stream.
    fn became_stream(&self, index: usize, token: Token) {
        let _ = (index, token);
    }

    /// Whether the connection has a loop. Without a loop, the one thread that serves the connection
    /// waits for its socket.
    fn polls(&self) -> bool {
        true
    }
}

/// Names a connection that can be woken. It borrows, so that a turn that does not need it pays
/// nothing.
#[derive(Clone, Copy)]
pub(crate) struct Waker<'a> {
    pub(crate) engine: &'a Arc<dyn Wake>,
    pub(crate) index: usize,
    pub(crate) token: Token,
}

impl Waker<'_> {
    /// Notes that the run which has the connection keeps it as a stream, and so is not an ordinary
    /// request any more.
    pub(crate) fn became_stream(&self) {
        self.engine.became_stream(self.index, self.token);
    }

    /// Returns an owned waker if there is a loop.
    pub(crate) fn if_polled(self) -> Option<OwnedWaker> {
        self.engine.polls().then(|| self.to_owned())
    }

    /// Returns an owned waker.
    pub(crate) fn to_owned(self) -> OwnedWaker {
        OwnedWaker { engine: Arc::downgrade(self.engine), index: self.index, token: self.token }
    }
}

/// A waker that outlives the turn.
#[derive(Clone)]
pub(crate) struct OwnedWaker {
    /// Weak, because the waker may be stored in the state of the server, which the engine keeps
    /// alive.
    engine: Weak<dyn Wake>,
    index: usize,
    token: Token,
}

impl fmt::Debug for OwnedWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedWaker").field("token", &self.token).finish_non_exhaustive()
    }
}

impl fmt::Debug for Waker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").field("token", &self.token).finish_non_exhaustive()
    }
}

impl OwnedWaker {
    /// Calls the next turn of the connection. Does nothing if the connection is gone.
    pub(crate) fn wake(&self) {
        if let Some(engine) = self.engine.upgrade() {
            engine.wake(self.index, self.token);
        }
    }
}
