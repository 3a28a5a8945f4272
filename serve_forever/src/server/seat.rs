//! The seat of a running job: how it gives its loop away before it waits.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::sys::Interest;
use crate::transport::Transport;

use super::client_waits::ClientWaits;
use super::handover::state::JobId;
use super::throughput::Throughput;

/// Every run has a seat. What the run hands out (`rfile`, `wfile`) shares it, and several threads
/// may use that at once.
pub(crate) struct Seat<'a> {
    /// The engine of the loop. There is none in a test without sockets.
    helm: Option<Handle<'a>>,
    index: usize,
    /// The job that holds the loop until it is released. There is none on a spare thread.
    job: Option<JobId>,
    released: AtomicBool,
    deregistered: AtomicBool,
}

enum Handle<'a> {
    Borrowed(&'a dyn Helm),
    Owned(Arc<dyn Helm>),
}

/// Gives loops to other drivers.
pub(crate) trait Helm: Send + Sync {
    /// Gives the loop `index` to another driver if `job` still holds it. Returns false if no thread
    /// is free to drive it, so that `job` still holds it.
    fn release(&self, index: usize, job: JobId) -> bool;

    /// Returns the registry of the sockets of the loop `index`.
    fn registry(&self, index: usize) -> &mio::Registry;

    /// Returns the handlers that wait for their clients, and how long a handler waits before it
    /// looks whether it must give its thread up.
    fn client_waits(&self) -> (&ClientWaits, Duration);

    /// Returns an owned handle to the same engine.
    fn shared(&self) -> Option<Arc<dyn Helm>>;
}

impl<'a> Seat<'a> {
    /// The seat of a job that runs on the driver of a loop.
    pub(crate) fn inline(helm: &'a dyn Helm, index: usize, job: JobId) -> Self {
        Self::new(Some(Handle::Borrowed(helm)), index, Some(job))
    }

    /// The seat of a job that runs on a spare thread.
    pub(crate) fn detached(helm: &'a dyn Helm, index: usize) -> Self {
        Self::new(Some(Handle::Borrowed(helm)), index, None)
    }

    /// The seat of a job without a loop.
    pub(crate) fn alone() -> Self {
        Self::new(None, 0, None)
    }

    fn new(helm: Option<Handle<'a>>, index: usize, job: Option<JobId>) -> Self {
        Self {
            helm,
            index,
            job,
            released: AtomicBool::new(job.is_none()),
            deregistered: AtomicBool::new(false),
        }
    }

    /// Returns an owned copy of this seat. Until [`Seat::resume`], only the copy may be used.
    pub(crate) fn to_owned(&self) -> Seat<'static> {
        let seat = Seat::new(self.helm().and_then(Helm::shared).map(Handle::Owned), self.index, self.job);
        seat.released.store(self.released.load(Ordering::SeqCst), Ordering::SeqCst);
        seat.deregistered.store(self.is_deregistered(), Ordering::SeqCst);
        seat
    }

    /// Takes over the state of `other`, an owned copy of this seat.
    pub(crate) fn resume(&self, other: &Seat<'_>) {
        self.released.store(other.released.load(Ordering::SeqCst), Ordering::SeqCst);
        self.deregistered.store(other.is_deregistered(), Ordering::SeqCst);
    }

    /// Whether this job has given its loop away itself. If the monitor took the loop, this is still
    /// false.
    pub(crate) fn is_released(&self) -> bool {
        self.released.load(Ordering::Relaxed)
    }

    /// Gives the loop away, if this job holds one. Must be called before anything that may block.
    ///
    /// Returns false if no thread can take the loop. Then the job must wait only briefly and call
    /// this again.
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

    /// Gives the loop away, takes the socket out of the poller, and blocks until the transport is
    /// ready. Returns false if the deadline came first.
    pub(crate) fn wait(
        &self,
        transport: &Transport,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> io::Result<bool> {
        loop {
            let released = self.release();
            // While a thread waits for the socket itself, events would wake the loop for nothing.
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

    /// Like [`Seat::wait`], with the throughput of the client so far. Returns `None` if another
    /// request needs the thread, and this client is the slowest.
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

    /// Notes that the socket was taken out of the poller elsewhere and must be registered again.
    pub(crate) fn note_deregistered(&self) {
        self.deregistered.store(true, Ordering::SeqCst);
    }

    /// The stream that has the connection now registers the socket again.
    pub(crate) fn leave_registration(&self) {
        self.deregistered.store(false, Ordering::SeqCst);
    }

    /// Whether the socket was taken out of the poller and must be registered again.
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
