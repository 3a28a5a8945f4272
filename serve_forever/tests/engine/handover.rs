//! Handlers that block hold up nobody but their own client.

use std::io::{BufRead, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::support::engine::{FAST, OpenAtEnd, Room, get, head_length, http, wait_until};
use crate::support::{Client, Response, answer, reply};

/// More than the buffers between two sockets hold.
const LARGE: usize = 16 * 1024 * 1024;

/// More than the loop collects before the handler starts.
const UPLOAD: usize = 2 * 1024 * 1024;

#[test]
fn a_fast_request_is_answered_while_64_others_block_on_the_only_loop() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let server = http(
        answer(move |http| {
            if http.path() == "/stay" {
                inner.stay();
            }
            reply(http, "fast")
        }),
        |builder| builder.loops(1),
    );
    let _end = OpenAtEnd(&room);
    let mut blocked: Vec<Client> = Vec::new();
    for count in 1..=64 {
        blocked.push(server.send(get("/stay")));
        room.wait_for(count);
        server.is_alive();
    }
    // The last of them may be inside on the driver still.
    server.wait_until("they run apart from the loop", |stats| stats.threads_in_user_code == 64);
    assert!(server.stats().hand_overs + server.stats().learned_starts >= 64, "{:?}", server.stats());
    assert_eq!(room.inside(), 64);
    room.open();
    for mut client in blocked {
        assert_eq!(client.response().text(), "fast");
        client.send(FAST);
        assert_eq!(client.response().text(), "fast");
    }
    server.wait_until("no thread is held", |stats| stats.threads_in_user_code == 0);
}

#[test]
fn all_that_come_at_once_block_at_the_same_time() {
    for loops in [1, 2] {
        let room = Arc::new(Room::default());
        let inner = Arc::clone(&room);
        let server = http(
            answer(move |http| {
                inner.stay();
                reply(http, "fast")
            }),
            |builder| builder.loops(loops),
        );
        let _end = OpenAtEnd(&room);
        let mut blocked: Vec<Client> = (0..100).map(|_| server.send(FAST)).collect();
        room.wait_for(100);
        room.open();
        for client in &mut blocked {
            assert_eq!(client.response().text(), "fast");
        }
    }
}

#[test]
fn a_handler_that_computes_does_not_hold_up_the_one_it_waits_for() {
    let done = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&done);
    let server = http(
        answer(move |http| {
            if http.path() == "/release" {
                flag.store(true, Ordering::SeqCst);
            }
            while http.path() == "/compute" && !flag.load(Ordering::SeqCst) {
                std::hint::spin_loop();
            }
            reply(http, "fast")
        }),
        |builder| builder.loops(1),
    );
    let mut computing: Vec<Client> = (0..4).map(|_| server.send(get("/compute"))).collect();
    assert_eq!(server.ask(get("/release")).text(), "fast");
    for client in &mut computing {
        assert_eq!(client.response().text(), "fast");
    }
}

#[test]
fn handlers_that_wait_for_their_bodies_leave_the_loop_to_others() {
    let server = http(
        answer(|http| {
            let mut body = Vec::new();
            http.rfile().read_to_end(&mut body)?;
            let text = if body.is_empty() { "fast".into() } else { body.len().to_string() };
            reply(http, text)
        }),
        |builder| {
            builder.loops(1).body_timeout(crate::support::engine::NEVER).minimum_rate(0, Duration::ZERO)
        },
    );
    let head = format!("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {UPLOAD}\r\n\r\n");
    let mut uploads: Vec<Client> = (0..32).map(|_| server.send(&head)).collect();
    server.wait_until("all of them wait", |stats| stats.threads_in_user_code == 32);
    server.is_alive();
    let half = vec![b'x'; UPLOAD / 2];
    for part in 0..2 {
        for client in &mut uploads {
            client.send(&half);
        }
        if part == 0 {
            server.is_alive();
        }
    }
    for client in &mut uploads {
        assert_eq!(client.response().text(), UPLOAD.to_string());
        // The connection is back in its loop.
        client.send(FAST);
        assert_eq!(client.response().text(), "fast");
    }
    server.wait_until("no thread is held", |stats| stats.threads_in_user_code == 0);
}

