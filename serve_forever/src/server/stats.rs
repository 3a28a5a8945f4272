//! The counters of a server.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// What a server has done so far, and holds now. See
/// [`ServerHandle::stats`](crate::ServerHandle::stats).
///
/// ```
/// # use std::io::{Read, Write};
/// # use std::net::TcpStream;
/// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
/// let handler = handler_fn(|http: &mut Exchange| -> Result {
///     let stats = http.server().stats();
///     http.send_response(200).end_headers()?;
///     writeln!(http.wfile(), "{} of {} connections", stats.connections, stats.accepted)?;
/// #     http.server().shutdown();
///     Ok(())
/// });
/// let server = HttpServer::bind(("127.0.0.1", 0), handler)?;
/// # let mut client = TcpStream::connect(server.server_addresses()[0])?;
/// # client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
/// # client.shutdown(std::net::Shutdown::Write)?;
/// server.serve_forever()?;
/// # let mut answer = String::new();
/// # client.read_to_string(&mut answer)?;
/// assert!(answer.ends_with("\r\n\r\n1 of 1 connections\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Connections that are open.
    pub connections: usize,
    /// Connections accepted so far.
    pub accepted: u64,
    /// Final responses so far, by the first digit of their status: 1 (a switch to another
    /// protocol), 2, 3, 4 and 5. Their sum is the number of answered requests.
    pub responses: [u64; 5],
    /// Bytes of content in these responses, as in the access log: with files and sources, without
    /// heads and framing.
    pub content_bytes: u64,
    /// How often a loop got another thread because its handler did not return soon.
    pub hand_overs: u64,
    /// Handlers that started on a spare thread because similar requests had blocked before.
    pub learned_starts: u64,
    /// Requests refused with 503 because no thread was free for them.
    pub refused: u64,
    /// Threads that run handlers now, without those that drive a loop.
    pub threads_in_user_code: usize,
    /// The limit of [`threads_in_user_code`](Self::threads_in_user_code), which follows from
    /// [`max_threads`](crate::Builder::max_threads). A loop that runs no handler itself reserves
    /// one more thread, so requests may have to [wait](Self::waiting) a little earlier. 0 before
    /// the server runs.
    pub permits: usize,
    /// Requests that wait for a free thread, or for their [turn to
    /// compute](crate::Builder::max_computing_handlers).
    pub waiting: usize,
    /// Handlers that hold an upgraded connection and have not returned yet.
    pub upgraded: usize,
    /// Bytes of responses in memory that wait for clients which take them slowly; see
    /// [`max_unsent`](crate::Builder::max_unsent).
    pub unsent: usize,
    /// Connections that were cut so far before their timeouts, because connections, descriptors or
    /// [`max_unsent`](crate::Builder::max_unsent) ran short.
    pub cut: u64,
    /// Log lines that were dropped because the log was written too slowly.
    pub log_lines_dropped: u64,
}

/// The counters behind [`ServerStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    answered: [Answered; CELLS],
    pub(crate) connections: AtomicUsize,
    pub(crate) accepted: AtomicU64,
    pub(crate) hand_overs: AtomicU64,
    pub(crate) learned_starts: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) detached: AtomicUsize,
    pub(crate) permits: AtomicUsize,
    pub(crate) waiting: AtomicUsize,
    /// Handlers that hold an upgraded connection and have not returned yet.
    pub(crate) upgraded: AtomicUsize,
    pub(crate) cut: AtomicU64,
    /// A file could not be opened because no descriptor was free, and no loop has made room since.
    pub(crate) short_of_descriptors: AtomicBool,
    /// How often a loop looked for a connection to cut for a new one, and how often it found one.
    #[cfg(test)]
    pub(crate) searches: AtomicU64,
    #[cfg(test)]
    pub(crate) named: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self, log_lines_dropped: u64, unsent: usize) -> ServerStats {
        ServerStats {
            connections: self.connections.load(Ordering::Relaxed),
            accepted: self.accepted.load(Ordering::Relaxed),
            responses: std::array::from_fn(|class| {
                self.answered.iter().map(|cell| cell.responses[class].load(Ordering::Relaxed)).sum()
            }),
            content_bytes: self.answered.iter().map(|cell| cell.bytes.load(Ordering::Relaxed)).sum(),
            hand_overs: self.hand_overs.load(Ordering::Relaxed),
            learned_starts: self.learned_starts.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            threads_in_user_code: self.detached.load(Ordering::Relaxed),
            permits: self.permits.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
            upgraded: self.upgraded.load(Ordering::Relaxed),
            unsent,
            cut: self.cut.load(Ordering::Relaxed),
            log_lines_dropped,
        }
    }

    /// Counts an answered request of the loop `index`.
    pub(crate) fn answered(&self, index: usize, status: u16, bytes: u64) {
        let cell = &self.answered[index % CELLS];
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        cell.responses[class].fetch_add(1, Ordering::Relaxed);
        if bytes > 0 {
            cell.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Whether more than half of the threads for handlers are free.
    pub(crate) fn most_threads_are_free(&self) -> bool {
        let permits = self.permits.load(Ordering::Relaxed);
        // Without loops there are no permits, and every handler runs on the thread of its caller.
        permits == 0 || self.detached.load(Ordering::Relaxed) * 2 < permits
    }

    pub(crate) fn one(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The counters that change with every request. Each loop has its own, so that loops do not contend
/// for a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Answered {
    responses: [AtomicU64; 5],
    bytes: AtomicU64,
}

/// How many sets of such counters there are. If there are more loops, some share a set.
const CELLS: usize = 16;
