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
    /// Mail that was collected and not read yet.
    pub(super) mail: std::vec::IntoIter<Mail<P>>,
    /// Connections that are to have their turn.
    pub(super) ready: VecDeque<Token>,
    /// So many of them have theirs in this round, after the one that has it now.
    pub(super) following: usize,
    /// Connections that hold what they have to send until those have had their turn.
    pub(super) holding: Vec<Token>,
    /// When the first of them began to.
    pub(super) held_since: Instant,
    /// Connections with a request that waits for a permit.
    pub(super) waiting: Line,
    /// Those that wait for a place to compute, likewise.
    pub(super) waiting_to_compute: VecDeque<Token>,
    /// Jobs on parts of connections that wait for a permit, and since when.
    pub(super) waiting_jobs: VecDeque<(PartJob<P>, Instant)>,
    /// So many of all three the statistics know of.
    pub(super) counted_waiting: usize,
    /// Where a turn leaves the jobs that it made.
    pub(super) new_jobs: Vec<P::Job>,
    /// Jobs on parts of connections that are to start, and whose they are.
    pub(super) jobs: VecDeque<PartJob<P>>,
    /// What the driver's own job has, for the driver who takes over.
    pub(super) current: Option<InHand>,
    /// Jobs on parts of connections that are under way.
    pub(super) jobs_out: usize,
    pub(super) stopping: Option<Stop>,
    /// The other loops know that this one has closed its listeners.
    pub(super) told_closed: bool,
    /// Something waits for a permit, and whoever gives one back knows.
    pub(super) is_waiting: bool,
    /// A permit may have been given back just before that was known.
    pub(super) look_again: bool,
    /// So many loops were asked to make room and have not answered yet.
    pub(super) room_asked: usize,
    /// One of them made some.
    pub(super) room_made: bool,
    /// What was asked is that a connection whose client has stopped reading be cut.
    pub(super) cut_asked: bool,
    /// Connections that wait for their clients and are to be cut.
    pub(super) cuts: Vec<Cut>,
    /// More bytes than may be wait in memory for clients.
    pub(super) is_over_budget: bool,
    pub(super) finished: bool,
    pub(super) now: Instant,
}

/// What of a connection stays in its slot while it is out.
#[derive(Debug)]
pub(super) struct Stays {
    /// So that it can be cut from outside.
    pub(super) transport: Arc<Transport>,
    pub(super) deadline: Deadline,
    pub(super) idleness: Idleness,
    /// It is not counted under any address yet: its peer is to say whom it speaks for.
    pub(super) unannounced: bool,
    /// It is counted as a holder of a permit under its address.
    pub(super) held: bool,
    /// It is out with a run that keeps it as a stream.
    pub(super) stream: bool,
    /// The last poll found bytes to read, and nobody has read since.
    pub(super) reported: bool,
    /// It waits for its client, or did when it last came back: the server knows of it.
    pub(super) is_reader: bool,
    /// It waits for a permit, or for a place to compute, for a run of this kind.
    pub(super) wants_permit: Option<Kind>,
}

/// What a job is at work on.
#[derive(Clone, Copy, Debug)]
pub(super) enum InHand {
    Connection(Token),
    /// A part of a connection: the connection itself is in its slot.
    Part,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    pub(super) deadline: Instant,
    /// So long those that wait to be accepted wait for room.
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

    /// The next connection whose deadline is over. Many that have moved theirs since are passed
    /// over in one go: they cost no more than a look, and a poll in between would cost more.
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

    /// The connection that has been idle for the longest time.
    pub(super) fn oldest_idle(&mut self) -> Option<(Instant, Token)> {
        let slots = &mut self.slots;
        self.idle.oldest(|token| slots.get(token).map(|slot| slot.stays.idleness.look()))
    }

    /// The connection holds what it has to send.
    pub(super) fn hold(&mut self, token: Token) {
        if self.holding.is_empty() {
            self.held_since = Instant::now();
        }
        self.holding.push(token);
    }

    /// Whether those that hold something are to wait no longer, although others have their turn after this. There were `before`
    /// such before this turn.
    pub(super) fn has_held_enough(&self, before: usize) -> bool {
        let held = self.holding.len();
        // Whoever held nothing may have been at a disk.
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

/// Connections that hold what they have to send, after which all of it goes out.
const MOST_HELD: usize = 32;
/// How long the first of them waits, if the others take so long; those that are under way, [`TURNS_PER_LOOK`] at the most, are
/// not broken off, unless the monitor takes the loop from them. Those that are in memory take a few microseconds each.
const LONGEST_HELD: Duration = Duration::from_micros(500);
/// Turns after which the clock is read for that.
const TURNS_PER_LOOK: usize = 4;
/// The token of the waker of a loop.
pub(crate) const WAKER: mio::Token = mio::Token(usize::MAX);
/// Tokens of listeners count down from here. No connection has such a high index.
const FIRST_LISTENER: usize = usize::MAX - 1;
/// Listeners a loop may have: as many as tokens are set aside for.
const MAX_LISTENERS: usize = 4096;
const SHIFT: u32 = usize::BITS / 2;
const EVENTS_PER_POLL: usize = 1024;
/// Entries of the deadlines that are looked at in search of one that is over.
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
