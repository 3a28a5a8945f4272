//! What is served, and the lookup of paths in it. Every answer reflects the present state of the
//! disk.
//!
//! Files that were sent before are kept in the cache. For each request, the site asks the system
//! whether the file at this path is still the same. The system resolves the whole path from its
//! beginning, so that a directory that was created again, or a link that was switched, is noticed
//! as well.
//!
//! One such check serves all requests for the path that had begun to arrive before the check. A
//! request may be answered with any state of the file between its beginning and its end, and the
//! check falls into this time. So if many clients request a file at once, all requests that one
//! poll reports share one check.
//!
//! The system does not tell of every change. If a program has mapped a file to its memory, each
//! store changes the file, but its times change once or not at all. So content that is kept in
//! memory is read again once a second while it is requested. It is never older than that.

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
use super::listing::shared_names::SharedNames;
use super::options::Options;
use super::path::RequestPath;

/// A directory that is served, or a single file.
pub(super) struct Site {
    /// The absolute path as it was given, with its links unresolved: their targets may change.
    root: PathBuf,
    /// The name of the file, if only a single file is served.
    only: Option<PathBuf>,
    pub(super) options: Options,
    directory: Mutex<Arc<Directory>>,
    /// The cached files, by the path of the request as the client spelled it.
    entries: Arc<Entries>,
    /// The cached files that have an open descriptor.
    open_files: OpenFiles,
    /// The header fields of a listing.
    pub(super) listing_fields: PreparedFields,
    /// The user's fields on errors, redirects and the answer to `OPTIONS`.
    pub(super) fields_without_content: PreparedFields,
    /// The names that long listings still have to show.
    pub(super) shared_names: Arc<SharedNames>,
    warned_of_hidden: AtomicBool,
    /// The start of the site's clock.
    since: Instant,
}

/// The files that are kept in the cache.
pub(super) type Entries = Cache<Box<[u8]>, Arc<Entry>, Weight>;

/// What a path leads to.
pub(super) enum Resource {
    File(Arc<Entry>),
    Directory(Directory),
    Nothing,
}

