//! Responses that somebody writes after the handler has returned.

use std::io::{ErrorKind, Write};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::engine::{NEVER, PATIENCE, Room, Served, get, http, wait_until};
use crate::support::{Client, answer, reply};
use serve_forever::{Builder, Detached, Exchange, Http, HttpServer};

const HEAD: &str = "HTTP/1.1 200 OK\r\n\
                    Server: wire\r\n\
                    Date: *\r\n\
                    Transfer-Encoding: chunked\r\n\
                    \r\n";

/// A server that gives the writers of `/` away.
fn subscriptions() -> (Served, Receiver<Detached>) {
    subscriptions_with(|give| {
        http(
            answer(move |http| {
                if http.path() != "/" {
                    return reply(http, "other");
                }
                http.send_response(200).end_headers()?;
                give.send(http.detach()?)?;
                Ok(())
            }),
            |builder| builder.loops(1).buffer_size(1000).write_timeout(Duration::from_millis(300)),
        )
    })
}

fn subscriptions_with(serve: impl FnOnce(mpsc::Sender<Detached>) -> Served) -> (Served, Receiver<Detached>) {
    let (give, writers) = mpsc::channel();
    (serve(give), writers)
}

/// These bytes come next, however many follow; a head but for its date.
#[track_caller]
fn expect(client: &mut Client, bytes: &str) {
    let found = if bytes == HEAD {
        client.response_to_head().all()
    } else {
        String::from_utf8(client.take(bytes.len())).expect("text")
    };
    assert_eq!(found, bytes);
}

fn next(writers: &Receiver<Detached>) -> Detached {
    writers.recv_timeout(PATIENCE).expect("a writer")
}

#[test]
fn what_is_written_later_goes_out_in_chunks_and_the_connection_goes_on() {
    let (server, writers) = subscriptions();
    let mut client = server.send(get("/"));
    let mut writer = next(&writers);
    server.wait_until("no thread is held", |stats| stats.threads_in_user_code == 0);
    expect(&mut client, HEAD);
    writer.write_all(b"tea").expect("the client is there");
    expect(&mut client, "3\r\ntea\r\n");
    writer.write_all(b"milk").expect("the client is there");
    expect(&mut client, "4\r\nmilk\r\n");
    drop(writer);
    expect(&mut client, "0\r\n\r\n");
    client.send(get("/other"));
    assert_eq!(client.response().text(), "other");
}

#[test]
fn a_writer_that_is_dropped_at_once_leaves_an_empty_body() {
    let (server, writers) = subscriptions();
    let mut client = server.send(get("/"));
    drop(next(&writers));
    client.expect(&format!("{HEAD}0\r\n\r\n"));
}

#[test]
fn requests_behind_it_wait_for_its_end() {
    let (server, writers) = subscriptions();
    let mut client = server.send(get("/") + &get("/other"));
    let mut writer = next(&writers);
    expect(&mut client, HEAD);
    // One more, when the stream is quiet.
    client.send(get("/other"));
    writer.write_all(b"tea").expect("the client is there");
    expect(&mut client, "3\r\ntea\r\n");
    drop(writer);
    expect(&mut client, "0\r\n\r\n");
    for _ in 0..2 {
        assert_eq!(client.response().text(), "other");
    }
}

/// The end can come in the run that sends the last piece, or in the loop; the request behind before
/// or after.
#[test]
fn a_request_behind_it_is_answered_however_it_ends() {
    let server = http(
        answer(|http: &mut Exchange| {
            if http.path() == "/other" {
                return reply(http, "other");
            }
            http.send_response(200).end_headers()?;
            let mut writer = http.detach()?;
            let late = http.path() == "/late";
            std::thread::spawn(move || {
                if late {
                    // Long after the request behind has come: it is passed over once.
                    std::thread::sleep(Duration::from_millis(10));
                }
                writer.write_all(b"tea")
            });
            Ok(())
        }),
        |builder| builder.loops(1),
    );
    for round in 0..40 {
        let mut client = server.send(get(if round % 2 == 0 { "/late" } else { "/soon" }));
        client.response_to_head();
        client.send(get("/other"));
        expect(&mut client, "3\r\ntea\r\n0\r\n\r\n");
        assert_eq!(client.response().text(), "other");
    }
}

