//! What `std` says of a file on every system.

use std::fs::{self, File, FileType, Metadata};
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::sys::directory::Properties;
use crate::sys::{FileKind, Stamp};

pub(crate) fn stamp_of_file(file: &File) -> io::Result<Stamp> {
    Ok(Stamp::from(&file.metadata()?))
}

pub(crate) fn stamp_at(path: &Path) -> io::Result<Stamp> {
    Ok(Stamp::from(&fs::metadata(path)?))
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            kind: metadata.file_type().into(),
            device: 0,
            inode: 0,
            size: metadata.len(),
            modified: metadata.modified().map_or((0, 0), since_1970),
            // A file that was put in the place of another one has been created at another time.
            changed: metadata.created().map_or((0, 0), since_1970),
            properties: Properties::default(),
        }
    }
}

impl From<FileType> for FileKind {
    fn from(file_type: FileType) -> Self {
        if file_type.is_file() {
            Self::File
        } else if file_type.is_dir() {
            Self::Directory
        } else if file_type.is_symlink() {
            Self::Link
        } else {
            Self::Other
        }
    }
}

/// Whole seconds, rounded down, and nanoseconds on top of them.
fn since_1970(time: SystemTime) -> (i64, u32) {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (after.as_secs().cast_signed(), after.subsec_nanos()),
        Err(before) => {
            let before = before.duration();
            let seconds = before.as_secs().cast_signed();
            match before.subsec_nanos() {
                0 => (-seconds, 0),
                nanoseconds => (-seconds - 1, 1_000_000_000 - nanoseconds),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_before_1970_are_rounded_down() {
        assert_eq!(since_1970(UNIX_EPOCH + Duration::from_millis(1_250)), (1, 250_000_000));
        assert_eq!(since_1970(UNIX_EPOCH), (0, 0));
        assert_eq!(since_1970(UNIX_EPOCH - Duration::from_millis(1_250)), (-2, 750_000_000));
        assert_eq!(since_1970(UNIX_EPOCH - Duration::from_secs(1)), (-1, 0));
    }
}
