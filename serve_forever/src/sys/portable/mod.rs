//! Every other system, above all Windows: `std`, `mio` and `socket2` only.
//!
//! On Windows `mio` imitates edges: an event is told once and is armed again when a call *through
//! mio's types* returns `WouldBlock`. So all reading and writing goes through those, and a call
//! that transferred less than it could arms the socket too (see `socket`).

mod directory;
mod limits;
mod listener;
mod socket;
mod stamp;
mod wait;

/// Windows reports what was so when it took the note.
pub(super) const EVENTS_ARE_CURRENT: bool = false;

/// `std` tells when a file was created, not when it was last changed in any way.
pub(super) const CHANGE_TIME_IS_KNOWN: bool = false;

pub(super) use directory::{Handle, Root};
pub(super) use limits::{descriptor_limit, raise_descriptor_limit, thread_times, unix_time};
pub(super) use listener::Listener;
pub(super) use socket::Socket;
pub(super) use stamp::{stamp_at, stamp_of_file};
