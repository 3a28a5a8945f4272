//! A miniature of the engine around the production hand-over: the order of its steps, without input
//! and output.
//!
//! The module is compiled once over the production files (`super::handover`) and once over each
//! copy with a seeded bug. It checks itself while it runs: one driver per loop, the limit of
//! threads in user code; and [`Engine::shut_down`] checks what must hold when all is over: every
//! connection closed once, every request answered once, every permit given back.

mod driver;
mod jobs;
mod net;
pub(crate) mod scenarios;
pub(crate) mod stress;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Ghost, Ordering::SeqCst};
use std::time::Duration;

use crate::checker::thread;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex, lock, wait};

use super::handover::inbox::Inbox;
use super::handover::permits::Permits;
use super::handover::pool::{HandOver, Pool, Spawn};
use super::handover::slots::Token;
use super::handover::state::{JobId, LoopState};
use super::handover::watch::Watch;

use driver::Core;
pub(crate) use jobs::{Gate, Request};
pub(crate) use net::{Client, Connection};

/// How a model's engine is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) loops: usize,
    /// All threads that there may be (`max_threads`).
    pub(crate) threads: usize,
    /// Spare threads that stay when they have nothing to do.
    pub(crate) least: usize,
    pub(crate) gates: usize,
    /// Off in the models of a seeded bug: a job is counted as detached after its loop was taken,
    /// not before.
    pub(crate) counts_first: bool,
    /// Off in the models of a seeded bug: the driver polls without a last look at its mail.
    pub(crate) looks_for_mail: bool,
    /// Off in the models of a seeded bug: a loop that has to wait for a permit does not look once
    /// more.
    pub(crate) looks_for_permit: bool,
}

impl Plan {
    pub(crate) const SMALL: Self = Self {
        loops: 1,
        threads: 4,
        least: 0,
        gates: 1,
        counts_first: true,
        looks_for_mail: true,
        looks_for_permit: true,
    };
}

pub(crate) struct Engine {
    plan: Plan,
    loops: Vec<Loop>,
    watch: Watch,
    permits: Permits,
    pool: Pool<Work>,
    gates: Vec<Gate>,
    finished_loops: Mutex<usize>,
    loop_finished: Condvar,
    /// All loops are finished, the monitor may go.
    over: AtomicBool,
    /// Threads in user code, on a driver or detached. Counted beside the model: `Ghost` is no
    /// switch point.
    in_user_code: Ghost,
}

struct Loop {
    state: LoopState,
    inbox: Inbox<Mail>,
    core: Mutex<Core>,
    net: net::Net,
}

pub(crate) enum Mail {
    Accept(Connection),
    Returned(Token, Connection),
    /// A connection wants its turn, whatever its socket says.
    Wake(Token),
    /// A permit may be free.
    Permit,
    /// The connection in the slot is to end, wherever it is.
    Cut(Token),
    Stop,
}

pub(crate) enum Work {
    Drive(usize),
    Job(usize, Token, Connection),
}

impl Engine {
    pub(crate) fn new(plan: Plan) -> Arc<Self> {
        let new_loop = |_| Loop {
            state: LoopState::new(),
            inbox: Inbox::new(),
            core: Mutex::new(Core::new()),
            net: net::Net::new(),
        };
        Arc::new(Self {
            plan,
            loops: (0..plan.loops).map(new_loop).collect(),
            watch: Watch::new(),
            permits: Permits::new(plan.threads, plan.loops),
            pool: Pool::new(plan.least, plan.threads),
            gates: (0..plan.gates).map(|_| Gate::new()).collect(),
            finished_loops: Mutex::new(0),
            loop_finished: Condvar::new(),
            over: AtomicBool::new(false),
            in_user_code: Ghost::new(0),
        })
    }

    /// A connection that is in its slot before anything runs.
    pub(crate) fn place(&self, index: usize, learned: bool) -> Client {
        let (client, connection) = self.loops[index].net.connect(index);
        let token = self.insert(index, &mut lock(&self.loops[index].core), connection, learned);
        Client { token: Some(token), ..client }
    }

    /// Gives every loop to a thread of the pool.
    pub(crate) fn start(self: &Arc<Self>) {
        for index in 0..self.loops.len() {
            let given = self.pool.hand_over(Work::Drive(index), || true, &Spawner(self));
            assert_eq!(given, HandOver::Done, "a loop starts without a thread");
        }
    }

    /// A connection that arrives while the engine runs.
    pub(crate) fn connect(&self, index: usize) -> Client {
        let (client, connection) = self.loops[index].net.connect(index);
        self.post(index, Mail::Accept(connection));
        client
    }

    pub(crate) fn send(&self, client: Client, request: Request) {
        self.loops[client.index].net.send(client, request);
    }

    /// Waits until `count` requests of `client` are answered.
    pub(crate) fn await_answers(&self, client: Client, count: usize) {
        self.loops[client.index].net.await_answers(client, count);
    }

