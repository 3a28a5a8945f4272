//! What goes wrong with files and with this process while the program serves: it goes on, and
//! others do not notice.
#![cfg(unix)]

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::support::tools::bytes;
use crate::support::{Directory, FAILSAFE, Serving};

/// More than the sockets of both sides hold, so that it is on its way until the client reads.
const LARGE: usize = 32 << 20;

/// Asks for `path` and waits for the beginning of the response, without taking it.
fn begin(serving: &Serving, path: &str) -> TcpStream {
    let stream = ask(serving, path);
    stream.peek(&mut [0]).expect("the beginning of the response");
    stream
}

fn ask(serving: &Serving, path: &str) -> TcpStream {
    let mut stream = serving.connect();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("the request");
    stream
}

fn head_of(serving: &Serving, path: &str) -> String {
    let mut stream = serving.connect();
    write!(stream, "HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("the request");
    String::from_utf8(rest(&mut stream)).expect("the head is text")
}

/// What there is until the connection ends, in whatever way.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("it does not end: {error}"),
        _ => bytes,
    }
}

/// The head, and the content as far as it came.
fn split(response: &[u8]) -> (String, &[u8]) {
    let end = response.windows(4).position(|window| window == b"\r\n\r\n").expect("the head is complete") + 4;
    (String::from_utf8(response[..end].to_vec()).expect("the head is text"), &response[end..])
}

fn status(response: &[u8]) -> &str {
    response.get(9..12).and_then(|code| std::str::from_utf8(code).ok()).unwrap_or("none")
}

/// A server of `large` and `small`, with several clients that have got only the beginning of
/// `large`; its content.
fn slow_clients(count: usize) -> (Directory, Serving, Vec<TcpStream>, Vec<u8>) {
    let content = bytes(LARGE);
    let directory = Directory::new().with("large", &content).with("small", "small");
    let serving = Serving::files(directory.path());
    let clients = (0..count).map(|_| begin(&serving, "/large")).collect();
    (directory, serving, clients, content)
}

#[test]
fn a_file_that_is_cut_off_on_its_way_ends_early_and_holds_up_nobody() {
    let (directory, serving, clients, content) = slow_clients(4);
    let file = File::options().write(true).open(directory.path().join("large")).expect("the file");
    // Behind all that is on its way: what the sockets of one machine hand on is the file's own
    // memory, which a cut in its midst fills with zeros even there.
    let length = LARGE / 2;
    file.set_len(length as u64).expect("its length");
    assert!(serving.get("/small").ends_with("small"));
    for mut client in clients {
        let response = rest(&mut client);
        // What the system had not delivered may be lost, the head with it.
        if response.is_empty() {
            continue;
        }
        let (head, body) = split(&response);
        assert!(head.contains(&format!("\r\nContent-Length: {LARGE}\r\n")), "{head}");
        assert!(body.len() < LARGE && content.starts_with(body), "{} bytes", body.len());
    }
    assert!(head_of(&serving, "/large").contains(&format!("\r\nContent-Length: {length}\r\n")));
}

#[test]
fn a_file_that_is_written_to_on_its_way_does_not_arrive_mixed() {
    let (directory, serving, clients, content) = slow_clients(4);
    let file = File::options().write(true).open(directory.path().join("large")).expect("the file");
    file.write_all_at(&[0; 1000], LARGE as u64 - 1000).expect("its end");
    assert!(serving.get("/small").ends_with("small"));
    for mut client in clients {
        let response = rest(&mut client);
        if response.is_empty() {
            continue;
        }
        let (_, body) = split(&response);
        assert!(body.len() < LARGE && content.starts_with(body), "{} bytes", body.len());
    }
}

#[test]
fn a_file_that_is_replaced_on_its_way_arrives_as_it_was() {
    let (directory, serving, clients, content) = slow_clients(4);
    fs::write(directory.path().join("new"), "another").expect("a file");
    fs::rename(directory.path().join("new"), directory.path().join("large")).expect("it is replaced");
    assert!(serving.get("/small").ends_with("small"));
    assert!(serving.get("/large").ends_with("\r\n\r\nanother"));
    for mut client in clients {
        assert_whole(&rest(&mut client), &content);
    }
}

#[test]
fn a_file_that_is_removed_on_its_way_arrives_whole() {
    let (directory, serving, clients, content) = slow_clients(4);
    fs::remove_file(directory.path().join("large")).expect("the file");
    assert!(serving.get("/small").ends_with("small"));
    assert!(serving.get("/large").starts_with("HTTP/1.1 404 "));
    for mut client in clients {
        assert_whole(&rest(&mut client), &content);
    }
}

