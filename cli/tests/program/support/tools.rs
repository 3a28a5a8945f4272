//! Programs of others: found where they are, and run against the one that is tested.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use super::{FAILSAFE, wait, within};

/// The browser, under its names on several systems.
pub(crate) const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Where systems keep servers. The `PATH` of an ordinary user may lack these.
const SERVERS: [&str; 2] = ["/usr/local/sbin", "/usr/sbin"];

/// The first of these programs that is there. Where everything is to be tested one must be.
pub(crate) fn tool(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(SERVERS.iter().map(PathBuf::from))
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        skip(names[0]);
    }
    found
}

/// Says that a test was skipped for want of something, or fails where everything is to be tested.
pub(crate) fn skip(missing: &str) {
    assert!(std::env::var_os("SERVE_FOREVER_CI").is_none(), "{missing} is missing");
    eprintln!("skipped: there is no {missing}");
}

/// Such a program, to be run in that directory: in English, and without what this machine tells it
/// about proxies.
pub(crate) fn client(tool: &Path, directory: &Path) -> Command {
    let mut command = Command::new(tool);
    command.current_dir(directory).env("LC_ALL", "C.UTF-8");
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command
}

/// What it says until it ends by itself, which it must.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> Output {
    output_within(FAILSAFE, command)
}

/// The same of what may take longer.
#[track_caller]
pub(crate) fn output_within(most: Duration, command: &mut Command) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool starts");
    let out = collect(child.stdout.take().expect("a pipe"));
    let err = collect(child.stderr.take().expect("a pipe"));
    let name = command.get_program().display();
    let status = wait(&format!("the end of {name}"), &mut child, most);
    // A child of its own may still have the pipes.
    let text = |thread: thread::JoinHandle<Vec<u8>>| {
        within(&format!("the end of what {name} says"), || thread.join().expect("it only reads"))
    };
    Output { status, stdout: text(out), stderr: text(err) }
}

/// As [`output`], of a tool that must succeed: what it says on standard output.
#[track_caller]
pub(crate) fn success(command: &mut Command) -> String {
    let output = output(command);
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let name = command.get_program().display();
    assert!(output.status.success(), "{name}: {}{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout)
}

/// Bytes that look like nothing else, so that none can be in a wrong place without being seen.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Whether the file has this content, without printing megabytes where it does not.
#[track_caller]
pub(crate) fn assert_content(path: impl AsRef<Path>, content: &[u8]) {
    let path = path.as_ref();
    let found = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or("");
    assert_eq!(found.len(), content.len(), "the length of {name}");
    let wrong = found.iter().zip(content).position(|(found, wanted)| found != wanted);
    assert_eq!(wrong, None, "the place of the first wrong byte in {name}");
}

fn collect(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was said until then tells more than an error here.
        let _ = stream.read_to_end(&mut bytes);
        bytes
    })
}
