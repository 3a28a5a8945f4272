//! Tests that count what belongs to a whole process: descriptors, threads, memory, processor time.

use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::{env, thread};

use super::BUILD_FAILSAFE;
use super::waits::output;

/// Runs the test that calls this in a process of its own, and no two such tests at a time.
///
/// The process runs the same program again with the name of the test, which is the name of its
/// thread.
#[track_caller]
pub(crate) fn alone(test: impl FnOnce()) {
    if env::var_os(CHILD).is_some() {
        return test();
    }
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let thread = thread::current();
    let name = thread.name().filter(|name| *name != "main");
    let name = name.expect("tests have names, but with --test-threads=1");
    let mut command = Command::new(env::current_exe().expect("a path"));
    command
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        // The C library's allocator gives large blocks back at once, rather than what it thinks
        // best.
        .env("MALLOC_MMAP_THRESHOLD_", "131072");
    let output = output("the end of the test's own process", &mut command, BUILD_FAILSAFE);
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Set in the processes that [`alone`] makes.
const CHILD: &str = "SERVE_FOREVER_TEST_ALONE";
