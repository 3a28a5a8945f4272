//! The errands of spare threads.

use crate::server::computing::Place;
use crate::server::handover::slots::Token;
use crate::server::learned::Kind;
use crate::server::protocol::Protocol;

use super::mail::{PartJob, Seated};

/// A run on a spare thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errand {
    /// The loop of the connection.
    pub(crate) index: usize,
    pub(crate) token: Token,
    pub(crate) kind: Kind,
    /// The place to compute that it has and gives back, if there is one.
    pub(crate) place: Option<Place>,
}

/// An errand with what it needs.
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
    /// Drop closed connections. Their unsent sources may run user code when dropped.
    Bury(Vec<Box<Seated<P>>>),
}
