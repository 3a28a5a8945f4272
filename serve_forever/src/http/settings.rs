//! What of a server only HTTP has to do with.

use std::time::Duration;

use crate::http::Http;
use crate::server::access_log::AccessLog;
use crate::server::builder::Builder;
use crate::server::settings::settings;

settings! {
    Builder<Http<H>> where H;
    /// How long a connection may be silent between two requests before it is closed. It also limits
    /// a new connection if it is shorter than `head_timeout`. Default: 75 s.
    idle_timeout: Duration = "Duration::from_secs(15)";
    /// Silence while a request body is awaited. Then the client gets 408: from the server where the
    /// handler has [not started](Self::max_buffered_body), else because reading fails with
    /// `TimedOut`. Reading fails in the same way before that when the thread is needed for others,
    /// see [`permit_timeout`](Self::permit_timeout). Default: 30 s.
    body_timeout: Duration = "Duration::from_secs(10)";
    /// How long a client may take nothing while its handler waits to send, or while something waits
    /// that was written to a [detached](crate::Exchange::detach) response; then writing fails with
    /// `TimedOut`, and the connection is cut. The system tells of progress in steps, which may be
    /// as large as half of its send buffer. What holds no thread has a [timeout of its
    /// own](Self::stall_timeout). Default: 30 s.
    write_timeout: Duration = "Duration::from_secs(10)";
    /// How long a client may take nothing of what its handler left to be sent when it returned: a
    /// file, a source, or bytes in memory. No thread waits for it, so no
    /// [minimum rate](Self::minimum_rate) applies: a client that pauses, such as a video player, is
    /// not dead. After this time the connection is cut. It is cut earlier if connections,
    /// descriptors or [memory](Self::max_unsent) run short: the address with most such connections
    /// loses first, and of its connections the one that moved least in the last minute. Default:
    /// 10 min.
    stall_timeout: Duration = "Duration::from_secs(60)";
    /// Bytes of a request head, request line included; then 431. Each thread sets aside address
    /// space for a head of this size, 16 MiB at most. Default: 64 KiB.
    max_head_size: usize = "16 * 1024";
    /// Field lines of a request head, and of the trailers of its body; then 431. Default: 100.
    max_fields: usize = "50";
    /// Octets of a request target; then 414. Default: 16 KiB.
    max_target_size: usize = "4 * 1024";
    /// Octets of a request body; then reading it fails, and the client gets 413. Default: no limit.
    max_body_size: u64 = "10_000_000";
    /// Bytes of a request body that are received before its handler starts, so that a client that
    /// sends slowly holds no thread. A longer body with a `Content-Length`, and the body of a
    /// client that waits for `100 Continue`, are read by the handler as they come. So is a chunked
    /// body of which nothing came for 100 ms, as it may be one side of a conversation: but only
    /// while more than half of the threads are free. Default: 1 MiB. 0 turns this off. At most a
    /// sixteenth of [`max_body_memory`](Self::max_body_memory).
    max_buffered_body: u64 = "256 * 1024";
    /// Bytes of memory for all the bodies that are [received](Self::max_buffered_body) before their
    /// handlers start. The memory follows what has arrived, not what was announced. It is held
    /// until the request is answered, or until the body is copied to the thread's own memory where
    /// it fits there. One body uses a sixteenth of it at most, and the clients of one address a
    /// quarter (those of a Unix socket have no address). When it is spent, handlers start with what
    /// has arrived while more than half of the threads are free, or when requests that are being
    /// served hold most of it. After that, the client that delivers least gets 408. Default:
    /// 64 MiB.
    max_body_memory: usize = "16 * 1024 * 1024";
    /// Octets of a request body that is collected as a whole, as by [`Exchange::form`](crate::Exchange::form); then the client
    /// gets 413. Default: 2 MiB.
    max_collected_size: usize = "64 * 1024";
    /// Fields that [`Exchange::form`](crate::Exchange::form) takes; then the client gets 413. Default: 10 000.
    max_form_fields: usize = "100";
    /// Octets of a request body that the handler did not read, which are read away to keep the connection; if more
    /// are left it is closed. Default: 256 KiB.
    max_drain_size: u64 = "1024";
    /// Octets of a response body that are held back until its framing is known. Default: 64 KiB.
    buffer_size: usize = "8 * 1024";
    /// Bytes of responses in memory that wait for clients which take them slowly, in the whole
    /// server. They are what handlers that have returned wrote, the piece of a source that is being
    /// sent, and what is written to [detached](crate::Exchange::detach) responses. A file above
    /// 64 KiB is not among them unless it may still be written to; the content of a smaller one is.
    /// When there are more, connections are cut: the address whose
    /// connections have most of them loses first, and of its connections the one that moved least
    /// in the last minute. Default: 256 MiB.
    max_unsent: usize = "64 * 1024 * 1024";
    /// Handlers that may keep the stream of an [upgraded](crate::Exchange::upgrade) connection at a
    /// time, each of which holds a thread. A further upgrade gets 503. At least 1. Default: half of
    /// the [threads](Self::max_threads) for handlers.
    max_streams: Option<usize> = "Some(64)";
    /// How many of [those](Self::max_streams) may serve one client address. A further upgrade from
    /// that address gets 503. Streams do not count as
    /// [permits](Self::max_permits_per_address) of their address. Where a
    /// [trusted proxy](Self::trusted_proxies) names the client, this limit applies to that client.
    /// Default: three quarters of `max_streams`.
    max_streams_per_address: Option<usize> = "Some(8)";
}

impl<H> Builder<Http<H>> {
    /// The minimum average rate, in bytes per second, at which a client must send its body and take
    /// what a handler is waiting to write, and the time after which it counts. What a handler left
    /// to be sent when it returned has no minimum rate, unless it
    /// [detached](crate::Exchange::detach) its response. A handler can change it for what it waits
    /// for itself ([`Exchange::set_minimum_rate`](crate::Exchange::set_minimum_rate)), which is not
    /// a body that was [received before it started](Self::max_buffered_body). Default: 500 after
    /// 5 s; 0 is no minimum.
    ///
    /// It ends what timeouts on silence do not: a client that sends one byte every 29 s.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use serve_forever::{handler_fn, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let builder = HttpServer::builder(handler).minimum_rate(1000, Duration::from_secs(10));
    /// # builder.bind(("localhost", 0))?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn minimum_rate(mut self, bytes_per_second: u32, after: Duration) -> Self {
        self.config.minimum_rate = bytes_per_second;
        self.config.minimum_rate_after = after;
        self
    }

    /// Where the access log goes. Default: standard error.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, AccessLog, Exchange, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let builder = HttpServer::builder(handler).access_log(AccessLog::off());
    /// # builder.bind(("localhost", 0))?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.access_log = log;
        self
    }
}
