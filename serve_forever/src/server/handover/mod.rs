//! How an event loop changes hands.
//!
//! Nothing in this folder does input or output: it is the part that must be right under every
//! interleaving, kept small so that a model checker can go through all of them (see the `model`
//! crate).
//!
//! - [`state`]: the word per loop that says who may touch it;
//! - [`inbox`]: what other threads tell a loop, and whether its poll must be interrupted for it;
//! - [`watch`]: how the monitor goes to sleep without missing a loop that wakes up;
//! - [`permits`]: how many threads may be inside user code;
//! - [`slots`]: the connections of a loop, in their place or out of it, and what is remembered
//!   meanwhile;
//! - [`pool`]: the spare threads that take over loops and run jobs.

pub(crate) mod inbox;
pub(crate) mod permits;
pub(crate) mod pool;
pub(crate) mod slots;
pub(crate) mod state;
pub(crate) mod watch;
