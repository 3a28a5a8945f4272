//! One look at the disk serves all requests that had begun before it, and none that began after.

#![cfg(unix)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::files::{Site, switch};
use serve_forever::{
    AccessLog, BaseHttpRequestHandler, Exchange, HttpServer, Result, ServerHandle, SimpleHttpRequestHandler,
};

/// Of different lengths, for systems that do not tell which file it is.
const VERSIONS: [&str; 2] = ["old", "newer"];

/// How long `/busy` takes.
const BUSY: Duration = Duration::from_millis(1);
/// Clients that keep the server busy with the same file.
const CROWD: usize = 12;
const CHANGES: usize = 400;

/// Two directories, a `current` link to the first, and in each the file that is asked for.
fn deploy(root: &Path) {
    for version in VERSIONS {
        fs::create_dir(root.join(version)).expect("a directory");
        fs::write(root.join(version).join("a.txt"), version).expect("a file");
    }
    switch(&root.join("current"), VERSIONS[0]);
}

#[test]
fn a_change_is_seen_by_every_request_after_it_however_many_ask() {
    let site = Site::new();
    deploy(&site.path(""));
    for version in VERSIONS {
        site.settled(&format!("/{version}/a.txt"));
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..CROWD {
            scope.spawn(|| {
                let mut client = site.client();
                while !is_over.load(Ordering::Relaxed) {
                    let reply = client.get("/current/a.txt");
                    assert!(VERSIONS.contains(&reply.text().as_str()), "{}", reply.text());
                }
            });
        }
        let mut client = site.client();
        let wrong = (0..CHANGES).find_map(|change| {
            let version = VERSIONS[change % 2];
            switch(&site.path("current"), version);
            // The second one finds what the first one kept.
            (0..2).find_map(|_| Some(client.get("/current/a.txt").text()).filter(|text| text != version))
        });
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(wrong, None);
    });
}

/// Serves files; `/switch/VERSION` makes `current` that version, `/busy` keeps the loop, and
/// `?VERSION` makes `current` that version before the file is looked at.
#[derive(Clone)]
struct Switching {
    files: SimpleHttpRequestHandler,
    root: PathBuf,
}

impl BaseHttpRequestHandler for Switching {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        if http.url_path() == "/busy" {
            thread::sleep(BUSY);
            return http.send_response(204).end_headers();
        }
        if let Some(version) = http.query() {
            switch(&self.root.join("current"), version);
        }
        let Some(version) = http.url_path().strip_prefix("/switch/") else { return self.files.do_get(http) };
        switch(&self.root.join("current"), version);
        http.send_response(204).end_headers()
    }

    /// As the handler of files says: its requests are treated like that one's.
    fn may_block(&self) -> bool {
        false
    }
}

/// A server of [`Switching`], whose files are kept.
struct Running {
    root: PathBuf,
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}_{}", std::process::id()));
        fs::create_dir_all(&root).expect("a directory");
        deploy(&root);
        let files = SimpleHttpRequestHandler::builder().directory(&root).build().expect("it is there");
        let handler = Switching { files, root: root.clone() };
        let server = HttpServer::builder(handler).loops(1).access_log(AccessLog::off());
        let server = server.bind(("127.0.0.1", 0)).expect("a free port");
        let (address, handle) = (server.server_addresses()[0], server.handle());
        let thread = Some(thread::spawn(move || server.serve_forever().expect("it serves")));
        let running = Self { root, address, handle, thread };
        for version in VERSIONS {
            // What may still change without a trace is not kept.
            while running.ask(&[&format!("/{version}/a.txt")]).contains("ETag: W/") {}
        }
        running
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server accepts");
        stream.set_read_timeout(Some(crate::support::files::FAILSAFE)).expect("a timeout");
        stream
    }

    /// All answers to these requests, which are sent at once.
    fn ask(&self, targets: &[&str]) -> String {
        let mut stream = self.connect();
        let bytes: String =
            targets.iter().zip(1..).map(|(target, at)| get(target, at == targets.len())).collect();
        stream.write_all(bytes.as_bytes()).expect("the requests");
        let mut replies = String::new();
        stream.read_to_string(&mut replies).expect("the responses");
        replies
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.shutdown();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_some_and(|ended| ended.is_ok()), "the server panicked");
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn get(target: &str, last: bool) -> String {
    let close = if last { "Connection: close\r\n" } else { "" };
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n{close}\r\n")
}

#[test]
fn a_request_behind_another_one_looks_anew() {
    let server = Running::start("shared_look");
    let file = "/current/a.txt";
    for _ in 0..50 {
        let replies = server.ask(&[file, file, "/switch/newer", file, file, "/switch/old", file]);
        let replies: Vec<_> = replies
            .split("HTTP/1.1 ")
            .filter_map(|reply| Some((reply.get(..3)?, reply.split_once("\r\n\r\n")?.1)))
            .collect();
        let (old, switched, newer) = (("200", "old"), ("204", ""), ("200", "newer"));
        assert_eq!(replies, [old, old, switched, newer, newer, switched, old]);
    }
}

/// The second request begins before the first one looks at the file, and changes it after that.
#[test]
fn a_handler_sees_what_it_changed_itself() {
    let server = Running::start("own_change");
    let [mut busy, mut plain, mut changing] = [(); 3].map(|()| server.connect());
    let answer = |stream: &mut TcpStream, ending: &str| {
        let mut bytes = [0; 1024];
        let mut all = String::new();
        while !all.ends_with(ending) {
            let count = stream.read(&mut bytes).expect("a response");
            assert_ne!(count, 0, "{all}");
            all.push_str(&String::from_utf8_lossy(&bytes[..count]));
            // The wrong one.
            assert!(!all.contains("\r\n\r\n") || all.ends_with(ending), "{all}");
        }
    };
    for change in 0..50 {
        let after = VERSIONS[(change + 1) % 2];
        // While the loop is kept, both arrive, and one poll reports them.
        busy.write_all(get("/busy", false).as_bytes()).expect("the request");
        plain.write_all(get("/current/a.txt", false).as_bytes()).expect("the request");
        changing.write_all(get(&format!("/current/a.txt?{after}"), false).as_bytes()).expect("the request");
        answer(&mut changing, after);
        answer(&mut busy, "\r\n\r\n");
        let mut bytes = [0; 1024];
        assert_ne!(plain.read(&mut bytes).expect("a response"), 0);
    }
}
