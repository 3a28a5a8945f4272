//! The output of a request, as its exchange has it.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard};

use crate::sync::lock;

use crate::http::bodies::output::Output;

/// Access to the output. A lock costs more than most uses of the output, and is needed only if the
/// body of the request has not arrived: its reader sends the held bytes before it waits, perhaps on
/// another thread.
#[derive(Debug)]
pub(crate) enum Outlet<'r> {
    Own(&'r mut Output),
    Shared(&'r Mutex<Output>),
}

impl<'r> Outlet<'r> {
    /// Returns the shared output for the reader, if it needs it.
    pub(crate) fn shared(&self) -> Option<&'r Mutex<Output>> {
        match *self {
            Self::Own(_) => None,
            Self::Shared(output) => Some(output),
        }
    }

    /// Returns the status of the response.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Own(output) => output.status(),
            Self::Shared(output) => lock(output).status(),
        }
    }

    /// Returns the output. A lock is held as long as the guard lives.
    pub(crate) fn open(&mut self) -> Opened<'_> {
        match self {
            Self::Own(output) => Opened::Own(output),
            Self::Shared(output) => Opened::Shared(lock(output)),
        }
    }
}

/// An output that can be used. If it is shared, this holds its lock.
pub(crate) enum Opened<'a> {
    Own(&'a mut Output),
    Shared(MutexGuard<'a, Output>),
}

impl Deref for Opened<'_> {
    type Target = Output;

    fn deref(&self) -> &Output {
        match self {
            Self::Own(output) => output,
            Self::Shared(output) => output,
        }
    }
}

impl DerefMut for Opened<'_> {
    fn deref_mut(&mut self) -> &mut Output {
        match self {
            Self::Own(output) => output,
            Self::Shared(output) => output,
        }
    }
}
