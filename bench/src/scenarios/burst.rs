//! Many slow requests at once: each gets a thread at once, and fast requests still get through.

use std::io;
use std::time::Duration;

use generator::{Generator, Group, Outcome, Pace};

use super::Scenario;
use crate::lab::Lab;
use crate::report::{Bar, Results, Row, nanoseconds, time};
use crate::rounds::median;
use crate::kind::Kind;
use crate::server::Flags;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "burst",
    title: "64 clients at once on a handler that sleeps 1 s, after a first such burst",
    run,
};

const CLIENTS: usize = 64;
const ALL_WITHIN: Duration = Duration::from_millis(1200);
const FAST_WITHIN: Duration = Duration::from_millis(10);
/// After which a burst that is not over is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two fast requests.
const PAUSE: Duration = Duration::from_millis(10);

/// The slowest of each kind, in nanoseconds.
struct Slowest {
    sleeper: f64,
    fast: f64,
}

fn run(lab: &Lab) -> io::Result<Results> {
    let mut rows = Vec::new();
    let mut ours = None;
    for kind in lab.available(&[Kind::Ours, Kind::Hyper, Kind::Threads])? {
        let bursts: io::Result<Vec<_>> = (0..lab.options.rounds).map(|_| burst(lab, kind)).collect();
        let bursts = match bursts {
            Ok(bursts) => bursts,
            Err(error) => {
                rows.push(Row::remark(kind, error.to_string()));
                continue;
            }
        };
        let middle = |figure: fn(&Slowest) -> f64| median(bursts.iter().map(figure).collect());
        let (sleeper, fast) = (middle(|slowest| slowest.sleeper), middle(|slowest| slowest.fast));
        let words = |figure: Option<f64>| figure.map_or_else(String::new, time);
        let note = format!("all within {}, slowest fast request {}", words(sleeper), words(fast));
        rows.push(Row::remark(kind, note));
        if kind == Kind::Ours {
            ours = sleeper.zip(fast);
        }
    }
    let bars = vec![
        Bar::at_most("all answered within 1.2 s", ours.map(|it| it.0), nanoseconds(ALL_WITHIN), time),
        Bar::at_most("a fast request meanwhile < 10 ms", ours.map(|it| it.1), nanoseconds(FAST_WITHIN), time),
    ];
    Ok(Results { rows, bars, remark: None })
}

/// The second burst of a fresh server.
fn burst(lab: &Lab, kind: Kind) -> io::Result<Slowest> {
    let server = lab.start(kind, &Flags::default())?;
    let sleepers = || Group::closed(CLIENTS, "/sleep?ms=1000").limit(CLIENTS as u64);
    let outcome = Generator::connect(server.address, vec![sleepers()])?.run(PATIENCE)?;
    check(kind, &outcome)?;
    let fast = Group::closed(1, "/").pace(Pace::Think(PAUSE));
    let mut generator = Generator::connect(server.address, vec![sleepers(), fast])?;
    // The fast group has no limit: the run ends when its time is over, well after the sleepers
    // should be done.
    let outcome = generator.run(ALL_WITHIN * 2)?;
    check(kind, &outcome)?;
    let slowest = |outcome: &Outcome| nanoseconds(outcome.overall().max());
    Ok(Slowest { sleeper: slowest(&outcome[0]), fast: slowest(&outcome[1]) })
}

fn check(kind: Kind, outcome: &[Outcome]) -> io::Result<()> {
    let Some(sleepers) = outcome.first() else { return Ok(()) };
    let answered = sleepers.answered().saturating_sub(sleepers.refused);
    if answered < CLIENTS as u64 {
        return Err(io::Error::other(format!("{kind} answered only {answered} of a burst of {CLIENTS}")));
    }
    Ok(())
}
