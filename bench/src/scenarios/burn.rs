//! Handlers that compute: one core cannot do more than one thing, but it can share itself as fairly
//! as the kernel does among the threads of a server that has one per connection.

use std::io;
use std::time::Duration;

use generator::{Group, Outcome, Pace};

use super::Scenario;
use crate::lab::Lab;
use crate::report::{Bar, Results, ratio};
use crate::rounds::{self, Contestant};
use crate::kind::Kind;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "burn",
    title: "a fast client beside 32 whose handlers burn 10 ms of CPU, one core",
    run,
};

const BURNERS: usize = 32;
/// Between two fast requests.
const PAUSE: Duration = Duration::from_millis(5);
/// A round must see each burner several times (a turn of all takes 320 ms) and some hundred fast
/// requests.
const WARM_UP: Duration = Duration::from_secs(1);
const TIME: Duration = Duration::from_secs(3);
const LIMIT: f64 = 2.0;

fn run(lab: &Lab) -> io::Result<Results> {
    let fast = Group::closed(1, "/").pace(Pace::Think(PAUSE));
    let burners = Group::closed(BURNERS, "/burn?ms=10");
    let contestants = [Kind::Ours, Kind::Threads, Kind::Hyper]
        .map(|kind| Contestant::new(kind, vec![fast.clone(), burners.clone()]));
    let warm_up = lab.options.warm_up.max(WARM_UP);
    let rounds = rounds::run_for(lab, &contestants, warm_up, lab.options.time.max(TIME))?;
    let [ours, threads] = [Kind::Ours, Kind::Threads].map(Kind::name);
    let measured = rounds.ratio(ours, threads, |sample| sample.latency(0.5));
    let bars = vec![Bar::at_most("p50 of the fast client ≤ 2 × that of `threads`", measured, LIMIT, ratio)];
    let mut rows = rounds.rows("");
    for row in &mut rows {
        // CPU per request would be a mean of next to nothing and 10 ms.
        row.cpu = None;
        // Who starves the burners serves the fast client easily.
        let burns = rounds.median(&row.server, |sample| sample.groups.get(1).map_or(0.0, Outcome::rate));
        row.note = burns.map(|burns| format!("{burns:.0} burns/s"));
    }
    Ok(Results { rows, bars, remark: Some(rounds.remark()) })
}