#[test]
fn a_file_that_is_locked_on_its_way_arrives_whole() {
    let (directory, serving, clients, content) = slow_clients(4);
    let path = directory.path().join("large");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("its mode");
    assert!(serving.get("/small").ends_with("small"));
    // For some users there are no locks.
    if File::open(&path).is_err() {
        assert!(serving.get("/large").starts_with("HTTP/1.1 404 "));
    }
    for mut client in clients {
        assert_whole(&rest(&mut client), &content);
    }
}

#[track_caller]
fn assert_whole(response: &[u8], content: &[u8]) {
    assert_eq!(status(response), "200");
    let (_, body) = split(response);
    assert_eq!(body.len(), content.len());
    assert!(body == content, "the content is another");
}

#[test]
fn out_of_descriptors_clients_wait_or_are_told_so_and_then_all_is_well() {
    let directory = Directory::new().with("small", "small");
    // Each in a file of its own, so that each download needs two descriptors.
    for index in 0..CLIENTS {
        let file = File::create(directory.path().join(format!("large{index}"))).expect("a file");
        file.set_len(LARGE as u64).expect("its length");
    }
    let mut serving = with_few_descriptors(&directory);

    let mut clients: Vec<TcpStream> =
        (0..CLIENTS).map(|index| ask(&serving, &format!("/large{index}"))).collect();
    // Who came first has got something before anything was scarce.
    clients[0].peek(&mut [0]).expect("the beginning of the response");
    // These have waited, or been told; those before them go away.
    let waiting = clients.split_off(CLIENTS - 20);
    drop(clients);
    let mut statuses = Vec::new();
    for mut client in waiting {
        let mut beginning = [0; 12];
        client.read_exact(&mut beginning).expect("the status line");
        statuses.push(status(&beginning).to_owned());
    }
    assert!(statuses.iter().all(|status| status == "200" || status == "503"), "{statuses:?}");
    // Nobody is left, which the program learns one by one.
    let start = Instant::now();
    for path in ["/large0", "/small"] {
        while !serving.get(path).starts_with("HTTP/1.1 200 ") {
            assert!(start.elapsed() < FAILSAFE, "it does not recover");
        }
    }
    assert!(serving.is_running());
}

/// More than [`DESCRIPTORS`], each of which wants two.
const CLIENTS: usize = 150;
/// Files and connections that the program may have open at a time.
const DESCRIPTORS: usize = 100;

fn with_few_descriptors(directory: &Directory) -> Serving {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\"")])
        .args([env!("CARGO_BIN_EXE_serve-forever"), "0", "--quiet", "--directory"])
        .arg(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Serving::start(&mut command)
}

#[test]
fn files_that_are_kept_open_make_room_when_descriptors_run_out() {
    let directory = Directory::new();
    for index in 0..CLIENTS {
        let file = File::create(directory.path().join(format!("large{index}"))).expect("a file");
        // Too long to be kept in memory.
        file.set_len(100_000).expect("its length");
    }
    let serving = with_few_descriptors(&directory);
    // A file is not kept that may be written to once more within the same tick of the clock; its
    // tag is weak.
    let start = Instant::now();
    while head_of(&serving, &format!("/large{}", CLIENTS - 1)).contains("\r\nETag: W/") {
        assert!(start.elapsed() < FAILSAFE, "the file is not kept");
    }
    for path in (0..CLIENTS).map(|index| format!("/large{index}")) {
        assert_eq!(status(serving.get(&path).as_bytes()), "200", "{path}");
    }
}

#[test]
fn clients_that_keep_silent_make_room_when_descriptors_run_out() {
    let directory = Directory::new().with("small", "small");
    let serving = with_few_descriptors(&directory);
    let mut kept = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = serving.connect();
        client.write_all(b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the request");
        let mut response = [0; 12];
        client.read_exact(&mut response).expect("the status line");
        assert_eq!(status(&response), "200");
        kept.push(client);
    }
}

#[test]
fn a_directory_of_a_hundred_thousand_entries_is_listed_whole_and_holds_up_nobody() {
    const ENTRIES: usize = 100_000;
    let directory = Directory::new();
    let many = directory.path().join("many");
    fs::create_dir(&many).expect("a directory");
    fs::write(directory.path().join("small"), "small").expect("a file");
    // A link is made far faster than a file; some systems have no more than a few ten thousand to
    // one file.
    let files = ["a", "b", "c", "d"].map(|name| directory.path().join(name));
    for file in &files {
        fs::write(file, "").expect("a file");
    }
    for (index, file) in (0..ENTRIES).zip(files.iter().cycle()) {
        fs::hard_link(file, many.join(format!("{index:06}"))).expect("a link");
    }
    let serving = Serving::files(directory.path());
    let mut slow = begin(&serving, "/many/");
    for _ in 0..10 {
        assert!(serving.get("/small").ends_with("small"));
    }
    let response = rest(&mut slow);
    let (head, body) = split(&response);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
    assert!(body.ends_with(b"\r\n0\r\n\r\n"), "it is cut off");
    let page = String::from_utf8(unchunked(body)).expect("the page is text");
    let names = page.split("<a href=\"").skip(1).filter_map(|link| link.get(..6)?.parse::<usize>().ok());
    // With other links around them, which are no numbers.
    assert!(names.eq(0..ENTRIES), "entries are missing, or not in their order");
}

