//! How listeners end.

use std::net::TcpStream;
use std::sync::Arc;

use crate::AccessLog;
use crate::server::accept::Accepted;
use crate::server::config::Config;
use crate::server::engine::Engine;
use crate::server::handle::ServerHandle;
use crate::server::hooks::Hooks;
use crate::server::listeners::{Listeners, most_drained};
use crate::sys::{ListenOptions, Listener};

use super::lines::Lines;

#[test]
fn a_listener_that_ends_accepts_so_many_and_no_more() {
    let options = ListenOptions { backlog: 16, ..ListenOptions::default() };
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), &options).expect("a free port");
    let address = listener.local_address().expect("it is bound");
    let config = Config { loops: 1, ..Config::default() };
    let server = ServerHandle::new(Vec::new(), Vec::new(), AccessLog::off(), Hooks::default());
    let engine = Engine::new(&Arc::new(Lines::default()), &config, &server, Vec::new()).expect("loops");
    let own = &engine.loops[0];
    let mut listeners = Listeners::new(vec![listener]).expect("it has an address");
    listeners.register(&own.registry, mio::Token).expect("it can be watched");

    let _clients: Vec<TcpStream> = (0..5).map(|_| TcpStream::connect(address).expect("it listens")).collect();
    listeners.drain(3);
    let mut accepted = Vec::new();
    loop {
        match listeners.accept(&engine, own) {
            Accepted::Ours(socket, ..) => accepted.push(socket),
            Accepted::More => {}
            Accepted::Nothing => break,
            Accepted::Full => panic!("there is room"),
        }
    }
    assert_eq!(accepted.len(), 3);
    assert!(listeners.are_closed());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn as_many_are_accepted_as_can_wait() {
    let of = |request_queue_size| most_drained(&Config { request_queue_size, ..Config::default() });
    // Of a listener that somebody else made nobody knows how many can wait.
    assert_eq!(of(1), 4096);
    assert_eq!(of(10_000), 10_000);
}
