//! A download: one client takes a file of 1 GiB as fast as it can.

use std::io;
use std::time::Duration;

use generator::{Answer, Group};

use super::Scenario;
use super::files::SERVERS;
use crate::kind::Kind;
use crate::lab::Lab;
use crate::report::{Bar, Results, bytes, ratio};
use crate::rounds::{self, Contestant, Rounds, Sample};
use crate::server::Flags;
use crate::site::{GIANT, GIANT_LENGTH};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "file1g",
    title: "one client, a file of 1 GiB (a request; ratios to nginx-cached)",
    run,
};

/// In each round, and as many before them that do not count: how long one takes depends much on how
/// the client's pauses and the server's meet.
const DOWNLOADS: u64 = 4;
/// For all of them; a server that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const CPU: f64 = 1.03;
const THROUGHPUT: f64 = 0.97;

fn run(lab: &Lab) -> io::Result<Results> {
    lab.site.add_giant()?;
    let contestants = SERVERS.map(|kind| {
        let load = Group::closed(1, GIANT).answer(Answer::Body(GIANT_LENGTH)).limit(DOWNLOADS);
        Contestant::new(kind, vec![load]).flags(Flags::files())
    });
    let rounds = rounds::run_for(lab, &contestants, PATIENCE, PATIENCE)?;
    let nginx = Kind::NginxCached.name();
    let cpu = rounds.ratio(Kind::Ours.name(), nginx, |sample| sample.cpu);
    let bars = vec![
        Bar::at_most("CPU per GiB ≤ 1.03 × nginx with sendfile", cpu, CPU, ratio),
        Bar::at_least("throughput ≥ 0.97 × the best other one's", to_the_best(&rounds), THROUGHPUT, ratio),
    ];
    let mut rows = rounds.rows(nginx);
    for row in &mut rows {
        // One at a time: its latency is the time it took, and requests per second are better said
        // as bytes.
        if let Some(rate) = row.rate.take() {
            let speed = format!("{}/s", bytes(rate * GIANT_LENGTH as f64));
            row.note = Some(row.note.take().map_or_else(|| speed.clone(), |note| format!("{speed}, {note}")));
        }
        row.p99 = None;
    }
    Ok(Results { rows, bars, remark: Some(rounds.remark()) })
}

/// The throughput of ours as a ratio to that of the fastest other server.
fn to_the_best(rounds: &Rounds) -> Option<f64> {
    let others = SERVERS.into_iter().filter(|kind| *kind != Kind::Ours);
    others
        .filter_map(|other| rounds.ratio(Kind::Ours.name(), other.name(), Sample::rate))
        .min_by(f64::total_cmp)
}
