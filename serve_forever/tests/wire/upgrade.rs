//! Switching protocols (rules 91 and 92), and streams that outlive their handler.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::support::engine::{PATIENCE, connect_from, http, status, wait_until};
use crate::support::{Client, SHORT, answer, masked, reply, serve};
use serve_forever::{AccessLog, Detached, Exchange, HttpServer, Result, StatusError, Stream};

const REQUEST: &str =
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: other, upper\r\n\r\n";

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\n\
                        Server: wire\r\n\
                        Date: *\r\n\
                        Upgrade: upper\r\n\
                        Connection: Upgrade\r\n\
                        \r\n";

fn switch(http: &mut Exchange) -> Result<Stream> {
    http.send_response(101).send_header("Upgrade", "upper").end_headers()?;
    http.upgrade()
}

/// Answers each line in capital letters.
fn upper(mut stream: Stream) -> io::Result<()> {
    let mut bytes = [0; 100];
    loop {
        let count = stream.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&bytes[..count].to_ascii_uppercase())?;
    }
}

fn in_the_handler(http: &mut Exchange) -> Result {
    Ok(upper(switch(http)?)?)
}

fn on_another_thread(http: &mut Exchange) -> Result {
    let stream = switch(http)?;
    thread::spawn(move || upper(stream));
    Ok(())
}

#[test]
fn rule_91_the_connection_is_what_the_protocol_makes_of_it() {
    for script in [in_the_handler, on_another_thread] {
        let server = serve(answer(script));
        let mut client = server.connect();
        client.send(REQUEST);
        client.expect(SWITCHED);
        for word in ["tea", "milk"] {
            client.send(word);
            assert_eq!(client.take(word.len()), word.to_uppercase().as_bytes());
        }
        client.half_close();
        client.ends();
    }
}

#[test]
fn rule_91_what_came_with_the_request_is_the_first_that_is_read() {
    for script in [in_the_handler, on_another_thread] {
        let server = serve(answer(script));
        let mut client = server.connect();
        client.send(format!("{REQUEST}early"));
        client.expect(SWITCHED);
        assert_eq!(client.take(5), b"EARLY");
    }
}

#[test]
fn rule_91_who_did_not_offer_the_protocol_is_told_what_to_offer() {
    let unasked = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: upper\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: lower, upper/2\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: upper\r\n\r\n",
    ];
    let server = serve(answer(in_the_handler));
    for request in unasked {
        let response = server.response(request);
        assert_eq!(response.code(), 426, "{request}");
        assert_eq!(response.field("Upgrade").as_deref(), Some("upper"));
        // Who offered another protocol may go on in that one. A single `Connection: close` would
        // hide the other from whoever stands in between.
        let connection = if request.contains("upgrade\r\n") { "Upgrade, close" } else { "Upgrade" };
        assert_eq!(response.values("Connection").join(", "), connection);
    }
}

#[test]
fn rule_91_head_switches_no_protocol() {
    const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: upper\r\n\r\n";
    let server = serve(answer(in_the_handler));
    let mut client = server.connect();
    client.send(HEAD.to_owned() + "tea");
    let response = client.response_to_head();
    assert_eq!(response.code(), 426);
    assert_eq!(response.field("Upgrade").as_deref(), Some("upper"));
    client.ends();
    // A handler that asks first answers as for any other HEAD, and goes on with its connection.
    let server =
        serve(answer(
            |http| {
                if http.offers_upgrade("upper") { in_the_handler(http) } else { reply(http, "plain") }
            },
        ));
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(HEAD);
        let response = client.response_to_head();
        assert_eq!((response.code(), response.field("Content-Length").as_deref()), (200, Some("5")));
    }
    client.send(REQUEST);
    client.expect(SWITCHED);
}

#[test]
fn rule_91_an_offer_that_the_handler_does_not_take_is_ignored() {
    let server = serve(answer(|http| reply(http, "plain")));
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(REQUEST);
        assert_eq!(client.response().text(), "plain");
    }
}

