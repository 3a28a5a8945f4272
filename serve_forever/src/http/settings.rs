//! The settings that only HTTP servers have.

use std::time::Duration;

use crate::http::Http;
use crate::server::access_log::AccessLog;
use crate::server::builder::Builder;
use crate::server::settings::settings;

settings! {
    Builder<Http<H>> where H;
    /// How long a connection may be silent between two requests before it is closed. It also limits
    /// the silence of a new connection if it is shorter than `head_timeout`. Default: 75 s.
    idle_timeout: Duration = "Duration::from_secs(15)";
    /// How long a client may send nothing while its request body is awaited. After this time the
    /// client gets 408. The server sends it if the handler has [not
    /// started](Self::max_buffered_body). Otherwise reading the body fails with `TimedOut`, and the
    /// client gets 408 if the handler then returns an error. Reading fails earlier, in the same
    /// way, if other requests need the thread; see [`permit_timeout`](Self::permit_timeout).
    /// Default: 30 s.
    body_timeout: Duration = "Duration::from_secs(10)";
    /// How long a client may take nothing while its handler waits to send, or while bytes wait that
    /// were written to a [detached](crate::Exchange::detach) response. After this time writing
    /// fails with `TimedOut`, and the connection is cut. The system reports progress in steps,
    /// which may be as large as half of its send buffer. Data that waits without holding a thread
    /// has a [timeout of its own](Self::stall_timeout). Default: 30 s.
    write_timeout: Duration = "Duration::from_secs(10)";
    /// How long a client may take nothing of what its handler left to be sent when it returned: a
    /// file, a source, or bytes in memory. No thread waits for such a client, so no [minimum
    /// rate](Self::minimum_rate) applies: a client that pauses, such as a video player, is not
    /// dead. After this time the connection is cut. It is cut earlier if connections, descriptors
    /// or [memory](Self::max_unsent) run short. Then the address with most such connections loses
    /// one first: of its connections, the one that moved the fewest bytes in the last minute.
    /// Default: 10 min.
    stall_timeout: Duration = "Duration::from_secs(60)";
    /// The maximum size of a request head in bytes, including the request line. A larger head gets
    /// 431. Each thread reserves address space for a head of this size, 16 MiB at most. Default: 64
    /// KiB.
    max_head_size: usize = "16 * 1024";
    /// The maximum number of field lines in a request head, and in the trailers of its body. More
    /// of them get 431. Default: 100.
    max_fields: usize = "50";
    /// The maximum size of a request target in bytes. A longer target gets 414. Default: 16 KiB.
    max_target_size: usize = "4 * 1024";
    /// The maximum size of a request body in bytes. Reading a larger body fails, and the client
    /// gets 413. Default: no limit.
    max_body_size: u64 = "10_000_000";
    /// The maximum size, in bytes, of a request body that the server receives before it starts the
    /// handler, so that a client that sends slowly holds no thread. The handler itself reads, as
    /// they arrive, a longer body with a `Content-Length` and the body of a client that waits for
    /// `100 Continue`. It also reads a chunked body of which nothing arrived for 100 ms, as this
    /// may be one side of a conversation, but only while more than half of the threads are free.
    /// Default: 1 MiB. 0 turns this off. At most a sixteenth of
    /// [`max_body_memory`](Self::max_body_memory).
    max_buffered_body: u64 = "256 * 1024";
    /// The maximum memory, in bytes, for all bodies together that are
    /// [received](Self::max_buffered_body) before their handlers start. A body counts with the
    /// bytes that have arrived, not with the length that was announced. The memory is held until
    /// the request is answered, or, if the body fits into the memory of the thread, until it is
    /// copied there. One body may use a sixteenth of this memory, and the clients of one address a
    /// quarter (those of a Unix socket have no address). When all of it is in use, handlers start
    /// with what has arrived, as long as more than half of the threads are free, or requests that
    /// are being served hold most of the memory. Otherwise the client that delivers the fewest
    /// bytes gets 408. Default: 64 MiB.
    max_body_memory: usize = "16 * 1024 * 1024";
    /// The maximum size, in bytes, of a request body that is collected as a whole, as by
    /// [`Exchange::form`](crate::Exchange::form). The client gets 413 for a larger body. Default: 2
    /// MiB.
    max_collected_size: usize = "64 * 1024";
    /// The maximum number of fields that [`Exchange::form`](crate::Exchange::form) accepts. The
    /// client gets 413 for more. Default: 10 000.
    max_form_fields: usize = "100";
    /// The maximum number of bytes of a request body that the server reads and discards if the
    /// handler left them unread, in order to keep the connection. If more are left, the connection
    /// is closed. Default: 256 KiB.
    max_drain_size: u64 = "1024";
    /// The number of bytes of a response body that are held back until the framing of the response
    /// is known. Default: 64 KiB.
    buffer_size: usize = "8 * 1024";
    /// The maximum memory, in bytes, of responses that wait for clients which take them slowly, in
    /// the whole server. It is used by what handlers wrote before they returned, by the piece of a
    /// source that is being sent, and by what is written to [detached](crate::Exchange::detach)
    /// responses. A file above 64 KiB does not count unless it may still be written to; the content
    /// of a smaller file does. When more memory is used, connections are cut. The address whose
    /// connections use most of it loses one first: of its connections, the one that moved the
    /// fewest bytes in the last minute. Default: 256 MiB.
    max_unsent: usize = "64 * 1024 * 1024";
    /// The maximum number of handlers that keep the stream of an
    /// [upgraded](crate::Exchange::upgrade) connection at the same time. Each of them holds a
    /// thread. A further upgrade gets 503. At least 1. Default: half of the
    /// [threads](Self::max_threads) for handlers.
    max_streams: Option<usize> = "Some(64)";
    /// How many of these [streams](Self::max_streams) may serve one client address. A further
    /// upgrade from that address gets 503. Streams do not count as
    /// [permits](Self::max_permits_per_address) of their address. If a [trusted
    /// proxy](Self::trusted_proxies) names the client, this limit applies to that client. Default:
    /// three quarters of `max_streams`.
    max_streams_per_address: Option<usize> = "Some(8)";
}

impl<H> Builder<Http<H>> {
    /// The minimum average rate, in bytes per second, at which a client must send its body and take
    /// what a handler is waiting to write, and the time after which the rate is enforced. What a
    /// handler left to be sent when it returned has no minimum rate, unless the response is
    /// [detached](crate::Exchange::detach). A handler can change the rate for what it waits for
    /// itself ([`Exchange::set_minimum_rate`](crate::Exchange::set_minimum_rate)). That does not
    /// include a body that was [received before the handler started](Self::max_buffered_body).
    /// Default: 500 after 5 s; 0 is no minimum.
    ///
    /// The rate stops clients that no timeout on silence stops: a client that sends one byte every
    /// 29 s.
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

    /// Where the access log is written. Default: standard error.
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
