//! Connections that have nothing to say should cost nothing but what the kernel keeps of them.

use std::io;
use std::time::Duration;

use generator::{Generator, Group, once};

use super::Scenario;
use crate::lab::Lab;
use crate::report::{Bar, Results, Row, nanoseconds, bytes, time};
use crate::kind::Kind;
use crate::server::Flags;

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "idle", title: "10 000 keep-alive connections that made one request each", run };

const CONNECTIONS: usize = 10_000;
/// Loopback addresses they come from: one has too few ports, with those that are just closed.
const SOURCES: usize = 8;
const WATCH: Duration = Duration::from_secs(10);
/// For what follows a request: timeouts to be set, spare threads to notice that they are not
/// needed.
const SETTLE: Duration = Duration::from_secs(1);
const MEMORY: f64 = 1024.0;
const CPU: Duration = Duration::from_millis(1);

/// Bytes per connection; nanoseconds of CPU in all.
struct Cost {
    memory: f64,
    cpu: f64,
}

fn run(lab: &Lab) -> io::Result<Results> {
    let mut rows = Vec::new();
    let mut ours = None;
    for kind in lab.available(&[Kind::Ours, Kind::Hyper, Kind::Nginx])? {
        let cost = match measure(lab, kind) {
            Ok(cost) => cost,
            Err(error) => {
                rows.push(Row::remark(kind, error.to_string()));
                continue;
            }
        };
        let note = format!("{} per connection, {} of CPU in 10 s", bytes(cost.memory), time(cost.cpu));
        rows.push(Row::remark(kind, note));
        if kind == Kind::Ours {
            ours = Some(cost);
        }
    }
    let bars = vec![
        Bar::at_most("memory ≤ 1 KiB per connection", ours.as_ref().map(|cost| cost.memory), MEMORY, bytes),
        Bar::at_most("CPU in 10 s ≤ 1 ms", ours.as_ref().map(|cost| cost.cpu), nanoseconds(CPU), time),
    ];
    Ok(Results { rows, bars, remark: None })
}

fn measure(lab: &Lab, kind: Kind) -> io::Result<Cost> {
    let server = lab.start(kind, &Flags::default())?;
    // What a busy server needs anyway is not to be charged to idle connections.
    Generator::connect(server.address, vec![Group::closed(super::CLIENTS, "/")])?.run(lab.options.warm_up)?;
    let before = server.status()?.anonymous;
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for index in 0..CONNECTIONS {
        connections.push(once::get_and_stay(server.address, "/", index % SOURCES)?);
    }
    std::thread::sleep(SETTLE);
    let memory = server.status()?.anonymous as f64 - before as f64;
    let cpu = server.cpu()?;
    std::thread::sleep(WATCH);
    let cpu = server.cpu()?.saturating_sub(cpu);
    drop(connections);
    Ok(Cost { memory: memory / CONNECTIONS as f64, cpu: nanoseconds(cpu) })
}
