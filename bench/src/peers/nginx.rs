//! nginx: one worker, which is the only process, and nothing that ends a connection early. Without
//! a cache it is as it comes, so that each request opens, reads and closes its file.

use std::fs;
use std::io;
use std::process::Command;

use super::Place;

/// Keeps files open, and sends them as the kernel can do it best.
const CACHED: &str = "
    open_file_cache max=10000 inactive=60s;
    open_file_cache_valid 60s;
    sendfile on;
    tcp_nopush on;";

pub(super) fn arrange(command: &mut Command, place: &Place) -> io::Result<()> {
    arrange_with(command, place, "")
}

pub(super) fn arrange_cached(command: &mut Command, place: &Place) -> io::Result<()> {
    arrange_with(command, place, CACHED)
}

fn arrange_with(command: &mut Command, place: &Place, more: &str) -> io::Result<()> {
    let file = place.directory.join("nginx.conf");
    fs::write(&file, configuration(place, more))?;
    command.arg("-p").arg(place.directory).arg("-c").arg(file);
    command.arg("-e").arg(place.directory.join("nginx.error"));
    Ok(())
}

/// The log is buffered, as that of the library is.
fn configuration(place: &Place, more: &str) -> String {
    let (home, site, address) = (place.directory.display(), place.site.display(), place.address);
    let log = if place.access_log {
        format!("{} combined buffer=64k flush=100ms", place.log().display())
    } else {
        "off".to_owned()
    };
    format!(
        "daemon off;
master_process off;
worker_processes 1;
pid {home}/nginx.pid;
events {{
    worker_connections 16000;
}}
http {{
    access_log {log};
    client_body_temp_path {home}/nginx.body;
    proxy_temp_path {home}/nginx.proxy;
    fastcgi_temp_path {home}/nginx.fastcgi;
    uwsgi_temp_path {home}/nginx.uwsgi;
    scgi_temp_path {home}/nginx.scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
    client_header_timeout 10s;
    types {{ text/plain txt; }}{more}
    server {{
        listen {address} backlog=4096;
        root {site};
        location = / {{
            return 200 \"Homepage\\n\";
        }}
    }}
}}
"
    )
}
