//! Connections that became streams have threads of their own: ordinary requests keep the others.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;

use crate::support::engine::{NEVER, OpenAtEnd, Room, Served, connect_from, get, http, run, status};
use crate::support::{answer, reply};
use serve_forever::{AccessLog, Exchange, HttpServer, Result};

const UPGRADE: &str = "GET /stream HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

/// Addresses of clients.
const OFFICE: [u8; 4] = [127, 0, 0, 1];
const OTHER: [u8; 4] = [127, 0, 0, 2];
const THIRD: [u8; 4] = [127, 0, 0, 3];

/// With one loop, so many threads make 14 permits and 7 places for streams.
const THREADS: usize = 16;
const STREAMS: usize = 7;
/// All of the places but a quarter.
const STREAMS_PER_ADDRESS: usize = 6;

fn echo(http: &mut Exchange) -> Result {
    http.send_response(101).send_header("Upgrade", "echo").end_headers()?;
    let (mut read, mut write) = http.upgrade()?.split();
    io::copy(&mut read, &mut write)?;
    Ok(())
}

fn serve(room: &Arc<Room>) -> Served {
    let room = Arc::clone(room);
    http(
        answer(move |http| match http.path() {
            "/stream" => echo(http),
            "/stay" => {
                room.stay();
                reply(http, "stayed")
            }
            _ => reply(http, "fast"),
        }),
        |builder| builder.loops(1).max_threads(THREADS).permit_timeout(NEVER),
    )
}

/// Sends a request from that address.
#[track_caller]
fn send(server: &Served, source: [u8; 4], request: impl AsRef<[u8]>) -> TcpStream {
    let mut client = connect_from(source, server.address());
    client.write_all(request.as_ref()).expect("the server takes the request");
    client
}

/// The status of what comes back, and the connection.
#[track_caller]
fn ask(server: &Served, source: [u8; 4], request: impl AsRef<[u8]>) -> (u16, TcpStream) {
    let mut client = send(server, source, request);
    (status(&mut client), client)
}

#[track_caller]
fn open_streams(server: &Served, source: [u8; 4], count: usize) -> Vec<TcpStream> {
    let streams = (0..count).map(|_| ask(server, source, UPGRADE));
    let streams = streams.map(|(status, stream)| {
        assert_eq!(status, 101);
        stream
    });
    streams.collect()
}

#[test]
fn streams_of_an_address_leave_threads_for_its_ordinary_requests() {
    let room = Arc::new(Room::default());
    let server = serve(&room);
    let _end = OpenAtEnd(&room);
    let mut streams = open_streams(&server, OFFICE, STREAMS_PER_ADDRESS);
    assert_eq!(ask(&server, OFFICE, UPGRADE).0, 503);
    streams.extend(open_streams(&server, OTHER, STREAMS - STREAMS_PER_ADDRESS));
    assert_eq!(ask(&server, OTHER, UPGRADE).0, 503);
    server.wait_until("all streams hold a thread", |stats| {
        (stats.upgraded, stats.threads_in_user_code) == (STREAMS, STREAMS)
    });
    // Six permits are left, of which one address gets half.
    let mut staying: Vec<TcpStream> = (0..3).map(|_| send(&server, OTHER, get("/stay"))).collect();
    room.wait_for(3);
    staying.extend((0..3).map(|_| send(&server, OFFICE, get("/stay"))));
    room.wait_for(6);
    let waiting = send(&server, OFFICE, get("/stay"));
    server.wait_until("the address has its share", |stats| stats.waiting == 1);
    assert_eq!(ask(&server, THIRD, get("/fast")).0, 200);
    assert_eq!(room.most(), 6);
    room.open();
    for mut client in staying.into_iter().chain([waiting]) {
        assert_eq!(status(&mut client), 200);
    }
    server.wait_until("the streams are left", |stats| stats.threads_in_user_code == STREAMS);
}

#[test]
fn a_stream_gives_its_place_back() {
    let server = serve(&Arc::default());
    for _ in 0..3 {
        let streams = open_streams(&server, OFFICE, STREAMS_PER_ADDRESS);
        assert_eq!(ask(&server, OFFICE, UPGRADE).0, 503);
        drop(streams);
        server.wait_until("nothing is held", |stats| {
            (stats.upgraded, stats.threads_in_user_code, stats.connections) == (0, 0, 0)
        });
    }
}

#[test]
fn the_limits_of_streams_can_be_set() {
    let server = HttpServer::builder(answer(echo))
        .access_log(AccessLog::off())
        .max_streams(Some(3))
        .max_streams_per_address(Some(2))
        .bind(("127.0.0.1", 0))
        .expect("a free port");
    let server = run(server);
    let _office = open_streams(&server, OFFICE, 2);
    assert_eq!(ask(&server, OFFICE, UPGRADE).0, 503);
    let _other = open_streams(&server, OTHER, 1);
    assert_eq!(ask(&server, OTHER, UPGRADE).0, 503);
}
