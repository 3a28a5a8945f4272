//! The log in a file, which programs that rotate logs move away and have opened anew.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file that is only appended to. Its clones are the same file.
#[derive(Clone, Debug)]
pub(crate) struct LogFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    #[cfg(unix)]
    path: PathBuf,
    file: Mutex<File>,
}

impl LogFile {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        Ok(Self(Arc::new(Inner {
            file: Mutex::new(append(&path)?),
            #[cfg(unix)]
            path,
        })))
    }

    /// From now on lines go to what then has the path. Where that fails they go where they went.
    #[cfg(unix)]
    pub(crate) fn reopen(&self) {
        match append(&self.0.path) {
            Ok(file) => *self.file() = file,
            Err(error) => {
                log::error!("cannot open the log file {} anew: {error}", self.0.path.display());
            }
        }
    }

    fn file(&self) -> MutexGuard<'_, File> {
        // A file cannot be left half-changed.
        self.0.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LogFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.file().write(lines)
    }

    /// All lines of one call in the same file.
    fn write_all(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file().write_all(lines)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // nothing is held back
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    // Opening a pipe waits for its reader, and with it would all signals.
    #[cfg(unix)]
    if std::fs::metadata(path).is_ok_and(|found| std::os::unix::fs::FileTypeExt::is_fifo(&found.file_type()))
    {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe"));
    }
    OpenOptions::new().append(true).create(true).open(path)
}
