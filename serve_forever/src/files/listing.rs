//! The contents of a directory. [`page`] renders them.
//!
//! A directory can have a million entries, and the first of them should be on the screen at once.
//! So a listing only has what reading the directory tells: names and kinds. Details that cost a
//! system call per entry are requested when the piece of the page with that entry is made.

mod details;
mod names;
pub(super) mod page;
pub(super) mod shared_names;

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sys::{Directory, FileKind, Links, Stamp};

use super::path::is_hidden_name;
use shared_names::{SharedNames, Reader};
use names::Names;

/// The entries of a directory, in the order in which they are shown.
#[derive(Debug)]
pub(super) struct Listing {
    /// The requested path, for display.
    path: String,
    names: Arc<Names>,
    /// The right to read a long directory, until its names are [kept](SharedNames::keep).
    reader: Option<Reader>,
}

/// What is known about an entry. For a link, this describes its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Details {
    /// The size in bytes.
    pub(super) size: u64,
    pub(super) modified: Option<SystemTime>,
    pub(super) is_directory: bool,
    /// Whether this is a regular file. Nothing else has a meaningful size.
    pub(super) is_file: bool,
}

impl Listing {
    /// Reads the entries of `directory`. `path` is shown as its path.
    pub(super) fn read(
        directory: &Directory,
        path: String,
        with_hidden: bool,
        shared_names: &Arc<SharedNames>,
    ) -> io::Result<Self> {
        Self::new(path, with_hidden, directory.entries()?, shared_names)
    }

    fn new<N: AsRef<OsStr>>(
        path: String,
        with_hidden: bool,
        entries: impl IntoIterator<Item = io::Result<(N, FileKind)>>,
        shared_names: &Arc<SharedNames>,
    ) -> io::Result<Self> {
        let (names, reader) = collect(with_hidden, entries, shared_names, false)?;
        Ok(Self { path, names: Arc::new(names), reader })
    }
}

/// Collects entries that come in any order. Fails with the first error. `is_out` tells whether a
/// part of the page has been sent.
///
/// [Hidden names](is_hidden_name) are left out unless `with_hidden` is set.
fn collect<N: AsRef<OsStr>>(
    with_hidden: bool,
    entries: impl IntoIterator<Item = io::Result<(N, FileKind)>>,
    shared_names: &Arc<SharedNames>,
    is_out: bool,
) -> io::Result<(Names, Option<Reader>)> {
    let mut names = Names::default();
    let mut reader = None;
    for entry in entries {
        let (name, kind) = entry?;
        match name.as_ref().as_encoded_bytes() {
            // No system that we know reports these two, but links to them would send programs in
            // circles.
            b"." | b".." => {}
            name if !with_hidden && is_hidden_name(name) => {}
            name => names.push(name, kind),
        }
        if names.bytes() > LONG && reader.is_none() {
            reader = Some(shared_names.reader(is_out)?);
        }
    }
    names.sort();
    Ok((names, reader))
}

/// A directory whose listing is being sent.
#[derive(Debug)]
pub(super) struct Listed {
    directory: Directory,
    links: Links,
    with_hidden: bool,
}

impl Listed {
    pub(super) fn new(directory: Directory, links: Links, with_hidden: bool) -> Self {
        Self { directory, links, with_hidden }
    }
}

/// What a page asks of a directory while it is sent.
pub(super) trait Look: Send {
    /// Returns the details of the entry with this name. Returns `None` if they cannot be had, for
    /// example behind a broken link.
    fn details(&mut self, name: &OsStr) -> Option<Details>;

    /// Reads the directory again after a part of the page has been sent.
    fn names(&mut self, shared_names: &Arc<SharedNames>) -> io::Result<(Names, Option<Reader>)>;
}

impl Look for Listed {
    fn details(&mut self, name: &OsStr) -> Option<Details> {
        self.directory.stamp_of(name, self.links).ok().map(Details::from)
    }

    fn names(&mut self, shared_names: &Arc<SharedNames>) -> io::Result<(Names, Option<Reader>)> {
        collect(self.with_hidden, self.directory.entries()?, shared_names, true)
    }
}

/// Only few threads at once may read directories whose names take more bytes than this: 1 MiB,
/// which is some 20 000 names.
const LONG: u64 = 1024 * 1024;

