//! What keeps the program from serving, and what can be done about it.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

use serve_forever::files::BuildError;

use crate::taken::{self, Holder};

/// One sentence each: what went wrong, where, and what to do.
#[derive(Debug)]
pub(crate) enum Problem {
    /// What was said cannot be done.
    Usage(String),
    Site(BuildError),
    LogFile(PathBuf, io::Error),
    /// The name has no address.
    Name(String, io::Error),
    /// Somebody listens there.
    Taken {
        address: SocketAddr,
        holder: Option<Holder>,
        free: Option<u16>,
    },
    /// The system keeps small ports for the administrator.
    Privileged {
        address: SocketAddr,
        program: PathBuf,
    },
    Listen(io::Error),
    Signals(io::Error),
    Serve(io::Error),
}

impl Problem {
    /// Why there is no handler for the files.
    pub(crate) fn of_site(error: BuildError) -> Self {
        if error.is_setting() { Self::Usage(error.to_string()) } else { Self::Site(error) }
    }

    /// Why the server cannot listen on these addresses.
    pub(crate) fn of_listening(error: io::Error, addresses: &[SocketAddr]) -> Self {
        match error.kind() {
            // If it is none of them it is a Unix socket.
            ErrorKind::AddrInUse => taken::which(addresses).map_or(Self::Listen(error), |address| {
                Self::Taken { address, holder: taken::holder(address), free: taken::next_free(addresses) }
            }),
            ErrorKind::PermissionDenied => {
                let small = addresses.iter().copied().find(|address| (1..1024).contains(&address.port()));
                small.map_or(Self::Listen(error), |address| Self::Privileged {
                    address,
                    program: std::env::current_exe().unwrap_or_else(|_| "serve-forever".into()),
                })
            }
            _ => Self::Listen(error),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => f.write_str(message),
            Self::Site(error) => {
                write!(f, "{error}; name a directory or file that can be read with --directory PATH")
            }
            Self::LogFile(path, error) => {
                let path = path.display();
                write!(f, "cannot write the log to {path}: {error}; name another file with --log-file PATH")
            }
            Self::Name(name, error) => {
                write!(
                    f,
                    "cannot listen on {name:?}: {error}; give an address of this computer with --bind ADDRESS"
                )
            }
            Self::Taken { address, holder, free } => {
                write!(f, "cannot listen on {address}: ")?;
                match holder {
                    Some(holder) => write!(f, "{holder} has port {}; end it", address.port())?,
                    None => write!(f, "another program has port {}; end it", address.port())?,
                }
                match free {
                    Some(port) => write!(f, ", or take another port, such as {port}"),
                    None => f.write_str(", or take another port (0 takes any free one)"),
                }
            }
            Self::Privileged { address, program } => {
                write!(
                    f,
                    "cannot listen on {address}: ports below 1024 are kept for the administrator; take a port above \
                     1023, such as `serve-forever 8000`"
                )?;
                if cfg!(target_os = "linux") {
                    write!(
                        f,
                        ", or allow them to this program (`sudo setcap cap_net_bind_service=+ep {}`) or to all (`sudo \
                         sysctl net.ipv4.ip_unprivileged_port_start={}`)",
                        program.display(),
                        address.port()
                    )?;
                }
                Ok(())
            }
            Self::Listen(error) => write!(f, "{error}{}", advice(error.kind())),
            Self::Signals(error) => write!(f, "cannot watch for Ctrl+C: {error}"),
            Self::Serve(error) => write!(f, "cannot serve any longer: {error}"),
        }
    }
}

fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::AddrInUse => "; end the program that uses it, or give another one with --bind",
        ErrorKind::AddrNotAvailable => "; give an address that this computer has with --bind ADDRESS",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_comes_with_another_one() {
        let problem =
            Problem::Taken { address: "127.0.0.1:80".parse().unwrap(), holder: None, free: Some(81) };
        assert_eq!(
            problem.to_string(),
            "cannot listen on 127.0.0.1:80: another program has port 80; end it, or take another port, such as 81"
        );
    }

    #[test]
    fn a_port_that_is_refused_comes_with_how_to_get_it() {
        let refused = io::Error::from(ErrorKind::PermissionDenied);
        let message = Problem::of_listening(refused, &["0.0.0.0:80".parse().unwrap()]).to_string();
        assert!(message.contains("`serve-forever 8000`"), "{message}");
        if cfg!(target_os = "linux") {
            assert!(message.contains("setcap cap_net_bind_service=+ep "), "{message}");
            assert!(message.contains("ip_unprivileged_port_start=80`"), "{message}");
        }
        let refused = io::Error::from(ErrorKind::PermissionDenied);
        let other = Problem::of_listening(refused, &["0.0.0.0:8000".parse().unwrap()]);
        assert!(matches!(other, Problem::Listen(_)));
    }
}
