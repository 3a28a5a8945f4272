//! `SIGINT`, which is what Ctrl+C sends, and `SIGTERM`.

use std::io;
use std::process;
use std::thread;

use serve_forever::ServerHandle;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::messages;

/// What shells call the end by `SIGINT`.
const ENDED_BY_INTERRUPT: i32 = 130;

/// The first signal stops the server, which finishes what it is doing for a while; the next one ends the program at
/// once.
pub(crate) fn shut_down_on_signal(server: ServerHandle) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut arriving = signals.forever();
        if arriving.next() == Some(SIGINT) {
            messages::interrupted();
        }
        server.shutdown();
        if let Some(signal) = arriving.next() {
            // Does not return, unless the system refuses to end the program in this way.
            let _ = emulate_default_handler(signal);
            process::exit(ENDED_BY_INTERRUPT);
        }
    })?;
    Ok(())
}
