//! Somebody changes the directory during the look-ups.
//!
//! Which of the two comes first is left to chance. What must not happen may so go unseen, but what
//! is seen must never happen.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{Seen, World, see};
use crate::sys::{Directory, Found, Links};

/// Enough that a look-up which can be led astray is, nearly always.
const LOOK_UPS: usize = 3000;

/// Calls `look` with both roots again and again while another thread lets two names change places
/// without pause.
fn while_swapped(world: &World, one: &str, other: &str, look: impl Fn(&Directory)) {
    let (one, other): (PathBuf, PathBuf) = (world.path(one), world.path(other));
    let over = AtomicBool::new(false);
    for root in world.roots() {
        over.store(false, Ordering::Relaxed);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                }
            });
            // The other thread is told also when a look fails.
            let _end = OnDrop(|| over.store(true, Ordering::Relaxed));
            for _ in 0..LOOK_UPS {
                look(&root);
            }
        });
    }
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn assert_inside(root: &Directory, path: &str) {
    let seen = see(root, Path::new(path), Links::Inside);
    assert!([Seen::file("inside"), Seen::Nothing].contains(&seen), "{seen:?}");
}

#[test]
fn a_directory_that_becomes_a_link_leads_nowhere() {
    let world = World::new();
    world.file("root/directory/deep/file", "inside");
    world.file("outside/deep/file", "outside");
    world.link("link", world.path("outside"));
    while_swapped(&world, "root/directory", "link", |root| assert_inside(root, "directory/deep/file"));
}

#[test]
fn a_file_that_becomes_a_link_leads_nowhere() {
    let world = World::new();
    world.file("root/file", "inside");
    world.file("outside/file", "outside");
    world.link("root/link", "../outside/file");
    while_swapped(&world, "root/file", "root/link", |root| assert_inside(root, "file"));
}

#[test]
fn a_link_that_changes_its_target_leads_nowhere() {
    let world = World::new();
    world.file("root/deep/file", "inside");
    world.file("outside/file", "outside");
    world.link("root/directory", world.path("root/deep"));
    world.link("root/other", world.path("outside"));
    while_swapped(&world, "root/directory", "root/other", |root| assert_inside(root, "directory/file"));
}

#[test]
fn a_directory_that_is_moved_away_leads_nowhere() {
    let world = World::new();
    world.file("root/file", "inside");
    world.file("file", "outside");
    world.directory("root/a/b");
    world.directory("outside/b");
    // From where `b` is outside, this leads to the other file.
    world.link("root/link", "a/b/../../file");
    while_swapped(&world, "root/a/b", "outside/b", |root| assert_inside(root, "link"));
}

#[test]
fn a_file_that_becomes_a_pipe_stops_nobody() {
    let world = World::new();
    world.file("root/file", "inside");
    let pipe = world.path("root/pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    while_swapped(&world, "root/file", "root/pipe", |root| assert_inside(root, "file"));
}

#[test]
fn nothing_from_outside_is_listed() {
    let world = World::new();
    world.file("root/directory/inside", "");
    world.file("outside/outside", "");
    world.link("link", world.path("outside"));
    world.link("root/to-directory", "directory");
    let outside = world.path("outside");
    let outside = crate::sys::Stamp::at(&outside).unwrap();
    while_swapped(&world, "root/directory", "link", |root| {
        if let Found::Directory(directory) = root.find(Path::new("directory"), Links::Inside).unwrap() {
            let names: Vec<_> = directory.entries().unwrap().map(|entry| entry.unwrap().0).collect();
            assert_eq!(names, [OsStr::new("inside")]);
        }
        if let Ok(stamp) = root.stamp_of(OsStr::new("to-directory"), Links::Inside) {
            assert_ne!(stamp, outside);
        }
    });
    assert!(fs::exists(world.path("outside/outside")).unwrap());
}
