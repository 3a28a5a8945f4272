//! Connections that begin with a header of the PROXY protocol.

use std::io::{self, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Mutex;

use crate::support::engine::{Served, http, raw};
use crate::support::{Captured, Client, Gate, SHORT, answer, describe, reply};
use serve_forever::{
    AccessLog, BaseRequestHandler, Exchange, HttpServer, Result, Stream, TcpServer, proxy::Forwarded,
    proxy::ProxyProtocol,
};

const V1: &str = "PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n";
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// 192.0.2.1:4711 to 198.51.100.1:443, and a TLV.
fn v2() -> Vec<u8> {
    let addresses = [192, 0, 2, 1, 198, 51, 100, 1, 0x12, 0x67, 1, 187];
    [V2_START, &[0x21, 0x11, 0, 12 + 5], &addresses, &[2, 0, 2, b'a', b'b']].concat()
}

/// Says that the connection is the proxy's own.
fn v2_local() -> Vec<u8> {
    [V2_START, &[0x20, 0, 0, 0]].concat()
}

/// Answers with whom it takes the client to be.
fn whoami(http: &mut Exchange) -> Result {
    let text = http.client_address().to_string();
    reply(http, text)
}

fn behind(proxies: &str) -> Served {
    let proxies = proxies.parse().expect("a list");
    http(answer(whoami), |builder| {
        builder
            .trusted_proxies(proxies)
            .proxy_protocol(ProxyProtocol::Required)
            .head_timeout(crate::support::engine::NEVER)
    })
}

/// Says whom it takes the client to be, and then what it says itself.
struct Echo;

impl BaseRequestHandler for Echo {
    fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
        let client = request.peer_addr()?;
        write!(request, "{client} ")?;
        let mut bytes = [0; 100];
        loop {
            let count = request.read(&mut bytes)?;
            if count == 0 {
                return Ok(());
            }
            request.write_all(&bytes[..count])?;
        }
    }
}

fn raw_behind(proxies: &str) -> Served {
    let proxies = proxies.parse().expect("a list");
    raw(|| Echo, |builder| builder.trusted_proxies(proxies).proxy_protocol(ProxyProtocol::Required))
}

#[test]
fn header_and_request_in_one_piece() {
    let server = behind("127.0.0.1");
    for header in [V1.as_bytes(), &v2()] {
        let mut client = server.connect();
        client.send([header, GET.as_bytes(), GET.as_bytes()].concat());
        for _ in 0..2 {
            assert_eq!(client.response().text(), "192.0.2.1:4711");
        }
        client.send(GET);
        assert_eq!(client.response().text(), "192.0.2.1:4711");
    }
}

#[test]
fn a_header_cut_anywhere_is_put_together() {
    let server = behind("127.0.0.1");
    for header in [V1.as_bytes(), &v2()] {
        for cut in 1..header.len() {
            let mut client = server.connect();
            client.send(&header[..cut]);
            client.send(&header[cut..]);
            client.send(GET);
            assert_eq!(client.response().text(), "192.0.2.1:4711");
        }
        let mut client = server.connect();
        for byte in [header, GET.as_bytes()].concat() {
            client.send([byte]);
        }
        assert_eq!(client.response().text(), "192.0.2.1:4711");
    }
}

#[test]
fn a_large_request_behind_the_header_is_whole() {
    let server = http(answer(describe), |builder| {
        builder.trusted_proxies("127.0.0.1".parse().expect("a list")).proxy_protocol(ProxyProtocol::Required)
    });
    let body = "x".repeat(200_000);
    let request = format!("{V1}POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n{body}");
    let mut client = server.connect();
    client.send(request);
    assert_eq!(client.response().text(), format!("POST / host=a body={body}\n"));
}

#[test]
fn ipv6_is_told_in_both_versions() {
    let server = behind("127.0.0.1");
    let mut addresses = [0; 36];
    addresses[..16].copy_from_slice(&"2001:db8::1".parse::<Ipv6Addr>().expect("an address").octets());
    addresses[32..34].copy_from_slice(&[0x12, 0x67]);
    let v2 = [V2_START, &[0x21, 0x21, 0, 36], &addresses].concat();
    for header in [&b"PROXY TCP6 2001:db8::1 ::1 4711 443\r\n"[..], &v2] {
        let mut client = server.connect();
        client.send([header, GET.as_bytes()].concat());
        assert_eq!(client.response().text(), "[2001:db8::1]:4711");
    }
}

