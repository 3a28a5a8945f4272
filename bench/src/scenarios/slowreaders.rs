//! Clients that read a large file slowly: the event loop sends it, no thread waits for them.

use std::io;
use std::time::{Duration, Instant};

use generator::{Crowd, Feed, Member, once};

use super::Scenario;
use crate::lab::Lab;
use crate::report::{Bar, Results, Row, nanoseconds, bytes, time};
use crate::kind::Kind;
use crate::server::{Flags, Server};
use crate::site::{LARGE, LARGE_LENGTH};

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "slowreaders", title: "200 clients take 10 s each for a file of 8 MiB", run };

/// Half of them get it from the file server, half from a handler that sends a file.
const OF_EACH: usize = 100;
const SOURCES: usize = 8;
const READ_FOR: Duration = Duration::from_secs(10);
const VISIT: Duration = Duration::from_millis(50);
const PIECE: usize = LARGE_LENGTH * 50 / 10_000;
/// Small, so that the file stays with the server and not in the client's kernel; large enough for a
/// visit's piece.
const WINDOW: usize = 128 * 1024;
/// A busy machine makes slow clients slower.
const PATIENCE: Duration = Duration::from_secs(30);
/// One thread may come up because a stall of the machine looked like a handler that blocks.
const SPARE: f64 = 1.0;

fn run(lab: &Lab) -> io::Result<Results> {
    if !lab.has(Kind::Ours) {
        return Ok(Results { bars: bars(None), ..Results::default() });
    }
    let server = lab.start(Kind::Ours, &Flags::default())?;
    let files = server.files.ok_or_else(|| io::Error::other("the server serves no files"))?;
    once::get(files, LARGE)?;
    once::get(server.address, "/large")?;
    let before = server.status()?;
    let crowds = [(files, LARGE), (server.address, "/large")].map(|(target, path)| {
        let member = Member {
            opening: format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes(),
            feed: Feed::Read(PIECE),
            window: Some(WINDOW),
            comes_back: false,
        };
        Crowd::gather(target, OF_EACH, SOURCES, VISIT, &member)
    });
    let crowds = crowds.into_iter().collect::<io::Result<Vec<_>>>()?;
    let seen = watch(&server, &crowds)?;
    let note = format!(
        "{} threads before, at most {} while they read; {} more memory; {} of {} received after {}",
        before.threads,
        seen.threads,
        bytes(seen.memory as f64 - before.anonymous as f64),
        bytes(seen.received as f64),
        bytes(expected() as f64),
        time(nanoseconds(seen.took))
    );
    let more = seen.threads as f64 - before.threads as f64;
    Ok(Results {
        rows: vec![Row::remark(Kind::Ours, note)],
        bars: bars(Some((more, seen.received))),
        remark: None,
    })
}

/// What the server was like at most while the crowds read.
#[derive(Default)]
struct Seen {
    threads: u64,
    memory: u64,
    received: usize,
    took: Duration,
}

fn watch(server: &Server, crowds: &[Crowd]) -> io::Result<Seen> {
    let mut seen = Seen::default();
    let start = Instant::now();
    while seen.received < expected() && start.elapsed() < READ_FOR + PATIENCE {
        std::thread::sleep(VISIT * 2);
        let status = server.status()?;
        seen.threads = seen.threads.max(status.threads);
        seen.memory = seen.memory.max(status.anonymous);
        seen.received = crowds.iter().map(Crowd::received).sum();
    }
    seen.took = start.elapsed();
    Ok(seen)
}

/// All bodies, without the heads.
fn expected() -> usize {
    2 * OF_EACH * LARGE_LENGTH
}

fn bars(result: Option<(f64, usize)>) -> Vec<Bar> {
    let missing = result.map(|(_, received)| expected().saturating_sub(received) as f64);
    let more = result.map(|(more, _)| more);
    vec![
        Bar::at_most("no more threads than before (+ 1)", more, SPARE, |count| format!("{count:+.0}")),
        Bar::at_most("bytes missing: 0", missing, 0.0, bytes),
    ]
}
