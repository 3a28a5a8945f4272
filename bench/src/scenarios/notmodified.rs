//! Clients that have the file already and only ask whether it is still good.

use std::io;

use generator::{Answer, Group, once};

use super::files::SERVERS;
use super::{CLIENTS, Scenario};
use crate::kind::Kind;
use crate::lab::Lab;
use crate::report::{Bar, Results, ratio};
use crate::rounds::{self, Contestant};
use crate::server::{Flags, Server};
use crate::site::SMALL;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "notmodified",
    title: "64 keep-alive clients that have the file: 304 to its tag, or else to its date",
    run,
};

const LIMIT: f64 = 1.18;
/// The floor knows no tags, but its requests are to be as long as those of others.
const TAG: &str = "If-None-Match: \"0123456789abcdef-400\"\r\n";

fn run(lab: &Lab) -> io::Result<Results> {
    let load = || Group::closed(CLIENTS, SMALL).answer(Answer::NotModified);
    let constant = Flags::default().with("status", "304".to_owned());
    let mut contestants = vec![Contestant::new(Kind::Floor, vec![load().fields(TAG)]).flags(constant)];
    contestants.extend(
        SERVERS.map(|kind| {
            Contestant::new(kind, vec![load()]).flags(Flags::files()).prepared(ask_conditionally)
        }),
    );
    let rounds = rounds::run(lab, &contestants)?;
    let floor = Kind::Floor.name();
    let measured = rounds.ratio(Kind::Ours.name(), floor, |sample| sample.cpu);
    let bars = vec![Bar::at_most("CPU ≤ 1.18 × floor", measured, LIMIT, ratio)];
    Ok(Results { rows: rounds.rows(floor), bars, remark: Some(rounds.remark()) })
}

/// With the server's own tag, or else its date.
fn ask_conditionally(server: &Server, load: &mut [Group]) -> io::Result<()> {
    let condition = once::condition(server.address, SMALL)?;
    let condition =
        condition.ok_or_else(|| io::Error::other("it answers neither a tag nor a date with 304"))?;
    for group in load {
        group.fields.clone_from(&condition);
    }
    Ok(())
}
