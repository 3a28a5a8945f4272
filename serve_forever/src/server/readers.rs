//! Connections that wait until their clients take a part of a response or send the rest of a
//! request, and the order in which they are cut when connections, descriptors or memory run short.
//!
//! A client that pauses does no harm while there is room. When there is none, the address that uses
//! most of what ran short loses a connection first: the one that moved the fewest bytes in the last
//! minute.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::sync::lock;

use super::handover::slots::Token;
use super::unsent::Load;

/// The readers of all loops.
#[derive(Debug)]
pub(crate) struct Readers {
    /// Each loop has a lock of its own, so that only a search for victims makes one loop wait for
    /// another.
    loops: Box<[Mutex<Known>]>,
    plan: Mutex<Plan>,
    /// Bytes of victims that are chosen but not cut yet.
    promised: AtomicUsize,
    /// How often a search looked at all readers.
    #[cfg(test)]
    scans: AtomicUsize,
}

/// The readers of one loop.
#[derive(Debug, Default)]
struct Known {
    readers: HashMap<Token, Reader>,
    /// Bytes that these readers hold in memory, without those that are to be cut. If they fit into
    /// the limit, no search is needed.
    held: usize,
}

/// A connection that waits for its client, or did a moment ago.
#[derive(Clone, Copy, Debug)]
struct Reader {
    address: Option<IpAddr>,
    held: usize,
    sent: u64,
    /// When bytes last moved.
    moved_at: Instant,
    /// Bytes of the last step. The system reports progress in steps, each in one or several pieces.
    step: u64,
    minute: Minute,
    /// Bytes have moved after those that the system took of the response at first.
    has_stepped: bool,
    in_steps: bool,
    /// The connection is to be cut, unless bytes move before that.
    is_doomed: bool,
    /// A job has the connection, or it waits for a thread. Its client cannot take anything
    /// meanwhile, and it cannot be cut for a new connection.
    is_away: bool,
}

/// Counts the bytes of the last minute: those of the present minute, and a part of those of the
/// minute before.
#[derive(Clone, Copy, Debug)]
struct Minute {
    since: Instant,
    moved: u64,
    before: u64,
}

/// Victims in their order, as found a moment ago.
#[derive(Debug, Default)]
struct Plan {
    victims: VecDeque<(Victim, Instant)>,
    made: Option<Instant>,
    /// No reader had stood still when the last plan was made.
    is_vain: bool,
}

/// A connection that is to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Victim {
    /// The loop of the connection.
    pub(crate) index: usize,
    pub(crate) token: Token,
    /// Bytes in memory that cutting it frees.
    pub(crate) held: usize,
}

/// The owner that a connection counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Owner {
    Address(IpAddr),
    /// The connection counts for itself, because it has no address, or one that many clients share.
    Itself(usize, Token),
}

/// A reader in the ranking of its owner.
#[derive(Clone, Copy, Debug)]
struct Ranked {
    victim: Victim,
    still: Duration,
    /// The bytes that the system took of its response at first may still be on their way.
    is_patient: bool,
    moved: u64,
    moved_at: Instant,
}

impl Ranked {
    /// Of the readers of an owner, the one with the smallest key is cut first.
    fn order(&self) -> (bool, u64, Instant) {
        (self.is_new(), self.moved, self.moved_at)
    }

    /// Whether it has stood still for too short a time.
    fn is_new(&self) -> bool {
        self.still < STALLED / 2
    }
}

impl Readers {
    pub(crate) fn new(loops: usize) -> Self {
        Self {
            loops: (0..loops).map(|_| Mutex::default()).collect(),
            plan: Mutex::default(),
            promised: AtomicUsize::new(0),
            #[cfg(test)]
            scans: AtomicUsize::new(0),
        }
    }

