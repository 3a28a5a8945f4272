//! Directories and what is found in them.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::{Errno, Result, retry_on_intr};

use super::beneath::{Root, SEARCH, or_dot};
use crate::sys::directory::Doubt;
use crate::sys::errors::is_of_disk;
use crate::sys::{Found, FileKind, Links, Stamp};

/// Without `NONBLOCK` a named pipe that has just taken the place of a file keeps the thread until
/// somebody writes to it; on regular files it changes nothing. Without `NOCTTY` a terminal could
/// become the one that sends this process its signals.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

const LIST: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// An open directory, which need not be readable.
#[derive(Debug)]
pub(crate) struct Handle(OwnedFd);

impl Root {
    pub(crate) fn handle(&self) -> io::Result<Handle> {
        Ok(Handle(retry_on_intr(|| openat(&self.fd, ".", SEARCH, Mode::empty()))?))
    }

    pub(crate) fn find(&self, relative: &Path, links: Links) -> io::Result<Found<Handle>> {
        match self.try_find(relative, links) {
            Err(error) => unless_of_path(error).map(|()| Found::Nothing),
            Ok(found) => Ok(found),
        }
    }

    pub(crate) fn stamp_of(&self, relative: &Path, links: Links) -> io::Result<Stamp> {
        let outcome = match links {
            Links::Inside => self.stamp_beneath(relative),
            Links::Anywhere => statat(&self.fd, relative, AtFlags::empty()).map(Stamp::from),
        };
        match outcome {
            Err(error) => unless_of_path(error).and(Err(ErrorKind::NotFound.into())),
            Ok(stamp) => Ok(stamp),
        }
    }

    #[expect(clippy::unused_self, reason = "the other back end goes by the path")]
    pub(crate) fn doubt_of_file(&self, _: &Path, file: &File) -> Doubt {
        doubt_of(file.as_fd())
    }

    #[expect(clippy::unused_self, reason = "the other back end goes by the path")]
    pub(crate) fn doubt_of_directory(&self, _: &Path, handle: &Handle) -> Doubt {
        doubt_of(handle.0.as_fd())
    }

    /// Looks twice: before it opens anything, so that pipes and devices are left alone, and
    /// afterwards, as only that can be relied on. The first look may go astray outside; it decides
    /// nothing but what to try.
    fn try_find(&self, relative: &Path, links: Links) -> Result<Found<Handle>> {
        let relative = or_dot(relative);
        let flags = match Stamp::from(statat(&self.fd, relative, AtFlags::empty())?).kind {
            FileKind::File => READ,
            FileKind::Directory => SEARCH,
            FileKind::Link | FileKind::Other => return Ok(Found::Nothing),
        };
        let fd = match self.open_to(relative, links, flags) {
            Err(Errno::ACCESS | Errno::PERM) => return Ok(Found::Unreadable),
            outcome => outcome?,
        };
        let stamp = Stamp::from(fstat(&fd)?);
        Ok(match stamp.kind {
            FileKind::File => Found::File(fd.into(), stamp),
            FileKind::Directory => Found::Directory(Handle(fd)),
            FileKind::Link | FileKind::Other => Found::Nothing,
        })
    }

    fn open_to(&self, relative: &Path, links: Links, flags: OFlags) -> Result<OwnedFd> {
        match links {
            Links::Inside => self.open_beneath(relative, flags),
            Links::Anywhere => retry_on_intr(|| openat(&self.fd, relative, flags, Mode::empty())),
        }
    }
}

impl Handle {
    pub(crate) fn stamp(&self) -> io::Result<Stamp> {
        Ok(fstat(&self.0)?.into())
    }

    /// Of a link: of itself.
    pub(crate) fn stamp_of(&self, name: &OsStr) -> io::Result<Stamp> {
        Ok(statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?.into())
    }

    pub(crate) fn entries(&self) -> io::Result<Entries> {
        // A descriptor of its own, since where one has got to is remembered with the descriptor.
        Ok(Entries(Dir::new(retry_on_intr(|| openat(&self.0, ".", LIST, Mode::empty()))?)?))
    }
}

#[derive(Debug)]
pub(crate) struct Entries(Dir);

impl Iterator for Entries {
    type Item = io::Result<(OsString, FileKind)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.0.read()? {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error.into())),
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not keep it with the name.
                FileType::Unknown => match self.kind_of(name) {
                    Err(Errno::NOENT) => continue,
                    kind => kind.unwrap_or(FileKind::Other),
                },
                known => known.into(),
            };
            return Some(Ok((OsString::from_vec(name.to_bytes().to_vec()), kind)));
        }
    }
}

impl Entries {
    fn kind_of(&self, name: &CStr) -> Result<FileKind> {
        Ok(Stamp::from(statat(self.0.fd()?, name, AtFlags::SYMLINK_NOFOLLOW)?).kind)
    }
}

/// FAT may be told to make short names without a tilde, such as `GIT` for `.git`.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn doubt_of(file: BorrowedFd<'_>) -> Doubt {
    const MSDOS_SUPER_MAGIC: u32 = 0x4d44;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        reason = "each architecture has a type of its own for it"
    )]
    let is_fat = rustix::fs::fstatfs(file).is_ok_and(|system| system.f_type as u32 == MSDOS_SUPER_MAGIC);
    if is_fat { Doubt::Every } else { Doubt::Unusual }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn doubt_of(_: BorrowedFd<'_>) -> Doubt {
    Doubt::Unusual
}

/// An error that says something of the path is none here; one of this process or of the disk is
/// passed on.
fn unless_of_path(error: Errno) -> io::Result<()> {
    match error {
        // Somebody holds a lease on the file.
        Errno::AGAIN => Err(ErrorKind::ResourceBusy.into()),
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => Err(error.into()),
        _ if is_of_disk(&error.into()) => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_path_are_told_from_those_of_the_process_and_the_disk() {
        for errno in
            [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::XDEV, Errno::ACCESS, Errno::INVAL, Errno::NXIO]
        {
            assert!(unless_of_path(errno).is_ok(), "{errno}");
        }
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO, Errno::TIMEDOUT, Errno::NOTCONN] {
            assert_eq!(unless_of_path(errno).unwrap_err().raw_os_error(), Some(errno.raw_os_error()));
        }
        assert_eq!(unless_of_path(Errno::AGAIN).unwrap_err().kind(), ErrorKind::ResourceBusy);
    }
}
