//! A server at work: its loops, its threads, its monitor.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::time::{Duration, Instant};

use crate::diagnostics;
use crate::sync::{lock, wait};
use crate::sys::{Listener, Socket};

use super::client_waits::ClientWaits;
use super::computing::{Computing, Place, Stopwatch};
use super::config::Config;
use super::event_loop::Core;
use super::handle::ServerHandle;
use super::handover::inbox::Inbox;
use super::handover::permits::Permits;
use super::handover::pool::{HandOver, Pool, Spawn};
use super::handover::slots::Token;
use super::handover::state::{Job as JobId, LoopState};
use super::handover::watch::Watch;
use super::hooks::guarded;
use super::learned::{Kind, Learned};
use super::peers::Peers;
use super::readers::Readers;
use super::protocol::{Connection, Job, JobRun, Next, Protocol, Run};
use super::seat::{Helm, Seat};
use super::stats::Counters;
use super::waker::{Wake, Waker};

/// Everything that the threads of one `serve_forever` share.
pub(crate) struct Engine<P: Protocol> {
    pub(crate) protocol: Arc<P>,
    pub(crate) config: Config,
    pub(crate) server: ServerHandle,
    pub(crate) loops: Box<[Loop<P>]>,
    pub(crate) permits: Permits,
    pub(crate) learned: Learned,
    pub(crate) computing: Computing,
    pub(crate) watch: Watch,
    /// Detached threads by peer address.
    pub(crate) permit_holders: Peers,
    /// Detached threads whose handlers wait for a part of a body.
    pub(crate) client_waits: ClientWaits,
    /// Connections by peer address; kept only where they are limited.
    pub(crate) connections_by_address: Peers,
    /// Connections of all loops.
    pub(crate) connections: AtomicUsize,
    /// Loops that may still accept connections, also for others.
    accepting: AtomicUsize,
    /// Connections that wait for their clients.
    pub(crate) readers: Readers,
    pool: Pool<Work<P>>,
    over: AtomicBool,
    /// Threads that there may be, as far as handlers may use them.
    most_threads: usize,
    counting: Mutex<()>,
    short_of_threads: AtomicBool,
    finished_loops: Mutex<usize>,
    loop_finished: Condvar,
    /// For the threads that it makes.
    me: Weak<Self>,
}

/// One event loop, as far as others may touch it.
pub(crate) struct Loop<P: Protocol> {
    pub(crate) index: usize,
    pub(crate) state: LoopState,
    pub(crate) inbox: Inbox<Mail<P>>,
    /// What only the driver touches. Unlocked exactly while its driver is inside a job.
    pub(crate) core: Mutex<Core<P>>,
    pub(crate) registry: mio::Registry,
    pub(crate) connections: AtomicUsize,
    waker: mio::Waker,
}

/// A connection with its transport, as it goes from slot to job and back.
pub(crate) struct Seated<P: Protocol> {
    pub(crate) connection: P::Connection,
    pub(crate) transport: Arc<crate::transport::Transport>,
}

/// What a loop is told from outside.
pub(crate) enum Mail<P: Protocol> {
    /// A connection comes back from a job. `rejoin`: its socket must be registered anew.
    Back { token: Token, seated: Box<Seated<P>>, next: Next, rejoin: bool },
    /// A job on a part of a connection is over.
    JobDone { held: Option<IpAddr> },
    /// A run panicked, and its connection is gone.
    Lost(Token),
    /// Another loop accepted this for us.
    Accepted { socket: Socket, peer: SocketAddr, local: SocketAddr },
    /// A connection wants its turn.
    Wake(Token),
    /// The run that has a connection keeps it as a stream, which does not count as a request of its
    /// address.
    Stream(Token),
    /// A permit became free.
    Permit,
    /// The server is full: close the oldest idle connection, if it is idle for longer than `since`, and tell the
    /// loop `asker` whether there was one.
    MakeRoom { since: Option<Instant>, asker: usize },
    /// The answer to that.
    Room { made: bool },
    /// No loop accepts any more, so no further connection comes by mail.
    AllClosed,
    /// Cut this connection if it still waits for its client.
    Cut(Cut),
    /// Finish.
    Stop,
}

