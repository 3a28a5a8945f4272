//! The handlers: what a request makes its thread do.

use std::sync::Arc;

use crate::sync::{Condvar, Mutex, lock, wait};

use super::super::handover::pool::HandOver;
use super::super::handover::state::JobId;
use super::{Connection, Engine};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Request {
    /// Is answered at once.
    Quick,
    /// Hands the loop over before it goes on.
    Eager,
    /// Hands the loop over and waits for a gate.
    EagerWait(usize),
    /// Waits for a gate without a word.
    Wait(usize),
    /// Opens a gate.
    Open(usize),
}

impl Engine {
    /// The user code of all requests that arrived. True: it has handed the loop over itself.
    pub(super) fn handle(
        self: &Arc<Self>,
        index: usize,
        connection: &Connection,
        inline: Option<JobId>,
    ) -> bool {
        let mut handed_over = false;
        for request in self.loops[index].net.receive(connection) {
            if let (Request::Eager | Request::EagerWait(_), Some(job)) = (request, inline) {
                let done = self.hand_over(index, job) == HandOver::Done;
                assert!(!(done && handed_over), "a job handed over the loop of the next driver");
                handed_over |= done;
            }
            match request {
                Request::Quick | Request::Eager => {}
                Request::EagerWait(gate) | Request::Wait(gate) => self.gate(gate).wait(),
                Request::Open(gate) => self.gate(gate).open(),
            }
            self.loops[index].net.answer(connection);
        }
        handed_over
    }
}

/// Something that user code waits for.
pub(crate) struct Gate {
    open: Mutex<bool>,
    bell: Condvar,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self { open: Mutex::new(false), bell: Condvar::new() }
    }

    pub(crate) fn open(&self) {
        *lock(&self.open) = true;
        self.bell.notify_all();
    }

    pub(crate) fn wait(&self) {
        let mut open = lock(&self.open);
        while !*open {
            open = wait(&self.bell, open);
        }
    }
}
