//! The PROXY header with which a connection from a trusted proxy begins.

use std::io::ErrorKind;
use std::time::Instant;

use crate::diagnostics;
use crate::transport::Transport;

use crate::server::config::Config;
use crate::server::handover::slots::Readiness;
use crate::server::protocol::Next;

use super::proxy_header::{self, Parsed};

/// What has arrived of a PROXY header.
#[derive(Debug, Default)]
pub(crate) struct Announcement {
    bytes: Vec<u8>,
}

/// The result of receiving.
pub(crate) enum Heard {
    /// The header is not complete, or malformed.
    Next(Next),
    /// The transport knows its client. These bytes came behind the header.
    All(Vec<u8>),
}

impl Announcement {
    /// Whether a part of the header has arrived.
    pub(crate) fn has_begun(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Receives the header, as far as it has arrived. Closes the connection if it begins with
    /// anything else: the address of a trusted proxy must never pass for that of its client.
    pub(crate) fn receive(
        &mut self,
        transport: &Transport,
        config: &Config,
        readiness: &mut Readiness,
        deadline: Option<Instant>,
    ) -> Heard {
        let await_more = |bytes: &[u8]| {
            let idle = bytes.is_empty();
            Heard::Next(Next::Wait { read: true, write: false, deadline, idle })
        };
        let mut piece = [0; PIECE];
        loop {
            let received = match transport.recv_raw(&mut piece) {
                Ok(received) if received.count == 0 => return Heard::Next(Next::Close),
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    readiness.drained();
                    return await_more(&self.bytes);
                }
                Err(error) => {
                    diagnostics::debug!("{}: {error}", transport.peer);
                    return Heard::Next(Next::Close);
                }
            };
            readiness.received(received.more);
            self.bytes.extend_from_slice(&piece[..received.count]);
            match proxy_header::parse(&self.bytes, config.max_proxy_header_size) {
                Ok(Parsed::Complete { client, length }) => {
                    transport.announce(client);
                    return Heard::All(self.bytes.split_off(length));
                }
                Ok(Parsed::Partial) if readiness.read => {}
                Ok(Parsed::Partial) => return await_more(&self.bytes),
                Err(proxy_header::Malformed) => {
                    diagnostics::debug!("{}: the proxy sent no PROXY header", transport.peer);
                    return Heard::Next(Next::Close);
                }
            }
        }
    }
}

/// Bytes that are received at a time.
const PIECE: usize = 1024;
