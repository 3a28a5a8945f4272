//! Clients that read slowly or not at all: how long they may, and who goes first when room is
//! short.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use crate::support::engine::{FAST, NEVER, PATIENCE, Served, get, http, wait_until};
use crate::support::{Client, SHORT, answer, reply};
use serve_forever::{BaseHttpRequestHandler, Builder, Detached, Exchange, Http, Result, Source};
use socket2::{Domain, Socket, Type};

/// More than the buffers between two sockets hold.
const LARGE: usize = 16 * 1024 * 1024;

const PIECE: usize = 32 * 1024;

/// A file of [`LARGE`] bytes, removed at the end.
struct Disk(PathBuf);

impl Disk {
    fn new(name: &str) -> Arc<Self> {
        let path = env::temp_dir().join(format!("serve-forever-{name}-{}", process::id()));
        fs::write(&path, vec![b'f'; LARGE]).expect("a file in the temporary directory");
        Arc::new(Self(path))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It may be gone.
        let _ = fs::remove_file(&self.0);
    }
}

/// Content of [`LARGE`] bytes that is made in pieces, and counts them.
struct Pieces {
    left: usize,
    pulled: Arc<AtomicUsize>,
}

impl Source for Pieces {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        out.resize(PIECE, b's');
        self.pulled.fetch_add(PIECE, Ordering::SeqCst);
        self.left -= PIECE;
        Ok(self.left > 0)
    }
}

/// What the handlers of these tests share.
#[derive(Clone, Default)]
struct Shared {
    file: Option<Arc<Disk>>,
    pulled: Arc<AtomicUsize>,
    writers: Arc<Mutex<Vec<Detached>>>,
}

impl BaseHttpRequestHandler for Shared {
    fn do_get(&mut self, http: &mut Exchange) -> Result {
        match http.path() {
            "/file" => {
                let file = File::open(&self.file.as_ref().expect("the test has a file").0)?;
                http.send_response(200).send_header("Content-Length", LARGE).end_headers()?;
                http.send_file(file, 0..LARGE as u64)
            }
            "/source" => {
                http.send_response(200).send_header("Content-Length", LARGE).end_headers()?;
                http.send_source(Pieces { left: LARGE, pulled: Arc::clone(&self.pulled) })
            }
            "/memory" => reply(http, vec![b'm'; LARGE]),
            "/written" => {
                http.send_response(200).send_header("Content-Length", LARGE).end_headers()?;
                for _ in 0..LARGE / PIECE {
                    http.wfile().write_all(&vec![b'w'; PIECE])?;
                    http.wfile().flush()?;
                    self.pulled.fetch_add(PIECE, Ordering::SeqCst);
                }
                Ok(())
            }
            // A connection that is neither idle nor waited for, and holds no thread.
            "/quiet" => {
                http.send_response(200).end_headers()?;
                let mut writer = http.detach()?;
                writer.write_all(b"quiet")?;
                self.writers.lock().expect("no test panics with it").push(writer);
                Ok(())
            }
            _ => reply(http, "fast"),
        }
    }
}

fn serve(shared: &Shared, configure: impl FnOnce(Builder<Http<Shared>>) -> Builder<Http<Shared>>) -> Served {
    let shared = shared.clone();
    http(move || shared.clone(), |builder| configure(builder.buffer_size(2 * LARGE).stall_timeout(NEVER)))
}

/// A client with a small window, so that what it does not read stays with the server.
struct Reader {
    stream: TcpStream,
    /// Bytes that it has read.
    taken: usize,
}

#[track_caller]
fn reader(address: [u8; 4], server: SocketAddr, path: &str) -> Reader {
    client(address, server, &get(path))
}

/// The same, which sends these bytes.
#[track_caller]
fn client(address: [u8; 4], server: SocketAddr, bytes: &str) -> Reader {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(WINDOW).expect("a small window");
    socket.bind(&SocketAddr::from((address, 0)).into()).expect("it is a loopback address");
    socket.connect(&server.into()).expect("the server accepts");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("read timeout");
    stream.write_all(bytes.as_bytes()).expect("the server takes the request");
    Reader { stream, taken: 0 }
}

