//! A few handlers that sleep must not keep the others waiting, though all share one event loop.

use std::io;

use generator::{Group, Path};

use super::{CLIENTS, Scenario};
use crate::lab::Lab;
use crate::report::{Bar, Results, nanoseconds, ratio, time};
use crate::rounds::{self, Contestant, Sample};
use crate::kind::Kind;

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "sleepers", title: "1 % of the requests sleep 50 ms in their handler, one loop", run };

/// More clients, so that there are always 64 that ask for something fast: 1 % of 400 000 requests a
/// second, for 50 ms.
const SLEEPERS: usize = 200;
const LEAST: f64 = 0.75;
const MEDIAN: f64 = 1e6;

fn run(lab: &Lab) -> io::Result<Results> {
    let fast = || Group::closed(CLIENTS, "/").spare(SLEEPERS);
    let mixed = || fast().paths(vec![Path::new("/", 99), Path::new("/sleep?ms=50", 1)]);
    let mut contestants = Vec::new();
    for kind in [Kind::Ours, Kind::Hyper, Kind::Threads] {
        contestants.push(Contestant::new(kind, vec![fast()]).named("all fast"));
        contestants.push(Contestant::new(kind, vec![mixed()]).named("1 % sleep"));
    }
    let rounds = rounds::run(lab, &contestants)?;
    let [base, ours] = ["all fast", "1 % sleep"].map(|what| format!("{}, {what}", Kind::Ours));
    let throughput = rounds.ratio(&ours, &base, Sample::rate);
    let median = rounds.median(&ours, |sample| sample.latency(0.5));
    let bars = vec![
        Bar::at_least("throughput ≥ 0.75 × all fast", throughput, LEAST, ratio),
        Bar::at_most("p50 of the others < 1 ms", median, MEDIAN, time),
    ];
    // No ratios of CPU time here; the bar is about throughput.
    let mut rows = rounds.rows("");
    for row in &mut rows {
        let slow = |sample: &Sample| Some(sample.groups.first()?.latencies.get(1)?.quantile(0.5));
        let middle = rounds.median(&row.server, |sample| slow(sample).map_or(0.0, nanoseconds));
        row.note =
            middle.filter(|middle| *middle > 0.0).map(|middle| format!("sleepers: p50 {}", time(middle)));
    }
    Ok(Results { rows, bars, remark: Some(rounds.remark()) })
}
