//! The program of this repository, as it comes. It logs to its standard error.

use std::io;
use std::process::Command;

use super::Place;

pub(super) fn arrange(command: &mut Command, place: &Place) -> io::Result<()> {
    command.arg("--directory").arg(place.site);
    command.arg("--bind").arg(place.address.ip().to_string());
    if place.access_log {
        command.stderr(place.log_output()?);
    } else {
        command.arg("--quiet");
    }
    command.arg(place.address.port().to_string());
    Ok(())
}
