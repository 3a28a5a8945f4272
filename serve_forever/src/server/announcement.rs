//! The first octets of a connection from a trusted proxy, in which it says whom it speaks for.

use std::io::ErrorKind;
use std::time::Instant;

use crate::diagnostics;
use crate::transport::Transport;

use super::config::Config;
use super::handover::slots::Readiness;
use super::protocol::Next;
use super::proxy_header::{self, Parsed};

/// What has come of a PROXY header.
#[derive(Debug, Default)]
pub(crate) struct Announcement {
    octets: Vec<u8>,
    since: Option<Instant>,
}

/// What came of listening for it.
pub(crate) enum Heard {
    /// There is more to come, or nothing will.
    Next(Next),
    /// The transport knows its client. These octets came behind the header.
    All(Vec<u8>),
}

impl Announcement {
    /// Whether a part of the header has come.
    pub(crate) fn has_begun(&self) -> bool {
        !self.octets.is_empty()
    }

    /// Receives the header, as far as it is there. What is no header closes the connection: who trusts must be sure whom it is that
    /// he answers.
    pub(crate) fn receive(
        &mut self,
        transport: &Transport,
        config: &Config,
        readiness: &mut Readiness,
        now: Instant,
    ) -> Heard {
        let deadline = self.since.get_or_insert(now).checked_add(config.head_timeout);
        let await_more = |octets: &[u8]| {
            let idle = octets.is_empty();
            Heard::Next(Next::Wait { read: true, write: false, deadline, idle })
        };
        let mut piece = [0; PIECE];
        loop {
            let count = match transport.recv(&mut piece) {
                Ok(0) => return Heard::Next(Next::Close),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    readiness.read = false;
                    readiness.end = false;
                    return await_more(&self.octets);
                }
                Err(error) => {
                    diagnostics::debug!("{}: {error}", transport.peer);
                    return Heard::Next(Next::Close);
                }
            };
            readiness.read = count == piece.len() || readiness.end;
            self.octets.extend_from_slice(&piece[..count]);
            match proxy_header::parse(&self.octets, config.max_proxy_header_size) {
                Ok(Parsed::Complete { client, length }) => {
                    transport.announce(client);
                    return Heard::All(self.octets.split_off(length));
                }
                Ok(Parsed::Partial) if readiness.read => {}
                Ok(Parsed::Partial) => return await_more(&self.octets),
                Err(proxy_header::Malformed) => {
                    diagnostics::debug!("{}: the proxy sent no PROXY header", transport.peer);
                    return Heard::Next(Next::Close);
                }
            }
        }
    }
}

/// Octets received at a time.
const PIECE: usize = 1024;
