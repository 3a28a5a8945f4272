//! The access log collects lines in memory. A thread of its own writes them in batches.

use std::cell::Cell;
use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::diagnostics;
use crate::sync::{lock, wait, wait_for};

use super::hooks::{Guarded, disarmed, guarded};

/// The access log of a server.
///
/// One thread that does nothing else writes the lines, many at a time and after 100 ms at the
/// latest. So a stopped terminal or a full disk does not stop the server. Lines beyond a backlog of
/// 1 MiB are dropped and counted.
///
/// ```
/// use serve_forever::{handler_fn, AccessLog, Exchange, HttpServer, Result};
///
/// let file = tempfile();
/// let server = HttpServer::builder(handler_fn(|_: &mut Exchange| -> Result { Ok(()) }))
///     .access_log(AccessLog::to(file))
///     .bind(("localhost", 0))?;
/// # fn tempfile() -> impl std::io::Write + Send + 'static { std::io::sink() }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct AccessLog {
    sink: Option<Arc<Sink>>,
    style: LogStyle,
}

/// The form of the access log; see [`AccessLog::format`](crate::AccessLog::format).
///
/// In each form, the bytes are those of the content, without head and framing, that the operating
/// system has taken. The server does not learn whether they all arrived. So a short response to a
/// client that has just left can be logged as complete.
///
/// ```
/// use serve_forever::{AccessLog, LogFormat};
///
/// let log = AccessLog::stderr().format(LogFormat::Json);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// The form of Python: `127.0.0.1 - - [06/Nov/1994 08:49:37] "GET / HTTP/1.1" 200 9`. An error
    /// has a line of its own before that. After the bytes of a response that was not sent to its
    /// end comes `incomplete`.
    #[default]
    Python,
    /// The Common Log Format, which most log readers know. `-` stands for no bytes. Messages that
    /// are not requests are left out.
    Common,
    /// The Common Log Format, followed by the `Referer` and the `User-Agent` of the request.
    Combined,
    /// A JSON object in each line: `time`, `client`, `method`, `target`, `version`, `host`,
    /// `referer`, `user_agent`, `status`, `bytes`, `complete`, which is false if the response was
    /// not sent to its end, and `duration_ms`, from the arrival of the head to the last byte. The
    /// object of a message has `time`, `client` and `message`.
    Json,
}

/// A form, with or without colors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogStyle {
    pub(crate) format: LogFormat,
    pub(crate) colors: bool,
}

struct Sink {
    /// The lines, by the thread that added them, so that loops on many cores do not wait for one
    /// lock.
    shards: [Mutex<Vec<u8>>; SHARDS],
    backlog: AtomicUsize,
    dropped: AtomicU64,
    /// The writing thread was told that there are lines.
    announced: AtomicBool,
    signal: Mutex<Signal>,
    bell: Condvar,
    target: Mutex<Target>,
}

struct Target {
    writer: Guarded<Box<dyn Write + Send>>,
    /// Swapped with a shard whose lines are written, so that neither has to grow again each time.
    lines: Vec<u8>,
    /// Whether the last lines could not be written.
    failing: bool,
    /// Whether the last write ended in the middle of a line.
    torn: bool,
}

#[derive(Default)]
struct Signal {
    lines: bool,
    full: bool,
    /// The number of servers that write to the log. Servers may share it.
    servers: usize,
    /// How often an ending server asked for its last lines to be written, and how often that was
    /// done.
    asked: u64,
    written: u64,
    /// Whether there is a writing thread.
    running: bool,
}

impl Signal {
    /// Whether a server waits for lines to be written, or no server is left that adds any.
    fn is_urgent(&self) -> bool {
        self.asked > self.written || self.servers == 0
    }
}

impl AccessLog {
    /// Writes to standard error, as Python does. This is the default.
    ///
    /// ```
    /// let log = serve_forever::AccessLog::stderr();
    /// ```
    pub fn stderr() -> Self {
        Self::to(std::io::stderr())
    }

    /// Writes nothing. No lines are even made.
    ///
    /// ```
    /// let log = serve_forever::AccessLog::off();
    /// ```
    pub fn off() -> Self {
        Self { sink: None, style: LogStyle::default() }
    }

    /// Writes to `target`, such as a file, in large pieces, and flushes after each.
    ///
    /// ```
    /// let log = serve_forever::AccessLog::to(Vec::new());
    /// ```
    pub fn to(target: impl Write + Send + 'static) -> Self {
        Self {
            sink: Some(Arc::new(Sink {
                shards: [const { Mutex::new(Vec::new()) }; SHARDS],
                backlog: AtomicUsize::new(0),
                dropped: AtomicU64::new(0),
                announced: AtomicBool::new(false),
                signal: Mutex::default(),
                bell: Condvar::new(),
                target: Mutex::new(Target {
                    writer: Guarded::new(Box::new(target)),
                    lines: Vec::new(),
                    failing: false,
                    torn: false,
                }),
            })),
            style: LogStyle::default(),
        }
    }

