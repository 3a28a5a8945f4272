//! The plainest file, without a log and with one: how much CPU does it cost to look it up and to
//! send it?

use std::io;

use generator::{Answer, Group, Path};

use super::files::SERVERS;
use super::{CLIENTS, Scenario};
use crate::kind::Kind;
use crate::lab::Lab;
use crate::report::{Bar, Results, ratio};
use crate::rounds::{self, Contestant, Rounds, Sample};
use crate::server::Flags;
use crate::site::{SEVERAL, SMALL, SMALL_LENGTH, several};

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "file1k", title: "64 keep-alive clients, a file of 1 KiB, no access log", run };

pub(crate) const WITH_LOG: Scenario = Scenario {
    name: "file1k-log",
    title: "the same with an access log to a file (the floor has none)",
    run: run_with_log,
};

pub(crate) const SEVERAL_FILES: Scenario = Scenario {
    name: "files1k",
    title: "the same with 500 such files, without a log: a `stat` for nearly every request",
    run: run_with_several,
};

const LIMIT: f64 = 1.20;
const LIMIT_CACHED: f64 = 0.8;
const LIMIT_UNCACHED: f64 = 0.6;
const LIMIT_WITH_LOG: f64 = 1.28;

fn run(lab: &Lab) -> io::Result<Results> {
    let rounds = measure(lab, &Flags::files(), &Group::closed(CLIENTS, SMALL))?;
    let to = |other: Kind| rounds.ratio(Kind::Ours.name(), other.name(), |sample: &Sample| sample.cpu);
    let bars = vec![
        Bar::at_most("CPU ≤ 1.20 × floor", to(Kind::Floor), LIMIT, ratio),
        Bar::at_most("CPU ≤ lighttpd's", to(Kind::Lighttpd), 1.0, ratio),
        Bar::at_most("CPU ≤ 0.8 × nginx with its cache", to(Kind::NginxCached), LIMIT_CACHED, ratio),
        Bar::at_most("CPU ≤ 0.6 × nginx as it comes", to(Kind::Nginx), LIMIT_UNCACHED, ratio),
    ];
    Ok(results(&rounds, bars))
}

fn run_with_log(lab: &Lab) -> io::Result<Results> {
    let rounds = measure(lab, &Flags::files().with_access_log(), &Group::closed(CLIENTS, SMALL))?;
    let measured = rounds.ratio(Kind::Ours.name(), Kind::Floor.name(), |sample| sample.cpu);
    let bars = vec![Bar::at_most("CPU ≤ 1.28 × floor without log", measured, LIMIT_WITH_LOG, ratio)];
    Ok(results(&rounds, bars))
}

fn run_with_several(lab: &Lab) -> io::Result<Results> {
    lab.site.add_several()?;
    let paths = (0..SEVERAL).map(|index| Path::new(&several(index), 1)).collect();
    let rounds = measure(lab, &Flags::files(), &Group::closed(CLIENTS, SMALL).paths(paths))?;
    Ok(results(&rounds, Vec::new()))
}

fn measure(lab: &Lab, flags: &Flags, clients: &Group) -> io::Result<Rounds> {
    let load = || vec![clients.clone().answer(Answer::Body(SMALL_LENGTH))];
    // The floor sends as many bytes, but has them at hand.
    let constant = Flags::default().with("body", SMALL_LENGTH.to_string());
    let mut contestants = vec![Contestant::new(Kind::Floor, load()).flags(constant)];
    contestants.extend(SERVERS.map(|kind| Contestant::new(kind, load()).flags(flags.clone())));
    rounds::run(lab, &contestants)
}

fn results(rounds: &Rounds, bars: Vec<Bar>) -> Results {
    Results { rows: rounds.rows(Kind::Floor.name()), bars, remark: Some(rounds.remark()) }
}
