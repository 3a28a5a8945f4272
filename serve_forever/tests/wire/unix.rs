//! Everything that a server does on TCP, done over a Unix socket.

#![cfg(unix)]

use std::env;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::support::engine::{FAST, NEVER, OpenAtEnd, PATIENCE, Room, Served, get, run, wait_until};
use crate::support::{Captured, Client, answer, describe, reply};
use serve_forever::{
    AccessLog, BaseRequestHandler, Builder, ErrorReport, Exchange, Http, HttpServer, Result,
    SimpleHttpRequestHandler, Stream, TcpServer,
};

const NOWHERE: &[SocketAddr] = &[];

/// More than a socket holds, so that sending it takes several turns.
const LARGE: usize = 5 << 20;

/// A directory for the sockets of one test. Paths of sockets must be short, so it is no part of the
/// target directory.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("serve-forever-wire-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }

    fn connect(&self) -> Client {
        connect(&self.socket())
    }

    fn send(&self, request: impl AsRef<[u8]>) -> Client {
        let mut client = self.connect();
        client.send(request);
        client
    }

    #[track_caller]
    fn is_alive(&self) {
        assert_eq!(self.send(FAST).response().text(), "fast");
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn connect(path: &Path) -> Client {
    let stream = UnixStream::connect(path).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("read timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("write timeout");
    Client::over(TcpStream::from(OwnedFd::from(stream)))
}

/// A server at the directory's socket, and nowhere else.
fn serve<F>(
    directory: &Directory,
    script: F,
    configure: impl FnOnce(Builder<Http<crate::support::Script<F>>>) -> Builder<Http<crate::support::Script<F>>>,
) -> Served
where
    F: Fn(&mut Exchange) -> Result + Clone + Send + Sync + 'static,
{
    let builder = HttpServer::builder(answer(script))
        .access_log(AccessLog::off())
        .head_timeout(NEVER)
        .idle_timeout(NEVER)
        .unix_socket(directory.socket());
    run(configure(builder).bind(NOWHERE).expect("the path is free"))
}

#[test]
fn requests_one_after_the_other_and_at_once_are_answered_on_one_connection() {
    let directory = Directory::new();
    let _server = serve(&directory, describe, |builder| builder);
    let mut client = directory.connect();
    for path in ["/1", "/2"] {
        client.send(get(path));
        assert_eq!(client.response().text(), format!("GET {path} host=a body=\n"));
    }
    client.send(format!("{}{}", get("/3"), get("/4")));
    assert_eq!(client.response().text(), "GET /3 host=a body=\n");
    assert_eq!(client.response().text(), "GET /4 host=a body=\n");
    client.half_close();
    client.ends();
}

#[test]
fn the_client_has_no_address_and_the_handler_can_tell_why() {
    let directory = Directory::new();
    let seen = |http: &mut Exchange| {
        let (is_unix, client) = (http.is_unix(), http.client_address());
        let sockets = http.server().unix_sockets().len();
        reply(http, format!("{is_unix} {client} {} {sockets}", http.address_string()))
    };
    let server = HttpServer::builder(answer(seen))
        .access_log(AccessLog::off())
        .unix_socket(directory.socket())
        .bind(("127.0.0.1", 0))
        .expect("a free port");
    assert_eq!(server.unix_sockets(), [directory.socket()]);
    assert_eq!(server.server_addresses().len(), 1);
    let server = run(server);
    assert_eq!(directory.send(get("/")).response().text(), "true 0.0.0.0:0 unix 1");
    let mut client = server.send(get("/"));
    assert_eq!(
        client.response().text(),
        format!("false {} 127.0.0.1 1", client.local_address()),
        "the same server, by TCP"
    );
}

#[test]
fn the_log_says_unix() {
    let directory = Directory::new();
    let log = Captured::default();
    let target = log.clone();
    let _server =
        serve(&directory, |http| reply(http, "fast"), |builder| builder.access_log(AccessLog::to(target)));
    directory.is_alive();
    let lines = log.lines(1);
    assert!(lines[0].starts_with("unix - - ["), "{}", lines[0]);
    assert!(lines[0].ends_with("] \"GET /fast HTTP/1.1\" 200 4"), "{}", lines[0]);
}

#[test]
fn so_does_the_report_of_an_error() {
    let directory = Directory::new();
    let (reports, errors) = std::sync::mpsc::channel();
    let _server = serve(
        &directory,
        |_| Err("no tea left".into()),
        |builder| builder.handle_error(move |report: &ErrorReport| drop(reports.send(report.to_string()))),
    );
    assert_eq!(directory.send(get("/")).response().code(), 500);
    assert_eq!(errors.recv_timeout(PATIENCE).expect("a report"), "unix: the handler failed: no tea left");
}

#[test]
fn a_large_file_arrives_whole() {
    let directory = Directory::new();
    let content: Vec<u8> = (0..LARGE).map(|index| (index % 251) as u8).collect();
    let path = directory.0.join("large");
    fs::write(&path, &content).expect("a file");
    let file = Arc::new(File::open(&path).expect("it is there"));
    let _server = serve(
        &directory,
        move |http| {
            if http.path() == "/fast" {
                return reply(http, "fast");
            }
            http.send_response(200).send_header("Content-Length", LARGE).end_headers()?;
            http.send_file(Arc::clone(&file), 0..LARGE as u64)
        },
        |builder| builder.loops(1),
    );
    let mut slow = directory.send(get("/file"));
    directory.is_alive();
    assert!(slow.response().body() == content);
    slow.send(FAST);
    assert_eq!(slow.response().text(), "fast");
}

#[test]
fn a_directory_is_served() {
    let directory = Directory::new();
    fs::create_dir(directory.0.join("site")).expect("a directory");
    let content = vec![b'x'; LARGE];
    fs::write(directory.0.join("site/large.bin"), &content).expect("a file");
    let handler =
        SimpleHttpRequestHandler::builder().directory(directory.0.join("site")).build().expect("it is there");
    let builder = HttpServer::builder(handler).access_log(AccessLog::off()).unix_socket(directory.socket());
    let _server = run(builder.bind(NOWHERE).expect("the path is free"));
    let mut client = directory.send(get("/large.bin"));
    assert!(client.response().body() == content);
    client.send(get("/"));
    assert!(client.response().text().contains("large.bin"));
}

#[test]
fn a_response_that_the_client_is_slow_to_take_arrives_whole() {
    let directory = Directory::new();
    let _server = serve(
        &directory,
        |http| {
            if http.path() == "/fast" {
                return reply(http, "fast");
            }
            http.send_response(200).end_headers()?;
            for _ in 0..LARGE >> 14 {
                http.wfile().write_all(&[b'x'; 1 << 14])?;
            }
            Ok(())
        },
        |builder| builder.loops(1),
    );
    let mut clients: Vec<Client> = (0..4).map(|_| directory.send(get("/large"))).collect();
    directory.is_alive();
    for client in &mut clients {
        assert_eq!(client.response().body().len(), LARGE);
        client.send(FAST);
        assert_eq!(client.response().text(), "fast");
    }
}

#[test]
fn a_body_that_comes_slowly_holds_no_loop() {
    let directory = Directory::new();
    let server = serve(
        &directory,
        |http| {
            if http.path() == "/fast" {
                return reply(http, "fast");
            }
            let length = io::copy(http.rfile(), &mut io::sink())?;
            reply(http, length.to_string())
        },
        |builder| builder.loops(1).body_timeout(NEVER),
    );
    // One is collected by turns, the other read by its handler, which has to wait.
    let mut small = directory.send("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
    let mut large =
        directory.send(format!("POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"));
    large.send(vec![b'x'; LARGE / 2]);
    server.wait_until("the handler waits", |stats| stats.threads_in_user_code == 1);
    directory.is_alive();
    small.send("b");
    directory.is_alive();
    small.send("c");
    assert_eq!(small.response().text(), "3");
    large.send(vec![b'x'; LARGE - LARGE / 2]);
    assert_eq!(large.response().text(), LARGE.to_string());
    large.send(FAST);
    assert_eq!(large.response().text(), "fast");
}

#[test]
fn a_handler_that_blocks_leaves_the_loop_to_others() {
    let directory = Directory::new();
    let room = Arc::new(Room::default());
    let inside = Arc::clone(&room);
    let _server = serve(
        &directory,
        move |http| {
            if http.path() == "/room" {
                inside.stay();
            }
            reply(http, "fast")
        },
        |builder| builder.loops(1),
    );
    let _open = OpenAtEnd(&room);
    let mut blocked: Vec<Client> = (0..3).map(|_| directory.send(get("/room"))).collect();
    room.wait_for(3);
    directory.is_alive();
    room.open();
    for client in &mut blocked {
        assert_eq!(client.response().text(), "fast");
        client.send(FAST);
        assert_eq!(client.response().text(), "fast");
    }
}

#[test]
fn a_refusal_arrives_although_the_client_sends_on() {
    let directory = Directory::new();
    let _server = serve(&directory, describe, |builder| builder.linger_timeout(NEVER));
    let mut client = directory.send("GET / HTTP/1.1\r\n\r\n");
    client.send(vec![b'x'; LARGE]);
    assert_eq!(client.response().code(), 400);
    client.half_close();
    client.ends();
}

#[test]
fn limits_per_address_do_not_take_all_clients_for_one() {
    let directory = Directory::new();
    let room = Arc::new(Room::default());
    let inside = Arc::clone(&room);
    let _server = serve(
        &directory,
        move |http| {
            if http.path() == "/room" {
                inside.stay();
            }
            reply(http, "fast")
        },
        |builder| {
            builder
                .loops(1)
                .max_threads(8)
                .max_connections_per_address(Some(1))
                .max_permits_per_address(Some(1))
                .permit_timeout(NEVER)
        },
    );
    let _open = OpenAtEnd(&room);
    // Of eight threads, one drives and one is for the driver's job: six can be inside.
    let mut blocked: Vec<Client> = (0..6).map(|_| directory.send(get("/room"))).collect();
    room.wait_for(6);
    room.open();
    for client in &mut blocked {
        assert_eq!(client.response().text(), "fast");
    }
}

#[test]
fn who_is_not_wanted_is_closed() {
    let directory = Directory::new();
    let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
    let _server =
        serve(&directory, describe, |builder| builder.verify_request(move |client| client != unspecified));
    assert!(directory.connect().rest_until_cut().is_empty());
}

#[test]
fn several_sockets_and_addresses_serve_side_by_side() {
    let directory = Directory::new();
    let paths = [directory.0.join("1"), directory.0.join("2")];
    let server = HttpServer::builder(answer(|http: &mut Exchange| reply(http, "fast")))
        .access_log(AccessLog::off())
        .unix_socket(&paths[0])
        .unix_socket(&paths[1])
        .bind(("127.0.0.1", 0))
        .expect("a free port");
    let server = run(server);
    server.is_alive();
    for path in &paths {
        let mut client = connect(path);
        client.send(FAST);
        assert_eq!(client.response().text(), "fast");
    }
    server.shut_down();
    for path in &paths {
        assert!(!path.exists());
    }
}

#[test]
fn a_shutdown_lets_requests_finish_and_removes_the_file() {
    let directory = Directory::new();
    let room = Arc::new(Room::default());
    let inside = Arc::clone(&room);
    let mut server = serve(
        &directory,
        move |http| {
            inside.stay();
            reply(http, "done")
        },
        |builder| builder.shutdown_timeout(NEVER),
    );
    let _open = OpenAtEnd(&room);
    let mut idle = directory.connect();
    let mut busy = directory.send(get("/"));
    room.wait_for(1);
    server.handle.shutdown();
    idle.ends();
    room.open();
    let response = busy.response();
    assert_eq!((response.text().as_str(), response.field("Connection").as_deref()), ("done", Some("close")));
    server.returns();
    assert!(!directory.socket().exists());
}

#[test]
fn a_shutdown_cuts_off_a_client_that_says_nothing_more() {
    let directory = Directory::new();
    let server = serve(&directory, describe, |builder| builder.shutdown_timeout(Duration::ZERO));
    let mut client = directory.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    server.wait_until("the client is there", |stats| stats.connections == 1);
    server.shut_down();
    assert!(client.rest_until_cut().is_empty());
}

#[test]
fn one_connection_is_served_on_the_calling_thread() {
    let directory = Directory::new();
    let server = HttpServer::builder(answer(describe))
        .access_log(AccessLog::off())
        .unix_socket(directory.socket())
        .bind(NOWHERE)
        .expect("the path is free");
    let mut client = directory.send(format!("{}{}", get("/1"), get("/2")));
    client.half_close();
    assert!(server.handle_request().expect("it serves"));
    assert_eq!(client.response().text(), "GET /1 host=a body=\n");
    assert_eq!(client.response().text(), "GET /2 host=a body=\n");
    client.ends();
}

#[test]
fn a_new_connection_that_says_nothing_is_closed_after_the_time_of_a_head() {
    let directory = Directory::new();
    let _server = serve(&directory, describe, |builder| builder.head_timeout(crate::support::SHORT));
    directory.connect().ends();
}

#[test]
fn a_closed_server_has_no_file_and_serves_no_more() {
    let directory = Directory::new();
    let server = HttpServer::builder(answer(describe))
        .unix_socket(directory.socket())
        .bind(NOWHERE)
        .expect("the path is free");
    assert!(directory.socket().exists());
    server.server_close();
    assert!(!directory.socket().exists());
    assert!(server.serve_forever().is_err());
}

#[test]
fn binding_says_what_is_in_the_way() {
    let directory = Directory::new();
    let bind = |path: &Path| {
        let builder = HttpServer::builder(answer(describe)).unix_socket(path);
        builder.bind(NOWHERE).map(drop).map_err(|error| (error.kind(), error.to_string()))
    };
    let path = directory.socket();
    let shown = path.display();
    let _server = serve(&directory, describe, |builder| builder);
    let taken = format!("cannot listen on the Unix socket {shown}: another server listens there already");
    assert_eq!(bind(&path), Err((ErrorKind::AddrInUse, taken)));

    let file = directory.0.join("file");
    fs::write(&file, "precious").expect("a file");
    let (kind, text) = bind(&file).expect_err("it is in the way");
    assert_eq!(kind, ErrorKind::AlreadyExists);
    assert!(text.contains(&file.display().to_string()) && text.contains("no socket"), "{text}");
    assert_eq!(fs::read(&file).expect("it is still there"), b"precious");

    let (kind, text) = HttpServer::builder(answer(describe))
        .bind(NOWHERE)
        .map(drop)
        .map_err(|error| (error.kind(), error.to_string()))
        .expect_err("nothing was given");
    assert_eq!(kind, ErrorKind::InvalidInput);
    assert_eq!(text, "there is neither an address nor a Unix socket to listen on");
}

#[test]
fn a_binding_that_fails_leaves_no_file_behind() {
    let directory = Directory::new();
    let missing = directory.0.join("missing/socket");
    let builder = HttpServer::builder(answer(describe)).unix_socket(directory.socket()).unix_socket(missing);
    assert_eq!(builder.bind(NOWHERE).map(drop).map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    assert!(!directory.socket().exists());
}

#[test]
fn handlers_of_other_protocols_read_what_a_client_sent_before_it_left() {
    struct Upper;

    impl BaseRequestHandler for Upper {
        fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
            assert!(request.is_unix());
            let mut text = String::new();
            request.read_to_string(&mut text)?;
            *request.server().state::<std::sync::Mutex<String>>().lock().expect("nobody panics") =
                text.clone();
            request.write_all(text.to_uppercase().as_bytes())
        }
    }

    let directory = Directory::new();
    let builder = TcpServer::builder(|| Upper).unix_socket(directory.socket());
    let server = run(builder.bind(NOWHERE).expect("the path is free"));
    let mut client = directory.send("tea");
    client.half_close();
    assert_eq!(client.rest(), b"TEA");
    drop(directory.send("coffee"));
    wait_until("the other one is read, too", || {
        *server.handle.state::<std::sync::Mutex<String>>().lock().expect("nobody panics") == "coffee"
    });
}

#[test]
fn curl_gets_its_page() {
    let directory = Directory::new();
    let _server = serve(&directory, describe, |builder| builder);
    let curl = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--max-time", "30", "--unix-socket"])
        .arg(directory.socket())
        .arg("http://localhost/page")
        .output();
    match curl {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            assert!(env::var_os("SERVE_FOREVER_CI").is_none(), "curl is missing");
        }
        outcome => {
            let output = outcome.expect("curl runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(output.stdout, b"GET /page host=localhost body=\n");
        }
    }
}
