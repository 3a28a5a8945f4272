//! One event loop, as far as others may touch it.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use crate::diagnostics;
use crate::server::event_loop::core::{Core, WAKER};
use crate::server::handover::inbox::Inbox;
use crate::server::handover::state::LoopState;
use crate::server::protocol::Protocol;
use crate::sys::Listener;

use super::mail::Mail;

/// One event loop, as far as others may touch it.
pub(crate) struct Loop<P: Protocol> {
    pub(crate) index: usize,
    pub(crate) state: LoopState,
    pub(crate) inbox: Inbox<Mail<P>>,
    /// The state of the driver. It is unlocked exactly while the driver is inside a job.
    pub(crate) core: Mutex<Core<P>>,
    pub(crate) registry: mio::Registry,
    pub(crate) connections: AtomicUsize,
    waker: mio::Waker,
}

impl<P: Protocol> Loop<P> {
    pub(super) fn new(index: usize, listeners: Vec<Listener>) -> std::io::Result<Self> {
        let core = Core::new(listeners)?;
        let registry = core.registry()?;
        Ok(Self {
            index,
            state: LoopState::new(),
            inbox: Inbox::new(),
            waker: mio::Waker::new(&registry, WAKER)?,
            core: Mutex::new(core),
            registry,
            connections: AtomicUsize::new(0),
        })
    }

    /// Leaves a message and makes sure that the loop reads it soon.
    pub(crate) fn tell(&self, mail: Mail<P>) {
        if self.inbox.post(mail, &self.state)
            && let Err(error) = self.waker.wake()
        {
            diagnostics::error!("cannot wake an event loop: {error}");
        }
    }
}