#[test]
fn a_proxy_that_names_nobody_is_the_client_itself() {
    let server = behind("127.0.0.1");
    let unix = [V2_START, &[0x21, 0x31, 0, 216], &[b'/'; 216]].concat();
    let udp = [V2_START, &[0x21, 0x12, 0, 12], &[1; 12]].concat();
    for header in
        [&b"PROXY UNKNOWN\r\n"[..], b"PROXY UNKNOWN 192.0.2.1 192.0.2.2 1 2\r\n", &v2_local(), &unix, &udp]
    {
        let mut client = server.connect();
        client.send([header, GET.as_bytes()].concat());
        let own = client.local_address().to_string();
        assert_eq!(client.response().text(), own, "{}", header.escape_ascii());
    }
}

#[test]
fn what_is_no_header_closes_the_connection_without_an_answer() {
    let server = behind("127.0.0.1");
    let reserved = [V2_START, &[0x11, 0x11, 0, 12], &[1; 12]].concat();
    let huge = [V2_START, &[0x21, 0x11, 0xff, 0xff]].concat();
    let endless = "PROXY UNKNOWN ".to_owned() + &"x".repeat(93);
    for bytes in [
        GET.as_bytes(),
        b"PROXY TCP4 192.0.2.1 198.51.100.1 4711 65536\r\n",
        b"PROXY TCP4 example.com 198.51.100.1 4711 443\r\n",
        b"PROXY TCP6 192.0.2.1 198.51.100.1 4711 443\r\n",
        b"\r\n\r\n\0\r\nQUIX",
        b"\x16\x03\x01\x02\x00",
        endless.as_bytes(),
        &reserved,
        &huge,
    ] {
        let mut client = server.connect();
        // Nothing more is awaited: it is what is there that is refused.
        client.send(bytes);
        assert_eq!(client.rest_until_cut(), b"", "{}", bytes.escape_ascii());
    }
    // The second header is what the client says: no request.
    let mut client = server.connect();
    client.send(format!("{V1}{V1}{GET}"));
    assert_eq!(client.response().code(), 400);
}

#[test]
fn a_header_may_be_as_long_as_allowed() {
    let server = http(answer(whoami), |builder| {
        builder
            .trusted_proxies("127.0.0.1".parse().expect("a list"))
            .proxy_protocol(ProxyProtocol::Required)
            .max_proxy_header_size(3000)
    });
    let header = |rest: usize| {
        let length = u16::try_from(rest).expect("not that long").to_be_bytes();
        [V2_START, &[0x20, 0], &length, &vec![1; rest]].concat()
    };
    let mut client = server.connect();
    client.send([&header(3000 - 16), GET.as_bytes()].concat());
    assert_eq!(client.response().code(), 200);
    let mut client = server.connect();
    client.send(header(3000 - 15));
    assert_eq!(client.rest_until_cut(), b"");
}

#[test]
fn who_is_not_trusted_is_closed_at_once() {
    for server in [behind("10.0.0.0/8, ::1, unix"), raw_behind("192.0.2.1")] {
        let mut client = server.connect();
        // The server may be gone before it is told anything.
        let _ = client.try_send(format!("{V1}{GET}"));
        assert_eq!(client.rest_until_cut(), b"");
        server.wait_until("it is forgotten", |stats| stats.connections == 0);
    }
}

#[test]
fn a_header_that_does_not_come_is_awaited_for_the_time_of_a_head() {
    let proxies = || "127.0.0.1".parse().expect("a list");
    let served = [
        http(answer(whoami), |builder| {
            builder.trusted_proxies(proxies()).proxy_protocol(ProxyProtocol::Required).head_timeout(SHORT)
        }),
        raw(
            || Echo,
            |builder| {
                builder.trusted_proxies(proxies()).proxy_protocol(ProxyProtocol::Required).head_timeout(SHORT)
            },
        ),
    ];
    for server in &served {
        for bytes in ["", "PROXY TCP4 192"] {
            let mut client = server.connect();
            client.send(bytes);
            client.ends();
        }
        // However busy the proxy is with it.
        let mut client = server.connect();
        client.send("PROXY UNKNOWN ");
        client.trickle_until_answered(b"x", SHORT / 20);
        assert_eq!(client.rest_until_cut(), b"");
    }
}

