//! Requests that arrive together should be answered together: one `recv`, one `send` for all of
//! them.

use std::io;

use generator::Group;

use super::{CLIENTS, Scenario};
use crate::lab::Lab;
use crate::report::{Bar, Results, ratio};
use crate::rounds::{self, Contestant};
use crate::kind::Kind;

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "pipeline", title: "16 requests in one batch against one at a time", run };

const DEPTH: usize = 16;
const LIMIT: f64 = 0.2;

fn run(lab: &Lab) -> io::Result<Results> {
    let mut contestants = Vec::new();
    for kind in [Kind::Floor, Kind::Ours, Kind::Nginx] {
        let single = Group::closed(CLIENTS, "/");
        contestants.push(Contestant::new(kind, vec![single.clone()]));
        contestants.push(Contestant::new(kind, vec![single.depth(DEPTH)]).named("16 at once"));
    }
    let rounds = rounds::run(lab, &contestants)?;
    let ours = Kind::Ours.name();
    let measured = rounds.ratio(&format!("{ours}, 16 at once"), ours, |sample| sample.cpu);
    let bars = vec![Bar::at_most("CPU ≤ 1/5 of one at a time", measured, LIMIT, ratio)];
    Ok(Results { rows: rounds.rows(Kind::Floor.name()), bars, remark: Some(rounds.remark()) })
}
