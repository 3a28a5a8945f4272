//! Clients that take every thread they can get and keep it: the server stays a server.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use generator::{Crowd, Feed, Member, once};

use super::Scenario;
use crate::lab::Lab;
use crate::report::{Bar, Results, Row, nanoseconds, time};
use crate::kind::Kind;
use crate::server::{Flags, Server};
use crate::site::SMALL;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "hogs",
    title: "600 slow uploads and 600 endless event streams hold what they can get",
    run,
};

/// Uploads and streams come in turn, so that neither takes everything before the other.
const CROWDS: usize = 4;
const OF_EACH: usize = 600 / CROWDS;
/// Addresses they come from: no limit for one address is to save the server.
const SOURCES: usize = 8;
/// For the server to notice what it has let in.
const SETTLE: Duration = Duration::from_secs(2);
const PROBE_FOR: Duration = Duration::from_secs(8);
const PROBE_PAUSE: Duration = Duration::from_millis(50);
const FILE_WITHIN: Duration = Duration::from_millis(50);
const HANDLER_WITHIN: Duration = Duration::from_millis(1100);
const SHUTDOWN: Duration = Duration::from_secs(3);
const SHUTDOWN_SLACK: Duration = Duration::from_secs(1);

fn run(lab: &Lab) -> io::Result<Results> {
    if !lab.has(Kind::Ours) {
        return Ok(Results { bars: bars(None), ..Results::default() });
    }
    let flags = Flags::default().with("shutdown-timeout-ms", SHUTDOWN.as_millis().to_string());
    let mut server = lab.start(Kind::Ours, &flags)?;
    let files = server.files.ok_or_else(|| io::Error::other("the server serves no files"))?;
    let crowds = hogs(server.address)?;
    std::thread::sleep(SETTLE);
    let threads = server.status()?.threads;
    let seen = probe(&server, files);
    let open: usize = crowds.iter().map(Crowd::open).sum();
    let ended = server.terminate(SHUTDOWN + SHUTDOWN_SLACK * 5)?;
    drop(crowds);
    let note = format!(
        "{open} hogs connected, {threads} threads; {} file requests; handler requests: {} × 200, {} × 503, {} else",
        seen.files, seen.answered, seen.busy, seen.failed
    );
    Ok(Results { rows: vec![Row::remark(Kind::Ours, note)], bars: bars(Some(&(seen, ended))), remark: None })
}

fn hogs(target: SocketAddr) -> io::Result<Vec<Crowd>> {
    let upload = Member {
        opening: b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n".to_vec(),
        feed: Feed::Send(b"x".to_vec()),
        window: None,
        comes_back: true,
    };
    let stream = Member {
        opening: b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        feed: Feed::Read(usize::MAX),
        window: None,
        comes_back: true,
    };
    let mut crowds = Vec::new();
    for _ in 0..CROWDS {
        crowds.push(Crowd::gather(target, OF_EACH, SOURCES, Duration::from_secs(1), &upload)?);
        crowds.push(Crowd::gather(target, OF_EACH, SOURCES, Duration::from_millis(200), &stream)?);
    }
    Ok(crowds)
}

/// What other clients get meanwhile.
#[derive(Default)]
struct Seen {
    files: usize,
    slowest_file: Duration,
    answered: usize,
    busy: usize,
    /// Requests of either kind without a proper answer.
    failed: usize,
    slowest_handler: Duration,
}

fn probe(server: &Server, files: SocketAddr) -> Seen {
    let mut seen = Seen::default();
    let end = Instant::now() + PROBE_FOR;
    while Instant::now() < end {
        match once::get(files, SMALL) {
            Ok(reply) if reply.status == 200 => {
                seen.files += 1;
                seen.slowest_file = seen.slowest_file.max(reply.latency);
            }
            _ => seen.failed += 1,
        }
        let start = Instant::now();
        match once::get(server.address, "/").map(|reply| reply.status) {
            Ok(200) => seen.answered += 1,
            Ok(503) => seen.busy += 1,
            _ => seen.failed += 1,
        }
        seen.slowest_handler = seen.slowest_handler.max(start.elapsed());
        std::thread::sleep(PROBE_PAUSE);
    }
    seen
}

fn bars(result: Option<&(Seen, Option<Duration>)>) -> Vec<Bar> {
    let slowest = |figure: fn(&Seen) -> Duration| result.map(|(seen, _)| nanoseconds(figure(seen)));
    let shutdown = result.map(|(_, ended)| ended.map_or(f64::INFINITY, nanoseconds));
    let failed = result.map(|(seen, _)| seen.failed as f64);
    vec![
        Bar::at_most("a file < 50 ms", slowest(|seen| seen.slowest_file), nanoseconds(FILE_WITHIN), time),
        Bar::at_most(
            "a handler ≤ 1.1 s",
            slowest(|seen| seen.slowest_handler),
            nanoseconds(HANDLER_WITHIN),
            time,
        ),
        Bar::at_most("requests without a 200 or 503: 0", failed, 0.0, |count| format!("{count:.0}")),
        Bar::at_most("shutdown ≤ its 3 s + 1 s", shutdown, nanoseconds(SHUTDOWN + SHUTDOWN_SLACK), time),
    ]
}
