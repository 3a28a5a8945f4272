//! The listening sockets of a loop.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::diagnostics;
use crate::sys::Listener;

use super::config::Config;

/// The listeners of one loop. Each listener belongs to exactly one.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// `None`: closed. The place stays, as tokens name it.
    pub(super) all: Vec<Option<Listening>>,
    /// When to try again after there was no room.
    pub(super) again_at: Option<Instant>,
    /// The lack of descriptors was told.
    pub(super) warned: bool,
    /// The server stops: a listener is closed as soon as nothing waits on it.
    pub(super) draining: bool,
}

#[derive(Debug)]
pub(super) struct Listening {
    pub(super) listener: Listener,
    pub(super) local: SocketAddr,
    /// It may have connections to accept.
    pub(super) ready: bool,
    /// How many more it may accept before it is closed. Counted only while the server stops.
    pub(super) left: usize,
}

impl Listeners {
    pub(crate) fn new(listeners: Vec<Listener>) -> std::io::Result<Self> {
        let all = listeners
            .into_iter()
            .map(|listener| {
                let local = listener.local_address()?;
                Ok(Some(Listening { listener, local, ready: false, left: usize::MAX }))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Self { all, again_at: None, warned: false, draining: false })
    }

    pub(crate) fn register(
        &self,
        registry: &mio::Registry,
        token: impl Fn(usize) -> mio::Token,
    ) -> std::io::Result<()> {
        for (index, open) in self.all.iter().enumerate() {
            if let Some(open) = open {
                open.listener.register(registry, token(index))?;
            }
        }
        Ok(())
    }

    /// The server stops: every listener accepts what waits on it, at most `most` connections, and
    /// is then closed.
    pub(crate) fn drain(&mut self, most: usize) {
        self.draining = true;
        self.again_at = None;
        for open in self.all.iter_mut().flatten() {
            open.listener.withdraw();
            open.ready = true;
            open.left = most;
        }
    }

    /// Closes every listener that is still open. The system resets what waits on it.
    pub(crate) fn close(&mut self, registry: &mio::Registry) {
        for open in self.all.drain(..).flatten() {
            open.close(registry);
        }
        self.again_at = None;
    }

    /// Whether every listener is closed.
    pub(crate) fn are_closed(&self) -> bool {
        self.all.iter().all(Option::is_none)
    }

    /// The listener `index` has connections to accept.
    pub(crate) fn event(&mut self, index: usize) {
        if let Some(Some(open)) = self.all.get_mut(index) {
            open.ready = true;
        }
    }

    /// Whether there is something to do at once.
    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        self.again_at.is_none_or(|at| at <= now) && self.ready().is_some()
    }

    /// When there is something to do later.
    pub(crate) fn again_at(&self) -> Option<Instant> {
        self.again_at.filter(|_| self.ready().is_some())
    }

    /// The first listener that may have connections to accept.
    pub(super) fn ready(&self) -> Option<usize> {
        self.all.iter().position(|open| open.as_ref().is_some_and(|open| open.ready))
    }

    /// Nothing waits on the listener `index`, or it has accepted as many as it may.
    pub(super) fn exhaust(&mut self, index: usize, registry: &mio::Registry) {
        if let Some(open) = &mut self.all[index] {
            open.ready = false;
        }
        if self.draining
            && let Some(open) = self.all[index].take()
        {
            open.close(registry);
        }
    }

    /// There was no room, and nothing could be closed to make some.
    pub(crate) fn pause(&mut self, now: Instant) {
        self.again_at = Some(now + PAUSE);
    }

    /// There is room again.
    pub(crate) fn go_on(&mut self) {
        self.again_at = None;
    }
}

impl Listening {
    fn close(self, registry: &mio::Registry) {
        if let Err(error) = self.listener.deregister(registry) {
            diagnostics::debug!("cannot take the listener of {} out of its poller: {error}", self.local);
        }
    }
}

/// How many connections a listener accepts at most between the order to stop and its end: all that
/// waited when the order came, and a bound for clients that come faster than they are accepted.
pub(crate) fn most_drained(config: &Config) -> usize {
    usize::try_from(config.request_queue_size).unwrap_or(usize::MAX).max(ADOPTED_QUEUE)
}

/// Connections that may wait on a listener that somebody else made, which we cannot ask: the limit
/// that Linux sets to every queue unless it is told otherwise.
const ADOPTED_QUEUE: usize = 4096;
/// How long to wait when there is no room.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);
