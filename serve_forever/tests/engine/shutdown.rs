//! How a server ends, whatever it is doing.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::support::engine::{FAST, NEVER, OpenAtEnd, Room, Served, get, head_length, http, raw, run};
use crate::support::{Client, answer, reply};
use serve_forever::{AccessLog, BaseRequestHandler, Detached, Exchange, HttpServer, Result, Stream, TcpServer};

/// More than the buffers between two sockets hold.
const LARGE: usize = 16 * 1024 * 1024;

/// Time for what never comes to an end.
const SOON: Duration = Duration::from_millis(200);

#[test]
fn a_handler_can_ask_for_the_shutdown() {
    let mut server = http(
        answer(|http| {
            http.server().shutdown();
            reply(http, "bye")
        }),
        |builder| builder.shutdown_timeout(NEVER),
    );
    let mut client = server.send(get("/"));
    assert_eq!(client.response().text(), "bye");
    server.returns();
    client.ends();
}

#[test]
fn idle_connections_are_closed_at_once() {
    let server = http(answer(|http| reply(http, "fast")), |builder| builder.shutdown_timeout(NEVER));
    let mut fresh: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    let mut used: Vec<Client> = (0..20).map(|_| server.send(FAST)).collect();
    for client in &mut used {
        assert_eq!(client.response().text(), "fast");
    }
    server.wait_until("all are accepted", |stats| stats.connections == 40);
    server.shut_down();
    for client in fresh.iter_mut().chain(&mut used) {
        client.ends();
    }
}

/// A server with a response of this size under way, whose client has sent `behind` after its
/// request and the server an order to stop, which the loop has seen.
fn stopping_behind(
    script: impl Fn(&mut Exchange) -> Result + Clone + Send + Sync + 'static,
    behind: &str,
) -> (Served, Client) {
    let server =
        http(answer(script), |builder| builder.loops(1).shutdown_timeout(NEVER).buffer_size(2 * LARGE));
    let mut client = server.send(get("/"));
    client.take(100);
    client.send(behind);
    let mut idle = server.connect();
    server.wait_until("both are here", |stats| stats.connections == 2);
    server.handle.shutdown();
    idle.ends();
    (server, client)
}

fn large_or_fast(http: &mut Exchange) -> Result {
    if http.path() == "/fast" { reply(http, "fast") } else { reply(http, vec![b'x'; LARGE]) }
}

/// Closing over what was not read would make the system throw away what it has not delivered.
#[test]
fn a_request_behind_a_long_response_is_answered_and_cuts_nothing_off() {
    both_arrive(large_or_fast);
}

/// A large response and the one to the fast request behind it.
#[track_caller]
fn both_arrive(script: impl Fn(&mut Exchange) -> Result + Clone + Send + Sync + 'static) {
    let (mut server, mut client) = stopping_behind(script, FAST);
    let rest = client.rest();
    assert!(rest.len() > LARGE, "only {} bytes came", rest.len());
    assert!(rest.ends_with(b"\r\n\r\nfast"));
    server.returns();
}

#[test]
fn a_request_behind_a_detached_response_is_answered_and_cuts_nothing_off() {
    let kept: Arc<Mutex<Vec<Detached>>> = Arc::default();
    let script = move |http: &mut Exchange| {
        if http.path() == "/fast" {
            return reply(http, "fast");
        }
        http.send_response(200).end_headers()?;
        let mut writer = http.detach()?;
        writer.write_all(&vec![b'x'; LARGE])?;
        kept.lock().expect("nobody panics").push(writer);
        Ok(())
    };
    both_arrive(script);
}

/// Nobody knows what it wants, and nobody waits for it.
#[test]
fn half_a_head_behind_a_response_does_not_hold_up_the_end() {
    let (mut server, mut client) = stopping_behind(large_or_fast, "GET / HT");
    client.rest_until_cut();
    server.returns();
}

#[test]
fn a_time_out_may_be_for_ever() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let mut server = http(
        answer(move |http| {
            if http.path() == "/stay" {
                inner.stay();
            }
            reply(http, "fast")
        }),
        |builder| {
            builder
                .loops(1)
                .max_threads(3)
                .permit_timeout(Duration::MAX)
                .shutdown_timeout(Duration::MAX)
                .linger_timeout(Duration::MAX)
                .idle_timeout(Duration::MAX)
                .body_timeout(Duration::MAX)
                .write_timeout(Duration::MAX)
                .stall_timeout(Duration::MAX)
        },
    );
    let mut clients: Vec<Client> = (0..4).map(|_| server.send(get("/stay"))).collect();
    server.wait_until("some wait for a thread", |stats| stats.waiting > 0);
    room.open();
    for client in &mut clients {
        assert_eq!(client.response().code(), 200);
    }
    assert_eq!(server.ask("nonsense\r\n\r\n").code(), 400);
    server.handle.shutdown();
    server.returns();
}

