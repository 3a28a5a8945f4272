//! The loop of the generator: one thread, one `epoll`, and per request one `recv`, one `send` and
//! one look at the clock.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

use crate::connection::Connection;
use crate::histogram::Histogram;
use crate::load::{Group, Outcome, Pace};
use crate::socket;

/// Large, as bodies are thrown away and system calls are not to slow down who waits for them; small
/// enough for a cache.
const BUFFER: usize = 256 * 1024;
const EVENTS: usize = 256;
/// Which request is whose turn follows a fixed sequence, so that every run asks for the same.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// Connections to one server, and what they are to ask.
pub struct Generator {
    target: SocketAddr,
    epoll: OwnedFd,
    groups: Vec<State>,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
}

/// A group while it runs.
struct State {
    group: Group,
    /// The bytes of a batch, by path.
    batches: Vec<Vec<u8>>,
    total_weight: u32,
    random: u64,
    sent: u64,
    outcome: Outcome,
    /// Requests for the first path that are under way.
    busy: usize,
    /// Connections with nothing to do, oldest first.
    free: VecDeque<usize>,
    /// With [`Pace::Think`]: when which connection goes on. The pause is the same for all, so the
    /// order is that of time.
    thinking: VecDeque<(Instant, usize)>,
    /// With [`Pace::Rate`]: when the first request of this run was due, and how many are out since.
    schedule: (Instant, u64),
}

impl Generator {
    /// Opens all the connections.
    pub fn connect(target: SocketAddr, groups: Vec<Group>) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let now = Instant::now();
        let groups: Vec<_> = groups.into_iter().map(|group| State::new(group, target, now)).collect();
        let mut generator = Self { target, epoll, groups, connections: Vec::new(), buffer: vec![0; BUFFER] };
        for index in 0..generator.groups.len() {
            for _ in 0..generator.groups[index].group.connections {
                let connection = generator.open(index)?;
                generator.watch(&connection, generator.connections.len())?;
                generator.groups[index].free.push_back(generator.connections.len());
                generator.connections.push(connection);
            }
        }
        Ok(generator)
    }

    /// Asks until `time` is over or every group has reached its limit. May be called again: what is
    /// under way goes on.
    pub fn run(&mut self, time: Duration) -> io::Result<Vec<Outcome>> {
        let start = Instant::now();
        let end = start + time;
        for state in &mut self.groups {
            state.outcome = state.fresh_outcome();
            state.schedule = (start, 0);
        }
        let mut events = Vec::with_capacity(EVENTS);
        let mut now = start;
        while now < end && !self.groups.iter().all(State::is_finished) {
            for group in 0..self.groups.len() {
                self.send_due(group, now)?;
            }
            let next = self.groups.iter().filter_map(State::next_due).fold(end, Instant::min);
            let wait = next.saturating_duration_since(now);
            let timeout =
                Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: wait.subsec_nanos().into() };
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            now = Instant::now();
            for event in &events {
                now = self.on_event(event.data.u64() as usize, event.flags)?;
            }
        }
        let elapsed = start.elapsed();
        Ok(self.groups.iter().map(|state| Outcome { elapsed, ..state.outcome.clone() }).collect())
    }

    fn open(&self, group: usize) -> io::Result<Connection> {
        let stream = socket::open(self.target, None, None)?;
        Ok(Connection::new(stream, group, self.groups[group].group.answer, Instant::now()))
    }

    fn watch(&self, connection: &Connection, index: usize) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, &connection.socket, EventData::new_u64(index as u64), flags)?)
    }

    /// Takes in what a connection has received and lets it go on; the time is that of the arrival.
    fn on_event(&mut self, index: usize, flags: EventFlags) -> io::Result<Instant> {
        let connection = &mut self.connections[index];
        let closed = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        let result = connection.receive(&mut self.buffer, closed);
        let now = Instant::now();
        let group = connection.group;
        let state = &mut self.groups[group];
        let Ok(answers) = result else {
            self.replace(index)?;
            return Ok(now);
        };
        state.outcome.refused += answers.refused;
        if let Some(latencies) = state.outcome.latencies.get_mut(connection.path) {
            for _ in 0..answers.complete {
                latencies.record(now - connection.since);
            }
        }
        connection.open = connection.open.saturating_sub(answers.complete);
        if connection.open == 0 && answers.complete > 0 {
            state.busy -= usize::from(connection.path == 0);
            match state.group.pace {
                Pace::Closed => {
                    state.free.push_back(index);
                    self.send_due(group, now)?;
                }
                Pace::Think(pause) => state.thinking.push_back((now + pause, index)),
                Pace::Rate(_) => state.free.push_back(index),
            }
        }
        Ok(now)
    }

    /// Sends what is due in a group: the first request of each connection, and what its pace asks
    /// for.
    fn send_due(&mut self, group: usize, now: Instant) -> io::Result<()> {
        loop {
            let state = &mut self.groups[group];
            if state.is_exhausted() {
                return Ok(());
            }
            let Some((index, since)) = state.take_due(now) else { return Ok(()) };
            if state.send(&mut self.connections[index], since).is_err() {
                self.replace(index)?;
            }
        }
    }

    /// Opens a new connection in the place of one that ended.
    fn replace(&mut self, index: usize) -> io::Result<()> {
        let group = self.connections[index].group;
        let connection = self.open(group)?;
        self.watch(&connection, index)?;
        // Closing the old one takes it out of the epoll.
        let old = std::mem::replace(&mut self.connections[index], connection);
        let state = &mut self.groups[group];
        state.outcome.lost += 1;
        // One that waited for its turn still does.
        if old.open > 0 {
            state.busy -= usize::from(old.path == 0);
            state.free.push_back(index);
        }
        Ok(())
    }
}

