//! What only the driver of a loop touches.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::server::deadlines::{Deadline, Deadlines};
use crate::server::engine::mail::{Cut, Mail, PartJob, Seated};
use crate::server::handover::slots::{Slots, Token};
use crate::server::idle::{IdleQueue, Idleness};
use crate::server::learned::Kind;
use crate::server::listeners::Listeners;
use crate::server::protocol::Protocol;
use crate::sys::Listener;
use crate::transport::Transport;

use super::line::Line;

/// What only the driver of a loop touches.
pub(crate) struct Core<P: Protocol> {
    pub(super) poller: mio::Poll,
    pub(super) events: mio::Events,
    pub(super) listeners: Listeners,
    pub(super) slots: Slots<Box<Seated<P>>, Stays>,
    pub(super) deadlines: Deadlines,
    pub(super) idle: IdleQueue,
    /// Mail that was collected but not read yet.
    pub(super) mail: std::vec::IntoIter<Mail<P>>,
    /// Connections whose turn is due.
    pub(super) ready: VecDeque<Token>,
    /// How many of them still get their turn in this round, after the present one.
    pub(super) following: usize,
    /// Connections with a held response, which is sent after those turns.
    pub(super) holding: Vec<Token>,
    /// When the first of these responses was held.
    pub(super) held_since: Instant,
    /// Connections with a request that waits for a permit.
    pub(super) waiting: Line,
    /// Connections with a request that waits for a place to compute, in order.
    pub(super) waiting_to_compute: VecDeque<Token>,
    /// Jobs on parts of connections that wait for a permit, and since when.
    pub(super) waiting_jobs: VecDeque<(PartJob<P>, Instant)>,
    /// How many waiting requests and jobs the statistics count for this loop.
    pub(super) counted_waiting: usize,
    /// The jobs that the present turn has made.
    pub(super) new_jobs: Vec<P::Job>,
    /// Jobs on parts of connections that are to start.
    pub(super) jobs: VecDeque<PartJob<P>>,
    /// What the present job works on, for a driver that takes over.
    pub(super) current: Option<InHand>,
    /// How many jobs on parts of connections run apart from the loop.
    pub(super) jobs_out: usize,
    pub(super) stopping: Option<Stop>,
    /// The other loops were told that this one has closed its listeners.
    pub(super) told_closed: bool,
    /// A request or job waits for a permit, and threads that give one back tell this loop.
    pub(super) is_waiting: bool,
    /// A permit may have been given back just before that.
    pub(super) look_again: bool,
    /// How many loops were asked to make room and have not answered yet.
    pub(super) room_asked: usize,
    /// One of them has made room.
    pub(super) room_made: bool,
    /// The request was to cut a stalled connection.
    pub(super) cut_asked: bool,
    /// Orders to cut connections that wait for their clients.
    pub(super) cuts: Vec<Cut>,
    /// More bytes wait in memory for clients than may.
    pub(super) is_over_budget: bool,
    pub(super) finished: bool,
    pub(super) now: Instant,
}

/// The part of a connection that stays in its slot while the connection is out.
#[derive(Debug)]
pub(super) struct Stays {
    /// Kept so that the connection can be cut while it is out.
    pub(super) transport: Arc<Transport>,
    pub(super) deadline: Deadline,
    pub(super) idleness: Idleness,
    /// The connection counts for no address yet, because its proxy has not named the client.
    pub(super) unannounced: bool,
    /// Its address is charged for a permit.
    pub(super) held: bool,
    /// It is out with a run that keeps it as a stream.
    pub(super) stream: bool,
    /// The last poll reported bytes to read, and nothing was read since.
    pub(super) reported: bool,
    /// It is noted as a reader.
    pub(super) is_reader: bool,
    /// The kind of its run that waits for a permit, or for a place to compute.
    pub(super) wants_permit: Option<Kind>,
}

