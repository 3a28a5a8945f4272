//! Files about which the system does not tell everything: their content changes behind its back, or
//! their size is not what it says; and what is kept of them when nobody asks any more.

#![cfg(unix)]

mod files_support;

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use files_support::{FAILSAFE, Site};
use serve_forever::{SimpleHttpRequestHandler, testing};

/// Maps the file to memory and changes it there, once for each line that it is told.
const MAPS: &str = "import mmap, sys
file = open(sys.argv[1], 'r+b')
memory = mmap.mmap(file.fileno(), 0)
for line in sys.stdin:
    memory[:] = line[0].encode() * len(memory)
    print(line[0], flush=True)
";

/// What is stored in memory that a file is mapped to leaves its times as they are, but for the first
/// time.
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
    let Ok(mut program) = program else { return };
    let (mut orders, mut done) = (program.stdin.take().expect("it"), program.stdout.take().expect("it"));
    let mut store = |letter: u8| {
        orders.write_all(&[letter, b'\n']).expect("the program reads");
        done.read_exact(&mut [0; 2]).expect("the program answers");
    };
    store(b'b');
    let mut tag = site.settled("/mapped");
    let mut client = site.client();
    for letter in [b'c', b'd', b'e'] {
        assert_eq!(client.get("/mapped").code(), 200);
        store(letter);
        let (stored, end) = (Instant::now(), Instant::now() + FAILSAFE);
        // Asked for all the while: the content is not only looked at when nobody has asked for long.
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
        let new = reply.tag.expect("a tag");
        assert!(new != tag, "{new}");
        tag = new;
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