/// An order to cut a connection that waits for its client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) token: Token,
    /// Bytes that were promised of it.
    pub(crate) promised: usize,
    /// The loop that wants its place for a new connection.
    pub(crate) asker: Option<usize>,
}

/// A run on a spare thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errand {
    /// Of the loop.
    pub(crate) index: usize,
    pub(crate) token: Token,
    pub(crate) kind: Kind,
    /// It has a place among those that compute, and gives it back.
    pub(crate) place: Option<Place>,
}

/// What a spare thread is told to do.
enum Work<P: Protocol> {
    Drive(usize),
    Run {
        errand: Errand,
        seated: Box<Seated<P>>,
    },
    Job {
        index: usize,
        job: P::Job,
        held: Option<IpAddr>,
    },
    /// Drops connections that are over: what they have not sent may be code of others.
    Bury(Vec<Box<Seated<P>>>),
}

impl<P: Protocol> Engine<P> {
    /// Serves the connections of `listeners` until a shutdown is asked for. `give_up` drops all
    /// other handles of them then.
    pub(crate) fn serve(
        protocol: &Arc<P>,
        config: &Config,
        server: &ServerHandle,
        listeners: Vec<Listener>,
        give_up: impl FnOnce(),
    ) -> std::io::Result<()> {
        let engine = Self::new(protocol, config, server, listeners)?;
        // Also when something below fails: threads that stayed would keep the port.
        let ending = Ending(&engine);
        engine.pool.fill(&*engine)?;
        let watched = Arc::clone(&engine);
        let monitor = std::thread::Builder::new()
            .name("serve-forever-monitor".into())
            // Without it no loop would be taken from a job that blocks.
            .spawn(move || while guarded("the monitor", || super::monitor::watch(&watched)).is_none() {})?;
        let writing = server.access_log().start()?;
        for index in 0..engine.loops.len() {
            engine.pool.hand_over(Work::Drive(index), || true, &*engine);
        }

        server.wait_for_shutdown(server.hooks().tick_interval(), || server.hooks().tick());

        // Before the loops close theirs, so that these are the last.
        give_up();
        for each in &engine.loops {
            each.tell(Mail::Stop);
        }
        let mut finished = lock(&engine.finished_loops);
        while *finished < engine.loops.len() {
            finished = wait(&engine.loop_finished, finished);
        }
        drop(finished);
        drop(ending);
        if monitor.join().is_err() {
            diagnostics::error!("the monitor panicked");
        }
        // What was mailed to a loop that had finished already: nobody else closes these connections.
        for each in &engine.loops {
            drop(each.inbox.collect());
        }
        let lost = engine.connections.swap(0, Ordering::Relaxed);
        server.counters().connections.fetch_sub(lost, Ordering::Relaxed);
        let left = engine.pool.wait_until_ended(|| engine.permits.detached(), THREADS_END);
        // Last, as connections that are dropped by these threads still have lines to write.
        drop(writing);
        if left > 0 {
            diagnostics::warning!("the server has stopped, but {left} of its threads still run a handler");
        }
        Ok(())
    }

