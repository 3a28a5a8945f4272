//! The limit of threads holds for the process; a test of its own, as threads of other tests would
//! count.

use std::sync::Arc;

use crate::support::engine::{NEVER, OpenAtEnd, Room, get, http, wait_until};
use crate::support::{Client, alone, answer, process, reply};

const THREADS: usize = 32;

/// Threads of servers: drivers, those in handlers, and spare ones.
fn threads() -> usize {
    process::threads(|name| name == "serve-forever")
}

#[test]
fn two_hundred_blocked_handlers_use_no_more_threads_than_they_may() {
    alone(|| {
        let room = Arc::new(Room::default());
        let inner = Arc::clone(&room);
        let server = http(
            answer(move |http| {
                inner.stay();
                reply(http, "fast")
            }),
            |builder| {
                builder
                    .loops(2)
                    .max_threads(THREADS)
                    .max_permits_per_address(Some(THREADS))
                    .permit_timeout(NEVER)
            },
        );
        let _end = OpenAtEnd(&room);
        let mut clients: Vec<Client> = (0..200).map(|_| server.send(get("/"))).collect();
        // Two loops keep two threads each, at least.
        room.wait_for(THREADS - 4);
        server.wait_until("all are accepted", |stats| stats.connections == 200);
        assert!(threads() <= THREADS, "{}", threads());
        assert!(room.most() <= THREADS - 2, "{}", room.most());
        room.open();
        for client in &mut clients {
            assert_eq!(client.response().text(), "fast");
            assert!(threads() <= THREADS, "{}", threads());
        }
        assert!(room.most() <= THREADS - 2, "{}", room.most());
        server.wait_until("no thread is held", |stats| stats.threads_in_user_code == 0);
        server.shut_down();
        wait_until("all threads have ended", || threads() == 0);
    });
}
