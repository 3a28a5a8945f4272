//! Where in its life a connection is.

use std::time::Instant;

use crate::server::config::Config;
use crate::server::protocol::{Admission, Admitted, Cause, Connection, Next, Protocol, Run, Sending, Turn};
use crate::server::unsent::Load;
use crate::transport::Transport;

use super::lingering::Lingering;
use super::{Greeted, Greeting};

/// A connection before, with or after its protocol.
pub(crate) enum Stage<P: Protocol> {
    Greeting(Box<Greeting>),
    Serving(P::Connection),
    Lingering(Lingering),
}

impl<P: Protocol> Stage<P> {
    /// A new connection.
    pub(crate) fn begin(
        protocol: &P,
        config: &Config,
        transport: &Transport,
        admission: Admission,
        now: Instant,
    ) -> Self {
        match Greeting::of(transport, config, admission, now) {
            Some(greeting) => Self::Greeting(Box::new(greeting)),
            None => Self::Serving(protocol.connect(Admitted { admission, early: Vec::new(), now })),
        }
    }

    /// One turn. `admit` is asked at the end of the greeting, when the client is known.
    #[inline]
    pub(crate) fn turn(&mut self, cx: &mut Turn<'_, P>, admit: impl FnOnce() -> Admission) -> Next {
        if cx.transport.has_unsent() {
            // What stays is sent when the socket has room; an error shows with the next read.
            let _ = cx.transport.flush();
        }
        match self {
            Self::Serving(connection) => {
                let next = connection.turn(cx);
                settled(next, cx.transport)
            }
            _ => self.turn_aside(cx, admit),
        }
    }

    #[cold]
    fn turn_aside(&mut self, cx: &mut Turn<'_, P>, admit: impl FnOnce() -> Admission) -> Next {
        match cx.cause {
            Cause::Ready | Cause::Stopping => {}
            Cause::NoRoom => {
                cx.transport.abort();
                return Next::Close;
            }
            Cause::Expired | Cause::NoPermit => return Next::Close,
        }
        match self {
            Self::Lingering(lingering) => lingering.turn(cx.transport, cx.readiness, cx.stopping, cx.now),
            Self::Greeting(greeting) => match greeting.turn(cx.transport, cx.config, cx.readiness) {
                // A server that stops does not wait for a client that has not asked for anything.
                Greeted::Next(Next::Wait { .. }) if cx.stopping => Next::Close,
                Greeted::Next(next) => next,
                Greeted::Done(early) => {
                    let admission = match greeting.admission {
                        Admission::Welcome => admit(),
                        Admission::TooMany => Admission::TooMany,
                    };
                    let admitted = Admitted { admission, early, now: cx.now };
                    *self = Self::Serving(cx.protocol.connect(admitted));
                    // Its turn follows: a second call here would keep the usual one from being
                    // inlined.
                    Next::Again
                }
            },
            Self::Serving(_) => Next::Again,
        }
    }

    /// What a [turn](Self::turn) asked for: the loop is not held.
    #[inline]
    pub(crate) fn run(&mut self, cx: &mut Run<'_, P>) -> Next {
        match self {
            Self::Serving(connection) => {
                let next = connection.run(cx);
                settled(next, cx.transport)
            }
            Self::Greeting(_) => Greeting::run(cx.transport),
            Self::Lingering(_) => Next::Again,
        }
    }

    #[inline]
    pub(crate) fn send_held(&mut self, cx: &mut Sending<'_, P>) -> Option<Next> {
        match self {
            Self::Serving(connection) => connection.send_held(cx),
            _ => None,
        }
    }

    pub(crate) fn load(&self) -> Option<Load> {
        match self {
            Self::Greeting(greeting) => greeting.has_begun().then(Load::default),
            Self::Serving(connection) => connection.load(),
            Self::Lingering(_) => None,
        }
    }

    /// Whether the request that waits for its run has arrived as a whole.
    pub(crate) fn is_whole(&self, config: &Config) -> bool {
        match self {
            Self::Serving(connection) => connection.is_whole(config),
            _ => true,
        }
    }

    pub(crate) fn park(&mut self, scratch: &mut P::Scratch) {
        if let Self::Serving(connection) = self {
            connection.park(scratch);
        }
    }

    /// The protocol is done with the connection.
    pub(crate) fn linger(&mut self, lingering: Lingering) {
        *self = Self::Lingering(lingering);
    }
}

/// What comes next for a connection that has said `next`: what the transport has taken of it is
/// sent even if the connection closes.
#[inline]
fn settled(next: Next, transport: &Transport) -> Next {
    if next == Next::Close && transport.has_unsent() {
        transport.finish_writing();
        return Next::Linger;
    }
    next
}
