//! The real program, run in a directory of its own.

#![allow(dead_code)] // every test crate uses its own part of this

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

pub(crate) mod tools;

/// No test waits for this: it only ends one that would otherwise hang.
pub(crate) const FAILSAFE: Duration = Duration::from_secs(30);

/// The same for a compiler, which may have to wait for another one, or a browser.
pub(crate) const LONG_FAILSAFE: Duration = Duration::from_secs(600);

/// `Sun, 06 Nov 1994 08:49:37 GMT`
pub(crate) fn long_ago() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
}

/// A directory that is removed at the end of its test.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("cli_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    pub(crate) fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.0.join(name), content).expect("a file");
        self
    }

    /// Gives a file the time [`long_ago`]. Without that it has no `Last-Modified` at first, as it
    /// may still be written to.
    pub(crate) fn dated(self, name: &str) -> Self {
        let file = File::options().write(true).open(self.0.join(name)).expect("the file");
        file.set_modified(long_ago()).expect("its time");
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What stays behind lies in the target directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program, not started yet. It heeds Ctrl+C, whatever the tests themselves do.
pub(crate) fn program(arguments: &[&str]) -> Command {
    #[cfg(unix)]
    heed_interrupts();
    let mut command = Command::new(env!("CARGO_BIN_EXE_serve-forever"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Lets the programs that the tests start from now on heed SIGINT.
///
/// A program inherits that a signal is ignored, so whatever `nohup` or the background of a script
/// starts ignores SIGINT. A signal that has a handler gets its default back when another program
/// takes the process over. So the tests have a handler, which does what the default does.
#[cfg(unix)]
pub(crate) fn heed_interrupts() {
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, Once};

    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let always = Arc::new(AtomicBool::new(true));
        signal_hook::flag::register_conditional_default(signal_hook::consts::SIGINT, always)
            .expect("SIGINT can have a handler");
    });
}

/// What `work` returns, which may block. Fails the test when it takes too long, and says then what
/// was awaited.
#[track_caller]
pub(crate) fn within<T: Send + 'static>(awaited: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, result) = mpsc::channel();
    // When the time is up the thread stays behind, until its process ends.
    thread::spawn(move || send.send(work()));
    match result.recv_timeout(FAILSAFE) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("after {FAILSAFE:?} still missing: {awaited}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("failed: {awaited}"),
    }
}

/// The next line that a program says on a pipe, and the pipe.
#[track_caller]
pub(crate) fn read_line<R: BufRead + Send + 'static>(awaited: &str, mut pipe: R) -> (R, String) {
    within(awaited, move || {
        let mut line = String::new();
        pipe.read_line(&mut line).expect("text");
        (pipe, line)
    })
}

/// The rest of what a program says on a pipe. It ends when all who have the other end are gone.
#[track_caller]
fn rest(awaited: &str, mut pipe: impl Read + Send + 'static) -> String {
    within(awaited, move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).expect("text");
        text
    })
}

/// A named pipe.
#[cfg(unix)]
pub(crate) fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().expect("mkfifo is part of every Unix");
    assert!(made.success());
}

/// What a program says that ends by itself: exit code, standard output and standard error.
pub(crate) fn outcome(arguments: &[&str]) -> (Option<i32>, String, String) {
    outcome_of(&mut program(arguments))
}

