//! Who can reach the program, and what it says of that.
#![cfg(unix)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::support::{Directory, FAILSAFE, Serving, program};

fn unix_client(path: &Path) -> UnixStream {
    let client = UnixStream::connect(path).expect("the Unix socket");
    client.set_read_timeout(Some(FAILSAFE)).expect("a timeout");
    client
}

#[test]
fn a_port_can_be_set_by_its_variable() {
    let directory = Directory::new();
    for serving in [
        Serving::start(program(&["--port=0"]).current_dir(directory.path())),
        Serving::start(program(&[]).env("SERVE_FOREVER_PORT", "0").current_dir(directory.path())),
        Serving::start(program(&["0"]).env("SERVE_FOREVER_PORT", "1").current_dir(directory.path())),
    ] {
        assert!(serving.address().port() > 1023);
    }
}

#[test]
#[cfg(target_os = "linux")] // others have a single loopback address of IPv4
fn several_addresses_and_a_unix_socket_are_listened_on() {
    let directory = Directory::new().with("a.txt", "text");
    let typed = ["0", "--bind", "127.0.0.1", "--host", "127.0.0.2", "-b", "unix:s"];
    for command in [
        program(&typed).current_dir(directory.path()),
        program(&["0"]).current_dir(directory.path()).env("SERVE_FOREVER_BIND", "127.0.0.1,127.0.0.2,unix:s"),
    ] {
        let serving = Serving::start(command);
        let port = serving.address().port();
        assert_eq!(
            serving.start_message,
            format!("Serving HTTP on 127.0.0.1 port {port} (http://127.0.0.1:{port}/) ...\n")
        );
        std::net::TcpStream::connect(("127.0.0.2", port)).expect("the second address");
        let mut client = unix_client(&directory.path().join("s"));
        write!(client, "GET /a.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("the request");
        let mut response = String::new();
        client.read_to_string(&mut response).expect("the response");
        assert!(response.ends_with("\r\n\r\ntext"), "{response}");
        let errors = serving.stop();
        assert!(
            errors.starts_with(&format!("Also on http://127.0.0.2:{port}/\nAlso on unix:s\n")),
            "{errors}"
        );
    }
}

#[test]
fn a_unix_socket_can_stand_alone() {
    let directory = Directory::new().with("a.txt", "text");
    let serving = Serving::start(program(&["--bind", "unix:s"]).current_dir(directory.path()));
    assert_eq!(serving.start_message, "Serving HTTP on unix:s ...\n");
    let mut client = unix_client(&directory.path().join("s"));
    // A proxy there asks by whatever name it has.
    write!(client, "GET /a.txt HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        .expect("the request");
    let mut response = String::new();
    client.read_to_string(&mut response).expect("the response");
    assert!(response.ends_with("\r\n\r\ntext"), "{response}");
    let errors = serving.stop();
    assert!(errors.contains("GET /a.txt") && !errors.contains("Only this computer"), "{errors}");
    assert!(!directory.path().join("s").exists());
}

#[test]
fn the_way_to_the_network_is_said_once_and_not_to_the_quiet() {
    let directory = Directory::new();
    let serving = Serving::start(program(&["0"]).arg(directory.path()));
    let path = directory.path().to_str().expect("text");
    let said = serving.stop();
    let start = format!(
        "Only this computer can reach it. To open it to the network: serve-forever --bind 0.0.0.0 0 {path}\n"
    );
    assert_eq!(said, start);
    let serving = Serving::start(program(&["0", "-q"]).arg(directory.path()));
    assert_eq!(serving.stop(), "");
    // Whoever names an address knows.
    let serving = Serving::start(program(&["0", "-b", "127.0.0.1"]).arg(directory.path()));
    assert_eq!(serving.stop(), "");
}

#[test]
fn a_server_for_all_networks_says_by_which_addresses() {
    let directory = Directory::new();
    let serving = Serving::start(program(&["0", "-b", "0.0.0.0"]).arg(directory.path()));
    let port = serving.start_message.split(' ').nth(5).expect("the port").to_owned();
    let errors = serving.stop();
    for line in errors.lines() {
        assert!(line.starts_with("Others can reach it at http://"), "{line}");
        assert!(line.ends_with(&format!(":{port}/")) && !line.contains("0.0.0.0"), "{line}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_browser_is_opened() {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new();
    // A browser that tells what it is given.
    let browser = Directory::new().with("xdg-open", "#!/bin/sh\necho \"$1\" > \"${0%/*}/pipe\"\n");
    let program_file = browser.path().join("xdg-open");
    fs::set_permissions(&program_file, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let pipe = browser.path().join("pipe");
    crate::support::make_pipe(&pipe);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path =
        std::env::join_paths(std::iter::once(browser.path().to_owned()).chain(std::env::split_paths(&path)));
    let path = path.expect("a path");
    for (option, variable) in [(&["--open", "-b", "0.0.0.0"][..], ""), (&["-b", "127.0.0.1"], "1")] {
        let mut command = program(option);
        command
            .args(["--port", "0"])
            .arg(directory.path())
            .env("PATH", &path)
            .env("SERVE_FOREVER_OPEN", variable);
        let serving = Serving::start(&mut command);
        let port = serving.address().port();
        let pipe = pipe.clone();
        let opened = crate::support::within("the URL that the browser is given", || {
            fs::read_to_string(pipe).expect("text")
        });
        assert_eq!(opened, format!("http://127.0.0.1:{port}/\n"));
    }
}
