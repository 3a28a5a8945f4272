//! Requests that wait for permits or places, and deadlines.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::server::computing::Place;
use crate::server::engine::mail::Seated;
use crate::server::handover::slots::{Token, Wants};
use crate::server::learned::Kind;
use crate::server::protocol::{Cause, Job, Protocol};
use crate::server::stats::Counters;

use super::line::Waiting;
use super::{Core, Driver, Guard};

impl<'a, P: Protocol> Driver<'a, P> {
    pub(super) fn has_permit(&self, address: IpAddr) -> bool {
        // The permits of each address matter only when permits get scarce. Until then, this is one
        // load.
        self.engine.may_start()
            && (self.engine.permits.detached() * 2 < self.engine.most_permits() || self.has_share(address))
    }

    /// Whether `address` may hold one more of the permits for ordinary requests. Streams have a
    /// limit of their own. They do not count for an address, and do not make the other permits look
    /// scarce.
    #[cold]
    fn has_share(&self, address: IpAddr) -> bool {
        let streams = self.engine.server.counters().upgraded.load(Ordering::Relaxed);
        let ordinary = self.engine.permits.detached().saturating_sub(streams);
        let most = self.engine.most_permits().saturating_sub(streams);
        ordinary * 2 < most
            || self.engine.permit_holders.count(address) < self.engine.config.permits_per_address(most)
    }

    /// Makes the request wait for a permit. Its connection goes back into its slot.
    pub(super) fn make_wait(&self, core: &mut Core<P>, token: Token, seated: Box<Seated<P>>, kind: Kind) {
        let evicts_at = core.now + self.patience_with_slow_bodies();
        let is_whole = seated.stage.is_whole(&self.engine.config);
        if is_whole
            && !self.may_wait(core)
            && let Some(last) = core.waiting.pop_last_partial()
        {
            // Its place goes to a request that will hold its permit for a shorter time.
            end_wait(core, last.token);
        }
        let waiting = Waiting { token, evicts_at, is_whole };
        self.queue(core, token, seated, kind, |core| core.waiting.push(waiting));
    }

    /// Makes the request wait for a place to compute, in the same way.
    pub(super) fn wait_to_compute(
        &self,
        core: &mut Core<P>,
        token: Token,
        seated: Box<Seated<P>>,
        kind: Kind,
    ) {
        self.queue(core, token, seated, kind, |core| core.waiting_to_compute.push_back(token));
    }

    fn queue(
        &self,
        core: &mut Core<P>,
        token: Token,
        seated: Box<Seated<P>>,
        kind: Kind,
        line_up: impl FnOnce(&mut Core<P>),
    ) {
        let inner = &mut *core;
        let may_wait = self.may_wait(inner);
        let Some(slot) = inner.slots.get(token) else { return };
        // The connection waits for nothing from its socket, so no turn can be due.
        let _ = slot.put_back(seated, Wants::default());
        slot.stays.idleness.end();
        slot.stays.wants_permit = Some(kind);
        self.note_away(&slot.stays, token);
        let patience = if may_wait {
            line_up(inner);
            self.engine.config.permit_timeout
        } else {
            Duration::ZERO
        };
        let Some(slot) = inner.slots.get(token) else { return };
        inner.deadlines.set(token, &mut slot.stays.deadline, Some(inner.now + patience), inner.now);
        self.note_waiting(core);
    }

    /// From now on, threads that give a permit back tell this loop. A permit that was given back
    /// just before is found in the next round.
    pub(super) fn note_waiting(&self, core: &mut Core<P>) {
        self.count_waiting(core);
        if !core.is_waiting {
            core.is_waiting = true;
            core.look_again = true;
            self.engine.permits.start_waiting();
        }
    }

    /// Updates the statistics of waiting requests.
    pub(super) fn count_waiting(&self, core: &mut Core<P>) {
        let waiting = core.waiting.len() + core.waiting_to_compute.len() + core.waiting_jobs.len();
        let change = waiting.wrapping_sub(std::mem::replace(&mut core.counted_waiting, waiting));
        self.engine.server.counters().waiting.fetch_add(change, Ordering::Relaxed);
    }

