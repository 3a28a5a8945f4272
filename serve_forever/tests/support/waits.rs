//! Waits that have an end, and say then what was awaited.

use std::io::{BufRead, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::LONG_FAILSAFE;

/// What `work` returns, which may block.
#[track_caller]
pub(crate) fn within<T: Send + 'static>(awaited: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, result) = mpsc::channel();
    // When the time is up the thread stays behind, until its process ends.
    thread::spawn(move || send.send(work()));
    match result.recv_timeout(LONG_FAILSAFE) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => missing(awaited, LONG_FAILSAFE),
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

/// The rest of what a program says on a pipe.
#[track_caller]
pub(crate) fn rest_of(awaited: &str, mut pipe: impl Read + Send + 'static) -> Vec<u8> {
    within(awaited, move || {
        let mut rest = Vec::new();
        pipe.read_to_end(&mut rest).expect("it can be read");
        rest
    })
}

/// How a program ends, which is killed when it does not.
#[track_caller]
pub(crate) fn ended(awaited: &str, child: &mut Child, most: Duration) -> ExitStatus {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a status") {
            return status;
        }
        if begin.elapsed() > most {
            let _ = child.kill();
            let _ = child.wait();
            missing(awaited, most);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// What a program says until it ends by itself.
#[track_caller]
pub(crate) fn output(awaited: &str, command: &mut Command, most: Duration) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("it can be started");
    // Read meanwhile: a full pipe stops the program.
    let (out, err) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
    let (out, err) = (thread::spawn(move || bytes(out)), thread::spawn(move || bytes(err)));
    let status = ended(awaited, &mut child, most);
    let said = |pipe| within(awaited, || JoinHandle::join(pipe).expect("it only reads"));
    Output { status, stdout: said(out), stderr: said(err) }
}

/// What a thread returns. `None` when it still runs while the test fails already.
#[track_caller]
pub(crate) fn joined<T>(awaited: &str, thread: JoinHandle<T>) -> Option<thread::Result<T>> {
    let begin = Instant::now();
    while !thread.is_finished() {
        if begin.elapsed() > LONG_FAILSAFE {
            if thread::panicking() {
                return None;
            }
            missing(awaited, LONG_FAILSAFE);
        }
        thread::sleep(Duration::from_millis(1));
    }
    Some(thread.join())
}

fn bytes(mut pipe: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What was said until then tells more than an error here.
    let _ = pipe.read_to_end(&mut bytes);
    bytes
}

#[track_caller]
fn missing(awaited: &str, most: Duration) -> ! {
    panic!("after {most:?} still missing: {awaited}")
}
