//! The output of a request in the hands of its exchange.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard};

use crate::sync::lock;

use crate::http::bodies::output::Output;

/// The way to the output. A lock costs more than most of what is done under it, and is only needed where the body of the
/// request may still have to be waited for: its reader sends what is held back before it waits, perhaps from another thread.
#[derive(Debug)]
pub(crate) enum Outlet<'r> {
    Own(&'r mut Output),
    Shared(&'r Mutex<Output>),
}

impl<'r> Outlet<'r> {
    /// For its reader, if that has to have it.
    pub(crate) fn shared(&self) -> Option<&'r Mutex<Output>> {
        match *self {
            Self::Own(_) => None,
            Self::Shared(output) => Some(output),
        }
    }

    /// The status of the response.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Own(output) => output.status(),
            Self::Shared(output) => lock(output).status(),
        }
    }

    /// The output, for as long as the guard is there.
    pub(crate) fn open(&mut self) -> Opened<'_> {
        match self {
            Self::Own(output) => Opened::Own(output),
            Self::Shared(output) => Opened::Shared(lock(output)),
        }
    }
}

/// The output, and nobody else has it.
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
