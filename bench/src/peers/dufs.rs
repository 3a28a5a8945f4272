//! dufs: one thread for its runtime. An empty format turns its log off.

use std::process::Command;

use super::Place;

pub(super) fn arrange(command: &mut Command, place: &Place) {
    command.env("TOKIO_WORKER_THREADS", "1");
    command.arg("--bind").arg(place.address.ip().to_string());
    command.arg("--port").arg(place.address.port().to_string());
    if place.access_log {
        command.arg("--log-file").arg(place.log());
    } else {
        command.arg("--log-format=");
    }
    command.arg(place.site);
}