/// What a job works on.
#[derive(Clone, Copy, Debug)]
pub(super) enum InHand {
    Connection(Token),
    /// A part of a connection, which is in its slot meanwhile.
    Part,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    pub(super) deadline: Instant,
    /// Until when connections that are not accepted yet wait for room.
    pub(super) full_until: Instant,
    pub(super) cut: bool,
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
            idle: IdleQueue::default(),
            mail: Vec::new().into_iter(),
            ready: VecDeque::new(),
            following: 0,
            holding: Vec::new(),
            held_since: Instant::now(),
            waiting: Line::default(),
            waiting_to_compute: VecDeque::new(),
            waiting_jobs: VecDeque::new(),
            counted_waiting: 0,
            new_jobs: Vec::new(),
            jobs: VecDeque::new(),
            current: None,
            jobs_out: 0,
            stopping: None,
            told_closed: false,
            is_waiting: false,
            look_again: false,
            room_asked: 0,
            room_made: false,
            cut_asked: false,
            cuts: Vec::new(),
            is_over_budget: false,
            finished: false,
            now: Instant::now(),
        })
    }

    pub(crate) fn registry(&self) -> std::io::Result<mio::Registry> {
        self.poller.registry().try_clone()
    }

    /// Returns the next connection whose deadline has passed. Many connections whose deadlines have
    /// moved are skipped at once: each costs only a look, and a poll in between would cost more.
    pub(super) fn next_expired(&mut self) -> Option<Token> {
        for _ in 0..LOOKS_PER_EXPIRY {
            let (tick, token) = self.deadlines.pop_due(self.now)?;
            let Some(slot) = self.slots.get(token) else { continue };
            if self.deadlines.is_over(token, &mut slot.stays.deadline, tick, self.now) {
                return Some(token);
            }
        }
        None
    }

    /// Returns the connection that has been idle for the longest time.
    pub(super) fn oldest_idle(&mut self) -> Option<(Instant, Token)> {
        let slots = &mut self.slots;
        self.idle.oldest(|token| slots.get(token).map(|slot| slot.stays.idleness.look()))
    }

    /// Notes that the connection has a held response.
    pub(super) fn hold(&mut self, token: Token) {
        if self.holding.is_empty() {
            self.held_since = Instant::now();
        }
        self.holding.push(token);
    }

    /// Whether held responses must be sent now, although more turns follow in this round. `before`
    /// is how many there were before this turn.
    pub(super) fn has_held_enough(&self, before: usize) -> bool {
        let held = self.holding.len();
        // A turn that held no response may have waited for a disk.
        let is_time_to_look = held > 0 && (held == before || self.following.is_multiple_of(TURNS_PER_LOOK));
        held >= MOST_HELD || is_time_to_look && self.held_since.elapsed() >= LONGEST_HELD
    }

    /// Queues the turn of `token`, unless it is queued already or waits for a permit.
    pub(super) fn enqueue(&mut self, token: Token) {
        if let Some(slot) = self.slots.get(token)
            && slot.stays.wants_permit.is_none()
            && slot.wake()
        {
            self.ready.push_back(token);
        }
    }
}

/// How many responses are held before all of them are sent.
const MOST_HELD: usize = 32;
/// How long the first held response waits. At most [`TURNS_PER_LOOK`] further turns come after
/// that, unless the monitor takes the loop. A turn that is served from memory takes a few
/// microseconds.
const LONGEST_HELD: Duration = Duration::from_micros(500);
/// The clock is read once in this many turns.
const TURNS_PER_LOOK: usize = 4;
/// The token of the waker of a loop.
pub(crate) const WAKER: mio::Token = mio::Token(usize::MAX);
/// The tokens of listeners count down from here. No connection has an index this high.
const FIRST_LISTENER: usize = usize::MAX - 1;
/// Listeners that a loop may have: as many as there are tokens for them.
const MAX_LISTENERS: usize = 4096;
const SHIFT: u32 = usize::BITS / 2;
const EVENTS_PER_POLL: usize = 1024;
/// Entries that one search for a passed deadline looks at.
const LOOKS_PER_EXPIRY: usize = 1024;

pub(super) fn event_token(token: Token) -> mio::Token {
    mio::Token(((token.generation as usize) << SHIFT) | token.index as usize)
}

pub(super) fn listener_token(index: usize) -> mio::Token {
    mio::Token(FIRST_LISTENER - index)
}

pub(super) fn listener_index(token: mio::Token) -> Option<usize> {
    (token != WAKER).then(|| FIRST_LISTENER.wrapping_sub(token.0)).filter(|&index| index < MAX_LISTENERS)
}

pub(super) fn connection_token(token: mio::Token) -> Option<Token> {
    if token.0 > FIRST_LISTENER - MAX_LISTENERS {
        return None;
    }
    Some(Token {
        generation: u32::try_from(token.0 >> SHIFT).ok()?,
        index: u32::try_from(token.0 & ((1 << SHIFT) - 1)).ok()?,
    })
}
