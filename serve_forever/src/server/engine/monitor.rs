//! The monitor takes loops away from jobs that do not return soon.

use std::time::{Duration, Instant};

use crate::server::handover::pool::HandOver;
use crate::server::handover::state::JobId;
use crate::server::protocol::Protocol;

use super::Engine;

/// Watches the loops until the engine ends.
///
/// A job that is seen at two ticks in a row loses its loop. A brief job loses it only if the ticks
/// are not short, or after several of them. A job costs the driver one store and one
/// compare-and-swap; only the monitor reads clocks.
pub(crate) fn watch<P: Protocol>(engine: &Engine<P>) {
    let mut seen: Vec<Option<(JobId, u32)>> = vec![None; engine.loops.len()];
    let mut hot = 0_u32;
    // No job has blocked yet.
    let mut calm = CALM_TICKS;
    let mut quiet = 0_u32;
    let mut retried = Instant::now();
    while !engine.is_over() {
        std::thread::sleep(match (hot, calm) {
            (1.., _) => SHORT_TICK,
            (0, ..CALM_TICKS) => LONG_TICK,
            (0, _) => CALM_TICK,
        });
        hot = hot.saturating_sub(1);
        calm = calm.saturating_add(1);
        if retried.elapsed() >= RETRY_THREADS {
            retried = Instant::now();
            engine.retry_threads();
        }
        let mut all_polling = true;
        for (each, seen) in engine.loops.iter().zip(&mut seen) {
            // The present job of the loop, and at how many earlier ticks it was seen.
            let job = each.state.job().map(|job| match *seen {
                Some((before, looks)) if before == job => (job, looks.saturating_add(1)),
                _ => (job, 0),
            });
            if let Some((job, looks)) = job
                && looks >= if hot > 0 && job.is_brief() { BRIEF_LOOKS } else { 1 }
                && engine.take_loop(each.index, job) == HandOver::Done
            {
                (hot, calm) = (HOT_TICKS, 0);
            }
            *seen = job;
            all_polling &= each.state.is_polling();
        }
        quiet = if all_polling { quiet + 1 } else { 0 };
        if quiet >= QUIET_TICKS {
            engine
                .watch
                .sleep_while(|| !engine.is_over() && engine.loops.iter().all(|each| each.state.is_polling()));
            quiet = 0;
        }
    }
}

/// The tick while loops change hands.
const SHORT_TICK: Duration = Duration::from_micros(100);
/// The tick otherwise.
const LONG_TICK: Duration = Duration::from_millis(1);
/// The tick of a server whose jobs have not blocked for long. The first job that blocks holds the
/// others up for a longer time then. In return, a thread that wakes up a thousand times per second
/// would take several per cent of a core.
const CALM_TICK: Duration = Duration::from_millis(4);
/// Ticks without a hand-over before the ticks become long: a quarter of a second after the short
/// ticks.
const CALM_TICKS: u32 = HOT_TICKS + 250;
/// Short ticks after each hand-over.
const HOT_TICKS: u32 = 1000;
/// Short ticks at which a brief job may be seen before it loses its loop. Sending a part of a file
/// takes about as long as one short tick, and a hand-over for each part would cost too much.
const BRIEF_LOOKS: u32 = 10;
/// Ticks with every loop in its poll before the monitor sleeps. One is not enough: a loop under
/// light load is in its poll at most ticks, and waking the monitor for each of its requests costs
/// more than the ticks.
const QUIET_TICKS: u32 = 20;
/// How often to try for more threads after the system has refused one.
const RETRY_THREADS: Duration = Duration::from_secs(1);