    /// Starts waiting requests and jobs as far as there are permits and places. Refuses jobs that
    /// have waited too long.
    pub(super) fn serve_waiting(
        &self,
        mut core: Guard<'a, P>,
        scratch: &mut P::Scratch,
    ) -> Option<Guard<'a, P>> {
        core = self.start_waiting(core, scratch)?;
        self.evict_slow_bodies(&mut core);
        self.serve_computing(&mut core);
        for _ in 0..core.waiting_jobs.len() {
            let Some((part, since)) = core.waiting_jobs.pop_front() else { break };
            if self.has_permit(part.address) {
                core = self.start_job(core, part, scratch)?;
            } else if core.now >= since + self.engine.config.permit_timeout {
                Counters::one(&self.engine.server.counters().refused);
                part.job.refuse();
            } else {
                core.waiting_jobs.push_back((part, since));
            }
        }
        self.count_waiting(&mut core);
        if core.waiting.is_empty() && core.waiting_to_compute.is_empty() && core.waiting_jobs.is_empty() {
            core.is_waiting = false;
            self.engine.permits.stop_waiting();
        }
        Some(core)
    }

    /// Starts the requests in the line for which there are permits. The loop may be lost in each of
    /// them, so the others stay in the line.
    fn start_waiting(&self, mut core: Guard<'a, P>, scratch: &mut P::Scratch) -> Option<Guard<'a, P>> {
        for is_whole in [true, false] {
            for _ in 0..core.waiting.count(is_whole) {
                if !self.engine.may_start() {
                    return Some(core);
                }
                let Some(waiting) = core.waiting.pop(is_whole) else { break };
                let Some(slot) = core.slots.get(waiting.token) else { continue };
                if !self.has_permit(slot.stays.transport.client().ip()) {
                    core.waiting.push(waiting);
                    continue;
                }
                core = self.start_after_wait(core, waiting.token, scratch)?;
            }
        }
        Some(core)
    }

    /// How long a request waits before it takes the thread of a handler that waits for a slow
    /// client. In most cases, a thread becomes free before that.
    fn patience_with_slow_bodies(&self) -> Duration {
        self.engine.config.permit_timeout / EVICTIONS_PER_WAIT
    }

    /// Each request that has waited for long takes the thread of the handler with the slowest
    /// client: of any address, or of the address of the request if only that one holds too many
    /// threads.
    fn evict_slow_bodies(&self, core: &mut Core<P>) {
        if core.waiting.iter().all(|waiting| core.now < waiting.evicts_at) {
            return;
        }
        let Core { waiting, slots, now, .. } = core;
        for Waiting { token, evicts_at, .. } in waiting.iter_mut() {
            if *now < *evicts_at {
                continue;
            }
            *evicts_at = *now + self.patience_with_slow_bodies();
            let Some(slot) = slots.get(*token) else { continue };
            let address = slot.stays.transport.client().ip();
            // If a permit has just been given back, this request starts in the next round.
            if !self.has_permit(address) {
                let own_address_only = self.engine.may_start();
                self.engine.client_waits.evict_slowest(own_address_only.then_some(address));
            }
        }
    }

    /// Returns when the next waiting request takes the thread of a handler that waits for its
    /// client. The time holds also while no handler waits, because one may begin to without telling
    /// this loop.
    pub(super) fn next_eviction(core: &Core<P>) -> Option<Instant> {
        core.waiting.iter().map(|waiting| waiting.evicts_at).min()
    }

    /// Starts a request that has waited and now has a permit, on a spare thread if possible.
    fn start_after_wait(
        &self,
        mut core: Guard<'a, P>,
        token: Token,
        scratch: &mut P::Scratch,
    ) -> Option<Guard<'a, P>> {
        let Some(slot) = core.slots.get(token) else { return Some(core) };
        let Some(kind) = slot.stays.wants_permit.take() else { return Some(core) };
        let Some((seated, _)) = slot.take() else { return Some(core) };
        // It waited because other handlers block, and may be of the same kind.
        if self.engine.try_detach() {
            self.start_on_spare(&mut core, seated, self.errand(token, kind, None));
            return Some(core);
        }
        self.run_inline(core, token, seated, kind, true, scratch)
    }

    /// Whether one more request may wait.
    pub(super) fn may_wait(&self, core: &Core<P>) -> bool {
        core.waiting.len() + core.waiting_to_compute.len() < self.engine.config.max_waiting_requests
    }

    /// Starts the requests for which there is a place to compute, and those that do not need one
    /// any more.
    fn serve_computing(&self, core: &mut Core<P>) {
        for _ in 0..core.waiting_to_compute.len() {
            let Some(token) = core.waiting_to_compute.pop_front() else { break };
            let Some(slot) = core.slots.get(token) else { continue };
            let Some(kind) = slot.stays.wants_permit else { continue };
            let place = if self.engine.learned.computes(kind) {
                let place = self.engine.computing.try_take(core.now);
                if place.is_none() {
                    core.waiting_to_compute.push_front(token);
                    break;
                }
                place
            } else {
                None
            };
            if !self.start_computing(core, token, place) {
                core.waiting_to_compute.push_back(token);
            }
        }
    }

    /// Starts a request that waited to compute, on a spare thread. Returns false if there is no
    /// permit for it, and gives its place back.
    fn start_computing(&self, core: &mut Core<P>, token: Token, place: Option<Place>) -> bool {
        if let Some(slot) = core.slots.get(token)
            && let Some(kind) = slot.stays.wants_permit
            && self.has_permit(slot.stays.transport.client().ip())
            && self.engine.try_detach()
        {
            if let Some((seated, _)) = slot.take() {
                slot.stays.wants_permit = None;
                self.start_on_spare(core, seated, self.errand(token, kind, place));
                return true;
            }
            self.engine.finish_detached();
        }
        if let Some(place) = place {
            self.engine.computing.give_back(place);
        }
        false
    }

    /// Handles a passed deadline of a connection.
    pub(super) fn expire(
        &self,
        mut core: Guard<'a, P>,
        token: Token,
        scratch: &mut P::Scratch,
    ) -> Option<Guard<'a, P>> {
        let inner = &mut *core;
        let Some(slot) = inner.slots.get(token) else { return Some(core) };
        if slot.is_out() {
            return Some(core);
        }
        let cause = if slot.stays.wants_permit.is_some() {
            let address = slot.stays.transport.client().ip();
            let waited_to_compute = leave(&mut inner.waiting_to_compute, token);
            inner.waiting.remove(token);
            // The count must be right before the client gets its answer.
            self.count_waiting(inner);
            // No request is refused because other handlers compute.
            if waited_to_compute && self.has_permit(address) {
                return self.start_after_wait(core, token, scratch);
            }
            Counters::one(&self.engine.server.counters().refused);
            if let Some(slot) = core.slots.get(token) {
                slot.stays.wants_permit = None;
            }
            Cause::NoPermit
        } else {
            Cause::Expired
        };
        self.turn(core, token, cause, scratch)
    }
}

/// How many times a waiting request may take the thread of a handler that waits for its client.
const EVICTIONS_PER_WAIT: u32 = 4;

/// Has the request of `token` refused before the others have their turn.
#[cold]
fn end_wait<P: Protocol>(core: &mut Core<P>, token: Token) {
    let Core { slots, deadlines, now, .. } = core;
    if let Some(slot) = slots.get(token) {
        deadlines.set(token, &mut slot.stays.deadline, Some(*now), *now);
    }
}

/// Removes `token` from the queue. Returns whether it was there.
fn leave(queue: &mut VecDeque<Token>, token: Token) -> bool {
    let place = queue.iter().position(|&waits| waits == token);
    place.and_then(|place| queue.remove(place)).is_some()
}
