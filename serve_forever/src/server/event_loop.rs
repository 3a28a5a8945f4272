//! The event loop: polls, and moves connections in and out of their slots.
//!
//! One thread at a time drives a loop and holds its [`Core`]. It lets go of it exactly while it is inside a
//! job; when the job returns late, another thread drives already, and the job's thread sends the
//! connection back by mail.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use crate::sync::lock;
use crate::sys::{Listener, Socket};
use crate::transport::Transport;

use super::accept::{self, ACCEPTS_PER_TURN, Accepted, Listeners};
use super::deadlines::{Deadline, Deadlines};
use super::engine::{Engine, Loop, Mail, Seated};
use super::handover::slots::{Readiness, Slot, Slots, Token, Wants};
use super::learned::Kind;
use super::protocol::{Admission, Cause, Connection, Job, JobRun, Next, Protocol, Run, Turn};
use super::seat::Seat;
use super::stats::Counters;
use super::waker::{Wake, Waker};

/// What only the driver of a loop touches.
pub(crate) struct Core<P: Protocol> {
    poller: mio::Poll,
    events: mio::Events,
    listeners: Listeners,
    slots: Slots<Box<Seated<P>>, Stays>,
    deadlines: Deadlines,
    /// Connections that are to have their turn.
    ready: VecDeque<Token>,
    /// Connections with a request that waits for a permit, first come first.
    waiting: VecDeque<Token>,
    /// Jobs on parts of connections that wait for a permit, and since when.
    waiting_jobs: VecDeque<(P::Job, IpAddr, Instant)>,
    /// Where a turn leaves the jobs that it made.
    new_jobs: Vec<P::Job>,
    /// Jobs on parts of connections that are to start, and whose they are.
    jobs: VecDeque<(P::Job, IpAddr)>,
    /// The connection that the driver's own job has, for the driver who takes over.
    current: Option<(Option<Token>, IpAddr)>,
    /// Jobs on parts of connections that are under way.
    jobs_out: usize,
    stopping: Option<Stop>,
    /// Something waits for a permit, and whoever gives one back knows.
    is_waiting: bool,
    /// A permit may have been given back just before that was known.
    look_again: bool,
    /// So many loops were asked to make room and have not answered yet.
    room_asked: usize,
    /// One of them made some.
    room_made: bool,
    finished: bool,
    now: Instant,
}

/// What of a connection stays in its slot while it is out.
#[derive(Debug)]
struct Stays {
    /// So that it can be cut from outside.
    transport: Arc<Transport>,
    deadline: Deadline,
    /// Since when nothing is under way, if so.
    idle_since: Option<Instant>,
    /// It is counted as a holder of a permit under its address.
    held: bool,
    /// It waits for a permit for a run of this kind.
    wants_permit: Option<Kind>,
}

#[derive(Clone, Copy, Debug)]
struct Stop {
    deadline: Instant,
    cut: bool,
}

type Guard<'a, P> = MutexGuard<'a, Core<P>>;

/// Drives the loop `index` until it is finished or its own job lost it.
pub(crate) fn drive<P: Protocol>(engine: &Arc<Engine<P>>, index: usize, scratch: &mut P::Scratch) {
    let wake: Arc<dyn Wake> = Arc::clone(engine) as Arc<dyn Wake>;
    let driver = Driver { engine, own: &engine.loops[index], wake: &wake };
    let mut core = lock(&driver.own.core);
    core.now = Instant::now();
    driver.adopt(&mut core);
    while !core.finished {
        let Some(back) = driver.round(core, scratch) else { return };
        core = back;
    }
    drop(core);
    engine.loop_has_finished();
}

/// The driver's view: the same for as long as it drives.
struct Driver<'a, P: Protocol> {
    engine: &'a Arc<Engine<P>>,
    own: &'a Loop<P>,
    wake: &'a Arc<dyn Wake>,
}

impl<'a, P: Protocol> Driver<'a, P> {
    /// The former driver lost the loop inside a job: what it has is held by its peer's address from now on.
    fn adopt(&self, core: &mut Core<P>) {
        let Some((token, address)) = core.current.take() else { return };
        match token {
            Some(token) => {
                if let Some(slot) = core.slots.get(token) {
                    slot.stays.held = true;
                    self.engine.permit_holders.add(address);
                }
            }
            // A part of a connection has no slot to remember it in: its address is not charged.
            None => core.jobs_out += 1,
        }
    }

