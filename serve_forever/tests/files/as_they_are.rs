//! Files about which the system does not tell everything: their content changes behind its back, or
//! their size is not what it says; and what is kept of them when nobody asks any more.

#![cfg(unix)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::files::{FAILSAFE, Site};
use serve_forever::{SimpleHttpRequestHandler, testing};

/// Maps the file to memory and changes it there, once for each line that it is told.
const MAPS: &str = "import mmap, sys
file = open(sys.argv[1], 'r+b')
memory = mmap.mmap(file.fileno(), 0)
for line in sys.stdin:
    memory[:] = line[0].encode() * len(memory)
    print(line[0], flush=True)
";

/// What is stored in memory that a file is mapped to leaves its times as they are, but for the
/// first time.
#[test]
fn what_a_program_stores_in_a_mapped_file_is_served_after_a_second() {
    let site = Site::new();
    site.file("mapped", vec![b'a'; 4096]);
    let program = Command::new("python3")
        .args(["-c", MAPS])
        .arg(site.path("mapped"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    // There is no way to map a file without unsafe code; what does it here need not be installed.
    let Ok(mut program) = program else {
        assert!(std::env::var_os("SERVE_FOREVER_CI").is_none(), "python3 is missing");
        eprintln!("skipped: there is no python3");
        return;
    };
    let (mut orders, mut done) = (program.stdin.take().expect("it"), program.stdout.take().expect("it"));
    let mut store = |letter: u8| {
        orders.write_all(&[letter, b'\n']).expect("the program reads");
        done.read_exact(&mut [0; 2]).expect("the program answers");
    };
    store(b'b');
    let mut tag = site.settled("/mapped");
    let mut client = site.client();
    let date = site.dated("/mapped");
    for letter in [b'c', b'd', b'e'] {
        assert_eq!(client.get("/mapped").code(), 200);
        store(letter);
        let (stored, end) = (Instant::now(), Instant::now() + FAILSAFE);
        // Asked for all the while: the content is not only looked at when nobody has asked for
        // long.
        let reply = loop {
            assert!(Instant::now() < end, "it stays what it was");
            let asked = Instant::now();
            let fields = format!("If-None-Match: {tag}\r\n");
            let reply = client.request("GET", "/mapped", &fields);
            if reply.code() == 200 {
                break reply;
            }
            assert!(asked - stored <= Duration::from_secs(1), "it is {:?} old", asked - stored);
            thread::sleep(Duration::from_millis(5));
        };
        assert!(reply.body == [letter; 4096], "{}", reply.text());
        let new = reply.tag.clone().expect("a tag");
        assert!(new != tag, "{new}");
        tag = new;
        // The date stays what it was, so it is not told, and nothing is concluded from it.
        assert_eq!(reply.field("Last-Modified"), None, "{}", reply.head);
        for field in [
            format!("If-Modified-Since: {date}\r\n"),
            format!("If-Unmodified-Since: {date}\r\n"),
            format!("Range: bytes=0-0\r\nIf-Range: {date}\r\n"),
        ] {
            let reply = client.request("GET", "/mapped", &field);
            assert!(reply.code() == 200 && reply.body == [letter; 4096], "{field}{}", reply.head);
        }
    }
    drop(orders);
    assert!(program.wait().expect("it ends").success());
}

/// The files of procfs are made when they are read, and their size is said to be 0.
#[cfg(target_os = "linux")]
mod without_a_size {
    use super::*;

    fn respond(directory: &str, request: &str) -> (String, Vec<u8>) {
        let handler = SimpleHttpRequestHandler::builder().directory(directory).build().expect("it is there");
        let mut head = testing::respond(handler, request.replace('\n', "\r\n"));
        let end = head.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        let body = head.split_off(end);
        (String::from_utf8(head).expect("text"), body)
    }

    #[test]
    fn a_file_that_says_it_is_empty_comes_with_what_is_in_it() {
        let path = "/proc/sys/kernel/ostype";
        let Ok(content) = fs::read(path) else { return };
        assert_eq!(fs::metadata(path).expect("it is there").len(), 0);
        let length = format!("\r\nContent-Length: {}\r\n", content.len());
        for (method, body) in [("GET", content.as_slice()), ("HEAD", b"")] {
            let request = format!("{method} /ostype HTTP/1.1\nHost: a\n\n");
            let (head, sent) = respond("/proc/sys/kernel", &request);
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains(&length), "{head}");
            assert_eq!(sent, body);
            // The next time it may be another, and nothing would tell.
            for field in ["\r\nETag: ", "\r\nLast-Modified: ", "\r\nAccept-Ranges: "] {
                assert!(!head.contains(field), "{head}");
            }
        }
    }

    #[test]
    fn no_part_of_it_comes_alone_and_no_condition_is_met_by_its_time() {
        let path = "/proc/sys/kernel/ostype";
        let Ok(content) = fs::read(path) else { return };
        for field in
            ["Range: bytes=0-0", "Range: bytes=99-", "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT"]
        {
            let request = format!("GET /ostype HTTP/1.1\nHost: a\n{field}\n\n");
            let (head, sent) = respond("/proc/sys/kernel", &request);
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{field}: {head}");
            assert_eq!(sent, content, "{field}");
        }
    }

    #[test]
    fn what_is_too_long_to_be_measured_is_refused() {
        // The symbols of the kernel: some megabytes, where they are told.
        let is_long = fs::read("/proc/kallsyms").is_ok_and(|content| content.len() > 1024 * 1024);
        if !is_long {
            return;
        }
        for method in ["GET", "HEAD"] {
            let request = format!("{method} / HTTP/1.1\nHost: a\n\n");
            let (head, _) = respond("/proc/kallsyms", &request);
            assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
        }
    }

    /// A file of sysfs says that it has a page.
    #[test]
    fn a_file_that_says_it_is_longer_comes_with_what_is_in_it() {
        let path = "/sys/kernel/mm/transparent_hugepage/enabled";
        let Ok(content) = fs::read(path) else { return };
        let (head, sent) =
            respond("/sys/kernel/mm/transparent_hugepage", "GET /enabled HTTP/1.1\nHost: a\n\n");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", content.len())), "{head}");
        assert!(!head.contains("\r\nETag: "), "{head}");
        assert_eq!(sent, content);
    }
}

#[cfg(target_os = "linux")]
mod descriptors {
    use crate::support::{alone, process};

    use super::*;

    /// Whether this process has the file open.
    fn is_open(path: &std::path::Path) -> bool {
        let path = path.canonicalize().expect("it is there");
        let entries = fs::read_dir("/proc/self/fd").expect("there is a /proc");
        let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        links.into_iter().any(|link| link == path)
    }

    fn threads() -> usize {
        process::threads(|name| name == "serve-forever-f")
    }

    #[track_caller]
    fn wait_until(what: &str, is_so: impl Fn() -> bool) -> Duration {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < FAILSAFE, "it is never so: {what}");
            thread::sleep(Duration::from_millis(10));
        }
        began.elapsed()
    }

    #[test]
    fn a_file_that_nobody_asks_for_is_closed() {
        alone(|| {
            let site = Site::new();
            site.file("large", vec![b'x'; 100_000]).file("asked", vec![b'x'; 100_000]);
            for target in ["/large", "/asked"] {
                site.settled(target);
                assert_eq!(site.get(target).body.len(), 100_000);
            }
            let large = site.path("large");
            assert!(is_open(&large), "it is not kept");
            let took = wait_until("it is closed", || {
                assert_eq!(site.get("/asked").code(), 200);
                !is_open(&large)
            });
            // Not at once, or keeping it would be for nothing.
            assert!((4..=15).contains(&took.as_secs()), "{took:?}");
            assert!(is_open(&site.path("asked")), "it was asked for");
            assert_eq!(site.get("/large").body.len(), 100_000);
            wait_until("they are closed", || !is_open(&large) && !is_open(&site.path("asked")));
            wait_until("the thread ends", || threads() == 0);
            // And it begins anew.
            assert_eq!(site.get("/large").body.len(), 100_000);
            assert!(is_open(&large), "it is not kept");
            // A thread gives itself its name after it has begun.
            wait_until("there is one thread", || threads() == 1);
        });
    }
}

