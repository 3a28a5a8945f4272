//! What the driver of a loop does, in the order of the real one.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::sync::{MutexGuard, lock};

use super::super::handover::slots::{Readiness, Slot, Slots, Token, Wants};
use super::{Connection, Engine, Mail, Spawner, Work};

/// What only the driver of a loop touches.
pub(super) struct Core {
    /// There is a driver, and it is not inside a job.
    driven: bool,
    ready: VecDeque<Token>,
    pub(super) slots: Slots<Connection, Kept>,
    /// The loop has told the permits that it waits for one.
    waiting: bool,
    stopping: bool,
}

/// What stays in a connection's slot.
pub(super) struct Kept {
    /// Its requests are known to block: they start on a spare thread.
    learned: bool,
}

impl Engine {
    /// Drives a loop until it is lost or stops.
    pub(super) fn drive(self: &Arc<Self>, index: usize) {
        let this = &self.loops[index];
        let mut core = lock(&this.core);
        core.take_the_wheel();
        loop {
            if this.inbox.has_mail() {
                for mail in this.inbox.collect() {
                    self.read_mail(index, &mut core, mail);
                }
            }
            let Some(still_driven) = self.serve_ready(index, core) else { return };
            core = still_driven;
            if core.stopping && core.slots.len() == 0 {
                core.let_go();
                drop(core);
                *lock(&self.finished_loops) += 1;
                self.loop_finished.notify_all();
                return;
            }
            drop(core);
            this.state.enter_poll();
            let block = !(self.plan.looks_for_mail && this.inbox.has_mail());
            let events = this.net.poll(block);
            this.state.leave_poll();
            self.watch.wake();
            core = lock(&this.core);
            for (token, seen) in events {
                if core.slots.get(token).is_some_and(|slot| slot.event(seen)) {
                    core.ready.push_back(token);
                }
            }
        }
    }

    fn read_mail(&self, index: usize, core: &mut Core, mail: Mail) {
        let net = &self.loops[index].net;
        match mail {
            Mail::Accept(connection) if core.stopping => net.close(connection),
            Mail::Accept(connection) => {
                self.insert(index, core, connection, false);
            }
            Mail::Returned(token, connection) => self.put_back(index, core, token, connection),
            Mail::Wake(token) => {
                if core.slots.get(token).is_some_and(Slot::wake) {
                    core.ready.push_back(token);
                }
            }
            // Looking at the queue once more is all there is to do.
            Mail::Permit => {}
            Mail::Cut(token) => {
                if let Some((connection, _)) = core.slots.remove(token).and_then(|mut slot| slot.take()) {
                    net.close(connection);
                }
            }
            Mail::Stop => {
                core.stopping = true;
                let here: Vec<_> = core
                    .slots
                    .iter_mut()
                    .filter(|(_, slot)| !slot.is_out())
                    .map(|(token, _)| token)
                    .collect();
                for token in here {
                    self.read_mail(index, core, Mail::Cut(token));
                }
            }
        }
    }

    /// Serves all tokens that are ready, as far as there are permits. None: the loop was lost
    /// meanwhile.
    fn serve_ready<'a>(
        self: &'a Arc<Self>,
        index: usize,
        mut core: MutexGuard<'a, Core>,
    ) -> Option<MutexGuard<'a, Core>> {
        let this = &self.loops[index];
        while let Some(token) = core.ready.pop_front() {
            if !self.permits.may_start() {
                core.ready.push_front(token);
                if core.waiting {
                    return Some(core);
                }
                core.waiting = true;
                self.permits.start_waiting();
                if self.plan.looks_for_permit && self.permits.may_start() {
                    continue;
                }
                return Some(core);
            }
            let Some(slot) = core.slots.get(token) else { continue };
            let Some((connection, _)) = slot.take() else { continue };
            // The job reads to the end of what is there; what the system says from now on is news.
            *slot.readiness() = Readiness::default();
            let learned = slot.stays.learned;
            let Some(connection) = self.start_detached(index, token, connection, learned) else { continue };

            core.let_go();
            self.enter_user_code();
            let job = this.state.enter_job();
            drop(core);
            let lost = self.handle(index, &connection, Some(job));
            let mine = this.state.leave_job(job);
            assert!(!(lost && mine), "a job took the loop of the next driver for its own");
            if !mine {
                self.return_detached(index, token, connection);
                return None;
            }
            self.leave_user_code();
            core = lock(&this.core);
            core.take_the_wheel();
            self.put_back(index, &mut core, token, connection);
        }
        if std::mem::take(&mut core.waiting) {
            self.permits.stop_waiting();
        }
        Some(core)
    }

    /// Starts the job of a connection that is known to block on a spare thread; gives it back if
    /// that cannot be.
    fn start_detached(
        self: &Arc<Self>,
        index: usize,
        token: Token,
        connection: Connection,
        learned: bool,
    ) -> Option<Connection> {
        if !learned || !self.permits.try_detach() {
            return Some(connection);
        }
        self.enter_user_code();
        match self.pool.submit(Work::Job(index, token, connection), &Spawner(self)) {
            Err(Work::Job(_, _, connection)) => {
                self.finish_detached();
                Some(connection)
            }
            _ => None,
        }
    }

    pub(super) fn insert(
        &self,
        index: usize,
        core: &mut Core,
        connection: Connection,
        learned: bool,
    ) -> Token {
        let id = connection.id();
        let token = core.slots.insert(connection, Kept { learned });
        if let Some((connection, _)) = core.slots.get(token).and_then(Slot::take) {
            self.put_back(index, core, token, connection);
        }
        self.loops[index].net.register(id, token);
        token
    }

    fn put_back(&self, index: usize, core: &mut Core, token: Token, connection: Connection) {
        let Some(slot) = core.slots.get(token) else { return self.loops[index].net.close(connection) };
        assert!(slot.is_out(), "two connections in one slot");
        if slot.put_back(connection, Wants { read: true, write: false }) {
            core.ready.push_back(token);
        }
        if core.stopping {
            self.read_mail(index, core, Mail::Cut(token));
        }
    }
}

impl Core {
    pub(super) fn new() -> Self {
        Self { driven: false, ready: VecDeque::new(), slots: Slots::new(), waiting: false, stopping: false }
    }

    fn take_the_wheel(&mut self) {
        assert!(!self.driven, "two drivers on one loop");
        self.driven = true;
    }

    fn let_go(&mut self) {
        assert!(self.driven, "two drivers on one loop");
        self.driven = false;
    }
}
