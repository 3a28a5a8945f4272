//! The scenarios, one file each.

mod burn;
mod burst;
mod file100k;
mod file1g;
mod file1k;
mod files;
mod growth;
mod halfheads;
mod hogs;
mod homepage;
mod idle;
mod log;
mod memory;
mod notmodified;
mod pipeline;
mod sleepers;
mod slowbodies;
mod slowreaders;
mod start;
mod streams;

use std::io;

use crate::lab::Lab;
use crate::report::Results;

/// Something to measure.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) run: fn(&Lab) -> io::Result<Results>,
}

pub(crate) const ALL: &[Scenario] = &[
    homepage::SCENARIO,
    log::SCENARIO,
    pipeline::SCENARIO,
    file1k::SCENARIO,
    file1k::WITH_LOG,
    file1k::SEVERAL_FILES,
    notmodified::SCENARIO,
    file100k::SCENARIO,
    file1g::SCENARIO,
    start::SCENARIO,
    memory::SCENARIO,
    sleepers::SCENARIO,
    burst::SCENARIO,
    burn::SCENARIO,
    hogs::SCENARIO,
    growth::SCENARIO,
    idle::SCENARIO,
    halfheads::SCENARIO,
    slowbodies::SCENARIO,
    slowreaders::SCENARIO,
    streams::SCENARIO,
];

/// Clients of the scenarios that measure throughput.
const CLIENTS: usize = 64;

/// The scenarios with these names; no names: all.
pub(crate) fn chosen(names: &[String]) -> io::Result<Vec<&'static Scenario>> {
    if names.is_empty() {
        return Ok(ALL.iter().collect());
    }
    let find = |name: &String| {
        let found = ALL.iter().find(|scenario| scenario.name == name);
        found.ok_or_else(|| io::Error::other(format!("there is no scenario {name}; see --help")))
    };
    names.iter().map(find).collect()
}