/// The content of chunks.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let end = bytes.iter().position(|&byte| byte == b'\r').expect("the line ends");
        let line = std::str::from_utf8(&bytes[..end]).expect("the length is text");
        let length = usize::from_str_radix(line, 16).expect("a length");
        if length == 0 {
            return content;
        }
        content.extend_from_slice(&bytes[end + 2..end + 2 + length]);
        bytes = &bytes[end + 2 + length + 2..];
    }
}

#[test]
fn a_file_beyond_4_gib_has_its_length_and_all_its_places() {
    const LINE: u64 = 1 << 32;
    let length = LINE + (1 << 30) + 17;
    let directory = Directory::new();
    let file = File::create(directory.path().join("huge")).expect("a file");
    if file.set_len(length).is_err() {
        eprintln!("skipped: this file system has no files of 5 GiB");
        return;
    }
    file.write_all_at(b"01234567", LINE - 4).expect("a place");
    file.write_all_at(b"the end", length - 7).expect("a place");
    let serving = Serving::files(directory.path());

    let head = head_of(&serving, "/huge");
    assert!(head.contains(&format!("\r\nContent-Length: {length}\r\n")), "{head}");

    let last = length - 1;
    for (range, first, part) in [
        (format!("{}-{}", LINE - 4, LINE + 3), LINE - 4, "01234567"),
        (format!("{}-{}", LINE - 1, LINE - 1), LINE - 1, "3"),
        (format!("{LINE}-{LINE}"), LINE, "4"),
        (format!("{}-", length - 7), length - 7, "the end"),
        ("-7".to_owned(), length - 7, "the end"),
        (format!("{last}-{}", u64::MAX), last, "d"),
    ] {
        let mut stream = serving.connect();
        write!(
            stream,
            "GET /huge HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nRange: bytes={range}\r\n\r\n"
        )
        .expect("the request");
        let response = rest(&mut stream);
        let (head, body) = split(&response);
        assert!(head.starts_with("HTTP/1.1 206 "), "{range}: {head}");
        let end = first + part.len() as u64 - 1;
        assert!(head.contains(&format!("\r\nContent-Range: bytes {first}-{end}/{length}\r\n")), "{head}");
        assert_eq!(body, part.as_bytes(), "{range}");
    }

    // More than the sockets hold, so that sending goes on beyond the line.
    let (first, end) = (LINE - (16 << 20), LINE + (16 << 20) - 1);
    let mut stream = serving.connect();
    write!(
        stream,
        "GET /huge HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nRange: bytes={first}-{end}\r\n\r\n"
    )
    .expect("the request");
    let response = rest(&mut stream);
    let (_, body) = split(&response);
    assert_eq!(body.len(), 32 << 20);
    let middle = (16 << 20) - 4;
    assert_eq!(&body[middle..middle + 8], b"01234567");
    assert!(body[..middle].iter().chain(&body[middle + 8..]).all(|&byte| byte == 0));
}

#[test]
fn a_file_can_be_had_byte_by_byte_on_one_connection() {
    let content = bytes(500);
    let directory = Directory::new().with("a.bin", &content);
    let serving = Serving::files(directory.path());
    let mut stream = serving.connect();
    for (place, byte) in content.iter().enumerate() {
        // In one piece: the system would hold back the second of two until the first is
        // acknowledged.
        let request =
            format!("GET /a.bin HTTP/1.1\r\nHost: localhost\r\nRange: bytes={place}-{place}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the request");
        let mut response = Vec::new();
        while !response.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the head");
            response.push(byte[0]);
        }
        let head = String::from_utf8(response).expect("the head is text");
        assert!(head.starts_with("HTTP/1.1 206 "), "{head}");
        assert!(head.contains(&format!("\r\nContent-Range: bytes {place}-{place}/500\r\n")), "{head}");
        let mut body = [0];
        stream.read_exact(&mut body).expect("the content");
        assert_eq!(body[0], *byte, "{place}");
    }
}
