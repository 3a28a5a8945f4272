//! Directories that only give access to what is beneath them.
//!
//! Checking names before opening them is useless if directories can change meanwhile. So the system
//! keeps every look-up inside, and what was opened is checked afterwards, because that is what will
//! be sent.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::{backend, names};

/// A stamp, which tells versions of a file apart.
///
/// Equal stamps mean the same content, as far as the system can tell: where it counts time
/// coarsely, two changes of the same size within one tick (some milliseconds) look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    pub(super) kind: FileKind,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) modified: (i64, u32),
    pub(super) changed: (i64, u32),
    pub(super) properties: Properties,
}

/// The properties of a file that can change while its content stays, and that give it a new [change
/// time](Stamp::changed). All are 0 where the system does not tell them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Properties {
    /// The link count.
    pub(super) links: u64,
    pub(super) mode: u32,
    pub(super) owner: u32,
    pub(super) group: u32,
}

impl Stamp {
    /// Of an open file.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        backend::stamp_of_file(file)
    }

    /// Of what `path` leads to. Links are followed, wherever they lead: it is for asking whether a
    /// file that was found is still there. One system call, and no allocation for a path of less
    /// than 256 bytes.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        backend::stamp_at(path)
    }

    /// Whether this later stamp of an open file shows the same content as `earlier`. A file which
    /// is removed, replaced by another of its name or given new permissions can still be sent to
    /// its end by those who have it open.
    ///
    /// The size and the modification time can be restored, so the change time must be the same,
    /// too, where the [system tells it](CHANGE_TIME_IS_KNOWN). It may differ if the link count, the
    /// mode or the owner has changed as well. A rename of the file changes none of these, and looks
    /// like a rewrite.
    pub(crate) fn has_content_of(&self, earlier: &Self) -> bool {
        let is_explained = !CHANGE_TIME_IS_KNOWN || self.properties != earlier.properties;
        let changed = if is_explained { earlier.changed } else { self.changed };
        Self { changed, properties: earlier.properties, ..*self } == *earlier
    }

    pub(crate) fn is_file(&self) -> bool {
        self.kind == FileKind::File
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.kind == FileKind::Directory
    }

    /// In bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// When the content last changed: seconds since the start of 1970, and nanoseconds on top of
    /// them.
    pub(crate) fn modified(&self) -> (i64, u32) {
        self.modified
    }

    /// Returns the second in which the content last changed, since the start of 1970, or `None` if
    /// it is unknown. Package stores and images (Nix, `OSTree`, Bazel) give every file the time 0
    /// or 1, whatever its content, and so do systems without a clock.
    pub(crate) fn date(&self) -> Option<i64> {
        Some(self.modified.0).filter(|seconds| !NO_DATES.contains(seconds))
    }

    /// When anything about the file last changed, which nobody can set back; where a system does
    /// not tell that, when it was created. Else 0.
    pub(crate) fn changed(&self) -> (i64, u32) {
        self.changed
    }

    /// The device that holds it; 0 where the system does not say.
    pub(crate) fn device(&self) -> u64 {
        self.device
    }

    /// Its number on that device; 0 where the system does not say.
    pub(crate) fn inode(&self) -> u64 {
        self.inode
    }
}

/// Whether [`Stamp::changed`] is the change time, which every change of the file moves. Else it is
/// when the file was created.
pub(crate) const CHANGE_TIME_IS_KNOWN: bool = backend::CHANGE_TIME_IS_KNOWN;

/// Seconds since 1970 that files have in place of a date.
const NO_DATES: std::ops::RangeInclusive<i64> = 0..=1;

/// The kind of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FileKind {
    /// A regular file.
    File,
    Directory,
    /// A symbolic link.
    Link,
    /// A pipe, a socket, a device.
    Other,
}

/// Where symbolic links may lead. Only the target counts: a link that leaves the directory and
/// comes back is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// To what is beneath the directory that was opened with [`Directory::open`].
    Inside,
    Anywhere,
}

/// Which names of a path may be aliases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each system has its own")]
pub(super) enum Doubt {
    None,
    /// Those that [may be aliases](names::may_be_alias).
    Unusual,
    Every,
}

/// The result of a look-up.
#[derive(Debug)]
pub(crate) enum Found<D = Directory> {
    /// A regular file, open for reading, and what it was when it had been opened.
    File(File, Stamp),
    Directory(D),
    /// A regular file that may not be read. (Or a directory, on systems that open none which they
    /// cannot read.)
    Unreadable,
    /// There is nothing, or neither a file nor a directory, or it is outside.
    Nothing,
}

/// A directory that only gives access to what is beneath it.
///
/// A directory from [`Directory::open`] is a root. Directories that are found in it keep that root:
/// links may lead to what is beneath the root.
///
/// It stays the directory that was opened, even if another one takes its place. Compare
/// [`Directory::stamp`] with [`Stamp::at`] to find that out.
#[derive(Debug)]
pub(crate) struct Directory {
    root: Arc<backend::Root>,
    /// Below the root; may be empty.
    relative: PathBuf,
    handle: backend::Handle,
}

