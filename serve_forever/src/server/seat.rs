//! A running job's place: what it must do before it waits, so that its loop does not wait with it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::sys::Interest;
use crate::transport::Transport;

use super::client_waits::ClientWaits;
use super::handover::state::Job;
use super::throughput::Throughput;

/// Given to every run. Shared by all that the run hands out (`rfile`, `wfile`), which may be used by several
/// threads at once.
pub(crate) struct Seat<'a> {
    /// Whose loop it is; none in a test without sockets.
    helm: Option<Handle<'a>>,
    index: usize,
    /// The job that still holds up its loop unless it lets go; none on a spare thread.
    job: Option<Job>,
    released: AtomicBool,
    deregistered: AtomicBool,
}

enum Handle<'a> {
    Borrowed(&'a dyn Helm),
    Owned(Arc<dyn Helm>),
}

/// Somebody who can give a loop to another driver.
pub(crate) trait Helm: Send + Sync {
    /// Gives the loop `index` away if `job` still holds it. False: it still does, as there is no thread to drive
    /// it.
    fn release(&self, index: usize, job: Job) -> bool;

    /// Where the sockets of the loop `index` are registered.
    fn registry(&self, index: usize) -> &mio::Registry;

    /// The handlers that wait for their client, and how long one of them waits before it looks
    /// whether its thread is to go to others.
    fn client_waits(&self) -> (&ClientWaits, Duration);

    /// The same, to keep.
    fn shared(&self) -> Option<Arc<dyn Helm>>;
}

impl<'a> Seat<'a> {
    /// On the driver of a loop itself.
    pub(crate) fn inline(helm: &'a dyn Helm, index: usize, job: Job) -> Self {
        Self::new(Some(Handle::Borrowed(helm)), index, Some(job))
    }

    /// On a spare thread.
    pub(crate) fn detached(helm: &'a dyn Helm, index: usize) -> Self {
        Self::new(Some(Handle::Borrowed(helm)), index, None)
    }

    /// Without any loop.
    pub(crate) fn alone() -> Self {
        Self::new(None, 0, None)
    }

    fn new(helm: Option<Handle<'a>>, index: usize, job: Option<Job>) -> Self {
        Self {
            helm,
            index,
            job,
            released: AtomicBool::new(job.is_none()),
            deregistered: AtomicBool::new(false),
        }
    }

    /// The same seat, to keep. From now on only the new one is to be used; see [`Seat::resume`].
    pub(crate) fn to_owned(&self) -> Seat<'static> {
        let seat = Seat::new(self.helm().and_then(Helm::shared).map(Handle::Owned), self.index, self.job);
        seat.released.store(self.released.load(Ordering::SeqCst), Ordering::SeqCst);
        seat.deregistered.store(self.is_deregistered(), Ordering::SeqCst);
        seat
    }

    /// What happened on `other`, an owned copy of this seat, counts as if it had happened on this one.
    pub(crate) fn resume(&self, other: &Seat<'_>) {
        self.released.store(other.released.load(Ordering::SeqCst), Ordering::SeqCst);
        self.deregistered.store(other.is_deregistered(), Ordering::SeqCst);
    }

    /// Whether this run holds no loop up (as far as it knows itself: the monitor does not tell).
    pub(crate) fn is_released(&self) -> bool {
        self.released.load(Ordering::Relaxed)
    }

    /// Gives the loop away, if this run holds one. To be called before anything that may block.
    ///
    /// False: there is no thread to take it, and the wait must be short and this called again.
    pub(crate) fn release(&self) -> bool {
        if self.released.load(Ordering::Relaxed) {
            return true;
        }
        let (Some(helm), Some(job)) = (self.helm(), self.job) else { return true };
        let released = helm.release(self.index, job);
        if released {
            self.released.store(true, Ordering::Relaxed);
        }
        released
    }

    /// Blocks until the transport is ready or the deadline is over (then false), with the loop given away and
    /// the socket out of its poller.
    pub(crate) fn wait(
        &self,
        transport: &Transport,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> io::Result<bool> {
        loop {
            let released = self.release();
            // While a thread waits for the socket itself, events for the loop would only wake it for nothing.
            if let Some(helm) = self.helm()
                && let Some(socket) = transport.socket()
                && !self.deregistered.swap(true, Ordering::SeqCst)
            {
                socket.deregister(helm.registry(self.index))?;
            }
            if released {
                return transport.wait(interest, deadline);
            }
            let slice = Instant::now() + RETRY;
            if transport.wait(interest, Some(deadline.map_or(slice, |deadline| deadline.min(slice))))? {
                return Ok(true);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(false);
            }
        }
    }

    /// Like [`Seat::wait`], for a client that has been so fast. `None`: another request needs the
    /// thread, and other clients are faster.
    pub(crate) fn wait_for_client(
        &self,
        transport: &Transport,
        interest: Interest,
        deadline: Option<Instant>,
        throughput: Throughput,
    ) -> io::Result<Option<bool>> {
        let Some(helm) = self.helm() else {
            return self.wait(transport, interest, deadline).map(Some);
        };
        let (waits, slice) = helm.client_waits();
        let entered = waits.enter(transport.client().ip(), throughput);
        loop {
            let until = Instant::now() + slice;
            let until = deadline.map_or(until, |deadline| deadline.min(until));
            let ready = self.wait(transport, interest, Some(until))?;
            if entered.is_evicted() {
                return Ok(None);
            }
            if ready || Some(until) == deadline {
                return Ok(Some(ready));
            }
        }
    }

    /// Somebody else took the socket out of the poller, and it must go back.
    pub(crate) fn note_deregistered(&self) {
        self.deregistered.store(true, Ordering::SeqCst);
    }

    /// Whoever has the connection now took that over.
    pub(crate) fn leave_registration(&self) {
        self.deregistered.store(false, Ordering::SeqCst);
    }

    /// Whether the socket was taken out of the poller and must go back.
    pub(crate) fn is_deregistered(&self) -> bool {
        self.deregistered.load(Ordering::SeqCst)
    }

    fn helm(&self) -> Option<&dyn Helm> {
        match self.helm.as_ref()? {
            Handle::Borrowed(helm) => Some(*helm),
            Handle::Owned(helm) => Some(&**helm),
        }
    }
}

impl fmt::Debug for Seat<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("job", &self.job)
            .field("released", &self.released)
            .finish_non_exhaustive()
    }
}

/// How long a job that cannot give its loop away waits before it tries again.
const RETRY: Duration = Duration::from_millis(10);