impl From<Stamp> for Details {
    fn from(stamp: Stamp) -> Self {
        let modified = stamp.date().and_then(|seconds| match u64::try_from(seconds) {
            Ok(since) => UNIX_EPOCH.checked_add(Duration::from_secs(since)),
            Err(_) => UNIX_EPOCH.checked_sub(Duration::from_secs(seconds.unsigned_abs())),
        });
        Self { size: stamp.size(), modified, is_directory: stamp.is_directory(), is_file: stamp.is_file() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// A directory that is removed at the end of its test.
    struct Temporary(PathBuf);

    impl Temporary {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("serve_forever-listing-{name}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn open(&self) -> Directory {
            Directory::open(&self.0).unwrap()
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn entries(listing: &Listing) -> Vec<(&str, FileKind)> {
        listing.names.iter_from(0).map(|(name, kind)| (std::str::from_utf8(name).unwrap(), kind)).collect()
    }

    fn of(names: &[&'static str], with_hidden: bool) -> Vec<String> {
        let found = names.iter().map(|name| Ok((name, FileKind::File)));
        let listing = Listing::new("/".into(), with_hidden, found, &SharedNames::new(0)).unwrap();
        entries(&listing).into_iter().map(|(name, _)| name.to_owned()).collect()
    }

    #[test]
    fn names_that_begin_with_a_dot_are_shown_on_demand_but_for_well_known() {
        let names = [".git", "a", ".well-known", ".well-known-not", ".Well-Known", "b.c", "..d", ".", ".."];
        assert_eq!(of(&names, false), [".well-known", "a", "b.c"]);
        assert_eq!(
            of(&names, true),
            ["..d", ".git", ".Well-Known", ".well-known", ".well-known-not", "a", "b.c"]
        );
    }

    #[test]
    fn what_is_read_has_its_kind() {
        let directory = Temporary::new("kinds");
        fs::create_dir(directory.0.join("B")).unwrap();
        fs::write(directory.0.join("a"), "").unwrap();
        fs::write(directory.0.join(".c"), "").unwrap();
        let listing = Listing::read(&directory.open(), "/".into(), true, &SharedNames::new(0)).unwrap();
        assert_eq!(
            entries(&listing),
            [(".c", FileKind::File), ("a", FileKind::File), ("B", FileKind::Directory)]
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_are_told_from_what_they_lead_to() {
        use std::os::unix::fs::symlink;

        let directory = Temporary::new("links");
        fs::create_dir(directory.0.join("a")).unwrap();
        fs::write(directory.0.join("b"), "text").unwrap();
        for (target, link) in [("a", "c"), ("b", "d"), ("nowhere", "e")] {
            symlink(target, directory.0.join(link)).unwrap();
        }
        let _socket = std::os::unix::net::UnixListener::bind(directory.0.join("f")).unwrap();
        let listing = Listing::read(&directory.open(), "/".into(), true, &SharedNames::new(0)).unwrap();
        assert_eq!(
            entries(&listing),
            [
                ("a", FileKind::Directory),
                ("b", FileKind::File),
                ("c", FileKind::Link),
                ("d", FileKind::Link),
                ("e", FileKind::Link),
                ("f", FileKind::Other)
            ]
        );

        let mut listed = Listed::new(directory.open(), Links::Inside, true);
        let mut look = |name: &OsStr| listed.details(name);
        let mut is = |name: &str| look(OsStr::new(name)).map(|found| (found.is_directory, found.is_file));
        assert_eq!(
            ["a", "b", "c", "d", "e", "f"].map(&mut is),
            [
                Some((true, false)),
                Some((false, true)),
                Some((true, false)),
                Some((false, true)),
                None,
                Some((false, false))
            ]
        );
        let details = look(OsStr::new("d")).unwrap();
        let target = fs::metadata(directory.0.join("b")).unwrap();
        let whole_seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(details.size, 4);
        assert_eq!(details.modified.map(whole_seconds), target.modified().ok().map(whole_seconds));
    }

    #[test]
    fn an_error_while_reading_leaves_no_half_listing() {
        let found = [Ok(("a", FileKind::File)), Err(io::ErrorKind::Other.into()), Ok(("b", FileKind::File))];
        assert!(Listing::new("/".into(), true, found, &SharedNames::new(0)).is_err());
    }
}
