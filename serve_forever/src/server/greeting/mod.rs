//! What every connection has before and after its protocol: the greeting and the polite end.
//!
//! A connection is admitted, tells its client's address if it comes from a proxy
//! ([`announcement`]), finishes the handshake of its transport, and only then meets its protocol.
//! When the protocol is done, the connection may [linger](lingering).

pub(crate) mod announcement;
pub(crate) mod lingering;
pub(crate) mod proxy_header;
pub(crate) mod stage;

use std::io::ErrorKind;
use std::time::Instant;

use crate::diagnostics;
use crate::transport::{Handshake, Transport};

use super::config::Config;
use super::handover::slots::Readiness;
use super::learned::Kind;
use super::protocol::{Admission, Next};

use announcement::{Announcement, Heard};

/// The part of a connection's life before its protocol.
#[derive(Debug)]
pub(crate) struct Greeting {
    /// The PROXY header that is still expected.
    announcement: Option<Announcement>,
    /// When the connection is closed if its greeting is not over.
    deadline: Option<Instant>,
    /// Bytes behind the PROXY header.
    early: Vec<u8>,
    /// Whether the connection was welcome when it was accepted.
    admission: Admission,
}

/// How far a greeting has come.
pub(crate) enum Greeted {
    /// The greeting is not over.
    Next(Next),
    /// The protocol begins. These bytes of it have been received already.
    Done(Vec<u8>),
}

impl Greeting {
    /// The greeting that a new connection needs, if it needs one.
    pub(crate) fn of(
        transport: &Transport,
        config: &Config,
        admission: Admission,
        now: Instant,
    ) -> Option<Self> {
        let announced = config.proxy_protocol.is_some();
        (announced || transport.is_handshaking()).then(|| Self {
            announcement: announced.then(Announcement::default),
            deadline: now.checked_add(config.head_timeout),
            early: Vec::new(),
            admission,
        })
    }

    /// Goes on as far as possible without blocking and without computing.
    pub(crate) fn turn(
        &mut self,
        transport: &Transport,
        config: &Config,
        readiness: &mut Readiness,
    ) -> Greeted {
        if let Some(announcement) = &mut self.announcement {
            match announcement.receive(transport, config, readiness, self.deadline) {
                Heard::Next(next) => return Greeted::Next(next),
                Heard::All(rest) => {
                    self.announcement = None;
                    self.early = transport.feed(rest);
                }
            }
        }
        match transport.handshake() {
            Ok(Handshake::Done) => Greeted::Done(std::mem::take(&mut self.early)),
            Ok(Handshake::Computes) => {
                Greeted::Next(Next::Run { kind: Kind::part("handshake"), permit: false })
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                readiness.drained();
                Greeted::Next(Next::read(self.deadline))
            }
            Err(error) => {
                diagnostics::debug!("{}: the handshake failed: {error}", transport.peer);
                Greeted::Next(Next::Close)
            }
        }
    }

    /// The part of a handshake that computes. The loop is not held.
    pub(crate) fn run(transport: &Transport) -> Next {
        transport.compute_handshake();
        Next::Again
    }

    /// Whether the client has sent a part of it: then it is expected to go on.
    pub(crate) fn has_begun(&self) -> bool {
        self.announcement.as_ref().is_none_or(Announcement::has_begun)
    }
}
