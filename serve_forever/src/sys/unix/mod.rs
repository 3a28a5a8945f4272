//! Unix: descriptors and direct system calls, by `rustix`.
//!
//! Linux has more than the rest (`accept4`, `MSG_MORE`, `sendfile`); each file holds the fallback
//! beside it.

mod beneath;
mod directory;
mod limits;
mod listener;
mod send_file;
mod socket;
mod stamp;
mod wait;

/// `epoll` and `kqueue` look at a socket again before they report it.
pub(super) const EVENTS_ARE_CURRENT: bool = true;

/// The change time of a file is in its status.
pub(super) const CHANGE_TIME_IS_KNOWN: bool = true;

pub(super) use beneath::Root;
pub(super) use directory::Handle;
pub(super) use limits::{descriptor_limit, raise_descriptor_limit, thread_times, unix_time};
pub(super) use listener::Listener;
pub(super) use socket::Socket;
pub(super) use stamp::{stamp_at, stamp_of_file};
