//! The seam between the engine and the protocols that it serves.
//!
//! The engine moves connections in and out of loops and threads; what a connection says is the protocol's affair.
//! Work comes in two shapes. A *run* takes its whole connection along (HTTP/1.1, raw TCP): one request at a
//! time, with the socket in its hands. A *job* is a part of a connection (a stream of HTTP/2): the connection
//! goes back to its slot before the job starts and is polled and turned meanwhile.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use crate::transport::Transport;

use super::config::Config;
use super::handle::ServerHandle;
use super::handover::slots::Readiness;
use super::learned::{Kind, Learned};
use super::seat::Seat;
use super::unsent::Load;
use super::waker::Waker;

/// What the connections of a server speak. [`Raw`](crate::Raw) and [`Http`](crate::Http) are such protocols;
/// others cannot be made outside of this crate.
///
/// ```
/// use serve_forever::{handler_fn, Exchange, HttpServer, Protocol, Result, Server};
///
/// fn first_port<P: Protocol>(server: &Server<P>) -> Option<u16> {
///     server.server_addresses().first().map(|address| address.port())
/// }
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
/// assert_ne!(first_port(&HttpServer::bind(("localhost", 0), handler)?), Some(0));
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Protocol: Sized + Send + Sync + 'static {
    #[doc(hidden)]
    type Connection: Connection<Self>;
    /// Work on a part of a connection.
    #[doc(hidden)]
    type Job: Job<Self>;
    /// Working memory: one per thread, lent to a connection for the time of its work, so that an idle connection
    /// holds none.
    #[doc(hidden)]
    type Scratch: 'static;

    /// Whether user code holds its thread as long as it likes.
    #[doc(hidden)]
    const LONG_LIVED: bool = false;

    #[doc(hidden)]
    fn scratch(&self, config: &Config) -> Self::Scratch;

    /// Begins a connection, after its greeting.
    #[doc(hidden)]
    fn connect(&self, admitted: Admitted) -> Self::Connection;
}

/// One connection.
#[doc(hidden)]
pub trait Connection<P: Protocol>: Send + 'static {
    /// Moves bytes and says what comes next. Must neither block nor run user code: the loop is held.
    fn turn(&mut self, cx: &mut Turn<'_, P>) -> Next;

    /// Runs user code, or reads a disk. The loop is not held and may be taken away.
    fn run(&mut self, cx: &mut Run<'_, P>) -> Next;

    /// Sends what a run has [held](Run::holds): before the next turn, and without blocking. What comes next is what the run
    /// said, unless this says otherwise.
    fn send_held(&mut self, _: &mut Sending<'_, P>) -> Option<Next> {
        None
    }

    /// How far the response or the request is that is under way, if there is one.
    fn load(&self) -> Option<Load> {
        None
    }

    /// Whether the request has arrived as a whole for which a run was asked: its handler will not
    /// wait for its client. Asked when it [is parked](Self::park).
    fn is_whole(&self, _: &Config) -> bool {
        true
    }

    /// The run that was just asked for will take place elsewhere or later: save what is in the scratch.
    fn park(&mut self, scratch: &mut P::Scratch);
}

/// Work on a part of a connection.
#[doc(hidden)]
pub trait Job<P: Protocol>: Send + 'static {
    fn kind(&self) -> Kind;

    /// Runs user code. The loop is not held and may be taken away.
    fn run(self, cx: &mut JobRun<'_, P>);

    /// There is no permit and there will not be one in time.
    fn refuse(self);
}

/// For protocols whose work is always a whole connection's.
#[derive(Debug)]
#[doc(hidden)]
pub enum NoJob {}

impl<P: Protocol> Job<P> for NoJob {
    fn kind(&self) -> Kind {
        match *self {}
    }

    fn run(self, _: &mut JobRun<'_, P>) {
        match self {}
    }

    fn refuse(self) {
        match self {}
    }
}

/// How a connection begins for its protocol.
#[derive(Debug)]
#[doc(hidden)]
pub struct Admitted {
    pub(crate) admission: Admission,
    /// The first bytes, received during the greeting.
    pub(crate) early: Vec<u8>,
    pub(crate) now: Instant,
}

/// Whether a connection is welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub(crate) enum Admission {
    Welcome,
    /// Its address has as many connections as it may: say so and close.
    TooMany,
}

/// Why a connection gets its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It is new, its socket is ready, or it asked to be called again.
    Ready,
    /// Its deadline is over.
    Expired,
    /// It waits for its client, and is to be cut to make room for others.
    NoRoom,
    /// The run it asked for got no permit in time.
    NoPermit,
    /// The server stops: an idle connection closes, a busy one finishes.
    Stopping,
}

