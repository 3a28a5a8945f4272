//! Whoever reads the access log, or does not, never stops the server.

use std::io::{self, Write};
use std::sync::Arc;

use crate::support::engine::{OpenAtEnd, Room, http};
use crate::support::{answer, reply};
use serve_forever::AccessLog;

/// Blocks in its first write.
struct Stopped(Arc<Room>);

impl Write for Stopped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.stay();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_stopped_does_not_stop_the_server() {
    let room = Arc::new(Room::default());
    let log = AccessLog::to(Stopped(Arc::clone(&room)));
    let server = http(answer(|http| reply(http, "fast")), |builder| builder.loops(1).access_log(log));
    let _end = OpenAtEnd(&room);
    server.is_alive();
    room.wait_for(1);
    // Each line has some 8 KiB: more than a backlog holds.
    let request = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(8000));
    let mut client = server.connect();
    for _ in 0..400 {
        client.send(&request);
        assert_eq!(client.response().text(), "fast");
    }
    assert!(server.stats().log_lines_dropped > 0, "{:?}", server.stats());
    server.is_alive();
    server.shut_down();
    assert_eq!(room.inside(), 1);
}

#[test]
fn a_log_that_cannot_be_written_does_not_stop_the_server() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    let server = http(answer(|http| reply(http, "fast")), |builder| builder.access_log(AccessLog::to(Full)));
    for _ in 0..50 {
        server.is_alive();
    }
}

#[test]
fn a_log_that_panics_does_not_stop_the_server() {
    struct Clumsy;
    impl Write for Clumsy {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("the log panics")
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let server =
        http(answer(|http| reply(http, "fast")), |builder| builder.access_log(AccessLog::to(Clumsy)));
    for _ in 0..50 {
        server.is_alive();
    }
}
