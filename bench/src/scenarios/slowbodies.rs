//! Slow uploads from few and from many addresses: everybody else is served meanwhile.

use std::io;
use std::time::{Duration, Instant};

use generator::{Crowd, Feed, Histogram, Member, once};

use super::Scenario;
use crate::kind::Kind;
use crate::lab::Lab;
use crate::report::{Bar, Results, Row, nanoseconds, bytes, time};
use crate::server::{Flags, Server};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "slowbodies",
    title: "520 and 5 000 slow uploads from 3, 30 and 600 addresses, and a good request from elsewhere every 20 ms",
    run,
};

const CLIENTS: [usize; 2] = [520, 5_000];
const SOURCES: [usize; 3] = [3, 30, 600];
/// Bytes that a client sends each second.
const RATE: usize = 600;
const VISIT: Duration = Duration::from_secs(1);
/// For the server to notice what it has let in.
const SETTLE: Duration = Duration::from_secs(2);
const WATCH: Duration = Duration::from_secs(6);
const PAUSE: Duration = Duration::from_millis(20);
/// The `permit_timeout` of the server.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);
/// The server's budget for bodies that it collects, and as much for all else.
const MEMORY: f64 = 128.0 * 1024.0 * 1024.0;

fn run(lab: &Lab) -> io::Result<Results> {
    if !lab.has(Kind::Ours) {
        return Ok(Results { bars: bars(&[]), ..Results::default() });
    }
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for (name, upload) in uploads() {
        for clients in CLIENTS {
            for sources in SOURCES {
                let seen = measure(lab, clients, sources, &upload)?;
                rows.push(row(&format!("{name}: {clients} from {sources}"), &seen));
                all.push(seen);
            }
        }
    }
    Ok(Results { rows, bars: bars(&all), remark: None })
}

/// What the slow clients send, and its name.
fn uploads() -> Vec<(&'static str, Member)> {
    let of_length = |length: usize| format!("Content-Length: {length}");
    let content = vec![b'x'; RATE];
    let chunk = [format!("{RATE:x}\r\n").as_bytes(), &content, b"\r\n"].concat();
    let member = |field: &str, piece: &[u8]| Member {
        opening: format!("POST /upload HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n").into_bytes(),
        feed: Feed::Send(piece.to_vec()),
        window: None,
        comes_back: true,
    };
    vec![
        ("1 MB", member(&of_length(1_000_000), &content)),
        ("10 MB", member(&of_length(10_000_000), &content)),
        ("chunked", member("Transfer-Encoding: chunked", &chunk)),
        ("1 MiB at 1 byte/s", member(&of_length(1 << 20), b"x")),
    ]
}

/// What others get meanwhile.
struct Seen {
    asked: usize,
    /// With 200.
    answered: usize,
    latencies: Histogram,
    /// Of the server.
    memory: usize,
    threads: usize,
    /// Slow clients that are connected at the end.
    open: usize,
}

fn measure(lab: &Lab, clients: usize, sources: usize, upload: &Member) -> io::Result<Seen> {
    let server = lab.start(Kind::Ours, &Flags::default())?;
    let crowd = Crowd::gather(server.address, clients, sources, VISIT, upload)?;
    std::thread::sleep(SETTLE);
    ask(&server, &crowd)
}

fn ask(server: &Server, crowd: &Crowd) -> io::Result<Seen> {
    let (mut asked, mut answered, mut latencies) = (0, 0, Histogram::default());
    let end = Instant::now() + WATCH;
    while Instant::now() < end {
        let start = Instant::now();
        asked += 1;
        answered += usize::from(once::get(server.address, "/").is_ok_and(|reply| reply.status == 200));
        latencies.record(start.elapsed());
        std::thread::sleep(PAUSE);
    }
    let status = server.status()?;
    Ok(Seen {
        asked,
        answered,
        latencies,
        memory: status.anonymous as usize,
        threads: status.threads as usize,
        open: crowd.open(),
    })
}

fn row(name: &str, seen: &Seen) -> Row {
    let note = format!(
        "{} of {} answered, {} of memory, {} threads, {} uploads connected",
        seen.answered,
        seen.asked,
        bytes(seen.memory as f64),
        seen.threads,
        seen.open
    );
    Row {
        server: name.to_owned(),
        p50: Some(nanoseconds(seen.latencies.quantile(0.5))),
        p99: Some(nanoseconds(seen.latencies.quantile(0.99))),
        note: Some(note),
        ..Row::default()
    }
}

/// The worst of all.
fn bars(all: &[Seen]) -> Vec<Bar> {
    let worst = |figure: fn(&Seen) -> f64| all.iter().map(figure).reduce(f64::max);
    let unanswered = worst(|seen| (seen.asked - seen.answered) as f64);
    let slowest = worst(|seen| nanoseconds(seen.latencies.quantile(0.99)));
    vec![
        Bar::at_most("good requests without an answer: 0", unanswered, 0.0, |count| format!("{count:.0}")),
        Bar::at_most("p99 of the answers ≤ 1 s", slowest, nanoseconds(ANSWERED_WITHIN), time),
        Bar::at_most("memory ≤ 128 MiB", worst(|seen| seen.memory as f64), MEMORY, bytes),
    ]
}
