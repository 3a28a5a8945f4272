//! The served directory or file, always as it is on the disk now.
//!
//! Files that were sent before are cached. Each request asks the system once whether the file at
//! this path is still the same. The whole path is looked up, so that a new directory or a changed
//! link shows as well.
//!
//! One such look serves all requests for the path that had begun to arrive before it: a response
//! may have any version that the file had between the beginning and the end of its request. So many
//! simultaneous requests for a file cost one look for all that one poll reports.
//!
//! The stamp of a file does not show every change: a program that has mapped the file to memory
//! changes its content at any time, and its times once or never. So content in memory is read again
//! once a second while it is requested, and is never older than that.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::diagnostics;
use crate::http::PreparedFields;
use crate::sync::lock;
use crate::sys::{self, Directory, Links, Stamp};

use super::entry::{self, Entry};
use super::idle::OpenFiles;
use super::listing::models::Models;
use super::options::Options;
use super::path::RequestPath;

/// A directory that is served, or a single file.
pub(super) struct Site {
    /// Absolute, but with its links, because their targets may change.
    root: PathBuf,
    /// The name of the only file that is served.
    only: Option<PathBuf>,
    pub(super) options: Options,
    directory: Mutex<Arc<Directory>>,
    /// The cache, by the path of the request as it is written.
    entries: Arc<Entries>,
    /// The cached files that have a descriptor.
    open_files: OpenFiles,
    /// The fields of a listing.
    pub(super) listing_fields: PreparedFields,
    /// The fields of the user for errors, redirects and the response to `OPTIONS`.
    pub(super) fields_without_content: PreparedFields,
    /// The names of long listings that are still to be shown.
    pub(super) models: Arc<Models>,
    told_of_hidden: AtomicBool,
    /// The time from which others are counted.
    since: Instant,
}

/// The cached files.
pub(super) type Entries = Cache<Box<[u8]>, Arc<Entry>, Weight>;

/// What a path leads to.
pub(super) enum Found {
    File(Arc<Entry>),
    Directory(Directory),
    Nothing,
}

impl Site {
    /// Fails if there is nothing to serve.
    pub(super) fn new(path: &Path, options: Options) -> io::Result<Self> {
        Self::open(path, options).map_err(|error| {
            let reason = format!("cannot serve \"{}\": {error}", path.display());
            io::Error::new(error.kind(), reason)
        })
    }

