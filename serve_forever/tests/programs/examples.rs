//! The example programs, as processes of their own.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::support::{Client, Response, program};

/// No test waits for this: it only ends one that would otherwise hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// Of examples that are as short as can be, the ports are fixed.
const HTTP: u16 = 8080;
const UPPER: u16 = 9999;
/// An example that cannot start is started again for so long.
const SOON: Duration = Duration::from_secs(5);

/// One test, as two of the programs want the same port.
#[test]
fn the_examples_run_and_answer() {
    files();
    homepage();
    upper();
}

fn files() {
    let folder = Folder::new();
    fs::write(folder.0.join("hello.txt"), "Hello!\n").expect("a file can be written");
    // So long ago that it has a date.
    let file = fs::File::options().write(true).open(folder.0.join("hello.txt")).expect("the file");
    let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    file.set_modified(hour_ago).expect("its time can be set");
    fs::create_dir(folder.0.join("inside")).expect("a folder can be made");
    fs::write(folder.0.join("inside/<page>.html"), "<p>").expect("a file can be written");
    let Some(mut program) = Program::start("files", HTTP, &folder.0) else { return };

    let greeting = program.out.recv_timeout(PATIENCE).expect("the program says where it listens");
    assert_eq!(greeting, "Server listening at http://localhost:8080 ...");
    let response = program.ask("GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((response.code(), response.text().as_str()), (200, "Hello!\n"));
    assert_eq!(response.field("Content-Length").as_deref(), Some("7"));
    assert_eq!(response.field("Content-Type").as_deref(), Some("text/plain; charset=utf-8"));
    let line = program.err.recv_timeout(PATIENCE).expect("a line of the access log");
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    assert!(line.contains("] \"GET /hello.txt HTTP/1.1\" 200 "), "{line}");

    // It was written just now, and has a date two seconds later.
    let end = Instant::now() + PATIENCE;
    let modified = loop {
        let response = program.ask("GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        if let Some(date) = response.field("Last-Modified") {
            break date;
        }
        assert!(Instant::now() < end, "the file never has a date");
        thread::sleep(Duration::from_millis(50));
    };
    let request = format!("GET /hello.txt HTTP/1.1\r\nHost: a\r\nIf-Modified-Since: {modified}\r\n\r\n");
    assert_eq!(program.ask(request).code(), 304);
    let response = program.ask("GET /inside HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(response.code(), 301);
    assert_eq!(response.field("Location").as_deref(), Some("/inside/"));
    let listing = program.ask("GET /inside/ HTTP/1.1\r\nHost: a\r\n\r\n").text();
    assert!(listing.contains("&lt;page&gt;.html"), "{listing}");
    assert_eq!(program.ask("GET /absent HTTP/1.1\r\nHost: a\r\n\r\n").code(), 404);
    assert_eq!(program.ask("GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n").code(), 404);
    assert_eq!(program.ask("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n").code(), 404);
    let response = program.ask("DELETE /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(matches!(response.code(), 405 | 501), "{}", response.status_line());
    let mut client = program.send("HEAD /hello.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response_to_head().code(), 200);
    client.ends();
}

fn homepage() {
    let folder = Folder::new();
    let Some(mut program) = Program::start("homepage", HTTP, &folder.0) else { return };
    for _ in 0..2 {
        let response = program.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(response.status_line(), "HTTP/1.1 200 OK");
        assert_eq!(response.names(), ["Server", "Date", "Content-Length"]);
        assert_eq!(response.text(), "Homepage\n");
    }
    let response = program.ask("GET /other HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(response.status_line(), "HTTP/1.1 404 Not Found");
    assert_eq!(response.text(), "Page not found\n");
    let response = program.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(response.status_line(), "HTTP/1.1 501 Unsupported method ('POST')");
    let line = program.err.recv_timeout(PATIENCE).expect("a line of the access log");
    assert!(line.ends_with("] \"GET / HTTP/1.1\" 200 9"), "{line}");
}

fn upper() {
    let folder = Folder::new();
    let Some(program) = Program::start("upper", UPPER, &folder.0) else { return };
    let mut first = program.send("hel");
    let mut second = program.send("Straße\nand more\n");
    assert_eq!(second.rest(), "STRASSE\n".as_bytes());
    first.send("lo\n");
    assert_eq!(first.rest(), b"HELLO\n");
    let mut third = program.send("without an end");
    third.half_close();
    assert_eq!(third.rest(), b"WITHOUT AN END");
}

#[test]
fn a_release_build_survives_handlers_that_panic() {
    let folder = Folder::new();
    let mut program = Program::start_panics(&folder.0, &["--release"]);
    for _ in 0..100 {
        let mut client = program.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().status_line(), "HTTP/1.1 500 Internal Server Error");
        client.ends();
        assert_eq!(program.ask("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n").text(), "fine\n");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_short_of_descriptors_closes_idle_connections_and_goes_on() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    let folder = Folder::new();
    let mut program = Program::start_panics(&folder.0, &[]);
    let pid = Pid::from_child(&program.child);
    prlimit(Some(pid), Resource::Nofile, Rlimit { current: Some(64), maximum: Some(64) }).expect("a limit");
    let mut idle: Vec<Client> = Vec::new();
    for _ in 0..200 {
        let mut client = program.send("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().text(), "fine\n");
        idle.push(client);
    }
    // The newest are still there, the oldest had to go.
    for client in idle.drain(190..) {
        let mut client = client;
        client.send("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().text(), "fine\n");
    }
    for client in &mut idle[..100] {
        client.ends();
    }
    // Many at once, whose connections are not idle, have to wait for each other.
    let mut halves: Vec<Client> = (0..100).map(|_| program.send("GET /fine HTTP/1.1\r\n")).collect();
    for client in &mut halves {
        client.send("Host: a\r\nConnection: close\r\n\r\n");
        assert_eq!(client.response().text(), "fine\n");
    }
    assert_eq!(program.ask("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n").text(), "fine\n");
}

/// A program that runs until this is dropped.
struct Program {
    child: Child,
    address: SocketAddr,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Program {
    /// Starts an example; `None` when somebody else has its port.
    fn start(name: &str, port: u16, folder: &Path) -> Option<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if let Err(error) = TcpListener::bind(address) {
            assert!(env::var_os("SERVE_FOREVER_CI").is_none(), "{address} is taken: {error}");
            eprintln!("SKIPPED: the example `{name}`, as {address} is taken: {error}");
            return None;
        }
        let mut program = Self::spawn(&program::example(name), folder);
        program.address = address;
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = program.child.try_wait().expect("it can be asked") {
                // Between fork and exec, a process of another test may have a copy of the listener
                // above.
                assert!(begin.elapsed() < SOON, "the example `{name}` ended: {status}");
                thread::sleep(Duration::from_millis(50));
                program = Self::spawn(&program::example(name), folder);
                program.address = address;
            }
            assert!(begin.elapsed() < PATIENCE, "the example `{name}` does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        Some(program)
    }

    /// Starts the example that says itself where it listens.
    fn start_panics(folder: &Path, options: &[&str]) -> Self {
        let profile = if options.is_empty() { "debug" } else { "release" };
        let mut program = Self::spawn(&program::build(options, profile, "panics"), folder);
        let line = program.out.recv_timeout(PATIENCE).expect("the program says where it listens");
        let address = line.strip_prefix("http://").and_then(|line| line.strip_suffix("/fine"));
        program.address = address.and_then(|address| address.parse().ok()).expect("an address");
        program
    }

    fn spawn(path: &Path, folder: &Path) -> Self {
        let mut child = Command::new(path)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", path.display()));
        let out = lines(child.stdout.take().expect("it is piped"));
        let err = lines(child.stderr.take().expect("it is piped"));
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), out, err }
    }

    fn send(&self, bytes: impl AsRef<[u8]>) -> Client {
        let mut client = Client::connect(self.address);
        client.send(bytes);
        client
    }

    #[track_caller]
    fn ask(&mut self, request: impl AsRef<[u8]>) -> Response {
        self.send(request).response()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that a program writes, as they come.
fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { return };
            // Read on when nobody listens any more: the program must not wait for us.
            let _ = tell.send(line);
        }
    });
    told
}

/// An empty folder that goes when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = env::temp_dir().join(format!("serve-forever-programs-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
