//! The event loop: polls, and moves connections in and out of their slots.
//!
//! One thread at a time drives a loop and holds its [`Core`]. It releases the core exactly while it
//! runs a job. If the job returns late, another thread already drives the loop, and the thread of
//! the job sends the connection back by mail.

pub(super) mod core;
mod lifecycle;
mod line;
mod room;
mod run;
mod waiting;

use std::cell::Cell;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use crate::diagnostics;
use crate::sync::lock;
use crate::sys::EVENTS_ARE_CURRENT;

use super::computing::LONGEST;
use super::engine::Engine;
use super::engine::loops::Loop;
use super::engine::mail::{Mail, Seated};
use super::handover::slots::{Readiness, Token};
use super::handover::state::JobId;
use super::hooks::{catch, guarded};
use super::protocol::{Cause, Next, Protocol};
use super::waker::Wake;

use self::core::{Core, InHand, connection_token, event_token, listener_index};

type Guard<'a, P> = MutexGuard<'a, Core<P>>;

/// Drives the loop `index` until the loop is finished, or until another thread takes it during a
/// job.
///
/// Panics of user code are caught inside turns and runs. If something else panics, this driver goes
/// on, and the connection in hand is closed.
pub(crate) fn drive<P: Protocol>(engine: &Arc<Engine<P>>, index: usize, scratch: &mut P::Scratch) {
    let wake: Arc<dyn Wake> = Arc::clone(engine) as Arc<dyn Wake>;
    let driver = Driver { engine, own: &engine.loops[index], wake: &wake, left: Cell::new(None) };
    while let Err(panic) = catch(|| driver.drive(scratch)) {
        diagnostics::error!("an event loop panicked: {panic}");
        if !driver.holds_loop() {
            *scratch = engine.protocol.scratch(&engine.config);
            return;
        }
        guarded("an event loop after a panic", || driver.put_right(scratch));
    }
}

/// The driver of a loop. Its fields do not change while it drives.
struct Driver<'a, P: Protocol> {
    engine: &'a Arc<Engine<P>>,
    own: &'a Loop<P>,
    wake: &'a Arc<dyn Wake>,
    /// The job that a panic has left, if the panic came from a job.
    left: Cell<Option<Left>>,
}

impl<'a, P: Protocol> Driver<'a, P> {
    fn drive(&self, scratch: &mut P::Scratch) {
        let mut core = lock(&self.own.core);
        core.now = Instant::now();
        self.adopt(&mut core);
        // Mail that a round left when it panicked.
        self.read_all_mail(&mut core);
        while !core.finished {
            let Some(back) = self.round(core, scratch) else { return };
            core = back;
        }
        drop(core);
        self.engine.loop_has_finished();
    }

    /// Returns, after a panic, whether this driver still holds the loop. If not, the new driver is
    /// told what became of the job, and the permit of the job is given back.
    #[cold]
    fn holds_loop(&self) -> bool {
        let Some(Left { job, taken, in_hand }) = self.left.take() else { return true };
        if !taken && self.own.state.leave_job(job) {
            return true;
        }
        self.engine.finish_detached();
        self.own.tell(match in_hand {
            InHand::Connection(token) => Mail::Lost(token),
            InHand::Part => Mail::JobDone { held: None },
        });
        false
    }

    /// Restores the state between two rounds, after a panic of the driver.
    #[cold]
    fn put_right(&self, scratch: &mut P::Scratch) {
        // The panic may have come during a poll.
        self.own.state.leave_poll();
        self.engine.watch.wake();
        let mut core = lock(&self.own.core);
        core.current = None;
        // Connections that are out with a job are counted as holders of permits or are streams. The
        // others were in the hands of this driver.
        let out = core.slots.iter_mut().filter(|(_, slot)| slot.is_out());
        let lost = out.filter(|(_, slot)| !slot.stays.held && !slot.stays.stream).map(|(token, _)| token);
        for token in lost.collect::<Vec<_>>() {
            self.close(&mut core, token);
        }
        *scratch = self.engine.protocol.scratch(&self.engine.config);
        for token in std::mem::take(&mut core.holding) {
            if guarded("a response that was held", || self.send_one(&mut core, token, scratch)).is_none() {
                self.close(&mut core, token);
            }
        }
    }