#[test]
fn requests_under_way_are_finished_and_say_that_it_was_the_last() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let mut server = http(
        answer(move |http| {
            inner.stay();
            reply(http, vec![b'x'; LARGE])
        }),
        |builder| builder.loops(1).shutdown_timeout(NEVER).buffer_size(2 * LARGE),
    );
    let _end = OpenAtEnd(&room);
    let mut idle = server.connect();
    let mut clients: Vec<Client> = (0..5).map(|_| server.send(get("/"))).collect();
    room.wait_for(5);
    server.handle.shutdown();
    // The loop has seen it, and those inside are still served.
    idle.ends();
    room.open();
    for client in &mut clients {
        let response = client.response();
        assert_eq!(response.field("Connection").as_deref(), Some("close"));
        assert_eq!(response.body().len(), LARGE);
        client.ends();
    }
    server.returns();
}

#[test]
fn a_stuck_handler_does_not_keep_the_server_from_returning() {
    for loops in [1, 3] {
        let room = Arc::new(Room::default());
        let inner = Arc::clone(&room);
        let server = http(
            answer(move |http| {
                inner.stay();
                reply(http, "late")
            }),
            |builder| builder.loops(loops).shutdown_timeout(SOON),
        );
        let _end = OpenAtEnd(&room);
        let handle = server.handle.clone();
        let mut clients: Vec<Client> = (0..4).map(|_| server.send(get("/"))).collect();
        room.wait_for(4);
        server.shut_down();
        assert_eq!(room.inside(), 4);
        assert_eq!(handle.stats().connections, 0);
        for client in &mut clients {
            assert!(client.rest_until_cut().is_empty());
        }
    }
}

#[test]
fn handlers_that_wait_for_their_clients_are_told_by_the_cut() {
    let (tell, told) = mpsc::channel();
    let server = http(
        answer(move |http| {
            let outcome = if http.command() == "POST" {
                http.rfile().read_to_end(&mut Vec::new()).map(drop)
            } else {
                http.send_response(200).end_headers()?;
                http.wfile().write_all(&vec![b'x'; LARGE])
            };
            let _ = tell.send(outcome.is_err());
            Ok(outcome?)
        }),
        |builder| builder.loops(1).shutdown_timeout(SOON),
    );
    let _reading = server.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\nhalf");
    let _writing = server.send(get("/"));
    server.wait_until("both wait", |stats| stats.threads_in_user_code == 2);
    server.shut_down();
    for _ in 0..2 {
        assert!(told.recv_timeout(crate::support::engine::PATIENCE).expect("the handler returns"));
    }
}

#[test]
fn whatever_clients_do_not_finish_is_cut_in_the_end() {
    let server = http(answer(|http| reply(http, vec![b'x'; LARGE])), |builder| {
        builder
            .loops(2)
            .shutdown_timeout(SOON)
            .buffer_size(2 * LARGE)
            .write_timeout(NEVER)
            .body_timeout(NEVER)
    });
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..5 {
        clients.push(server.send("GET / HTTP/1.1\r\nHos"));
        clients.push(server.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf"));
        clients.push(server.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    server.wait_until("all are accepted", |stats| stats.connections == 15);
    server.shut_down();
    for client in &mut clients {
        client.rest_until_cut();
    }
}

#[test]
fn a_large_response_under_way_reaches_its_client() {
    let mut server = http(answer(|http| reply(http, vec![b'x'; LARGE])), |builder| {
        builder.loops(1).shutdown_timeout(NEVER).buffer_size(2 * LARGE)
    });
    let mut idle = server.connect();
    let mut client = server.send(get("/"));
    client.take(head_length(&format!("Content-Length: {LARGE}")));
    server.handle.shutdown();
    idle.ends();
    assert_eq!(client.rest().len(), LARGE);
    server.returns();
}

#[test]
fn requests_that_wait_for_a_thread_do_not_hold_up_the_end() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let server = http(
        answer(move |http| {
            inner.stay();
            reply(http, "late")
        }),
        |builder| {
            builder
                .loops(1)
                .max_threads(4)
                .max_permits_per_address(Some(4))
                .permit_timeout(NEVER)
                .shutdown_timeout(SOON)
        },
    );
    let _end = OpenAtEnd(&room);
    let mut clients: Vec<Client> = (0..10).map(|_| server.send(get("/"))).collect();
    room.wait_for(3);
    server.wait_until("all are accepted", |stats| stats.connections == 10);
    server.shut_down();
    for client in &mut clients {
        client.rest_until_cut();
    }
}

#[test]
fn a_shutdown_asked_for_during_another_changes_nothing() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let server = HttpServer::builder(answer(move |http| {
        if http.path() == "/stay" {
            inner.stay();
        }
        reply(http, "fast")
    }))
    .access_log(AccessLog::off())
    .loops(1)
    .bind(("127.0.0.1", 0))
    .expect("a free port");
    let (address, handle) = (server.server_addresses()[0], server.handle());
    thread::scope(|scope| {
        let _end = OpenAtEnd(&room);
        let running = scope.spawn(|| server.serve_forever());
        let mut idle = Client::connect(address);
        let mut busy = Client::connect(address);
        busy.send(get("/stay"));
        room.wait_for(1);
        handle.shutdown();
        idle.ends();
        handle.shutdown();
        room.open();
        assert_eq!(busy.response().text(), "fast");
        running.join().expect("it does not panic").expect("it returns without an error");
    });
}

#[test]
fn a_shutdown_asked_for_before_makes_the_server_return_at_once() {
    let server = HttpServer::bind(("127.0.0.1", 0), answer(|http| reply(http, "fast"))).expect("a free port");
    server.handle().shutdown();
    server.serve_forever().expect("it returns without an error");
}

#[test]
fn a_closed_server_gives_its_port_back() {
    let server = HttpServer::bind(("127.0.0.1", 0), answer(|http| reply(http, "fast"))).expect("a free port");
    let address = server.server_addresses()[0];
    assert!(TcpListener::bind(address).is_err());
    server.server_close();
    TcpListener::bind(address).expect("the port is free");
    assert_eq!(server.serve_forever().expect_err("it is closed").kind(), io::ErrorKind::NotConnected);
    assert_eq!(server.handle_request().expect_err("it is closed").kind(), io::ErrorKind::NotConnected);
}

#[test]
fn one_request_is_handled_on_the_calling_thread() {
    let here = thread::current().id();
    let time_outs = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&time_outs);
    let server = HttpServer::builder(answer(move |http| {
        assert_eq!(thread::current().id(), here);
        let mut body = String::new();
        http.rfile().read_to_string(&mut body)?;
        reply(http, body)
    }))
    .access_log(AccessLog::off())
    .timeout(SOON)
    .handle_timeout(move || {
        told.fetch_add(1, Ordering::Relaxed);
    })
    .bind(["127.0.0.1:0", "127.0.0.2:0"])
    .expect("a free port");
    assert!(!server.handle_request().expect("nobody comes"));
    for address in server.server_addresses() {
        let mut client = Client::connect(address);
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhel");
        let patient = thread::spawn(move || {
            client.send("lo");
            let response = client.response();
            client.ends();
            response.text()
        });
        assert!(server.handle_request().expect("somebody came"));
        assert_eq!(patient.join().expect("it does not panic"), "hello");
    }
    // One that goes at once counts too.
    drop(Client::connect(server.server_addresses()[0]));
    assert!(server.handle_request().expect("somebody came"));
    assert_eq!(time_outs.load(Ordering::Relaxed), 1);
    assert!(!server.handle_request().expect("nobody comes"));
    assert_eq!(time_outs.load(Ordering::Relaxed), 2);
}

