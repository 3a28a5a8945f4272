//! Where many requests have come at once, those who are answered first wait for the others, and all
//! responses go out together: but not for whoever does not return.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::support::engine::{NEVER, Room, Served, get, run};
use crate::support::{Captured, Client, reply};
use serve_forever::{AccessLog, BaseHttpRequestHandler, Builder, Exchange, Http, HttpServer, Result};
use socket2::{Domain, Socket, Type};

/// So many connections in one round of the loop, and so more than are held at once.
const CROWD: usize = 40;
/// So many long ones, each with a short one behind it.
const LONG_PIPELINE: usize = 8;
/// Bytes of a body that is held as a whole, and more than a small socket takes.
const LONG: usize = 60_000;

/// Requests of a round behind that of a witness, and the time that each takes: together far more
/// than a response is held.
const SLOW_CROWD: usize = 20;
const SLOW: Duration = Duration::from_micros(250);
/// How often it is tried whether a response is held: the system may take the processor away in
/// between.
const TRIES: usize = 50;

/// Says that it does not block, so that its responses may be held. It tells the truth but for
/// `/stay`.
struct Handler(Arc<Room>);

impl BaseHttpRequestHandler for Handler {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        match http.path() {
            "/stay" => self.0.stay(),
            "/long" => return reply(http, long()),
            _ => {}
        }
        let path = http.path().to_owned();
        reply(http, path)
    }

    fn may_block(&self) -> bool {
        false
    }
}

fn long() -> Vec<u8> {
    (0..LONG).map(|place| b'a' + (place % 23) as u8).collect()
}

/// A server with one loop, whose first round has all that `ask` sends: it runs only after that.
fn first_round<T>(
    configure: impl FnOnce(Builder<Http<Handler>>) -> Builder<Http<Handler>>,
    ask: impl FnOnce(SocketAddr) -> T,
) -> (Served, Arc<Room>, T) {
    let room = Arc::new(Room::default());
    let inside = Arc::clone(&room);
    let builder = HttpServer::builder(move || Handler(Arc::clone(&inside))).access_log(AccessLog::off());
    let (server, asked) = run_after(configure(builder), ask);
    (server, room, asked)
}

fn run_after<H: BaseHttpRequestHandler + 'static, T>(
    builder: Builder<Http<H>>,
    ask: impl FnOnce(SocketAddr) -> T,
) -> (Served, T) {
    let server = builder.head_timeout(NEVER).loops(1).bind(("127.0.0.1", 0)).expect("a free port");
    let asked = ask(server.server_addresses()[0]);
    (run(server), asked)
}

/// Looks at what the first client has got while others are served. `/slow` takes its time.
struct Witness(Arc<OnceLock<TcpStream>>);

impl BaseHttpRequestHandler for Witness {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        let answer = match http.path() {
            "/look" => {
                let first = self.0.get().ok_or("there is no first client")?;
                if first.peek(&mut [0]).is_ok() { "sent" } else { "held" }
            }
            "/slow" => {
                let begin = Instant::now();
                while begin.elapsed() < SLOW {
                    std::hint::spin_loop();
                }
                "slow"
            }
            _ => "first",
        };
        reply(http, answer)
    }

    fn may_block(&self) -> bool {
        false
    }
}

/// What the last of `requests` saw of the response to the first.
fn seen_by_the_last(requests: &[&str]) -> String {
    let first = Arc::new(OnceLock::new());
    let inside = Arc::clone(&first);
    let builder = HttpServer::builder(move || Witness(Arc::clone(&inside))).access_log(AccessLog::off());
    let (_server, (_earlier, mut clients)) = run_after(builder, |address| {
        // That handlers do not block is known when one was made.
        let earlier = send(address, get("/earlier"));
        let stream = TcpStream::connect(address).expect("the server accepts");
        let own = stream.try_clone().expect("a clone");
        own.set_nonblocking(true).expect("O_NONBLOCK");
        first.set(own).expect("there was none");
        let mut client = Client::over(stream);
        client.send(get("/"));
        let others = requests.iter().map(|path| send(address, get(path)));
        (earlier, std::iter::once(client).chain(others).collect::<Vec<_>>())
    });
    let seen = clients.pop().expect("a last one").response().text();
    first.get().expect("the first").set_nonblocking(false).expect("a blocking socket");
    assert_eq!(clients[0].response().text(), "first");
    seen
}

fn send(address: SocketAddr, request: impl AsRef<[u8]>) -> Client {
    let mut client = Client::connect(address);
    client.send(request);
    client
}

fn crowd(address: SocketAddr) -> Vec<Client> {
    (0..CROWD).map(|number| send(address, get(&format!("/{number}")))).collect()
}

#[track_caller]
fn all_are_answered(crowd: &mut [Client]) {
    for (number, client) in crowd.iter_mut().enumerate() {
        let response = client.response();
        assert_eq!((response.code(), response.text()), (200, format!("/{number}")));
    }
}

#[test]
fn a_response_waits_for_those_who_asked_in_the_same_round() {
    assert!((0..TRIES).any(|_| seen_by_the_last(&["/look"]) == "held"), "nothing is ever held");
}