    /// The former driver lost the loop during a job. From now on, the permit of the job counts for
    /// the address of its client.
    fn adopt(&self, core: &mut Core<P>) {
        match core.current.take() {
            Some(InHand::Connection(token)) => {
                if let Some(slot) = core.slots.get(token) {
                    slot.stays.held = true;
                    self.engine.permit_holders.add(slot.stays.transport.client().ip());
                    self.note_away(&slot.stays, token);
                }
            }
            // A job on a part of a connection has no slot that could remember this, so its address
            // is not charged.
            Some(InHand::Part) => core.jobs_out += 1,
            None => {}
        }
    }

    /// Handles mail, deadlines, everything that is ready, and polls. Returns `None` if the loop was
    /// lost.
    fn round(&self, mut core: Guard<'a, P>, scratch: &mut P::Scratch) -> Option<Guard<'a, P>> {
        // A driver that lost the loop may have left another value.
        core.following = 0;
        self.send_held(&mut core, scratch);
        if self.own.inbox.has_mail() {
            core.mail = self.own.inbox.collect().into_iter();
            self.read_all_mail(&mut core);
        }
        // Thousands of deadlines may be due together, and each may cost a response. So the other
        // connections get their turns in between, and the poll does not wait while more are due.
        for _ in 0..EXPIRIES_PER_ROUND {
            let Some(token) = core.next_expired() else { break };
            core = self.expire(core, token, scratch)?;
        }
        if core.is_waiting {
            core = self.serve_waiting(core, scratch)?;
        }
        if core.listeners.is_ready(core.now) {
            self.accept(&mut core);
        }
        // Connections that become ready meanwhile wait for the next round.
        for following in (0..core.ready.len()).rev() {
            let Some(token) = core.ready.pop_front() else { break };
            core.following = following;
            let cause = if core.stopping.is_some() { Cause::Stopping } else { Cause::Ready };
            let holding = core.holding.len();
            core = self.turn(core, token, cause, scratch)?;
            if core.is_over_budget {
                // The connections that follow could use even more.
                core = self.make_room(core, scratch)?;
            }
            if following == 0 || core.has_held_enough(holding) {
                self.send_held(&mut core, scratch);
            }
        }
        while let Some(part) = core.jobs.pop_front() {
            core = self.start_job(core, part, scratch)?;
        }
        if core.is_over_budget || !core.cuts.is_empty() || self.is_short_of_descriptors() {
            core = self.make_room(core, scratch)?;
        }
        self.check_stop(&mut core);
        if !core.finished {
            self.poll(&mut core);
        }
        Some(core)
    }

    /// Reads the collected mail. Each piece stays with the loop until it is read, so that a panic
    /// loses at most one.
    fn read_all_mail(&self, core: &mut Core<P>) {
        while let Some(mail) = core.mail.next() {
            self.read_mail(core, mail);
        }
    }

    fn read_mail(&self, core: &mut Core<P>, mail: Mail<P>) {
        match mail {
            Mail::Back { token, seated, next, rejoin } => self.take_back(core, token, seated, next, rejoin),
            Mail::Lost(token) => self.close(core, token),
            Mail::JobDone { held } => {
                core.jobs_out = core.jobs_out.saturating_sub(1);
                if let Some(address) = held {
                    self.engine.release_holder(address);
                }
            }
            Mail::Accepted { socket, peer, local } => self.admit(core, socket, peer, local),
            Mail::Wake(token) => core.enqueue(token),
            Mail::Stream(token) => self.note_stream(core, token),
            // Every round looks at the waiting requests, and whether the loop is finished.
            Mail::Permit | Mail::AllClosed => {}
            Mail::MakeRoom { since, asker } => {
                let made = self.close_oldest_idle(core, since);
                self.engine.loops[asker].tell(Mail::Room { made });
            }
            Mail::Room { made } => self.note_room(core, made),
            Mail::Cut(cut) => core.cuts.push(cut),
            Mail::Stop => self.stop(core),
        }
    }

    /// The run that has the connection keeps it as a stream. From now on, its thread does not count
    /// among the threads of its address. If the run is over already, there is nothing to change.
    #[cold]
    fn note_stream(&self, core: &mut Core<P>, token: Token) {
        let Some(slot) = core.slots.get(token) else { return };
        if !slot.is_out() {
            return;
        }
        slot.stays.stream = true;
        if std::mem::take(&mut slot.stays.held) {
            self.engine.release_holder(slot.stays.transport.client().ip());
        }
    }

    /// Takes a connection back from a job that lost its loop, or ran on a spare thread.
    #[inline(never)]
    fn take_back(&self, core: &mut Core<P>, token: Token, seated: Box<Seated<P>>, next: Next, rejoin: bool) {
        let Some(slot) = core.slots.get(token) else { return };
        slot.stays.stream = false;
        if std::mem::take(&mut slot.stays.held) {
            self.engine.release_holder(seated.transport.client().ip());
        }
        let mut next = next;
        if rejoin
            && next != Next::Close
            && let Some(socket) = seated.transport.socket()
        {
            // The readiness in the slot is out of date. Registering the socket reports it again.
            let read = seated.transport.holds_received();
            *slot.readiness() = Readiness { read, ..Readiness::default() };
            if let Err(error) = socket.register(&self.own.registry, event_token(token)) {
                diagnostics::error!("cannot watch a connection any longer: {error}");
                next = Next::Close;
            }
        }
        self.settle(core, token, seated, next);
    }

    fn poll(&self, core: &mut Core<P>) {
        let next_eviction = Self::next_eviction(core);
        let inner = &mut *core;
        let busy = !inner.ready.is_empty()
            || inner.listeners.is_ready(inner.now)
            || std::mem::take(&mut inner.look_again);
        let wake_at = [
            inner.deadlines.next(),
            inner.listeners.again_at(),
            inner.stopping.map(|stop| stop.deadline),
            next_eviction,
            (!inner.waiting_to_compute.is_empty()).then(|| inner.now + LONGEST),
            inner.waiting_jobs.front().map(|(_, since)| *since + self.engine.config.permit_timeout),
        ];
        let mut timeout = if busy {
            Some(Duration::ZERO)
        } else {
            wake_at.into_iter().flatten().min().map(|at| at.saturating_duration_since(Instant::now()))
        };
        let blocks = timeout != Some(Duration::ZERO);
        if blocks {
            self.own.state.enter_poll();
            if self.own.inbox.has_mail() {
                timeout = Some(Duration::ZERO);
            }
        }
        let polled = inner.poller.poll(&mut inner.events, timeout);
        if blocks {
            self.own.state.leave_poll();
            self.engine.watch.wake();
        }
        inner.now = Instant::now();
        if let Err(error) = polled {
            if error.kind() != std::io::ErrorKind::Interrupted {
                diagnostics::error!("cannot poll: {error}");
                // Whatever the reason, trying again at once would only waste processor time.
                std::thread::sleep(Duration::from_millis(10));
            }
            return;
        }
        for event in &inner.events {
            let Some(token) = connection_token(event.token()) else {
                if let Some(listener) = listener_index(event.token()) {
                    inner.listeners.event(listener);
                }
                continue;
            };
            let seen = Readiness {
                read: event.is_readable(),
                write: event.is_writable(),
                end: event.is_read_closed() || event.is_error(),
                broken: event.is_error() || event.is_write_closed(),
            };
            if let Some(slot) = inner.slots.get(token)
                && slot.event(seen)
            {
                // The connection is in its slot, so nothing is read from it before its turn.
                slot.stays.reported = seen.read && EVENTS_ARE_CURRENT;
                inner.ready.push_back(token);
            }
        }
    }
}

/// A job that a panic has left.
#[derive(Clone, Copy, Debug)]
struct Left {
    job: JobId,
    /// The loop had been taken from the job.
    taken: bool,
    in_hand: InHand,
}

/// Notes the job if a panic leaves it. Otherwise it costs nothing.
struct Inside<'d> {
    driver: &'d Cell<Option<Left>>,
    left: Left,
}

impl<'d> Inside<'d> {
    fn new(driver: &'d Cell<Option<Left>>, job: JobId, in_hand: InHand) -> Self {
        Self { driver, left: Left { job, taken: false, in_hand } }
    }

    /// The loop was taken. The rest of the job runs without it.
    fn note_taken(&mut self) {
        self.left.taken = true;
    }

    /// The job is over.
    fn end(self) {
        std::mem::forget(self);
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.driver.set(Some(self.left));
    }
}

/// Deadlines that are handled before the other connections get their turns.
const EXPIRIES_PER_ROUND: usize = 16;