#[test]
fn rule_91_a_client_that_waits_for_100_gets_it_before_the_101() {
    let server = serve(answer(in_the_handler));
    let mut client = server.connect();
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\
         Connection: upgrade\r\nUpgrade: upper\r\n\r\n",
    );
    client.expect("HTTP/1.1 100 Continue\r\n\r\n");
    client.send("bodytea");
    client.expect(SWITCHED);
    assert_eq!(client.take(3), b"TEA");
}

#[test]
fn rule_91_a_body_that_is_too_long_to_be_read_away_is_refused() {
    let server = http(answer(in_the_handler), |builder| builder.max_drain_size(10));
    let mut client = server.connect();
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nConnection: upgrade\r\nUpgrade: upper\r\n\r\n\
         12345678901",
    );
    assert_eq!(client.response().code(), 413);
}

#[test]
fn rule_91_101_needs_a_protocol_and_a_stream() {
    let server = serve(answer(|http| http.send_response(101).end_headers()));
    assert_eq!(server.response(REQUEST).code(), 500);
    // The client would wait for a protocol that nobody speaks.
    let server = serve(answer(|http| http.send_response(101).send_header("Upgrade", "upper").end_headers()));
    assert_eq!(server.response(REQUEST).code(), 500);
    let server = serve(answer(|http| {
        http.send_response(101).send_header("Upgrade", "upper").end_headers()?;
        http.flush_headers()
    }));
    let mut client = server.connect();
    client.send(REQUEST);
    assert_eq!(masked(&client.rest_until_cut()), SWITCHED);
    let server = serve(answer(|http| {
        assert!(http.upgrade().is_err());
        http.send_response(200).end_headers()?;
        assert!(http.upgrade().is_err());
        Ok(())
    }));
    assert_eq!(server.response(REQUEST).code(), 200);
}

#[test]
fn rule_92_statuses_bring_the_fields_that_they_need() {
    let server = serve(answer(|http: &mut Exchange| {
        let error = match http.path() {
            "/401" => StatusError::new(401).header("WWW-Authenticate", "Basic realm=\"tea\""),
            "/413" => StatusError::new(413).header("Retry-After", 120),
            _ => StatusError::new(503).header("Retry-After", 1),
        };
        Err(error.into())
    }));
    for (path, name, value) in [
        ("/401", "WWW-Authenticate", "Basic realm=\"tea\""),
        ("/413", "Retry-After", "120"),
        ("/503", "Retry-After", "1"),
    ] {
        let response = server.response(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(format!("/{}", response.code()), path);
        assert_eq!(response.field(name).as_deref(), Some(value));
    }
}

#[test]
fn a_stream_that_lives_on_is_a_connection_until_it_is_dropped() {
    let (give, streams) = mpsc::channel();
    let server = http(
        answer(move |http| {
            give.send(switch(http)?)?;
            Ok(())
        }),
        |builder| builder.idle_timeout(Duration::from_millis(50)).linger_timeout(Duration::from_millis(50)),
    );
    let mut client = server.connect();
    client.send(REQUEST);
    client.expect(SWITCHED);
    let mut stream: Stream = streams.recv_timeout(PATIENCE).expect("a stream");
    server.wait_until("no thread is held", |stats| stats.threads_in_user_code == 0);
    assert_eq!(server.stats().connections, 1);
    client.send("hello");
    let mut bytes = [0; 5];
    stream.read_exact(&mut bytes).expect("what the client sent");
    stream.write_all(b"bye").expect("the client is there");
    assert_eq!(server.stats().connections, 1);
    drop(stream);
    assert_eq!(client.rest(), b"bye");
    drop(client);
    server.wait_until("the connection is gone", |stats| stats.connections == 0);
}

#[test]
fn halves_are_used_by_two_threads_and_end_the_connection_together() {
    let server = serve(answer(|http| {
        let (mut read, mut write) = switch(http)?.split();
        let pushing = thread::spawn(move || {
            write.write_all(b"pushed").expect("the client is there");
            write
        });
        let mut text = String::new();
        read.read_to_string(&mut text)?;
        pushing.join().expect("it does not panic").write_all(text.as_bytes())?;
        Ok(())
    }));
    let mut client = server.connect();
    client.send(REQUEST);
    client.expect(SWITCHED);
    assert_eq!(client.take(6), b"pushed");
    client.send("echo");
    client.half_close();
    assert_eq!(client.rest(), b"echo");
}

#[test]
fn a_read_timeout_comes_and_the_stream_goes_on() {
    let server = serve(answer(|http| {
        let mut stream = switch(http)?;
        stream.set_read_timeout(Some(Duration::from_millis(10)));
        let error = stream.read(&mut [0; 1]).expect_err("nobody says anything");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        stream.write_all(b"ping")?;
        stream.set_read_timeout(None);
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes)?;
        Ok(stream.write_all(&bytes)?)
    }));
    let mut client = server.connect();
    client.send(REQUEST);
    client.expect(SWITCHED);
    assert_eq!(client.take(4), b"ping");
    client.send("pong");
    assert_eq!(client.rest(), b"pong");
}

