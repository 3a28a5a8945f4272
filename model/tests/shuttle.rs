//! The whole miniature engine under schedules drawn at random: `shuttle` runs two loops, the
//! monitor, clients, handlers of every kind, wakers, cut connections and the shutdown
//! ([`engine::stress`]), with another schedule, another load and other times that run out in each
//! run.
//!
//! What is here in one run is too much to try in every order; for the pairs that matter `loom.rs`
//! does that, and says how the parts of these tests belong together. Here all accesses are
//! sequentially consistent.
//!
//! The seeds are fixed: a run is the same every time, and a failure says the seed of its own
//! schedule.

#![allow(dead_code, reason = "no model uses all of the production files")]

#[path = "face/mod.rs"]
mod sync;

#[path = "../../serve_forever/src/server/handover/mod.rs"]
mod handover;

mod engine;
/// The same once more for each seeded bug.
mod mutants;

mod checker {
    pub(crate) use shuttle::sync::atomic;
    pub(crate) use shuttle::{sync, thread};

    use shuttle::rand::Rng;

    pub(crate) fn random(below: usize) -> usize {
        shuttle::rand::thread_rng().gen_range(0..below)
    }

    /// Whether a wait with a bound ends at once.
    pub(crate) fn time_is_up() -> bool {
        random(4) == 0
    }

    /// It runs out at random anyway.
    pub(crate) fn let_time_run_out() {}
}

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

#[test]
fn whole_engine_one() {
    check(RandomScheduler::new_from_seed(1, 40_000), engine::stress::whole_engine);
}

#[test]
fn whole_engine_two() {
    check(RandomScheduler::new_from_seed(2, 40_000), engine::stress::whole_engine);
}

/// Threads have priorities, which change three times at random: this starves threads for longer
/// than pure chance does.
#[test]
fn whole_engine_with_priorities() {
    check(PctScheduler::new_from_seed(3, 3, 20_000), engine::stress::whole_engine);
}

/// Tests of seeded bugs that need no weak memory, nor a scene of their own.
macro_rules! finds {
    ($($bug:ident)*) => {
        mod finds {
            $(
                #[test]
                fn $bug() {
                    super::must_fail(super::mutants::$bug::engine::stress::whole_engine);
                }
            )*
        }
    };
}

finds! {
    claim_without_comparison
    jobs_without_numbers
    post_without_ringing
    mail_flag_cleared_late
    event_while_out_forgotten
    wake_while_out_forgotten
    put_back_without_queueing
    slots_without_generations
    sleep_without_second_look
    wake_without_a_note
    finish_tells_nobody
    always_a_permit
    one_spare_too_few
    idle_thread_ends_beside_work
    work_without_ringing
    close_without_ringing
}

/// Bugs of those who use the production files; the flags of [`engine::Plan`] say what they are.
#[test]
fn finds_permit_counted_late() {
    must_fail(|| engine::stress::whole_engine_with(|plan| plan.counts_first = false));
}

#[test]
fn finds_poll_without_look_at_the_mail() {
    must_fail(|| engine::stress::whole_engine_with(|plan| plan.looks_for_mail = false));
}

#[test]
fn finds_wait_without_look_for_a_permit() {
    must_fail(|| engine::stress::whole_engine_with(|plan| plan.looks_for_permit = false));
}

fn check(scheduler: impl Scheduler + 'static, scene: fn()) -> usize {
    let mut config = Config::new();
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(scene)
}

fn must_fail(scene: fn()) {
    mutants::must_fail(|| check(RandomScheduler::new_from_seed(4, 30_000), scene));
}
