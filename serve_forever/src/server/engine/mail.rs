//! What goes in and out of an event loop: connections, and what the loop is told.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use crate::server::greeting::stage::Stage;
use crate::server::handover::slots::Token;
use crate::server::protocol::{Next, Protocol};
use crate::sys::Socket;
use crate::transport::Transport;

/// A connection with its transport, as it goes from slot to job and back.
pub(crate) struct Seated<P: Protocol> {
    pub(crate) stage: Stage<P>,
    pub(crate) transport: Arc<Transport>,
}

/// A job on a part of a connection, on its way to a thread.
pub(crate) struct PartJob<P: Protocol> {
    pub(crate) job: P::Job,
    /// Of the connection.
    pub(crate) token: Token,
    /// Of its client.
    pub(crate) address: IpAddr,
}

impl<P: Protocol> Seated<P> {
    /// Whether bytes have arrived that nobody has read. What arrives at a lingering connection is
    /// discarded anyway.
    pub(crate) fn has_unread_request(&self) -> bool {
        !matches!(self.stage, Stage::Lingering(_)) && self.transport.has_unread()
    }
}

/// What a loop is told from outside.
pub(crate) enum Mail<P: Protocol> {
    /// A connection comes back from a job. `rejoin`: its socket must be registered anew.
    Back { token: Token, seated: Box<Seated<P>>, next: Next, rejoin: bool },
    /// A job on a part of a connection is over.
    JobDone { held: Option<IpAddr> },
    /// A run panicked, and its connection is gone.
    Lost(Token),
    /// Another loop accepted this for us.
    Accepted { socket: Socket, peer: SocketAddr, local: SocketAddr },
    /// A connection wants its turn.
    Wake(Token),
    /// The run that has a connection keeps it as a stream, which does not count as a request of its
    /// address.
    Stream(Token),
    /// A permit became free.
    Permit,
    /// The server is full: close the oldest idle connection, if it is idle for longer than `since`, and tell the
    /// loop `asker` whether there was one.
    MakeRoom { since: Option<Instant>, asker: usize },
    /// The answer to that.
    Room { made: bool },
    /// No loop accepts any more, so no further connection comes by mail.
    AllClosed,
    /// Cut this connection if it still waits for its client.
    Cut(Cut),
    /// Finish.
    Stop,
}

/// An order to cut a connection that waits for its client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) token: Token,
    /// Bytes that were promised of it.
    pub(crate) promised: usize,
    /// The loop that wants its place for a new connection.
    pub(crate) asker: Option<usize>,
}
