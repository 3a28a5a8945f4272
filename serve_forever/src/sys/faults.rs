//! Disks that fail, and file systems with several names for one file, for tests.

use std::cell::Cell;
use std::ffi::OsString;
use std::io;

use crate::sys::FileKind;

/// How many entries come before an error, and which error that is.
pub(crate) type Fault = (usize, fn() -> io::Error);

thread_local! {
    /// What this thread meets when it reads a directory.
    pub(crate) static WHILE_READING: Cell<Option<Fault>> = const { Cell::new(None) };
}

thread_local! {
    /// A name that this thread finds in directories by the second of these only, and opens by
    /// the first, too: as on file systems that have several names for one file.
    pub(crate) static ALIAS: Cell<Option<(&'static str, &'static str)>> = const { Cell::new(None) };
}

pub(super) fn inject(
    entries: impl Iterator<Item = io::Result<(OsString, FileKind)>>,
) -> impl Iterator<Item = io::Result<(OsString, FileKind)>> {
    let (fault, alias) = (WHILE_READING.get(), ALIAS.get());
    let mut entries = entries.map(move |entry| {
        let (name, kind) = entry?;
        let listed = alias.filter(|(alias, _)| name == *alias).map(|(_, listed)| listed.into());
        Ok((listed.unwrap_or(name), kind))
    });
    let mut count = 0;
    std::iter::from_fn(move || {
        if let Some((after, error)) = fault
            && count == after
        {
            return Some(Err(error()));
        }
        count += 1;
        entries.next()
    })
}
