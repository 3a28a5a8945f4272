//! How connections begin and end, and how the loop ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::diagnostics;
use crate::server::accept::{self, ACCEPTS_PER_TURN, Accepted};
use crate::server::deadlines::Deadline;
use crate::server::engine::mail::{Mail, Seated};
use crate::server::greeting::stage::Stage;
use crate::server::handover::slots::{Slot, Slots, Token};
use crate::server::idle::Idleness;
use crate::server::listeners;
use crate::server::protocol::{Admission, Job, Protocol};
use crate::sys::Socket;

use super::core::{Stays, Stop, event_token};
use super::{Core, Driver};

impl<P: Protocol> Driver<'_, P> {
    /// Removes a connection. The last owner of its transport closes it.
    #[inline(never)]
    pub(super) fn close(&self, core: &mut Core<P>, token: Token) {
        let Some(slot) = core.slots.remove(token) else { return };
        if slot.stays.idleness.is_listed() {
            let Core { idle, slots, .. } = core;
            idle.forget_one(|token| slots.get(token).is_some());
        }
        core.deadlines.forget(&slot.stays.deadline);
        self.forget(token, &slot);
    }

    pub(super) fn forget(&self, token: Token, slot: &Slot<Box<Seated<P>>, Stays>) {
        if slot.stays.is_reader {
            self.engine.readers.forget(self.own.index, token);
        }
        let address = slot.stays.transport.client().ip();
        if slot.stays.held {
            self.engine.release_holder(address);
        }
        if self.engine.config.max_connections_per_address.is_some() && !slot.stays.unannounced {
            self.engine.connections_by_address.remove(address);
        }
        self.own.connections.fetch_sub(1, Ordering::Relaxed);
        accept::count(self.engine, -1);
    }

    pub(super) fn accept(&self, core: &mut Core<P>) {
        // During a shutdown, the listeners close as soon as possible, so that later clients reach
        // another server.
        let most = if core.stopping.is_some() { usize::MAX } else { ACCEPTS_PER_TURN };
        for _ in 0..most {
            match core.listeners.accept(self.engine, self.own) {
                Accepted::Ours(socket, peer, local) => self.admit(core, socket, peer, local),
                Accepted::More => {}
                Accepted::Nothing => break,
                Accepted::Full => {
                    if let Some(stop) = core.stopping {
                        // Idle connections are about to be closed, and busy ones may end soon.
                        if core.now >= stop.full_until {
                            core.listeners.close(&self.own.registry);
                        }
                    } else if self.engine.loops.len() > 1 {
                        self.ask_for_room(core);
                    } else if self.close_oldest_idle(core, None) {
                        continue;
                    } else {
                        self.cut_stalled(core);
                    }
                    let now = core.now;
                    core.listeners.pause(now);
                    break;
                }
            }
        }
    }

    /// Gives a new connection its slot and its first turn.
    pub(super) fn admit(&self, core: &mut Core<P>, socket: Socket, peer: SocketAddr, local: SocketAddr) {
        self.own.connections.fetch_add(1, Ordering::Relaxed);
        let unannounced = self.engine.config.proxy_protocol.is_some();
        let transport = Arc::new(accept::carry(socket, peer, local, &self.engine.config));
        let admission = if unannounced { Admission::Welcome } else { accept::admit(self.engine, peer) };
        let stage =
            Stage::begin(&*self.engine.protocol, &self.engine.config, &transport, admission, core.now);
        let stays = Stays {
            transport: Arc::clone(&transport),
            deadline: Deadline::default(),
            idleness: Idleness::default(),
            unannounced,
            held: false,
            stream: false,
            reported: false,
            is_reader: false,
            wants_permit: None,
        };
        if admission == Admission::TooMany {
            // It is counted like the others until it is closed.
            self.engine.connections_by_address.add(peer.ip());
        }
        let token = core.slots.insert(Box::new(Seated { stage, transport: Arc::clone(&transport) }), stays);
        if let Some(socket) = transport.socket()
            && let Err(error) = socket.register(&self.own.registry, event_token(token))
        {
            diagnostics::warning!("cannot watch a new connection: {error}");
            self.close(core, token);
            return;
        }
        core.enqueue(token);
    }

    /// The greeting is over. If a proxy has told the address of its client, the connection is
    /// counted under that address from now on.
    #[cold]
    pub(super) fn admit_greeted(&self, stays: &mut Stays) -> Admission {
        if !std::mem::take(&mut stays.unannounced) {
            return Admission::Welcome;
        }
        let client = stays.transport.client();
        let admission = accept::admit(self.engine, client);
        if admission == Admission::TooMany {
            // It is counted like the others until it is closed.
            self.engine.connections_by_address.add(client.ip());
        }
        admission
    }

    /// The server is full. Asks the other loops to close the connection that has been idle for the
    /// longest time.
    pub(super) fn ask_for_room(&self, core: &mut Core<P>) {
        if core.room_asked > 0 {
            return;
        }
        let since = core.oldest_idle().map(|(since, _)| since);
        for other in self.engine.loops.iter().filter(|other| other.index != self.own.index) {
            core.room_asked += 1;
            other.tell(Mail::MakeRoom { since, asker: self.own.index });
        }
    }

    /// Closes the connection that has been idle for the longest time, if it became idle before
    /// `since`. Returns whether it did.
    pub(super) fn close_oldest_idle(&self, core: &mut Core<P>, since: Option<Instant>) -> bool {
        for _ in 0..LOOKS {
            let Some((idle_since, token)) = core.oldest_idle() else { return false };
            if since.is_some_and(|since| since <= idle_since) {
                return false;
            }
            let Some(slot) = core.slots.get(token) else { return false };
            if !slot.connection().is_some_and(|seated| seated.has_unread_request()) {
                self.close(core, token);
                return true;
            }
            // Its request has arrived, and the next poll would report it.
            slot.stays.idleness.end();
            core.enqueue(token);
        }
        false
    }

    /// Begins to stop: every connection gets a turn, and the listeners accept only connections that
    /// wait already.
    pub(super) fn stop(&self, core: &mut Core<P>) {
        let config = &self.engine.config;
        let deadline = core.now + config.shutdown_timeout;
        // Even if that is short, idle connections make room in this round.
        let patience = config.permit_timeout.max(listeners::PAUSE);
        let full_until = deadline.min(core.now + patience);
        core.stopping = Some(Stop { deadline, full_until, cut: false });
        core.listeners.drain(listeners::most_drained(config));
        for (token, slot) in core.slots.iter_mut() {
            if slot.stays.wants_permit.is_none() && slot.wake() {
                core.ready.push_back(token);
            }
        }
    }

    /// Finds out whether the loop is finished, and ends it by force when its time is over.
    pub(super) fn check_stop(&self, core: &mut Core<P>) {
        let Some(stop) = core.stopping else { return };
        if core.now >= stop.deadline {
            core.listeners.close(&self.own.registry);
        }
        if core.listeners.are_closed() && !std::mem::replace(&mut core.told_closed, true) {
            self.engine.loop_has_closed();
        }
        if core.slots.len() == 0
            && core.jobs_out == 0
            && self.engine.all_have_closed()
            // Another loop may have accepted a connection for this one.
            && !self.own.inbox.has_mail()
        {
            core.finished = true;
        } else if core.now >= stop.deadline {
            if stop.cut {
                core.finished = true;
            } else {
                for (_, slot) in core.slots.iter_mut() {
                    slot.stays.transport.cut();
                }
                let here: Vec<(Token, _)> =
                    core.slots.iter_mut().filter_map(|(token, slot)| Some((token, slot.take()?.0))).collect();
                let (here, seats): (Vec<Token>, Vec<_>) = here.into_iter().unzip();
                for token in here {
                    self.close(core, token);
                }
                self.engine.bury(seats);
                core.stopping = Some(Stop { deadline: core.now + GRACE, cut: true, ..stop });
            }
        }
        if core.finished {
            for (token, slot) in core.slots.iter_mut() {
                self.forget(token, slot);
            }
            core.slots = Slots::new();
            // Jobs may hold wakers, which hold the server.
            for (part, _) in core.waiting_jobs.drain(..) {
                part.job.refuse();
            }
            core.waiting.clear();
            core.waiting_to_compute.clear();
            self.count_waiting(core);
        }
    }
}

/// Idle connections that are looked at to find one without an unread request.
const LOOKS: usize = 64;
/// Time that cut connections get to return from their handlers, before the server gives up on them.
const GRACE: Duration = Duration::from_millis(500);
