//! A server under test: a child process, pinned, that is gone when its value is.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use generator::once;
use rustix::process::{Pid, Signal, kill_process};

use crate::{cpu, process};

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(10);
/// How long it may take to end after SIGTERM, before it is killed.
const END: Duration = Duration::from_secs(2);
/// Between two looks at a child that is to end.
const LOOK: Duration = Duration::from_millis(2);

/// How a server is to be run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) access_log: bool,
    /// Serves a directory and nothing else. Peers do so anyway.
    pub(crate) only_files: bool,
    /// Further options of a program of this workspace.
    pub(crate) options: Vec<(&'static str, String)>,
}

impl Flags {
    pub(crate) fn files() -> Self {
        Self { only_files: true, ..Self::default() }
    }

    #[must_use]
    pub(crate) fn with_access_log(self) -> Self {
        Self { access_log: true, ..self }
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
    spawned: Instant,
}

impl Server {
    /// Starts a program that says where it listens; its complaints go to `stderr`.
    pub(crate) fn start(command: &mut Command, stderr: File) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        // From here on the child ends with this value, also on the way out by an error.
        let mut server = Self::launch(command, SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let lines = server.lines()?;
        let end = server.spawned + START;
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

    /// Starts a program that says nothing but will listen at `address`, and does not wait until it
    /// does.
    pub(crate) fn launch(command: &mut Command, address: SocketAddr) -> io::Result<Self> {
        let spawned = Instant::now();
        let child = command.spawn()?;
        Ok(Self { child, address, files: None, spawned })
    }

    pub(crate) fn wait_until_it_listens(&mut self) -> io::Result<()> {
        while TcpStream::connect_timeout(&self.address, START).is_err() {
            self.check_start()?;
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Asks for `path` as soon as somebody listens, and says how long after its start the server's
    /// answer begins.
    pub(crate) fn time_to_first_byte(&mut self, path: &str) -> io::Result<Duration> {
        loop {
            // A port where nobody listens refuses at once.
            if once::first_byte(self.address, path).is_ok() {
                return Ok(self.spawned.elapsed());
            }
            self.check_start()?;
        }
    }

    /// Fails if it takes too long, or has ended.
    fn check_start(&mut self) -> io::Result<()> {
        if self.spawned.elapsed() > START || self.child.try_wait()?.is_some() {
            return Err(io::Error::other("the server does not listen"));
        }
        Ok(())
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
