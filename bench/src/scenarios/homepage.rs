//! The plainest load: how much CPU does a small response cost?

use std::io;

use generator::Group;

use super::{CLIENTS, Scenario};
use crate::lab::Lab;
use crate::report::{Bar, Results, ratio};
use crate::rounds::{self, Contestant, Sample};
use crate::kind::Kind;

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "homepage", title: "64 keep-alive clients, a body of 9 bytes, no access log", run };

const KINDS: [Kind; 6] = [Kind::Floor, Kind::Ours, Kind::Hyper, Kind::Actix, Kind::TinyHttp, Kind::Nginx];
const LIMIT: f64 = 1.15;

fn run(lab: &Lab) -> io::Result<Results> {
    let contestants = KINDS.map(|kind| Contestant::new(kind, vec![Group::closed(CLIENTS, "/")]));
    let rounds = rounds::run(lab, &contestants)?;
    let (ours, floor, hyper) = (Kind::Ours.name(), Kind::Floor.name(), Kind::Hyper.name());
    let cpu = |sample: &Sample| sample.cpu;
    let bars = vec![
        Bar::at_most("CPU ≤ 1.15 × floor", rounds.ratio(ours, floor, cpu), LIMIT, ratio),
        Bar::at_most("CPU below hyper's", rounds.ratio(ours, hyper, cpu), 1.0, ratio),
    ];
    Ok(Results { rows: rounds.rows(floor), bars, remark: Some(rounds.remark()) })
}