#[test]
fn a_proxy_that_leaves_within_the_header_is_forgotten() {
    for server in [behind("127.0.0.1"), raw_behind("127.0.0.1")] {
        let mut client = server.connect();
        client.send(&V1[..20]);
        client.half_close();
        client.ends();
        server.wait_until("it is forgotten", |stats| stats.connections == 0);
    }
}

#[test]
fn raw_connections_have_it_too() {
    let server = raw_behind("127.0.0.1");
    for header in [V1.as_bytes(), &v2()] {
        let mut client = server.connect();
        client.send([header, b"early"].concat());
        assert_eq!(client.take(20), b"192.0.2.1:4711 early");
        client.send("late");
        assert_eq!(client.take(4), b"late");
        client.half_close();
        client.ends();
        for cut in 1..header.len() {
            let mut client = server.connect();
            client.send(&header[..cut]);
            client.send(&header[cut..]);
            assert_eq!(client.take(15), b"192.0.2.1:4711 ");
        }
    }
    let mut client = server.connect();
    client.send("hello, who is there?\n");
    assert_eq!(client.rest_until_cut(), b"");
}

#[test]
fn the_log_tells_the_client() {
    let log = Captured::default();
    let (target, proxies) = (log.clone(), "127.0.0.1".parse().expect("a list"));
    let server = http(answer(whoami), |builder| {
        builder
            .trusted_proxies(proxies)
            .proxy_protocol(ProxyProtocol::Required)
            .access_log(AccessLog::to(target))
    });
    let mut client = server.connect();
    client.send(format!("{V1}{GET}"));
    client.response();
    client.send("no request\r\n\r\n");
    assert_eq!(client.response().code(), 400);
    assert!(log.lines(2).iter().all(|line| line.starts_with("192.0.2.1 - - [")), "{:?}", log.lines(2));
}

#[test]
fn a_field_is_believed_if_the_client_of_the_header_is_a_proxy() {
    let server = http(answer(whoami), |builder| {
        builder
            .trusted_proxies("127.0.0.1, 10.0.0.0/8".parse().expect("a list"))
            .proxy_protocol(ProxyProtocol::Required)
            .forwarded(Forwarded::XForwardedFor)
    });
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n";
    for (header, client) in
        [(V1, "192.0.2.1:4711"), ("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", "198.51.100.9:0")]
    {
        let mut connection = server.connect();
        connection.send(format!("{header}{request}"));
        assert_eq!(connection.response().text(), client, "{header}");
    }
    // The field of somebody whom the proxy does not name may be his own.
    let mut connection = server.connect();
    connection.send(format!("PROXY UNKNOWN\r\n{request}"));
    assert_eq!(connection.response().text(), connection.local_address().to_string());
}

#[test]
fn connections_are_counted_as_those_of_the_client() {
    let server = http(answer(whoami), |builder| {
        builder
            .trusted_proxies("127.0.0.1".parse().expect("a list"))
            .proxy_protocol(ProxyProtocol::Required)
            .max_connections_per_address(Some(2))
    });
    let connect = |address: &str| {
        let mut client = server.connect();
        client.send(format!("PROXY TCP4 {address} 198.51.100.1 4711 443\r\n{GET}"));
        let code = client.response().code();
        (client, code)
    };
    let clients: Vec<(Client, u16)> =
        ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2"].map(connect).into_iter().collect();
    assert!(clients.iter().all(|(_, code)| *code == 200));
    let (mut refused, code) = connect("192.0.2.1");
    assert_eq!(code, 503);
    refused.ends();
    drop((refused, clients));
    // Those that have said nothing yet are nobody's.
    let silent: Vec<Client> = (0..5).map(|_| server.connect()).collect();
    server.wait_until("only these are there", |stats| stats.connections == silent.len());
    for address in ["192.0.2.1", "192.0.2.2"] {
        assert_eq!(connect(address).1, 200);
    }
}

