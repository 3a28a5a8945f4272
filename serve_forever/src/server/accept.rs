//! Accepts connections fairly and within the limits, also when descriptors run out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::diagnostics;
use crate::sys::{self, Socket};
use crate::transport::Transport;

use super::config::Config;
use super::engine::Engine;
use super::engine::loops::Loop;
use super::engine::mail::Mail;
use super::listeners::{Listeners, Listening};
use super::protocol::{Admission, Protocol};
use super::stats::Counters;

/// The result of one attempt to accept.
pub(crate) enum Accepted {
    /// A connection for this loop.
    Ours(Socket, SocketAddr, SocketAddr),
    /// Nothing for this loop; there may be more.
    More,
    /// There is no room. An idle connection should be closed.
    Full,
    /// There is nothing more to accept now.
    Nothing,
}

impl Listeners {
    /// Accepts one connection and decides which loop gets it.
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
            // No connection is to be closed for a client that is not there.
            if listener.wait(Some(Instant::now())).unwrap_or(true) {
                return Accepted::Full;
            }
            self.exhaust(index, &own.registry);
            return Accepted::More;
        }
        // Failed attempts count, too, so that this ends whatever the errors are.
        *left = left.saturating_sub(usize::from(draining));
        match listener.accept() {
            Ok((socket, peer)) => {
                // A listener for both families reports an IPv4 peer as an IPv6 address.
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
                // The system reports missing descriptors before it looks whether a client waits.
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
                // For example, the client has already left. The next connection may be accepted.
                diagnostics::debug!("cannot accept a connection: {error}");
                Accepted::More
            }
        }
    }
}

/// Returns the transport of an accepted connection.
#[cfg_attr(not(any(test, feature = "test-transport")), allow(unused_variables))]
pub(crate) fn carry(socket: Socket, peer: SocketAddr, local: SocketAddr, config: &Config) -> Transport {
    #[cfg(any(test, feature = "test-transport"))]
    if let Some(veiling) = config.veiling {
        return Transport::veiled(socket, peer, local, veiling);
    }
    Transport::plain(socket, peer, local)
}

/// Counts a new connection, or with -1 a closed one.
pub(crate) fn count<P: Protocol>(engine: &Engine<P>, change: isize) {
    engine.connections.fetch_add(change.cast_unsigned(), Ordering::Relaxed);
    engine.server.counters().connections.fetch_add(change.cast_unsigned(), Ordering::Relaxed);
}

/// Decides whether `client` may have one more connection.
pub(crate) fn admit<P: Protocol>(engine: &Engine<P>, client: SocketAddr) -> Admission {
    match engine.config.max_connections_per_address {
        Some(most) if !engine.connections_by_address.try_add(client.ip(), most) => Admission::TooMany,
        _ => Admission::Welcome,
    }
}

/// Returns the loop with the fewest connections, if moving a connection there pays.
fn less_loaded<'a, P: Protocol>(engine: &'a Engine<P>, own: &Loop<P>) -> Option<&'a Loop<P>> {
    let ours = own.connections.load(Ordering::Relaxed);
    let other = engine.loops.iter().min_by_key(|each| each.connections.load(Ordering::Relaxed))?;
    let theirs = other.connections.load(Ordering::Relaxed);
    (theirs + theirs / PREFERENCE < ours && other.index != own.index).then_some(other)
}

/// Connections that a loop accepts before it does other work.
pub(crate) const ACCEPTS_PER_TURN: usize = 64;
/// A connection moves to another loop only if that has fewer connections by this fraction.
const PREFERENCE: usize = 8;
