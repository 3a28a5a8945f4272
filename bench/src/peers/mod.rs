//! Servers that others wrote and somebody installed: where they are, and how each is told to serve
//! a directory. Each gets its fastest sensible configuration for one core, with nothing on that the
//! others do not have on.
//!
//! None of them says where it listens, so each is given a port. All are run by `setpriv`, so that
//! they end with the harness, however that ends; the servers of this workspace see to that
//! themselves.

mod caddy;
mod dufs;
mod lighttpd;
mod miniserve;
mod nginx;
mod python;
mod serve_forever;
mod simple_http_server;
mod static_web_server;

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::kind::Kind;

const SETPRIV: &str = "setpriv";

/// What a server is to serve, and where it may write.
pub(crate) struct Place<'a> {
    pub(crate) program: &'a Path,
    /// For configuration, logs and whatever else the server keeps.
    pub(crate) directory: &'a Path,
    /// The directory to serve.
    pub(crate) site: &'a Path,
    /// Where to listen.
    pub(crate) address: SocketAddr,
    pub(crate) access_log: bool,
}

impl Place<'_> {
    /// Where lines of the access log go.
    fn log(&self) -> PathBuf {
        self.directory.join("access.log")
    }

    /// For servers that log to a stream: what they print goes to the log, or nowhere.
    fn log_output(&self) -> io::Result<Stdio> {
        Ok(if self.access_log { File::create(self.log())?.into() } else { Stdio::null() })
    }
}

/// The command that runs a server; its complaints go to `stderr`, unless it has only that for its
/// log.
pub(crate) fn command(kind: Kind, place: &Place, stderr: File) -> io::Result<Command> {
    let mut command = Command::new(SETPRIV);
    command.args(["--pdeathsig", "KILL"]).arg(place.program);
    command.current_dir(place.directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    match kind {
        Kind::Program => serve_forever::arrange(&mut command, place)?,
        Kind::Nginx => nginx::arrange(&mut command, place)?,
        Kind::NginxCached => nginx::arrange_cached(&mut command, place)?,
        Kind::Lighttpd => lighttpd::arrange(&mut command, place)?,
        Kind::Caddy => caddy::arrange(&mut command, place)?,
        Kind::StaticWebServer => static_web_server::arrange(&mut command, place)?,
        Kind::Miniserve => miniserve::arrange(&mut command, place)?,
        Kind::Dufs => dufs::arrange(&mut command, place),
        Kind::SimpleHttpServer => simple_http_server::arrange(&mut command, place)?,
        Kind::Python => python::arrange(&mut command, place)?,
        Kind::Floor | Kind::Ours | Kind::Hyper | Kind::Actix | Kind::TinyHttp | Kind::Threads => {
            return Err(io::Error::other(format!("{kind} says itself where it listens")));
        }
    }
    Ok(command)
}

/// Free a moment ago; nobody else is handing out ports on this machine's loopback in between.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Where a program is: in `peers` (or its `bin`), else in the path. None: it is not installed.
pub(crate) fn find(kind: Kind, name: &str, peers: Option<&Path>) -> Option<PathBuf> {
    in_path(SETPRIV)?;
    let given = peers.into_iter().flat_map(|peers| [peers.join("bin"), peers.to_owned()]);
    let program = given.map(|directory| directory.join(name)).find(|file| file.is_file());
    let program = program.or_else(|| in_path(name))?;
    if kind == Kind::Python { python::interpreter(&program) } else { Some(program) }
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file())
}