impl Reader {
    /// Reads so many bytes.
    #[track_caller]
    fn take(&mut self, length: usize) {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).expect("so much comes");
        self.taken += length;
    }

    /// Reads the rest. Whether all of a response of [`LARGE`] bytes came, and no cut before that.
    #[track_caller]
    fn is_whole(&mut self) -> bool {
        let mut bytes = vec![0; 64 * 1024];
        while self.taken < LARGE {
            match self.stream.read(&mut bytes) {
                Ok(0) => return false,
                Ok(count) => self.taken += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    panic!("neither the rest nor the end came after {} bytes", self.taken)
                }
                Err(_) => return false,
            }
        }
        true
    }
}

/// Bytes, of which systems make what they like.
const WINDOW: usize = 4096;

#[test]
fn rule_78_a_client_that_pauses_for_longer_than_handlers_wait_gets_the_rest() {
    let shared = Shared { file: Some(Disk::new("pause")), ..Shared::default() };
    let moment = Duration::from_millis(50);
    let server = serve(&shared, |builder| builder.write_timeout(moment).minimum_rate(u32::MAX, moment));
    for path in ["/file", "/source", "/memory"] {
        let mut client = reader([127, 0, 0, 1], server.address(), path);
        client.take(1000);
        // It is the pause that is tested: many times what a handler would wait.
        thread::sleep(20 * moment);
        assert!(client.is_whole(), "{path}");
    }
    // A handler that waits for its client waits no longer than it was told.
    let mut client = reader([127, 0, 0, 1], server.address(), "/written");
    client.take(1000);
    thread::sleep(20 * moment);
    assert!(!client.is_whole());
}

#[test]
fn rule_78_a_client_that_stands_still_for_too_long_is_cut() {
    let shared = Shared { file: Some(Disk::new("still")), ..Shared::default() };
    let server = serve(&shared, |builder| builder.stall_timeout(SHORT).write_timeout(NEVER));
    let mut clients: Vec<_> =
        ["/file", "/source", "/memory"].map(|path| reader([127, 0, 0, 1], server.address(), path)).into();
    server.wait_until("all are cut", |stats| stats.accepted == 3 && stats.connections == 0);
    for client in &mut clients {
        assert!(!client.is_whole());
    }
    assert_eq!((server.stats().cut, server.stats().unsent), (0, 0));
}

#[test]
fn a_shutdown_waits_for_readers_as_long_as_for_others() {
    let shared = Shared { file: Some(Disk::new("stop")), ..Shared::default() };
    let server = serve(&shared, |builder| builder.shutdown_timeout(Duration::from_millis(200)));
    let handle = server.handle.clone();
    let clients: Vec<_> = ["/file", "/source", "/memory", "/quiet"]
        .map(|path| reader([127, 0, 0, 1], server.address(), path))
        .into();
    server.wait_until("they are waited for", |stats| stats.accepted == 4 && stats.unsent > LARGE / 2);
    server.shut_down();
    // The last thread to end drops what it had in hand, which may be a moment later.
    wait_until("all is given back", || handle.stats().unsent == 0);
    drop(clients);
}