impl State {
    fn new(group: Group, target: SocketAddr, now: Instant) -> Self {
        let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {target}\r\n{}\r\n", group.fields);
        let batch = |path: &str| request(path).repeat(group.depth);
        let batches = group.paths.iter().map(|path| batch(&path.target).into_bytes()).collect();
        Self {
            batches,
            total_weight: group.paths.iter().map(|path| path.weight).sum::<u32>().max(1),
            random: SEED,
            sent: 0,
            outcome: Outcome::default(),
            busy: 0,
            free: VecDeque::new(),
            thinking: VecDeque::new(),
            schedule: (now, 0),
            group,
        }
    }

    fn fresh_outcome(&self) -> Outcome {
        Outcome { latencies: vec![Histogram::default(); self.group.paths.len()], ..Outcome::default() }
    }

    fn is_exhausted(&self) -> bool {
        self.group.limit.is_some_and(|limit| self.sent >= limit)
    }

    fn is_finished(&self) -> bool {
        self.group.limit.is_some_and(|limit| self.outcome.answered() >= limit)
    }

    /// When [`Self::take_due`] has something next, apart from answers that arrive.
    fn next_due(&self) -> Option<Instant> {
        match self.group.pace {
            _ if self.is_exhausted() => None,
            Pace::Closed => None,
            Pace::Think(_) => self.thinking.front().map(|(due, _)| *due),
            Pace::Rate(rate) => (!self.free.is_empty()).then(|| self.scheduled(rate)),
        }
    }

    fn scheduled(&self, rate: f64) -> Instant {
        self.schedule.0 + Duration::from_secs_f64(self.schedule.1 as f64 / rate)
    }

    /// A connection that is to send now, and from when on its latency counts.
    fn take_due(&mut self, now: Instant) -> Option<(usize, Instant)> {
        if let Pace::Rate(rate) = self.group.pace {
            let due = self.scheduled(rate);
            let index = if due <= now { self.free.pop_front()? } else { return None };
            self.schedule.1 += 1;
            return Some((index, due));
        }
        if self.group.pace == Pace::Closed && self.busy >= self.group.busy {
            return None;
        }
        if let Some(index) = self.free.pop_front() {
            return Some((index, now));
        }
        let (due, index) = *self.thinking.front()?;
        (due <= now).then(|| {
            self.thinking.pop_front();
            (index, now)
        })
    }

    fn send(&mut self, connection: &mut Connection, since: Instant) -> io::Result<()> {
        let path = self.choose();
        self.busy += usize::from(path == 0);
        connection.path = path;
        connection.since = since;
        connection.open = self.group.depth;
        self.sent += self.group.depth as u64;
        connection.send(&self.batches[path])
    }

    /// The path whose turn it is: as often as its weight says, in an order without a pattern.
    fn choose(&mut self) -> usize {
        if self.group.paths.len() == 1 {
            return 0;
        }
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let mut point = (self.random % u64::from(self.total_weight)) as u32;
        for (index, path) in self.group.paths.iter().enumerate() {
            match point.checked_sub(path.weight) {
                Some(rest) => point = rest,
                None => return index,
            }
        }
        0
    }
}
