//! What every server of the benchmark needs: its options, the line by which the harness learns its
//! port, and the two ways in which a handler can be slow.

mod burn;
mod options;

use std::io::Write;
use std::net::SocketAddr;

pub use burn::burn;
pub use options::Options;

/// The body of `/`.
pub const HOMEPAGE: &[u8] = b"Homepage\n";

/// A date of the right length: the floor and the plain server are not charged for formatting one.
pub const DATE: &str = "Sat, 01 Jan 2000 00:00:00 GMT";

/// Tells the harness where `what` is to be found.
pub fn announce(what: &str, address: SocketAddr) {
    let mut out = std::io::stdout().lock();
    // A harness that is gone needs no line.
    let _ = writeln!(out, "{what} on {address}").and_then(|()| out.flush());
}

/// What a request target asks for; every server knows the same few paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Homepage,
    Sleep(u64),
    Burn(u64),
    Unknown,
}

impl Task {
    pub fn of(target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let milliseconds = || query.strip_prefix("ms=").and_then(|ms| ms.parse().ok()).unwrap_or(0);
        match path {
            "/" => Self::Homepage,
            "/sleep" => Self::Sleep(milliseconds()),
            "/burn" => Self::Burn(milliseconds()),
            _ => Self::Unknown,
        }
    }

    /// Does it on this thread, which stands still meanwhile.
    pub fn run(self) {
        match self {
            Self::Sleep(ms) => std::thread::sleep(std::time::Duration::from_millis(ms)),
            Self::Burn(ms) => burn(std::time::Duration::from_millis(ms)),
            Self::Homepage | Self::Unknown => {}
        }
    }
}
