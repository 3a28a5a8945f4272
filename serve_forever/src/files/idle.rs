//! Closes cached files that are still open although no request has asked for them for a while.
//!
//! An open file keeps its file system from being unmounted, and if the file was deleted, keeps its
//! space on the disk from being freed. No request would bring this to the server's notice. So a
//! thread looks at the open files every few seconds. It starts with the first open file and ends
//! after the last one, so an idle server has no such thread.

use std::io;
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::sync::{lock, wait_for};

use super::entry::Entry;
use super::site::Entries;

/// The open files of a site. Dropping this value ends the thread that watches them.
#[derive(Debug, Default)]
pub(super) struct OpenFiles(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The open files, by their keys in the cache.
    files: Vec<(Box<[u8]>, Weak<Entry>)>,
    is_running: bool,
    is_over: bool,
}

impl OpenFiles {
    /// Lets the thread close this entry, which is kept in `entries`, once it has not been used for
    /// [`IDLE`]. `since` is the start of the site's clock.
    ///
    /// Fails if the thread cannot be started.
    pub(super) fn add(
        &self,
        key: &[u8],
        entry: &Arc<Entry>,
        entries: &Arc<Entries>,
        since: Instant,
    ) -> io::Result<()> {
        let mut state = lock(&self.0.state);
        if state.files.len() == state.files.capacity() {
            // The cache may have dropped many entries. Removing them here bounds the list.
            state.files.retain(|(_, entry)| entry.strong_count() > 0);
        }
        if !state.is_running {
            let (shared, entries) = (Arc::clone(&self.0), Arc::downgrade(entries));
            thread::Builder::new()
                .name("serve-forever-files".into())
                .spawn(move || shared.run(&entries, since))?;
            state.is_running = true;
        }
        state.files.push((key.into(), Arc::downgrade(entry)));
        Ok(())
    }
}

impl Drop for OpenFiles {
    fn drop(&mut self) {
        lock(&self.0.state).is_over = true;
        self.0.bell.notify_all();
    }
}

impl Shared {
    fn run(&self, entries: &Weak<Entries>, since: Instant) {
        let mut state = lock(&self.state);
        while !state.files.is_empty() {
            let mut timed_out = false;
            while !state.is_over && !timed_out {
                (state, timed_out) = wait_for(&self.bell, state, LOOKS);
            }
            let Some(entries) = entries.upgrade().filter(|_| !state.is_over) else { break };
            let Some(idle) = since.elapsed().checked_sub(IDLE) else { continue };
            let files = std::mem::take(&mut state.files);
            drop(state);
            let (idle, busy): (Vec<_>, Vec<_>) = files
                .into_iter()
                .filter_map(|(key, entry)| Some((key, entry.upgrade()?)))
                .partition(|(_, entry)| entry.is_idle_since(idle));
            for (key, entry) in &idle {
                entries.remove_if(key.as_ref(), |kept| Arc::ptr_eq(kept, entry));
            }
            let busy = busy.into_iter().map(|(key, entry)| (key, Arc::downgrade(&entry)));
            state = lock(&self.state);
            state.files.extend(busy);
        }
        state.files = Vec::new();
        state.is_running = false;
    }
}

/// How long an open file is kept without being requested.
const IDLE: Duration = Duration::from_secs(5);
/// How often the thread looks at the open files. So no unused file stays open for longer than
/// [`IDLE`] and this interval together.
const LOOKS: Duration = Duration::from_millis(2500);
