//! The end of a connection whose last bytes must not be lost to a reset.
//!
//! A socket that is closed while received bytes are unread resets the connection, and a reset makes
//! the client's system discard what the client has not read yet (RFC 9112, section 9.6). Hence the
//! server closes its own direction first and reads away what still comes.

use std::io::ErrorKind;
use std::time::Instant;

use crate::server::handover::slots::Readiness;
use crate::server::protocol::Next;
use crate::transport::Transport;

/// A connection that the server has finished writing to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lingering {
    until: Instant,
}

impl Lingering {
    /// Ends at `until` at the latest.
    pub(crate) fn new(until: Instant) -> Self {
        Self { until }
    }

    /// Reads and discards until the client has closed its side too.
    pub(crate) fn turn(
        self,
        transport: &Transport,
        readiness: &mut Readiness,
        stopping: bool,
        now: Instant,
    ) -> Next {
        if now >= self.until {
            return Next::Close;
        }
        let mut buffer = [0; PIECE];
        for _ in 0..READS_PER_TURN {
            match transport.recv(&mut buffer) {
                Ok(received) if received.count == 0 => return Next::Close,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    readiness.drained();
                    // The response is out, so the connection makes room for others as an idle one
                    // does. A server that stops waits for it nevertheless.
                    return Next::Wait {
                        read: true,
                        write: false,
                        deadline: Some(self.until),
                        idle: !stopping,
                    };
                }
                Err(_) => return Next::Close,
            }
        }
        Next::Again
    }
}

/// Bytes that are read at a time.
const PIECE: usize = 4 * 1024;
/// Reads of unwanted bytes before other connections have their turn.
const READS_PER_TURN: usize = 16;
