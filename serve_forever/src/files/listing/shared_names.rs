//! The names of long directories whose listings are being sent.
//!
//! A listing of 100 000 names takes 10 MB, and a client may read it as slowly as it likes. So
//! clients share names if their directories have the same names, and the memory of all names
//! together is bounded. Above the bound, the names that were used least recently are dropped. When
//! their client wants its next piece, its directory is read again, and the listing continues after
//! the name that was shown last. The client's connection is cut only if its directory cannot be
//! read within 10 seconds.
//!
//! Names are compared with those that are kept, but they are not kept for later requests. So every
//! listing shows a directory that was read after the request for it.

use std::io::{self, ErrorKind};
use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::time::{Duration, Instant};

use crate::sync::{lock, wait_for};

use super::names::Names;

/// The names of all long directories that are being listed.
#[derive(Debug)]
pub(in crate::files) struct SharedNames {
    /// The most bytes that the names may take.
    most: u64,
    /// The kept names. Those that were used last stand last.
    kept: Mutex<Vec<Arc<Names>>>,
    readers: Mutex<ReadingThreads>,
    /// Notified when a reader has finished.
    reader_finished: Condvar,
}

/// The threads that read long directories.
#[derive(Debug)]
struct ReadingThreads {
    /// How many more threads may start to read.
    free: usize,
    /// How many threads wait to start.
    waiting: usize,
}

impl SharedNames {
    pub(in crate::files) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self {
            most,
            kept: Mutex::default(),
            readers: Mutex::new(ReadingThreads { free: max_readers(), waiting: 0 }),
            reader_finished: Condvar::new(),
        })
    }

    /// Waits until few enough threads read long directories. This limit is needed because the names
    /// are in memory before they can be compared with those that are kept. Fails with
    /// `ResourceBusy` if the wait takes too long or if too many threads wait already. If `is_out`,
    /// a part of the page has been sent, and the number of waiting threads does not matter.
    #[cold]
    pub(super) fn reader(self: &Arc<Self>, is_out: bool) -> io::Result<Reader> {
        let busy = || io::Error::new(ErrorKind::ResourceBusy, "too many long directories are being read");
        let mut readers = lock(&self.readers);
        if readers.free == 0 && readers.waiting >= MAX_WAITING && !is_out {
            return Err(busy());
        }
        readers.waiting += 1;
        let started = Instant::now();
        while readers.free == 0 && started.elapsed() < READER_TIMEOUT {
            let left = READER_TIMEOUT.saturating_sub(started.elapsed());
            (readers, _) = wait_for(&self.reader_finished, readers, left);
        }
        readers.waiting -= 1;
        readers.free = readers.free.checked_sub(1).ok_or_else(busy)?;
        Ok(Reader(Arc::clone(self)))
    }

    /// Keeps these names until the handle is dropped, or until other names need their memory. If
    /// equal names are kept already, the handle refers to those, and these are dropped.
    pub(super) fn keep(self: &Arc<Self>, names: Arc<Names>) -> NamesHandle {
        let mut dropped = Vec::new();
        let mut kept = lock(&self.kept);
        let names = match kept.iter().position(|other| **other == *names) {
            Some(place) => kept.remove(place),
            None => names,
        };
        let handle = NamesHandle { shared_names: Arc::clone(self), names: Arc::downgrade(&names) };
        kept.push(names);
        let mut together: u64 = kept.iter().map(|names| names.bytes()).sum();
        // The last names stay, however long they are: they are needed now.
        while together > self.most && kept.len() > 1 {
            let first = kept.remove(0);
            together -= first.bytes();
            dropped.push(first);
        }
        drop(kept);
        handle
    }

    /// Returns how many bytes the kept names take.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        lock(&self.kept).iter().map(|names| names.bytes()).sum()
    }
}

/// A reference to names that may be dropped at any time.
#[derive(Debug)]
pub(super) struct NamesHandle {
    shared_names: Arc<SharedNames>,
    names: Weak<Names>,
}

impl NamesHandle {
    /// Returns the names, unless they were dropped.
    pub(super) fn names(&self) -> Option<Arc<Names>> {
        let names = self.names.upgrade()?;
        let mut kept = lock(&self.shared_names.kept);
        if let Some(place) = kept.iter().position(|other| Arc::ptr_eq(other, &names)) {
            let used = kept.remove(place);
            kept.push(used);
        }
        Some(names)
    }
}

impl Drop for NamesHandle {
    /// Also drops the names if this was their last handle.
    fn drop(&mut self) {
        let mut dropped = Vec::new();
        let mut kept = lock(&self.shared_names.kept);
        self.names = Weak::new();
        let unused = |names: &mut Arc<Names>| Arc::weak_count(names) == 0;
        dropped.extend(kept.extract_if(.., unused));
        drop(kept);
    }
}

