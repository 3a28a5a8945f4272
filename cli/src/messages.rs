//! What the program itself says. Scripts read it, so the words and the places are Python's.
//!
//! A reader that has gone away is no reason to stop serving: errors of writing are ignored everywhere here.

use std::io::{self, Write};
use std::net::SocketAddr;

use crate::problem::Problem;

/// Says on standard output where the server listens. Flushed: behind a pipe somebody may be waiting for it.
pub(crate) fn started(addresses: &[SocketAddr]) {
    if let Some(address) = addresses.first() {
        print(&serving(*address));
    }
}

/// Says on standard output that Ctrl+C was understood. The empty line ends the one in which the terminal shows
/// `^C`.
pub(crate) fn interrupted() {
    print("\nKeyboard interrupt received, exiting.\n");
}

/// Says on standard error why the program ends.
pub(crate) fn failed(problem: &Problem) {
    let _ = writeln!(io::stderr(), "error: {problem}");
}

fn print(message: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(message.as_bytes()).and_then(|()| out.flush());
}

fn serving(address: SocketAddr) -> String {
    let (host, port) = (address.ip(), address.port());
    let in_url = if address.is_ipv6() { format!("[{host}]") } else { host.to_string() };
    format!("Serving HTTP on {host} port {port} (http://{in_url}:{port}/) ...\n")
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