#[test]
fn a_handler_that_prompts_for_a_body_leaves_the_loop_to_others() {
    let server = http(
        answer(|http| {
            let mut body = String::new();
            http.rfile().read_to_string(&mut body)?;
            reply(http, if body.is_empty() { "fast".into() } else { body })
        }),
        |builder| builder.loops(1),
    );
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut clients: Vec<Client> = (0..16).map(|_| server.send(head)).collect();
    for client in &mut clients {
        client.expect("HTTP/1.1 100 Continue\r\n\r\n");
        server.is_alive();
    }
    for client in &mut clients {
        client.send("hello");
        assert_eq!(client.response().text(), "hello");
    }
}

#[test]
fn handlers_whose_clients_do_not_read_leave_the_loop_to_others() {
    let server = http(
        answer(|http| {
            if http.path() == "/fast" {
                return reply(http, "fast");
            }
            http.send_response(200).end_headers()?;
            for _ in 0..LARGE / UPLOAD {
                http.wfile().write_all(&vec![b'x'; UPLOAD])?;
            }
            Ok(())
        }),
        |builder| builder.loops(1),
    );
    let mut slow: Vec<Client> = (0..8).map(|_| server.send(get("/large"))).collect();
    server.wait_until("all of them wait", |stats| stats.threads_in_user_code == 8);
    server.is_alive();
    for client in &mut slow {
        assert_eq!(client.response().body().len(), LARGE / UPLOAD * UPLOAD);
        client.send(FAST);
        assert_eq!(client.response().text(), "fast");
    }
}

#[test]
fn requests_like_one_that_blocked_start_on_threads_of_their_own() {
    let rooms: Arc<[Room; 2]> = Arc::default();
    let inner = Arc::clone(&rooms);
    let server = http(
        answer(move |http| {
            let number = http.path().trim_start_matches("/stay/").parse::<usize>()?;
            inner[number].stay();
            reply(http, "fast")
        }),
        |builder| builder.loops(1),
    );
    let _ends = (OpenAtEnd(&rooms[0]), OpenAtEnd(&rooms[1]));
    let mut first = server.send(get("/stay/0"));
    server.wait_until("the loop changes hands", |stats| stats.hand_overs == 1);
    rooms[0].open();
    assert_eq!(first.response().text(), "fast");
    // What was learned is known when its thread is done, a little after the client.
    server.wait_until("it is done", |stats| stats.threads_in_user_code == 0);
    assert_eq!(server.stats().learned_starts, 0);

    let mut others: Vec<Client> = (0..8).map(|_| server.send(get("/stay/1"))).collect();
    rooms[1].wait_for(8);
    // The last is counted when it is inside already.
    server.wait_until("all are counted", |stats| stats.learned_starts == 8);
    assert_eq!(server.stats().hand_overs, 1);
    rooms[1].open();
    for client in &mut others {
        assert_eq!(client.response().text(), "fast");
    }
}

#[test]
fn handlers_may_be_clients_of_their_own_server() {
    fn ask(address: SocketAddr, depth: usize) -> Response {
        let mut client = Client::connect(address);
        client.send(get(&format!("/{depth}")));
        client.response()
    }
    let server = http(
        answer(|http| {
            let depth = http.path()[1..].parse::<usize>()?;
            let address = http.server().server_addresses()[0];
            let below = if depth == 0 { String::new() } else { ask(address, depth - 1).text() };
            reply(http, format!("{depth} {below}"))
        }),
        |builder| builder.loops(1),
    );
    assert_eq!(ask(server.address(), 20).text().split_whitespace().count(), 21);
}

