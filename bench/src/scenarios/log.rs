//! The same with an access log to a file: what does a line per request cost?

use std::io;

use generator::Group;

use super::{CLIENTS, Scenario};
use crate::lab::Lab;
use crate::report::{Bar, Results, ratio};
use crate::rounds::{self, Contestant};
use crate::kind::Kind;
use crate::server::Flags;

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "log", title: "the same with an access log to a file (the floor has none)", run };

const LIMIT: f64 = 1.22;

fn run(lab: &Lab) -> io::Result<Results> {
    let load = || vec![Group::closed(CLIENTS, "/")];
    let contestants = [
        Contestant::new(Kind::Floor, load()),
        Contestant::new(Kind::Ours, load()).flags(Flags::default().with_access_log()),
        Contestant::new(Kind::Nginx, load()).flags(Flags::default().with_access_log()),
    ];
    let rounds = rounds::run(lab, &contestants)?;
    let floor = Kind::Floor.name();
    let measured = rounds.ratio(Kind::Ours.name(), floor, |sample| sample.cpu);
    let bars = vec![Bar::at_most("CPU ≤ 1.22 × floor without log", measured, LIMIT, ratio)];
    Ok(Results { rows: rounds.rows(floor), bars, remark: Some(rounds.remark()) })
}