#[test]
fn the_writer_of_a_response_that_is_cut_is_told() {
    let (server, writers) = subscriptions_with(|give| {
        http(
            answer(move |http| {
                http.send_response(200).end_headers()?;
                give.send(http.detach()?)?;
                http.flush_headers()?;
                Err("it cannot go on".into())
            }),
            |builder: Builder<Http<_>>| builder.loops(1),
        )
    });
    let mut client = server.send(get("/"));
    let writer = next(&writers);
    client.rest_until_cut();
    wait_until("the writer is told", || writer.is_closed());
}

#[test]
fn a_handler_need_not_know_that_its_response_has_no_body() {
    let (server, writers) = subscriptions_with(|give| {
        http(
            answer(move |http| {
                http.send_response(200).end_headers()?;
                let mut writer = http.detach()?;
                writer.write_all(b"welcome")?;
                give.send(writer)?;
                Ok(())
            }),
            |builder: Builder<Http<_>>| builder,
        )
    });
    let mut client = server.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response_to_head().code(), 200);
    let mut writer = next(&writers);
    wait_until("the writer is told", || writer.is_closed());
    assert_eq!(writer.write(b"tea").expect_err("nobody reads").kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_body_that_ends_with_the_connection_is_cut_when_the_client_leaves() {
    let (server, writers) = subscriptions();
    let mut client = server.send("GET / HTTP/1.0\r\n\r\n");
    let mut writer = next(&writers);
    writer.write_all(b"half").expect("the client is there");
    client.response_to_head();
    expect(&mut client, "half");
    client.half_close();
    wait_until("the writer is told", || writer.is_closed());
    client.is_reset();
}

#[test]
fn one_that_begins_while_the_server_stops_ends_at_once() {
    let room = Arc::new(Room::default());
    let inner = Arc::clone(&room);
    let (mut server, writers) = subscriptions_with(|give| {
        http(
            answer(move |http| {
                inner.stay();
                http.send_response(200).end_headers()?;
                give.send(http.detach()?)?;
                Ok(())
            }),
            |builder: Builder<Http<_>>| builder.loops(1).shutdown_timeout(NEVER),
        )
    });
    let mut client = server.send(get("/"));
    let mut idle = server.connect();
    room.wait_for(1);
    server.handle.shutdown();
    // The loop has seen it.
    idle.ends();
    room.open();
    let _writer = next(&writers);
    client.response_to_head();
    expect(&mut client, "0\r\n\r\n");
    server.returns();
}

#[test]
fn a_client_that_leaves_is_told_to_the_writer() {
    let (server, writers) = subscriptions();
    let client = server.send(get("/"));
    let mut writer = next(&writers);
    assert!(!writer.is_closed());
    drop(client);
    server.wait_until("the connection is gone", |stats| stats.connections == 0);
    assert!(writer.is_closed());
    assert_eq!(writer.write(b"tea").expect_err("nobody reads").kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_client_that_does_not_read_fills_the_buffer_and_is_cut_off() {
    let (server, writers) = subscriptions();
    let _client = server.send(get("/"));
    let mut writer = next(&writers);
    let piece = vec![b'x'; 20_000];
    let begin = Instant::now();
    let mut refused = false;
    while !writer.is_closed() {
        match writer.write(&piece) {
            // All or nothing.
            Ok(count) => assert_eq!(count, piece.len()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                refused = true;
                std::thread::yield_now();
            }
        }
        assert!(begin.elapsed() < PATIENCE, "the write timeout does not come");
    }
    assert!(refused);
    server.wait_until("the connection is gone", |stats| stats.connections == 0);
}

#[test]
fn a_quiet_stream_outlives_all_time_outs() {
    let patience = Duration::from_millis(50);
    let (server, writers) = subscriptions_with(|give| {
        http(
            answer(move |http| {
                http.send_response(200).end_headers()?;
                give.send(http.detach()?)?;
                Ok(())
            }),
            |builder| {
                builder
                    .head_timeout(patience)
                    .idle_timeout(patience)
                    .body_timeout(patience)
                    .write_timeout(patience)
                    .minimum_rate(1_000_000, patience)
            },
        )
    });
    let mut client = server.send(get("/"));
    let mut writer = next(&writers);
    expect(&mut client, HEAD);
    for _ in 0..3 {
        std::thread::sleep(3 * patience);
        writer.write_all(b"tea").expect("the client is there");
        expect(&mut client, "3\r\ntea\r\n");
    }
}

#[test]
fn the_end_of_the_server_ends_the_response_and_not_only_the_connection() {
    let (server, writers) = subscriptions();
    let mut client = server.send(get("/"));
    let mut writer = next(&writers);
    expect(&mut client, HEAD);
    writer.write_all(b"tea").expect("the client is there");
    server.shut_down();
    assert!(writer.is_closed());
    expect(&mut client, "3\r\ntea\r\n0\r\n\r\n");
    client.ends();
}

#[test]
fn a_length_that_was_promised_is_kept() {
    let (server, writers) = subscriptions_with(|give| {
        http(
            answer(move |http| {
                http.send_response(200).send_header("Content-Length", 6).end_headers()?;
                give.send(http.detach()?)?;
                Ok(())
            }),
            |builder: Builder<Http<_>>| builder,
        )
    });
    let mut client = server.send(get("/"));
    let mut writer = next(&writers);
    writer.write_all(b"tea").expect("the client is there");
    writer.write_all(b"pot").expect("the client is there");
    drop(writer);
    assert_eq!(client.response().text(), "teapot");
    // Too little is no end.
    client.send(get("/"));
    let mut writer = next(&writers);
    writer.write_all(b"tea").expect("the client is there");
    drop(writer);
    assert!(client.rest_until_cut().ends_with(b"\r\n\r\ntea"));
}

#[test]
fn hundreds_of_streams_hold_no_thread_and_hear_every_broadcast() {
    let (server, writers) = subscriptions();
    let mut clients: Vec<_> = (0..300).map(|_| server.send(get("/"))).collect();
    let mut all: Vec<Detached> = clients.iter().map(|_| next(&writers)).collect();
    server.wait_until("no thread is held", |stats| stats.threads_in_user_code == 0);
    for client in &mut clients {
        expect(client, HEAD);
    }
    for _ in 0..3 {
        for writer in &mut all {
            writer.write_all(b"news").expect("the client is there");
        }
        for client in &mut clients {
            expect(client, "4\r\nnews\r\n");
        }
    }
}

#[test]
fn a_writer_that_is_kept_in_the_server_keeps_no_server_alive() {
    let alive = Arc::new(());
    let gone = Arc::downgrade(&alive);
    let server = http(
        answer(move |http| {
            assert!(Arc::strong_count(&alive) > 0);
            http.send_response(200).end_headers()?;
            *http.server().state::<Mutex<Option<Detached>>>().lock().expect("nobody panicked") =
                Some(http.detach()?);
            Ok(())
        }),
        |builder| builder,
    );
    let mut client = server.send(get("/"));
    expect(&mut client, HEAD);
    server.shut_down();
    assert!(gone.upgrade().is_none());
}

#[test]
fn a_server_without_loops_hears_the_writer_too() {
    let (give, writers) = mpsc::channel();
    let server = HttpServer::builder(answer(move |http: &mut Exchange| {
        http.send_response(200).send_header("Connection", "close").end_headers()?;
        give.send(http.detach()?)?;
        Ok(())
    }))
    .bind(("127.0.0.1", 0))
    .expect("a free port");
    let mut client = Client::connect(server.server_addresses()[0]);
    client.send(get("/"));
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| server.handle_request());
        let mut writer = next(&writers);
        client.response_to_head();
        for _ in 0..3 {
            writer.write_all(b"tea").expect("the client is there");
            expect(&mut client, "3\r\ntea\r\n");
        }
        drop(writer);
        expect(&mut client, "0\r\n\r\n");
        client.ends();
        drop(client);
        assert!(serving.join().expect("it does not panic").expect("it serves"));
    });
}