    /// Notes that a connection of the loop `index` waits for its client. It counts for `address`,
    /// or for itself if that is `None`.
    pub(crate) fn note(&self, index: usize, token: Token, address: Option<IpAddr>, load: Load, now: Instant) {
        let mut known = lock(&self.loops[index]);
        let Known { readers, held } = &mut *known;
        let reader = readers.entry(token).or_insert_with(|| Reader {
            address,
            held: 0,
            sent: 0,
            moved_at: now,
            step: 0,
            minute: Minute { since: now, moved: 0, before: 0 },
            has_stepped: false,
            in_steps: load.in_steps,
            is_doomed: false,
            is_away: false,
        });
        let moved = load.sent.checked_sub(reader.sent).unwrap_or(load.sent);
        if moved > 0 {
            // The first bytes of a response are those that the system had room for. The client has
            // taken none of them yet.
            let goes_further = reader.sent > 0 && load.sent > reader.sent;
            let is_step = goes_further && load.in_steps;
            let goes_on = now.saturating_duration_since(reader.moved_at) < BETWEEN_PIECES;
            reader.step = match (is_step, goes_on) {
                (true, true) => reader.step + moved,
                (true, false) => moved,
                (false, _) => 0,
            };
            reader.moved_at = now;
            reader.has_stepped |= goes_further;
            reader.minute.add(moved, now);
        }
        *held = *held - reader.counted() + load.held;
        (reader.sent, reader.held, reader.in_steps) = (load.sent, load.held, load.in_steps);
        (reader.is_doomed, reader.is_away) = (false, false);
    }

    /// Notes that the connection does not wait for its client until it is [noted](Self::note)
    /// again.
    pub(crate) fn note_away(&self, index: usize, token: Token) {
        if let Some(reader) = lock(&self.loops[index]).readers.get_mut(&token) {
            reader.is_away = true;
        }
    }

    /// Notes that the connection goes on to another request or response and holds nothing
    /// meanwhile. Its history stays: a client that always begins the next request and so is never
    /// idle must not look like one that moves.
    pub(crate) fn keep(&self, index: usize, token: Token) {
        let mut known = lock(&self.loops[index]);
        let Known { readers, held } = &mut *known;
        if let Some(reader) = readers.get_mut(&token) {
            *held -= reader.counted();
            (reader.held, reader.is_doomed) = (0, false);
        }
    }

    /// Removes a connection that does not wait any longer or is closed.
    pub(crate) fn forget(&self, index: usize, token: Token) {
        let mut known = lock(&self.loops[index]);
        if let Some(reader) = known.readers.remove(&token) {
            known.held -= reader.counted();
        }
    }

    /// Returns the next connection to be cut for a new one, as soon as one has stood still for
    /// [`STALLED`]. It is chosen among all that have stood still for half of that time. Otherwise
    /// the first connection to reach that time would be cut, and not the one with the worst rank.
    pub(crate) fn next_stalled(&self, now: Instant) -> Option<Victim> {
        let mut plan = lock(&self.plan);
        let age = |plan: &Plan| plan.made.map(|made| now.saturating_duration_since(made));
        if plan.is_vain && age(&plan).is_some_and(|age| age < VAIN_HOLDS) {
            return None;
        }
        loop {
            // The connections of the plan may have moved bytes since, or be closed.
            while age(&plan).is_some_and(|age| age < PLAN_HOLDS)
                && let Some((victim, moved_at)) = plan.victims.pop_front()
            {
                let known = lock(&self.loops[victim.index]);
                let reader = known.readers.get(&victim.token);
                if reader.is_some_and(|reader| reader.moved_at == moved_at && !reader.is_away) {
                    return Some(victim);
                }
            }
            // A reader whose client has moved nothing counts for its address from the beginning.
            // Otherwise clients that connect again and again would never count.
            let mut shares = self.shares(now, |reader| {
                let has_moved = reader.has_stepped && reader.minute.moved(now) > 0;
                !reader.is_away && (reader.still(now) >= STALLED / 2 || !has_moved)
            });
            // The only connection of an address gets the time that its first step needs: the system
            // took megabytes at once, and reports the first progress only after seconds.
            let has_stalled = |shares: &HashMap<Owner, Vec<Ranked>>| {
                shares.values().flatten().any(|ranked| ranked.still >= STALLED)
            };
            let mut is_due = has_stalled(&shares);
            shares.retain(|_, share| !matches!(share[..], [only] if only.is_patient));
            let most = shares.values().map(Vec::len).max().unwrap_or(0);
            // If each address has only one connection, none is cut that has just begun.
            is_due &= most > 1 || has_stalled(&shares);
            if !is_due {
                shares.clear();
            }
            // Clients that connect again and again replace cut connections at once. A plan that
            // included the owners of few connections would cut those instead of the new ones.
            let mut victims = rank(shares, |_| 1)
                .take_while(|(share, _)| *share > most / 2)
                .map(|(_, ranked)| ranked)
                .take(PLANNED)
                .peekable();
            let is_first_new = victims.peek().is_some_and(Ranked::is_new);
            plan.victims = victims
                .take_while(|ranked| ranked.is_new() == is_first_new)
                .map(|ranked| (ranked.victim, ranked.moved_at))
                .collect();
            plan.made = Some(now);
            plan.is_vain = plan.victims.is_empty();
            if plan.is_vain {
                return None;
            }
        }
    }

