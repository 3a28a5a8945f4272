//! What a stop does to the listening sockets: who waits on them is answered, and then they are free
//! for the next server.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::support::engine::{FAST, NEVER, OpenAtEnd, PATIENCE, Room, Served, get, http, run, wait_until};
use crate::support::{Client, Script, answer, reply};
use serve_forever::{
    AccessLog, BaseRequestHandler, Builder, Exchange, Http, HttpServer, Server, Stream, TcpServer,
    proxy::ProxyProtocol,
};

/// More than the buffers between two sockets hold.
const LARGE: usize = 16 * 1024 * 1024;

#[cfg(unix)]
const NOWHERE: &[SocketAddr] = &[];

fn fast(http: &mut Exchange) -> serve_forever::Result {
    reply(http, "fast")
}

type Fast = Script<fn(&mut Exchange) -> serve_forever::Result>;

/// A server that nobody runs yet.
fn bound(configure: impl FnOnce(Builder<Http<Fast>>) -> Builder<Http<Fast>>) -> Server<Http<Fast>> {
    let script: fn(&mut Exchange) -> serve_forever::Result = fast;
    let builder = HttpServer::builder(answer(script)).access_log(AccessLog::off()).shutdown_timeout(NEVER);
    configure(builder).bind(("127.0.0.1", 0)).expect("a free port")
}

/// A client whose request waits with its connection until somebody accepts.
fn waiting(address: SocketAddr, request: impl AsRef<[u8]>) -> Client {
    let mut client = Client::connect(address);
    client.send(request);
    client
}

#[track_caller]
fn is_answered_once(client: &mut Client) {
    let response = client.response();
    assert_eq!((response.code(), response.text().as_str()), (200, "fast"));
    assert_eq!(response.field("Connection").as_deref(), Some("close"));
    client.ends();
}

#[track_caller]
fn is_closed<P: serve_forever::Protocol>(server: &Server<P>) {
    for error in [server.serve_forever().map(|()| true), server.handle_request()] {
        let error = error.expect_err("it is closed");
        assert_eq!(error.kind(), io::ErrorKind::NotConnected);
        assert!(error.to_string().contains("the server is closed"), "{error}");
    }
}

#[test]
fn who_waits_to_be_accepted_is_answered_and_who_is_silent_is_closed() {
    for loops in [1, 4] {
        let server = bound(|builder| builder.loops(loops));
        let address = server.server_addresses()[0];
        let mut asking: Vec<Client> = (0..200).map(|_| waiting(address, FAST)).collect();
        let mut silent: Vec<Client> = (0..20).map(|_| Client::connect(address)).collect();
        server.handle().shutdown();
        server.serve_forever().expect("it returns without an error");
        asking.iter_mut().for_each(is_answered_once);
        silent.iter_mut().for_each(Client::ends);
        let stats = server.handle().stats();
        assert_eq!((stats.accepted, stats.connections), (220, 0));
        assert!(TcpListener::bind(address).is_ok(), "the port is free");
        is_closed(&server);
    }
}

/// Some are accepted, some wait, some are on their way from one loop to another.
#[test]
fn a_request_that_came_before_the_stop_is_answered_wherever_its_connection_is() {
    for _ in 0..20 {
        let mut server = http(answer(fast), |builder| builder.loops(4).shutdown_timeout(NEVER));
        let address = server.address();
        let mut clients: Vec<Client> = (0..100).map(|_| waiting(address, FAST)).collect();
        server.handle.shutdown();
        server.returns();
        for (index, client) in clients.iter_mut().enumerate() {
            let response = client.response();
            assert_eq!(response.text(), "fast", "client {index}");
            client.ends();
        }
    }
}