#[test]
fn it_does_not_wait_for_long() {
    let mut requests = vec!["/slow"; SLOW_CROWD];
    requests.push("/look");
    for _ in 0..3 {
        assert_eq!(seen_by_the_last(&requests), "sent");
    }
}

#[test]
fn each_of_a_crowd_gets_its_own_response() {
    let (_server, _room, mut crowd) = first_round(|builder| builder, crowd);
    all_are_answered(&mut crowd);
    // And goes on.
    for (number, client) in crowd.iter_mut().enumerate() {
        client.send(get(&format!("/{number}")));
    }
    all_are_answered(&mut crowd);
}

#[test]
fn responses_are_not_held_for_a_handler_that_does_not_return() {
    let (server, room, (mut crowd, mut last)) =
        first_round(|builder| builder, |address| (crowd(address), send(address, get("/stay"))));
    all_are_answered(&mut crowd);
    server.wait_until("its loop was taken away from it", |stats| stats.hand_overs >= 1);
    room.open();
    assert_eq!(last.response().text(), "/stay");
}

#[test]
fn a_response_of_whoever_lost_the_loop_is_sent_as_well() {
    // It is the first of those that could be held, and returns when the loop is no longer its own.
    let (_server, room, (mut first, mut last, mut crowd)) = first_round(
        |builder| builder,
        |address| (send(address, get("/first")), send(address, get("/stay")), crowd(address)),
    );
    assert_eq!(first.response().text(), "/first");
    all_are_answered(&mut crowd);
    room.open();
    assert_eq!(last.response().text(), "/stay");
    last.send(get("/again"));
    assert_eq!(last.response().text(), "/again");
}

#[test]
fn pipelined_requests_keep_their_order() {
    let both = get("/one") + &get("/two");
    let (_server, _room, crowd) = first_round(
        |builder| builder,
        |address| (0..CROWD).map(|_| send(address, &both)).collect::<Vec<_>>(),
    );
    for mut client in crowd {
        assert_eq!(client.response().text(), "/one");
        assert_eq!(client.response().text(), "/two");
    }
}

#[test]
fn what_the_peer_does_not_take_at_once_is_sent_when_it_does() {
    let small = |address: SocketAddr| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("SO_RCVBUF");
        socket.connect(&address.into()).expect("the server accepts");
        let mut client = Client::over(TcpStream::from(socket));
        client.send(get("/long") + &get("/behind"));
        client
    };
    let (_server, _room, crowd) = first_round(
        |builder| builder.send_buffer_size(Some(4096)),
        |address| (0..CROWD).map(|_| small(address)).collect::<Vec<_>>(),
    );
    for mut client in crowd {
        assert!(client.response().text().into_bytes() == long(), "all of it, in order");
        assert_eq!(client.response().text(), "/behind");
        client.send(get("/again"));
        assert_eq!(client.response().text(), "/again");
    }
}

#[test]
fn what_is_held_comes_before_what_is_served_in_the_next_turns() {
    // Too much for one run, and read while it is sent.
    let paths: Vec<String> =
        (0..LONG_PIPELINE).flat_map(|number| ["/long".into(), format!("/{number}")]).collect();
    let request: String = paths.iter().map(|path| get(path)).collect();
    let (_server, _room, crowd) = first_round(
        |builder| builder.send_buffer_size(Some(4096)),
        |address| (0..CROWD).map(|_| send(address, &request)).collect::<Vec<_>>(),
    );
    std::thread::scope(|scope| {
        for mut client in crowd {
            let paths = &paths;
            scope.spawn(move || {
                for path in paths {
                    let wanted = if path == "/long" { long() } else { path.clone().into_bytes() };
                    assert!(client.response().text().into_bytes() == wanted, "the response to {path}");
                }
            });
        }
    });
}

#[test]
fn who_leaves_meanwhile_harms_nobody() {
    let (server, _room, (mut crowd, left)) = first_round(
        |builder| builder,
        |address| {
            let left: Vec<_> = (0..CROWD).map(|_| send(address, get("/long") + &get("/long"))).collect();
            (crowd(address), left)
        },
    );
    drop(left);
    all_are_answered(&mut crowd);
    server.wait_until("the others are gone", |stats| stats.connections == CROWD);
}

#[test]
fn the_log_has_a_line_for_each() {
    let log = Captured::default();
    let (_server, _room, mut crowd) =
        first_round(|builder| builder.access_log(AccessLog::to(log.clone())), crowd);
    all_are_answered(&mut crowd);
    let lines = log.lines(CROWD);
    assert_eq!(lines.len(), CROWD);
    for number in 0..CROWD {
        let bytes = format!("/{number}").len();
        let end = format!("\"GET /{number} HTTP/1.1\" 200 {bytes}");
        assert_eq!(lines.iter().filter(|line| line.ends_with(&end)).count(), 1, "{end:?} in {lines:?}");
    }
}

#[test]
fn a_server_that_stops_sends_what_it_held() {
    let (server, _room, mut crowd) = first_round(|builder| builder, crowd);
    // One of them is answered, so all had come in: whoever has asked before the order to stop is
    // answered.
    assert_eq!(crowd[0].response().text(), "/0");
    server.handle.shutdown();
    for (number, client) in crowd.iter_mut().enumerate().skip(1) {
        assert_eq!(client.response().text(), format!("/{number}"));
        client.ends();
    }
}