    /// Mail, deadlines, everything that is ready, then the poll. `None`: the loop was lost.
    fn round(&self, mut core: Guard<'a, P>, scratch: &mut P::Scratch) -> Option<Guard<'a, P>> {
        if self.own.inbox.has_mail() {
            for mail in self.own.inbox.collect() {
                self.read_mail(&mut core, mail);
            }
        }
        while let Some((at, token)) = core.pop_due() {
            core = self.expire(core, at, token, scratch)?;
        }
        if core.is_waiting {
            core = self.serve_waiting(core, scratch)?;
        }
        if core.listeners.is_ready(core.now) {
            self.accept(&mut core);
        }
        // Those that become ready while these are served have to wait for the next round.
        for _ in 0..core.ready.len() {
            let Some(token) = core.ready.pop_front() else { break };
            let cause = if core.stopping.is_some() { Cause::Stopping } else { Cause::Ready };
            core = self.turn(core, token, cause, scratch)?;
        }
        while let Some((job, address)) = core.jobs.pop_front() {
            core = self.start_job(core, job, address)?;
        }
        self.check_stop(&mut core);
        if !core.finished {
            self.poll(&mut core);
        }
        Some(core)
    }

    fn read_mail(&self, core: &mut Core<P>, mail: Mail<P>) {
        match mail {
            Mail::Back { token, seated, next, rejoin } => self.take_back(core, token, seated, next, rejoin),
            Mail::JobDone { held } => {
                core.jobs_out = core.jobs_out.saturating_sub(1);
                if let Some(address) = held {
                    self.engine.release_holder(address);
                }
            }
            Mail::Accepted { socket, peer, local } => self.admit(core, socket, peer, local),
            Mail::Wake(token) => core.enqueue(token),
            // The look at those that wait follows in every round.
            Mail::Permit => {}
            Mail::MakeRoom { since, asker } => {
                let made = self.close_oldest_idle(core, since);
                self.engine.loops[asker].tell(Mail::Room { made });
            }
            Mail::Room { made } => {
                core.room_made |= made;
                core.room_asked = core.room_asked.saturating_sub(1);
                if core.room_asked == 0 {
                    // Nobody has one that is idle for longer than ours.
                    if core.room_made || self.close_oldest_idle(core, None) {
                        core.listeners.go_on();
                    }
                    core.room_made = false;
                }
            }
            Mail::Stop => self.stop(core),
        }
    }

    /// A connection comes back from a job that outlived its driver, or ran on a spare.
    fn take_back(&self, core: &mut Core<P>, token: Token, seated: Box<Seated<P>>, next: Next, rejoin: bool) {
        let Some(slot) = core.slots.get(token) else { return };
        if std::mem::take(&mut slot.stays.held) {
            self.engine.release_holder(seated.transport.peer.ip());
        }
        let mut next = next;
        if rejoin
            && next != Next::Close
            && let Some(socket) = seated.transport.socket()
        {
            // What the slot remembered is of before; registering tells anew what there is.
            *slot.readiness() = Readiness::default();
            if let Err(error) = socket.register(&self.own.registry, event_token(token)) {
                log::error!("cannot watch a connection any longer: {error}");
                next = Next::Close;
            }
        }
        self.settle(core, token, seated, next);
    }

    /// Gives one connection its turn.
    fn turn(
        &self,
        mut core: Guard<'a, P>,
        token: Token,
        cause: Cause,
        scratch: &mut P::Scratch,
    ) -> Option<Guard<'a, P>> {
        let inner = &mut *core;
        let Some(slot) = inner.slots.get(token) else { return Some(core) };
        let Some((mut seated, mut readiness)) = slot.take() else { return Some(core) };
        let Seated { connection, transport } = &mut *seated;
        let next = connection.turn(&mut Turn {
            protocol: &self.engine.protocol,
            config: &self.engine.config,
            transport,
            readiness: &mut readiness,
            scratch,
            jobs: &mut inner.new_jobs,
            waker: Waker { engine: self.wake, index: self.own.index, token },
            cause,
            stopping: inner.stopping.is_some(),
            now: inner.now,
        });
        *slot.readiness() = readiness;
        if let Next::Run { kind, permit } = next {
            return self.start(core, token, seated, kind, permit, scratch);
        }
        let address = seated.transport.peer.ip();
        self.settle(&mut core, token, seated, next);
        let inner = &mut *core;
        // Started at the end of the round: the loop may be lost in any of them, and the others must not be.
        inner.jobs.extend(inner.new_jobs.drain(..).map(|job| (job, address)));
        Some(core)
    }

