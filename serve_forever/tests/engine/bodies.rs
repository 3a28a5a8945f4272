//! Bodies that come slowly hold no thread, or give it back when others need it.

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use crate::support::engine::{FAST, NEVER, OpenAtEnd, Room, Served, connect_from, get, head_length, http, status};
use crate::support::{Client, answer, reply};
use serve_forever::{BaseHttpRequestHandler, Builder, Exchange, Http, Result, Router, SimpleHttpRequestHandler};

/// Answers with the length of the body, or with `fast` where there is none.
fn measure(http: &mut Exchange) -> Result {
    let mut body = Vec::new();
    http.rfile().read_to_end(&mut body)?;
    reply(http, if body.is_empty() { "fast".into() } else { body.len().to_string() })
}

/// A server with one loop that measures bodies, however slowly they come.
fn measuring<H: BaseHttpRequestHandler + 'static>(
    factory: impl Fn() -> H + Send + Sync + 'static,
    configure: impl FnOnce(Builder<Http<H>>) -> Builder<Http<H>>,
) -> Served {
    http(factory, |builder| {
        configure(builder.loops(1).body_timeout(NEVER).minimum_rate(0, Duration::ZERO).permit_timeout(NEVER))
    })
}

fn post(length: usize) -> String {
    format!("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
}

const CHUNKED: &str = "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// As much as the server receives before the handler starts.
const COLLECTED: usize = 1024 * 1024;

#[test]
fn bodies_of_up_to_a_mebibyte_hold_no_thread_until_they_are_here() {
    let server = measuring(answer(measure), |builder| builder.max_threads(4));
    // As many as one address has memory for.
    let mut uploads: Vec<Client> = (0..15).map(|_| server.send(post(COLLECTED))).collect();
    let half = vec![b'x'; COLLECTED / 2];
    for client in &mut uploads {
        client.send(&half);
    }
    server.wait_until("all are accepted", |stats| stats.connections == 15);
    // There are two threads for handlers: were one upload to hold one, this would show it.
    for _ in 0..20 {
        server.is_alive();
        // On a busy machine, the request itself may have lost its loop.
        server.wait_until("no upload holds a thread", |stats| stats.threads_in_user_code == 0);
    }
    for client in &mut uploads {
        client.send(&half);
        assert_eq!(client.response().text(), COLLECTED.to_string());
        // The connection is as good as new.
        client.send(FAST);
        assert_eq!(client.response().text(), "fast");
    }
}

#[test]
fn what_follows_a_collected_body_is_the_next_request() {
    let server = measuring(answer(measure), |builder| builder);
    let mut client = server.send(post(700_000));
    client.send(vec![b'x'; 699_000]);
    let mut rest = vec![b'x'; 1000];
    rest.extend_from_slice(FAST.as_bytes());
    rest.extend_from_slice(post(3).as_bytes());
    rest.extend_from_slice(b"abc");
    rest.extend_from_slice(CHUNKED.as_bytes());
    rest.extend_from_slice(b"5\r\nhello\r\n0\r\n\r\n");
    rest.extend_from_slice(FAST.as_bytes());
    client.send(rest);
    for text in ["700000", "fast", "3", "5", "fast"] {
        assert_eq!(client.response().text(), text);
    }
}

#[test]
fn a_chunked_body_is_collected_while_its_client_goes_on() {
    let server = measuring(answer(measure), |builder| builder);
    let mut client = server.send(CHUNKED);
    let chunk = format!("{:x}\r\n{}\r\n", 30_000, "x".repeat(30_000));
    for _ in 0..20 {
        client.send(&chunk);
    }
    client.send("0\r\nX: y\r\n\r\n");
    client.send(FAST);
    assert_eq!(client.response().text(), "600000");
    assert_eq!(client.response().text(), "fast");
}

#[test]
fn a_chunked_body_may_be_one_side_of_a_conversation() {
    let server = measuring(
        answer(|http| {
            http.send_response(200).end_headers()?;
            let (body, out) = http.files();
            for line in body.lines() {
                writeln!(out, "<{}>", line?)?;
                out.flush()?;
            }
            Ok(())
        }),
        |builder| builder,
    );
    let mut client = server.send(CHUNKED);
    let mut begun = false;
    for word in ["one", "two", "three"] {
        client.send(format!("{:x}\r\n{word}\n\r\n", word.len() + 1));
        if !std::mem::replace(&mut begun, true) {
            client.take(head_length("Transfer-Encoding: chunked"));
        }
        let line = format!("<{word}>\n");
        let expected = format!("{:x}\r\n{line}\r\n", line.len());
        assert_eq!(String::from_utf8_lossy(&client.take(expected.len())), expected);
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.take(5), b"0\r\n\r\n");
}

#[test]
fn a_body_that_nobody_reads_is_not_awaited() {
    let files = SimpleHttpRequestHandler::builder().directory("src").build().expect("it is there");
    let router = Router::new()
        .get("/fast", |http| reply(http, "fast"))
        .post("/upload", measure)
        .mount("/files", files.clone());
    let serve = |router: Router| measuring(move || router.clone(), |builder| builder);
    let server = serve(router.clone());
    server.is_alive();
    for (path, code) in [("/fast", 405), ("/nothing", 404), ("/files/lib.rs", 405)] {
        // Not a byte of the body is sent.
        let response =
            server.ask(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"));
        assert_eq!(response.code(), code, "{path}");
    }
    // A hook may read any body, so the router around it waits for all of them.
    let server = serve(Router::new().before(|_| Ok(())).nest("/", router));
    server.is_alive();
    let mut client = server.send("POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    client.send("hello");
    assert_eq!(client.response().code(), 404);

    let server = measuring(move || files.clone(), |builder| builder);
    assert_eq!(server.ask(get("/lib.rs")).code(), 200);
    let response = server.ask("PUT /lib.rs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(response.code(), 405);
}

#[test]
fn a_body_that_is_announced_too_large_is_not_awaited() {
    let server = measuring(answer(measure), |builder| builder.max_body_size(1000));
    assert_eq!(server.ask(post(1001)).code(), 413);
}

/// Uploads in the hands of handlers, from one address each: `server` has a thread for none but
/// them.
fn hold_all_threads(server: &Served, count: usize, addresses: &[u8]) -> Vec<TcpStream> {
    let mut uploads = Vec::new();
    for index in 0..count {
        let last = addresses[index % addresses.len()];
        let mut client = connect_from([127, 0, 0, last], server.address());
        client.write_all(post(10_000_000).as_bytes()).expect("the server takes it");
        // Each has sent more than the one before.
        client.write_all(&vec![b'x'; 1000 * (index + 1)]).expect("the server takes it");
        uploads.push(client);
        server.wait_until("it has a thread", |stats| stats.threads_in_user_code == index + 1);
    }
    uploads
}

#[test]
fn when_threads_run_short_the_slowest_upload_gives_way() {
    let server = measuring(
        || answer(measure)(),
        |builder| builder.max_threads(8).permit_timeout(Duration::from_secs(4)),
    );
    let mut uploads = hold_all_threads(&server, 7, &[11, 12, 13]);
    server.is_alive();
    assert_eq!(status(&mut uploads[0]), 408);
    assert_eq!(server.stats().refused, 0);
    // The others have lost nothing.
    server.wait_until("one thread is free", |stats| stats.threads_in_user_code == 6);
    server.is_alive();
    server.wait_until("the others keep theirs", |stats| stats.threads_in_user_code == 6);
}

#[test]
fn an_address_that_holds_its_share_gives_way_to_itself() {
    let server = measuring(answer(measure), |builder| {
        builder.max_threads(18).max_permits_per_address(Some(8)).permit_timeout(Duration::from_secs(4))
    });
    // The slowest of all is of another address.
    let mut other = hold_all_threads(&server, 1, &[21]);
    let mut uploads = Vec::new();
    for index in 0..8 {
        let mut client = connect_from([127, 0, 0, 22], server.address());
        client.write_all(post(10_000_000).as_bytes()).expect("the server takes it");
        client.write_all(&vec![b'x'; 2000 * (index + 1)]).expect("the server takes it");
        uploads.push(client);
        server.wait_until("it has a thread", |stats| stats.threads_in_user_code == index + 2);
    }
    let mut client = connect_from([127, 0, 0, 22], server.address());
    client.write_all(FAST.as_bytes()).expect("the server takes it");
    assert_eq!(status(&mut client), 200);
    assert_eq!(status(&mut uploads[0]), 408);
    other[0].set_nonblocking(true).expect("it is a socket");
    let nothing = other[0].read(&mut [0]).expect_err("it got no answer");
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
}

/// A connection from an address of its own that announces 8000 bytes and sends so many.
fn announce(server: &Served, address: [u8; 4], sends: usize) -> TcpStream {
    let mut client = connect_from(address, server.address());
    let mut request = post(8000).into_bytes();
    request.extend(std::iter::repeat_n(b'x', sends));
    client.write_all(&request).expect("the server takes it");
    client
}

#[test]
fn when_the_memory_for_bodies_is_spent_the_slowest_gives_way() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let server = measuring(
        answer(move |http| {
            if http.path() == "/stay" {
                inner.stay();
            }
            measure(http)
        }),
        |builder| builder.max_body_memory(128 * 1024).max_threads(4).max_permits_per_address(Some(4)),
    );
    let _end = OpenAtEnd(&room);
    // With most threads free, handlers would read the bodies themselves.
    let _blocked: Vec<Client> = (0..2).map(|_| server.send(get("/stay"))).collect();
    room.wait_for(2);
    server.wait_until("both have left the loop", |stats| stats.threads_in_user_code == 2);
    let mut slow: Vec<TcpStream> = Vec::new();
    let mut refused = loop {
        assert!(slow.len() < 250, "the memory has no bound");
        slow.push(announce(&server, [127, 0, 1, 1 + slow.len() as u8], 2000));
        // The same loop answers this after it has looked at the body.
        server.is_alive();
        let answered = slow.iter().position(|client| {
            client.set_nonblocking(true).expect("it is a socket");
            let answered = client.peek(&mut [0]).is_ok_and(|count| count > 0);
            client.set_nonblocking(false).expect("it is a socket");
            answered
        });
        if let Some(index) = answered {
            break slow.swap_remove(index);
        }
    };
    assert_eq!(status(&mut refused), 408);
    // 64 have 128 KiB with their heads, or a few less.
    assert!(slow.len() > 40, "the memory is spent after {} bodies", slow.len());
    // Clients that deliver more are served at the expense of these.
    for last in 1..=8 {
        let mut fast = announce(&server, [127, 0, 2, last], 7900);
        server.is_alive();
        fast.write_all(&[b'x'; 100]).expect("the server takes it");
        assert_eq!(status(&mut fast), 200);
    }
}

/// Nothing tells the loop that a handler begins to wait: it has to look.
#[test]
fn a_handler_that_waits_for_its_client_later_than_others_for_its_thread_gives_way_too() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let server = measuring(
        answer(move |http| {
            if http.path() == "/large" {
                inner.stay();
                http.send_response(200).end_headers()?;
                http.wfile().write_all(&vec![b'x'; 16 * 1024 * 1024])?;
                return Ok(());
            }
            measure(http)
        }),
        |builder| {
            let threads = builder.max_threads(4).max_permits_per_address(Some(4));
            threads.write_timeout(NEVER).permit_timeout(Duration::from_secs(8))
        },
    );
    let _end = OpenAtEnd(&room);
    let readers: Vec<Client> = (0..3).map(|_| server.send(get("/large"))).collect();
    server.wait_until("no thread is left", |stats| stats.threads_in_user_code == 3);
    let mut waiting = server.send(FAST);
    server.wait_until("a request waits", |stats| stats.waiting == 1);
    room.open();
    let response = waiting.response();
    assert_eq!((response.code(), response.text().as_str()), (200, "fast"));
    drop(readers);
}

#[test]
fn when_threads_run_short_the_slowest_reader_gives_way_too() {
    let server = measuring(
        answer(|http| {
            if http.path() == "/large" {
                http.send_response(200).end_headers()?;
                http.wfile().write_all(&vec![b'x'; 16 * 1024 * 1024])?;
                return Ok(());
            }
            measure(http)
        }),
        |builder| {
            let threads = builder.max_threads(8).max_permits_per_address(Some(8));
            threads.write_timeout(NEVER).permit_timeout(Duration::from_secs(4))
        },
    );
    let request = "GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let readers: Vec<Client> = (0..7).map(|_| server.send(request)).collect();
    server.wait_until("all threads wait", |stats| stats.threads_in_user_code == 7);
    server.is_alive();
    server.wait_until("one has given way", |stats| stats.threads_in_user_code == 6);
    assert_eq!(server.stats().refused, 0);
    let lengths = readers.into_iter().map(|mut client| client.rest_until_cut().len());
    assert_eq!(lengths.filter(|&length| length > 16 * 1024 * 1024).count(), 6);
}
