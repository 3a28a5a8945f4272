//! Blocking a thread on a socket.

use std::io::Write;
use std::net::Shutdown;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::{MOMENT, fill, pair};
use crate::sys::Interest;

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[test]
fn nothing_comes_until_the_deadline() {
    let (socket, _peer) = pair();
    for _ in 0..3 {
        let deadline = Instant::now() + MOMENT;
        assert!(!socket.wait(Interest::Read, Some(deadline)).unwrap());
        assert!(Instant::now() >= deadline);
    }
}

#[test]
fn a_past_deadline_asks_without_waiting() {
    let (socket, mut peer) = pair();
    let past = Instant::now();
    assert!(!socket.wait(Interest::Read, Some(past)).unwrap());
    peer.write_all(b"x").unwrap();
    assert!(socket.wait(Interest::Read, None).unwrap());
    assert!(socket.wait(Interest::Read, Some(past)).unwrap());
    assert!(socket.wait(Interest::Write, Some(past)).unwrap());
}

#[test]
fn a_far_deadline_does_not_overflow() {
    let (socket, mut peer) = pair();
    let deadline = Instant::now() + CENTURY;
    thread::scope(|scope| {
        let waiter = scope.spawn(|| socket.wait(Interest::Read, Some(deadline)).unwrap());
        peer.write_all(b"x").unwrap();
        assert!(waiter.join().unwrap());
    });
}

#[test]
fn each_interest_waits_for_its_own() {
    let (socket, mut peer) = pair();
    let soon = || Some(Instant::now() + MOMENT);
    assert!(!socket.wait(Interest::Read, soon()).unwrap());
    assert!(socket.wait(Interest::Write, None).unwrap());
    assert!(socket.wait(Interest::Both, None).unwrap());
    fill(&socket);
    assert!(!socket.wait(Interest::Write, soon()).unwrap());
    assert!(!socket.wait(Interest::Both, soon()).unwrap());
    peer.write_all(b"x").unwrap();
    assert!(socket.wait(Interest::Both, None).unwrap());
    assert!(socket.wait(Interest::Read, None).unwrap());
    assert!(!socket.wait(Interest::Write, soon()).unwrap());
}

#[test]
fn what_is_ready_stays_ready() {
    let (socket, mut peer) = pair();
    peer.write_all(b"x").unwrap();
    for _ in 0..3 {
        assert!(socket.wait(Interest::Read, None).unwrap());
    }
}

#[test]
fn one_byte_wakes_all_who_wait() {
    const WAITERS: usize = 8;
    let (socket, mut peer) = pair();
    let start = Barrier::new(WAITERS + 1);
    thread::scope(|scope| {
        let waiters: Vec<_> = (0..WAITERS)
            .map(|number| {
                let deadline = (number % 2 == 0).then(|| Instant::now() + CENTURY);
                let (socket, start) = (&socket, &start);
                scope.spawn(move || {
                    start.wait();
                    socket.wait(Interest::Read, deadline).unwrap()
                })
            })
            .collect();
        start.wait();
        peer.write_all(b"x").unwrap();
        for waiter in waiters {
            assert!(waiter.join().unwrap());
        }
    });
}

#[test]
fn readers_and_writers_wait_on_one_socket_without_disturbing_each_other() {
    let (socket, mut peer) = pair();
    fill(&socket);
    thread::scope(|scope| {
        let patient = scope.spawn(|| socket.wait(Interest::Write, None).unwrap());
        let reader = scope.spawn(|| socket.wait(Interest::Read, None).unwrap());
        let hasty = scope.spawn(|| socket.wait(Interest::Write, Some(Instant::now() + MOMENT)).unwrap());
        assert!(!hasty.join().unwrap());
        peer.write_all(b"x").unwrap();
        assert!(reader.join().unwrap());
        assert!(!patient.is_finished());
        drop(peer);
        assert!(patient.join().unwrap());
    });
}

#[test]
fn a_shutdown_by_another_thread_wakes_all_who_wait() {
    let (socket, _peer) = pair();
    fill(&socket);
    let start = Barrier::new(4);
    thread::scope(|scope| {
        let waiters: Vec<_> = [Interest::Read, Interest::Write, Interest::Both]
            .into_iter()
            .map(|interest| {
                let (socket, start) = (&socket, &start);
                scope.spawn(move || {
                    start.wait();
                    socket.wait(interest, None).unwrap()
                })
            })
            .collect();
        start.wait();
        socket.shutdown(Shutdown::Both).unwrap();
        for waiter in waiters {
            assert!(waiter.join().unwrap());
        }
    });
    for interest in [Interest::Read, Interest::Write, Interest::Both] {
        assert!(socket.wait(interest, None).unwrap(), "{interest:?} after the shutdown");
    }
}

#[test]
fn a_peer_that_leaves_wakes_a_reader() {
    let (socket, peer) = pair();
    thread::scope(|scope| {
        let reader = scope.spawn(|| socket.wait(Interest::Read, None).unwrap());
        drop(peer);
        assert!(reader.join().unwrap());
    });
}