#[test]
fn half_of_the_threads_may_be_held_by_streams() {
    // Two of the ten are the loop's own.
    let server = http(answer(in_the_handler), |builder| {
        builder.loops(1).max_threads(10).max_streams_per_address(Some(4))
    });
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut client = server.connect();
        client.send(REQUEST);
        client.expect(SWITCHED);
        held.push(client);
    }
    let response = server.ask(REQUEST);
    assert_eq!((response.code(), response.field("Retry-After").as_deref()), (503, Some("1")));
    held.clear();
    server.wait_until("no thread is held", |stats| stats.threads_in_user_code == 0);
    let mut client = server.connect();
    client.send(REQUEST);
    client.expect(SWITCHED);
}

#[test]
fn the_end_of_the_server_ends_streams_wherever_they_are() {
    let (give, streams) = mpsc::channel();
    let server = http(
        answer(move |http| {
            if http.path() == "/" {
                return in_the_handler(http);
            }
            give.send(switch(http)?)?;
            Ok(())
        }),
        |builder| builder.shutdown_timeout(Duration::from_millis(100)),
    );
    let mut clients = Vec::new();
    for path in ["/", "/kept"] {
        let mut client = server.connect();
        client.send(REQUEST.replacen('/', path, 1));
        client.expect(SWITCHED);
        clients.push(client);
    }
    let mut kept: Stream = streams.recv_timeout(PATIENCE).expect("a stream");
    server.shut_down();
    assert_eq!(kept.read(&mut [0; 1]).unwrap_or(0), 0);
    for client in &mut clients {
        assert!(client.rest_until_cut().is_empty());
    }
}

