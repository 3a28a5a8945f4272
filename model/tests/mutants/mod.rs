//! The production files with one bug each, and the miniature engine over each of them; see
//! `build.rs`.
#![allow(warnings, clippy::all, clippy::pedantic, reason = "the copies are not what is read")]

include!(concat!(env!("OUT_DIR"), "/mutants.rs"));

/// Runs a model of a bug, which is to end in a panic. Nothing is printed of it.
pub(crate) fn must_fail(model: impl FnOnce() -> usize) {
    use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
    use std::sync::Once;

    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                usual(info);
            }
        }));
    });
    EXPECTED.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(model));
    EXPECTED.set(false);
    if let Ok(schedules) = outcome {
        panic!("the bug was not found in {schedules} schedules");
    }
}

thread_local! {
    /// The checkers run all threads of a model on the test's own.
    static EXPECTED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}
