//! The monitor: takes loops away from jobs that do not return soon.

use std::time::{Duration, Instant};

use crate::server::handover::pool::HandOver;
use crate::server::handover::state::Job;
use crate::server::protocol::Protocol;

use super::Engine;

/// Watches the loops until the engine is over.
///
/// A job that is seen at two ticks in a row has lost its loop (a brief one only where the ticks are not short, or there
/// are many of them). The driver pays for this with one store and one compare-and-swap per job; all clocks are here.
pub(crate) fn watch<P: Protocol>(engine: &Engine<P>) {
    let mut seen: Vec<Option<(Job, u32)>> = vec![None; engine.loops.len()];
    let mut hot = 0_u32;
    // Nothing has blocked yet.
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
            // The job that it is in, and at how many looks before this one it was.
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

/// Between two looks while loops change hands.
const SHORT_TICK: Duration = Duration::from_micros(100);
/// Between two looks otherwise.
const LONG_TICK: Duration = Duration::from_millis(1);
/// Between two looks at a server none of whose jobs has blocked for long. Its first job to block holds up the others
/// for so much longer; a thread that is woken up a thousand times a second takes several per cent of a core.
const CALM_TICK: Duration = Duration::from_millis(4);
/// Looks without a hand-over, after which that is so: a quarter of a second beyond the short ticks.
const CALM_TICKS: u32 = HOT_TICKS + 250;
/// Short ticks after each hand-over.
const HOT_TICKS: u32 = 1000;
/// Short ticks at which a brief job may be seen before it loses its loop. To send a part of a file takes about as long
/// as one of them; a loop that changed hands for each would do little else.
const BRIEF_LOOKS: u32 = 10;
/// Ticks with every loop in its poll, after which the monitor sleeps. Not one: a loop under light load is in
/// its poll at most looks, and to wake the monitor for each of its requests costs more than the ticks.
const QUIET_TICKS: u32 = 20;
/// How often more threads are tried for after the system refused one.
const RETRY_THREADS: Duration = Duration::from_secs(1);