    /// Sets the form of the lines. The default is the form of Python.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// use serve_forever::{handler_fn, AccessLog, Exchange, HttpServer, LogFormat, Result};
    ///
    /// # let (mut log, target) = std::io::pipe()?;
    /// let access_log = AccessLog::to(target).format(LogFormat::Combined);
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let server = HttpServer::builder(handler).access_log(access_log).bind(("127.0.0.1", 0))?;
    /// # let mut client = std::net::TcpStream::connect(server.server_addresses()[0])?;
    /// # client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUser-Agent: me\r\n\r\n")?;
    /// # client.shutdown(std::net::Shutdown::Write)?;
    /// server.handle_request()?;
    /// # drop(server);
    /// # let mut text = String::new();
    /// # log.read_to_string(&mut text)?;
    /// assert!(text.ends_with("\"GET / HTTP/1.1\" 204 - \"-\" \"me\"\n"), "{text}");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn format(mut self, format: LogFormat) -> Self {
        self.style.format = format;
        self
    }

    /// Sets whether lines have the colors of Python 3.15, for a terminal. Only
    /// [`LogFormat::Python`] has them. Off by default, because only the caller knows where the log
    /// goes.
    ///
    /// ```
    /// use std::io::IsTerminal;
    /// use serve_forever::AccessLog;
    ///
    /// let log = AccessLog::stderr().colors(std::io::stderr().is_terminal());
    /// ```
    #[must_use]
    pub fn colors(mut self, colors: bool) -> Self {
        self.style.colors = colors;
        self
    }

    /// Returns the style of the lines.
    pub(crate) fn style(&self) -> LogStyle {
        let colors = self.style.colors && self.style.format == LogFormat::Python;
        LogStyle { colors, ..self.style }
    }

    /// Whether lines are written at all.
    pub(crate) fn is_on(&self) -> bool {
        self.sink.is_some()
    }

    /// Adds the lines that `append` appends to a buffer. It returns how many there are.
    pub(crate) fn write_lines(&self, count: u64, append: impl FnOnce(&mut Vec<u8>)) {
        let Some(sink) = &self.sink else { return };
        if sink.backlog.load(Ordering::Relaxed) > MAX_BACKLOG {
            sink.dropped.fetch_add(count, Ordering::Relaxed);
            return;
        }
        let mut shard = lock(&sink.shards[SHARD.get() % SHARDS]);
        let before = shard.len();
        append(&mut shard);
        let (added, length) = (shard.len() - before, shard.len());
        drop(shard);
        sink.backlog.fetch_add(added, Ordering::Relaxed);
        if !sink.announced.load(Ordering::SeqCst) && !sink.announced.swap(true, Ordering::SeqCst) {
            lock(&sink.signal).lines = true;
            sink.bell.notify_all();
        } else if length >= BATCH && before < BATCH {
            lock(&sink.signal).full = true;
            sink.bell.notify_all();
        }
    }

    /// Returns how many lines were dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.sink.as_ref().map_or(0, |sink| sink.dropped.load(Ordering::Relaxed))
    }

    /// Starts the writing thread, unless it runs already for another server. When the guard of the
    /// last server is dropped, the thread ends. Each guard waits until the lines of its server are
    /// written, for a short time at most.
    pub(crate) fn start(&self) -> std::io::Result<Option<Writing>> {
        let Some(sink) = &self.sink else { return Ok(None) };
        let mut signal = lock(&sink.signal);
        if !signal.running {
            let writer = Arc::clone(sink);
            std::thread::Builder::new().name("serve-forever-log".into()).spawn(move || writer.run())?;
            signal.running = true;
        }
        signal.servers += 1;
        Ok(Some(Writing { sink: Arc::clone(sink) }))
    }

    /// Writes all lines on the calling thread.
    pub(crate) fn flush(&self) {
        if let Some(sink) = &self.sink {
            sink.flush();
        }
    }
}

impl fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLog").field("on", &self.is_on()).finish_non_exhaustive()
    }
}

/// Keeps the writing thread running until it is dropped.
pub(crate) struct Writing {
    sink: Arc<Sink>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut signal = lock(&self.sink.signal);
        signal.servers -= 1;
        signal.asked += 1;
        let asked = signal.asked;
        self.sink.bell.notify_all();
        let mut timed_out = false;
        while signal.running && signal.written < asked && !timed_out {
            (signal, timed_out) = wait_for(&self.sink.bell, signal, LAST_WORDS);
        }
    }
}

impl Sink {
    fn run(&self) {
        let mut signal = lock(&self.signal);
        loop {
            while !signal.lines && !signal.is_urgent() {
                signal = wait(&self.bell, signal);
            }
            // The first line of a batch waits for more.
            let mut timed_out = false;
            while !signal.full && !signal.is_urgent() && !timed_out {
                (signal, timed_out) = wait_for(&self.bell, signal, LATEST);
            }
            let asked = signal.asked;
            (signal.lines, signal.full) = (false, false);
            drop(signal);
            self.flush();
            signal = lock(&self.signal);
            signal.written = asked;
            // This does not hold if another server has begun or ended meanwhile.
            let is_over = signal.servers == 0 && signal.asked == asked;
            signal.running = !is_over;
            self.bell.notify_all();
            if is_over {
                return;
            }
        }
    }

