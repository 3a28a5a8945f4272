//! The threads of a server run one errand after another.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::server::computing::Stopwatch;
use crate::server::event_loop;
use crate::server::handover::pool::Spawn;
use crate::server::hooks::guarded;
use crate::server::learned::Kind;
use crate::server::protocol::{Job, JobRun, Protocol, Run};
use crate::server::seat::Seat;
use crate::server::waker::{Wake, Waker};

use super::Engine;
use super::errands::{Errand, Work};
use super::mail::{Mail, PartJob, Seated};

impl<P: Protocol> Engine<P> {
    /// The life of a thread.
    fn work(self: &Arc<Self>) {
        let mut scratch = self.protocol.scratch(&self.config);
        let wake: Arc<dyn Wake> = Arc::clone(self) as Arc<dyn Wake>;
        self.pool.work(SPARE_PATIENCE, |work| {
            // Whatever panics, this keeps the counts of the pool right.
            guarded("a thread of the server", || match work {
                Work::Drive(index) => event_loop::drive(self, index, &mut scratch),
                Work::Run { errand, seated } => self.run(errand, seated, &wake, &mut scratch),
                Work::Job { index, part } => self.run_job(index, part, &wake, &mut scratch),
                Work::Bury(seats) => {
                    guarded("a connection that was dropped", || drop(seats));
                    self.finish_detached();
                }
            });
        });
        self.count_threads();
    }

    fn run(
        &self,
        errand: Errand,
        mut seated: Box<Seated<P>>,
        wake: &Arc<dyn Wake>,
        scratch: &mut P::Scratch,
    ) {
        let Errand { index, token, kind: first, place } = errand;
        let its_loop = &self.loops[index];
        let seat = Seat::detached(self, index);
        let watch = self.computing.is_limited().then(Stopwatch::start);
        let started = Instant::now();
        let kind = Cell::new(first);
        let outcome = guarded("a run", || {
            seated.stage.run(&mut Run {
                protocol: &self.protocol,
                config: &self.config,
                server: &self.server,
                transport: &seated.transport,
                scratch: &mut *scratch,
                seat: &seat,
                waker: Waker { engine: wake, index, token },
                kind: &kind,
                learned: None,
                started,
                holds: None,
            })
        });
        // If the run served several requests, it is unknown which of them computed.
        if kind.get() == first
            && let Some(did) = watch.and_then(|watch| watch.has_computed())
        {
            self.learned.computed(first, did);
        }
        self.learn(kind.get(), started);
        if let Some(place) = place {
            self.computing.give_back(place);
        }
        let rejoin = seat.is_deregistered();
        let mail = if let Some(next) = outcome {
            Mail::Back { token, seated, next, rejoin }
        } else {
            // The connection is dropped here and not by the loop, because its `Drop` may run user
            // code.
            guarded("a connection after a panic", || drop(seated));
            *scratch = self.protocol.scratch(&self.config);
            Mail::Lost(token)
        };
        self.finish_detached();
        its_loop.tell(mail);
    }

    fn run_job(&self, index: usize, part: PartJob<P>, wake: &Arc<dyn Wake>, scratch: &mut P::Scratch) {
        let PartJob { job, token, address } = part;
        let kind = Cell::new(job.kind());
        let started = Instant::now();
        let outcome = guarded("a job", || {
            job.run(&mut JobRun {
                protocol: &*self.protocol,
                config: &self.config,
                server: &self.server,
                scratch: &mut *scratch,
                seat: &Seat::detached(self, index),
                waker: Waker { engine: wake, index, token },
                kind: &kind,
                learned: None,
                started,
            });
        });
        if outcome.is_none() {
            *scratch = self.protocol.scratch(&self.config);
        }
        self.learn(kind.get(), started);
        self.finish_detached();
        self.loops[index].tell(Mail::JobDone { held: Some(address) });
    }

    fn learn(&self, kind: Kind, started: Instant) {
        if started.elapsed() < FAST {
            self.learned.returned(kind);
        } else {
            self.learned.blocked(kind);
        }
    }
}

impl<P: Protocol> Spawn for Engine<P> {
    fn spawn(&self) -> std::io::Result<()> {
        let Some(engine) = self.me.upgrade() else { return Ok(()) };
        std::thread::Builder::new().name("serve-forever".into()).spawn(move || engine.work()).map(drop)
    }
}

/// A thread that has no work for this time ends.
const SPARE_PATIENCE: Duration = Duration::from_secs(10);
/// A run on a spare thread that took less than this could have run on the driver of its loop.
const FAST: Duration = Duration::from_micros(200);