    pub(super) fn new(
        protocol: &Arc<P>,
        config: &Config,
        server: &ServerHandle,
        listeners: Vec<Listener>,
    ) -> std::io::Result<Arc<Self>> {
        let count = config.loops.max(1);
        let mut config = config.clone();
        // Every loop has a driver and one thread that its driver's job can go on with.
        config.max_threads = config.max_threads.max(2 * count);
        if let Some(limit) = crate::sys::descriptor_limit() {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            config.max_connections =
                config.max_connections.min(limit.saturating_sub(OTHER_DESCRIPTORS.min(limit / 4)).max(1));
        }
        let mut shares: Vec<Vec<Listener>> = (0..count).map(|_| Vec::new()).collect();
        for (index, listener) in listeners.into_iter().enumerate() {
            shares[index % count].push(listener);
        }
        let loops = shares
            .into_iter()
            .enumerate()
            .map(|(index, listeners)| Loop::new(index, listeners))
            .collect::<std::io::Result<Box<[_]>>>()?;
        let engine = Arc::new_cyclic(|me| Self {
            protocol: Arc::clone(protocol),
            server: server.clone(),
            loops,
            permits: Permits::new(2 * count, count),
            most_threads: Self::threads_for_handlers(config.max_threads),
            counting: Mutex::new(()),
            learned: Learned::new(),
            computing: Computing::new(config.max_computing_handlers),
            watch: Watch::new(),
            permit_holders: Peers::default(),
            client_waits: ClientWaits::default(),
            connections_by_address: Peers::default(),
            connections: AtomicUsize::new(0),
            accepting: AtomicUsize::new(count),
            readers: Readers::new(count),
            pool: Pool::new(2 * count, config.max_threads),
            over: AtomicBool::new(false),
            short_of_threads: AtomicBool::new(false),
            finished_loops: Mutex::new(0),
            loop_finished: Condvar::new(),
            config,
            me: me.clone(),
        });
        let permits = engine.most_threads.saturating_sub(count);
        engine.server.counters().permits.store(permits, Ordering::Relaxed);
        Ok(engine)
    }

    /// What of `threads` may be used by handlers: handlers that never let go on their own get half.
    fn threads_for_handlers(threads: usize) -> usize {
        if P::LONG_LIVED { threads.div_ceil(2) } else { threads }
    }

    /// Gives the loop `index` to a spare thread, if it is still inside of `job`.
    pub(crate) fn take_loop(&self, index: usize, job: JobId) -> HandOver {
        let state = &self.loops[index].state;
        let take = || {
            // Before the loop is taken: the job may return right after, and gives its permit back then.
            self.count_detached();
            let taken = state.take(job);
            if !taken {
                self.finish_detached();
            }
            taken
        };
        let outcome = self.pool.hand_over(Work::Drive(index), take, self);
        match outcome {
            HandOver::Done => Counters::one(&self.server.counters().hand_overs),
            HandOver::NoThread | HandOver::TooLate => {}
        }
        outcome
    }

    /// Starts a run on a spare thread; gives it back if there is none. The caller got the permit, and what place it has.
    pub(crate) fn start_on_spare(
        &self,
        errand: Errand,
        seated: Box<Seated<P>>,
    ) -> Result<(), Box<Seated<P>>> {
        self.submit(Work::Run { errand, seated }).map_err(|work| match work {
            Work::Run { seated, .. } => seated,
            _ => unreachable!("the pool gives back what it was given"),
        })
    }

    /// Starts a job on a spare thread; gives it back if there is none. The caller got the permit.
    pub(crate) fn start_job_on_spare(
        &self,
        index: usize,
        job: P::Job,
        held: Option<IpAddr>,
    ) -> Result<(), P::Job> {
        self.submit(Work::Job { index, job, held }).map_err(|work| match work {
            Work::Job { job, .. } => job,
            _ => unreachable!("the pool gives back what it was given"),
        })
    }

    /// Drops connections outside of the loop, which must not wait for what their sources do at their end.
    pub(crate) fn bury(&self, seats: Vec<Box<Seated<P>>>) {
        if seats.is_empty() {
            return;
        }
        self.count_detached();
        if let Err(work) = self.pool.submit(Work::Bury(seats), self) {
            drop(work);
            self.finish_detached();
        }
    }

    fn submit(&self, work: Work<P>) -> Result<(), Work<P>> {
        let outcome = self.pool.submit(work, self);
        if outcome.is_ok() {
            Counters::one(&self.server.counters().learned_starts);
        } else {
            if let Err(Work::Run { errand: Errand { place: Some(place), .. }, .. }) = &outcome {
                self.computing.give_back(*place);
            }
            self.finish_detached();
        }
        outcome
    }

    /// Whether a driver may go into user code: only if there is another thread to take its loop over. There is one to
    /// begin with; from then on each thread that is lost to user code is replaced before the next one can be lost.
    pub(crate) fn may_start(&self) -> bool {
        self.growing_until(Permits::may_start)
    }