#[test]
fn a_stopped_server_is_closed() {
    let server = bound(|builder| builder);
    let (address, handle) = (server.server_addresses()[0], server.handle());
    thread::scope(|scope| {
        let running = scope.spawn(|| server.serve_forever());
        let mut client = waiting(address, FAST);
        assert_eq!(client.response().text(), "fast");
        handle.shutdown();
        running.join().expect("it does not panic").expect("it returns without an error");
        client.ends();
    });
    is_closed(&server);
    // Once more changes nothing.
    handle.shutdown();
    is_closed(&server);
}

/// A server with a large response under way, of which its client has taken the beginning.
fn downloading(configure: impl FnOnce(Builder<Http<Fast>>) -> Builder<Http<Fast>>) -> (Served, Client) {
    let script: fn(&mut Exchange) -> serve_forever::Result = |http| {
        if http.path() == "/large" { reply(http, vec![b'x'; LARGE]) } else { reply(http, "fast") }
    };
    let builder = HttpServer::builder(answer(script))
        .access_log(AccessLog::off())
        .buffer_size(2 * LARGE)
        .shutdown_timeout(NEVER)
        .write_timeout(NEVER);
    let server = run(configure(builder).bind(("127.0.0.1", 0)).expect("a free port"));
    let mut client = server.send(get("/large"));
    client.take(100);
    (server, client)
}

#[test]
fn a_successor_has_the_address_while_a_download_is_finished() {
    for loops in [1, 3] {
        let (mut server, mut download) = downloading(|builder| builder.loops(loops));
        let address = server.address();
        server.handle.shutdown();
        let mut successor = None;
        wait_until("the address is free", || {
            let builder = HttpServer::builder(answer(fast)).access_log(AccessLog::off());
            successor = builder.bind(address).ok();
            successor.is_some()
        });
        let successor = run(successor.expect("it is bound"));
        for _ in 0..20 {
            successor.is_alive();
        }
        assert_eq!(server.stats().connections, 1);
        assert!(download.rest().len() > LARGE - 100);
        server.returns();
        successor.is_alive();
    }
}

#[test]
fn with_a_shared_port_no_client_comes_to_the_one_that_stops() {
    let (mut server, mut download) = downloading(|builder| builder.loops(1).allow_reuse_port(true));
    let address = server.address();
    let mut idle = server.connect();
    server.wait_until("both are here", |stats| stats.connections == 2);
    let builder = HttpServer::builder(answer(fast)).access_log(AccessLog::off());
    let other = run(builder.allow_reuse_port(true).bind(address).expect("they share it"));
    server.handle.shutdown();
    // The loop closes its listener before the connections that are idle.
    idle.ends();
    for _ in 0..100 {
        other.is_alive();
    }
    assert_eq!(server.stats().accepted, 2);
    assert!(download.rest().len() > LARGE - 100);
    server.returns();
}

/// A full server with one handler that stays inside, and a client that waits to be accepted.
fn full(room: &Arc<Room>, permit_timeout: Duration) -> (Served, Client, Client) {
    let inner = Arc::clone(room);
    let server = http(
        answer(move |http: &mut Exchange| {
            if http.path() == "/stay" {
                inner.stay();
            }
            reply(http, "fast")
        }),
        |builder| builder.loops(2).max_connections(1).shutdown_timeout(NEVER).permit_timeout(permit_timeout),
    );
    let busy = server.send(get("/stay"));
    room.wait_for(1);
    let outside = server.send(FAST);
    (server, busy, outside)
}

#[test]
fn who_waits_for_room_has_it_when_a_busy_connection_ends() {
    let room = Arc::new(Room::default());
    let _end = OpenAtEnd(&room);
    let (mut server, mut busy, mut outside) = full(&room, NEVER);
    server.handle.shutdown();
    room.open();
    is_answered_once(&mut busy);
    is_answered_once(&mut outside);
    server.returns();
}

#[test]
fn who_finds_no_room_in_time_does_not_keep_the_address_from_others() {
    let room = Arc::new(Room::default());
    let _end = OpenAtEnd(&room);
    let (mut server, mut busy, mut outside) = full(&room, Duration::ZERO);
    let address = server.address();
    server.handle.shutdown();
    assert!(outside.rest_until_cut().is_empty());
    wait_until("the address is free", || TcpListener::bind(address).is_ok());
    room.open();
    is_answered_once(&mut busy);
    server.returns();
}

