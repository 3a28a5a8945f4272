//! An access log that a test can read.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::FAILSAFE;

#[derive(Clone, Default)]
pub(crate) struct Captured {
    shared: Arc<(Mutex<Vec<u8>>, Condvar)>,
}

impl Captured {
    /// The lines so far, once there are at least so many.
    #[track_caller]
    pub(crate) fn lines(&self, at_least: usize) -> Vec<String> {
        let (written, more) = &*self.shared;
        let begin = Instant::now();
        let mut bytes = written.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let count = text.matches('\n').count();
            if count >= at_least {
                return text.lines().map(str::to_owned).collect();
            }
            let left = FAILSAFE.checked_sub(begin.elapsed());
            let left = left.unwrap_or_else(|| panic!("only {count} lines of {at_least}: {text:?}"));
            bytes = more.wait_timeout(bytes, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (written, more) = &*self.shared;
        written.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        more.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