    /// Returns the connections to be cut so that at most `most` bytes wait in memory. Their bytes
    /// are promised from now on. Only one loop at a time chooses, or several would choose for the
    /// same need.
    ///
    /// Only the connections that are known here count. Others may be charged already while they are
    /// still on their way back to their loops. If the known ones had to pay for those, clients that
    /// hold little would be cut. In that case this is called after every turn that ends in waiting,
    /// but does not search.
    pub(crate) fn relieve(&self, most: usize, now: Instant) -> Vec<Victim> {
        let _one_at_a_time = lock(&self.plan);
        let together: usize = self.loops.iter().map(|known| lock(known).held).sum();
        if together <= most {
            return Vec::new();
        }
        let shares = self.shares(now, |reader| reader.counted() > 0);
        // A little more is freed, so that the next byte does not begin another search.
        let mut left = together - most + most / SPARE_PART;
        let victims: Vec<Victim> = rank(shares, |victim| victim.held)
            .map_while(|(_, Ranked { victim, .. })| {
                let wanted = left > 0;
                left = left.saturating_sub(victim.held);
                wanted.then_some(victim)
            })
            .collect();
        for victim in &victims {
            let mut known = lock(&self.loops[victim.index]);
            let Known { readers, held } = &mut *known;
            if let Some(reader) = readers.get_mut(&victim.token) {
                *held -= reader.counted();
                reader.is_doomed = true;
            }
            self.promised.fetch_add(victim.held, Ordering::Relaxed);
        }
        victims
    }

    /// Returns how many bytes are about to be freed.
    pub(crate) fn promised(&self) -> usize {
        self.promised.load(Ordering::Relaxed)
    }

    /// Takes the promise of a victim back, which was cut or goes on.
    pub(crate) fn keep_promise(&self, bytes: usize) {
        self.promised.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the readers that count, by owner.
    fn shares(&self, now: Instant, mut counts: impl FnMut(&Reader) -> bool) -> HashMap<Owner, Vec<Ranked>> {
        #[cfg(test)]
        self.scans.fetch_add(1, Ordering::Relaxed);
        let mut shares: HashMap<Owner, Vec<Ranked>> = HashMap::new();
        for (index, known) in self.loops.iter().enumerate() {
            for (&token, reader) in &lock(known).readers {
                if !counts(reader) {
                    continue;
                }
                let owner = reader.address.map_or(Owner::Itself(index, token), Owner::Address);
                let victim = Victim { index, token, held: reader.held };
                let (moved, moved_at) = (reader.minute.moved(now), reader.moved_at);
                let (still, is_patient) = (reader.still(now), reader.is_patient(now));
                shares.entry(owner).or_default().push(Ranked { victim, still, is_patient, moved, moved_at });
            }
        }
        shares
    }
}

/// Returns the victims in their order, each with the share of its owner at that time. The next
/// victim is always the first in the ranking of the owner with the greatest share of what is left,
/// measured by `weight`. If owners have equal shares, their first readers are compared.
fn rank(
    mut shares: HashMap<Owner, Vec<Ranked>>,
    weight: impl Fn(&Victim) -> usize,
) -> impl Iterator<Item = (usize, Ranked)> {
    let mut heap = BinaryHeap::new();
    for (&owner, share) in &mut shares {
        // The last one of a share is cut first.
        share.sort_unstable_by_key(|ranked| Reverse(ranked.order()));
        let total: usize = share.iter().map(|ranked| weight(&ranked.victim)).sum();
        heap.extend(share.last().map(|next| (total, Reverse(next.order()), owner)));
    }
    std::iter::from_fn(move || {
        let (total, _, owner) = heap.pop()?;
        let share = shares.get_mut(&owner)?;
        let ranked = share.pop()?;
        let left = total - weight(&ranked.victim);
        heap.extend(share.last().map(|next| (left, Reverse(next.order()), owner)));
        Some((total, ranked))
    })
}

impl Reader {
    /// The part of [`Known::held`] that belongs to this reader.
    fn counted(&self) -> usize {
        if self.is_doomed { 0 } else { self.held }
    }

