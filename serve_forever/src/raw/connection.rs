//! One raw connection: its handler, and the polite end.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use crate::diagnostics;
use crate::server::unsent::Load;
use crate::server::announcement::{Announcement, Heard};
use crate::server::hooks::{ErrorReport, Shown, catch};
use crate::server::learned::Kind;
use crate::server::protocol::{Admission, Cause, Connection, Next, Run, Turn};
use crate::stream::Stream;
use crate::sys;
use crate::transport::Transport;

use super::Raw;
use super::handler::BaseRequestHandler;

/// Where a raw connection is in its life.
#[derive(Debug)]
pub struct RawConnection {
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Unwelcome,
    /// The proxy is to say whom it speaks for.
    Announcing(Announcement),
    /// What came behind that is for the handler.
    New(Vec<u8>),
    /// The handler is done; read on for a while, so that its last words are not lost to a reset.
    Lingering(Instant),
}

impl RawConnection {
    pub(crate) fn new(admission: Admission) -> Self {
        let phase = match admission {
            Admission::Welcome => Phase::New(Vec::new()),
            Admission::Unannounced => Phase::Announcing(Announcement::default()),
            Admission::TooMany => Phase::Unwelcome,
        };
        Self { phase }
    }
}

impl<H: BaseRequestHandler + 'static> Connection<Raw<H>> for RawConnection {
    fn turn(&mut self, cx: &mut Turn<'_, Raw<H>>) -> Next {
        if matches!(cx.cause, Cause::NoPermit | Cause::NoRoom | Cause::Expired) {
            return Next::Close;
        }
        match &mut self.phase {
            Phase::Unwelcome => Next::Close,
            Phase::Announcing(announcement) => {
                match announcement.receive(cx.transport, cx.config, cx.readiness, cx.now) {
                    Heard::Next(_) if cx.stopping => Next::Close,
                    Heard::Next(next) => next,
                    Heard::All(rest) => {
                        self.phase = Phase::New(rest);
                        // Whether this client is welcome is decided before its next turn.
                        Next::Again
                    }
                }
            }
            // Who has said something is answered also by a server that stops.
            Phase::New(early) => {
                if cx.stopping && !has_spoken(early, cx.transport) {
                    return Next::Close;
                }
                Next::Run { kind: Kind::part("raw"), permit: true }
            }
            Phase::Lingering(until) => {
                let mut buffer = [0; 4096];
                for _ in 0..READS_PER_TURN {
                    match cx.transport.recv(&mut buffer) {
                        Ok(0) => return Next::Close,
                        Ok(_) => {}
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            cx.readiness.read = false;
                            // It makes room as an idle one does, but a server that stops gives it
                            // its time.
                            let idle = !cx.stopping;
                            return Next::Wait { read: true, write: false, deadline: Some(*until), idle };
                        }
                        Err(_) => return Next::Close,
                    }
                }
                if cx.now >= *until { Next::Close } else { Next::Again }
            }
        }
    }

    fn run(&mut self, cx: &mut Run<'_, Raw<H>>) -> Next {
        let early = match &mut self.phase {
            Phase::New(early) => std::mem::take(early),
            _ => Vec::new(),
        };
        let mut stream = Stream::new(Arc::clone(cx.transport), cx.seat.to_owned(), cx.server.clone(), early);
        let report = |error: String, panicked: bool| {
            cx.server.hooks().report(&ErrorReport { client_address: cx.transport.client(), error, panicked });
        };
        let tell = |outcome: Result<io::Result<()>, String>| match outcome {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                let is_disconnect = sys::is_disconnect(&error);
                let Shown { text, panicked, dropped } = Shown::of(error);
                if is_disconnect {
                    diagnostics::debug!("{}: the client left: {text}", cx.transport.peer);
                } else {
                    report(text, panicked);
                }
                if let Err(panic) = dropped {
                    report(panic, true);
                }
                false
            }
            Err(panic) => {
                report(panic, true);
                false
            }
        };
        match catch(|| cx.protocol.make()) {
            Err(panic) => report(panic, true),
            Ok(mut handler) => {
                if tell(catch(|| handler.setup(&mut stream))) {
                    tell(catch(|| handler.handle(&mut stream)));
                    tell(catch(|| handler.finish(&mut stream)));
                }
                tell(catch(|| {
                    drop(handler);
                    Ok(())
                }));
            }
        }
        cx.seat.resume(stream.seat());
        drop(stream);
        cx.transport.finish_writing();
        self.phase = Phase::Lingering(Instant::now() + cx.config.linger_timeout);
        Next::Again
    }

    fn load(&self) -> Option<Load> {
        match &self.phase {
            Phase::Announcing(announcement) if announcement.has_begun() => Some(Load::default()),
            _ => None,
        }
    }

    fn park(&mut self, (): &mut ()) {}
}

/// Whether the client has sent anything. What is received goes to the handler first.
#[cold]
fn has_spoken(early: &mut Vec<u8>, transport: &Transport) -> bool {
    if early.is_empty() {
        let mut piece = [0; FIRST_PIECE];
        if let Ok(count) = transport.recv(&mut piece) {
            early.extend_from_slice(&piece[..count]);
        }
    }
    !early.is_empty()
}

/// Bytes that are received to see whether there are any.
const FIRST_PIECE: usize = 1024;
/// Reads of unwanted octets before others have their turn.
const READS_PER_TURN: usize = 16;
