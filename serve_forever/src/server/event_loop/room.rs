//! Makes room for new connections, files and responses when clients have stopped reading or
//! sending.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::server::engine::Engine;
use crate::server::engine::mail::{Cut, Mail, Seated};
use crate::server::handover::slots::Token;
use crate::server::protocol::{Cause, Next, Protocol};
use crate::server::readers::Victim;
use crate::server::stats::Counters;
use crate::transport::Transport;

use super::core::Stays;
use super::{Core, Driver, Guard};

impl<'a, P: Protocol> Driver<'a, P> {
    /// Notes the progress of the client of a connection. Returns whether more bytes wait in memory
    /// than may.
    #[cold]
    pub(super) fn note_reader(
        &self,
        stays: &mut Stays,
        token: Token,
        seated: &Seated<P>,
        next: Next,
        now: Instant,
    ) -> bool {
        let waits = match next {
            Next::Wait { idle, .. } => !idle,
            // The connection goes on to send, or to linger.
            Next::Again | Next::Run { .. } | Next::Linger => stays.is_reader,
            // It is forgotten together with its slot.
            Next::Close => return false,
        };
        let load = seated.stage.load().filter(|_| waits);
        let readers = &self.engine.readers;
        let Some(load) = load else {
            if waits && stays.is_reader && !matches!(next, Next::Wait { .. }) {
                readers.keep(self.own.index, token);
            } else if std::mem::take(&mut stays.is_reader) {
                readers.forget(self.own.index, token);
            }
            return false;
        };
        stays.is_reader = true;
        readers.note(self.own.index, token, self.counted_for(&seated.transport), load, now);
        self.excess() > 0
    }

    /// Returns the address that a connection counts for. `None`: it counts for itself, because it
    /// has no address, or that of a proxy, which serves many clients.
    fn counted_for(&self, transport: &Transport) -> Option<IpAddr> {
        let client = transport.client();
        let is_shared = transport.is_unix() || self.engine.config.trusted_proxies.contains(client);
        (!is_shared).then(|| client.ip())
    }

    /// Returns how many bytes in memory exceed the limit, without those that are about to be freed.
    fn excess(&self) -> usize {
        let unsent = self.engine.server.unsent().bytes();
        unsent.saturating_sub(self.engine.readers.promised()).saturating_sub(self.engine.config.max_unsent)
    }

    /// Notes that the connection goes to a job, or waits for a thread.
    pub(super) fn note_away(&self, stays: &Stays, token: Token) {
        if stays.is_reader {
            self.engine.readers.note_away(self.own.index, token);
        }
    }

    /// Whether a file could not be opened because no descriptor was free.
    pub(super) fn is_short_of_descriptors(&self) -> bool {
        self.engine.server.counters().short_of_descriptors.load(Ordering::Relaxed)
    }

    /// Cuts connections to make room for others.
    #[cold]
    pub(super) fn make_room(&self, mut core: Guard<'a, P>, scratch: &mut P::Scratch) -> Option<Guard<'a, P>> {
        if std::mem::take(&mut core.is_over_budget) {
            self.relieve(&mut core);
        }
        let is_short = &self.engine.server.counters().short_of_descriptors;
        if is_short.swap(false, Ordering::Relaxed) {
            // While the server stops, the other loops may have finished and would not answer.
            if self.engine.loops.len() > 1 && core.stopping.is_none() {
                self.ask_for_room(&mut core);
            } else if !self.close_oldest_idle(&mut core, None) {
                self.cut_stalled(&mut core);
            }
        }
        while let Some(cut) = core.cuts.pop() {
            core = self.cut(core, cut, scratch)?;
        }
        Some(core)
    }

    /// Too many bytes wait in memory. Chooses the connections that are cut.
    fn relieve(&self, core: &mut Core<P>) {
        let most = self.engine.config.max_unsent;
        for Victim { index, token, held } in self.engine.readers.relieve(most, core.now) {
            self.order(core, index, Cut { token, promised: held, asker: None });
        }
    }

    /// A new connection needs room, or a file needs a descriptor. Has a stalled connection cut.
    pub(super) fn cut_stalled(&self, core: &mut Core<P>) {
        if core.room_asked > 0 {
            return;
        }
        #[cfg(test)]
        Counters::one(&self.engine.server.counters().searches);
        let Some(Victim { index, token, .. }) = self.engine.readers.next_stalled(core.now) else {
            // The listeners ask again after their pause. By then the connection may be gone.
            self.engine.client_waits.evict_stalled();
            return;
        };
        #[cfg(test)]
        Counters::one(&self.engine.server.counters().named);
        core.room_asked += 1;
        core.cut_asked = true;
        self.order(core, index, Cut { token, promised: 0, asker: Some(self.own.index) });
    }

    /// Notes the answer to a request for room.
    #[cold]
    pub(super) fn note_room(&self, core: &mut Core<P>, made: bool) {
        core.room_made |= made;
        core.room_asked = core.room_asked.saturating_sub(1);
        if core.room_asked > 0 {
            return;
        }
        let cut_asked = std::mem::take(&mut core.cut_asked);
        // No other loop has a connection that has been idle for longer.
        if std::mem::take(&mut core.room_made) || self.close_oldest_idle(core, None) {
            core.listeners.go_on();
        } else if !cut_asked {
            self.cut_stalled(core);
        }
        // Otherwise, the chosen connection has gone on. Choosing the next one at once could go on
        // for ever, so the listeners ask again after their pause, and a file when the next one
        // cannot be opened.
    }

    fn order(&self, core: &mut Core<P>, index: usize, cut: Cut) {
        if index == self.own.index {
            core.cuts.push(cut);
        } else {
            self.engine.loops[index].tell(Mail::Cut(cut));
        }
    }

    /// Cuts a connection, unless it has gone on meanwhile.
    fn cut(&self, mut core: Guard<'a, P>, cut: Cut, scratch: &mut P::Scratch) -> Option<Guard<'a, P>> {
        // For a new connection, no connection is cut that goes on. For memory, a connection is cut
        // even if its client takes bytes just now. Otherwise, the next choice would be a connection
        // with a better rank.
        let slot = core.slots.get(cut.token).filter(|slot| slot.stays.is_reader && !slot.is_out());
        let made = slot.is_some_and(|slot| cut.asker.is_none() || slot.is_held_up());
        let _answer = Answer { engine: self.engine, cut, made };
        if !made {
            // If this was for memory, the connection is gone, or it is looked at when it comes
            // back.
            return Some(core);
        }
        Counters::one(&self.engine.server.counters().cut);
        self.turn(core, cut.token, Cause::NoRoom, scratch)
    }
}

/// Answers an order when dropped, whatever happens meanwhile, because the loop that asked waits for
/// it.
struct Answer<'a, P: Protocol> {
    engine: &'a Engine<P>,
    cut: Cut,
    made: bool,
}

impl<P: Protocol> Drop for Answer<'_, P> {
    fn drop(&mut self) {
        self.engine.readers.keep_promise(self.cut.promised);
        if let Some(asker) = self.cut.asker {
            self.engine.loops[asker].tell(Mail::Room { made: self.made });
        }
    }
}