/// More than [`BUFFER`], and less than what is kept in memory.
const CACHED: usize = 60 * 1024;
const BUFFER: usize = 8 * 1024;
const READERS: usize = 8;

/// A client that has a small buffer and does not read.
fn silent(address: SocketAddr, request: &str) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("its buffer");
    socket.connect(&address.into()).expect("the server accepts");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(FAILSAFE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("the request");
    stream.peek(&mut [0]).expect("the beginning of the response");
    stream
}

/// There are no threads that could wait for these clients.
#[test]
fn what_is_more_than_the_server_holds_back_waits_for_no_client() {
    let site = Site::with(|builder| {
        builder.loops(1).max_threads(1).buffer_size(BUFFER).send_buffer_size(Some(4096))
    });
    site.file("cached", vec![b'x'; CACHED]).file("small", "small").directory("list");
    for index in 0..200 {
        site.file(format!("list/a_file_with_a_long_name_to_fill_the_page_{index}"), "");
    }
    site.settled("/cached");
    let list = site.get("/list/");
    assert!(list.body.len() > 2 * BUFFER, "{}", list.body.len());
    let end = "Host: a\r\nConnection: close\r\n\r\n";
    let requests = [
        format!("GET /cached HTTP/1.1\r\n{end}"),
        format!("GET /cached HTTP/1.1\r\nRange: bytes=100-50099\r\n{end}"),
        format!("GET /list/ HTTP/1.1\r\n{end}"),
    ];
    let lengths = [CACHED, 50_000, list.body.len()];
    let mut silent: Vec<_> =
        (0..READERS).flat_map(|_| requests.iter().map(|request| silent(site.address(), request))).collect();
    for _ in 0..10 {
        assert_eq!(site.get("/small").text(), "small");
    }
    for (stream, length) in silent.iter_mut().zip(lengths.into_iter().cycle()) {
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).expect("the response");
        let head = reply.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        let body = if reply.starts_with(b"HTTP/1.1 20") { reply.len() - head } else { 0 };
        // A listing has chunks around it.
        assert!((length..length + 100).contains(&body), "{body} of {length}");
    }
}

#[test]
fn an_error_page_that_is_more_than_the_server_holds_back_comes_whole() {
    let site = Site::with(|builder| builder.buffer_size(16));
    let reply = site.get("/missing");
    reply.assert_not_found();
    assert_eq!(reply.field("Content-Length"), Some(reply.body.len().to_string().as_str()));
    site.file("a.txt", vec![b'x'; 10_000]);
    assert_eq!(site.get("/a.txt").body, vec![b'x'; 10_000]);
    assert_eq!(site.request("HEAD", "/missing", "").body, b"");
}
