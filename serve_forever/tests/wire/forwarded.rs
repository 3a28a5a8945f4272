//! Clients behind trusted proxies that tell of them in a field of the request.

use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use crate::support::{Captured, Running, answer, reply, serve, serve_with};
use serve_forever::{AccessLog, Exchange, Result, proxy::Forwarded};

/// Answers with whom it takes the client to be.
fn whoami(http: &mut Exchange) -> Result {
    let text = format!("{} {}", http.client_address(), http.address_string());
    reply(http, text)
}

fn behind(proxies: &str, field: Forwarded) -> Running {
    let proxies = proxies.parse().expect("a list");
    serve_with(answer(whoami), |builder| builder.trusted_proxies(proxies).forwarded(field))
}

fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

#[test]
fn a_spoofed_chain_ends_at_the_client_whom_a_proxy_saw() {
    let server = behind("127.0.0.1, 10.0.0.0/8", Forwarded::XForwardedFor);
    for (fields, client) in [
        ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1:0 192.0.2.1"),
        ("X-Forwarded-For: 127.0.0.1, 198.51.100.9, 192.0.2.1\r\n", "192.0.2.1:0 192.0.2.1"),
        ("X-Forwarded-For: 198.51.100.9, 192.0.2.1, 10.1.1.1\r\n", "192.0.2.1:0 192.0.2.1"),
        ("X-Forwarded-For: 198.51.100.9\r\nX-Forwarded-For: 192.0.2.1:99\r\n", "192.0.2.1:99 192.0.2.1"),
        ("X-Forwarded-For: 198.51.100.9, junk, 10.1.1.1\r\n", "10.1.1.1:0 10.1.1.1"),
        ("X-Forwarded-For: 2001:db8::1\r\n", "[2001:db8::1]:0 2001:db8::1"),
    ] {
        assert_eq!(server.body(get(fields)), client, "{fields}");
    }
}

#[test]
fn where_nothing_trustworthy_is_said_the_peer_is_the_client() {
    let server = behind("127.0.0.1", Forwarded::XForwardedFor);
    for fields in [
        "",
        "X-Forwarded-For: unknown\r\n",
        "X-Forwarded-For: 192.0.2.1, \r\n",
        "Forwarded: for=192.0.2.1\r\n",
    ] {
        let mut client = server.connect();
        client.send(get(fields));
        let own = client.local_address();
        assert_eq!(client.response().text(), format!("{own} 127.0.0.1"), "{fields}");
    }
}

#[test]
fn who_is_not_trusted_is_not_believed() {
    let fields = "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n";
    for server in [
        behind("10.0.0.0/8, ::1, unix, 127.0.0.2", Forwarded::XForwardedFor),
        behind("", Forwarded::Forwarded),
        serve_with(answer(whoami), |builder| builder.trusted_proxies("127.0.0.1".parse().expect("a list"))),
        serve(answer(whoami)),
    ] {
        let mut client = server.connect();
        client.send(get(fields));
        let own = client.local_address();
        assert_eq!(client.response().text(), format!("{own} 127.0.0.1"));
    }
}

#[test]
fn each_request_of_a_connection_has_its_own_client() {
    let server = behind("127.0.0.1", Forwarded::Forwarded);
    let mut client = server.connect();
    let requests = [
        get("Forwarded: for=192.0.2.1\r\n"),
        get("Forwarded: for=\"[2001:db8::1]:4711\";proto=https\r\n"),
        get("Forwarded: for=_hidden\r\n"),
        get("Forwarded: for=\"198.51.100.9, for=192.0.2.2\r\n"),
    ];
    client.send(requests.concat());
    assert_eq!(client.response().text(), "192.0.2.1:0 192.0.2.1");
    assert_eq!(client.response().text(), "[2001:db8::1]:4711 2001:db8::1");
    let own = client.local_address();
    assert_eq!(client.response().text(), format!("{own} 127.0.0.1"));
    assert_eq!(client.response().text(), "192.0.2.2:0 192.0.2.2");
}

