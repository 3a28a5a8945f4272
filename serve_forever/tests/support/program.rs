//! An example as a process of its own, on a free port.

use std::env;
use std::ffi::OsStr;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::waits::{output, read_line};
use super::{BUILD_FAILSAFE, Client, Response};

/// A running example whose first line ends in the URL at which it listens; ends with this.
pub(crate) struct Example {
    pub(crate) child: Child,
    /// Kept open, so that the program can go on writing.
    _out: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Example {
    /// Starts the example `name` on a free port.
    pub(crate) fn start(name: &str) -> Self {
        Self::start_with(name, "0", Path::new("."))
    }

    /// Starts the example `name`, which is told by `port` to take a free one, in a folder.
    pub(crate) fn start_with(name: &str, port: &str, folder: &Path) -> Self {
        let mut child = Command::new(example(name))
            .arg(port)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("the example {name} cannot be started: {error}"));
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let (out, line) = read_line(&format!("the first line of the example {name}"), out);
        let address = line.trim().split_once("http://").and_then(|(_, url)| url.split('/').next());
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("the example {name} says {line:?}"));
        Self { child, _out: out, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// Sends that on a connection of its own.
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) -> Client {
        let mut client = self.connect();
        client.send(bytes);
        client
    }

    /// What is answered to that.
    #[track_caller]
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Response {
        self.send(request).response()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example `name`. Where all tests are built it is there; who runs only some has it built now.
pub(crate) fn example(name: &str) -> PathBuf {
    let debug = target().join("debug").join("examples").join(executable(name));
    if debug.exists() { debug } else { build(&["--all-features"], "debug", name) }
}

/// Builds an example with the cargo and into the target folder of this test.
pub(crate) fn build(options: &[&str], profile: &str, name: &str) -> PathBuf {
    let target = target();
    let run = |more: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--quiet", "--package", "serve_forever", "--example", name, "--target-dir"])
            .arg(&target)
            .args(options)
            .args(more)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        output(&format!("the example {name}"), &mut cargo, BUILD_FAILSAFE)
    };
    if !run(&["--offline"]).status.success() {
        let built = run(&[]);
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "the example `{name}` cannot be built: {said}");
    }
    target.join(profile).join("examples").join(executable(name))
}

fn executable(name: &str) -> String {
    format!("{name}{}", env::consts::EXE_SUFFIX)
}

/// The target folder: this test is in its `PROFILE/deps`.
fn target() -> PathBuf {
    let here = env::current_exe().expect("a path");
    let deps = here.ancestors().find(|folder| folder.file_name() == Some(OsStr::new("deps")));
    deps.and_then(|deps| deps.ancestors().nth(2)).expect("cargo put it there").to_owned()
}
