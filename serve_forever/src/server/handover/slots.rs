//! The connections of a loop, in their slots or out with a job.

/// A table of slots. A slot that is used again gets another generation, so that a token of its
/// former connection finds nothing.
#[derive(Debug)]
pub(crate) struct Slots<C, X> {
    entries: Vec<Entry<C, X>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Entry<C, X> {
    generation: u32,
    slot: Option<Slot<C, X>>,
}

/// The slot of one connection. `C` goes out with a job, and `X` stays.
#[derive(Debug)]
pub(crate) struct Slot<C, X> {
    place: Option<C>,
    readiness: Readiness,
    wants: Wants,
    queued: bool,
    /// A turn was asked for and has not begun.
    woken: bool,
    pub(crate) stays: X,
}

/// Names a slot and its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Token {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// What the system has reported about a socket since it was last read or written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// The client closed its side or the connection broke. No further edge will come, so a short
    /// read does not mean that everything was read.
    pub(crate) end: bool,
    /// The connection broke, so writing will not block either. If only the client has finished
    /// sending, writing may still block.
    pub(crate) broken: bool,
}

/// What a connection in its slot waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Readiness {
    /// Notes that bytes were received. `more`: further ones may be there.
    pub(crate) fn received(&mut self, more: bool) {
        self.read = more || self.end;
    }

    /// Notes that nothing more is there to be received.
    pub(crate) fn drained(&mut self) {
        (self.read, self.end) = (false, false);
    }
}

impl<C, X> Slot<C, X> {
    /// Notes that the socket became ready. Returns true if the token must be queued.
    ///
    /// While the connection is out, this is only remembered. [`Slot::put_back`] looks at it.
    #[must_use]
    pub(crate) fn event(&mut self, seen: Readiness) -> bool {
        self.readiness.read |= seen.read;
        self.readiness.write |= seen.write;
        self.readiness.end |= seen.end;
        self.readiness.broken |= seen.broken;
        self.place.is_some() && self.is_wanted() && self.queue()
    }

    /// Marks the token as queued. Returns true if it was not queued yet.
    #[must_use]
    pub(crate) fn queue(&mut self) -> bool {
        !std::mem::replace(&mut self.queued, true)
    }

    /// Asks for a turn of the connection, whatever the state of its socket. Returns true if the
    /// token must be queued.
    ///
    /// While the connection is out, this is only remembered, as an event is.
    #[must_use]
    pub(crate) fn wake(&mut self) -> bool {
        self.woken = true;
        self.place.is_some() && self.queue()
    }

    /// Takes the connection out for its turn, with what is known about its socket.
    ///
    /// Readiness to write is forgotten. A connection tries to write before it waits, and if it has
    /// to wait, an edge will tell when there is room. If the readiness were kept, each wait would
    /// end at once.
    pub(crate) fn take(&mut self) -> Option<(C, Readiness)> {
        self.queued = false;
        let connection = self.place.take()?;
        self.woken = false;
        self.readiness.write = false;
        Some((connection, self.readiness))
    }

    /// Takes the connection out between two turns. It stays queued if it was.
    pub(crate) fn recall(&mut self) -> Option<C> {
        // Readiness to write is forgotten, as for a turn.
        self.readiness.write = false;
        self.place.take()
    }

    /// Puts the connection back, which waits for `wants`. Returns true if that has come meanwhile,
    /// so that the token must be queued.
    #[must_use]
    pub(crate) fn put_back(&mut self, connection: C, wants: Wants) -> bool {
        self.place = Some(connection);
        self.wants = wants;
        self.is_wanted() && self.queue()
    }

    /// Returns the connection if it is in its slot.
    pub(crate) fn connection(&mut self) -> Option<&mut C> {
        self.place.as_mut()
    }

    /// Returns what is known about the socket. The driver updates it as it reads and writes.
    pub(crate) fn readiness(&mut self) -> &mut Readiness {
        &mut self.readiness
    }

    /// Whether a job has the connection.
    pub(crate) fn is_out(&self) -> bool {
        self.place.is_none()
    }

    /// Whether the connection waits for its client, and that has not ended yet.
    pub(crate) fn is_held_up(&self) -> bool {
        self.place.is_some() && (self.wants.read || self.wants.write) && !self.queued
    }

    fn is_wanted(&self) -> bool {
        self.woken
            || (self.wants.read && (self.readiness.read || self.readiness.end || self.readiness.broken))
            || (self.wants.write && (self.readiness.write || self.readiness.broken))
    }
}

impl<C, X> Slots<C, X> {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }

    /// Makes a slot for a new connection, which waits for nothing yet.
    pub(crate) fn insert(&mut self, connection: C, stays: X) -> Token {
        let slot = Slot {
            place: Some(connection),
            readiness: Readiness::default(),
            wants: Wants::default(),
            queued: false,
            woken: false,
            stays,
        };
        if let Some(index) = self.free.pop() {
            let entry = &mut self.entries[index as usize];
            entry.slot = Some(slot);
            return Token { index, generation: entry.generation };
        }
        let index = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(Entry { generation: 0, slot: Some(slot) });
        Token { index, generation: 0 }
    }

    /// Returns the slot of `token`, if it still belongs to the same connection.
    pub(crate) fn get(&mut self, token: Token) -> Option<&mut Slot<C, X>> {
        let entry = self.entries.get_mut(token.index as usize)?;
        if entry.generation != token.generation {
            return None;
        }
        entry.slot.as_mut()
    }

    /// Frees the slot of `token`.
    pub(crate) fn remove(&mut self, token: Token) -> Option<Slot<C, X>> {
        let entry = self.entries.get_mut(token.index as usize)?;
        if entry.generation != token.generation {
            return None;
        }
        let slot = entry.slot.take()?;
        entry.generation = entry.generation.wrapping_add(1) & GENERATIONS;
        self.free.push(token.index);
        Some(slot)
    }

    /// Returns how many slots are in use.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Returns all slots in use.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Token, &mut Slot<C, X>)> {
        self.entries.iter_mut().enumerate().filter_map(|(index, entry)| {
            let token = Token { index: u32::try_from(index).ok()?, generation: entry.generation };
            Some((token, entry.slot.as_mut()?))
        })
    }
}

/// The number of generations. Index and generation share the machine word that the system keeps as
/// a token.
const GENERATIONS: u32 = if usize::BITS >= 64 { u32::MAX } else { 0xffff };
