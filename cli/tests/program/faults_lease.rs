//! A file on which another program holds a lease, as file servers do for their own clients.
//!
//! To open it takes until the lease is given back, up to 45 seconds. The server does not wait: a
//! thread of its loops would be gone for so long.
#![cfg(target_os = "linux")]

use std::io::BufReader;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::tools::tool;
use crate::support::{Directory, FAILSAFE, Serving, read_line, wait};

/// Says `held`, or why not; then `wanted` once somebody else opens it. Gives the lease back when
/// its input ends.
const HOLDER: &str = "
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, lambda *_: os.write(1, b'wanted\\n'))
file = open(sys.argv[1], 'r+b')
try:
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
except OSError as error:
    print(error, flush=True)
    sys.exit()
print('held', flush=True)
sys.stdin.read()
";

/// Who holds the lease, until this is dropped.
struct Lease {
    holder: Child,
    out: Option<BufReader<ChildStdout>>,
}

impl Lease {
    /// `None` where the file system has none.
    fn of(python: &Path, file: &Path) -> Option<Self> {
        let mut holder = Command::new(python)
            .args(["-c", HOLDER])
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let out = BufReader::new(holder.stdout.take().expect("a pipe"));
        let mut lease = Self { holder, out: Some(out) };
        let said = lease.line("whether there is a lease");
        if said != "held\n" {
            eprintln!("skipped: there are no leases here: {said}");
            return None;
        }
        Some(lease)
    }

    #[track_caller]
    fn line(&mut self, awaited: &str) -> String {
        let (out, line) = read_line(awaited, self.out.take().expect("the last line came"));
        self.out = Some(out);
        line
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        wait("the end of who holds the lease", &mut self.holder, FAILSAFE);
    }
}

#[test]
fn a_file_with_a_lease_is_unavailable_until_the_lease_is_given_back() {
    let Some(python) = tool(&["python3"]) else { return };
    let directory = Directory::new().with("leased", "leased").with("small", "small");
    let Some(mut lease) = Lease::of(&python, &directory.path().join("leased")) else { return };
    let serving = Serving::files(directory.path());
    assert!(serving.get("/leased").starts_with("HTTP/1.1 503 "));
    // Whoever holds it is asked to give it back, so that to try again makes sense.
    assert_eq!(lease.line("the order to give the lease back"), "wanted\n");
    assert!(serving.get("/leased").starts_with("HTTP/1.1 503 "));
    assert!(serving.get("/small").ends_with("small"));
    drop(lease);
    let response = serving.get("/leased");
    assert!(response.starts_with("HTTP/1.1 200 ") && response.ends_with("\r\n\r\nleased"), "{response}");
}
