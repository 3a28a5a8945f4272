//! What `rfile` and `wfile` share: the way to the peer, and how long it may take.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::server::access_log::AccessLog;
use crate::server::config::Config;
use crate::server::seat::Seat;
use crate::sys::Interest;
use crate::transport::Transport;

/// One request's way to its peer.
#[derive(Debug)]
pub(crate) struct Link<'r> {
    pub(crate) transport: &'r Arc<Transport>,
    pub(crate) seat: &'r Seat<'r>,
    pub(crate) config: &'r Config,
    /// For the lines of the responses that go this way.
    pub(crate) log: &'r AccessLog,
    /// Octets per second; 0 is no minimum.
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

    pub(crate) fn set_minimum_rate(&self, octets_per_second: u32) {
        self.minimum_rate.store(octets_per_second, Ordering::Relaxed);
    }

    pub(crate) fn minimum_rate(&self) -> u32 {
        self.minimum_rate.load(Ordering::Relaxed)
    }

    /// Blocks until the peer sent a part of its body, after `received` bytes of it. `TimedOut` as
    /// for [`Link::wait`]. False: another request needs the thread.
    pub(crate) fn wait_for_body(&self, received: u64, pace: &mut Pace) -> io::Result<bool> {
        let started = Instant::now();
        let patience =
            pace.patience(self.config.body_timeout, self.minimum_rate(), self.config.minimum_rate_after);
        let deadline = started.checked_add(patience);
        let ready = self.seat.wait_for_body(self.transport, deadline, received, pace.waited)?;
        pace.waited += started.elapsed();
        match ready {
            Some(true) => Ok(true),
            Some(false) => Err(io::ErrorKind::TimedOut.into()),
            None => Ok(false),
        }
    }

    /// Blocks until the peer sent or took something. `TimedOut` when that took longer than `stall`, or when `pace`
    /// says that it was too slow all the time.
    pub(crate) fn wait(&self, interest: Interest, stall: Duration, pace: &mut Pace) -> io::Result<()> {
        let started = Instant::now();
        let patience = pace.patience(stall, self.minimum_rate(), self.config.minimum_rate_after);
        let ready = self.seat.wait(self.transport, interest, started.checked_add(patience))?;
        pace.waited += started.elapsed();
        if ready { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    }
}

/// How fast a peer sends or takes, not counting the time in which nobody waited for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    pub(crate) octets: u64,
    pub(crate) waited: Duration,
}

impl Pace {
    /// How long to wait now: `stall`, or less when the average would fall below `rate` before that.
    pub(crate) fn patience(&self, stall: Duration, rate: u32, after: Duration) -> Duration {
        if rate == 0 {
            return stall;
        }
        let earned = Duration::from_millis(self.octets.saturating_mul(1000) / u64::from(rate));
        stall.min(after.saturating_add(earned).saturating_sub(self.waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_slow_all_the_time_gets_less_patience_than_one_that_pauses() {
        let (stall, after) = (Duration::from_secs(30), Duration::from_secs(5));
        let slow = Pace { octets: 500, waited: Duration::from_secs(4) };
        assert_eq!(slow.patience(stall, 500, after), Duration::from_secs(2));
        let fast = Pace { octets: 1_000_000, waited: Duration::from_secs(4) };
        assert_eq!(fast.patience(stall, 500, after), stall);
        assert_eq!(slow.patience(stall, 0, after), stall);
    }
}