/// The address with most connections loses some of these, and of them not the one that moved most.
fn who_goes_first(loops: usize) {
    let shared = Shared { file: Some(Disk::new(&format!("first-{loops}"))), ..Shared::default() };
    let server = serve(&shared, |builder| builder.loops(loops).max_connections(6));
    let (greedy, modest) = ([127, 0, 0, 2], [127, 0, 0, 3]);
    let mut alone = reader(modest, server.address(), "/file");
    let mut moved = reader(greedy, server.address(), "/file");
    let mut others =
        ["/file", "/source", "/memory", "/source"].map(|path| reader(greedy, server.address(), path));
    moved.take(LARGE / 2);
    for client in others.iter_mut().chain([&mut alone]) {
        client.take(1000);
    }
    // Who has stopped for a moment only is not cut for the sake of others.
    thread::sleep(SHORT);
    let mut newcomers = Vec::new();
    for number in 1..=3 {
        let mut newcomer = reader([127, 0, 0, 4], server.address(), "/quiet");
        newcomer.take(100);
        newcomers.push(newcomer);
        assert_eq!(server.stats().cut, number);
    }
    assert!(alone.is_whole());
    assert!(moved.is_whole());
    let whole = others.iter_mut().map(Reader::is_whole).filter(|&whole| whole).count();
    assert_eq!(whole, 1);
}

#[test]
fn rule_81_the_address_with_most_stalled_connections_makes_room() {
    who_goes_first(1);
}

#[test]
fn rule_81_stalled_connections_of_other_loops_make_room() {
    who_goes_first(3);
}

#[test]
fn an_idle_connection_goes_before_one_whose_client_pauses() {
    let shared = Shared { file: Some(Disk::new("idle")), ..Shared::default() };
    let server = serve(&shared, |builder| builder.loops(2).max_connections(2));
    let mut paused = reader([127, 0, 0, 2], server.address(), "/file");
    paused.take(1000);
    let mut idle = server.send(FAST);
    assert_eq!(idle.response().text(), "fast");
    for _ in 0..5 {
        server.is_alive();
    }
    assert!(paused.is_whole());
    assert_eq!(server.stats().cut, 0);
}

/// Requests that are not whole hold no thread and are not idle, and make room all the same.
#[test]
fn rule_81_clients_that_stop_in_the_middle_of_a_request_make_room() {
    for loops in [1, 3] {
        for begun in ["G", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc", UNREAD] {
            let server = serve(&Shared::default(), |builder| {
                builder.loops(loops).max_connections(4).body_timeout(NEVER).minimum_rate(0, NEVER)
            });
            // The answer to a whole request tells that what came with it has been read, too.
            let begin = |address| {
                let mut client = client(address, server.address(), &format!("{FAST}{begun}"));
                let (mut answer, mut byte) = (Vec::new(), [0]);
                while !answer.ends_with(b"\r\n\r\nfast") {
                    client.stream.read_exact(&mut byte).expect("an answer");
                    answer.extend(byte);
                }
                client
            };
            let modest = begin([127, 0, 0, 3]);
            let greedy: Vec<_> = (0..3).map(|_| begin([127, 0, 0, 2])).collect();
            let mut newcomers = Vec::new();
            for number in 1..=2 {
                let mut newcomer = reader([127, 0, 0, 4], server.address(), "/quiet");
                newcomer.take(100);
                newcomers.push(newcomer);
                assert_eq!(server.stats().cut, number, "{begun:?}");
            }
            modest.stream.set_nonblocking(true).expect("a mode");
            let peeked = modest.stream.peek(&mut [0]);
            // The address with fewer connections keeps its own: it has an answer, or waits for one.
            assert!(
                peeked.as_ref().is_ok_and(|&count| count > 0)
                    || peeked.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock),
                "{begun:?}: {peeked:?}"
            );
            drop(greedy);
        }
    }
}

