//! What more active connections cost: each request then finds less of what it needs in the caches.

use std::io;

use generator::{Answer, Group};

use super::{CLIENTS, Scenario};
use crate::kind::Kind;
use crate::lab::Lab;
use crate::report::{Bar, Results, ratio};
use crate::rounds::{self, Contestant};
use crate::server::Flags;
use crate::site::{SMALL, SMALL_LENGTH};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "growth",
    title: "a file of 1 KiB for 64 clients, and for 8 000 that all ask at the same time",
    run,
};

const MANY: usize = 8_000;
const SERVERS: [Kind; 3] = [Kind::Floor, Kind::Ours, Kind::NginxCached];
const LIMIT: f64 = 1.35;

fn run(lab: &Lab) -> io::Result<Results> {
    let mut contestants = Vec::new();
    for kind in lab.available(&SERVERS)? {
        // The floor sends as many bytes, but has them at hand.
        let flags = match kind {
            Kind::Floor => Flags::default().with("body", SMALL_LENGTH.to_string()),
            _ => Flags::files(),
        };
        for clients in [CLIENTS, MANY] {
            let load = vec![Group::closed(clients, SMALL).answer(Answer::Body(SMALL_LENGTH))];
            contestants.push(Contestant::new(kind, load).named(&clients.to_string()).flags(flags.clone()));
        }
    }
    let rounds = rounds::run(lab, &contestants)?;
    let growth = |kind: Kind| {
        let name = |clients: usize| format!("{kind}, {clients}");
        rounds.ratio(&name(MANY), &name(CLIENTS), |sample| sample.cpu)
    };
    let bars = vec![Bar::at_most("CPU for 8 000 ≤ 1.35 × for 64", growth(Kind::Ours), LIMIT, ratio)];
    Ok(Results { rows: rounds.rows(&contestants[0].name), bars, remark: Some(rounds.remark()) })
}