#[test]
fn permits_are_counted_as_those_of_the_client() {
    let gate = Gate::default();
    let waits = gate.clone();
    let script = move |http: &mut Exchange| {
        if http.path() == "/wait" {
            waits.wait();
        }
        whoami(http)
    };
    let server = http(answer(script), |builder| {
        builder
            .trusted_proxies("127.0.0.1".parse().expect("a list"))
            .proxy_protocol(ProxyProtocol::Required)
            .loops(1)
            .max_threads(18)
            .max_permits_per_address(Some(4))
    });
    let ask = |address: &str, path: &str| {
        let mut client = server.connect();
        client.send(format!(
            "PROXY TCP4 {address} 198.51.100.1 4711 443\r\nGET {path} HTTP/1.1\r\nHost: a\r\n\r\n"
        ));
        client
    };
    let waiting: Vec<Client> = (0..8).map(|_| ask("192.0.2.1", "/wait")).collect();
    server.wait_until("all have left the loop", |stats| stats.threads_in_user_code == 8);
    // That is half of the 16 that may be apart from the loop: from now on no address may have more
    // than its share.
    assert_eq!(ask("192.0.2.1", "/").response().code(), 503);
    assert_eq!(ask("192.0.2.2", "/").response().text(), "192.0.2.2:4711");
    gate.open();
    for mut client in waiting {
        assert_eq!(client.response().text(), "192.0.2.1:4711");
    }
}

#[test]
fn a_server_that_stops_does_not_wait_for_headers() {
    for server in [behind("127.0.0.1"), raw_behind("127.0.0.1")] {
        let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
        clients[0].send("PROXY TCP4");
        server.wait_until("all are there", |stats| stats.connections == 3);
        drop(server);
        for mut client in clients {
            assert_eq!(client.rest_until_cut(), b"");
        }
    }
}

#[test]
fn one_connection_on_the_calling_thread_has_it_too() -> io::Result<()> {
    let trusting = "127.0.0.1".parse().expect("a list");
    let server = HttpServer::builder(answer(whoami))
        .access_log(AccessLog::off())
        .trusted_proxies(trusting)
        .proxy_protocol(ProxyProtocol::Required)
        .bind(("127.0.0.1", 0))?;
    let mut proxy = TcpStream::connect(server.server_addresses()[0])?;
    proxy.write_all(format!("{V1}GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())?;
    assert!(server.handle_request()?);
    let mut text = String::new();
    proxy.read_to_string(&mut text)?;
    assert!(text.ends_with("\r\n\r\n192.0.2.1:4711"), "{text}");

    let server = TcpServer::builder(|| Echo)
        .timeout(SHORT)
        .trusted_proxies("10.0.0.0/8".parse().expect("a list"))
        .proxy_protocol(ProxyProtocol::Required)
        .bind(("127.0.0.1", 0))?;
    let _stranger = TcpStream::connect(server.server_addresses()[0])?;
    assert!(!server.handle_request()?, "nobody came who may come");
    Ok(())
}

#[test]
fn without_anybody_to_speak_it_there_is_no_server() {
    let builder = HttpServer::builder(answer(whoami)).proxy_protocol(ProxyProtocol::Required);
    let error = builder.bind(("127.0.0.1", 0)).expect_err("nobody could be served");
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("trusted proxies"), "{error}");
}

#[test]
fn an_error_report_tells_the_client() {
    struct Fails;
    impl BaseRequestHandler for Fails {
        fn handle(&mut self, _: &mut Stream) -> io::Result<()> {
            Err(io::Error::other("no tea left"))
        }
    }
    let (tell, told) = std::sync::mpsc::channel::<SocketAddr>();
    let tell = Mutex::new(tell);
    let server = raw(
        || Fails,
        |builder| {
            builder
                .trusted_proxies("127.0.0.1".parse().expect("a list"))
                .proxy_protocol(ProxyProtocol::Required)
                .handle_error(move |report| {
                    let _ = tell.lock().expect("nobody panics").send(report.client_address);
                })
        },
    );
    let _client = server.send(V1);
    let address = told.recv_timeout(crate::support::engine::PATIENCE).expect("a report");
    assert_eq!(address.to_string(), "192.0.2.1:4711");
}

/// Before the header and behind it: all of that has one time.
#[test]
fn a_proxy_that_says_nothing_or_only_whom_it_speaks_for_is_closed() {
    let proxies = "127.0.0.1".parse().expect("a list");
    let server = http(answer(whoami), |builder| {
        builder.trusted_proxies(proxies).proxy_protocol(ProxyProtocol::Required).head_timeout(SHORT)
    });
    for begin in ["", V1, "PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n\r\n"] {
        server.send(begin).ends();
    }
}