    fn open(path: &Path, options: Options) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let stamp = Stamp::at(&path)?;
        let (root, only) = if stamp.is_directory() {
            (path, None)
        } else if stamp.is_file() {
            // The target of the path is served, and nothing beside it.
            let name = path.file_name().ok_or(ErrorKind::InvalidInput)?.into();
            (path.parent().ok_or(ErrorKind::InvalidInput)?.to_owned(), Some(name))
        } else {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "it is neither a directory nor a regular file",
            ));
        };
        Ok(Self {
            directory: Mutex::new(Arc::new(Directory::open(&root)?)),
            entries: Arc::new(Cache::with_weighter(
                USUAL_ENTRIES,
                options.cache_size,
                Weight::new(options.cache_size),
            )),
            open_files: OpenFiles::default(),
            listing_fields: entry::listing_fields(&options).map_err(io::Error::other)?,
            fields_without_content: entry::fields_without_content(&options).map_err(io::Error::other)?,
            models: Models::new(options.listing_memory),
            told_of_hidden: AtomicBool::new(false),
            since: Instant::now(),
            root,
            only,
            options,
        })
    }

    /// Returns the cached file for this path, if it is still the same. The request arrived at
    /// `arrived`, and had begun by `began` if that is known.
    pub(super) fn kept(
        &self,
        url_path: &[u8],
        arrived: Instant,
        began: Option<Instant>,
    ) -> Option<Arc<Entry>> {
        let entry = self.entries.get(url_path)?;
        // No file was cached before that, so saturation does no harm.
        let began = began.map(|began| began.saturating_duration_since(self.since));
        if began.is_some_and(|began| entry.was_there_after(began)) {
            return Some(entry);
        }
        self.is_there_still(url_path, &entry, arrived, began).then_some(entry)
    }

    /// Asks the system whether the file is still the same. If not, it is removed from the cache. A
    /// file that must be read again stays there until the new version replaces it.
    #[inline(never)]
    fn is_there_still(
        &self,
        url_path: &[u8],
        entry: &Entry,
        arrived: Instant,
        began: Option<Duration>,
    ) -> bool {
        if entry.is_to_be_read_again(arrived) {
            return false;
        }
        let is_there = Stamp::at(&entry.path).is_ok_and(|stamp| stamp == entry.stamp);
        if !is_there {
            self.entries.remove(url_path);
            return false;
        }
        if let Some(began) = began {
            entry.is_there_after(began);
        }
        if entry.is_open() {
            entry.is_asked_for(arrived.saturating_duration_since(self.since));
        }
        true
    }

    /// Looks a path up. An error is one of this process, not of the path.
    pub(super) fn find(&self, url_path: &[u8], path: &RequestPath) -> io::Result<Found> {
        let mut relative = path.relative();
        if let Some(only) = &self.only {
            if !relative.as_os_str().is_empty() && relative != only {
                return Ok(Found::Nothing);
            }
            relative = only;
        } else if !self.options.hidden && path.is_hidden() {
            self.tell_of_hidden(path);
            return Ok(Found::Nothing);
        }
        let Some(directory) = self.directory()? else { return Ok(Found::Nothing) };
        let found = directory.find(relative, self.links())?;
        if self.only.is_none()
            && !self.options.hidden
            && directory.is_by_alias(relative, self.links(), &found)?
        {
            diagnostics::debug!("{} is not served: it may be another name of a hidden file", path.display());
            return Ok(Found::Nothing);
        }
        let found = match found {
            sys::Found::File(file, stamp) => {
                // The only served file is the root, too.
                let is_root = self.only.is_some() && path.relative().as_os_str().is_empty();
                if path.names_directory() && !is_root {
                    return Ok(Found::Nothing);
                }
                Found::File(self.entry(url_path, self.root.join(relative), file, stamp, true)?)
            }
            // A directory has taken the place of the only file.
            sys::Found::Directory(_) if self.only.is_some() => Found::Nothing,
            sys::Found::Directory(directory) => Found::Directory(directory),
            sys::Found::Unreadable | sys::Found::Nothing => Found::Nothing,
        };
        Ok(found)
    }

    /// Returns the index page of a directory, if it has one. A page that cannot be read counts,
    /// too, because its directory should not be listed.
    pub(super) fn find_index(
        &self,
        url_path: &[u8],
        path: &RequestPath,
        directory: &Directory,
    ) -> io::Result<Option<Found>> {
        for (place, page) in self.options.index_pages.iter().enumerate() {
            match directory.find(Path::new(page), self.links())? {
                sys::Found::File(file, stamp) => {
                    let whole = self.root.join(path.relative()).join(page);
                    // The stamp of one page would not show that a page with precedence has
                    // appeared.
                    let entry = self.entry(url_path, whole, file, stamp, place == 0)?;
                    return Ok(Some(Found::File(entry)));
                }
                sys::Found::Unreadable => return Ok(Some(Found::Nothing)),
                sys::Found::Directory(_) | sys::Found::Nothing => {}
            }
        }
        Ok(None)
    }

    /// Frees the descriptors of cached files, because descriptors have run out.
    pub(super) fn let_go(&self) {
        self.entries.clear();
    }

    pub(super) fn links(&self) -> Links {
        if self.options.follow_symlinks || self.only.is_some() { Links::Anywhere } else { Links::Inside }
    }

    fn entry(
        &self,
        url_path: &[u8],
        path: PathBuf,
        file: std::fs::File,
        stamp: Stamp,
        keep: bool,
    ) -> io::Result<Arc<Entry>> {
        let before = self.entries.peek(url_path);
        let read = self.since.elapsed();
        let entry = Arc::new(Entry::new(path, file, stamp, read, before.as_deref(), &self.options)?);
        if keep && entry.is_fit_to_keep() && url_path.len() <= MAX_KEY {
            self.keep(url_path, &entry);
        }
        Ok(entry)
    }

    fn keep(&self, url_path: &[u8], entry: &Arc<Entry>) {
        self.entries.insert(url_path.into(), Arc::clone(entry));
        if entry.is_open()
            && let Err(error) = self.open_files.add(url_path, entry, &self.entries, self.since)
        {
            diagnostics::debug!("no file is kept open, as nothing would close it: {error}");
            self.entries.remove(url_path);
        }
    }

    /// Returns the directory that is at the path of the root now. `None`: there is none, and it may
    /// be about to be created again.
    fn directory(&self) -> io::Result<Option<Arc<Directory>>> {
        let mut held = lock(&self.directory);
        // Without an inode number, nothing tells two directories apart.
        let is_same = |now: Stamp, held: Stamp| {
            now.inode() != 0 && (now.device(), now.inode()) == (held.device(), held.inode())
        };
        let same = Stamp::at(&self.root).and_then(|now| Ok(is_same(now, held.stamp()?)));
        if !same.is_ok_and(|same| same) {
            match Directory::open(&self.root) {
                Ok(opened) => *held = Arc::new(opened),
                // Nothing of the old directory is served, which may have been moved away.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(Arc::clone(&held)))
    }

    fn tell_of_hidden(&self, path: &RequestPath) {
        if !self.told_of_hidden.swap(true, Ordering::Relaxed) {
            diagnostics::warning!(
                "{} was asked for and is not served: its name begins with a dot, as those of private files do; \
                 names like this can be allowed (`--hidden`)",
                path.display().trim_end_matches('/')
            );
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // The thread that closes idle files may be the last owner of the cache, but must not keep
        // the files.
        self.entries.clear();
    }
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site")
            .field("root", &self.root)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The weight of an entry in the cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weight {
    /// The bytes that an open file counts as.
    descriptor: u64,
}

impl Weight {
    /// Open files count as 32 KiB each, or more if the process may have so few descriptors that
    /// connections would lack them.
    fn new(cache_size: u64) -> Self {
        let most = sys::descriptor_limit().map_or(u64::MAX, |limit| (limit / DESCRIPTOR_SHARE).max(1));
        Self { descriptor: DESCRIPTOR.max(cache_size / most) }
    }
}

impl Weighter<Box<[u8]>, Arc<Entry>> for Weight {
    fn weight(&self, key: &Box<[u8]>, entry: &Arc<Entry>) -> u64 {
        key.len() as u64 + entry.weight(self.descriptor)
    }
}

/// The weight of an open file, so that a cache of 8 MiB keeps at most 256 of them open.
const DESCRIPTOR: u64 = 32 * 1024;
/// Cached files use at most one in this many of the descriptors that the process may have.
const DESCRIPTOR_SHARE: u64 = 16;
/// The number of entries for which the cache makes its tables.
const USUAL_ENTRIES: usize = 1024;
/// A path may be written in any number of ways, and long paths are not worth their memory.
const MAX_KEY: usize = 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A site in which `/a.txt` is cached.
    fn kept(name: &str) -> (PathBuf, Site) {
        let root = std::env::temp_dir().join(format!("serve_forever_{name}_{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("a.txt"), "one").unwrap();
        let site = Site::new(&root, Options::default()).unwrap();
        let path = RequestPath::parse("/a.txt").unwrap();
        // A file that was just written is not cached.
        while site.kept(b"/a.txt", site.since, None).is_none() {
            assert!(matches!(site.find(b"/a.txt", &path), Ok(Found::File(_))));
        }
        (root, site)
    }

    #[test]
    fn one_look_serves_all_requests_that_had_begun_before_it() {
        let (root, site) = kept("one_look");
        let began = Instant::now();
        let (earlier, later) = (site.since, began + Duration::from_nanos(1));
        assert!(site.kept(b"/a.txt", site.since, Some(began)).is_some());

        fs::write(root.join("a.txt"), "three").unwrap();
        assert!(site.kept(b"/a.txt", site.since, Some(earlier)).is_some());
        assert!(site.kept(b"/a.txt", site.since, Some(began)).is_some());
        assert!(site.kept(b"/a.txt", site.since, Some(later)).is_none());
        assert!(site.kept(b"/a.txt", site.since, Some(began)).is_none());
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_look_for_a_request_of_unknown_begin_serves_nobody_else() {
        let (root, site) = kept("own_look");
        fs::write(root.join("a.txt"), "three").unwrap();
        // Not even a request that had begun before anything was cached.
        assert!(site.kept(b"/a.txt", site.since, Some(site.since)).is_none());
        fs::remove_dir_all(&root).unwrap();
    }
}
