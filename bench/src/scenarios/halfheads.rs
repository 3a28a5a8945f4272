//! Clients that begin a request and never end it: they cost no thread, little memory, and go away
//! in time.

use std::io;
use std::time::Duration;

use generator::{Crowd, Feed, Generator, Group, Member, Pace};

use super::{CLIENTS, Scenario};
use crate::lab::Lab;
use crate::report::{Bar, Results, Row, nanoseconds, bytes, time};
use crate::kind::Kind;
use crate::server::Flags;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "halfheads",
    title: "64 clients at half of capacity beside 4 000 stuck in the middle of a head",
    run,
};

const STUCK: usize = 4_000;
const SOURCES: usize = 8;
/// How often the stuck ones look whether they were thrown out.
const LOOK: Duration = Duration::from_millis(500);
/// When memory is looked at.
const MIDDLE: Duration = Duration::from_secs(5);
/// From then until the end: the timeout for the head is 10 s.
const REST: Duration = Duration::from_secs(8);
const SLOWEST: Duration = Duration::from_millis(10);
const CLOSED_WITHIN: Duration = Duration::from_secs(12);

struct Seen {
    rate: f64,
    p50: f64,
    p99: f64,
    memory: f64,
    /// Stuck clients that were thrown out, and how long the last of them had been there.
    closed: usize,
    last: f64,
}

fn run(lab: &Lab) -> io::Result<Results> {
    let mut rows = Vec::new();
    let mut ours = None;
    for kind in lab.available(&[Kind::Ours, Kind::Nginx])? {
        let seen = match measure(lab, kind) {
            Ok(seen) => seen,
            Err(error) => {
                rows.push(Row::remark(kind, error.to_string()));
                continue;
            }
        };
        let note = format!(
            "{} more memory, {} of {STUCK} closed, the last after {}",
            bytes(seen.memory),
            seen.closed,
            time(seen.last)
        );
        rows.push(Row {
            rate: Some(seen.rate),
            p50: Some(seen.p50),
            p99: Some(seen.p99),
            ..Row::remark(kind, note)
        });
        if kind == Kind::Ours {
            ours = Some(seen);
        }
    }
    let figure = |figure: fn(&Seen) -> f64| ours.as_ref().map(figure);
    let stuck = figure(|seen| (STUCK - seen.closed) as f64);
    let bars = vec![
        Bar::at_most("p99 of the others < 10 ms", figure(|seen| seen.p99), nanoseconds(SLOWEST), time),
        Bar::at_most("stuck clients left at the end: 0", stuck, 0.0, |count| format!("{count:.0}")),
        Bar::at_most("closed within 10 s + 2 s", figure(|seen| seen.last), nanoseconds(CLOSED_WITHIN), time),
    ];
    Ok(Results { rows, bars, remark: None })
}

fn measure(lab: &Lab, kind: Kind) -> io::Result<Seen> {
    let server = lab.start(kind, &Flags::default())?;
    let capacity = {
        let mut generator = Generator::connect(server.address, vec![Group::closed(CLIENTS, "/")])?;
        generator.run(lab.options.warm_up)?;
        generator.run(lab.options.time)?.iter().map(generator::Outcome::rate).sum::<f64>()
    };
    let before = server.status()?.anonymous;
    let stuck = Member {
        opening: b"GET / HTTP/1.1\r\nHost: a\r\nX-Never-Ending: ".to_vec(),
        feed: Feed::Nothing,
        window: None,
        comes_back: false,
    };
    let crowd = Crowd::gather(server.address, STUCK, SOURCES, LOOK, &stuck)?;
    let good = Group::closed(CLIENTS, "/").pace(Pace::Rate(capacity / 2.0));
    let mut generator = Generator::connect(server.address, vec![good])?;
    let first = generator.run(MIDDLE)?;
    let memory = server.status()?.anonymous as f64 - before as f64;
    let second = generator.run(REST)?;
    let mut latencies = generator::Histogram::default();
    for outcome in first.iter().chain(&second) {
        latencies.merge(&outcome.overall());
    }
    let ends = crowd.ends();
    Ok(Seen {
        rate: latencies.count() as f64 / (MIDDLE + REST).as_secs_f64(),
        p50: nanoseconds(latencies.quantile(0.5)),
        p99: nanoseconds(latencies.quantile(0.99)),
        memory,
        closed: ends.len(),
        last: ends.iter().max().map_or(f64::INFINITY, |last| nanoseconds(*last)),
    })
}
