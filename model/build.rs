//! Seeds bugs into copies of the production files, one bug per copy, and writes a module for each
//! of them that the tests include. A model that finds none of them would be worth nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// One bug: in `file`, `from` (which must be there exactly once) becomes `to`.
struct Bug {
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

const BUGS: &[Bug] = &[
    Bug {
        name: "claim_without_comparison",
        file: "state.rs",
        from: "self.word.compare_exchange(job.0, driving, Ordering::AcqRel, Ordering::Acquire).is_ok()",
        to: "{ self.word.store(driving, Ordering::Release); true }",
    },
    Bug {
        name: "jobs_without_numbers",
        file: "state.rs",
        from: ".wrapping_add(STEP)",
        to: ".wrapping_add(0)",
    },
    Bug {
        name: "poll_without_fence",
        file: "state.rs",
        from: "self.word.store(sequence | POLLING, Ordering::Release);\n        fence(Ordering::SeqCst);",
        to: "self.word.store(sequence | POLLING, Ordering::Release);",
    },
    Bug {
        name: "post_without_fence",
        file: "inbox.rs",
        from: "        fence(Ordering::SeqCst);\n        state.is_polling()",
        to: "        state.is_polling()",
    },
    Bug {
        name: "post_without_ringing",
        file: "inbox.rs",
        from: "        state.is_polling()",
        to: "        let _ = state;\n        false",
    },
    Bug {
        name: "mail_flag_cleared_late",
        file: "inbox.rs",
        from: "        self.full.store(false, Ordering::Relaxed);\n        std::mem::take(&mut *mail)",
        to: "        let all = std::mem::take(&mut *mail);\n        drop(mail);\n        \
             self.full.store(false, Ordering::Relaxed);\n        all",
    },
    Bug {
        name: "event_while_out_forgotten",
        file: "slots.rs",
        from: "        self.readiness.read |= seen.read;",
        to: "        if self.place.is_none() {\n            return false;\n        }\n        \
             self.readiness.read |= seen.read;",
    },
    Bug {
        name: "wake_while_out_forgotten",
        file: "slots.rs",
        from: "        self.woken = true;",
        to: "        self.woken = self.place.is_some();",
    },
    Bug {
        name: "put_back_without_queueing",
        file: "slots.rs",
        from: "        self.wants = wants;\n        self.is_wanted() && self.queue()",
        to: "        self.wants = wants;\n        false",
    },
    Bug {
        name: "slots_without_generations",
        file: "slots.rs",
        from: "entry.generation.wrapping_add(1)",
        to: "entry.generation",
    },
    Bug {
        name: "sleep_without_second_look",
        file: "watch.rs",
        from: "if !all_quiet() {",
        to: "if false && !all_quiet() {",
    },
    Bug {
        name: "sleep_without_fence",
        file: "watch.rs",
        from: "        fence(Ordering::SeqCst);\n        if !all_quiet()",
        to: "        if !all_quiet()",
    },
    Bug {
        name: "wake_without_fence",
        file: "watch.rs",
        from: "        fence(Ordering::SeqCst);\n        if self.asleep.load",
        to: "        if self.asleep.load",
    },
    Bug {
        name: "wake_without_a_note",
        file: "watch.rs",
        from: "            *lock(&self.rung) = true;\n",
        to: "            drop(lock(&self.rung));\n",
    },
    Bug {
        name: "finish_tells_nobody",
        file: "permits.rs",
        from: "        self.waiting.load(Ordering::SeqCst) > 0",
        to: "        false",
    },
    Bug {
        name: "finish_without_fence",
        file: "permits.rs",
        from: "        fence(Ordering::SeqCst);\n        self.waiting.load",
        to: "        self.waiting.load",
    },
    Bug {
        name: "waiting_without_fence",
        file: "permits.rs",
        from: "        self.waiting.fetch_add(1, Ordering::SeqCst);\n        fence(Ordering::SeqCst);",
        to: "        self.waiting.fetch_add(1, Ordering::SeqCst);",
    },
    Bug {
        name: "permit_beyond_the_limit",
        file: "permits.rs",
        from: "(n < limit).then_some(n + 1)",
        to: "(n <= limit).then_some(n + 1)",
    },
    Bug {
        name: "permit_taken_in_two_steps",
        file: "permits.rs",
        from: "        self.detached\n            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| \
               (n < limit).then_some(n + 1))\n            .is_ok()",
        to: "        let free = self.detached.load(Ordering::SeqCst) < limit;\n        if free {\n            \
             self.detached.fetch_add(1, Ordering::SeqCst);\n        }\n        free",
    },
    Bug {
        name: "always_a_permit",
        file: "permits.rs",
        from: "self.detached.load(Ordering::SeqCst) <= self.limit.load(Ordering::SeqCst)",
        to: "true",
    },
    Bug {
        name: "one_spare_too_few",
        file: "pool.rs",
        from: "if inner.threads - inner.busy <= inner.queued() {",
        to: "if inner.threads == 0 || inner.threads - inner.busy < inner.queued() {",
    },
    Bug {
        name: "idle_thread_ends_beside_work",
        file: "pool.rs",
        from: "if timed_out && inner.queued() == 0 && inner.threads",
        to: "if timed_out && inner.threads",
    },
    Bug {
        name: "work_without_ringing",
        file: "pool.rs",
        from: "        inner.jobs.push_back(job);\n        drop(inner);\n        self.work.notify_one();",
        to: "        inner.jobs.push_back(job);\n        drop(inner);",
    },
    Bug {
        name: "close_without_ringing",
        file: "pool.rs",
        from: "        lock(&self.inner).closed = true;\n        self.work.notify_all();",
        to: "        lock(&self.inner).closed = true;",
    },
    Bug {
        name: "closed_before_the_work_is_done",
        file: "pool.rs",
        from: "            if let Some(work) = inner.pop() {",
        to: "            if inner.closed {\n                break;\n            }\n            \
             if let Some(work) = inner.pop() {",
    },
];

fn main() {
    let own = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let production = own.join("../serve_forever/src/server/handover");
    println!("cargo::rerun-if-changed={}", production.display());
    println!("cargo::rerun-if-changed=build.rs");

    let engine = own.join("tests/engine/mod.rs");
    let mut modules = String::new();
    for bug in BUGS {
        let folder = out.join(bug.name);
        seed(bug, &production, &folder);
        let (name, handover) = (bug.name, folder.join("mod.rs"));
        let (handover, engine) = (handover.display().to_string(), engine.display().to_string());
        writeln!(
            modules,
            "pub(crate) mod {name} {{\n    #[path = {handover:?}]\n    pub(crate) mod handover;\n    \
             #[path = {engine:?}]\n    pub(crate) mod engine;\n}}"
        )
        .expect("a string takes it");
    }
    fs::write(out.join("mutants.rs"), modules).expect("the build folder is writable");
}

/// Copies the production files, with the bug in one of them.
fn seed(bug: &Bug, production: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("the build folder is writable");
    for file in fs::read_dir(production).expect("the production files are there") {
        let path = file.expect("the production files are there").path();
        let mut text = fs::read_to_string(&path).expect("the production files are text");
        let name = path.file_name().expect("files of a folder have names");
        if name == bug.file {
            let found = text.matches(bug.from).count();
            assert!(
                found == 1,
                "the seeded bug `{}` does not fit any more: {} has {found} times, not once:\n{}\n\
                 Adapt it in model/build.rs to what the file is now.",
                bug.name,
                path.display(),
                bug.from
            );
            text = text.replace(bug.from, bug.to);
        }
        fs::write(folder.join(name), text).expect("the build folder is writable");
    }
}
