//! Files that change while they are asked for and while they are sent: an answer is one whole state
//! of a file with the tag of that state, or it ends early. It is never put together from two.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::files::{Reply, Site};

/// What is built again and again: the names, and the sizes of their first versions. Each further
/// one is a byte longer. The last two are not kept in memory.
const FILES: [(&str, usize); 4] =
    [("a.txt", 100), ("b.bin", 50_000), ("c.bin", 70_000), ("index.html", 150_000)];
const VERSIONS: usize = 600;
const CLIENTS: usize = 4;

/// All bytes are of that version.
fn letter(version: usize) -> u8 {
    b'a' + u8::try_from(version % 26).expect("it is small")
}

/// By pieces, as bytes take long where nothing is optimised.
fn is_all(bytes: &[u8], letter: u8) -> bool {
    let expected = [letter; 4096];
    bytes.chunks(expected.len()).all(|piece| *piece == expected[..piece.len()])
}

fn build(site: &Site, version: usize) {
    for (name, size) in FILES {
        let new = site.path(format!("new_{name}"));
        fs::write(&new, vec![letter(version); size + version]).expect("a file");
        fs::rename(new, site.path(name)).expect("it is renamed");
    }
}

/// Which version each tag was seen with.
type Tags = Mutex<HashMap<(usize, String), usize>>;

/// The version that this is an answer with, which may be cut if the file is large. False: it is
/// cut.
#[track_caller]
fn check(reply: &Reply, file: usize, tags: &Tags) -> bool {
    assert_eq!(reply.code(), 200, "{}", reply.head);
    let (name, size) = FILES[file];
    let length: usize = reply.field("Content-Length").expect("a length").parse().expect("a number");
    let version = length.checked_sub(size).expect("it only grows");
    assert!(is_all(&reply.body, letter(version)), "{name} {version} is a mixture");
    let tag = reply.tag.clone().expect("a tag");
    assert!(tag.trim_start_matches("W/").starts_with(&format!("\"{length:x}-")), "{tag} is of another size");
    let known = *tags.lock().expect("no client failed").entry((file, tag)).or_insert(version);
    assert_eq!(known, version, "one tag of {name} for two versions");
    reply.body.len() == length
}

#[test]
fn every_answer_is_one_version_while_all_is_built_again() {
    let site = Site::new();
    build(&site, 0);
    let (tags, is_done) = (Tags::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (site, tags, is_done) = (&site, &tags, &is_done);
            scope.spawn(move || {
                let mut client = site.client();
                let mut whole = [0; FILES.len()];
                let mut next = number;
                while !is_done.load(Ordering::Relaxed) || whole.contains(&0) {
                    let file = next % FILES.len();
                    next += 1;
                    let target = format!("/{}", FILES[file].0.replace("index.html", ""));
                    let Some(reply) = client.begin("GET", &target, "") else {
                        client = site.client();
                        continue;
                    };
                    if check(&reply, file, tags) {
                        whole[file] += 1;
                    } else {
                        assert!(file >= 2, "a file that is kept in memory was cut");
                        client = site.client();
                    }
                }
            });
        }
        for version in 1..=VERSIONS {
            build(&site, version);
        }
        is_done.store(true, Ordering::Relaxed);
    });
    // The last one is there at the end.
    let mut client = site.client();
    for (name, size) in FILES {
        let reply = client.get(&format!("/{name}"));
        assert!(reply.body == vec![letter(VERSIONS); size + VERSIONS], "{name}");
    }
}