/// The right to read a long directory. Dropping it gives it back.
#[derive(Debug)]
pub(in crate::files) struct Reader(Arc<SharedNames>);

impl Drop for Reader {
    fn drop(&mut self) {
        lock(&self.0.readers).free += 1;
        self.0.reader_finished.notify_one();
    }
}

/// Returns how many threads may read long directories at once. Each of them has all names of its
/// directory in memory, so there is at most one per processor. But there may always be four,
/// because disks may be slow.
fn max_readers() -> usize {
    std::thread::available_parallelism().map_or(0, NonZero::get).max(4)
}

/// How many threads may wait to read a long directory. Waiting threads are not available for other
/// work, and the last of more threads would wait for seconds.
const MAX_WAITING: usize = 64;
/// How long a thread waits to read a long directory. Reading 100 000 names takes some 50
/// milliseconds.
const READER_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::FileKind;

    fn names(prefix: &str, count: usize) -> Arc<Names> {
        let mut names = Names::default();
        for number in 0..count {
            names.push(format!("{prefix}{number:06}").as_bytes(), FileKind::File);
        }
        names.sort();
        Arc::new(names)
    }

    #[test]
    fn equal_names_are_kept_once() {
        let shared_names = SharedNames::new(u64::MAX);
        let handles: Vec<_> = (0..100).map(|_| shared_names.keep(names("a", 100))).collect();
        assert_eq!(shared_names.bytes(), names("a", 100).bytes());
        let other = shared_names.keep(names("b", 100));
        assert_eq!(shared_names.bytes(), 2 * names("a", 100).bytes());
        assert!(handles.iter().all(|handle| handle.names().is_some_and(|kept| *kept == *names("a", 100))));
        drop(handles);
        assert_eq!(shared_names.bytes(), names("b", 100).bytes());
        drop(other);
        assert_eq!(shared_names.bytes(), 0);
    }

    #[test]
    fn names_of_another_kind_are_others() {
        let shared_names = SharedNames::new(u64::MAX);
        let of = |kind| {
            let mut names = Names::default();
            names.push(b"a", kind);
            shared_names.keep(Arc::new(names))
        };
        let handles = [of(FileKind::File), of(FileKind::Directory)];
        assert!(!Arc::ptr_eq(&handles[0].names().unwrap(), &handles[1].names().unwrap()));
    }

    #[test]
    fn beyond_the_bound_those_go_that_were_used_least_recently() {
        let one = names("a", 100).bytes();
        let shared_names = SharedNames::new(2 * one);
        let a = shared_names.keep(names("a", 100));
        let b = shared_names.keep(names("b", 100));
        assert!(a.names().is_some());
        let c = shared_names.keep(names("c", 100));
        assert_eq!(shared_names.bytes(), 2 * one);
        assert_eq!([a, b, c].map(|handle| handle.names().is_some()), [true, false, true]);
    }

    #[test]
    fn the_last_one_stays_however_long_it_is() {
        let shared_names = SharedNames::new(0);
        let a = shared_names.keep(names("a", 100));
        assert!(a.names().is_some());
        let b = shared_names.keep(names("b", 10));
        assert_eq!([a, b].map(|handle| handle.names().is_some()), [false, true]);
    }

    #[test]
    fn few_threads_read_long_directories_at_once() {
        let shared_names = SharedNames::new(0);
        let mut readers: Vec<_> = (0..max_readers()).map(|_| shared_names.reader(false).unwrap()).collect();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| shared_names.reader(false).map(drop));
            assert_eq!(lock(&shared_names.readers).free, 0);
            readers.pop();
            waiting.join().unwrap().unwrap();
        });
        drop(readers);
        let readers = lock(&shared_names.readers);
        assert_eq!((readers.free, readers.waiting), (max_readers(), 0));
    }

    #[test]
    fn few_threads_wait_for_those_and_only_a_page_that_has_begun_among_more() {
        let shared_names = SharedNames::new(0);
        *lock(&shared_names.readers) = ReadingThreads { free: 0, waiting: MAX_WAITING };
        assert_eq!(shared_names.reader(false).unwrap_err().kind(), ErrorKind::ResourceBusy);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| shared_names.reader(true));
            // Acts as a reader that has finished.
            drop(Reader(Arc::clone(&shared_names)));
            waiting.join().unwrap().unwrap();
        });
        assert_eq!(lock(&shared_names.readers).waiting, MAX_WAITING);
    }
}