    fn flush(&self) {
        // A line that is added after this is announced again. Lines that were added before are
        // collected now.
        self.announced.store(false, Ordering::SeqCst);
        let mut target = lock(&self.target);
        let Target { writer, lines, failing, torn } = &mut *target;
        for shard in &self.shards {
            std::mem::swap(lines, &mut *lock(shard));
            if lines.is_empty() {
                continue;
            }
            // The target is user code. If it panics, the log must go on.
            let outcome = guarded("the access log", || {
                if *torn {
                    writer.write_all(b"\n")?;
                    *torn = false;
                }
                write_lines(&mut **writer, lines, torn)?;
                writer.flush()
            });
            match outcome {
                Some(Ok(())) => *failing = false,
                Some(Err(error)) => {
                    let error = disarmed(error);
                    // Reported once for each outage, not for each batch.
                    if !std::mem::replace(failing, true) {
                        diagnostics::warning!(
                            "the access log cannot be written, its lines are lost: {error}"
                        );
                    }
                }
                None => {}
            }
            self.backlog.fetch_sub(lines.len(), Ordering::Relaxed);
            lines.clear();
        }
    }
}

/// Writes all bytes. `torn` tells whether the last write ended in the middle of a line.
fn write_lines(writer: &mut dyn Write, lines: &[u8], torn: &mut bool) -> std::io::Result<()> {
    let mut left = lines;
    while !left.is_empty() {
        match writer.write(left) {
            Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                let (written, rest) = left.split_at(count.min(left.len()));
                *torn = !written.ends_with(b"\n");
                left = rest;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

thread_local! {
    static SHARD: Cell<usize> = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Cell::new(NEXT.fetch_add(1, Ordering::Relaxed))
    };
}

const SHARDS: usize = 8;
/// A shard with more bytes than this is written at once.
const BATCH: usize = 64 * 1024;
/// Bytes that may wait. Lines beyond that are dropped.
const MAX_BACKLOG: usize = 1024 * 1024;
/// The longest time that a line waits for others.
const LATEST: Duration = Duration::from_millis(100);
/// How long an ending server waits until its last lines are written.
const LAST_WORDS: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_before_the_end() {
        let target = Shared::default();
        let log = AccessLog::to(target.clone());
        let writing = log.start().expect("a thread can be made");
        for _ in 0..1000 {
            log.write_lines(1, |out| out.extend_from_slice(b"a line\n"));
        }
        drop(writing);
        assert_eq!(lock(&target.0).len(), 7000);
    }

    #[test]
    fn a_log_that_servers_share_goes_on_until_the_last_one_ends() {
        let target = Shared::default();
        let log = AccessLog::to(target.clone());
        let say = |line: &str| log.write_lines(1, |out| out.extend_from_slice(line.as_bytes()));
        let written = || String::from_utf8(lock(&target.0).clone()).expect("it is text");
        let (first, second) = (log.start().expect("a thread"), log.clone().start().expect("a thread"));
        say("one\n");
        drop(first);
        assert_eq!(written(), "one\n");
        say("two\n");
        let third = log.start().expect("a thread");
        drop(second);
        assert_eq!(written(), "one\ntwo\n");
        say("three\n");
        drop(third);
        assert_eq!(written(), "one\ntwo\nthree\n");
        // The log can be used again.
        let fourth = log.start().expect("a thread");
        say("four\n");
        drop(fourth);
        assert!(written().ends_with("three\nfour\n"));
    }

    #[test]
    fn what_follows_a_torn_line_begins_on_a_line_of_its_own() {
        /// Takes this many more bytes.
        struct Disk(Shared, Arc<AtomicUsize>);

        impl Write for Disk {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let count = bytes.len().min(self.1.load(Ordering::SeqCst));
                if count == 0 {
                    return Err(std::io::ErrorKind::StorageFull.into());
                }
                self.1.fetch_sub(count, Ordering::SeqCst);
                self.0.write(&bytes[..count])
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        let (target, room) = (Shared::default(), Arc::new(AtomicUsize::new(0)));
        let log = AccessLog::to(Disk(target.clone(), Arc::clone(&room)));
        let say = |line: &str, more: usize| {
            log.write_lines(1, |out| out.extend_from_slice(line.as_bytes()));
            room.fetch_add(more, Ordering::SeqCst);
            log.flush();
        };
        say("nothing of this\n", 0);
        say("a part\n", 3);
        say("still nothing\n", 0);
        say("whole\n", 100);
        say("next\n", 100);
        assert_eq!(String::from_utf8_lossy(&lock(&target.0)), "a p\nwhole\nnext\n");
    }

    #[test]
    fn lines_past_the_backlog_are_counted_and_dropped() {
        let log = AccessLog::to(std::io::sink());
        log.write_lines(1, |out| out.resize(MAX_BACKLOG + 1, b'x'));
        log.write_lines(1, |out| out.extend_from_slice(b"too late\n"));
        assert_eq!(log.dropped(), 1);
        log.flush();
        log.write_lines(1, |out| out.extend_from_slice(b"in time\n"));
        assert_eq!(log.dropped(), 1);
    }
}
