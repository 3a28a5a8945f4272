//! A server under test: a child process, pinned, that is gone when its value is.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{cpu, process};

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(10);
/// How long it may take to end after SIGTERM, before it is killed.
const END: Duration = Duration::from_secs(2);
/// Between two looks at a child that is to end.
const LOOK: Duration = Duration::from_millis(2);

/// The servers that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Floor,
    Ours,
    Hyper,
    Actix,
    TinyHttp,
    Threads,
    Nginx,
}

impl Kind {
    /// As in the tables and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Ours => "serve_forever",
            Self::Hyper => "hyper",
            Self::Actix => "actix",
            Self::TinyHttp => "tiny_http",
            Self::Threads => "threads",
            Self::Nginx => "nginx",
        }
    }

    /// The package with its program; nginx comes with the system.
    pub(crate) fn package(self) -> Option<&'static str> {
        match self {
            Self::Floor => Some("bench-floor"),
            Self::Ours => Some("bench-ours"),
            Self::Hyper => Some("bench-hyper"),
            Self::Actix => Some("bench-actix"),
            Self::TinyHttp => Some("bench-tiny-http"),
            Self::Threads => Some("bench-threads"),
            Self::Nginx => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a server is to be run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) access_log: bool,
    /// Further options of the server's program; nginx has none.
    pub(crate) options: Vec<(&'static str, String)>,
}

impl Flags {
    pub(crate) fn with_access_log() -> Self {
        Self { access_log: true, options: Vec::new() }
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.options.push((name, value));
        self
    }
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Where it serves a directory, if it does.
    pub(crate) files: Option<SocketAddr>,
}

impl Server {
    /// Starts a program that says where it listens; its complaints go to `stderr`.
    pub(crate) fn start(command: &mut Command, stderr: File) -> io::Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn()?;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        // From here on the child ends with this value, also on the way out by an error.
        let mut server = Self { child, address, files: None };
        let lines = server.lines()?;
        let end = Instant::now() + START;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line =
                lines.recv_timeout(left).map_err(|_| io::Error::other("the server does not listen"))?;
            match line.split_once(" on ").map(|(what, address)| (what, address.parse())) {
                Some(("files", Ok(address))) => server.files = Some(address),
                Some(("listening", Ok(address))) => {
                    server.address = address;
                    return Ok(server);
                }
                _ => return Err(io::Error::other(format!("the server says: {line}"))),
            }
        }
    }

    /// Starts a program that says nothing but will listen at `address`.
    pub(crate) fn start_silent(command: &mut Command, stderr: File, address: SocketAddr) -> io::Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn()?;
        let mut server = Self { child, address, files: None };
        let end = Instant::now() + START;
        while std::net::TcpStream::connect_timeout(&address, START).is_err() {
            if Instant::now() > end || server.child.try_wait()?.is_some() {
                return Err(io::Error::other("the server does not listen"));
            }
            std::thread::sleep(LOOK);
        }
        Ok(server)
    }

    /// What the child prints. Its pipe is read to the end, so that it never blocks on it.
    fn lines(&mut self) -> io::Result<mpsc::Receiver<String>> {
        let output = self.child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // After the addresses nobody listens any more.
                let _ = sender.send(line);
            }
        });
        Ok(receiver)
    }

    /// CPU time of the whole process so far.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        cpu::time(self.child.id())
    }

    pub(crate) fn status(&self) -> io::Result<process::Status> {
        process::status(self.child.id())
    }

    /// Asks the server to end and says how long that took; none: it had not ended after `patience`.
    pub(crate) fn terminate(&mut self, patience: Duration) -> io::Result<Option<Duration>> {
        let start = Instant::now();
        if self.child.try_wait()?.is_none()
            && let Some(pid) = Pid::from_raw(self.child.id().cast_signed())
        {
            kill_process(pid, Signal::TERM)?;
        }
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > patience {
                return Ok(None);
            }
            std::thread::sleep(LOOK);
        }
        Ok(Some(start.elapsed()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !matches!(self.terminate(END), Ok(Some(_))) {
            // Neither fails for a child that is still to be waited for.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
