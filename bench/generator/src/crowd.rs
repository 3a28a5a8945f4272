//! Clients that are slow on purpose, driven by one thread that visits each of them a few times a
//! second.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::socket;

/// The largest piece that a client reads at once.
const PIECE: usize = 256 * 1024;

/// What each client does.
#[derive(Clone)]
pub struct Member {
    /// Sent at once after connecting.
    pub opening: Vec<u8>,
    /// Done at every visit.
    pub feed: Feed,
    /// The receive buffer of its socket.
    pub window: Option<usize>,
    /// Opens a new connection when the server ends this one.
    pub comes_back: bool,
}

/// What a visit to a client does.
#[derive(Clone, Debug)]
pub enum Feed {
    /// Sends this, and reads nothing but the end.
    Send(Vec<u8>),
    /// Reads at most so many bytes.
    Read(usize),
    /// Only looks whether the server has ended the connection.
    Nothing,
}

/// A number of such clients. They go on until the crowd is dropped.
pub struct Crowd {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    open: AtomicUsize,
    /// Bytes received by all of them.
    received: AtomicUsize,
    /// When the server ended a connection, counted from its beginning.
    ends: Mutex<Vec<Duration>>,
}

impl Crowd {
    /// Connects `count` clients, spread over `sources` loopback addresses, and visits each once per
    /// `interval`.
    pub fn gather(
        target: SocketAddr,
        count: usize,
        sources: usize,
        interval: Duration,
        member: &Member,
    ) -> io::Result<Self> {
        let mut clients = Vec::with_capacity(count);
        for index in 0..count {
            clients.push(Client::connect(target, index % sources.max(1), member)?);
        }
        let shared = Arc::new(Shared { open: AtomicUsize::new(count), ..Shared::default() });
        let (state, member) = (Arc::clone(&shared), member.clone());
        let visits = move || visit_all(clients, target, interval, &member, &state);
        let thread = std::thread::Builder::new().name("crowd".to_owned()).spawn(visits)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Connections that are open as far as the clients know.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// Bytes that all of them have received.
    pub fn received(&self) -> usize {
        self.shared.received.load(Ordering::Relaxed)
    }

    /// How old each connection was that the server has ended so far.
    pub fn ends(&self) -> Vec<Duration> {
        self.shared.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in there was printed already.
            let _ = thread.join();
        }
    }
}

struct Client {
    stream: TcpStream,
    source: usize,
    since: Instant,
}

impl Client {
    fn connect(target: SocketAddr, source: usize, member: &Member) -> io::Result<Self> {
        let mut stream = socket::open(target, Some(socket::source(source)), member.window)?;
        stream.write_all(&member.opening)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, source, since: Instant::now() })
    }

    /// Bytes received; an error if the connection is over.
    fn visit(&mut self, feed: &Feed, buffer: &mut [u8]) -> io::Result<usize> {
        if let Feed::Send(piece) = feed {
            pass_over(self.stream.write(piece))?;
        }
        let most = match feed {
            Feed::Read(most) => buffer.len().min(*most),
            // What is in the way of the end has to be read, too.
            Feed::Send(_) | Feed::Nothing => buffer.len(),
        };
        match self.stream.read(buffer.get_mut(..most).unwrap_or_default()) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            result => pass_over(result),
        }
    }
}

/// A socket that is not ready is no error.
fn pass_over(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

fn visit_all(
    mut clients: Vec<Client>,
    target: SocketAddr,
    interval: Duration,
    member: &Member,
    shared: &Shared,
) {
    let mut buffer = vec![0; PIECE];
    let mut next = Instant::now();
    while !shared.over.load(Ordering::Relaxed) {
        let mut gone = Vec::new();
        clients.retain_mut(|client| {
            let visited = client.visit(&member.feed, &mut buffer);
            if let Ok(read) = visited {
                shared.received.fetch_add(read, Ordering::Relaxed);
            } else {
                shared.ends.lock().unwrap_or_else(PoisonError::into_inner).push(client.since.elapsed());
                gone.push(client.source);
            }
            visited.is_ok()
        });
        if member.comes_back {
            // Those that cannot come back stay away.
            clients
                .extend(gone.into_iter().filter_map(|source| Client::connect(target, source, member).ok()));
        }
        shared.open.store(clients.len(), Ordering::Relaxed);
        next = (next + interval).max(Instant::now());
        while Instant::now() < next && !shared.over.load(Ordering::Relaxed) {
            std::thread::sleep(next.saturating_duration_since(Instant::now()).min(Duration::from_millis(50)));
        }
    }
}