    /// How long its client has stood still, beyond the time that the last step takes at [`STEADY`].
    fn still(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.moved_at + time_of_step(self.step))
    }

    /// Whether a client at [`STEADY`] could still be taking what the system took of a response at
    /// first.
    fn is_patient(&self, now: Instant) -> bool {
        self.in_steps && !self.has_stepped && now < self.moved_at + time_of_step(self.sent)
    }
}

/// How long a client at [`STEADY`] needs for so many bytes.
fn time_of_step(bytes: u64) -> Duration {
    Duration::from_millis(bytes.saturating_mul(1000) / STEADY).min(LONGEST_STEP)
}

impl Minute {
    fn add(&mut self, moved: u64, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age >= MINUTE {
            self.before = if age < 2 * MINUTE { self.moved } else { 0 };
            (self.since, self.moved) = (now, 0);
        }
        self.moved = self.moved.saturating_add(moved);
    }

    fn moved(&self, now: Instant) -> u64 {
        let age = now.saturating_duration_since(self.since);
        let part = |moved: u64, of: Duration| {
            let left = MINUTE.saturating_sub(of);
            (u128::from(moved) * left.as_millis() / MINUTE.as_millis()) as u64
        };
        match age.checked_sub(MINUTE) {
            None => self.moved.saturating_add(part(self.before, age)),
            Some(since_its_end) => part(self.moved, since_its_end),
        }
    }
}

