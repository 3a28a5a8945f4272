//! The place where servers are run: cores, a directory for their files, their programs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::binaries;
use crate::kind::{Kind, Origin};
use crate::options::Options;
use crate::peers::{self, Place};
use crate::pin::{self, Cores};
use crate::server::{Flags, Server};
use crate::site::Site;

/// Descriptors wanted: ten thousand connections and some more, on either side.
const DESCRIPTORS: u64 = 20_000;

pub(crate) struct Lab {
    pub(crate) options: Options,
    pub(crate) cores: Cores,
    /// What servers of files serve.
    pub(crate) site: Site,
    directory: PathBuf,
    /// The programs built so far; none: it does not build, or is not installed.
    programs: RefCell<BTreeMap<Kind, Option<PathBuf>>>,
}

impl Lab {
    pub(crate) fn new(options: Options) -> io::Result<Self> {
        let cores = Cores::choose(options.server_core, options.generator_core)?;
        raise_descriptor_limit()?;
        let directory = std::env::temp_dir().join(format!("serve-forever-bench-{}", std::process::id()));
        fs::create_dir(&directory)?;
        let site = Site::new(directory.join("site"))?;
        Ok(Self { options, cores, site, directory, programs: RefCell::default() })
    }

    /// Those of `kinds` that can be run here; an error if there are none.
    pub(crate) fn available(&self, kinds: &[Kind]) -> io::Result<Vec<Kind>> {
        let able: Vec<_> = kinds.iter().copied().filter(|kind| self.has(*kind)).collect();
        if able.is_empty() { Err(io::Error::other("none of the servers can be run")) } else { Ok(able) }
    }

    /// Whether a server can be run; builds it when first asked.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.program(kind).is_some()
    }

    /// Whether a server is to be left out, and not even missed.
    pub(crate) fn is_without(&self, kind: Kind) -> bool {
        self.options.without.iter().any(|name| name == kind.name())
    }

    /// Where a server's program is; builds it when first asked.
    pub(crate) fn program(&self, kind: Kind) -> Option<PathBuf> {
        let mut programs = self.programs.borrow_mut();
        programs.entry(kind).or_insert_with(|| self.find(kind)).clone()
    }

    /// Starts a server on its core and waits until it listens.
    pub(crate) fn start(&self, kind: Kind, flags: &Flags) -> io::Result<Server> {
        let program = self.needed(kind)?;
        let result = if let Origin::Package(_) = kind.origin() {
            self.on_its_core(|| Server::start(&mut self.own(kind, &program, flags), self.stderr()?))
        } else {
            self.launch(kind, flags).and_then(|mut server| server.wait_until_it_listens().map(|()| server))
        };
        result.map_err(|error| self.explain(kind, &error))
    }

    /// Starts a server that is not of this workspace, and does not wait for it.
    pub(crate) fn launch(&self, kind: Kind, flags: &Flags) -> io::Result<Server> {
        let place = Place {
            program: &self.needed(kind)?,
            directory: &self.directory,
            site: self.site.root(),
            address: peers::free_address()?,
            access_log: flags.access_log,
        };
        let mut command = peers::command(kind, &place, self.stderr()?)?;
        self.on_its_core(|| Server::launch(&mut command, place.address))
    }

    /// The command for a server of this workspace.
    fn own(&self, kind: Kind, program: &Path, flags: &Flags) -> Command {
        let mut command = Command::new(program);
        if flags.access_log {
            command.arg("--access-log").arg(self.directory.join("access.log"));
        }
        if kind == Kind::Ours {
            command.arg(if flags.only_files { "--only-files" } else { "--files" }).arg(self.site.root());
        }
        for (name, value) in &flags.options {
            command.arg(format!("--{name}")).arg(value);
        }
        command
    }

    /// A child stays where its parent was.
    fn on_its_core<T>(&self, spawn: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        pin::to(self.cores.server)?;
        let result = spawn();
        pin::to(self.cores.generator)?;
        result
    }

    fn stderr(&self) -> io::Result<File> {
        File::create(self.directory.join("stderr"))
    }

    fn needed(&self, kind: Kind) -> io::Result<PathBuf> {
        self.program(kind).ok_or_else(|| io::Error::other(format!("there is no {kind}")))
    }

    fn find(&self, kind: Kind) -> Option<PathBuf> {
        if self.is_without(kind) {
            return None;
        }
        let built = match kind.origin() {
            Origin::Package(package) => binaries::build(package),
            Origin::Repository => binaries::build_program(),
            Origin::Installed(name) => return peers::find(kind, name, self.options.peers.as_deref()),
        };
        built.inspect_err(|error| eprintln!("bench: without {kind}: {error}")).ok()
    }

    fn explain(&self, kind: Kind, error: &io::Error) -> io::Error {
        let words = fs::read_to_string(self.directory.join("stderr")).unwrap_or_default();
        io::Error::other(format!("{kind}: {error} {}", words.trim()))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            eprintln!("bench: {} stays: {error}", self.directory.display());
        }
    }
}

/// For this process and the servers, which inherit it.
fn raise_descriptor_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= DESCRIPTORS) {
        return Ok(());
    }
    let wanted = limit.maximum.map_or(DESCRIPTORS, |maximum| maximum.min(DESCRIPTORS));
    if wanted < DESCRIPTORS {
        eprintln!("bench: only {wanted} descriptors are allowed; the idle scenario needs {DESCRIPTORS}");
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit })?)
}
