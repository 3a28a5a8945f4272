//! Limits of connections: who is let in, who has to go, and who is never confused with another.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::engine::{FAST, OpenAtEnd, Room, get, http, run, wait_until};
use crate::support::{Client, SHORT, answer, describe, reply};
use serve_forever::{AccessLog, HttpServer};

/// More than the buffers between two sockets hold.
const LARGE: usize = 16 * 1024 * 1024;

#[test]
fn at_the_limit_the_oldest_idle_connection_goes() {
    let server = http(answer(|http| reply(http, "fast")), |builder| builder.loops(1).max_connections(3));
    let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    // The order in which they become idle is not that in which they came.
    for at in [2, 0, 1] {
        clients[at].send(FAST);
        assert_eq!(clients[at].response().text(), "fast");
    }
    server.is_alive();
    clients[2].ends();
    for at in [0, 1] {
        clients[at].send(FAST);
        assert_eq!(clients[at].response().text(), "fast");
    }
}

/// However often they were asked meanwhile, and whichever of them are gone by themselves.
#[test]
fn at_the_limit_they_go_in_the_order_in_which_they_became_idle() {
    let server = http(answer(|http| reply(http, "fast")), |builder| builder.loops(1).max_connections(6));
    let mut clients: Vec<Client> = (0..6).map(|_| server.connect()).collect();
    for at in [0, 1, 2, 3, 4, 5, 0, 0, 3, 5, 1, 4, 2] {
        clients[at].send(FAST);
        assert_eq!(clients[at].response().text(), "fast");
    }
    let gone = clients.remove(5);
    drop(gone);
    server.wait_until("it is closed", |stats| stats.connections == 5);
    let mut newer = vec![server.connect()];
    for at in [0, 3, 1, 4, 2] {
        let mut client = server.connect();
        clients[at].ends();
        client.send(FAST);
        assert_eq!(client.response().text(), "fast");
        newer.push(client);
    }
}

#[test]
fn at_the_limit_idle_connections_of_other_loops_go_as_well() {
    let server = http(answer(|http| reply(http, "fast")), |builder| builder.loops(4).max_connections(8));
    let clients: Vec<Client> = (0..8)
        .map(|_| {
            let mut client = server.send(FAST);
            client.response();
            client
        })
        .collect();
    for _ in 0..32 {
        server.is_alive();
    }
    assert!(server.stats().connections <= 8, "{:?}", server.stats());
    drop(clients);
    server.wait_until("all are closed", |stats| stats.connections == 0);
}

#[test]
fn a_connection_whose_handler_runs_is_never_taken_for_idle() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let server = http(
        answer(move |http| {
            if http.path() == "/stay" {
                inner.stay();
                return reply(http, vec![b'x'; LARGE]);
            }
            reply(http, "fast")
        }),
        |builder| builder.loops(1).max_connections(2).buffer_size(2 * LARGE),
    );
    let _end = OpenAtEnd(&room);
    // It was idle before, for longer than anybody else.
    let mut busy = server.send(FAST);
    assert_eq!(busy.response().text(), "fast");
    busy.send(get("/stay"));
    room.wait_for(1);
    for _ in 0..5 {
        server.is_alive();
    }
    room.open();
    assert_eq!(busy.response().body().len(), LARGE);
    busy.send(FAST);
    assert_eq!(busy.response().text(), "fast");
}

#[test]
fn at_the_limit_with_nobody_idle_new_ones_wait_for_room() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let server = http(
        answer(move |http| {
            if http.path() == "/stay" {
                inner.stay();
            }
            reply(http, "fast")
        }),
        |builder| builder.loops(2).max_connections(2),
    );
    let _end = OpenAtEnd(&room);
    let mut first = server.send(get("/stay"));
    let mut second = server.send(get("/stay"));
    room.wait_for(2);
    let mut third = server.send(FAST);
    assert_eq!(server.stats().accepted, 2);
    room.open();
    assert_eq!(third.response().text(), "fast");
    for client in [&mut first, &mut second] {
        // Both were busy when the third came; one of them was idle by then and had to go.
        assert_eq!(client.response().text(), "fast");
    }
}

