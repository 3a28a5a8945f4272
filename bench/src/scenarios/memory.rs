//! What a server holds after it has been asked for many files: caches must have bounds.

use std::io;
use std::time::Duration;

use generator::once::Client;

use super::Scenario;
use super::files::with_program;
use crate::kind::Kind;
use crate::lab::Lab;
use crate::report::{Bar, Results, Row, megabytes};
use crate::server::Flags;
use crate::site::{self, GIANT, GIANT_LENGTH, MANY};

pub(crate) const SCENARIO: Scenario =
    Scenario { name: "memory", title: "memory after 10 000 files of 1 to 8 KiB and one of 1 GiB", run };

/// For what follows a request.
const SETTLE: Duration = Duration::from_millis(500);
const LIMIT: f64 = 20e6;

fn run(lab: &Lab) -> io::Result<Results> {
    lab.site.add_many()?;
    lab.site.add_giant()?;
    let mut rows = Vec::new();
    let (mut library, mut program) = (None, None);
    for kind in with_program().filter(|kind| !lab.is_without(*kind)) {
        if !lab.has(kind) {
            rows.push(Row::missing(kind));
            continue;
        }
        let resident = measure(lab, kind);
        rows.push(Row::remark(kind, resident.as_ref().map_or_else(ToString::to_string, |it| megabytes(*it))));
        match kind {
            Kind::Ours => library = resident.ok(),
            Kind::Program => program = resident.ok(),
            _ => {}
        }
    }
    let bars = vec![
        Bar::at_most("the program ≤ 20 MB", program, LIMIT, megabytes),
        Bar::at_most("the library ≤ 20 MB", library, LIMIT, megabytes),
    ];
    Ok(Results { rows, bars, remark: None })
}

/// Resident memory, in octets.
fn measure(lab: &Lab, kind: Kind) -> io::Result<f64> {
    let server = lab.start(kind, &Flags::files())?;
    let mut client = Client::connect(server.address)?;
    let files = (0..MANY).map(site::many).chain([(GIANT.to_owned(), GIANT_LENGTH)]);
    for (path, length) in files {
        let mut reply = client.get(&path);
        if reply.is_err() {
            // Some servers end a connection after so many requests.
            client = Client::connect(server.address)?;
            reply = client.get(&path);
        }
        let reply = reply?;
        if (reply.status, reply.body) != (200, length) {
            let [status, body] = [usize::from(reply.status), reply.body];
            return Err(io::Error::other(format!("{path}: {status} with {body} octets")));
        }
    }
    std::thread::sleep(SETTLE);
    Ok(server.status()?.resident as f64)
}
