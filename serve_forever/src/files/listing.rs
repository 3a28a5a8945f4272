//! What is in a directory. How that looks is a matter of [`page`].
//!
//! A directory can have a million entries, and the first of them should be on the screen at once. So a listing knows
//! only what reading the directory tells: names and kinds. What costs a system call for each entry is asked for while
//! its piece of the page is made.

mod details;
mod names;
pub(super) mod page;

use std::ffi::OsStr;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sys::{Directory, Kind, Links, Stamp};

use super::path::is_hidden_name;
use names::Names;

/// The entries of a directory, in the order in which they are shown.
#[derive(Debug)]
pub(super) struct Listing {
    /// The path that was asked for, for people.
    path: String,
    names: Names,
}

/// What is found behind an entry: behind a link it is what the link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Details {
    /// In octets.
    pub(super) size: u64,
    pub(super) modified: Option<SystemTime>,
    pub(super) is_directory: bool,
    /// A regular one. Nothing else has a size that means something.
    pub(super) is_file: bool,
}

impl Listing {
    /// Takes the entries in any order; the first error is the result. `path` is what people are told that it is.
    ///
    /// [Hidden names](is_hidden_name) are left out unless they are asked for.
    pub(super) fn new<N: AsRef<OsStr>>(
        path: String,
        with_hidden: bool,
        entries: impl IntoIterator<Item = io::Result<(N, Kind)>>,
    ) -> io::Result<Self> {
        let mut names = Names::default();
        for entry in entries {
            let (name, kind) = entry?;
            match name.as_ref().as_encoded_bytes() {
                // No system that we know tells these two, but links to them would send programs in circles.
                b"." | b".." => {}
                name if !with_hidden && is_hidden_name(name) => {}
                name => names.push(name, kind),
            }
        }
        names.sort();
        Ok(Self { path, names })
    }

    /// What is in that directory.
    pub(super) fn read(directory: &Directory, path: String, with_hidden: bool) -> io::Result<Self> {
        Self::new(path, with_hidden, directory.entries()?)
    }
}

/// Tells the details of what is in that directory, given its name.
pub(super) fn look_into(directory: Directory, links: Links) -> impl FnMut(&OsStr) -> Option<Details> {
    move |name| directory.stamp_of(name, links).ok().map(Details::from)
}

impl From<Stamp> for Details {
    fn from(stamp: Stamp) -> Self {
        let (seconds, _) = stamp.modified();
        let modified = match u64::try_from(seconds) {
            Ok(since) => UNIX_EPOCH.checked_add(Duration::from_secs(since)),
            Err(_) => UNIX_EPOCH.checked_sub(Duration::from_secs(seconds.unsigned_abs())),
        };
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

    fn entries(listing: &Listing) -> Vec<(&str, Kind)> {
        listing.names.iter_from(0).map(|(name, kind)| (std::str::from_utf8(name).unwrap(), kind)).collect()
    }

    fn of(names: &[&'static str], with_hidden: bool) -> Vec<String> {
        let found = names.iter().map(|name| Ok((name, Kind::File)));
        let listing = Listing::new("/".into(), with_hidden, found).unwrap();
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
        let listing = Listing::read(&directory.open(), "/".into(), true).unwrap();
        assert_eq!(entries(&listing), [(".c", Kind::File), ("a", Kind::File), ("B", Kind::Directory)]);
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
        let listing = Listing::read(&directory.open(), "/".into(), true).unwrap();
        assert_eq!(
            entries(&listing),
            [
                ("a", Kind::Directory),
                ("b", Kind::File),
                ("c", Kind::Link),
                ("d", Kind::Link),
                ("e", Kind::Link),
                ("f", Kind::Other)
            ]
        );

        let mut look = look_into(directory.open(), Links::Inside);
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
        let found = [Ok(("a", Kind::File)), Err(io::ErrorKind::Other.into()), Ok(("b", Kind::File))];
        assert!(Listing::new("/".into(), true, found).is_err());
    }
}
