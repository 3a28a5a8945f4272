//! Ctrl+C and Ctrl+Break.

use std::io;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use serve_forever::ServerHandle;

use crate::log_file::LogFile;
use crate::messages;

/// `STATUS_CONTROL_C_EXIT`, as the system itself ends programs upon Ctrl+C.
const ENDED_BY_INTERRUPT: i32 = 0xC000_013A_u32.cast_signed();

/// The first one stops the server, which finishes what it is doing for a while; the next one ends
/// the program at once.
pub(crate) fn watch(server: ServerHandle, _: Option<LogFile>) -> io::Result<()> {
    let is_asked = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if is_asked.swap(true, Ordering::Relaxed) {
            process::exit(ENDED_BY_INTERRUPT);
        }
        messages::interrupted();
        server.shutdown();
    })
    .map_err(io::Error::other)
}