impl Site {
    /// Fails if the directory or file does not exist or cannot be reached.
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
            // If the path is a link, its target is served, but nothing that lies beside the target.
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
            shared_names: SharedNames::new(options.listing_memory),
            warned_of_hidden: AtomicBool::new(false),
            since: Instant::now(),
            root,
            only,
            options,
        })
    }

    /// Returns the cached file of this path if the file on the disk is still the same. `arrived` is
    /// when the request had arrived. `began` is a time at which the request had already begun to
    /// arrive, if such a time is known.
    pub(super) fn kept(
        &self,
        url_path: &[u8],
        arrived: Instant,
        began: Option<Instant>,
    ) -> Option<Arc<Entry>> {
        let entry = self.entries.get(url_path)?;
        // `since` is before the first file was kept, so saturating at it loses nothing.
        let began = began.map(|began| began.saturating_duration_since(self.since));
        if began.is_some_and(|began| entry.was_seen_after(began)) {
            return Some(entry);
        }
        self.is_there_still(url_path, &entry, arrived, began).then_some(entry)
    }

    /// Asks the system whether the file is still the same. If not, the entry is removed from the
    /// cache. An entry whose content has to be read again stays until the new one replaces it.
    #[inline(never)]
    fn is_there_still(
        &self,
        url_path: &[u8],
        entry: &Entry,
        arrived: Instant,
        began: Option<Duration>,
    ) -> bool {
        if entry.must_be_read_again(arrived) {
            return false;
        }
        let is_there = Stamp::at(&entry.path).is_ok_and(|stamp| stamp == entry.stamp);
        if !is_there {
            self.entries.remove(url_path);
            return false;
        }
        if let Some(began) = began {
            entry.note_seen_after(began);
        }
        if entry.is_open() {
            entry.note_requested(arrived.saturating_duration_since(self.since));
        }
        true
    }

    /// Looks up a path. An error concerns this process, not the path.
    pub(super) fn find(&self, url_path: &[u8], path: &RequestPath) -> io::Result<Resource> {
        let mut relative = path.relative();
        if let Some(only) = &self.only {
            if !relative.as_os_str().is_empty() && relative != only {
                return Ok(Resource::Nothing);
            }
            relative = only;
        } else if !self.options.hidden && path.is_hidden() {
            self.warn_of_hidden(path);
            return Ok(Resource::Nothing);
        }
        let Some(directory) = self.directory()? else { return Ok(Resource::Nothing) };
        let found = directory.find(relative, self.links())?;
        if self.only.is_none()
            && !self.options.hidden
            && directory.is_by_alias(relative, self.links(), &found)?
        {
            diagnostics::debug!("{} is not served: it may be another name of a hidden file", path.display());
            return Ok(Resource::Nothing);
        }
        let found = match found {
            sys::Found::File(file, stamp) => {
                // A single file is also served at the root.
                let is_root = self.only.is_some() && path.relative().as_os_str().is_empty();
                if path.names_directory() && !is_root {
                    return Ok(Resource::Nothing);
                }
                Resource::File(self.entry(url_path, self.root.join(relative), file, stamp, true)?)
            }
            // A directory has taken the place of the single file.
            sys::Found::Directory(_) if self.only.is_some() => Resource::Nothing,
            sys::Found::Directory(directory) => Resource::Directory(directory),
            sys::Found::Unreadable | sys::Found::Nothing => Resource::Nothing,
        };
        Ok(found)
    }

    /// Returns the index page of a directory, if it has one. A page that cannot be read counts too,
    /// as [`Resource::Nothing`]: a directory with an index page is not meant to be listed.
    pub(super) fn find_index(
        &self,
        url_path: &[u8],
        path: &RequestPath,
        directory: &Directory,
    ) -> io::Result<Option<Resource>> {
        for (place, page) in self.options.index_pages.iter().enumerate() {
            match directory.find(Path::new(page), self.links())? {
                sys::Found::File(file, stamp) => {
                    let whole = self.root.join(path.relative()).join(page);
                    // Only a page with the first of the names is kept: for another page, the stamp
                    // would not show that a page of higher precedence has appeared.
                    let entry = self.entry(url_path, whole, file, stamp, place == 0)?;
                    return Ok(Some(Resource::File(entry)));
                }
                sys::Found::Unreadable => return Ok(Some(Resource::Nothing)),
                sys::Found::Directory(_) | sys::Found::Nothing => {}
            }
        }
        Ok(None)
    }

    /// Frees the file descriptors of cached entries that are not in use, because descriptors have
    /// run out.
    pub(super) fn drop_kept_files(&self) {
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
        if keep && entry.may_be_kept() && url_path.len() <= MAX_KEY {
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

    /// Returns the directory that is at the root's path now. `None` means that there is none. It
    /// may be about to be created again.
    fn directory(&self) -> io::Result<Option<Arc<Directory>>> {
        let mut held = lock(&self.directory);
        // Without an inode number, two directories cannot be told apart.
        let is_same = |now: Stamp, held: Stamp| {
            now.inode() != 0 && (now.device(), now.inode()) == (held.device(), held.inode())
        };
        let same = Stamp::at(&self.root).and_then(|now| Ok(is_same(now, held.stamp()?)));
        if !same.is_ok_and(|same| same) {
            match Directory::open(&self.root) {
                Ok(opened) => *held = Arc::new(opened),
                // The old directory is not served either, because it may only have been moved away.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(Arc::clone(&held)))
    }

    fn warn_of_hidden(&self, path: &RequestPath) {
        if !self.warned_of_hidden.swap(true, Ordering::Relaxed) {
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
        // The thread that closes idle files may hold the cache a little longer than the site does.
        // The files must be closed now.
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

/// Weighs the entries of the cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weight {
    /// The weight of an open file.
    descriptor: u64,
}

impl Weight {
    /// An open file weighs 32 KiB. It weighs more if the process may have so few descriptors that
    /// connections would run short of them.
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

/// The weight of an open file in bytes: a cache of 8 MiB keeps at most 256 files open.
const DESCRIPTOR: u64 = 32 * 1024;
/// Files in the cache take at most one of so many descriptors that the process may have.
const DESCRIPTOR_SHARE: u64 = 16;
/// The number of entries for which the cache allocates its tables.
const USUAL_ENTRIES: usize = 1024;
/// The longest path whose file is kept, in bytes. A path can be spelled in any number of ways, and
/// long spellings are not worth their memory.
const MAX_KEY: usize = 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Returns a site whose cache has `/a.txt`.
    fn kept(name: &str) -> (PathBuf, Site) {
        let root = std::env::temp_dir().join(format!("serve_forever_{name}_{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("a.txt"), "one").unwrap();
        let site = Site::new(&root, Options::default()).unwrap();
        let path = RequestPath::parse("/a.txt").unwrap();
        // A file that was written to just now is not kept, so this repeats until it is.
        while site.kept(b"/a.txt", site.since, None).is_none() {
            assert!(matches!(site.find(b"/a.txt", &path), Ok(Resource::File(_))));
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
        // This includes requests that had begun before anything was kept.
        assert!(site.kept(b"/a.txt", site.since, Some(site.since)).is_none());
        fs::remove_dir_all(&root).unwrap();
    }
}