#[test]
fn the_log_and_error_reports_tell_the_client() {
    let (log, reports) = (Captured::default(), Captured::default());
    let told = Mutex::new(reports.clone());
    let script = |http: &mut Exchange| match http.path() {
        "/fail" => Err("no tea left".into()),
        _ => reply(http, "fine"),
    };
    let server = serve_with(answer(script), |builder| {
        builder
            .trusted_proxies("127.0.0.1".parse().expect("a list"))
            .forwarded(Forwarded::XForwardedFor)
            .body_timeout(Duration::from_millis(100))
            .access_log(AccessLog::to(log.clone()))
            .handle_error(move |report| {
                writeln!(told.lock().expect("nobody panics"), "{report}").expect("it takes lines");
            })
    });
    server.body(get("X-Forwarded-For: 192.0.2.1\r\n"));
    let request = "GET /fail HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 2001:db8::1\r\n\r\n";
    assert_eq!(server.response(request).code(), 500);
    // The field that the proxy appended may be behind what is not understood.
    server.refuses(get("X-Forwarded-For: 198.51.100.9\r\nno field\r\n"), 400);
    // Its head was whole.
    let slow = "POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.77\r\nContent-Length: 9\r\n\r\nab";
    server.refuses(slow, 408);
    // Errors have two; those of different loops come in any order.
    let lines = log.lines(7);
    assert_eq!(lines.iter().filter(|line| line.starts_with("192.0.2.77 - - [")).count(), 2, "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("192.0.2.1 - - [")), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.starts_with("2001:db8::1 - - [") && line.contains("/fail")),
        "{lines:?}"
    );
    assert!(lines.iter().all(|line| !line.contains("198.51.100.9")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("127.0.0.1 - - [")), "{lines:?}");
    assert!(
        reports.lines(1)[0].starts_with("[2001:db8::1]:0: the handler failed"),
        "{reports:?}",
        reports = reports.lines(1)
    );
}

#[test]
fn a_stream_is_the_clients_too() {
    let server = serve_with(
        answer(|http| {
            http.send_response(101).send_header("Upgrade", "x").end_headers()?;
            let mut stream = http.upgrade()?;
            let client = stream.peer_addr()?;
            write!(stream, "{client}")?;
            Ok(())
        }),
        |builder| {
            builder.trusted_proxies("127.0.0.1".parse().expect("a list")).forwarded(Forwarded::XForwardedFor)
        },
    );
    let mut client = server.connect();
    client.send(get("Connection: upgrade\r\nUpgrade: x\r\nX-Forwarded-For: 192.0.2.1\r\n"));
    assert_eq!(client.response().code(), 101);
    client.half_close();
    assert_eq!(client.rest(), b"192.0.2.1:0");
}

#[test]
fn a_fields_worth_of_proxies_is_no_trouble() {
    let server = behind("127.0.0.1", Forwarded::XForwardedFor);
    let chain = vec!["127.0.0.1"; 5000].join(",");
    assert_eq!(server.body(get(&format!("X-Forwarded-For: 192.0.2.1,{chain}\r\n"))), "192.0.2.1:0 192.0.2.1");
    let commas = ",".repeat(50_000);
    let mut client = server.connect();
    client.send(get(&format!("X-Forwarded-For: 192.0.2.1{commas}\r\n")));
    assert_eq!(client.response().code(), 200);
}

#[cfg(unix)]
#[test]
fn a_proxy_may_come_by_a_unix_socket() -> std::io::Result<()> {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use serve_forever::HttpServer;

    let path = std::env::temp_dir().join(format!("serve-forever-forwarded-{}.sock", std::process::id()));
    for (proxies, who) in [("unix", "192.0.2.1:0 192.0.2.1 false"), ("0.0.0.0/0 ::/0", "0.0.0.0:0 unix true")]
    {
        let server = HttpServer::builder(answer(|http| {
            let text = format!("{} {} {}", http.client_address(), http.address_string(), http.is_unix());
            reply(http, text)
        }))
        .access_log(AccessLog::off())
        .trusted_proxies(proxies.parse().expect("a list"))
        .forwarded(Forwarded::XForwardedFor)
        .unix_socket(&path)
        .bind(&[] as &[std::net::SocketAddr])?;
        let mut client = UnixStream::connect(&path)?;
        client.write_all(get("Connection: close\r\nX-Forwarded-For: 192.0.2.1\r\n").as_bytes())?;
        server.handle_request()?;
        let mut text = String::new();
        client.read_to_string(&mut text)?;
        assert!(text.ends_with(&format!("\r\n\r\n{who}")), "{text}");
    }
    Ok(())
}