/// As [`outcome`], of a program that was told more than arguments.
#[track_caller]
pub(crate) fn outcome_of(command: &mut Command) -> (Option<i32>, String, String) {
    let output = tools::output(command);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The program while it serves. Killed at the end of its test.
pub(crate) struct Serving {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
    pub(crate) start_message: String,
}

impl Serving {
    /// Returns when the start message is there.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut serving = Self { child, out: Some(out), start_message: String::new() };
        serving.start_message = serving.next_line("the start message");
        assert!(!serving.start_message.is_empty(), "the program did not start: {}", serving.errors());
        serving
    }

    /// The files of that directory, on a free port.
    pub(crate) fn files(directory: &Path) -> Self {
        Self::start(program(&["0", "--directory"]).arg(directory))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// The address in the start message.
    pub(crate) fn address(&self) -> SocketAddr {
        let url = self.start_message.split_once("(http://").and_then(|(_, rest)| rest.split_once("/)"));
        let (address, _) = url.unwrap_or_else(|| panic!("no URL in {:?}", self.start_message));
        address.parse().expect("an address")
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address())
    }

    /// The whole response to a GET, on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> String {
        self.get_from("localhost", path)
    }

    /// The same, asked for by that host.
    pub(crate) fn get_from(&self, host: &str, path: &str) -> String {
        ask(self.address(), "GET", host, path)
    }

    /// Waits until a file is [`settled`].
    #[track_caller]
    pub(crate) fn settled(&self, path: &str) {
        settled(self.address(), path);
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, signal).expect("the program runs");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a status").is_none()
    }

    /// The next line on standard output.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        self.next_line("the next line on standard output")
    }

    #[track_caller]
    fn next_line(&mut self, awaited: &str) -> String {
        let (out, line) = read_line(awaited, self.out.take().expect("it is not closed"));
        self.out = Some(out);
        line
    }

    /// The log, to be read while the program runs.
    pub(crate) fn log(&mut self) -> ChildStderr {
        self.child.stderr.take().expect("it is asked for once")
    }

    /// Nobody reads any more what the program says.
    pub(crate) fn close_output(&mut self) {
        self.out = None;
        self.child.stderr = None;
    }

    /// Stops the program; what it has said on standard error by its end.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn stop(self) -> String {
        self.signal(rustix::process::Signal::TERM);
        let (status, out, errors) = self.end();
        assert_eq!((status.code(), out.as_str()), (Some(0), ""), "{errors}");
        errors
    }

    /// Waits for the end: the status, and the rest of standard output and of standard error.
    #[track_caller]
    pub(crate) fn end(mut self) -> (ExitStatus, String, String) {
        let status = wait("the end of the program", &mut self.child, FAILSAFE);
        let out = self.out.take().map_or_else(String::new, |out| rest("the end of standard output", out));
        let errors = self.errors();
        (status, out, errors)
    }

    /// Ends it: all requests that it has answered, as they are in the log, each with the status of
    /// the response. In any order.
    #[cfg(unix)]
    pub(crate) fn requests(self) -> Vec<(String, u16)> {
        self.signal(rustix::process::Signal::TERM);
        let (_, _, log) = self.end();
        log.lines().filter_map(logged).collect()
    }

    fn errors(&mut self) -> String {
        let errors = self.child.stderr.take();
        errors.map_or_else(String::new, |errors| rest("the end of standard error", errors))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the program accepts");
    stream.set_read_timeout(Some(FAILSAFE)).expect("a timeout");
    stream.set_write_timeout(Some(FAILSAFE)).expect("a timeout");
    stream
}

/// The whole response to a request on a connection of its own.
fn ask(address: SocketAddr, method: &str, host: &str, path: &str) -> String {
    let mut stream = connect(address);
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        .expect("the request");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("the response");
    response
}

/// Waits until a file has a date and a strong tag, so that a request with a condition may be
/// answered with 304. A file that was changed a moment ago may still be written to, and has
/// neither.
#[track_caller]
pub(crate) fn settled(address: SocketAddr, path: &str) {
    let begin = Instant::now();
    loop {
        let head = ask(address, "HEAD", "localhost", path);
        if head.contains("\r\nLast-Modified: ") && head.contains("\r\nETag: \"") {
            return;
        }
        assert!(begin.elapsed() < FAILSAFE, "{path} does not settle: {head}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Standard error without its first line, which says that only this computer can reach the program.
pub(crate) fn without_note(errors: &str) -> &str {
    let (first, rest) = errors.split_once('\n').unwrap_or((errors, ""));
    assert!(first.starts_with("Only this computer can reach it."), "{errors}");
    rest
}

/// The request line, without the version, and the status in a line of the log.
pub(crate) fn logged(line: &str) -> Option<(String, u16)> {
    let (_, rest) = line.split_once("] \"")?;
    let (request, rest) = rest.rsplit_once("\" ")?;
    let request = request.rsplit_once(' ').map_or(request, |(request, _)| request);
    Some((request.to_owned(), rest.split(' ').next()?.parse().ok()?))
}

/// How a program ends, which is killed when it does not.
#[track_caller]
pub(crate) fn wait(awaited: &str, child: &mut Child, most: Duration) -> ExitStatus {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a status") {
            return status;
        }
        if begin.elapsed() > most {
            let _ = child.kill();
            let _ = child.wait();
            panic!("after {most:?} still missing: {awaited}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}