    /// Starts a run: here, on a spare, or later.
    fn start(
        &self,
        mut core: Guard<'a, P>,
        token: Token,
        mut seated: Box<Seated<P>>,
        kind: Kind,
        permit: bool,
        scratch: &mut P::Scratch,
    ) -> Option<Guard<'a, P>> {
        if permit {
            if !self.has_permit(seated.transport.peer.ip()) {
                seated.connection.park(scratch);
                self.make_wait(&mut core, token, seated, kind);
                return Some(core);
            }
            if self.engine.learned.is_slow(kind) && self.engine.try_detach() {
                seated.connection.park(scratch);
                self.start_on_spare(&mut core, token, seated, kind);
                return Some(core);
            }
        }
        self.run_inline(core, token, seated, kind, scratch)
    }

    fn start_on_spare(&self, core: &mut Core<P>, token: Token, seated: Box<Seated<P>>, kind: Kind) {
        let address = seated.transport.peer.ip();
        match self.engine.start_on_spare(self.own.index, token, seated, kind) {
            Ok(()) => {
                if let Some(slot) = core.slots.get(token) {
                    slot.stays.held = true;
                    slot.stays.idle_since = None;
                    self.engine.permit_holders.add(address);
                }
            }
            Err(seated) => self.make_wait(core, token, seated, kind),
        }
    }

    /// The heart of it: the loop is let go, the job runs, and if it was quick the loop is still ours.
    fn run_inline(
        &self,
        mut core: Guard<'a, P>,
        token: Token,
        mut seated: Box<Seated<P>>,
        kind: Kind,
        scratch: &mut P::Scratch,
    ) -> Option<Guard<'a, P>> {
        core.current = Some((Some(token), seated.transport.peer.ip()));
        let job = self.own.state.enter_job();
        drop(core);

        let seat = Seat::inline(&**self.engine, self.own.index, job);
        let kind = Cell::new(kind);
        let next = seated.connection.run(&mut Run {
            protocol: &self.engine.protocol,
            config: &self.engine.config,
            server: &self.engine.server,
            transport: &seated.transport,
            scratch,
            seat: &seat,
            kind: &kind,
            learned: Some(&self.engine.learned),
        });
        let rejoin = seat.is_deregistered();

        if self.own.state.leave_job(job) {
            let mut core = lock(&self.own.core);
            core.current = None;
            self.engine.learned.returned(kind.get());
            if rejoin {
                self.take_back(&mut core, token, seated, next, true);
            } else {
                self.settle(&mut core, token, seated, next);
            }
            return Some(core);
        }
        self.engine.learned.blocked(kind.get());
        self.engine.finish_detached();
        self.own.tell(Mail::Back { token, seated, next, rejoin });
        None
    }

    /// Starts a job on a part of a connection, which is back in its slot.
    fn start_job(&self, mut core: Guard<'a, P>, job: P::Job, address: IpAddr) -> Option<Guard<'a, P>> {
        let kind = job.kind();
        if !self.has_permit(address) {
            let now = core.now;
            core.waiting_jobs.push_back((job, address, now));
            self.note_waiting(&mut core);
            return Some(core);
        }
        if self.engine.learned.is_slow(kind) && self.engine.try_detach() {
            self.engine.permit_holders.add(address);
            match self.engine.start_job_on_spare(self.own.index, job, Some(address)) {
                Ok(()) => core.jobs_out += 1,
                Err(job) => {
                    self.engine.permit_holders.remove(address);
                    let now = core.now;
                    core.waiting_jobs.push_back((job, address, now));
                    self.note_waiting(&mut core);
                }
            }
            return Some(core);
        }
        core.current = Some((None, address));
        let id = self.own.state.enter_job();
        drop(core);
        job.run(&mut JobRun {
            protocol: &self.engine.protocol,
            seat: &Seat::inline(&**self.engine, self.own.index, id),
        });
        if self.own.state.leave_job(id) {
            let mut core = lock(&self.own.core);
            core.current = None;
            self.engine.learned.returned(kind);
            return Some(core);
        }
        self.engine.learned.blocked(kind);
        self.engine.finish_detached();
        self.own.tell(Mail::JobDone { held: None });
        None
    }

    fn has_permit(&self, address: IpAddr) -> bool {
        let permits = &self.engine.permits;
        // Who holds how many matters only when they get scarce: until then this is one load.
        permits.may_start()
            && (permits.detached() * 2 < permits.limit()
                || self.engine.permit_holders.count(address) < self.engine.config.permits_per_address())
    }

    /// The request waits for a permit on its connection.
    fn make_wait(&self, core: &mut Core<P>, token: Token, seated: Box<Seated<P>>, kind: Kind) {
        let inner = &mut *core;
        let Some(slot) = inner.slots.get(token) else { return };
        // Nothing is wanted of the socket, so this cannot ask for a turn.
        let _ = slot.put_back(seated, Wants::default());
        slot.stays.idle_since = None;
        slot.stays.wants_permit = Some(kind);
        let patience = if inner.waiting.len() < self.engine.config.max_waiting_requests {
            inner.waiting.push_back(token);
            self.engine.config.permit_timeout
        } else {
            Duration::ZERO
        };
        inner.deadlines.set(token, &mut slot.stays.deadline, Some(inner.now + patience));
        self.note_waiting(core);
    }

    /// From now on, whoever gives a permit back tells this loop; one that was given back just before is seen in
    /// the round that follows.
    fn note_waiting(&self, core: &mut Core<P>) {
        if !core.is_waiting {
            core.is_waiting = true;
            core.look_again = true;
            self.engine.permits.start_waiting();
        }
    }

    /// Starts what waits for permits, as far as there are some; refuses what has waited too long.
    fn serve_waiting(&self, mut core: Guard<'a, P>, scratch: &mut P::Scratch) -> Option<Guard<'a, P>> {
        for _ in 0..core.waiting.len() {
            if !self.engine.permits.may_start() {
                break;
            }
            let Some(token) = core.waiting.pop_front() else { break };
            let Some(slot) = core.slots.get(token) else { continue };
            let Some(kind) = slot.stays.wants_permit else { continue };
            if !self.has_permit(slot.stays.transport.peer.ip()) {
                core.waiting.push_back(token);
                continue;
            }
            slot.stays.wants_permit = None;
            let Some((seated, _)) = slot.take() else { continue };
            // It waited because others block: it may well be of the same kind, and has waited enough.
            if self.engine.try_detach() {
                self.start_on_spare(&mut core, token, seated, kind);
            } else {
                core = self.run_inline(core, token, seated, kind, scratch)?;
            }
        }
        for _ in 0..core.waiting_jobs.len() {
            let Some((job, address, since)) = core.waiting_jobs.pop_front() else { break };
            if self.has_permit(address) {
                core = self.start_job(core, job, address)?;
            } else if core.now >= since + self.engine.config.permit_timeout {
                Counters::one(&self.engine.server.counters().refused);
                job.refuse();
            } else {
                core.waiting_jobs.push_back((job, address, since));
            }
        }
        if core.waiting.is_empty() && core.waiting_jobs.is_empty() {
            core.is_waiting = false;
            self.engine.permits.stop_waiting();
        }
        Some(core)
    }

    /// A deadline entry is due.
    fn expire(
        &self,
        mut core: Guard<'a, P>,
        at: Instant,
        token: Token,
        scratch: &mut P::Scratch,
    ) -> Option<Guard<'a, P>> {
        let inner = &mut *core;
        let Some(slot) = inner.slots.get(token) else { return Some(core) };
        if !inner.deadlines.is_over(token, &mut slot.stays.deadline, at, inner.now) || slot.is_out() {
            return Some(core);
        }
        let cause = if slot.stays.wants_permit.take().is_some() {
            Counters::one(&self.engine.server.counters().refused);
            // The token may still be in the line; there it is passed over.
            Cause::NoPermit
        } else {
            Cause::Expired
        };
        self.turn(core, token, cause, scratch)
    }

    /// Does what a connection asked for, other than to run.
    fn settle(&self, core: &mut Core<P>, token: Token, seated: Box<Seated<P>>, next: Next) {
        let inner = &mut *core;
        let Some(slot) = inner.slots.get(token) else { return };
        let queue = match next {
            Next::Wait { idle: true, .. } if inner.stopping.is_some() => return self.close(core, token),
            Next::Wait { read, write, deadline, idle } => {
                slot.stays.idle_since = idle.then_some(inner.now);
                inner.deadlines.set(token, &mut slot.stays.deadline, deadline);
                slot.put_back(seated, Wants { read, write })
            }
            Next::Again | Next::Run { .. } => {
                slot.stays.idle_since = None;
                // Its next turn is due anyway; what the socket may have become is looked at then.
                slot.put_back(seated, Wants::default()) | slot.queue()
            }
            Next::Close => return self.close(core, token),
        };
        if queue {
            inner.ready.push_back(token);
        }
    }

    /// Forgets a connection; the last owner of its transport closes it.
    fn close(&self, core: &mut Core<P>, token: Token) {
        let Some(slot) = core.slots.remove(token) else { return };
        self.forget(&slot);
    }

    fn forget(&self, slot: &Slot<Box<Seated<P>>, Stays>) {
        let address = slot.stays.transport.peer.ip();
        if slot.stays.held {
            self.engine.release_holder(address);
        }
        if self.engine.config.max_connections_per_address.is_some() {
            self.engine.connections_by_address.remove(address);
        }
        self.own.connections.fetch_sub(1, Ordering::Relaxed);
        accept::count(self.engine, -1);
    }

    fn accept(&self, core: &mut Core<P>) {
        for _ in 0..ACCEPTS_PER_TURN {
            match core.listeners.accept(self.engine, self.own) {
                Accepted::Ours(socket, peer, local) => self.admit(core, socket, peer, local),
                Accepted::More => {}
                Accepted::Nothing => break,
                Accepted::Full => {
                    if self.engine.loops.len() > 1 {
                        self.ask_for_room(core);
                    } else if self.close_oldest_idle(core, None) {
                        continue;
                    }
                    let now = core.now;
                    core.listeners.pause(now);
                    break;
                }
            }
        }
    }

    /// A new connection gets its slot and its first turn.
    fn admit(&self, core: &mut Core<P>, socket: Socket, peer: SocketAddr, local: SocketAddr) {
        self.own.connections.fetch_add(1, Ordering::Relaxed);
        let admission = accept::admit(self.engine, peer);
        let connection = self.engine.protocol.connect(admission);
        let transport = Arc::new(Transport::plain(socket, peer, local));
        let stays = Stays {
            transport: Arc::clone(&transport),
            deadline: Deadline::default(),
            idle_since: None,
            held: false,
            wants_permit: None,
        };
        if admission == Admission::TooMany {
            // It is counted like the others until it is closed.
            self.engine.connections_by_address.add(peer.ip());
        }
        let token = core.slots.insert(Box::new(Seated { connection, transport: Arc::clone(&transport) }), stays);
        if let Some(socket) = transport.socket()
            && let Err(error) = socket.register(&self.own.registry, event_token(token))
        {
            log::warn!("cannot watch a new connection: {error}");
            self.close(core, token);
            return;
        }
        core.enqueue(token);
    }

    /// The server is full: of all loops, the one with the connection that is idle for the longest time closes it.
    fn ask_for_room(&self, core: &mut Core<P>) {
        if core.room_asked > 0 {
            return;
        }
        let since = core.oldest_idle().map(|(since, _)| since);
        for other in self.engine.loops.iter().filter(|other| other.index != self.own.index) {
            core.room_asked += 1;
            other.tell(Mail::MakeRoom { since, asker: self.own.index });
        }
    }

    /// Closes the connection that has been idle for the longest time, if that is longer than since `since`.
    fn close_oldest_idle(&self, core: &mut Core<P>, since: Option<Instant>) -> bool {
        let Some((idle_since, token)) = core.oldest_idle() else { return false };
        if since.is_some_and(|since| since <= idle_since) {
            return false;
        }
        self.close(core, token);
        true
    }

    /// The order to stop: nothing more is accepted, and every connection is told.
    fn stop(&self, core: &mut Core<P>) {
        core.stopping = Some(Stop { deadline: core.now + self.engine.config.shutdown_timeout, cut: false });
        core.listeners.close(&self.own.registry);
        for (token, slot) in core.slots.iter_mut() {
            if slot.stays.wants_permit.is_none() && slot.wake() {
                core.ready.push_back(token);
            }
        }
    }

    /// Whether the loop is finished, or has to become so by force.
    fn check_stop(&self, core: &mut Core<P>) {
        let Some(stop) = core.stopping else { return };
        if core.slots.len() == 0 && core.jobs_out == 0 {
            core.finished = true;
        } else if core.now >= stop.deadline {
            if stop.cut {
                core.finished = true;
            } else {
                for (_, slot) in core.slots.iter_mut() {
                    slot.stays.transport.cut();
                }
                let here: Vec<Token> = core
                    .slots
                    .iter_mut()
                    .filter(|(_, slot)| !slot.is_out())
                    .map(|(token, _)| token)
                    .collect();
                for token in here {
                    self.close(core, token);
                }
                core.stopping = Some(Stop { deadline: core.now + GRACE, cut: true });
            }
        }
        if core.finished {
            for (_, slot) in core.slots.iter_mut() {
                self.forget(slot);
            }
            core.slots = Slots::new();
        }
    }

    fn poll(&self, core: &mut Core<P>) {
        let inner = &mut *core;
        let busy = !inner.ready.is_empty()
            || inner.listeners.is_ready(inner.now)
            || std::mem::take(&mut inner.look_again);
        let wake_at = [
            inner.deadlines.next(),
            inner.listeners.again_at(),
            inner.stopping.map(|stop| stop.deadline),
            inner.waiting_jobs.front().map(|(_, _, since)| *since + self.engine.config.permit_timeout),
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
                log::error!("cannot poll: {error}");
                // Whatever it is, to try again at once would only burn the processor.
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
            };
            if let Some(slot) = inner.slots.get(token)
                && slot.event(seen)
            {
                inner.ready.push_back(token);
            }
        }
    }
}

