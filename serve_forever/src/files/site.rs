//! A directory that is served, and what is found in it.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::sys;

use super::path::RequestPath;

/// What stands for a directory, in the order in which they are looked for.
const INDEX_PAGES: [&str; 2] = ["index.html", "index.htm"];

/// A directory that is served.
#[derive(Debug)]
pub(super) struct Site {
    /// Absolute and without links, so that it stays the same when the process changes its directory or somebody
    /// changes a link.
    root: PathBuf,
}

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Found {
    File(FoundFile),
    Directory(PathBuf),
    /// A regular file that may not be read.
    Unreadable,
    /// Nothing, or neither a file nor a directory.
    Nothing,
}

/// A regular file, open for reading.
#[derive(Debug)]
pub(super) struct FoundFile {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) metadata: Metadata,
}

impl Site {
    /// Fails if there is no such directory.
    pub(super) fn new(directory: &Path) -> io::Result<Self> {
        let root = directory.canonicalize().and_then(|root| {
            let is_directory = fs::metadata(&root)?.is_dir();
            if is_directory { Ok(root) } else { Err(ErrorKind::NotADirectory.into()) }
        });
        match root {
            Ok(root) => Ok(Self { root }),
            Err(error) => {
                let reason = format!("cannot serve the directory \"{}\": {error}", directory.display());
                Err(io::Error::new(error.kind(), reason))
            }
        }
    }

    /// Looks a path up. An error is a matter of this process, not of the path.
    pub(super) fn find(&self, path: &RequestPath) -> io::Result<Found> {
        find(path.below(&self.root))
    }
}

/// The page that stands for the directory, if it has one. A page that cannot be read is one too: its directory does
/// not want to be listed.
pub(super) fn find_index(directory: &Path) -> io::Result<Option<Found>> {
    for page in INDEX_PAGES {
        let found = find(directory.join(page))?;
        if matches!(found, Found::File(_) | Found::Unreadable) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Opens first and looks afterwards, so that what was looked at is what is sent.
fn find(path: PathBuf) -> io::Result<Found> {
    match sys::open_for_reading(&path) {
        Ok(file) => {
            let metadata = file.metadata()?;
            Ok(if metadata.is_file() {
                Found::File(FoundFile { path, file, metadata })
            } else if metadata.is_dir() {
                Found::Directory(path)
            } else {
                Found::Nothing
            })
        }
        Err(error) if sys::is_out_of_descriptors(&error) => Err(error),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
        // A directory that cannot be opened (none can on Windows) may still have an index page.
        Err(_) => Ok(match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Found::Directory(path),
            Ok(metadata) if metadata.is_file() => Found::Unreadable,
            _ => Found::Nothing,
        }),
    }
}
