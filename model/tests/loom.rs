//! The hand-over under every interleaving: `loom` runs each of the scenes in [`engine::scenarios`]
//! in all orders, and with all the values that weak memory lets a load see, up to a number of
//! preemptions.
//!
//! How to read this:
//!
//! - The files of `serve_forever/src/server/handover` are compiled here as they are. They name
//!   their primitives as `crate::sync`, which here is `face`: the same functions over `loom` (and
//!   `loom/atomic.rs`, which says why).
//! - `engine` is a miniature of the server around them, in the order of the real one: loops with a
//!   driver, jobs, mail, the monitor, the pool, and a poll that blocks until there is an event or
//!   somebody rings. It checks itself.
//! - `build.rs` puts one bug each into copies of these files. Each copy comes with its own
//!   `engine`, and the tests named `finds` fail if the scene that must find the bug does not.
//!
//! The bound of a test is the number of times that a thread loses the processor where it could have
//! gone on; switches where it has to wait are free and not counted. Nearly all concurrency bugs
//! need two at the most. To go deeper: `MODEL_PREEMPTIONS=3 cargo test -p model --test loom --
//! --show-output` (many minutes; it also says how many schedules there were).
//!
//! What this does not try: waits that end without being rung, and (but for one scene of the pool)
//! time that runs out; `shuttle.rs` does the latter. `loom` takes sequentially consistent loads and
//! stores for acquire and release only: therefore the production files say with fences, which it
//! does understand, where "one of the two sees the other" is meant.

#![allow(dead_code, reason = "no model uses all of the production files")]

#[path = "face/mod.rs"]
mod sync;

#[path = "../../serve_forever/src/server/handover/mod.rs"]
mod handover;

mod engine;

/// The same once more for each seeded bug.
mod mutants;

#[path = "loom/atomic.rs"]
mod atomic;

mod checker {
    pub(crate) use crate::atomic;
    pub(crate) use loom::{sync, thread};

    use loom::sync::atomic::{AtomicBool, Ordering};

    loom::lazy_static! {
        static ref TIME: AtomicBool = AtomicBool::new(false);
    }

    /// Whether a wait with a bound ends at once. From [`let_time_run_out`] on both answers are
    /// tried, until the new one was seen.
    pub(crate) fn time_is_up() -> bool {
        TIME.load(Ordering::Relaxed)
    }

    /// Only what is drawn at random uses this; see `shuttle.rs`.
    pub(crate) fn random(_below: usize) -> usize {
        unimplemented!("loom tries everything, it draws nothing")
    }

    pub(crate) fn let_time_run_out() {
        TIME.store(true, Ordering::Relaxed);
    }
}

use engine::Plan;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Tests of scenes: up to how many preemptions, and which scenes.
macro_rules! all_orders {
    ($($bound:literal: $($scene:ident)*;)*) => {
        $($(
            #[test]
            fn $scene() {
                let bound = std::env::var("MODEL_PREEMPTIONS").ok().and_then(|text| text.parse().ok());
                let bound = bound.unwrap_or($bound);
                let schedules = check(bound, engine::scenarios::$scene);
                println!("{schedules} schedules with up to {bound} preemptions");
            }
        )*)*
    };
}

all_orders! {
    5: one_wins permits_have_a_limit permit_comes_back;
    4: stop_while_polling pool_closes;
    3: handler_returns event_while_out monitor_misses_nothing stop_while_handing_over stop_while_submitting
       pool_goes_idle;
    2: eager neighbours event_while_detached wakers waker_while_detached slot_used_again permits_run_out
       monitor_sleeps;
}

/// Tests of seeded bugs: the bug, and the scene that must find it.
macro_rules! finds {
    ($($bug:ident in $scene:ident;)*) => {
        mod finds {
            $(
                #[test]
                fn $bug() {
                    super::must_fail(super::mutants::$bug::engine::scenarios::$scene);
                }
            )*
        }
    };
}

finds! {
    claim_without_comparison in handler_returns;
    jobs_without_numbers in one_wins;
    poll_without_fence in stop_while_polling;
    post_without_fence in stop_while_polling;
    post_without_ringing in stop_while_polling;
    mail_flag_cleared_late in wakers;
    event_while_out_forgotten in event_while_detached;
    wake_while_out_forgotten in waker_while_detached;
    put_back_without_queueing in event_while_detached;
    slots_without_generations in slot_used_again;
    sleep_without_second_look in monitor_misses_nothing;
    sleep_without_fence in monitor_misses_nothing;
    wake_without_fence in monitor_misses_nothing;
    wake_without_a_note in monitor_misses_nothing;
    finish_tells_nobody in permit_comes_back;
    finish_without_fence in permit_comes_back;
    waiting_without_fence in permit_comes_back;
    permit_beyond_the_limit in permits_have_a_limit;
    permit_taken_in_two_steps in permits_have_a_limit;
    always_a_permit in permits_run_out;
    one_spare_too_few in neighbours;
    idle_thread_ends_beside_work in pool_goes_idle;
    work_without_ringing in pool_goes_idle;
    close_without_ringing in stop_while_polling;
    closed_before_the_work_is_done in pool_closes;
}

/// Bugs of those who use the production files; the flags of [`Plan`] say what they are.
#[test]
fn finds_permit_counted_late() {
    must_fail(|| engine::scenarios::handler_returns_with(Plan { counts_first: false, ..Plan::SMALL }));
}

#[test]
fn finds_poll_without_look_at_the_mail() {
    must_fail(|| engine::scenarios::stop_while_polling_with(Plan { looks_for_mail: false, ..Plan::SMALL }));
}

#[test]
fn finds_wait_without_look_for_a_permit() {
    must_fail(|| engine::scenarios::permit_comes_back_with(Plan { looks_for_permit: false, ..Plan::SMALL }));
}

/// Runs `scene` in all orders with up to `bound` preemptions, and says how many these are.
fn check(bound: usize, scene: fn()) -> usize {
    let schedules = Arc::new(AtomicUsize::new(0));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(bound);
    builder.max_branches = MAX_BRANCHES;
    let count = Arc::clone(&schedules);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        scene();
    });
    schedules.load(Ordering::Relaxed)
}

fn must_fail(scene: fn()) {
    mutants::must_fail(|| check(2, scene));
}

/// Steps in one schedule; a scene that needs more runs in circles.
const MAX_BRANCHES: usize = 10_000;