#[test]
fn a_handler_reads_and_writes_at_the_same_time() {
    let server = http(
        answer(|http| {
            http.send_response(200).end_headers()?;
            let (rfile, wfile) = http.files();
            let (lines, to_write) = mpsc::channel::<String>();
            thread::scope(|scope| {
                let reader = scope.spawn(move || -> std::io::Result<()> {
                    let mut line = String::new();
                    while rfile.read_line(&mut line)? > 0 {
                        let _ = lines.send(std::mem::take(&mut line));
                    }
                    Ok(())
                });
                for line in to_write {
                    wfile.write_all(line.to_uppercase().as_bytes())?;
                    wfile.flush()?;
                }
                reader.join().expect("it does not panic")
            })?;
            Ok(())
        }),
        |builder| builder.loops(1),
    );
    let mut client = server.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for turn in 0..50 {
        client.send("6\r\nhello\n\r\n");
        if turn == 0 {
            client.take(head_length("Transfer-Encoding: chunked"));
        }
        assert_eq!(client.take(11), b"6\r\nHELLO\n\r\n");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.take(5), b"0\r\n\r\n");
    client.send(get("/"));
}

#[test]
fn a_handler_reads_while_its_client_does_not() {
    let server = http(
        answer(|http| {
            http.send_response(200).end_headers()?;
            let (rfile, wfile) = http.files();
            let sum = thread::scope(|scope| {
                let reader = scope.spawn(move || {
                    let mut body = Vec::new();
                    rfile.read_to_end(&mut body).map(|_| body.len())
                });
                for _ in 0..LARGE / UPLOAD {
                    wfile.write_all(&vec![b'x'; UPLOAD])?;
                }
                reader.join().expect("it does not panic")
            })?;
            write!(http.wfile(), "{sum}")?;
            Ok(())
        }),
        |builder| builder.loops(1),
    );
    // The client sends far more than buffers hold before it reads anything.
    let mut client = server.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"));
    for _ in 0..LARGE / 65_536 {
        client.send(vec![b'y'; 65_536]);
    }
    let body = client.response().text();
    assert_eq!(body.len() - LARGE.to_string().len(), LARGE / UPLOAD * UPLOAD);
    assert!(body.ends_with(&LARGE.to_string()));
}

#[test]
fn connections_that_come_and_go_between_threads_get_their_own_answers() {
    let server = http(
        answer(|http| {
            let mut body = Vec::new();
            http.rfile().read_to_end(&mut body)?;
            if http.path().starts_with("/sleep") {
                thread::sleep(Duration::from_micros(100 * (body.len() as u64 % 30)));
            }
            let text = format!("{} {}", http.path(), body.escape_ascii());
            reply(http, text)
        }),
        |builder| builder.loops(2).max_threads(64),
    );
    let address = server.address();
    thread::scope(|scope| {
        for number in 0..8_usize {
            scope.spawn(move || {
                let mut client = Client::connect(address);
                for turn in 0..200_usize {
                    let way = if (turn + number).is_multiple_of(3) { "sleep" } else { "fast" };
                    let path = format!("/{way}/{number}/{turn}");
                    let body = "x".repeat(turn % 40);
                    let expected = format!("{path} {body}");
                    match turn % 4 {
                        0 => client.send(format!(
                            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
                            body.len()
                        )),
                        1 => {
                            client.send(format!(
                                "POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                            ));
                            for byte in body.chars() {
                                client.send(format!("1\r\n{byte}\r\n"));
                            }
                            client.send("0\r\n\r\n");
                        }
                        2 => {
                            let head = format!(
                                "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
                                body.len()
                            );
                            for piece in head.as_bytes().chunks(7) {
                                client.send(piece);
                            }
                            client.send(&body);
                        }
                        _ => {
                            // Two at once: the answers come in order.
                            let request = format!(
                                "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
                                body.len()
                            );
                            client.send(request.repeat(2));
                            assert_eq!(client.response().text(), expected);
                        }
                    }
                    assert_eq!(client.response().text(), expected);
                }
            });
        }
    });
    wait_until("no thread is held", || server.stats().threads_in_user_code == 0);
}
