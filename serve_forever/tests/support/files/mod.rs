//! What the tests of files share: a directory that is served, within one that is not, and a client
//! that sends and gets bytes.

#![allow(dead_code)] // every test crate uses its own part of this

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use serve_forever::{
    AccessLog, Builder, Http, HttpServer, ServerHandle, SimpleHttpRequestHandler,
    files::SimpleHttpRequestHandlerBuilder,
};

mod client;

pub(crate) use client::Client;

/// No test waits for this: it only ends one that would otherwise hang.
pub(crate) const FAILSAFE: Duration = Duration::from_secs(20);

/// `Sun, 06 Nov 1994 08:49:37 GMT`, when all files of a [`Site`] were changed.
pub(crate) const CHANGED: Duration = Duration::from_secs(784_111_777);

/// Between two questions for a tag that is to become strong.
const AGAIN: Duration = Duration::from_millis(5);

/// What stands in `secret.txt`, beside the directory that is served.
pub(crate) const SECRET: &str = "outside of what is served\n";

/// A directory that is served as long as this lives.
pub(crate) struct Site {
    outside: PathBuf,
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(
        configure: impl FnOnce(Builder<Http<SimpleHttpRequestHandler>>) -> Builder<Http<SimpleHttpRequestHandler>>,
    ) -> Self {
        Self::start(|builder, _| builder, configure)
    }

    /// With another file handler. `choose` gets one that serves the directory of that name, and
    /// where that lies.
    pub(crate) fn serving(
        choose: impl FnOnce(SimpleHttpRequestHandlerBuilder, &Path) -> SimpleHttpRequestHandlerBuilder,
    ) -> Self {
        Self::start(choose, |builder| builder)
    }

    fn start(
        choose: impl FnOnce(SimpleHttpRequestHandlerBuilder, &Path) -> SimpleHttpRequestHandlerBuilder,
        configure: impl FnOnce(Builder<Http<SimpleHttpRequestHandler>>) -> Builder<Http<SimpleHttpRequestHandler>>,
    ) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("files_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let outside = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(outside.join("site")).expect("a directory");
        fs::write(outside.join("secret.txt"), SECRET).expect("a file");
        let handler = SimpleHttpRequestHandler::builder().directory(outside.join("site"));
        let handler = choose(handler, &outside).build().expect("it is there");
        let builder = configure(HttpServer::builder(handler).access_log(AccessLog::off()));
        let server = builder.bind(("127.0.0.1", 0)).expect("a free port");
        let (address, handle) = (server.server_addresses()[0], server.handle());
        let thread = thread::spawn(move || server.serve_forever().expect("it serves"));
        Self { outside, address, handle, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The directory in which the one that is served lies.
    pub(crate) fn outside(&self) -> &Path {
        &self.outside
    }

    /// The path of something in the directory that is served.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.outside.join("site").join(name)
    }

    pub(crate) fn file(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        self.changed(&path, SystemTime::UNIX_EPOCH + CHANGED)
    }

    pub(crate) fn directory(&self, name: impl AsRef<Path>) -> &Self {
        fs::create_dir_all(self.path(name)).expect("a directory");
        self
    }

    pub(crate) fn changed(&self, name: impl AsRef<Path>, time: SystemTime) -> &Self {
        let file = File::options().write(true).open(self.path(name)).expect("the file");
        file.set_modified(time).expect("its time");
        self
    }

    /// A client that keeps its connection.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.connect())
    }

    /// The entity tag of a file once it is strong, and with it that of all files up to that size
    /// that were changed before: a file that was changed a moment ago might still be written to,
    /// and has a weak one.
    #[track_caller]
    pub(crate) fn settled(&self, target: &str) -> String {
        let mut client = self.client();
        let end = Instant::now() + FAILSAFE;
        while Instant::now() < end {
            let tag = client.request("HEAD", target, "").tag.expect("a file has a tag");
            if !tag.starts_with("W/") {
                return tag;
            }
            assert!(tag.ends_with("~\""), "{tag}");
            thread::sleep(AGAIN);
        }
        panic!("the tag of {target} stays weak");
    }

