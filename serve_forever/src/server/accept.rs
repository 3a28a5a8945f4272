//! Accepting connections: fairly, within the limits, and without going under when descriptors run out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::diagnostics;
use crate::sys::{self, Listener, Socket};

use super::config::Config;
use super::engine::{Engine, Loop, Mail};
use super::protocol::{Admission, Protocol};
use super::stats::Counters;

/// The listeners of one loop. Each listener belongs to exactly one.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// `None`: closed. The place stays, as tokens name it.
    all: Vec<Option<Listening>>,
    /// When to try again after there was no room.
    again_at: Option<Instant>,
    /// The lack of descriptors was told.
    warned: bool,
    /// The server stops: a listener is closed as soon as nothing waits on it.
    draining: bool,
}

#[derive(Debug)]
struct Listening {
    listener: Listener,
    local: SocketAddr,
    /// It may have connections to accept.
    ready: bool,
    /// How many more it may accept before it is closed. Counted only while the server stops.
    left: usize,
}

/// What came of a turn of accepting.
pub(crate) enum Accepted {
    /// A connection for this loop.
    Ours(Socket, SocketAddr, SocketAddr),
    /// Nothing for this loop; there may be more.
    More,
    /// There is no room: an idle connection should go.
    Full,
    /// There is nothing more to accept now.
    Nothing,
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
    fn ready(&self) -> Option<usize> {
        self.all.iter().position(|open| open.as_ref().is_some_and(|open| open.ready))
    }

    /// Nothing waits on the listener `index`, or it has accepted as many as it may.
    fn exhaust(&mut self, index: usize, registry: &mio::Registry) {
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

    /// Accepts one connection and decides whose it is.
    pub(crate) fn accept<P: Protocol>(&mut self, engine: &Arc<Engine<P>>, own: &Loop<P>) -> Accepted {
        self.again_at = None;
        let Some(index) = self.ready() else { return Accepted::Nothing };
        let draining = self.draining;
        let Some(Listening { listener, local, left, .. }) = &mut self.all[index] else {
            return Accepted::Nothing;
        };
        if draining && *left == 0 {
            self.exhaust(index, &own.registry);
            return Accepted::More;
        }
        if engine.connections.load(Ordering::Relaxed) >= engine.config.max_connections {
            // Nobody is to go for a client that is not there.
            if listener.wait(Some(Instant::now())).unwrap_or(true) {
                return Accepted::Full;
            }
            self.exhaust(index, &own.registry);
            return Accepted::More;
        }
        // Not only those that come are counted: the end of this must not depend on what the errors
        // are.
        *left = left.saturating_sub(usize::from(draining));
        match listener.accept() {
            Ok((socket, peer)) => {
                // On a listener for both families an IPv4 peer has an IPv6 form that nobody wants to see.
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                self.warned = false;
                Counters::one(&engine.server.counters().accepted);
                if !engine.config.lets_in(peer) || !engine.server.hooks().verify(peer) {
                    return Accepted::More;
                }
                count(engine, 1);
                match less_loaded(engine, own).filter(|_| !draining) {
                    None => Accepted::Ours(socket, peer, *local),
                    Some(other) => {
                        other.tell(Mail::Accepted { socket, peer, local: *local });
                        Accepted::More
                    }
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                self.exhaust(index, &own.registry);
                Accepted::More
            }
            Err(error) if sys::is_out_of_descriptors(&error) => {
                // The system looks for a descriptor before it looks for a client.
                if !listener.wait(Some(Instant::now())).unwrap_or(true) {
                    self.exhaust(index, &own.registry);
                    return Accepted::More;
                }
                if !std::mem::replace(&mut self.warned, true) {
                    diagnostics::warning!("cannot accept connections for now: {error}");
                }
                Accepted::Full
            }
            Err(error) => {
                // The connection was gone before we came to it, or the like: the next one may be well.
                diagnostics::debug!("cannot accept a connection: {error}");
                Accepted::More
            }
        }
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

/// Counts a connection that came (or, with -1, went).
pub(crate) fn count<P: Protocol>(engine: &Engine<P>, change: isize) {
    engine.connections.fetch_add(change.cast_unsigned(), Ordering::Relaxed);
    engine.server.counters().connections.fetch_add(change.cast_unsigned(), Ordering::Relaxed);
}

/// Whether one more connection of `client` is welcome.
pub(crate) fn admit<P: Protocol>(engine: &Engine<P>, client: SocketAddr) -> Admission {
    match engine.config.max_connections_per_address {
        Some(most) if !engine.connections_by_address.try_add(client.ip(), most) => Admission::TooMany,
        _ => Admission::Welcome,
    }
}

/// Another loop, if it has so many connections fewer that moving this one pays.
fn less_loaded<'a, P: Protocol>(engine: &'a Engine<P>, own: &Loop<P>) -> Option<&'a Loop<P>> {
    let ours = own.connections.load(Ordering::Relaxed);
    let other = engine.loops.iter().min_by_key(|each| each.connections.load(Ordering::Relaxed))?;
    let theirs = other.connections.load(Ordering::Relaxed);
    (theirs + theirs / PREFERENCE < ours && other.index != own.index).then_some(other)
}

/// Connections accepted before the loop turns to its other work.
pub(crate) const ACCEPTS_PER_TURN: usize = 64;
/// The own loop is preferred unless another has this part fewer.
const PREFERENCE: usize = 8;
/// Connections that may wait on a listener that somebody else made, which we cannot ask: the limit
/// that Linux sets to every queue unless it is told otherwise.
const ADOPTED_QUEUE: usize = 4096;
/// How long to wait when there is no room.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);
