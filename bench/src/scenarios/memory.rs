//! What a server holds after it has been asked for many files: caches must have bounds.

use std::io;
use std::net::SocketAddr;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use generator::once::{Client, Reply};

use super::files::with_program;
use super::{CLIENTS, Scenario};
use crate::kind::Kind;
use crate::lab::Lab;
use crate::report::{Bar, Results, Row, megabytes};
use crate::server::Flags;
use crate::site::{self, GIANT, GIANT_LENGTH, MANY, SMALL};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "memory",
    title: "memory after 64 clients took 10 000 files of 1 to 8 KiB and one of 1 GiB",
    run,
};

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

/// Resident memory, in bytes.
fn measure(lab: &Lab, kind: Kind) -> io::Result<f64> {
    let server = lab.start(kind, &Flags::files())?;
    let address = server.address;
    let clients = (0..CLIENTS).map(|_| connect(address)).collect::<io::Result<Vec<_>>>()?;
    std::thread::scope(|scope| {
        let clients: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(first, client)| scope.spawn(move || ask_for_many(client, first)))
            .collect();
        let join = |client: ScopedJoinHandle<'_, io::Result<()>>| {
            client.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
        };
        clients.into_iter().try_for_each(join)
    })?;
    check(Client::connect(address)?.get(GIANT)?, GIANT, GIANT_LENGTH)?;
    std::thread::sleep(SETTLE);
    Ok(server.status()?.resident as f64)
}

/// A client that was let in: some servers keep no more than five waiting.
fn connect(target: SocketAddr) -> io::Result<Client> {
    let mut client = Client::connect(target)?;
    client.get(SMALL)?;
    Ok(client)
}

/// The share of one of the clients. Some servers answer a second request 40 ms late, and one client
/// would take minutes.
fn ask_for_many(mut client: Client, first: usize) -> io::Result<()> {
    for (path, length) in (first..MANY).step_by(CLIENTS).map(site::many) {
        check(client.get(&path)?, &path, length)?;
    }
    Ok(())
}

fn check(reply: Reply, path: &str, length: usize) -> io::Result<()> {
    if (reply.status, reply.body) == (200, length) {
        return Ok(());
    }
    Err(io::Error::other(format!("{path}: {} with {} bytes", reply.status, reply.body)))
}
