//! What a server counts.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// What a server has done so far, and holds now. See [`ServerHandle::stats`](crate::ServerHandle::stats).
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
    /// Final responses so far whose status began with 1 (a switch to another protocol), 2, 3, 4 and 5: as many as there were
    /// requests with an answer.
    pub responses: [u64; 5],
    /// Bytes of content in these, as they stand in the log when the handler is done; files and the like included, heads and framing
    /// not.
    pub content_bytes: u64,
    /// Loops that changed hands because their job did not return soon.
    pub hand_overs: u64,
    /// Jobs that started on a spare thread because ones like them had blocked.
    pub learned_starts: u64,
    /// Requests refused with 503 because no thread was free for them.
    pub refused: u64,
    /// Threads that run user code now, apart from those that drive a loop.
    pub threads_in_user_code: usize,
    /// How many these may be at most: what [`max_threads`](crate::Builder::max_threads) leaves of them. A loop that is not in a handler
    /// itself keeps one more back, so that requests may have to [wait](Self::waiting) a little earlier. 0 before the server runs.
    pub permits: usize,
    /// Requests that wait until one of them is free, or for their [turn](crate::Builder::max_computing_handlers) to compute.
    pub waiting: usize,
    /// Handlers that hold a stream that their connection became, and have not returned yet.
    pub upgraded: usize,
    /// Bytes of responses in memory that wait for clients which take them slowly; see
    /// [`max_unsent`](crate::Builder::max_unsent).
    pub unsent: usize,
    /// Connections cut so far to make room, although their clients had time left to read a response
    /// or to finish a request: connections, descriptors or
    /// [`max_unsent`](crate::Builder::max_unsent) ran short.
    pub cut: u64,
    /// Log lines that were dropped because their reader was too slow.
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
    /// Handlers that have made a stream of their connection and not returned yet.
    pub(crate) upgraded: AtomicUsize,
    pub(crate) cut: AtomicU64,
    /// A file could not be opened for want of a descriptor, and no loop has made room since.
    pub(crate) short_of_descriptors: AtomicBool,
    /// How often a loop looked for a connection to be cut for the sake of a new one, and found one.
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

    /// A request of the loop `index` was answered.
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
        // Without loops there are no permits, and every handler has its caller's thread.
        permits == 0 || self.detached.load(Ordering::Relaxed) * 2 < permits
    }

    pub(crate) fn one(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What changes with every request: loops have cells of their own, so that they do not take the memory away from each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Answered {
    responses: [AtomicU64; 5],
    bytes: AtomicU64,
}

/// Cells for what changes with every request. More loops than that share some.
const CELLS: usize = 16;
