//! The place where servers are run: cores, a directory for their files, their programs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::options::Options;
use crate::pin::{self, Cores};
use crate::server::{Flags, Kind, Server};
use crate::{binaries, nginx};

/// Descriptors wanted: ten thousand connections and some more, on either side.
const DESCRIPTORS: u64 = 20_000;
/// What slow readers read.
pub(crate) const LARGE_FILE: usize = 8 * 1024 * 1024;
const SMALL_FILE: usize = 1024;

pub(crate) struct Lab {
    pub(crate) options: Options,
    pub(crate) cores: Cores,
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
        let lab = Self { options, cores, directory, programs: RefCell::default() };
        fs::create_dir(lab.site())?;
        fs::write(lab.site().join("large.bin"), vec![b'x'; LARGE_FILE])?;
        fs::write(lab.site().join("small.txt"), vec![b'x'; SMALL_FILE])?;
        Ok(lab)
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

    /// Starts a server on its core.
    pub(crate) fn start(&self, kind: Kind, flags: &Flags) -> io::Result<Server> {
        let program = self.program(kind).ok_or_else(|| io::Error::other(format!("there is no {kind}")))?;
        let stderr = File::create(self.directory.join("stderr"))?;
        // A child stays where its parent was.
        pin::to(self.cores.server)?;
        let result = self.spawn(kind, &program, flags, stderr);
        pin::to(self.cores.generator)?;
        result.map_err(|error| self.explain(kind, &error))
    }

    fn spawn(&self, kind: Kind, program: &Path, flags: &Flags, stderr: File) -> io::Result<Server> {
        if kind == Kind::Nginx {
            let (mut command, address) = nginx::command(&self.directory, flags.access_log)?;
            return Server::start_silent(&mut command, stderr, address);
        }
        let mut command = Command::new(program);
        if flags.access_log {
            command.arg("--access-log").arg(self.directory.join("access.log"));
        }
        if kind == Kind::Ours {
            command.arg("--files").arg(self.site());
        }
        for (name, value) in &flags.options {
            command.arg(format!("--{name}")).arg(value);
        }
        Server::start(&mut command, stderr)
    }

    /// The directory that servers of files serve.
    fn site(&self) -> PathBuf {
        self.directory.join("site")
    }

    fn program(&self, kind: Kind) -> Option<PathBuf> {
        let mut programs = self.programs.borrow_mut();
        programs.entry(kind).or_insert_with(|| self.find(kind)).clone()
    }

    fn find(&self, kind: Kind) -> Option<PathBuf> {
        if self.options.without.iter().any(|name| name == kind.name()) {
            return None;
        }
        let Some(package) = kind.package() else {
            return nginx::is_installed().then(|| PathBuf::from("nginx"));
        };
        binaries::build(package).inspect_err(|error| eprintln!("bench: without {kind}: {error}")).ok()
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
