//! What runs, streams and wakers may ask of the engine.

use std::sync::Arc;
use std::time::Duration;

use crate::server::client_waits::ClientWaits;
use crate::server::handover::pool::HandOver;
use crate::server::handover::slots::Token;
use crate::server::handover::state::JobId;
use crate::server::protocol::Protocol;
use crate::server::seat::Helm;
use crate::server::waker::Wake;

use super::Engine;
use super::mail::Mail;

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
        // A job without a loop, such as a stream that outlived its handler, needs no thread to take
        // one.
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

/// How often a handler that waits for its client looks whether it must give its thread up, within
/// the time that a request waits for a thread.
const LOOKS_PER_PERMIT_TIMEOUT: u32 = 8;
/// The shortest time between two such looks.
const SHORTEST_LOOK: Duration = Duration::from_millis(5);
/// The longest time between two such looks.
const LONGEST_LOOK: Duration = Duration::from_millis(250);
