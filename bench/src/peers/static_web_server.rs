//! static-web-server: one thread for its runtime, no compression. It logs to its output, from level
//! `info` on.

use std::io;
use std::process::Command;

use super::Place;

pub(super) fn arrange(command: &mut Command, place: &Place) -> io::Result<()> {
    command.args(["--threads-multiplier", "1", "--compression", "false"]);
    command.arg("--host").arg(place.address.ip().to_string());
    command.arg("--port").arg(place.address.port().to_string());
    command.arg("--root").arg(place.site);
    if place.access_log {
        command.args(["--log-level", "info", "--log-remote-address", "true"]).stdout(place.log_output()?);
    }
    Ok(())
}
