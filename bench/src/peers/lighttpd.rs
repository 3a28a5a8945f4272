//! lighttpd: one process, which is its default, and as many requests per connection as it can
//! count. It caches what it has learned of a file for a second, and sends files with `sendfile`;
//! its log is buffered.

use std::fs;
use std::io;
use std::process::Command;

use super::Place;

pub(super) fn arrange(command: &mut Command, place: &Place) -> io::Result<()> {
    let file = place.directory.join("lighttpd.conf");
    fs::write(&file, configuration(place))?;
    command.arg("-D").arg("-f").arg(file);
    Ok(())
}

fn configuration(place: &Place) -> String {
    let (site, address) = (place.site.display(), place.address);
    let log = if place.access_log {
        format!("server.modules += (\"mod_accesslog\")\naccesslog.filename = \"{}\"\n", place.log().display())
    } else {
        String::new()
    };
    format!(
        "server.document-root = \"{site}\"
server.bind = \"{}\"
server.port = {}
server.max-connections = 8000
server.max-fds = 16384
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 3600
mimetype.assign = (\".txt\" => \"text/plain\", \".bin\" => \"application/octet-stream\")
{log}",
        address.ip(),
        address.port()
    )
}
