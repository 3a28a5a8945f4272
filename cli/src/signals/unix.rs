//! `SIGINT`, which is what Ctrl+C sends, `SIGTERM`, and `SIGHUP` for those who rotate logs.

use std::fs;
use std::io;
use std::process;
use std::thread;

use serve_forever::ServerHandle;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::log_file::LogFile;
use crate::messages;

/// What shells call the end by `SIGINT`.
const ENDED_BY_INTERRUPT: i32 = 130;

/// The first signal stops the server, which finishes what it is doing for a while; the next one
/// ends the program at once. `SIGHUP` opens the log file anew, and has its usual meaning where
/// there is none.
pub(crate) fn watch(server: ServerHandle, log_file: Option<LogFile>) -> io::Result<()> {
    let mut watched = vec![SIGTERM];
    // A shell has its background jobs ignore Ctrl+C, which is meant for another program then.
    if !is_ignored(SIGINT) {
        watched.push(SIGINT);
    }
    if log_file.is_some() {
        watched.push(SIGHUP);
    }
    let mut signals = Signals::new(watched)?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut is_stopping = false;
        for signal in signals.forever() {
            if signal == SIGHUP {
                log_file.iter().for_each(LogFile::reopen);
            } else if is_stopping {
                // Does not return, unless the system refuses to end the program in this way.
                let _ = emulate_default_handler(signal);
                process::exit(ENDED_BY_INTERRUPT);
            } else {
                is_stopping = true;
                if signal == SIGINT {
                    messages::interrupted();
                }
                server.shutdown();
            }
        }
    })?;
    Ok(())
}

/// Whether the program was started with the signal ignored. Only Linux tells without `unsafe` code;
/// elsewhere the answer is no.
fn is_ignored(signal: i32) -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, signal))
}

fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The first bit is signal 1.
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        let status = "Name:\tserve-forever\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000006\n";
        assert!(ignores(status, SIGINT));
        assert!(!ignores(status, SIGHUP));
        assert!(!ignores(status, SIGTERM));
        assert!(!ignores("", SIGINT));
    }
}