#[test]
fn who_is_not_verified_does_not_count_as_handled() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = HttpServer::builder(answer(|http| reply(http, "fast")))
        .access_log(AccessLog::off())
        .timeout(SOON)
        .verify_request(move |_| count.fetch_add(1, Ordering::SeqCst) == 2)
        .bind(("127.0.0.1", 0))
        .expect("a free port");
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(server.server_addresses()[0])).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    assert!(server.handle_request().expect("the third is welcome"));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert_eq!(clients[2].response().text(), "fast");
    assert!(!server.handle_request().expect("nobody comes"));
}

#[test]
fn service_actions_are_called_again_and_again_on_the_serving_thread() {
    let (tell, told) = mpsc::channel();
    let server = http(answer(|http| reply(http, "fast")), |builder| {
        builder.service_actions(Duration::from_millis(1), move || {
            let _ = tell.send(thread::current().id());
            panic!("a tick that panics");
        })
    });
    let first = told.recv_timeout(crate::support::engine::PATIENCE).expect("a tick");
    assert_ne!(first, thread::current().id());
    for _ in 0..5 {
        assert_eq!(told.recv_timeout(crate::support::engine::PATIENCE).expect("a tick"), first);
    }
    server.is_alive();
    server.shut_down();
    while told.try_recv().is_ok() {}
    assert!(told.recv().is_err(), "nobody is left to call it");
}

/// Reads until the client has nothing more to say.
struct Listener(mpsc::Sender<bool>);

impl BaseRequestHandler for Listener {
    fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
        let outcome = request.read_to_end(&mut Vec::new());
        let _ = self.0.send(true);
        outcome.map(drop)
    }
}

#[test]
fn raw_handlers_that_wait_are_told_by_the_cut() {
    let (tell, told) = mpsc::channel();
    let server = raw(move || Listener(tell.clone()), |builder| builder.shutdown_timeout(SOON));
    let clients: Vec<Client> = (0..5).map(|_| server.connect()).collect();
    server.wait_until("all wait", |stats| stats.threads_in_user_code == 5);
    server.shut_down();
    for _ in &clients {
        assert!(told.recv_timeout(crate::support::engine::PATIENCE).expect("the handler returns"));
    }
}

#[test]
fn what_a_raw_handler_said_before_it_asked_for_the_shutdown_arrives() {
    struct LastWords;
    impl BaseRequestHandler for LastWords {
        fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
            request.server().shutdown();
            request.write_all(b"last words\n")
        }
    }
    for _ in 0..20 {
        let mut server = run(TcpServer::bind(("127.0.0.1", 0), || LastWords).expect("a free port"));
        // The client says what nobody reads: a close with that unread would be a reset.
        let mut client = server.send("something");
        assert_eq!(client.rest(), b"last words\n");
        drop(client);
        server.returns();
    }
}
