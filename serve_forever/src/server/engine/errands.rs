//! What spare threads are sent to do.

use crate::server::computing::Place;
use crate::server::handover::slots::Token;
use crate::server::learned::Kind;
use crate::server::protocol::Protocol;

use super::mail::{PartJob, Seated};

/// A run on a spare thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errand {
    /// Of the loop.
    pub(crate) index: usize,
    pub(crate) token: Token,
    pub(crate) kind: Kind,
    /// It has a place among those that compute, and gives it back.
    pub(crate) place: Option<Place>,
}

/// What a spare thread is told to do.
pub(super) enum Work<P: Protocol> {
    Drive(usize),
    Run {
        errand: Errand,
        seated: Box<Seated<P>>,
    },
    /// A job on a part of a connection of the loop `index`.
    Job {
        index: usize,
        part: PartJob<P>,
    },
    /// Drops connections that are over: what they have not sent may be code of others.
    Bury(Vec<Box<Seated<P>>>),
}
