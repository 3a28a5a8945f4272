//! A file that is sent in more than one go.

use std::io;

use generator::{Answer, Group};

use super::files::SERVERS;
use super::{CLIENTS, Scenario};
use crate::kind::Kind;
use crate::lab::Lab;
use crate::report::{Bar, Results, ratio};
use crate::rounds::{self, Contestant};
use crate::server::Flags;
use crate::site::{MEDIUM, MEDIUM_LENGTH};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "file100k",
    title: "64 keep-alive clients, a file of 100 KiB (ratios to lighttpd)",
    run,
};

fn run(lab: &Lab) -> io::Result<Results> {
    let contestants = SERVERS.map(|kind| {
        let load = Group::closed(CLIENTS, MEDIUM).answer(Answer::Body(MEDIUM_LENGTH));
        Contestant::new(kind, vec![load]).flags(Flags::files())
    });
    let rounds = rounds::run(lab, &contestants)?;
    let lighttpd = Kind::Lighttpd.name();
    let measured = rounds.ratio(Kind::Ours.name(), lighttpd, |sample| sample.cpu);
    let bars = vec![Bar::at_most("CPU ≤ lighttpd's", measured, 1.0, ratio)];
    Ok(Results { rows: rounds.rows(lighttpd), bars, remark: Some(rounds.remark()) })
}