#[test]
fn a_wait_for_one_connection_ends_with_the_stop() {
    let server = bound(|builder| builder);
    let handle = server.handle();
    thread::scope(|scope| {
        let waits = scope.spawn(|| server.handle_request());
        handle.shutdown();
        let error = waits.join().expect("it does not panic").expect_err("it is closed");
        assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    });
    is_closed(&server);
}

#[test]
fn one_request_after_the_other_is_handled_until_nobody_waits() {
    let server = bound(|builder| builder);
    let address = server.server_addresses()[0];
    let mut asking: Vec<Client> = (0..5).map(|_| waiting(address, FAST)).collect();
    let mut silent = Client::connect(address);
    server.handle().shutdown();
    assert!(server.handle_request().expect("somebody waits"));
    is_answered_once(&mut asking[0]);
    // The others are served by this server, and the address is free already.
    assert!(TcpListener::bind(address).is_ok());
    for client in &mut asking[1..] {
        assert!(server.handle_request().expect("somebody waits"));
        is_answered_once(client);
    }
    assert!(server.handle_request().expect("somebody waits"));
    silent.ends();
    is_closed(&server);
}

/// Answers what it is told.
struct Upper;

impl BaseRequestHandler for Upper {
    fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
        let mut piece = [0; 100];
        let count = request.read(&mut piece)?;
        request.write_all(piece[..count].to_ascii_uppercase().as_slice())
    }
}

#[test]
fn protocols_other_than_http_answer_who_has_spoken() {
    let server = TcpServer::bind(("127.0.0.1", 0), || Upper).expect("a free port");
    let address = server.server_addresses()[0];
    let mut speaking: Vec<Client> = (0..5).map(|_| waiting(address, "tea")).collect();
    let mut silent = Client::connect(address);
    server.handle().shutdown();
    let running = thread::spawn(move || server.serve_forever());
    for mut client in speaking.drain(..) {
        assert_eq!(client.rest(), b"TEA");
    }
    silent.ends();
    wait_until("serve_forever returns", || running.is_finished());
    running.join().expect("it does not panic").expect("it returns without an error");
}