    /// The date of a file once it is told, and with it that of all files up to that size that were
    /// changed before.
    #[track_caller]
    pub(crate) fn dated(&self, target: &str) -> String {
        let mut client = self.client();
        let end = Instant::now() + FAILSAFE;
        while Instant::now() < end {
            if let Some(date) = client.request("HEAD", target, "").field("Last-Modified") {
                return date.to_owned();
            }
            thread::sleep(AGAIN);
        }
        panic!("{target} never has a date");
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server accepts");
        stream.set_read_timeout(Some(FAILSAFE)).expect("a timeout");
        stream.set_write_timeout(Some(FAILSAFE)).expect("a timeout");
        stream
    }

    /// All that comes back for these bytes until the server closes.
    #[track_caller]
    pub(crate) fn ask(&self, bytes: impl AsRef<[u8]>) -> Reply {
        let mut stream = self.connect();
        stream.write_all(bytes.as_ref()).expect("the request");
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).expect("the response");
        Reply::new(&reply)
    }

    #[track_caller]
    pub(crate) fn request(&self, method: &str, target: &str, fields: &str) -> Reply {
        self.ask(format!("{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n"))
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Reply {
        self.request("GET", target, "")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(thread) = self.thread.take() {
            let begin = Instant::now();
            while !thread.is_finished() && begin.elapsed() < 3 * FAILSAFE {
                thread::sleep(Duration::from_millis(1));
            }
            if !thread::panicking() {
                assert!(thread.is_finished(), "the server does not end");
                assert!(thread.join().is_ok(), "the server panicked");
            }
        }
        // What stays behind lies in the target directory.
        let _ = fs::remove_dir_all(&self.outside);
    }
}

/// Makes the link lead elsewhere, without a moment in which it is not there.
#[cfg(unix)]
pub(crate) fn switch(link: &Path, target: impl AsRef<Path>) {
    let new = link.with_extension("new");
    std::os::unix::fs::symlink(target, &new).expect("a link");
    fs::rename(new, link).expect("it is renamed");
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    /// With `*` for the values of `Date` and `ETag`, and with the empty line.
    pub(crate) head: String,
    /// The value of `ETag`.
    pub(crate) tag: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    #[track_caller]
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let (head, body) = bytes.split_at(end.expect("the head is complete") + 4);
        let head = String::from_utf8(head.to_vec()).expect("the head is text");
        let (before, date) = head.split_once("\r\nDate: ").expect("every response has a date");
        let (_, after) = date.split_once("\r\n").expect("lines end");
        let mut head = format!("{before}\r\nDate: *\r\n{after}");
        let mut tag = None;
        if let Some((before, rest)) = head.split_once("\r\nETag: ") {
            let (value, after) = rest.split_once("\r\n").expect("lines end");
            tag = Some(value.to_owned());
            head = format!("{before}\r\nETag: *\r\n{after}");
        }
        Self { head, tag, body: body.to_vec() }
    }

    #[track_caller]
    pub(crate) fn code(&self) -> u16 {
        let code = self.head.split(' ').nth(1).and_then(|code| code.parse().ok());
        code.unwrap_or_else(|| panic!("no status code in {:?}", self.head))
    }

    /// The values of all fields of that name, in whatever case.
    pub(crate) fn fields(&self, name: &str) -> Vec<&str> {
        let fields = self.head.split("\r\n").filter_map(|line| line.split_once(": "));
        fields.filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// The value of that field. Names are compared to the letter.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The status and the body of a request that fails because nothing is there.
    #[track_caller]
    pub(crate) fn assert_not_found(&self) {
        assert!(self.head.starts_with("HTTP/1.1 404 File not found\r\n"), "{}", self.head);
        assert!(self.text().contains("<p>Message: File not found.</p>"), "{}", self.text());
    }
}

/// The field that names the library.
pub(crate) fn server_field() -> String {
    format!("Server: serve-forever/{}\r\n", env!("CARGO_PKG_VERSION"))
}