/// Ends a thread that feeds clients, also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A head that is completed with the beginning of the next one leaves no moment in which the
/// connection is idle, and no head that is old.
#[test]
fn clients_that_always_have_half_a_request_under_way_make_room() {
    const CROWD: usize = 8;
    let server = serve(&Shared::default(), |builder| builder.loops(1).max_connections(CROWD));
    let half = "GET /fast HTTP/1.1\r\nHost: a\r\n";
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let end = Over(&over);
        let feeding = scope.spawn(|| {
            let begin = || client([127, 0, 0, 2], server.address(), half);
            let mut crowd: Vec<_> = (0..CROWD).map(|_| begin()).collect();
            while !over.load(Ordering::SeqCst) {
                for each in &mut crowd {
                    each.stream.set_nonblocking(true).expect("a mode");
                    // Those that were cut do not matter.
                    let _ = each.stream.write(format!("\r\n{half}").as_bytes());
                    while each.stream.read(&mut [0; 1024]).is_ok_and(|count| count > 0) {}
                }
                thread::sleep(Duration::from_millis(100));
            }
        });
        server.wait_until("they have all places", |stats| stats.connections == CROWD);
        // Of another address, and more than one.
        let newcomers: Vec<_> = (0..2)
            .map(|_| {
                let mut newcomer = reader([127, 0, 0, 3], server.address(), "/quiet");
                newcomer.take(100);
                newcomer
            })
            .collect();
        drop(end);
        feeding.join().expect("it only writes");
        drop(newcomers);
    });
    assert!(server.stats().cut >= 2, "{:?}", server.stats());
}

/// Their response is out, and they are read from only for the sake of its last bytes.
#[test]
fn connections_that_linger_make_room() {
    let server = serve(&Shared::default(), |builder| {
        builder.loops(1).max_connections(4).linger_timeout(NEVER).head_timeout(NEVER)
    });
    let crowd: Vec<_> = (0..4)
        .map(|_| {
            let mut client = client([127, 0, 0, 2], server.address(), "x\r\n\r\n");
            client.take(12);
            client
        })
        .collect();
    reader([127, 0, 0, 3], server.address(), "/quiet").take(100);
    drop(crowd);
}

/// A body that nobody reads moves like one that somebody reads.
#[test]
fn a_body_that_is_read_away_steadily_does_not_stand_still() {
    const STEP: usize = 16 * 1024;
    let server = serve(&Shared::default(), |builder| {
        builder.loops(1).max_connections(2).max_drain_size(u64::MAX).body_timeout(NEVER)
    });
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let end = Over(&over);
        let head = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n";
        let mut steady = client([127, 0, 0, 2], server.address(), head);
        steady.take(12);
        let feeding = scope.spawn(|| {
            let mut steady = steady;
            while !over.load(Ordering::SeqCst) {
                if steady.stream.write_all(&[b'x'; STEP]).is_err() {
                    return false;
                }
                thread::sleep(Duration::from_millis(50));
            }
            true
        });
        // It came later, and stands still.
        let still = client([127, 0, 0, 3], server.address(), "G");
        server.wait_until("both are there", |stats| stats.connections == 2);
        reader([127, 0, 0, 4], server.address(), "/quiet").take(100);
        drop(end);
        assert!(feeding.join().expect("it only writes"), "the steady one was cut");
        drop(still);
    });
    assert_eq!(server.stats().cut, 1);
}

/// Its handler waits for the rest.
const HALF: &str = "PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\nabc";

#[test]
fn a_client_that_a_handler_waits_for_makes_room_when_no_other_does() {
    let server = http(
        answer(|http| {
            let mut body = Vec::new();
            http.rfile().read_to_end(&mut body)?;
            reply(http, "read")
        }),
        |builder| builder.loops(1).max_connections(2).body_timeout(NEVER).minimum_rate(0, NEVER),
    );
    let uploads: Vec<Client> = (0..2).map(|_| server.send(HALF)).collect();
    server.wait_until("their handlers wait", |stats| stats.threads_in_user_code == 2);
    // One of them gets 408 and goes.
    assert_eq!(server.ask(get("/")).text(), "read");
    drop(uploads);
    assert_eq!(server.stats().cut, 0);
}

/// It is answered at once, and its body is read away.
const UNREAD: &str = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc";

/// What a client has sent behind a request whose response it does not take is in memory, too.
#[test]
fn requests_that_wait_behind_a_response_count_as_memory() {
    let shared = Shared { file: Some(Disk::new("behind")), ..Shared::default() };
    let server = serve(&shared, |builder| builder);
    let behind = get("/fast").repeat(1000);
    let one = client([127, 0, 0, 2], server.address(), &(get("/file") + &behind));
    // How much of it is read along with the first one depends on the system.
    server.wait_until("some of it counts", |stats| stats.unsent > 4096);
    assert!(server.stats().unsent <= 160 * 1024, "{:?}", server.stats());
    drop(one);
    server.wait_until("all is given back", |stats| stats.unsent == 0);
}