impl Directory {
    /// Opens a root. Links on the way to it may lead anywhere.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::of_root(backend::Root::open(path)?)
    }

    fn of_root(opened: backend::Root) -> io::Result<Self> {
        let root = Arc::new(opened);
        let handle = root.handle()?;
        Ok(Self { root, relative: PathBuf::new(), handle })
    }

    pub(crate) fn stamp(&self) -> io::Result<Stamp> {
        self.handle.stamp()
    }

    /// Finds what a path of plain names leads to. An empty path finds the directory itself. Any
    /// other path leads to nothing. Waits only for the disk, and never opens pipes and devices,
    /// because opening them can have effects.
    ///
    /// An error is one of this process or of the disk, not of the path.
    pub(crate) fn find(&self, relative: &Path, links: Links) -> io::Result<Found> {
        if !is_plain(relative) {
            return Ok(Found::Nothing);
        }
        let relative = below(&self.relative, relative);
        Ok(match self.root.find(&relative, links)? {
            Found::File(file, stamp) => Found::File(file, stamp),
            Found::Directory(handle) => Found::Directory(Self {
                root: Arc::clone(&self.root),
                relative: relative.into_owned(),
                handle,
            }),
            Found::Unreadable => Found::Unreadable,
            Found::Nothing => Found::Nothing,
        })
    }

    /// Whether some step of a path which leads to `found` may be another name of something whose
    /// own name begins with a dot: its directory has no such name in it, whatever its case.
    ///
    /// Systems only tell the name by which a file was opened. Reading a directory takes time, so
    /// this is done only if a name [may be](names::may_be_alias) an alias. A link that is in its
    /// directory under the requested name is not an alias.
    pub(crate) fn is_by_alias(&self, relative: &Path, links: Links, found: &Found) -> io::Result<bool> {
        let path = below(&self.relative, relative);
        let doubt = match found {
            Found::File(file, _) => self.root.doubt_of_file(&path, file),
            Found::Directory(directory) => self.root.doubt_of_directory(&path, &directory.handle),
            Found::Unreadable | Found::Nothing => return Ok(false),
        };
        let is_doubtful = |name: &OsStr| match doubt {
            Doubt::None => false,
            Doubt::Unusual => names::may_be_alias(name.as_encoded_bytes()),
            Doubt::Every => true,
        };
        for (place, name) in relative.iter().enumerate().filter(|(_, name)| is_doubtful(name)) {
            let parent: PathBuf = relative.iter().take(place).collect();
            if !self.lists(&parent, name, links)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the directory at `parent` has that name in it. One that may not be read has none.
    #[cold]
    fn lists(&self, parent: &Path, name: &OsStr, links: Links) -> io::Result<bool> {
        let Found::Directory(directory) = self.find(parent, links)? else { return Ok(false) };
        let entries = match directory.entries() {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(false),
            entries => entries?,
        };
        for entry in entries {
            if names::is_same_but_for_case(&entry?.0, name) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the entries, without `.` and `..`, in no particular order. Each call starts from the
    /// beginning.
    pub(crate) fn entries(
        &self,
    ) -> io::Result<impl Iterator<Item = io::Result<(OsString, FileKind)>> + use<>> {
        let entries = self.handle.entries()?;
        #[cfg(test)]
        let entries = super::faults::inject(entries);
        Ok(entries)
    }

    /// Of one of the [`entries`](Self::entries), without opening it; of a link, of what it leads
    /// to. `NotFound` where there is nothing, or where the link leads to nothing or outside.
    pub(crate) fn stamp_of(&self, name: &OsStr, links: Links) -> io::Result<Stamp> {
        if !is_plain(Path::new(name)) || Path::new(name).components().count() != 1 {
            return Err(ErrorKind::NotFound.into());
        }
        let stamp = self.handle.stamp_of(name)?;
        if stamp.kind == FileKind::Link {
            self.root.stamp_of(&self.relative.join(name), links)
        } else {
            Ok(stamp)
        }
    }

    /// As [`Directory::open`] on a system that has no call for it and goes step by step.
    #[cfg(test)]
    pub(super) fn open_for_steps(path: &Path) -> io::Result<Self> {
        Self::of_root(backend::Root::open_for_steps(path)?)
    }
}

/// Joined, without the slash at the end that an empty path would leave there.
fn below<'a>(directory: &'a Path, relative: &'a Path) -> Cow<'a, Path> {
    if relative.as_os_str().is_empty() {
        directory.into()
    } else if directory.as_os_str().is_empty() {
        relative.into()
    } else {
        directory.join(relative).into()
    }
}

fn is_plain(relative: &Path) -> bool {
    relative.components().all(|step| matches!(step, Component::Normal(_)))
}
