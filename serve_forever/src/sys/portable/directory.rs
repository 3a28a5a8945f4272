//! Directories and what is found in them, with what `std` offers.
//!
//! The promise is weaker here: where a path leads is asked first, and the file is opened
//! afterwards, by its real name. Somebody who swaps a directory for a link in between has it
//! followed. Whoever lets others change what is served should serve it from Unix.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::sys::directory::Doubt;
use crate::sys::errors::is_of_disk;
use crate::sys::names::is_same_but_for_case;
use crate::sys::{Found, FileKind, Links, Stamp, is_out_of_descriptors};

/// Absolute and without links.
#[derive(Debug)]
pub(crate) struct Root(PathBuf);

/// Where a directory is.
#[derive(Debug)]
pub(crate) struct Handle(PathBuf);

impl Root {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let real = path.canonicalize()?;
        if fs::metadata(&real)?.is_dir() { Ok(Self(real)) } else { Err(ErrorKind::NotADirectory.into()) }
    }

    /// There are no steps here that one could take.
    #[cfg(test)]
    pub(crate) fn open_for_steps(path: &Path) -> io::Result<Self> {
        Self::open(path)
    }

    #[expect(clippy::unnecessary_wraps, reason = "on other systems it can fail")]
    pub(crate) fn handle(&self) -> io::Result<Handle> {
        Ok(Handle(self.0.clone()))
    }

    pub(crate) fn find(&self, relative: &Path, links: Links) -> io::Result<Found<Handle>> {
        match self.try_find(relative, links) {
            Err(error) if is_out_of_descriptors(&error) || is_of_disk(&error) => Err(error),
            Err(_) => Ok(Found::Nothing),
            Ok(found) => Ok(found),
        }
    }

    pub(crate) fn stamp_of(&self, relative: &Path, links: Links) -> io::Result<Stamp> {
        match self.resolve(relative, links).and_then(fs::metadata) {
            Err(error) if is_out_of_descriptors(&error) || is_of_disk(&error) => Err(error),
            Err(_) => Err(ErrorKind::NotFound.into()),
            Ok(metadata) => Ok(Stamp::from(&metadata)),
        }
    }

    pub(crate) fn doubt_of_file(&self, relative: &Path, _: &File) -> Doubt {
        self.doubt(relative)
    }

    pub(crate) fn doubt_of_directory(&self, relative: &Path, _: &Handle) -> Doubt {
        self.doubt(relative)
    }

    /// Windows tells real names, those of what links lead to. Short ones may have any form there.
    fn doubt(&self, relative: &Path) -> Doubt {
        if !cfg!(windows) {
            return Doubt::Unusual;
        }
        let asked = self.0.join(relative);
        match asked.canonicalize() {
            Ok(real) if is_same_but_for_case(real.as_os_str(), asked.as_os_str()) => Doubt::None,
            _ => Doubt::Every,
        }
    }

    fn try_find(&self, relative: &Path, links: Links) -> io::Result<Found<Handle>> {
        let path = self.resolve(relative, links)?;
        let seen = fs::metadata(&path)?;
        if seen.is_dir() {
            return Ok(Found::Directory(Handle(path)));
        }
        // Opening a pipe or a device may wait, and nothing here can prevent that but not to try.
        if !seen.is_file() {
            return Ok(Found::Nothing);
        }
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(Found::Unreadable),
            outcome => outcome?,
        };
        let stamp = Stamp::of(&file)?;
        Ok(if stamp.is_file() { Found::File(file, stamp) } else { Found::Nothing })
    }

    /// Without links, and inside if it has to be.
    fn resolve(&self, relative: &Path, links: Links) -> io::Result<PathBuf> {
        let path = self.0.join(relative).canonicalize()?;
        let is_allowed = links == Links::Anywhere || path.starts_with(&self.0);
        if is_allowed { Ok(path) } else { Err(ErrorKind::NotFound.into()) }
    }
}

impl Handle {
    pub(crate) fn stamp(&self) -> io::Result<Stamp> {
        Stamp::at(&self.0)
    }

    /// Of a link: of itself.
    pub(crate) fn stamp_of(&self, name: &OsStr) -> io::Result<Stamp> {
        Ok(Stamp::from(&fs::symlink_metadata(self.0.join(name))?))
    }

    pub(crate) fn entries(
        &self,
    ) -> io::Result<impl Iterator<Item = io::Result<(OsString, FileKind)>> + use<>> {
        Ok(fs::read_dir(&self.0)?.map(|entry| {
            let entry = entry?;
            // Where the kind cannot be learned the name is still worth something.
            Ok((entry.file_name(), entry.file_type().map_or(FileKind::Other, FileKind::from)))
        }))
    }
}