impl<P: Protocol> Core<P> {
    pub(crate) fn new(listeners: Vec<Listener>) -> std::io::Result<Self> {
        let poller = mio::Poll::new()?;
        let listeners = Listeners::new(listeners)?;
        listeners.register(poller.registry(), listener_token)?;
        Ok(Self {
            poller,
            events: mio::Events::with_capacity(EVENTS_PER_POLL),
            listeners,
            slots: Slots::new(),
            deadlines: Deadlines::default(),
            ready: VecDeque::new(),
            waiting: VecDeque::new(),
            waiting_jobs: VecDeque::new(),
            new_jobs: Vec::new(),
            jobs: VecDeque::new(),
            current: None,
            jobs_out: 0,
            stopping: None,
            is_waiting: false,
            look_again: false,
            room_asked: 0,
            room_made: false,
            finished: false,
            now: Instant::now(),
        })
    }

    pub(crate) fn registry(&self) -> std::io::Result<mio::Registry> {
        self.poller.registry().try_clone()
    }

    fn pop_due(&mut self) -> Option<(Instant, Token)> {
        self.deadlines.pop_due(self.now)
    }

    /// The connection that has been idle for the longest time.
    fn oldest_idle(&mut self) -> Option<(Instant, Token)> {
        self.slots
            .iter_mut()
            .filter_map(|(token, slot)| Some((slot.stays.idle_since?, token)))
            .min_by_key(|&(since, _)| since)
    }

