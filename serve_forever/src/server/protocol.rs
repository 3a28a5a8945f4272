//! The interface between the engine and the protocols that it serves.
//!
//! The engine moves connections between loops and threads. The protocol gives their bytes a
//! meaning. There are two kinds of work. A *run* takes its whole connection along (HTTP/1.1, raw
//! TCP): it serves one request at a time and has the socket. A *job* is a part of a connection (a
//! stream of HTTP/2): the connection goes back into its slot before the job starts, and gets its
//! turns meanwhile.

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

/// The protocol of the connections of a server: [`Raw`](crate::Raw) or [`Http`](crate::Http). Other
/// crates cannot implement this trait.
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
    /// The working memory of a thread. It is lent to a connection while the thread works on it, so
    /// that an idle connection holds none.
    #[doc(hidden)]
    type Scratch: 'static;

    /// Whether user code may hold its thread for ever.
    #[doc(hidden)]
    const LONG_LIVED: bool = false;

    #[doc(hidden)]
    fn scratch(&self, config: &Config) -> Self::Scratch;

    /// Begins a connection, after its greeting.
    #[doc(hidden)]
    fn connect(&self, admitted: Admitted) -> Self::Connection;
}

/// A connection as its protocol sees it.
#[doc(hidden)]
pub trait Connection<P: Protocol>: Send + 'static {
    /// Moves bytes and returns what comes next. It holds the loop, so it must neither block nor run
    /// user code.
    fn turn(&mut self, cx: &mut Turn<'_, P>) -> Next;

    /// Runs user code, or reads a disk. The loop is not held and may be taken away.
    fn run(&mut self, cx: &mut Run<'_, P>) -> Next;

    /// Sends the response that a run has [held](Run::holds), without blocking. It is called before
    /// the next turn. Returns what comes next, or `None` if that is what the run returned.
    fn send_held(&mut self, _: &mut Sending<'_, P>) -> Option<Next> {
        None
    }

    /// Returns the progress of the request or response in progress, if there is one.
    fn load(&self) -> Option<Load> {
        None
    }

    /// Whether the request that waits for a run has arrived as a whole, so that its handler will
    /// not wait for its client. Called after [`park`](Self::park).
    fn is_whole(&self, _: &Config) -> bool {
        true
    }

    /// Saves what is in the scratch, because the run will start on another thread or later.
    fn park(&mut self, scratch: &mut P::Scratch);
}

/// Work on a part of a connection.
#[doc(hidden)]
pub trait Job<P: Protocol>: Send + 'static {
    fn kind(&self) -> Kind;

    /// Runs user code. The loop is not held and may be taken away.
    fn run(self, cx: &mut JobRun<'_, P>);

    /// Refuses the job, because no permit became free in time.
    fn refuse(self);
}

/// The job of protocols that have none.
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

/// What a protocol gets of a new connection.
#[derive(Debug)]
#[doc(hidden)]
pub struct Admitted {
    pub(crate) admission: Admission,
    /// The first bytes, received during the greeting.
    pub(crate) early: Vec<u8>,
    pub(crate) now: Instant,
}

/// Whether a connection may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub(crate) enum Admission {
    Welcome,
    /// Its address has too many connections. The client is told so, and the connection is closed.
    TooMany,
}

/// Why a connection gets its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The connection is new, its socket is ready, or it asked for another turn.
    Ready,
    /// Its deadline is over.
    Expired,
    /// The connection is cut to make room for others.
    NoRoom,
    /// Its run got no permit in time.
    NoPermit,
    /// The server stops. Idle connections close, and busy ones finish.
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
    /// Jobs on parts of the connection. They start when the connection is back in its slot.
    #[allow(dead_code, reason = "for HTTP/2, which is not there yet; exercised by the tests' protocol")]
    pub(crate) jobs: &'a mut Vec<P::Job>,
    /// Calls the connection's next turn from any thread.
    pub(crate) waker: Waker<'a>,
    pub(crate) cause: Cause,
    /// The server is stopping.
    pub(crate) stopping: bool,
    /// When the bytes that this turn receives first had begun to arrive, if that is known.
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
    /// The kind of the present request. A run may serve several.
    pub(crate) kind: &'a Cell<Kind>,
    /// What kinds have blocked; none where there is no loop to hold up.
    pub(crate) learned: Option<&'a Learned>,
    /// When the run began, or a little before.
    pub(crate) started: Instant,
    /// If other connections get their turns right after this run, it may hold its response until
    /// then and set this. `None`: the response must be sent at once.
    pub(crate) holds: Option<&'a Cell<bool>>,
}

/// What a connection needs to send its held response.
#[doc(hidden)]
pub struct Sending<'a, P: Protocol> {
    pub(crate) config: &'a Config,
    pub(crate) server: &'a ServerHandle,
    pub(crate) transport: &'a Transport,
    pub(crate) scratch: &'a mut P::Scratch,
    pub(crate) now: Instant,
}

impl<'a, P: Protocol> Run<'a, P> {
    /// Returns a clock. On the driver of a loop, it returns the time of the last poll without
    /// asking the system. This is precise enough, because a run holds the loop for one tick of the
    /// monitor at most.
    pub(crate) fn clock(&self) -> impl FnOnce() -> Instant + use<'a, P> {
        let (seat, started) = (self.seat, self.started);
        move || if seat.is_released() { Instant::now() } else { started }
    }
}

/// What a job on a part of a connection works with: all that a [`Run`] has, except the transport,
/// which stays with the connection.
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
    /// Wait for the next turn, until the socket is ready or the deadline has passed.
    Wait {
        read: bool,
        write: bool,
        /// `None`: never.
        deadline: Option<Instant>,
        /// Nothing is in progress, so the connection may be closed without loss.
        idle: bool,
    },
    /// Start a run. `permit`: it enters user code that may block.
    Run { kind: Kind, permit: bool },
    /// Take another turn, after those of the other connections.
    Again,
    /// Close, but read on for a while, so that the last response is not lost to a reset. The
    /// connection has [finished writing](Transport::finish_writing).
    Linger,
    /// Close the connection.
    Close,
}

impl Next {
    /// Wait until a waker calls.
    pub(crate) const WAKE: Self = Self::Wait { read: false, write: false, deadline: None, idle: false };

    /// Wait for bytes.
    pub(crate) fn read(deadline: Option<Instant>) -> Self {
        Self::Wait { read: true, write: false, deadline, idle: false }
    }

    /// Wait until the client takes bytes.
    pub(crate) fn write(deadline: Option<Instant>) -> Self {
        Self::Wait { read: false, write: true, deadline, idle: false }
    }
}