/// The handler waited for its client before it switched: the socket is out of the poller, and must
/// come back once.
#[test]
fn a_stream_that_outlives_a_handler_that_waited_loses_nothing() {
    let (give, streams) = mpsc::channel();
    let server = http(
        answer(move |http| {
            give.send(switch(http)?)?;
            Ok(())
        }),
        |builder| builder.loops(1),
    );
    let mut client = server.connect();
    client.send(REQUEST.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"));
    assert_eq!(client.response().code(), 100);
    client.send("body");
    let mut stream: Stream = streams.recv_timeout(PATIENCE).expect("a stream");
    assert_eq!(client.response().code(), 101);
    server.wait_until("the handler returned", |stats| stats.threads_in_user_code == 0);
    stream.set_read_timeout(Some(Duration::from_millis(10)));
    // This waits outside of the loop.
    assert!(stream.read(&mut [0]).is_err());
    client.send("what nobody reads");
    stream.set_write_timeout(Some(Duration::from_millis(50)));
    // As much as the system takes.
    let mut taken = 0;
    while let Ok(count) = stream.write(&[b'x'; 16384]) {
        taken += count;
    }
    drop(stream);
    assert_eq!(client.rest().len(), taken);
}

/// Of a body that was said to come in chunks the end must be asked for.
#[test]
fn a_body_of_just_the_size_that_is_drained_does_not_stand_in_the_way() {
    let server = http(answer(in_the_handler), |builder| builder.max_drain_size(4));
    let offer = REQUEST.trim_end();
    for (body, code) in [
        ("Content-Length: 4\r\n\r\nbody", 101),
        ("Content-Length: 5\r\n\r\n12345", 413),
        ("Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", 101),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n", 413),
    ] {
        assert_eq!(server.ask(format!("{offer}\r\n{body}")).code(), code, "{body}");
    }
}

#[test]
fn a_writer_beside_a_stream_is_told_when_the_handler_is_over() {
    let (give, writers) = mpsc::channel();
    let server = http(
        answer(move |http| {
            http.send_response(101).send_header("Upgrade", "upper").end_headers()?;
            give.send(http.detach()?)?;
            drop(http.upgrade()?);
            Err("it cannot go on".into())
        }),
        |builder| builder.loops(1).handle_error(|_| {}),
    );
    let mut client = server.connect();
    client.send(REQUEST);
    client.expect(SWITCHED);
    let writer: Detached = writers.recv_timeout(PATIENCE).expect("a writer");
    wait_until("the writer is told", || writer.is_closed());
}

#[test]
fn a_client_that_resets_its_stream_is_no_error() {
    let (report, reports) = mpsc::channel();
    let server = http(
        answer(|http| {
            let fails = http.path() == "/fail";
            let mut stream = switch(http)?;
            if fails {
                return Err("on purpose".into());
            }
            // As a library does that has errors of its own for what it reads.
            stream.read_exact(&mut [0; 1]).map_err(|error| format!("not a frame: {error}"))?;
            Ok(())
        }),
        |builder| builder.handle_error(move |error| drop(report.send(error.error.clone()))),
    );
    for path in ["/", "/", "/fail"] {
        let mut client = connect_from([127, 0, 0, 1], server.address());
        client.write_all(REQUEST.replacen('/', path, 1).as_bytes()).expect("the server takes it");
        assert_eq!(status(&mut client), 101);
        let rest = SWITCHED.len() - "HTTP/1.1 101".len() - 1 + DATE.len();
        client.read_exact(&mut vec![0; rest]).expect("the rest of the head");
        if path == "/" {
            socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
        }
        drop(client);
        server.wait_until("the stream has ended", |stats| stats.upgraded == 0);
    }
    assert_eq!(reports.recv_timeout(PATIENCE).expect("a report"), "on purpose");
}

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// A stream that is kept after the handler has returned holds up `handle_request`, but not a server
/// that stops.
#[test]
fn a_shutdown_ends_handle_request_though_its_stream_is_kept() {
    let kept = Arc::new(Mutex::new(None));
    let inside = Arc::clone(&kept);
    let handler = answer(move |http| {
        http.send_response(101).send_header("Upgrade", "tea").end_headers()?;
        *inside.lock().expect("nobody panics") = Some(http.upgrade()?);
        Ok(())
    });
    let server = HttpServer::builder(handler)
        .access_log(AccessLog::off())
        .shutdown_timeout(SHORT)
        .bind(("127.0.0.1", 0))
        .expect("a free port");
    let mut client = Client::connect(server.server_addresses()[0]);
    thread::scope(|scope| {
        let serving = scope.spawn(|| server.handle_request().expect("it serves"));
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: tea\r\n\r\n");
        assert_eq!(client.response().code(), 101);
        server.handle().shutdown();
        assert!(serving.join().expect("it returns"));
    });
    assert!(client.rest_until_cut().is_empty());
    drop(kept);
}
