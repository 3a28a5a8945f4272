//! Files, opened only where a look at them says that this cannot take long.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

pub(crate) fn open_for_reading(path: &Path) -> io::Result<File> {
    // Opening a pipe or a device may wait, and nothing here can prevent that but not to try.
    if fs::metadata(path)?.is_file() { File::open(path) } else { Err(ErrorKind::InvalidInput.into()) }
}