    pub(crate) fn gate(&self, gate: usize) -> &Gate {
        &self.gates[gate]
    }

    pub(crate) fn post(&self, index: usize, mail: Mail) {
        let target = &self.loops[index];
        if target.inbox.post(mail, &target.state) {
            target.net.ring();
        }
    }

    /// A request that the socket says nothing of: a waker of the connection fires for it.
    pub(crate) fn wake(&self, client: Client, request: Request) {
        self.loops[client.index].net.slip_in(client, request);
        if let Some(token) = client.token {
            self.post(client.index, Mail::Wake(token));
        }
    }

    /// Ends all, in the order of the engine; `monitor` waits for the monitor's end.
    ///
    /// `answered`: every request was to be answered; else those that met the shutdown may be not.
    pub(crate) fn shut_down(&self, answered: bool, monitor: impl FnOnce()) {
        for index in 0..self.loops.len() {
            self.post(index, Mail::Stop);
        }
        let mut finished = lock(&self.finished_loops);
        while *finished < self.loops.len() {
            finished = wait(&self.loop_finished, finished);
        }
        drop(finished);
        self.pool.close();
        self.over.store(true, Ordering::Release);
        self.watch.wake();
        monitor();
        self.pool.wait_until_all_ended();
        self.check(answered);
    }

    /// Looks whether anything was lost or came twice.
    fn check(&self, answered: bool) {
        assert_eq!(self.pool.threads(), 0);
        assert_eq!(self.permits.detached(), 0, "a permit was not given back");
        assert_eq!(self.in_user_code.load(SeqCst), 0);
        for each in &self.loops {
            for mail in each.inbox.collect() {
                // Its slot was cut while it was out, and the loop ended before it came back.
                if let Mail::Returned(_, connection) = mail {
                    each.net.close(connection);
                }
            }
            assert_eq!(lock(&each.core).slots.len(), 0, "a connection was left in its slot");
            each.net.check(answered);
        }
    }

    /// The monitor thread. There is no clock: it takes every loop that it sees inside a job, at any
    /// time.
    pub(crate) fn monitor(self: &Arc<Self>) {
        while !self.is_over() {
            self.watch_round();
        }
    }

    /// One look at every loop, and sleep if all is quiet. True: it took a loop.
    pub(crate) fn watch_round(self: &Arc<Self>) -> bool {
        let all_quiet = || !self.is_over() && self.loops.iter().all(|each| each.state.is_polling());
        let mut took = false;
        for index in 0..self.loops.len() {
            took |= self.watch_once(index);
        }
        if took {
            return true;
        }
        if all_quiet() {
            self.watch.sleep_while(all_quiet);
        } else {
            thread::yield_now();
        }
        false
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// One look of the monitor at one loop. True: it took the loop.
    pub(crate) fn watch_once(self: &Arc<Self>, index: usize) -> bool {
        let Some(job) = self.loops[index].state.job() else { return false };
        self.hand_over(index, job) == HandOver::Done
    }

    fn hand_over(self: &Arc<Self>, index: usize, job: JobId) -> HandOver {
        // Counted before the next driver can look for a permit, and before the job can give this
        // one back.
        let take = || {
            if self.plan.counts_first {
                self.permits.detach();
            }
            let taken = self.loops[index].state.take(job);
            match taken {
                true if !self.plan.counts_first => self.permits.detach(),
                false if self.plan.counts_first => self.give_permit_back(),
                _ => {}
            }
            taken
        };
        self.pool.hand_over(Work::Drive(index), take, &Spawner(self))
    }

    fn work(self: &Arc<Self>, work: Work) {
        match work {
            Work::Drive(index) => self.drive(index),
            Work::Job(index, token, connection) => {
                self.handle(index, &connection, None);
                self.return_detached(index, token, connection);
            }
        }
    }

    fn return_detached(&self, index: usize, token: Token, connection: Connection) {
        self.finish_detached();
        self.post(index, Mail::Returned(token, connection));
    }

    fn finish_detached(&self) {
        self.leave_user_code();
        self.give_permit_back();
    }

    fn give_permit_back(&self) {
        if self.permits.finish() {
            for index in 0..self.loops.len() {
                self.post(index, Mail::Permit);
            }
        }
    }

    /// Every loop must have a driver left if all that are in user code block.
    fn enter_user_code(&self) {
        let threads = self.in_user_code.fetch_add(1, SeqCst) + 1;
        assert!(threads + self.plan.loops <= self.plan.threads, "too many threads in user code");
    }

    fn leave_user_code(&self) {
        assert_ne!(self.in_user_code.fetch_sub(1, SeqCst), 0, "a permit was given back twice");
    }
}

/// Makes the threads of the pool.
pub(crate) struct Spawner<'a>(&'a Arc<Engine>);

impl Spawn for Spawner<'_> {
    fn spawn(&self) -> std::io::Result<()> {
        let engine = Arc::clone(self.0);
        thread::spawn(move || engine.pool.work(Duration::ZERO, |work| engine.work(work)));
        Ok(())
    }
}
