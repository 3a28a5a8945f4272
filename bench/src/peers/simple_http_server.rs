//! simple-http-server: one thread.

use std::io;
use std::process::Command;

use super::Place;

pub(super) fn arrange(command: &mut Command, place: &Place) -> io::Result<()> {
    command.args(["--threads", "1"]);
    command.arg("--ip").arg(place.address.ip().to_string());
    command.arg("--port").arg(place.address.port().to_string());
    if !place.access_log {
        command.arg("--silent");
    }
    command.arg(place.site).stdout(place.log_output()?);
    Ok(())
}
