//! nginx with a configuration made for the occasion: one worker, and nothing that ends a connection early.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) fn is_installed() -> bool {
    nginx()
        .arg("-v")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command that runs it out of `directory`, and where it will listen.
pub(crate) fn command(directory: &Path, access_log: bool) -> io::Result<(Command, SocketAddr)> {
    // Free a moment ago; nobody else is handing out ports on this machine's loopback in between.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let file = directory.join("nginx.conf");
    fs::write(&file, configuration(directory, address, access_log))?;
    let mut command = nginx();
    command.arg("-p").arg(directory).arg("-c").arg(file).arg("-e").arg(directory.join("nginx.error"));
    Ok((command, address))
}

/// nginx, which ends with the harness, however that ends. The other servers see to that themselves.
fn nginx() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "nginx"]);
    command
}

/// The log is buffered, as that of the library is. Without a master the one process is the worker.
fn configuration(directory: &Path, address: SocketAddr, access_log: bool) -> String {
    let home = directory.display();
    let log = if access_log {
        format!("{home}/nginx.access combined buffer=64k flush=100ms")
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
    server {{
        listen {address} backlog=4096;
        location = / {{
            return 200 \"Homepage\\n\";
        }}
    }}
}}
"
    )
}