#[test]
fn connections_of_one_address_are_limited_and_the_others_are_told_so() {
    let server =
        http(answer(|http| reply(http, "fast")), |builder| builder.max_connections_per_address(Some(2)));
    let mut first = server.send(FAST);
    let second = server.send(FAST);
    first.response();
    let response = server.ask(FAST);
    assert_eq!(response.code(), 503);
    assert_eq!(response.field("Retry-After").as_deref(), Some("1"));
    drop(second);
    server.wait_until("one is left", |stats| stats.connections == 1);
    server.is_alive();
    first.send(FAST);
    assert_eq!(first.response().text(), "fast");
}

#[test]
fn a_connection_that_is_not_verified_is_closed_unheard() {
    let wanted = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&wanted);
    let server = http(answer(|http| reply(http, "fast")), |builder| {
        builder.verify_request(move |client| {
            assert!(client.ip().is_loopback());
            asked.load(Ordering::SeqCst)
        })
    });
    for _ in 0..3 {
        let mut client = server.connect();
        let _ = client.try_send(FAST);
        assert!(client.rest_until_cut().is_empty());
    }
    wanted.store(true, Ordering::SeqCst);
    server.is_alive();
    assert_eq!(server.stats().accepted, 4);
}

#[test]
fn a_hook_that_panics_wants_no_connection_and_does_no_other_harm() {
    let wanted = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&wanted);
    let server = http(answer(|http| reply(http, "fast")), |builder| {
        builder.verify_request(move |_| asked.load(Ordering::SeqCst) || panic!("verify_request"))
    });
    for _ in 0..3 {
        let mut client = server.connect();
        let _ = client.try_send(FAST);
        assert!(client.rest_until_cut().is_empty());
    }
    wanted.store(true, Ordering::SeqCst);
    server.is_alive();
}

#[test]
fn every_address_is_listened_on_whatever_the_number_of_loops() {
    let addresses = [SocketAddr::from(([127, 0, 0, 1], 0)), SocketAddr::from(([127, 0, 0, 2], 0))];
    for loops in [1, 2, 3] {
        let server = HttpServer::builder(answer(describe)).access_log(AccessLog::off()).loops(loops);
        let server = run(server.bind(&addresses[..]).expect("both are loopback"));
        assert_eq!(server.addresses().len(), 2);
        assert_eq!(server.addresses()[0].port(), server.addresses()[1].port());
        for round in 0..8 {
            let address = server.addresses()[round % 2];
            let mut client = Client::connect(address);
            client.send(get("/x"));
            assert_eq!(client.response().text(), "GET /x host=a body=\n");
        }
    }
}

#[test]
fn connections_are_spread_over_the_loops() {
    // One handler per loop that never returns would hold up all others, were they on the same loop.
    let server = http(answer(|http| reply(http, "fast")), |builder| builder.loops(4));
    let mut clients: Vec<Client> = (0..64).map(|_| server.connect()).collect();
    server.wait_until("all are accepted", |stats| stats.connections == 64);
    for client in &mut clients {
        client.send(FAST);
        assert_eq!(client.response().text(), "fast");
    }
    drop(clients);
    server.wait_until("all are closed", |stats| stats.connections == 0);
}

#[test]
fn a_head_that_timed_out_leaves_nothing_behind_for_the_next_connection() {
    let server = http(answer(describe), |builder| builder.loops(1).head_timeout(SHORT));
    let halves = [
        "GET /first HTTP/1.1\r\nHost: first\r\n",
        "GET /first HTTP/1.1\r\nHost: first\r\nX-Long: ",
        "GET /fi",
    ];
    for half in halves {
        let mut late = server.send(half);
        assert_eq!(late.response().code(), 408);
        let mut next = server.send("PUT /second HTTP/1.1\r\nHost: second\r\nContent-Length: 4\r\n\r\nbody");
        assert_eq!(next.response().text(), "PUT /second host=second body=body\n");
        next.send(get("/third"));
        assert_eq!(next.response().text(), "GET /third host=a body=\n");
    }
}

#[test]
fn the_statistics_of_a_server_that_stopped_know_of_no_connection() {
    for _ in 0..20 {
        let server = http(answer(|http| reply(http, "fast")), |builder| builder.loops(4));
        let handle = server.handle.clone();
        let address = server.address();
        let clients: Vec<Client> = (0..32).map(|_| Client::connect(address)).collect();
        server.shut_down();
        drop(clients);
        wait_until("no connection is left", || handle.stats().connections == 0);
    }
}
