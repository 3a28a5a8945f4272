//! What the system says of a file.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FileType, RawMode, Stat};

use crate::sys::directory::Properties;
use crate::sys::{FileKind, Stamp};

pub(crate) fn stamp_of_file(file: &File) -> io::Result<Stamp> {
    Ok(rustix::fs::fstat(file)?.into())
}

/// Not by `std`, whose `metadata` asks for the time of creation too and takes half as long again.
pub(crate) fn stamp_at(path: &Path) -> io::Result<Stamp> {
    Ok(rustix::fs::stat(path)?.into())
}

impl From<Stat> for Stamp {
    #[allow(
        clippy::cast_lossless,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        reason = "each system has types of its own for these"
    )]
    fn from(stat: Stat) -> Self {
        #[cfg(not(target_os = "netbsd"))]
        let (modified, changed) = (stat.st_mtime_nsec, stat.st_ctime_nsec);
        #[cfg(target_os = "netbsd")]
        let (modified, changed) = (stat.st_mtimensec, stat.st_ctimensec);
        Self {
            kind: FileType::from_raw_mode(stat.st_mode as RawMode).into(),
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: (stat.st_mtime as i64, modified as u32),
            changed: (stat.st_ctime as i64, changed as u32),
            properties: Properties {
                links: stat.st_nlink as u64,
                mode: stat.st_mode as u32,
                owner: stat.st_uid as u32,
                group: stat.st_gid as u32,
            },
        }
    }
}

impl From<FileType> for FileKind {
    fn from(file_type: FileType) -> Self {
        match file_type {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Link,
            _ => Self::Other,
        }
    }
}