/// What a turn works with.
#[doc(hidden)]
pub struct Turn<'a, P: Protocol> {
    pub(crate) protocol: &'a P,
    pub(crate) config: &'a Config,
    pub(crate) server: &'a ServerHandle,
    pub(crate) transport: &'a Transport,
    pub(crate) readiness: &'a mut Readiness,
    pub(crate) scratch: &'a mut P::Scratch,
    /// Jobs for parts of the connection, to be started after it is back in its slot.
    #[allow(dead_code, reason = "for HTTP/2, which is not there yet; exercised by the tests' protocol")]
    pub(crate) jobs: &'a mut Vec<P::Job>,
    /// Calls the connection's next turn from any thread.
    pub(crate) waker: Waker<'a>,
    pub(crate) cause: Cause,
    /// The server is on its way to the end.
    pub(crate) stopping: bool,
    /// What is received first in this turn had begun to come by then, if that is known.
    pub(crate) began: Option<Instant>,
    pub(crate) now: Instant,
}

/// What a run works with.
#[doc(hidden)]
pub struct Run<'a, P: Protocol> {
    pub(crate) protocol: &'a P,
    pub(crate) config: &'a Config,
    pub(crate) server: &'a ServerHandle,
    pub(crate) transport: &'a Arc<Transport>,
    pub(crate) scratch: &'a mut P::Scratch,
    pub(crate) seat: &'a Seat<'a>,
    /// Calls the connection's next turn from any thread.
    pub(crate) waker: Waker<'a>,
    /// What kind of request it is at now: a run may serve several.
    pub(crate) kind: &'a Cell<Kind>,
    /// What kinds have blocked; none where there is no loop to hold up.
    pub(crate) learned: Option<&'a Learned>,
    /// When the run began, or a little before.
    pub(crate) started: Instant,
    /// Others have their turn right after this: what is to be sent may be held until then, and this be set. None: it is to be
    /// sent at once.
    pub(crate) holds: Option<&'a Cell<bool>>,
}

/// What a connection sends with what it held.
#[doc(hidden)]
pub struct Sending<'a, P: Protocol> {
    pub(crate) config: &'a Config,
    pub(crate) server: &'a ServerHandle,
    pub(crate) transport: &'a Transport,
    pub(crate) scratch: &'a mut P::Scratch,
    pub(crate) now: Instant,
}

impl<'a, P: Protocol> Run<'a, P> {
    /// Tells the present time. On the driver of a loop, which a run holds for a tick of the monitor at most, that is the
    /// time of its last poll: no need to ask the system.
    pub(crate) fn clock(&self) -> impl FnOnce() -> Instant + use<'a, P> {
        let (seat, started) = (self.seat, self.started);
        move || if seat.is_released() { Instant::now() } else { started }
    }
}

/// What a job on a part of a connection works with: all that a [`Run`] has, but the transport, which
/// stays with the connection.
#[doc(hidden)]
#[allow(dead_code, reason = "for HTTP/2, which is not there yet; the tests' protocols use all of it")]
pub struct JobRun<'a, P: Protocol> {
    pub(crate) protocol: &'a P,
    pub(crate) config: &'a Config,
    pub(crate) server: &'a ServerHandle,
    pub(crate) scratch: &'a mut P::Scratch,
    pub(crate) seat: &'a Seat<'a>,
    /// Calls the next turn of the job's connection from any thread.
    pub(crate) waker: Waker<'a>,
    /// What kind of request the job serves.
    pub(crate) kind: &'a Cell<Kind>,
    /// What kinds have blocked; none where there is no loop to hold up.
    pub(crate) learned: Option<&'a Learned>,
    /// When the job began, or a little before.
    pub(crate) started: Instant,
}

/// What comes next for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Next {
    /// Its next turn: when the socket is ready for what is named, or at the deadline.
    Wait {
        read: bool,
        write: bool,
        /// `None`: never.
        deadline: Option<Instant>,
        /// Nothing is under way: it may be closed without loss.
        idle: bool,
    },
    /// A run. `permit`: it enters user code that may block.
    Run { kind: Kind, permit: bool },
    /// Another turn, after those of the others.
    Again,
    /// Close, but read on for a while, so that what was sent last is not lost to a reset. The
    /// connection has [finished writing](Transport::finish_writing).
    Linger,
    /// It is over.
    Close,
}

impl Next {
    /// Wait until a waker calls.
    pub(crate) const WAKE: Self = Self::Wait { read: false, write: false, deadline: None, idle: false };

    /// Wait for bytes.
    pub(crate) fn read(deadline: Option<Instant>) -> Self {
        Self::Wait { read: true, write: false, deadline, idle: false }
    }

    /// Wait until the peer takes bytes.
    pub(crate) fn write(deadline: Option<Instant>) -> Self {
        Self::Wait { read: false, write: true, deadline, idle: false }
    }
}
