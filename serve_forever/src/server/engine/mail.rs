//! What goes in and out of an event loop: connections and messages.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use crate::server::greeting::stage::Stage;
use crate::server::handover::slots::Token;
use crate::server::protocol::{Next, Protocol};
use crate::sys::Socket;
use crate::transport::Transport;

/// A connection with its transport, as it moves between its slot and jobs.
pub(crate) struct Seated<P: Protocol> {
    pub(crate) stage: Stage<P>,
    pub(crate) transport: Arc<Transport>,
}

/// A job on a part of a connection, on its way to a thread.
pub(crate) struct PartJob<P: Protocol> {
    pub(crate) job: P::Job,
    /// The token of its connection.
    pub(crate) token: Token,
    /// The address of the client.
    pub(crate) address: IpAddr,
}

impl<P: Protocol> Seated<P> {
    /// Whether unread bytes have arrived. Those of a lingering connection do not count, because
    /// they are discarded anyway.
    pub(crate) fn has_unread_request(&self) -> bool {
        !matches!(self.stage, Stage::Lingering(_)) && self.transport.has_unread()
    }
}

/// A message to a loop.
pub(crate) enum Mail<P: Protocol> {
    /// A connection comes back from a job. `rejoin`: its socket must be registered again.
    Back { token: Token, seated: Box<Seated<P>>, next: Next, rejoin: bool },
    /// A job on a part of a connection is over.
    JobDone { held: Option<IpAddr> },
    /// A run panicked, and its connection is gone.
    Lost(Token),
    /// Another loop accepted this connection for this one.
    Accepted { socket: Socket, peer: SocketAddr, local: SocketAddr },
    /// A connection asks for a turn.
    Wake(Token),
    /// The run that has a connection keeps it as a stream, so its thread does not count for its
    /// address.
    Stream(Token),
    /// A permit became free.
    Permit,
    /// The server is full. Close the connection that has been idle for the longest time, if it
    /// became idle before `since`, and tell the loop `asker` whether there was one.
    MakeRoom { since: Option<Instant>, asker: usize },
    /// The answer to `MakeRoom` and `Cut`.
    Room { made: bool },
    /// No loop accepts connections any more, so no further connection comes by mail.
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
    /// Bytes that were promised to be freed.
    pub(crate) promised: usize,
    /// The loop that needs room for a new connection.
    pub(crate) asker: Option<usize>,
}
