//! One connection on the calling thread, without a loop: `handle_request`, and tests without sockets.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::diagnostics;
use crate::sync::{lock, wait_for};
use crate::sys::{Interest, Listener};
use crate::transport::Transport;

use super::config::Config;
use super::handle::ServerHandle;
use super::handover::slots::{Readiness, Token};
use super::protocol::{Admission, Cause, Connection, Job, JobRun, Next, Protocol, Run, Turn};
use super::seat::Seat;
use super::waker::{Wake, Waker};

/// The next connection; `None` when none came before the deadline.
pub(crate) fn accept(
    listeners: &[Listener],
    deadline: Option<Instant>,
) -> io::Result<Option<(Transport, SocketAddr)>> {
    loop {
        for listener in listeners {
            match listener.accept() {
                Ok((socket, peer)) => {
                    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                    let local = listener.local_address()?;
                    return Ok(Some((Transport::plain(socket, peer, local), peer)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(None);
        }
        match listeners {
            [only] => {
                only.wait(deadline)?;
            }
            // Several listeners and nobody to poll them all: look at each in turn.
            several => {
                for listener in several {
                    let slice = Instant::now() + SLICE;
                    if listener.wait(Some(deadline.map_or(slice, |deadline| deadline.min(slice))))? {
                        break;
                    }
                }
            }
        }
    }
}

/// Serves one connection until it is over.
pub(crate) fn serve<P: Protocol>(
    protocol: &P,
    config: &Config,
    server: &ServerHandle,
    transport: &Arc<Transport>,
) {
    let mut scratch = protocol.scratch(config);
    let admission = if config.proxy_protocol.is_some() { Admission::Unannounced } else { Admission::Welcome };
    let mut connection = protocol.connect(admission);
    let bell = Arc::new(Bell::default());
    let wake: Arc<dyn Wake> = Arc::clone(&bell) as Arc<dyn Wake>;
    let mut readiness = READY;
    let mut jobs = Vec::new();
    let mut cause = Cause::Ready;
    let seat = Seat::alone();
    loop {
        let mut next = connection.turn(&mut Turn {
            protocol,
            config,
            server,
            transport,
            readiness: &mut readiness,
            scratch: &mut scratch,
            jobs: &mut jobs,
            waker: Waker { engine: &wake, index: 0, token: TOKEN },
            cause,
            stopping: false,
            began: None,
            now: Instant::now(),
        });
        cause = Cause::Ready;
        if let Next::Run { kind, .. } = next {
            next = connection.run(&mut Run {
                protocol,
                config,
                server,
                transport,
                scratch: &mut scratch,
                seat: &seat,
                waker: Waker { engine: &wake, index: 0, token: TOKEN },
                kind: &Cell::new(kind),
                learned: None,
                started: Instant::now(),
                holds: None,
            });
        }
        for job in jobs.drain(..) {
            job.run(&mut JobRun { protocol, seat: &seat });
        }
        match next {
            Next::Close => return,
            Next::Again | Next::Run { .. } => {}
            Next::Wait { read, write, deadline, idle } => {
                if bell.was_rung() {
                    continue;
                }
                let interest = match (read, write) {
                    (true, true) => Interest::Both,
                    (false, true) => Interest::Write,
                    (true, false) => Interest::Read,
                    (false, false) => {
                        if !bell.wait(deadline) {
                            cause = Cause::Expired;
                        }
                        continue;
                    }
                };
                // Who waits for the socket does not hear the bell, so whoever could ring it is listened for in between.
                let may_ring = Arc::weak_count(&bell) > 0;
                let mut until =
                    if may_ring { Some(earlier(deadline, Instant::now() + SLICE)) } else { deadline };
                if may_ring && !write && !idle {
                    // There may be octets that nobody wants yet: waiting for them would not wait.
                    if bell.wait(until) {
                        continue;
                    }
                    if until != deadline {
                        until = Some(Instant::now());
                    }
                }
                match transport.wait(interest, until) {
                    Ok(true) => readiness = READY,
                    Ok(false) if until != deadline => {}
                    Ok(false) => cause = Cause::Expired,
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

    /// False when the deadline came first.
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
}

/// Whatever is tried may succeed; without a loop nobody can say more.
const READY: Readiness = Readiness { read: true, write: true, end: false, broken: false };
/// There is only one connection.
const TOKEN: Token = Token { index: 0, generation: 0 };
/// How long one of several listeners is looked at.
const SLICE: Duration = Duration::from_millis(20);