    /// A permit for user code on a spare thread.
    #[must_use]
    pub(crate) fn try_detach(&self) -> bool {
        let detached = self.growing_until(Permits::try_detach);
        if detached {
            self.server.counters().detached.fetch_add(1, Ordering::Relaxed);
        }
        detached
    }

    /// How many permits there can be when all threads are there.
    pub(crate) fn most_permits(&self) -> usize {
        self.most_threads.saturating_sub(2 * self.loops.len())
    }

    /// Makes threads until there are enough for what is asked. Not only one: every loop may lose its driver between two
    /// questions.
    fn growing_until(&self, enough: impl Fn(&Permits) -> bool) -> bool {
        loop {
            if enough(&self.permits) {
                return true;
            }
            if !self.grow() {
                return false;
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// One more thread, if there may be more.
    fn grow(&self) -> bool {
        if self.permits.limit() >= self.most_permits() {
            return false;
        }
        match self.pool.grow(self) {
            Ok(()) => {
                self.short_of_threads.store(false, Ordering::Relaxed);
                self.count_threads();
                true
            }
            Err(error) => {
                if !self.short_of_threads.swap(true, Ordering::Relaxed) {
                    diagnostics::warning!(
                        "no more threads can be made for now, requests may have to wait: {error}"
                    );
                }
                false
            }
        }
    }

    /// There are more threads than before, or fewer: so many permits are there.
    fn count_threads(&self) {
        let _one_at_a_time = lock(&self.counting);
        self.permits.set_threads(self.pool.threads().min(self.most_threads), self.loops.len());
    }

    /// Called by the monitor now and then: the system may give more threads by now.
    pub(crate) fn retry_threads(&self) {
        if self.short_of_threads.load(Ordering::Relaxed) {
            self.tell_waiting();
        }
    }

    pub(super) fn count_detached(&self) {
        self.permits.detach();
        self.server.counters().detached.fetch_add(1, Ordering::Relaxed);
    }

    /// A detached thread is out of user code.
    pub(crate) fn finish_detached(&self) {
        self.server.counters().detached.fetch_sub(1, Ordering::Relaxed);
        if self.permits.finish() {
            self.tell_waiting();
        }
    }

    /// An address holds one permit less than it did.
    pub(crate) fn release_holder(&self, address: IpAddr) {
        self.permit_holders.remove(address);
        if self.permits.is_awaited() {
            self.tell_waiting();
        }
    }

    fn tell_waiting(&self) {
        for each in &self.loops {
            each.tell(Mail::Permit);
        }
    }

    /// A loop has closed its listeners. Until all have, none may end: connections may come by mail.
    pub(crate) fn loop_has_closed(&self) {
        if self.accepting.fetch_sub(1, Ordering::SeqCst) == 1 {
            for each in &self.loops {
                each.tell(Mail::AllClosed);
            }
        }
    }

    pub(crate) fn all_have_closed(&self) -> bool {
        self.accepting.load(Ordering::SeqCst) == 0
    }

    pub(crate) fn loop_has_finished(&self) {
        *lock(&self.finished_loops) += 1;
        self.loop_finished.notify_all();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// The life of a thread.
    fn work(self: &Arc<Self>) {
        let mut scratch = self.protocol.scratch(&self.config);
        let wake: Arc<dyn Wake> = Arc::clone(self) as Arc<dyn Wake>;
        self.pool.work(SPARE_PATIENCE, |work| {
            // The net below everything: whatever unwinds, the pool's counts of its threads stay
            // right.
            guarded("a thread of the server", || match work {
                Work::Drive(index) => super::event_loop::drive(self, index, &mut scratch),
                Work::Run { errand, seated } => self.run(errand, seated, &wake, &mut scratch),
                Work::Job { index, job, held } => self.run_job(index, job, held),
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
            seated.connection.run(&mut Run {
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
        // Of several requests in one run nobody knows which one computed.
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
            // Not by the loop, which must not wait for what others do at their end.
            guarded("a connection after a panic", || drop(seated));
            *scratch = self.protocol.scratch(&self.config);
            Mail::Lost(token)
        };
        self.finish_detached();
        its_loop.tell(mail);
    }

    fn run_job(&self, index: usize, job: P::Job, held: Option<IpAddr>) {
        let kind = job.kind();
        let started = Instant::now();
        guarded("a job", || {
            job.run(&mut JobRun { protocol: &self.protocol, seat: &Seat::detached(self, index) });
        });
        self.learn(kind, started);
        self.finish_detached();
        self.loops[index].tell(Mail::JobDone { held });
    }

    fn learn(&self, kind: Kind, started: Instant) {
        if started.elapsed() < FAST {
            self.learned.returned(kind);
        } else {
            self.learned.blocked(kind);
        }
    }
}

/// Ends the threads of an engine.
struct Ending<'a, P: Protocol>(&'a Engine<P>);

impl<P: Protocol> Drop for Ending<'_, P> {
    fn drop(&mut self) {
        self.0.pool.close();
        self.0.over.store(true, Ordering::SeqCst);
        self.0.watch.wake();
    }
}

impl<P: Protocol> Spawn for Engine<P> {
    fn spawn(&self) -> std::io::Result<()> {
        let Some(engine) = self.me.upgrade() else { return Ok(()) };
        std::thread::Builder::new().name("serve-forever".into()).spawn(move || engine.work()).map(drop)
    }
}

impl<P: Protocol> Wake for Engine<P> {
    fn wake(&self, index: usize, token: Token) {
        self.loops[index].tell(Mail::Wake(token));
    }

    fn became_stream(&self, index: usize, token: Token) {
        self.loops[index].tell(Mail::Stream(token));
    }
}

impl<P: Protocol> Helm for Engine<P> {
    fn release(&self, index: usize, job: JobId) -> bool {
        // Who holds no loop, as a stream that outlived its handler, needs no thread for one.
        self.loops[index].state.job() != Some(job) || self.take_loop(index, job) != HandOver::NoThread
    }

    fn registry(&self, index: usize) -> &mio::Registry {
        &self.loops[index].registry
    }

    fn client_waits(&self) -> (&ClientWaits, Duration) {
        let slice = self.config.permit_timeout / LOOKS_PER_PERMIT_TIMEOUT;
        (&self.client_waits, slice.clamp(SHORTEST_LOOK, LONGEST_LOOK))
    }

    fn shared(&self) -> Option<Arc<dyn Helm>> {
        self.me.upgrade().map(|engine| engine as Arc<dyn Helm>)
    }
}

impl<P: Protocol> Loop<P> {
    fn new(index: usize, listeners: Vec<Listener>) -> std::io::Result<Self> {
        let core = Core::new(listeners)?;
        let registry = core.registry()?;
        Ok(Self {
            index,
            state: LoopState::new(),
            inbox: Inbox::new(),
            waker: mio::Waker::new(&registry, super::event_loop::WAKER)?,
            core: Mutex::new(core),
            registry,
            connections: AtomicUsize::new(0),
        })
    }

    /// Leaves a message and sees to it that it is read soon.
    pub(crate) fn tell(&self, mail: Mail<P>) {
        if self.inbox.post(mail, &self.state)
            && let Err(error) = self.waker.wake()
        {
            diagnostics::error!("cannot wake an event loop: {error}");
        }
    }
}

/// How often a handler that waits for a body looks whether its thread is needed by others, within
/// the time that a request waits for a thread.
const LOOKS_PER_PERMIT_TIMEOUT: u32 = 8;
/// The shortest time between two such looks.
const SHORTEST_LOOK: Duration = Duration::from_millis(5);
/// The longest time between two such looks.
const LONGEST_LOOK: Duration = Duration::from_millis(250);
/// A thread without work ends after this time.
const SPARE_PATIENCE: Duration = Duration::from_secs(10);
/// What started on a spare and was over sooner could as well have run on the loop's driver.
const FAST: Duration = Duration::from_micros(200);
/// How long the end of the server waits for its idle threads to end.
const THREADS_END: Duration = Duration::from_secs(1);
/// Descriptors that are left for everything that is no connection: listeners, pollers, files that are served.
const OTHER_DESCRIPTORS: usize = 64;
