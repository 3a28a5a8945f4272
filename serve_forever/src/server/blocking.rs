//! Serves one connection on the calling thread, without a loop: for `handle_request` and for tests
//! without sockets.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::diagnostics;
use crate::sync::{lock, wait_for};
use crate::sys::{self, Interest, Listener};
use crate::transport::Transport;

use super::accept;
use super::config::Config;
use super::greeting::lingering::Lingering;
use super::greeting::stage::Stage;
use super::handle::ServerHandle;
use super::handover::slots::{Readiness, Token};
use super::protocol::{Admission, Cause, Job, JobRun, Next, Protocol, Run, Turn};
use super::seat::Seat;
use super::waker::{Wake, Waker};

/// The result of waiting for a connection.
pub(crate) enum Arrival {
    Client(Arc<Transport>, SocketAddr),
    /// No connection came before the deadline.
    Nobody,
    /// A shutdown was asked for.
    Stop,
}

/// Waits for the next connection.
pub(crate) fn accept(
    listeners: &[Listener],
    deadline: Option<Instant>,
    config: &Config,
    server: &ServerHandle,
) -> io::Result<Arrival> {
    let mut poll = mio::Poll::new()?;
    for (index, listener) in listeners.iter().enumerate() {
        listener.register(poll.registry(), mio::Token(index))?;
    }
    let _woken = server.wake_at_stop(mio::Waker::new(poll.registry(), WAKER)?)?;
    let mut events = mio::Events::with_capacity(listeners.len() + 1);
    loop {
        if server.is_stopping() {
            return Ok(Arrival::Stop);
        }
        for listener in listeners {
            match accept_on(listener, config) {
                Ok((transport, peer)) => return Ok(Arrival::Client(transport, peer)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Ok(Arrival::Nobody);
        }
        match poll.poll(&mut events, left) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
    }
}

/// Accepts the connections that wait when the server stops, as far as there is room, and at most
/// `most` of each listener.
pub(crate) fn drain(
    listeners: &mut [Listener],
    most: usize,
    config: &Config,
) -> Vec<(Arc<Transport>, SocketAddr)> {
    let mut waiting = Vec::new();
    for listener in listeners {
        listener.withdraw();
        for _ in 0..most {
            match accept_on(listener, config) {
                Ok(client) => waiting.push(client),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if sys::is_out_of_descriptors(&error) => {
                    diagnostics::warning!("cannot accept the last connections: {error}");
                    break;
                }
                Err(error) => diagnostics::debug!("cannot accept a connection: {error}"),
            }
        }
    }
    waiting
}

fn accept_on(listener: &Listener, config: &Config) -> io::Result<(Arc<Transport>, SocketAddr)> {
    let (socket, peer) = listener.accept()?;
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let transport = accept::carry(socket, peer, listener.local_address()?, config);
    Ok((Arc::new(transport), peer))
}

/// Serves one connection until it is over.
pub(crate) fn serve<P: Protocol>(
    protocol: &P,
    config: &Config,
    server: &ServerHandle,
    transport: &Arc<Transport>,
) {
    let config = &Config { holds_thread: true, ..config.clone() };
    serve_seated(protocol, config, server, transport, &mut protocol.scratch(config), &Seat::alone());
}

/// Serves one connection until it is over, on a thread that may hold a loop.
pub(crate) fn serve_seated<P: Protocol>(
    protocol: &P,
    config: &Config,
    server: &ServerHandle,
    transport: &Arc<Transport>,
    scratch: &mut P::Scratch,
    seat: &Seat<'_>,
) {
    let mut stage = Stage::begin(protocol, config, transport, Admission::Welcome, Instant::now());
    let bell = Arc::new(Bell::default());
    let wake: Arc<dyn Wake> = Arc::clone(&bell) as Arc<dyn Wake>;
    let mut readiness = READY;
    let mut jobs = Vec::new();
    let mut expired = false;
    // When a server that stops cuts the connection.
    let mut cut_at = None;
    loop {
        let stopping = server.is_stopping();
        if stopping {
            let now = Instant::now();
            if *cut_at.get_or_insert(now + config.shutdown_timeout) <= now {
                transport.cut();
                return;
            }
        }
        let cause = match std::mem::take(&mut expired) {
            true => Cause::Expired,
            false if stopping => Cause::Stopping,
            false => Cause::Ready,
        };
        let mut cx = Turn {
            protocol,
            config,
            server,
            transport,
            readiness: &mut readiness,
            scratch: &mut *scratch,
            jobs: &mut jobs,
            waker: Waker { engine: &wake, index: 0, token: TOKEN },
            cause,
            stopping,
            began: None,
            now: Instant::now(),
        };
        let mut next = stage.turn(&mut cx, || Admission::Welcome);
        if let Next::Run { kind, .. } = next {
            next = stage.run(&mut Run {
                protocol,
                config,
                server,
                transport,
                scratch: &mut *scratch,
                seat,
                waker: Waker { engine: &wake, index: 0, token: TOKEN },
                kind: &Cell::new(kind),
                learned: None,
                started: Instant::now(),
                holds: None,
            });
        }
        for job in jobs.drain(..) {
            let kind = Cell::new(P::Job::kind(&job));
            job.run(&mut JobRun {
                protocol,
                config,
                server,
                scratch: &mut *scratch,
                seat,
                waker: Waker { engine: &wake, index: 0, token: TOKEN },
                kind: &kind,
                learned: None,
                started: Instant::now(),
            });
        }
        match next {
            Next::Close => return,
            Next::Linger => stage.linger(Lingering::new(Instant::now() + config.linger_timeout)),
            Next::Again | Next::Run { .. } => {}
            Next::Wait { idle: true, .. } if stopping => return,
            Next::Wait { read, write, deadline, idle } => {
                if bell.was_rung() {
                    continue;
                }
                let interest = match (read, write) {
                    (true, true) => Interest::Both,
                    (false, true) => Interest::Write,
                    (true, false) => Interest::Read,
                    (false, false) => {
                        seat.release();
                        // In between, this looks whether the server stops.
                        let until = earlier(deadline, Instant::now() + LOOK);
                        if !bell.wait(Some(until)) && deadline.is_some_and(|deadline| deadline <= until) {
                            expired = true;
                        }
                        continue;
                    }
                };
                // A wait for the socket does not end when the bell rings. If a waker may ring it,
                // the wait is cut into slices.
                let may_ring = Arc::weak_count(&bell) > 0;
                let mut until =
                    if may_ring { Some(earlier(deadline, Instant::now() + SLICE)) } else { deadline };
                if may_ring && !write && !idle {
                    seat.release();
                    // Bytes that are not wanted yet may have arrived. A wait for the socket would
                    // return at once.
                    if bell.wait(until) {
                        continue;
                    }
                    if until != deadline {
                        until = Some(Instant::now());
                    }
                }
                match seat.wait(transport, interest, until) {
                    Ok(true) => readiness = READY,
                    Ok(false) if until != deadline => {}
                    Ok(false) => expired = true,
                    Err(error) => {
                        diagnostics::debug!("{}: {error}", transport.peer);
                        return;
                    }
                }
            }
        }
    }
}

fn earlier(deadline: Option<Instant>, other: Instant) -> Instant {
    deadline.map_or(other, |deadline| deadline.min(other))
}

/// Rung by wakers.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    bell: Condvar,
}

impl Bell {
    fn was_rung(&self) -> bool {
        std::mem::take(&mut *lock(&self.rung))
    }

    /// Waits until the bell rings. Returns false if the deadline came first.
    fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut rung = lock(&self.rung);
        while !std::mem::take(&mut *rung) {
            let left = deadline.map_or(SLICE, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            (rung, _) = wait_for(&self.bell, rung, left);
        }
        true
    }
}

impl Wake for Bell {
    fn wake(&self, _: usize, _: Token) {
        *lock(&self.rung) = true;
        self.bell.notify_all();
    }

    fn polls(&self) -> bool {
        false
    }
}

/// Without a loop, nothing is known of the socket, so everything is tried.
const READY: Readiness = Readiness { read: true, write: true, end: false, broken: false };
/// There is only one connection.
const TOKEN: Token = Token { index: 0, generation: 0 };
/// The token of the waker that tells that the server stops.
const WAKER: mio::Token = mio::Token(usize::MAX);
/// How often a connection that waits only for a waker looks whether the server stops.
const LOOK: Duration = Duration::from_millis(100);
/// How long a connection waits for its socket alone while a waker may ring.
const SLICE: Duration = Duration::from_millis(20);
