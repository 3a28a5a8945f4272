//! What the program itself says. Scripts read standard output, so the words there are Python's, and
//! no more; what people want to know beside goes to standard error.
//!
//! A reader that has gone away is no reason to stop serving: errors of writing are ignored
//! everywhere here.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::diagnostics::on_one_line;
use crate::problem::Problem;

/// Says on standard output where the server listens: one line, whatever else it listens on.
/// Flushed: behind a pipe somebody may be waiting for it.
pub(crate) fn started(addresses: &[SocketAddr], unix: &[PathBuf]) {
    match (addresses, unix) {
        ([address, ..], _) => print(serving(*address).as_bytes()),
        ([], [path, ..]) => print(format!("Serving HTTP on unix:{} ...\n", path.display()).as_bytes()),
        ([], []) => {}
    }
}

/// Says on standard error what else the server listens on.
pub(crate) fn also(addresses: &[SocketAddr], unix: &[PathBuf]) {
    let addresses = addresses.iter().map(|address| url(*address));
    let places = addresses.chain(unix.iter().map(|path| format!("unix:{}", path.display())));
    for place in places.skip(1) {
        note(&format!("Also on {place}"));
    }
}

/// Says on standard error how others would reach the server.
pub(crate) fn only_here(command: &str, port: Option<u16>, address: Option<IpAddr>) {
    let mut line = format!("Only this computer can reach it. To open it to the network: {command}");
    if let (Some(port), Some(address)) = (port, address) {
        // Writing to a String cannot fail.
        let _ = write!(line, " -> {}", url(SocketAddr::new(address, port)));
    }
    note(&line);
}

/// Says on standard error how others reach the server.
pub(crate) fn open_to(addresses: &[SocketAddr]) {
    for address in addresses {
        note(&format!("Others can reach it at {}", url(*address)));
    }
}

/// Says on standard output that Ctrl+C was understood. The empty line ends the one in which the
/// terminal shows `^C`.
#[cfg(any(unix, windows))]
pub(crate) fn interrupted() {
    print(b"\nKeyboard interrupt received, exiting.\n");
}

/// Says on standard error why the program ends.
pub(crate) fn failed(problem: &Problem) {
    note(&format!("error: {problem}"));
}

/// Puts something on standard output that the program was asked for.
pub(crate) fn print(message: &[u8]) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(message).and_then(|()| out.flush());
}

/// What a browser is told to come here.
pub(crate) fn url(address: SocketAddr) -> String {
    format!("http://{address}/")
}

fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{}", on_one_line(line));
}

fn serving(address: SocketAddr) -> String {
    let (host, port) = (address.ip(), address.port());
    format!("Serving HTTP on {host} port {port} ({}) ...\n", url(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_message_is_pythons() {
        let v4 = "127.0.0.1:8000".parse().unwrap();
        assert_eq!(serving(v4), "Serving HTTP on 127.0.0.1 port 8000 (http://127.0.0.1:8000/) ...\n");
        let v6 = "[::1]:8000".parse().unwrap();
        assert_eq!(serving(v6), "Serving HTTP on ::1 port 8000 (http://[::1]:8000/) ...\n");
    }
}
