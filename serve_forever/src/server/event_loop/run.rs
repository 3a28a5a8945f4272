//! Turns and runs: a connection goes out of its slot, does its work, and comes back.

use std::cell::Cell;
use std::time::Instant;

use crate::sync::lock;

use crate::server::computing::Place;
use crate::server::engine::errands::Errand;
use crate::server::engine::mail::{Mail, PartJob, Seated};
use crate::server::greeting::lingering::Lingering;
use crate::server::handover::slots::{Token, Wants};
use crate::server::learned::Kind;
use crate::server::protocol::{Cause, Job, JobRun, Next, Protocol, Run, Sending, Turn};
use crate::server::seat::Seat;
use crate::server::waker::Waker;

use super::core::InHand;
use super::{Core, Driver, Guard, Inside};

impl<'a, P: Protocol> Driver<'a, P> {
    /// Gives one connection its turn.
    pub(super) fn turn(
        &self,
        mut core: Guard<'a, P>,
        token: Token,
        cause: Cause,
        scratch: &mut P::Scratch,
    ) -> Option<Guard<'a, P>> {
        let inner = &mut *core;
        let Some(slot) = inner.slots.get(token) else { return Some(core) };
        let Some((mut seated, mut readiness)) = slot.take() else { return Some(core) };
        slot.stays.idleness.end();
        let began = std::mem::take(&mut slot.stays.reported).then_some(inner.now);
        // A server that stops closes idle connections. So each one looks first whether a request
        // has arrived, which would get no answer.
        readiness.read |= inner.stopping.is_some();
        let Seated { stage, transport } = &mut *seated;
        let mut cx = Turn {
            protocol: &*self.engine.protocol,
            config: &self.engine.config,
            server: &self.engine.server,
            transport,
            readiness: &mut readiness,
            scratch,
            jobs: &mut inner.new_jobs,
            waker: Waker { engine: self.wake, index: self.own.index, token },
            cause,
            stopping: inner.stopping.is_some(),
            began,
            now: inner.now,
        };
        let next = stage.turn(&mut cx, || self.admit_greeted(&mut slot.stays));
        *slot.readiness() = readiness;
        if let Next::Run { kind, permit } = next {
            return self.start(core, token, seated, kind, permit, scratch);
        }
        let address = seated.transport.client().ip();
        if inner.stopping.is_some() && matches!(next, Next::Wait { idle: true, .. }) {
            self.close(&mut core, token);
        } else {
            self.settle(&mut core, token, seated, next);
        }
        let inner = &mut *core;
        if !inner.new_jobs.is_empty() {
            // The jobs start at the end of the round. The loop may be lost in any of them, and the
            // others must not be lost with it.
            inner.jobs.extend(inner.new_jobs.drain(..).map(|job| PartJob { job, token, address }));
        }
        Some(core)
    }

    /// Starts a run: here, on a spare thread, or later.
    pub(super) fn start(
        &self,
        mut core: Guard<'a, P>,
        token: Token,
        mut seated: Box<Seated<P>>,
        kind: Kind,
        permit: bool,
        scratch: &mut P::Scratch,
    ) -> Option<Guard<'a, P>> {
        if permit {
            seated = match self.start_elsewhere(&mut core, token, seated, kind, scratch) {
                Some(seated) => seated,
                None => return Some(core),
            };
        }
        self.run_inline(core, token, seated, kind, permit, scratch)
    }

    /// Starts a run that needs a permit on a spare thread, or makes it wait. Returns the connection
    /// if the run may start here and now.
    #[inline(never)]
    fn start_elsewhere(
        &self,
        core: &mut Core<P>,
        token: Token,
        mut seated: Box<Seated<P>>,
        kind: Kind,
        scratch: &mut P::Scratch,
    ) -> Option<Box<Seated<P>>> {
        if !self.has_permit(seated.transport.client().ip()) {
            seated.stage.park(scratch);
            self.make_wait(core, token, seated, kind);
            return None;
        }
        let mut place = None;
        if self.engine.learned.computes(kind) && self.may_wait(core) {
            if core.waiting_to_compute.is_empty() {
                place = self.engine.computing.try_take(core.now);
            }
            if place.is_none() {
                seated.stage.park(scratch);
                self.wait_to_compute(core, token, seated, kind);
                return None;
            }
        }
        if self.engine.learned.is_slow(kind) && self.engine.try_detach() {
            seated.stage.park(scratch);
            self.start_on_spare(core, seated, self.errand(token, kind, place));
            return None;
        }
        if let Some(place) = place {
            self.engine.computing.give_back(place);
        }
        Some(seated)
    }

    pub(super) fn errand(&self, token: Token, kind: Kind, place: Option<Place>) -> Errand {
        Errand { index: self.own.index, token, kind, place }
    }

    pub(super) fn start_on_spare(&self, core: &mut Core<P>, seated: Box<Seated<P>>, errand: Errand) {
        let Errand { token, kind, .. } = errand;
        let address = seated.transport.client().ip();
        match self.engine.start_on_spare(errand, seated) {
            Ok(()) => {
                if let Some(slot) = core.slots.get(token) {
                    slot.stays.held = true;
                    slot.stays.idleness.end();
                    self.engine.permit_holders.add(address);
                    self.note_away(&slot.stays, token);
                }
            }
            Err(seated) => self.make_wait(core, token, seated, kind),
        }
    }

    /// Releases the loop and runs the job. If the job returns soon, this driver still holds the
    /// loop.
    pub(super) fn run_inline(
        &self,
        mut core: Guard<'a, P>,
        token: Token,
        mut seated: Box<Seated<P>>,
        kind: Kind,
        permit: bool,
        scratch: &mut P::Scratch,
    ) -> Option<Guard<'a, P>> {
        core.current = Some(InHand::Connection(token));
        let started = core.now;
        // Responses are held only among brief runs, and while threads are free to take the loop.
        // Otherwise, they would wait for slow handlers and disks.
        let others = core.following > 0 || !core.holding.is_empty();
        let may_hold = others && !permit && self.engine.may_start();
        let holds = Cell::new(false);
        let state = &self.own.state;
        let job = if permit { state.enter_job() } else { state.enter_brief_job() };
        let mut inside = Inside::new(&self.left, job, InHand::Connection(token));
        drop(core);

        let seat = Seat::inline(&**self.engine, self.own.index, job);
        let kind = Cell::new(kind);
        let next = seated.stage.run(&mut Run {
            protocol: &*self.engine.protocol,
            config: &self.engine.config,
            server: &self.engine.server,
            transport: &seated.transport,
            scratch,
            seat: &seat,
            waker: Waker { engine: self.wake, index: self.own.index, token },
            kind: &kind,
            learned: Some(&self.engine.learned),
            started,
            holds: may_hold.then_some(&holds),
        });
        let rejoin = seat.is_deregistered();

        if self.own.state.leave_job(job) {
            inside.end();
            let mut core = lock(&self.own.core);
            core.current = None;
            self.engine.learned.returned(kind.get());
            if holds.get() {
                core.hold(token);
            }
            if rejoin {
                self.take_back(&mut core, token, seated, next, true);
            } else {
                self.settle(&mut core, token, seated, next);
            }
            return Some(core);
        }
        inside.note_taken();
        self.engine.learned.blocked(kind.get());
        let next =
            if holds.get() { self.send(&mut seated, scratch, Instant::now()).unwrap_or(next) } else { next };
        inside.end();
        self.send_back(token, seated, next, rejoin);
        None
    }

    /// The loop was lost during a run. Sends the connection to its new driver.
    #[cold]
    fn send_back(&self, token: Token, seated: Box<Seated<P>>, next: Next, rejoin: bool) {
        self.engine.finish_detached();
        self.own.tell(Mail::Back { token, seated, next, rejoin });
    }

    /// Sends all held responses, one after the other.
    pub(super) fn send_held(&self, core: &mut Core<P>, scratch: &mut P::Scratch) {
        for place in 0..core.holding.len() {
            let token = core.holding[place];
            self.send_one(core, token, scratch);
        }
        core.holding.clear();
    }

    #[inline]
    pub(super) fn send_one(&self, core: &mut Core<P>, token: Token, scratch: &mut P::Scratch) {
        let Some(slot) = core.slots.get(token) else { return };
        let sent = slot.connection().and_then(|seated| self.send(seated, scratch, core.now));
        if let Some(next) = sent
            && let Some(seated) = slot.recall()
        {
            self.settle(core, token, seated, next);
        }
    }

    fn send(&self, seated: &mut Seated<P>, scratch: &mut P::Scratch, now: Instant) -> Option<Next> {
        let Seated { stage, transport } = seated;
        let (config, server) = (&self.engine.config, &self.engine.server);
        stage.send_held(&mut Sending { config, server, transport, scratch, now })
    }

    /// Starts a job on a part of a connection, which is back in its slot.
    pub(super) fn start_job(
        &self,
        mut core: Guard<'a, P>,
        part: PartJob<P>,
        scratch: &mut P::Scratch,
    ) -> Option<Guard<'a, P>> {
        let kind = part.job.kind();
        if !self.has_permit(part.address) {
            self.make_job_wait(&mut core, part);
            return Some(core);
        }
        if self.engine.learned.is_slow(kind) && self.engine.try_detach() {
            let address = part.address;
            self.engine.permit_holders.add(address);
            match self.engine.start_job_on_spare(self.own.index, part) {
                Ok(()) => core.jobs_out += 1,
                Err(part) => {
                    self.engine.permit_holders.remove(address);
                    self.make_job_wait(&mut core, part);
                }
            }
            return Some(core);
        }
        core.current = Some(InHand::Part);
        let started = core.now;
        let PartJob { job, token, .. } = part;
        let id = self.own.state.enter_job();
        let mut inside = Inside::new(&self.left, id, InHand::Part);
        drop(core);
        let kind = Cell::new(kind);
        job.run(&mut JobRun {
            protocol: &*self.engine.protocol,
            config: &self.engine.config,
            server: &self.engine.server,
            scratch,
            seat: &Seat::inline(&**self.engine, self.own.index, id),
            waker: Waker { engine: self.wake, index: self.own.index, token },
            kind: &kind,
            learned: Some(&self.engine.learned),
            started,
        });
        if self.own.state.leave_job(id) {
            inside.end();
            let mut core = lock(&self.own.core);
            core.current = None;
            self.engine.learned.returned(kind.get());
            return Some(core);
        }
        inside.note_taken();
        self.engine.learned.blocked(kind.get());
        inside.end();
        self.engine.finish_detached();
        self.own.tell(Mail::JobDone { held: None });
        None
    }

    fn make_job_wait(&self, core: &mut Core<P>, part: PartJob<P>) {
        let now = core.now;
        core.waiting_jobs.push_back((part, now));
        self.note_waiting(core);
    }

    /// Does what a connection asks for after a turn or run, unless that is another run.
    pub(super) fn settle(&self, core: &mut Core<P>, token: Token, mut seated: Box<Seated<P>>, next: Next) {
        let inner = &mut *core;
        let Some(slot) = inner.slots.get(token) else { return };
        if slot.stays.is_reader || matches!(next, Next::Wait { idle: false, .. }) {
            inner.is_over_budget |= self.note_reader(&mut slot.stays, token, &seated, next, inner.now);
        }
        let queue = match next {
            Next::Wait { read, write, deadline, idle } => {
                if idle {
                    inner.idle.begin(token, &mut slot.stays.idleness, inner.now);
                } else {
                    slot.stays.idleness.end();
                }
                inner.deadlines.set(token, &mut slot.stays.deadline, deadline, inner.now);
                let wanted = seated.transport.wants(read, write);
                let wants = Wants { read: wanted.read, write: wanted.write };
                let queue = slot.put_back(seated, wants);
                // A connection that is idle after its run while the server stops gets a last turn,
                // which closes it.
                queue || (idle && inner.stopping.is_some() && slot.queue())
            }
            Next::Again | Next::Run { .. } | Next::Linger => {
                if next == Next::Linger {
                    let until = inner.now + self.engine.config.linger_timeout;
                    seated.stage.linger(Lingering::new(until));
                }
                // Its former deadline does not matter any more.
                inner.deadlines.set(token, &mut slot.stays.deadline, None, inner.now);
                // Its next turn is due anyway, and looks at the socket.
                slot.put_back(seated, Wants::default()) | slot.queue()
            }
            Next::Close => return self.close(core, token),
        };
        if queue {
            inner.ready.push_back(token);
        }
    }
}