    /// Queues the turn of `token`, unless it is queued already or waits for a permit.
    fn enqueue(&mut self, token: Token) {
        if let Some(slot) = self.slots.get(token)
            && slot.stays.wants_permit.is_none()
            && slot.wake()
        {
            self.ready.push_back(token);
        }
    }
}

/// The token of the waker of a loop.
pub(crate) const WAKER: mio::Token = mio::Token(usize::MAX);
/// Tokens of listeners count down from here. No connection has such a high index.
const FIRST_LISTENER: usize = usize::MAX - 1;
/// Listeners a loop may have: as many as tokens are set aside for.
const MAX_LISTENERS: usize = 4096;
const SHIFT: u32 = usize::BITS / 2;
const EVENTS_PER_POLL: usize = 1024;
/// What cut connections get to come back from their handlers before the server gives up on them.
const GRACE: Duration = Duration::from_millis(500);

fn event_token(token: Token) -> mio::Token {
    mio::Token(((token.generation as usize) << SHIFT) | token.index as usize)
}

fn listener_token(index: usize) -> mio::Token {
    mio::Token(FIRST_LISTENER - index)
}

fn listener_index(token: mio::Token) -> Option<usize> {
    (token != WAKER).then(|| FIRST_LISTENER.wrapping_sub(token.0)).filter(|&index| index < MAX_LISTENERS)
}

fn connection_token(token: mio::Token) -> Option<Token> {
    if token.0 > FIRST_LISTENER - MAX_LISTENERS {
        return None;
    }
    Some(Token {
        generation: u32::try_from(token.0 >> SHIFT).ok()?,
        index: u32::try_from(token.0 & ((1 << SHIFT) - 1)).ok()?,
    })
}
