//! Accepting connections: fairly, within the limits, and without going under when descriptors run out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::diagnostics;
use crate::sys::{self, Listener, Socket};

use super::engine::{Engine, Loop, Mail};
use super::protocol::{Admission, Protocol};
use super::stats::Counters;

/// The listeners of one loop. Each listener belongs to exactly one.
#[derive(Debug)]
pub(crate) struct Listeners {
    all: Vec<(Listener, SocketAddr)>,
    /// Those that may have connections to accept.
    ready: Vec<bool>,
    /// When to try again after there was no room.
    again_at: Option<Instant>,
    /// The lack of descriptors was told.
    warned: bool,
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
                let address = listener.local_address()?;
                Ok((listener, address))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Self { ready: vec![false; all.len()], all, again_at: None, warned: false })
    }

    pub(crate) fn register(
        &self,
        registry: &mio::Registry,
        token: impl Fn(usize) -> mio::Token,
    ) -> std::io::Result<()> {
        for (index, (listener, _)) in self.all.iter().enumerate() {
            listener.register(registry, token(index))?;
        }
        Ok(())
    }

    /// Stops accepting for good.
    pub(crate) fn close(&mut self, registry: &mio::Registry) {
        for (listener, address) in self.all.drain(..) {
            if let Err(error) = listener.deregister(registry) {
                diagnostics::debug!("cannot take the listener of {address} out of its poller: {error}");
            }
        }
        self.ready.clear();
        self.again_at = None;
    }

    /// The listener `index` has connections to accept.
    pub(crate) fn event(&mut self, index: usize) {
        if let Some(ready) = self.ready.get_mut(index) {
            *ready = true;
        }
    }

    /// Whether there is something to do at once.
    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        self.again_at.is_none_or(|at| at <= now) && self.ready.contains(&true)
    }

    /// When there is something to do later.
    pub(crate) fn again_at(&self) -> Option<Instant> {
        self.again_at.filter(|_| self.ready.contains(&true))
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
        let Some(index) = self.ready.iter().position(|&ready| ready) else { return Accepted::Nothing };
        let (listener, local) = &self.all[index];
        if engine.connections.load(Ordering::Relaxed) >= engine.config.max_connections {
            // Nobody is to go for a client that is not there.
            if listener.wait(Some(Instant::now())).unwrap_or(true) {
                return Accepted::Full;
            }
            self.ready[index] = false;
            return Accepted::More;
        }
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
                match less_loaded(engine, own) {
                    None => Accepted::Ours(socket, peer, *local),
                    Some(other) => {
                        other.tell(Mail::Accepted { socket, peer, local: *local });
                        Accepted::More
                    }
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                self.ready[index] = false;
                Accepted::More
            }
            Err(error) if sys::is_out_of_descriptors(&error) => {
                // The system looks for a descriptor before it looks for a client.
                if !listener.wait(Some(Instant::now())).unwrap_or(true) {
                    self.ready[index] = false;
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
/// How long to wait when there is no room.
const PAUSE: Duration = Duration::from_millis(50);