#[test]
fn parts_are_of_one_version_while_all_is_built_again() {
    let site = Site::new();
    build(&site, 0);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (site, is_done) = (&site, &is_done);
        for (file, (name, size)) in FILES.into_iter().enumerate() {
            scope.spawn(move || {
                let mut client = site.client();
                let mut parts = 0;
                while !is_done.load(Ordering::Relaxed) || parts == 0 {
                    let fields = "Range: bytes=0-19\r\n";
                    let Some(reply) = client.begin("GET", &format!("/{name}"), fields) else {
                        client = site.client();
                        continue;
                    };
                    assert_eq!(reply.code(), 206, "{}", reply.head);
                    let content_range = reply.field("Content-Range").expect("a range");
                    let length = content_range.strip_prefix("bytes 0-19/").expect("the part");
                    let version = length.parse::<usize>().expect("a number") - size;
                    assert!(is_all(&reply.body, letter(version)), "{name} {version}");
                    if reply.body.len() == 20 {
                        parts += 1;
                    } else {
                        assert!(file >= 2, "a file that is kept in memory was cut");
                        client = site.client();
                    }
                }
            });
        }
        for version in 1..=VERSIONS / 4 {
            build(site, version);
        }
        is_done.store(true, Ordering::Relaxed);
    });
}

/// More than all buffers on the way to a client that does not read.
const HUGE: usize = 32 << 20;

/// The file is changed while a client has read a little of it. All that it gets then, and how much
/// was announced.
///
/// The system sends the file without copying it. So a file that is written over or cut off within
/// its pages shows that also in bytes which were on their way already: it is only sure that they
/// are not all, and that the client sees so.
fn while_it_is_taken(fields: &str, change: impl FnOnce(&Site)) -> (Vec<u8>, usize) {
    let site = Site::new();
    site.file("huge", vec![b'a'; HUGE]);
    // Before that it may grow.
    site.settled("/huge");
    let mut stream = site.connect();
    write!(stream, "GET /huge HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n")
        .expect("the request");
    let (head, mut body) = beginning(&mut stream);
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
    change(&site);
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut body);
    (body, length.parse().expect("a number"))
}

/// The head, and the first bytes behind it.
fn beginning(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).expect("the response");
        bytes.extend_from_slice(&piece[..count]);
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let body = bytes.split_off(at + 4);
            return (String::from_utf8(bytes).expect("text"), body);
        }
    }
}

#[test]
fn a_file_that_becomes_shorter_cuts_a_slow_client_off() {
    for length in [0, 4096, HUGE as u64 - 4096] {
        let (body, announced) = while_it_is_taken("", |site| {
            File::options().write(true).open(site.path("huge")).expect("it").set_len(length).expect("a file");
        });
        assert!(announced == HUGE && body.len() < HUGE, "{} bytes", body.len());
    }
}

#[test]
fn a_file_that_grows_cuts_a_slow_client_off() {
    let (body, announced) = while_it_is_taken("", |site| {
        File::options().append(true).open(site.path("huge")).expect("it").write_all(b"b").expect("a file");
    });
    assert!(announced == HUGE && body.len() < HUGE, "{} bytes", body.len());
    assert!(is_all(&body, b'a'));
}

#[test]
fn a_file_that_is_written_over_never_comes_whole_to_a_slow_client() {
    let (body, announced) = while_it_is_taken("", |site| {
        let mut file = File::options().write(true).open(site.path("huge")).expect("it");
        file.write_all(&vec![b'b'; HUGE]).expect("it is written");
    });
    assert!(announced == HUGE && body.len() < HUGE, "{} bytes", body.len());
}

#[test]
fn parts_of_a_file_that_changes_never_come_whole_to_a_slow_client() {
    let half = HUGE / 2;
    for fields in [
        format!("Range: bytes=1-{}\r\n", HUGE - 2),
        format!("Range: bytes=0-{},{}-\r\n", half - 1, half + 1000),
    ] {
        let (body, announced) = while_it_is_taken(&fields, |site| {
            let mut file = File::options().append(true).open(site.path("huge")).expect("it");
            file.write_all(b"b").expect("it is written");
        });
        assert!(announced > HUGE - 2000 && body.len() < announced, "{} bytes", body.len());
    }
}

#[test]
fn a_file_that_is_replaced_while_it_is_sent_is_not_continued_by_the_other_one() {
    let (body, announced) = while_it_is_taken("", |site| {
        fs::write(site.path("new"), vec![b'b'; HUGE]).expect("a file");
        fs::rename(site.path("new"), site.path("huge")).expect("it is renamed");
    });
    assert!(announced == HUGE && body.len() <= HUGE);
    assert!(is_all(&body, b'a'));
}
