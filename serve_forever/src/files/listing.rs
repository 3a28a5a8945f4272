//! What is in a directory. How that looks is a matter of [`page`].

pub(super) mod page;

use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

/// The entries of a directory, in the order in which they are shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// The path that was asked for, for people.
    path: String,
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    name: OsString,
    /// Also of a link: it leads to one.
    is_directory: bool,
    is_link: bool,
}

impl Listing {
    /// Reads the directory. `path` is what people are told that it is.
    pub(super) fn read(directory: &Path, path: String) -> io::Result<Self> {
        let mut entries = fs::read_dir(directory)?
            .map(|entry| entry.map(|entry| Entry::from(&entry)))
            .collect::<io::Result<Vec<_>>>()?;
        // As in Python by the lower-cased name; by the name itself where that leaves it open, so that the order is
        // always the same.
        entries.sort_by_cached_key(|entry| (entry.name.to_string_lossy().to_lowercase(), entry.name.clone()));
        Ok(Self { path, entries })
    }
}

impl From<&DirEntry> for Entry {
    fn from(entry: &DirEntry) -> Self {
        // Where the kind cannot be learned the name is still worth showing.
        let kind = entry.file_type().ok();
        let is_link = kind.is_some_and(|kind| kind.is_symlink());
        let is_directory = if is_link {
            fs::metadata(entry.path()).is_ok_and(|target| target.is_dir())
        } else {
            kind.is_some_and(|kind| kind.is_dir())
        };
        Self { name: entry.file_name(), is_directory, is_link }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A directory that is removed at the end of its test.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("serve_forever-listing-{name}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn names(listing: &Listing) -> Vec<&str> {
        listing.entries.iter().map(|entry| entry.name.to_str().unwrap()).collect()
    }

    #[test]
    fn names_are_sorted_without_regard_to_case() {
        let directory = Directory::new("sorted");
        for name in ["b", "A", "c", "Č", "č1", ".d"] {
            fs::write(directory.0.join(name), "").unwrap();
        }
        let listing = Listing::read(&directory.0, "/".into()).unwrap();
        assert_eq!(names(&listing), [".d", "A", "b", "c", "Č", "č1"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_told_from_what_they_lead_to() {
        use std::os::unix::fs::symlink;

        let directory = Directory::new("links");
        fs::create_dir(directory.0.join("a")).unwrap();
        fs::write(directory.0.join("b"), "").unwrap();
        for (target, link) in [("a", "c"), ("b", "d"), ("nowhere", "e")] {
            symlink(target, directory.0.join(link)).unwrap();
        }
        let listing = Listing::read(&directory.0, "/".into()).unwrap();
        let kinds: Vec<_> = listing.entries.iter().map(|entry| (entry.is_directory, entry.is_link)).collect();
        assert_eq!(names(&listing), ["a", "b", "c", "d", "e"]);
        assert_eq!(kinds, [(true, false), (false, false), (true, true), (false, true), (false, true)]);
    }

    #[test]
    fn what_is_no_directory_has_no_listing() {
        let directory = Directory::new("none");
        assert!(Listing::read(&directory.0.join("a"), "/".into()).is_err());
    }
}
