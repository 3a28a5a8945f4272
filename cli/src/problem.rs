//! What keeps the program from serving, and what can be done about it.

use std::fmt;
use std::io::{self, ErrorKind};

/// One sentence each: what went wrong, where, and what to do.
#[derive(Debug)]
pub(crate) enum Problem {
    Directory(io::Error),
    /// The name has no address.
    Name(String, io::Error),
    Listen(io::Error),
    Signals(io::Error),
    Serve(io::Error),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(error) => {
                write!(f, "{error}; name a directory that can be read with --directory DIR")
            }
            Self::Name(name, error) => {
                write!(
                    f,
                    "cannot listen on {name:?}: {error}; give an address of this computer with --bind ADDRESS"
                )
            }
            Self::Listen(error) => write!(f, "{error}{}", advice(error.kind())),
            Self::Signals(error) => write!(f, "cannot watch for Ctrl+C: {error}"),
            Self::Serve(error) => write!(f, "cannot serve any longer: {error}"),
        }
    }
}

fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::AddrInUse => {
            "; end the program that uses this port, or give another one (0 takes any free one)"
        }
        ErrorKind::AddrNotAvailable => "; give an address that this computer has with --bind ADDRESS",
        ErrorKind::PermissionDenied => "; give a port above 1023, for example `serve-forever 8000`",
        _ => "",
    }
}
