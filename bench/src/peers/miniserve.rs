//! miniserve: one worker. It logs to its output, and only when it is to be verbose.

use std::io;
use std::process::Command;

use super::Place;

pub(super) fn arrange(command: &mut Command, place: &Place) -> io::Result<()> {
    command.args(["--workers", "1"]);
    command.arg("--interfaces").arg(place.address.ip().to_string());
    command.arg("--port").arg(place.address.port().to_string());
    if place.access_log {
        command.arg("--verbose");
    }
    command.arg(place.site).stdout(place.log_output()?);
    Ok(())
}