#[test]
fn clients_of_a_proxy_are_answered_as_well() {
    let server = bound(|builder| {
        builder
            .trusted_proxies("127.0.0.1".parse().expect("an address"))
            .proxy_protocol(ProxyProtocol::Required)
    });
    let address = server.server_addresses()[0];
    let header = "PROXY TCP4 203.0.113.7 198.51.100.1 4711 80\r\n";
    let mut asking = waiting(address, format!("{header}{FAST}"));
    let mut announced = waiting(address, header);
    let mut silent = Client::connect(address);
    server.handle().shutdown();
    server.serve_forever().expect("it returns without an error");
    is_answered_once(&mut asking);
    announced.ends();
    silent.ends();
}

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::net::TcpStream;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};

    use super::*;

    /// A path for the socket of one test. It must be short, so it is no part of the target
    /// directory.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("sf-{name}-{}.sock", std::process::id()));
            let _ = fs::remove_file(&path);
            Self(path)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn connect(path: &Path) -> Client {
        let stream = UnixStream::connect(path).expect("somebody listens");
        Client::over(TcpStream::from(OwnedFd::from(stream)))
    }

    fn serve_at(path: &Path) -> Served {
        let builder = HttpServer::builder(answer(fast)).access_log(AccessLog::off()).unix_socket(path);
        run(builder.bind(NOWHERE).expect("the path is free"))
    }

    #[test]
    fn a_successor_has_the_path_and_keeps_it_when_the_old_server_goes() {
        let place = Place::new("successor");
        let (mut server, mut download) = downloading(|builder| builder.unix_socket(&place.0));
        server.handle.shutdown();
        wait_until("the path is free", || !place.0.exists());
        let successor = serve_at(&place.0);
        assert!(download.rest().len() > LARGE - 100);
        server.returns();
        drop(server);
        let mut client = connect(&place.0);
        client.send(FAST);
        assert_eq!(client.response().text(), "fast");
        drop(successor);
        assert!(!place.0.exists());
    }

    /// It may have been put there while this server runs, by one that does not ask.
    #[test]
    fn a_socket_that_took_the_place_of_ours_stays() {
        let place = Place::new("replaced");
        let server = serve_at(&place.0);
        fs::remove_file(&place.0).expect("it is there");
        let other = UnixListener::bind(&place.0).expect("the path is free");
        server.shut_down();
        let _client = UnixStream::connect(&place.0).expect("the other one listens");
        other.accept().expect("a client");
    }

    #[test]
    fn who_waits_at_a_unix_socket_is_answered() {
        let place = Place::new("waiting");
        let server = bound(|builder| builder.unix_socket(&place.0));
        let mut asking: Vec<Client> = (0..50).map(|_| connect(&place.0)).collect();
        for client in &mut asking {
            client.send(FAST);
        }
        let mut silent = connect(&place.0);
        server.handle().shutdown();
        server.serve_forever().expect("it returns without an error");
        asking.iter_mut().for_each(is_answered_once);
        silent.ends();
        assert!(!place.0.exists());
    }

    #[test]
    fn a_listener_that_was_handed_over_goes_on_for_whoever_has_it() {
        let kept = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = kept.local_addr().expect("an address");
        let given = kept.try_clone().expect("a second handle");
        let builder = HttpServer::builder(answer(fast)).access_log(AccessLog::off()).listener(given);
        let server = builder.bind(NOWHERE).expect("it listens");
        let mut asking = waiting(address, FAST);
        server.handle().shutdown();
        server.serve_forever().expect("it returns without an error");
        is_answered_once(&mut asking);
        is_closed(&server);
        drop(server);

        let mut client = Client::connect(address);
        kept.set_nonblocking(false).expect("it is a socket");
        let (mut stream, _) = kept.accept().expect("it still listens");
        stream.write_all(b"here").expect("a client");
        drop(stream);
        assert_eq!(client.rest(), b"here");
    }

    #[test]
    fn so_does_a_unix_socket_with_its_file() {
        let place = Place::new("given");
        let kept = UnixListener::bind(&place.0).expect("the path is free");
        let given = kept.try_clone().expect("a second handle");
        let builder = HttpServer::builder(answer(fast)).access_log(AccessLog::off()).listener(given);
        run(builder.bind(NOWHERE).expect("it listens")).shut_down();
        assert!(place.0.exists());
        let _client = UnixStream::connect(&place.0).expect("it still listens");
        kept.set_nonblocking(false).expect("it is a socket");
        kept.accept().expect("a client");
    }
}

/// Clients that come faster than they are accepted must not keep the server from its end.
#[test]
fn a_crowd_that_goes_on_coming_does_not_hold_up_the_end() {
    let server = bound(|builder| builder.loops(2));
    let address = server.server_addresses()[0];
    let handle = server.handle();
    thread::scope(|scope| {
        let running = scope.spawn(|| server.serve_forever());
        let crowd: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(move || {
                    let begin = std::time::Instant::now();
                    while begin.elapsed() < PATIENCE {
                        let Ok(mut stream) = std::net::TcpStream::connect(address) else { return true };
                        let _ = stream.write_all(FAST.as_bytes());
                    }
                    false
                })
            })
            .collect();
        wait_until("some have come", || handle.stats().accepted > 100);
        handle.shutdown();
        running.join().expect("it does not panic").expect("it returns without an error");
        for each in crowd {
            assert!(each.join().expect("it does not panic"), "somebody still listens");
        }
    });
}
