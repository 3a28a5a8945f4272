//! The link that `rfile` and `wfile` share: the transport to the client, and its timeouts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::server::access_log::AccessLog;
use crate::server::config::Config;
use crate::server::seat::Seat;
use crate::server::throughput::Throughput;
use crate::sys::Interest;
use crate::transport::Transport;

/// The link of one request to its client.
#[derive(Debug)]
pub(crate) struct Link<'r> {
    pub(crate) transport: &'r Arc<Transport>,
    pub(crate) seat: &'r Seat<'r>,
    pub(crate) config: &'r Config,
    /// The log for the lines of the responses.
    pub(crate) log: &'r AccessLog,
    /// Bytes per second. 0 means no minimum.
    minimum_rate: AtomicU32,
}

impl<'r> Link<'r> {
    pub(crate) fn new(
        transport: &'r Arc<Transport>,
        seat: &'r Seat<'r>,
        config: &'r Config,
        log: &'r AccessLog,
    ) -> Self {
        Self { transport, seat, config, log, minimum_rate: AtomicU32::new(config.minimum_rate) }
    }

    pub(crate) fn set_minimum_rate(&self, bytes_per_second: u32) {
        self.minimum_rate.store(bytes_per_second, Ordering::Relaxed);
    }

    pub(crate) fn minimum_rate(&self) -> u32 {
        self.minimum_rate.load(Ordering::Relaxed)
    }

    /// Blocks until the client has sent a part of its body, or taken a part of the response, after
    /// `moved` bytes of it. Fails with `TimedOut` after `stall`, or when the client has been too
    /// slow according to `pace`. Returns false if another request needs the thread.
    pub(crate) fn wait(
        &self,
        interest: Interest,
        stall: Duration,
        moved: u64,
        pace: &mut Pace,
    ) -> io::Result<bool> {
        let started = Instant::now();
        let patience = pace.patience(stall, self.minimum_rate(), self.config.minimum_rate_after);
        let deadline = started.checked_add(patience);
        let throughput = pace.throughput(moved, started);
        let ready = self.seat.wait_for_client(self.transport, interest, deadline, throughput)?;
        pace.waited += started.elapsed();
        match ready {
            Some(true) => Ok(true),
            Some(false) => Err(io::ErrorKind::TimedOut.into()),
            None => Ok(false),
        }
    }
}

/// The pace of a client: how fast it sends or takes, without the time in which no handler waited
/// for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    pub(crate) bytes: u64,
    pub(crate) waited: Duration,
    /// The recent throughput, since the first wait.
    recent: Option<Throughput>,
    /// Bytes that are counted in it.
    counted: u64,
}

impl Pace {
    pub(crate) fn new(bytes: u64, waited: Duration) -> Self {
        Self { bytes, waited, ..Self::default() }
    }

    /// Returns the recent throughput, after `moved` bytes in all.
    fn throughput(&mut self, moved: u64, now: Instant) -> Throughput {
        let recent = self.recent.get_or_insert_with(|| Throughput::new(now));
        recent.add(moved.saturating_sub(self.counted), now);
        self.counted = moved;
        *recent
    }

    /// Returns how long to wait now: `stall`, or less if the average falls below `rate` before
    /// that.
    pub(crate) fn patience(&self, stall: Duration, rate: u32, after: Duration) -> Duration {
        if rate == 0 {
            return stall;
        }
        let earned = Duration::from_millis(self.bytes.saturating_mul(1000) / u64::from(rate));
        stall.min(after.saturating_add(earned).saturating_sub(self.waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_slow_all_the_time_gets_less_patience_than_one_that_pauses() {
        let (stall, after) = (Duration::from_secs(30), Duration::from_secs(5));
        let slow = Pace::new(500, Duration::from_secs(4));
        assert_eq!(slow.patience(stall, 500, after), Duration::from_secs(2));
        let fast = Pace::new(1_000_000, Duration::from_secs(4));
        assert_eq!(fast.patience(stall, 500, after), stall);
        assert_eq!(slow.patience(stall, 0, after), stall);
    }
}