/// How long a connection must have stood still before it is cut for a new one. The network causes
/// shorter pauses.
const STALLED: Duration = Duration::from_secs(1);
/// The rate in bytes per second that a client is assumed to have between two steps.
const STEADY: u64 = 64 * 1024;
/// The longest time between two pieces of one step.
const BETWEEN_PIECES: Duration = Duration::from_millis(200);
/// The longest time for a step.
const LONGEST_STEP: Duration = Duration::from_secs(20);
/// How long a plan of victims holds. If every victim needed a search, clients that connect often
/// could keep a processor busy.
const PLAN_HOLDS: Duration = Duration::from_secs(1);
/// How long a search without a result holds.
const VAIN_HOLDS: Duration = Duration::from_millis(100);
/// When memory runs short, this fraction of the limit is freed in addition.
const SPARE_PART: usize = 16;
/// Victims in a plan.
const PLANNED: usize = 256;
/// The time for which the moved bytes of a connection are counted.
const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    fn token(index: u32) -> Token {
        Token { index, generation: 0 }
    }

    fn load(sent: u64, held: usize) -> Load {
        Load { sent, held, in_steps: true }
    }

    fn stalled(readers: &Readers, now: Instant) -> Vec<(usize, u32)> {
        std::iter::from_fn(|| {
            let victim = readers.next_stalled(now)?;
            readers.forget(victim.index, victim.token);
            Some((victim.index, victim.token.index))
        })
        .collect()
    }

    #[test]
    fn the_address_with_most_connections_loses_first_and_of_these_the_one_that_moved_least() {
        let readers = Readers::new(2);
        let start = Instant::now();
        readers.note(0, token(1), Some(address(1)), load(1, 0), start);
        for (index, sent) in [(2, 50), (3, 10), (4, 70)] {
            readers.note(index as usize % 2, token(index), Some(address(2)), load(sent, 0), start);
        }
        assert_eq!(stalled(&readers, start + SECOND), [(1, 3), (0, 2), (0, 1), (0, 4)]);
        assert!(readers.next_stalled(start + SECOND).is_none());
    }

    #[test]
    fn who_moved_a_moment_ago_is_spared() {
        let readers = Readers::new(1);
        let start = Instant::now();
        for index in [1, 2] {
            readers.note(0, token(index), Some(address(1)), load(5, 0), start);
        }
        readers.note(0, token(2), Some(address(1)), load(6, 0), start + SECOND);
        assert_eq!(stalled(&readers, start + SECOND), [(0, 1)]);
    }

    #[test]
    fn between_two_steps_of_the_system_a_client_does_not_stand_still() {
        let readers = Readers::new(1);
        let start = Instant::now();
        let at = |seconds| start + seconds * SECOND;
        let stands = |seconds| readers.next_stalled(at(seconds)).is_some();
        let note = |sent, seconds| readers.note(0, token(1), Some(address(1)), load(sent, 0), at(seconds));
        // The first megabytes are in the buffers of the system.
        note(4_000_000, 0);
        assert!(!stands(1));
        readers.note(0, token(2), Some(address(1)), load(4_000_000, 0), start);
        assert!(stands(2));
        readers.forget(0, token(2));
        // 2 s at 100 KiB/s.
        note(4_000_000 + 200 * 1024, 2);
        assert!(!stands(4));
        note(4_000_000 + 400 * 1024, 4);
        assert!(!stands(6));
        assert!(stands(9));
        // The first bytes of the next response are in the buffers again.
        note(3_000_000, 10);
        assert!(stands(11));
    }

    /// The bytes of a body arrive when the client sends them, without steps of the system.
    #[test]
    fn a_body_stands_still_when_nothing_arrives() {
        let readers = Readers::new(1);
        let start = Instant::now();
        for (sent, seconds) in [(4096, 0), (900_000, 1)] {
            let load = Load { sent, held: 0, in_steps: false };
            readers.note(0, token(1), Some(address(1)), load, start + seconds * SECOND);
        }
        assert!(readers.next_stalled(start + SECOND * 3 / 2).is_none());
        assert!(readers.next_stalled(start + 2 * SECOND).is_some());
    }

    #[test]
    fn the_pieces_of_a_step_count_together() {
        let readers = Readers::new(1);
        let start = Instant::now();
        let note = |sent, millis| {
            readers.note(0, token(1), Some(address(1)), load(sent, 0), start + Duration::from_millis(millis));
        };
        note(1_000_000, 0);
        // 4 s at 64 KiB/s.
        for piece in 1..=4 {
            note(1_000_000 + piece * 64 * 1024, 2000 + piece * 100);
        }
        assert!(readers.next_stalled(start + 7 * SECOND).is_none());
        assert!(readers.next_stalled(start + 8 * SECOND).is_some());
    }

    #[test]
    fn an_address_that_connects_again_and_again_goes_before_one_that_stands_still() {
        let readers = Readers::new(1);
        let start = Instant::now();
        // A reader between two steps that the system does not report.
        readers.note(0, token(1), Some(address(1)), load(1_000_000, 0), start);
        let now = start + 2 * SECOND;
        for index in 2..=4 {
            readers.note(0, token(index), Some(address(2)), load(0, 0), now);
        }
        // A connection that has just begun, of another address.
        readers.note(0, token(5), Some(address(3)), load(0, 0), now);
        let first = readers.next_stalled(now).expect("a victim");
        assert!((2..=4).contains(&first.token.index), "{first:?}");
        // They are closed, and new ones of the same address take their place. The plan must not go
        // on to the other addresses.
        for index in 2..=4 {
            readers.forget(0, token(index));
            readers.note(0, token(index + 10), Some(address(2)), load(0, 0), now);
        }
        assert!((12..=14).contains(&readers.next_stalled(now).expect("a victim").token.index));
        for index in 12..=14 {
            readers.forget(0, token(index));
        }
        // Without them, neither a connection that has just begun is cut nor one before its second
        // step.
        assert_eq!(stalled(&readers, now), []);
        assert_eq!(stalled(&readers, start + 20 * SECOND), [(0, 5), (0, 1)]);
    }

    /// The system takes megabytes of each response at once, and reports the next step of a steady
    /// reader only after seconds.
    #[test]
    fn an_address_that_stalls_and_connects_again_does_not_cut_a_reader_before_its_second_step() {
        const FILL: u64 = 4_000_000;
        let readers = Readers::new(2);
        let start = Instant::now();
        readers.note(0, token(0), Some(address(1)), load(FILL, 0), start);
        for index in 1..50_u8 {
            let begun = start + u32::from(index % 20) * SECOND / 20;
            readers.note(index as usize % 2, token(index.into()), Some(address(2)), load(FILL, 0), begun);
        }
        for cut in 0..500 {
            let now = start + SECOND + cut * SECOND / 100;
            let Some(Victim { index, token: victim, .. }) = readers.next_stalled(now) else { continue };
            assert_ne!(victim, token(0), "after {cut} cuts");
            readers.forget(index, victim);
            readers.note(index, token(100 + cut), Some(address(2)), load(FILL, 0), now);
        }
        // Without the others, it gets the time for that step, and no more.
        for index in 0..1000 {
            readers.forget(0, token(index));
            readers.forget(1, token(index));
        }
        readers.note(0, token(0), Some(address(1)), load(FILL, 0), start);
        assert!(readers.next_stalled(start + 19 * SECOND).is_none());
        assert!(readers.next_stalled(start + 21 * SECOND).is_some());
    }

    #[test]
    fn who_goes_from_one_request_to_the_next_without_a_pause_has_not_moved() {
        let readers = Readers::new(1);
        let start = Instant::now();
        let half_a_head = |at| readers.note(0, token(1), Some(address(1)), load(0, 0), at);
        for tenth in 0..15 {
            half_a_head(start + tenth * SECOND / 10);
            readers.keep(0, token(1));
        }
        half_a_head(start + 15 * SECOND / 10);
        assert_eq!(stalled(&readers, start + 15 * SECOND / 10), [(0, 1)]);
    }

    #[test]
    fn who_moves_after_the_plan_was_made_is_passed_over() {
        let readers = Readers::new(1);
        let start = Instant::now();
        for index in [1, 2, 3] {
            readers.note(0, token(index), Some(address(1)), load(u64::from(index), 0), start);
        }
        let now = start + SECOND;
        assert_eq!(readers.next_stalled(now).map(|victim| victim.token), Some(token(1)));
        readers.forget(0, token(1));
        readers.note(0, token(2), Some(address(1)), load(9, 0), now);
        assert_eq!(stalled(&readers, now), [(0, 3)]);
    }

    #[test]
    fn who_is_with_a_job_or_waits_for_a_thread_is_not_named() {
        let readers = Readers::new(1);
        let start = Instant::now();
        for index in [1, 2, 3] {
            readers.note(0, token(index), Some(address(1)), load(u64::from(index), 0), start);
        }
        readers.note_away(0, token(1));
        let now = start + SECOND;
        assert_eq!(readers.next_stalled(now).map(|victim| victim.token), Some(token(2)));
        // It stops waiting for its client after the plan was made.
        readers.note_away(0, token(3));
        readers.forget(0, token(2));
        assert!(readers.next_stalled(now).is_none());
        // A connection that comes back is a reader like the others.
        readers.note(0, token(1), Some(address(1)), load(1, 0), now);
        assert_eq!(stalled(&readers, now + SECOND), [(0, 1)]);
    }

    #[test]
    fn searches_in_vain_do_not_look_at_all_readers() {
        let readers = Readers::new(2);
        let start = Instant::now();
        let scans = || readers.scans.load(Ordering::Relaxed);
        for index in 1..=10 {
            readers.note(index as usize % 2, token(index), Some(address(1)), load(0, 10), start);
        }
        for _ in 0..100 {
            assert!(readers.relieve(100, start).is_empty());
        }
        assert_eq!(scans(), 0);
        assert_eq!(readers.relieve(99, start).len(), 1);
        assert!(readers.relieve(90, start).is_empty());
        assert_eq!(scans(), 1);
        // No reader has stood still for long enough. This result holds for a moment.
        for _ in 0..100 {
            assert!(readers.next_stalled(start).is_none());
        }
        assert_eq!(scans(), 2);
    }

    #[test]
    fn what_is_held_is_counted_through_all_that_may_become_of_a_reader() {
        let readers = Readers::new(1);
        let start = Instant::now();
        let note = |index, held| readers.note(0, token(index), None, load(0, held), start);
        let held = || lock(&readers.loops[0]).held;
        note(1, 100);
        note(2, 10);
        note(1, 70);
        assert_eq!(held(), 80);
        assert_eq!(readers.relieve(20, start).len(), 1);
        assert_eq!(held(), 10);
        // It is not cut after all, and is chosen again.
        note(1, 50);
        assert_eq!(held(), 60);
        assert_eq!(readers.relieve(20, start).len(), 1);
        readers.keep(0, token(1));
        assert_eq!(held(), 10);
        note(1, 50);
        assert_eq!(readers.relieve(20, start).len(), 1);
        readers.forget(0, token(1));
        assert_eq!(held(), 10);
        readers.forget(0, token(2));
        readers.forget(0, token(3));
        assert_eq!(held(), 0);
    }

    #[test]
    fn connections_without_an_address_of_their_own_stand_for_themselves() {
        let readers = Readers::new(1);
        let start = Instant::now();
        for index in 1..10 {
            readers.note(0, token(index), None, load(0, 0), start);
        }
        for index in [20, 21] {
            readers.note(0, token(index), Some(address(1)), load(1000 + u64::from(index), 0), start);
        }
        assert_eq!(readers.next_stalled(start + SECOND).map(|victim| victim.token), Some(token(20)));
    }

    #[test]
    fn for_memory_the_address_that_holds_most_loses_first() {
        let readers = Readers::new(1);
        let start = Instant::now();
        for index in 1..=20 {
            readers.note(0, token(index), Some(address(1)), load(0, 10), start);
        }
        readers.note(0, token(21), Some(address(1)), load(0, 0), start);
        for index in [30, 31] {
            readers.note(0, token(index), Some(address(2)), load(5, 500), start);
        }
        // One address holds 200 bytes and the other 1000.
        let victims = |most| -> Vec<u32> {
            readers.relieve(most, start).iter().map(|victim| victim.token.index).collect()
        };
        assert!(victims(1200).is_empty());
        assert_eq!(victims(1190).len(), 1);
        assert_eq!(readers.promised(), 500);
        // These bytes will be freed, so no further connection is chosen for them.
        assert!(victims(700).is_empty());
        let others = victims(100);
        assert_eq!((others[0] / 30, others.len()), (1, 12));
        assert_eq!(readers.promised(), 1110);
        readers.keep_promise(500);
        assert_eq!(victims(0).len(), 9);
        assert_eq!(readers.promised(), 700);
    }

    #[test]
    fn what_moved_is_forgotten_after_a_minute() {
        let start = Instant::now();
        let mut minute = Minute { since: start, moved: 0, before: 0 };
        minute.add(600, start);
        assert_eq!(minute.moved(start + 59 * SECOND), 600);
        assert_eq!(minute.moved(start + 90 * SECOND), 300);
        assert_eq!(minute.moved(start + 121 * SECOND), 0);
        minute.add(60, start + 60 * SECOND);
        assert_eq!(minute.moved(start + 60 * SECOND), 660);
        assert_eq!(minute.moved(start + 90 * SECOND), 360);
        minute.add(1, start + 300 * SECOND);
        assert_eq!(minute.moved(start + 300 * SECOND), 1);
    }
}
