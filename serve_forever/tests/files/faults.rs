//! A disk that does not answer keeps those waiting who want something of it, and nobody else.
//!
//! No test can make a disk slow. What stands for it is code in the very places where the server
//! would be kept by it: in the handler, which looks files up and opens them on the thread that runs
//! it, and in a source, which reads them while they are sent. Both wait at a gate until the test
//! opens it, and then do what the handler of files does.

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use crate::support::engine::{Served, get, http};
use serve_forever::{BaseHttpRequestHandler, Exchange, Result, SimpleHttpRequestHandler, Source};

/// Closed while the disk does not answer.
#[derive(Default)]
struct Gate {
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().expect("nobody panics");
        state.1 += 1;
        self.changed.notify_all();
        while !state.0 {
            state = self.changed.wait(state).expect("nobody panics");
        }
    }

    fn open(&self) {
        self.state.lock().expect("nobody panics").0 = true;
        self.changed.notify_all();
    }

    /// Until so many are, or were, at the gate.
    fn wait_for(&self, count: usize) {
        let mut state = self.state.lock().expect("nobody panics");
        while state.1 < count {
            state = self.changed.wait(state).expect("nobody panics");
        }
    }
}

/// Opens the gate also where a test fails, so that the server can end.
struct Opener(Arc<Gate>);

impl Drop for Opener {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// The handler of files on a disk of which some does not answer.
#[derive(Clone)]
struct OnSlowDisk {
    files: SimpleHttpRequestHandler,
    gate: Arc<Gate>,
}

impl BaseHttpRequestHandler for OnSlowDisk {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        match http.url_path() {
            "/slow-to-read" => {
                http.send_response(200).send_header("Content-Length", CONTENT.len()).end_headers()?;
                http.send_source(SlowToRead(Arc::clone(&self.gate)))
            }
            "/slow-to-open" => {
                self.gate.pass();
                self.files.do_get(http)
            }
            _ => self.files.do_get(http),
        }
    }

    fn allowed_methods(&self) -> Option<Cow<'static, str>> {
        self.files.allowed_methods()
    }

    fn may_block(&self) -> bool {
        // What is tested is what the server does when this turns out to be wrong.
        self.files.may_block()
    }
}

struct SlowToRead(Arc<Gate>);

impl Source for SlowToRead {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        self.0.pass();
        out.extend_from_slice(CONTENT.as_bytes());
        Ok(false)
    }
}

const CONTENT: &str = "slow, but whole";

/// Requests for what does not come: more than there are loops.
const SLOW: usize = 16;

fn assert_holds_up_nobody_else(path: &str) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults_{}", path.replace('/', "")));
    std::fs::create_dir_all(&directory).expect("a directory");
    for (name, content) in [("slow-to-open", CONTENT), ("fast", "fast")] {
        std::fs::write(directory.join(name), content).expect("a file");
    }
    let files = SimpleHttpRequestHandler::builder().directory(&directory).build().expect("it is there");
    let gate = Arc::new(Gate::default());
    let handler = OnSlowDisk { files, gate: Arc::clone(&gate) };
    let served: Served = http(move || handler.clone(), |builder| builder.loops(1));
    let opener = Opener(Arc::clone(&gate));

    let slow: Vec<_> = (0..SLOW).map(|_| served.send(get(path))).collect();
    for _ in 0..SLOW {
        served.is_alive();
    }
    // None waits for another of them, either.
    gate.wait_for(SLOW);
    served.is_alive();
    drop(opener);
    for mut client in slow {
        let response = client.response();
        assert_eq!((response.code(), response.text().as_str()), (200, CONTENT));
    }
}

#[test]
fn a_file_that_does_not_open_holds_up_nobody_else() {
    assert_holds_up_nobody_else("/slow-to-open");
}

#[test]
fn a_file_that_cannot_be_read_on_holds_up_nobody_else() {
    assert_holds_up_nobody_else("/slow-to-read");
}
