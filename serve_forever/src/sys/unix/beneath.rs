//! Look-ups that do not leave a directory.
//!
//! On Linux the kernel does all of it, by `openat2`. Everywhere else we go step by step from the
//! directory, each step from the descriptor of the last one and over no link; a directory that is
//! moved meanwhile is still the one that we are in.
//!
//! Either way some links are too much: those with an absolute path or one that leaves the directory
//! and comes back, or any at all. Then we have the system say where it all leads, and if that is
//! inside, start again with a path that has no links. That path is a mere hint. If it is out of
//! date the second look-up stays inside like the first.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, fstat, open, openat, statat};
use rustix::io::{Errno, Result, retry_on_intr};

use crate::sys::{FileKind, Stamp};

/// To open a directory for going through it only, which does not take the permission to read it.
/// Where a system has nothing of the kind it does take that.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(super) const SEARCH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(super) const SEARCH: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// How often a look-up starts again because somebody changed a directory under it.
const ATTEMPTS: usize = 16;

#[derive(Debug)]
pub(crate) struct Root {
    pub(super) fd: OwnedFd,
    /// Absolute and without links.
    real: PathBuf,
    /// Whether the kernel has a call that stays beneath a directory.
    by_kernel: bool,
}

impl Root {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let real = path.canonicalize()?;
        let fd = retry_on_intr(|| open(&real, SEARCH, Mode::empty()))?;
        // Kernels before 5.6 do not have it, and some sandboxes do not let it through.
        let by_kernel = open_by_kernel(fd.as_fd(), Path::new("."), SEARCH).is_ok();
        Ok(Self { fd, real, by_kernel })
    }

    #[cfg(test)]
    pub(crate) fn open_for_steps(path: &Path) -> io::Result<Self> {
        Ok(Self { by_kernel: false, ..Self::open(path)? })
    }

    /// Opens what is beneath. `XDEV`: it is not.
    pub(super) fn open_beneath(&self, relative: &Path, flags: OFlags) -> Result<OwnedFd> {
        self.beneath(
            relative,
            |path| open_by_kernel(self.fd.as_fd(), path, flags),
            |parent, name| retry_on_intr(|| openat(parent, name, flags | OFlags::NOFOLLOW, Mode::empty())),
        )
    }

    /// What is beneath, without opening it. `XDEV`: it is not beneath.
    pub(super) fn stamp_beneath(&self, relative: &Path) -> Result<Stamp> {
        self.beneath(
            relative,
            |path| {
                let fd = open_by_kernel(self.fd.as_fd(), path, SEARCH - OFlags::DIRECTORY)?;
                Ok(fstat(fd)?.into())
            },
            |parent, name| {
                let stamp = Stamp::from(statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?);
                if stamp.kind == FileKind::Link { Err(Errno::LOOP) } else { Ok(stamp) }
            },
        )
    }

    /// `by_kernel` takes a path and stays inside; `step` takes the last name of a path, and fails
    /// if that is a link.
    fn beneath<T>(
        &self,
        relative: &Path,
        by_kernel: impl Fn(&Path) -> Result<T>,
        step: impl Fn(BorrowedFd<'_>, &OsStr) -> Result<T>,
    ) -> Result<T> {
        let attempt = |relative: &Path| {
            if self.by_kernel {
                match by_kernel(or_dot(relative)) {
                    // A sandbox that came later.
                    Err(Errno::NOSYS | Errno::PERM) => {}
                    outcome => return outcome,
                }
            }
            self.by_steps(relative, &step)
        };
        let mut outcome = attempt(relative);
        for _ in 0..ATTEMPTS {
            match outcome {
                Err(error) if may_be_link(error) => {}
                outcome => return outcome,
            }
            let real = fs::canonicalize(self.real.join(relative));
            let real = real.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))?;
            let Ok(rest) = real.strip_prefix(&self.real) else { return Err(Errno::XDEV) };
            outcome = attempt(rest);
        }
        outcome
    }

    fn by_steps<T>(&self, relative: &Path, step: impl Fn(BorrowedFd<'_>, &OsStr) -> Result<T>) -> Result<T> {
        let mut names = relative.iter();
        let Some(last) = names.next_back() else { return step(self.fd.as_fd(), OsStr::new(".")) };
        let mut parent = None;
        for name in names {
            let from = parent.as_ref().unwrap_or(&self.fd);
            let next = retry_on_intr(|| openat(from, name, SEARCH | OFlags::NOFOLLOW, Mode::empty()))?;
            parent = Some(next);
        }
        step(parent.as_ref().unwrap_or(&self.fd).as_fd(), last)
    }
}

/// The system calls have no empty paths.
pub(super) fn or_dot(relative: &Path) -> &Path {
    if relative.as_os_str().is_empty() { Path::new(".") } else { relative }
}

/// Whether it may be a link that a look-up stopped at. `NOTDIR` is what a step onto one brings that
/// was to be a directory; what the BSDs say of a link that is not to be followed is `MLINK` and
/// `FTYPE`.
fn may_be_link(error: Errno) -> bool {
    #[cfg(target_os = "netbsd")]
    if error == Errno::FTYPE {
        return true;
    }
    matches!(error, Errno::XDEV | Errno::LOOP | Errno::NOTDIR | Errno::MLINK | Errno::AGAIN)
}

#[cfg(target_os = "linux")]
fn open_by_kernel(root: BorrowedFd<'_>, path: &Path, flags: OFlags) -> Result<OwnedFd> {
    use rustix::fs::{ResolveFlags, openat2};

    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut attempts = 1;
    loop {
        match openat2(root, path, flags, Mode::empty(), resolve) {
            Err(Errno::INTR) => {}
            // Something was renamed while the kernel followed a `..`: it cannot be sure, then.
            Err(Errno::AGAIN) if attempts < ATTEMPTS => attempts += 1,
            outcome => return outcome,
        }
    }
}

/// Android has the call, but ends programs that make it.
#[cfg(not(target_os = "linux"))]
fn open_by_kernel(_: BorrowedFd<'_>, _: &Path, _: OFlags) -> Result<OwnedFd> {
    Err(Errno::NOSYS)
}