#[test]
fn when_memory_runs_short_the_address_that_holds_most_loses_first() {
    let shared = Shared::default();
    let server = serve(&shared, |builder| builder.loops(2).max_unsent(4 * LARGE));
    let mut alone = reader([127, 0, 0, 3], server.address(), "/memory");
    alone.take(1000);
    let mut many = Vec::new();
    for number in 1..=12 {
        many.push(reader([127, 0, 0, 2], server.address(), "/memory"));
        server.wait_until("it is accepted", |stats| stats.accepted == number + 1);
    }
    server.wait_until("some are cut", |stats| stats.cut >= 9 && stats.unsent <= 4 * LARGE);
    server.is_alive();
    assert!(alone.is_whole());
    let whole = many.iter_mut().map(|client| client.is_whole()).filter(|&whole| whole).count();
    assert!((1..=3).contains(&whole), "{whole}");
    drop(many);
    server.wait_until("all is given back", |stats| stats.unsent == 0);
}

#[test]
fn what_a_writer_has_written_counts_until_it_is_sent_or_dropped() {
    let shared = Shared::default();
    let server = serve(&shared, |builder| builder.max_unsent(2 * LARGE));
    let clients = [1, 2, 3, 4].map(|last| reader([127, 0, 0, last], server.address(), "/quiet"));
    wait_until("all writers are there", || shared.writers.lock().expect("no panic").len() == 4);
    let mut writers = std::mem::take(&mut *shared.writers.lock().expect("no panic"));
    let piece = vec![b'd'; LARGE];
    for writer in &mut writers {
        // The second piece stays with the writer.
        for _ in 0..2 {
            if let Err(error) = writer.write_all(&piece) {
                // It was cut meanwhile, as others may be.
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            }
        }
    }
    server.wait_until("some are cut", |stats| stats.cut > 0 && stats.unsent <= 2 * LARGE);
    drop(clients);
    server.wait_until("all is given back", |stats| stats.connections == 0 && stats.unsent == 0);
    drop(writers);
}

/// The system would take some 4 MiB.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn the_system_gets_copied_content_a_little_ahead_only() {
    let shared = Shared { file: Some(Disk::new("ahead")), ..Shared::default() };
    let server = serve(&shared, |builder| builder.write_timeout(NEVER).buffer_size(PIECE));
    for (path, before) in [("/source", ""), ("/written", ""), ("/source", "/file")] {
        shared.pulled.store(0, Ordering::SeqCst);
        let first = if before.is_empty() { path } else { before };
        let mut client = reader([127, 0, 0, 1], server.address(), first);
        if !before.is_empty() {
            // Files are sent without such a bound; what comes after them has it.
            client.stream.write_all(get(path).as_bytes()).expect("the server takes the request");
            client.take(LARGE);
        }
        let pulled = settled(&shared.pulled);
        assert!((PIECE..=AHEAD).contains(&pulled), "{before}{path}: {pulled}");
    }
}

/// What the system may have of a response: 256 KiB, and what is on its way.
const AHEAD: usize = 640 * 1024;

/// The count when it has not changed for a while.
#[track_caller]
fn settled(count: &AtomicUsize) -> usize {
    let begin = Instant::now();
    let mut last = (0, begin);
    loop {
        let now = count.load(Ordering::SeqCst);
        if now != last.0 {
            last = (now, Instant::now());
        } else if now > 0 && last.1.elapsed() > Duration::from_millis(300) {
            return now;
        }
        assert!(begin.elapsed() < PATIENCE, "it does not come to rest: {now}");
        thread::sleep(Duration::from_millis(5));
    }
}
