//! Event streams: what it costs to keep many of them, and to tell all of them something.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::Duration;

use generator::once;

use super::Scenario;
use crate::kind::Kind;
use crate::lab::Lab;
use crate::report::{Bar, Results, Row, bytes, time};
use crate::server::Flags;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "streams",
    title: "10 000 event streams and a broadcast to all of them every second",
    run,
};

const STREAMS: usize = 10_000;
/// Loopback addresses they come from.
const SOURCES: usize = 8;
const WATCH: Duration = Duration::from_secs(10);
/// Broadcasts that each stream must have heard by then.
const BROADCASTS: usize = 9;
/// For spare threads to notice that they are not needed.
const SETTLE: Duration = Duration::from_secs(2);
const EVENT: &[u8] = b"data: news";
const MEMORY: f64 = 2048.0;

fn run(lab: &Lab) -> io::Result<Results> {
    let server = lab.start(Kind::Ours, &Flags::default())?;
    // With the first one the server begins to tell.
    let _first = once::subscribe(server.address, "/subscribe", 0)?;
    let before = server.status()?;
    let mut streams = (0..STREAMS)
        .map(|index| once::subscribe(server.address, "/subscribe", index % SOURCES))
        .collect::<io::Result<Vec<TcpStream>>>()?;
    std::thread::sleep(SETTLE);
    let cpu = server.cpu()?;
    std::thread::sleep(WATCH);
    let cpu = server.cpu()?.saturating_sub(cpu);
    let after = server.status()?;
    let heard = streams.iter_mut().map(events).collect::<io::Result<Vec<usize>>>()?;
    let least = heard.iter().copied().min().unwrap_or(0);
    let memory = (after.anonymous as f64 - before.anonymous as f64) / STREAMS as f64;
    let threads = after.threads as f64 - before.threads as f64;
    let each = cpu.as_secs_f64() * 1e9 / WATCH.as_secs_f64() / STREAMS as f64;
    let note = format!(
        "{} per stream, {threads:+} threads, {} of CPU per event, at least {least} broadcasts heard by each",
        bytes(memory),
        time(each)
    );
    let count = |count: f64| format!("{count}");
    let bars = vec![
        Bar::at_most("memory ≤ 2 KiB per stream", Some(memory), MEMORY, bytes),
        Bar::at_most("further threads: none", Some(threads), 0.0, count),
        Bar::at_most(
            "streams that missed a broadcast: none",
            Some(heard.iter().filter(|&&heard| heard < BROADCASTS).count() as f64),
            0.0,
            count,
        ),
    ];
    Ok(Results { rows: vec![Row::remark(Kind::Ours, note)], bars, remark: None })
}

/// How many events have come.
fn events(stream: &mut TcpStream) -> io::Result<usize> {
    stream.set_nonblocking(true)?;
    let mut bytes = vec![0; 64 * 1024];
    match stream.read(&mut bytes) {
        Ok(count) => Ok(bytes[..count].windows(EVENT.len()).filter(|window| *window == EVENT).count()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        Err(error) => Err(error),
    }
}
