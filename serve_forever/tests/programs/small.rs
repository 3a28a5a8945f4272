//! Further examples, as processes of their own.
#![cfg(unix)]

use std::io::{BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use crate::support::waits::{ended, output, read_line, rest_of};
use crate::support::{Client, FAILSAFE, LONG_FAILSAFE, program};

/// The example with an argument; its first line.
fn start(name: &str, argument: &str) -> (Child, BufReader<std::process::ChildStdout>, String) {
    let mut child = Command::new(program::example(name))
        .arg(argument)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it can be started");
    let out = BufReader::new(child.stdout.take().expect("it is piped"));
    let (out, line) = read_line(&format!("the first line of the example {name}"), out);
    (child, out, line.trim().to_owned())
}

#[test]
fn a_shutdown_lets_the_slow_finish() {
    let (mut child, out, line) = start("graceful_shutdown", "0");
    let address = line.strip_prefix("http://").and_then(|url| url.split('/').next()).expect("a URL");
    let address = address.parse().expect("an address");
    let mut slow = Client::connect(address);
    slow.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut idle = Client::connect(address);
    idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(idle.response().code(), 200);
    slow.response();
    slow.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // The order to stop can be quicker than the loop's look at the socket: the request was there
    // before it.
    child.stdin.take().expect("it is piped").write_all(b"stop\n").expect("it reads");
    let last = slow.response();
    assert_eq!(last.text(), "It took a while\n");
    assert_eq!(last.field("Connection").as_deref(), Some("close"));
    idle.ends();
    assert_eq!(rest_of("the last line", out), b"Everybody has got an answer.\n");
    assert!(ended("the end of the program", &mut child, LONG_FAILSAFE).success());
}

#[test]
fn a_unix_socket_is_for_its_user_alone() {
    let path = std::env::temp_dir().join(format!("serve-forever-tea-{}.sock", std::process::id()));
    let (mut child, _, line) = start("unix_socket", path.to_str().expect("text"));
    assert_eq!(line, format!("unix:{}", path.display()));
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut client = UnixStream::connect(&path).expect("it accepts");
    client.set_read_timeout(Some(FAILSAFE)).expect("a timeout");
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("it takes it");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it answers");
    assert!(answer.ends_with("\r\n\r\nNobody else hears this\n"), "{answer}");
    child.kill().expect("it runs");
    ended("the end of the program", &mut child, LONG_FAILSAFE);
    std::fs::remove_file(&path).expect("who is killed leaves it");
}

#[test]
fn a_handler_is_tried_without_a_server() {
    let mut command = Command::new(program::example("test_without_sockets"));
    let out = output("the end of the program", &mut command, LONG_FAILSAFE);
    let out = String::from_utf8(out.stdout).expect("text");
    assert_eq!(out, "/double/21: HTTP/1.1 200 OK\n/double/trouble: HTTP/1.1 400 Bad Request\n");
}
