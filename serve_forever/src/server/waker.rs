//! Calls a connection's next turn from any thread.

use std::fmt;
use std::sync::{Arc, Weak};

use super::handover::slots::Token;

/// Somebody who can be told that a connection wants its turn.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self, index: usize, token: Token);

    /// The run that has the connection keeps it as a stream from now on.
    fn became_stream(&self, index: usize, token: Token) {
        let _ = (index, token);
    }

    /// Whether the connection has a loop. Without one, the only thread that works on the connection
    /// waits for its socket.
    fn polls(&self) -> bool {
        true
    }
}

/// Names a connection that can be woken. Borrowed, so that a turn that needs none pays nothing.
#[derive(Clone, Copy)]
pub(crate) struct Waker<'a> {
    pub(crate) engine: &'a Arc<dyn Wake>,
    pub(crate) index: usize,
    pub(crate) token: Token,
}

impl Waker<'_> {
    /// The run that has the connection keeps it as a stream from now on, which is no ordinary
    /// request any more.
    pub(crate) fn became_stream(&self) {
        self.engine.became_stream(self.index, self.token);
    }

    /// A waker to keep, where there is a loop.
    pub(crate) fn if_polled(self) -> Option<OwnedWaker> {
        self.engine.polls().then(|| self.to_owned())
    }

    /// A waker to keep.
    pub(crate) fn to_owned(self) -> OwnedWaker {
        OwnedWaker { engine: Arc::downgrade(self.engine), index: self.index, token: self.token }
    }
}

/// A waker that outlives the turn.
#[derive(Clone)]
pub(crate) struct OwnedWaker {
    /// Weak, as it may be kept in a place that the engine keeps alive: the state of its server.
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
    /// Calls the connection's next turn; nothing if it is gone.
    pub(crate) fn wake(&self) {
        if let Some(engine) = self.engine.upgrade() {
            engine.wake(self.index, self.token);
        }
    }
}
