//! The listening sockets of a loop.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::diagnostics;
use crate::sys::Listener;

use super::config::Config;

/// The listeners of one loop. Each listener belongs to exactly one loop.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// A closed listener leaves `None` behind, so that tokens keep their meaning.
    pub(super) all: Vec<Option<Listening>>,
    /// When to accept again after there was no room.
    pub(super) again_at: Option<Instant>,
    /// The lack of descriptors was reported.
    pub(super) warned: bool,
    /// The server stops. Each listener is closed as soon as no connection waits on it.
    pub(super) draining: bool,
}

#[derive(Debug)]
pub(super) struct Listening {
    pub(super) listener: Listener,
    pub(super) local: SocketAddr,
    /// Connections may wait on it.
    pub(super) ready: bool,
    /// How many more connections it may accept before it is closed. Only used while the server
    /// stops.
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

    /// Begins the end of the listeners: each one accepts the connections that wait on it, at most
    /// `most`, and is then closed.
    pub(crate) fn drain(&mut self, most: usize) {
        self.draining = true;
        self.again_at = None;
        for open in self.all.iter_mut().flatten() {
            open.listener.withdraw();
            open.ready = true;
            open.left = most;
        }
    }

    /// Closes every listener that is still open. The system resets the connections that wait on it.
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

    /// Notes that connections wait on the listener `index`.
    pub(crate) fn event(&mut self, index: usize) {
        if let Some(Some(open)) = self.all.get_mut(index) {
            open.ready = true;
        }
    }

    /// Whether a listener can accept now.
    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        self.again_at.is_none_or(|at| at <= now) && self.ready().is_some()
    }

    /// When to accept again, after a pause.
    pub(crate) fn again_at(&self) -> Option<Instant> {
        self.again_at.filter(|_| self.ready().is_some())
    }

    /// Returns the first listener on which connections may wait.
    pub(super) fn ready(&self) -> Option<usize> {
        self.all.iter().position(|open| open.as_ref().is_some_and(|open| open.ready))
    }

    /// Notes that no connection waits on the listener `index`, or that it has accepted as many as
    /// it may.
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

    /// Pauses: there was no room, and no connection could be closed to make some.
    pub(crate) fn pause(&mut self, now: Instant) {
        self.again_at = Some(now + PAUSE);
    }

    /// Ends the pause, as there is room again.
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

/// Returns how many connections a listener accepts at most between the order to stop and its end.
/// These are all that waited when the order came; the bound is needed if clients connect faster
/// than they are accepted.
pub(crate) fn most_drained(config: &Config) -> usize {
    usize::try_from(config.request_queue_size).unwrap_or(usize::MAX).max(ADOPTED_QUEUE)
}

/// Connections that may wait on a listener that was handed over, whose queue has an unknown size.
/// Linux limits every queue to this number by default.
const ADOPTED_QUEUE: usize = 4096;
/// The pause when there is no room.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);
