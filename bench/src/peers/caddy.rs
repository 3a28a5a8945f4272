//! Caddy: HTTP/1.1 alone, on one core, without what needs the network or an administrator. It logs
//! as JSON.

use std::fs;
use std::io;
use std::process::Command;

use super::Place;

pub(super) fn arrange(command: &mut Command, place: &Place) -> io::Result<()> {
    let file = place.directory.join("Caddyfile");
    fs::write(&file, configuration(place))?;
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
    command.env("GOMAXPROCS", "1");
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env(name, place.directory);
    }
    Ok(())
}

fn configuration(place: &Place) -> String {
    let (site, address) = (place.site.display(), place.address);
    let log = if place.access_log {
        format!("    log {{\n        output file {}\n    }}\n", place.log().display())
    } else {
        String::new()
    };
    format!(
        "{{
    admin off
    auto_https off
    log {{
        level WARN
    }}
    servers {{
        protocols h1
    }}
}}
http://{address} {{
    bind {}
    root * {site}
    file_server
{log}}}
",
        address.ip()
    )
}
