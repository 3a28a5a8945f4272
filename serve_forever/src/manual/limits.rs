//! Timeouts and limits, and what each of them stops.
//!
//! Programs that talk to a server on the open network may be broken, slow or hostile. Blocking
//! servers fall to the simplest of them, because each connection that sends nothing holds a thread.
//! Here every wait for a client has an end and every amount has a limit. Nearly all limits are on
//! by default, and all are methods of [`Builder`]. (You must limit what your own code waits for:
//! nothing ends a handler that runs for long, and the streams of a [`TcpServer`](crate::TcpServer)
//! and of an [`upgrade`](crate::Exchange::upgrade) have the timeouts that you give them.)
//!
//! ```
//! use std::time::Duration;
//! use serve_forever::{handler_fn, Exchange, HttpServer, Result};
//!
//! let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
//! let server = HttpServer::builder(handler)
//!     .head_timeout(Duration::from_secs(5))
//!     .max_body_size(10_000_000)
//!     .max_connections_per_address(Some(100))
//!     .bind(("localhost", 0))?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Only three settings need thought before a server goes online: `max_body_size`, if a handler
//! reads bodies into memory by itself; `max_connections_per_address`, if no proxy is in front;
//! `max_threads`, if handlers wait (see [`threads`](super::threads)).
//!
//! # Time
//!
//! | setting | default | what it stops |
//! |---|---|---|
//! | [`head_timeout`](crate::Builder::head_timeout) | 10 s | **Slowloris**: many connections that each send a head byte by byte and never end it. Also new connections that send nothing but empty lines: these are closed without a response. The timeout runs from the first to the last byte of the head, and bytes that arrive do not extend it. Then the client gets 408. Meanwhile, the connection holds no thread |
//! | [`idle_timeout`](crate::Builder::idle_timeout) | 75 s | **Silent connections**, kept open after a response or opened and forgotten. The connection is closed without a response. Before its first request, `head_timeout` applies instead if it is shorter |
//! | [`body_timeout`](crate::Builder::body_timeout) | 30 s | **Slow body** (R.U.D.Y.): a client that announces a `Content-Length` and sends nothing after it. The client gets 408. If the handler has not been called yet, the server sends the 408 itself; otherwise, the handler's read fails with `TimedOut`. The [minimum rate](crate::Builder::minimum_rate) usually ends it sooner: a client that sends nothing gets 408 after 5 s. Reading also fails with 408 if other requests need the thread |
//! | [`write_timeout`](crate::Builder::write_timeout) | 30 s | **Slow reader**: a client that requests something large and does not read it, while a handler waits to write more. Writing fails, and the connection is cut. The same happens if the client does not read a [`Detached`](crate::Detached) response |
//! | [`stall_timeout`](crate::Builder::stall_timeout) | 10 min | **Slow reader that holds no thread**: a client that does not read a file, a listing, a source, or what a handler wrote before it returned. A client that pauses, such as a video player, is not dead. It may pause for a long time, unless [others need the room](#who-goes-first) |
//! | [`minimum_rate`](crate::Builder::minimum_rate) | 500 bytes/s on average, after 5 s | **Slow body and slow reader with patience**: one byte every 29 s passes every timeout on silence. The server counts only the time in which a handler or a detached response waits for the client. The rate does not apply to data that `stall_timeout` covers. A handler that expects slow clients can change the rate with [`Exchange::set_minimum_rate`]. This only applies while the handler itself waits, so neither to a body that is received before it starts nor to a detached response |
//! | [`permit_timeout`](crate::Builder::permit_timeout) | 1 s | **A queue that never ends**: requests that wait for a free thread while all handlers are busy. 503 with `Retry-After`, so that an overloaded server refuses early what it would answer too late. After each quarter of this time, the server ends the wait of the handler with the slowest client and gives its thread to the waiting request: that upload gets 408, that response is cut. During a shutdown, connections that still wait for room after this time are reset |
//! | [`linger_timeout`](crate::Builder::linger_timeout) | 2 s | An accident, not an attack: when a server closes while the client is still sending, the system sends a reset, and the client loses the response that it was to read (RFC 9112 §9.6). The server reads from the closed connection for this long, and then stops, because a client could send for ever |
//! | [`shutdown_timeout`](crate::Builder::shutdown_timeout) | 10 s | **A server that cannot be stopped** because of one request that does not end. After this time, the connections are cut. The listening sockets are closed when the shutdown begins |
//!
//! # Size
//!
//! | setting | default | what it stops |
//! |---|---|---|
//! | [`max_head_size`](crate::Builder::max_head_size) | 64 KiB | **Header floods**: an endless request line or endless fields. 431, or 414 if the request line is too long |
//! | [`max_fields`](crate::Builder::max_fields) | 100 | **Header floods** of many small fields, each of which costs more to look at than to send. 431 |
//! | [`max_target_size`](crate::Builder::max_target_size) | 16 KiB | Request targets that are made to break the programs that read them: logs, databases, regular expressions. 414 |
//! | [`max_proxy_header_size`](crate::Builder::max_proxy_header_size) | 4 KiB | An endless header of the [PROXY protocol](crate::Builder::proxy_protocol), if that is enabled. The connection is closed without an answer. The same happens if the header takes longer than `head_timeout` |
//! | [`max_body_size`](crate::Builder::max_body_size) | no limit | **Body bombs**: more than a handler that collects the body can hold. The read fails, and the client gets 413. There is no limit by default, as a handler that reads in pieces needs none |
//! | [`max_buffered_body`](crate::Builder::max_buffered_body) | 1 MiB | **Slow body with many connections**: each would hold a thread while its handler reads. Bodies of up to this size are received before the handler starts. A longer body does hold a thread. When requests wait for threads, the slowest upload gives its thread up (408) |
//! | [`max_body_memory`](crate::Builder::max_body_memory) | 64 MiB | Memory for these bodies. It grows with the bytes that have arrived, whatever length was announced. It is held until the request is answered, or until the body is copied to the thread's own memory, if it fits there. One body uses at most a sixteenth, and one address at most a quarter (clients of a Unix socket have no such share). When this memory is full, the server starts a handler with the part of the body that has arrived, if more than half of the threads are free or if requests in progress hold most of the memory. Otherwise, the client that sends most slowly gets 408 |
//! | [`max_collected_size`](crate::Builder::max_collected_size) | 2 MiB | **Body bombs** for handlers that collect a body in memory with [`body`](crate::Exchange::body), `body_text`, `body_json` or [`form`](crate::Exchange::form). 413 |
//! | [`max_form_fields`](crate::Builder::max_form_fields) | 10 000 | **Forms of many small fields**, each of which costs more to keep than to send. 413 |
//! | [`max_drain_size`](crate::Builder::max_drain_size) | 256 KiB | Bodies that no handler has read. The server reads and discards up to this much to keep the connection. If more is left, the connection ends |
//! | [`buffer_size`](crate::Builder::buffer_size) | 64 KiB | Memory for a response whose length is not known yet. A longer response is sent in chunks. The setting also limits what may wait for the client of a [`Detached`](crate::Detached), except for a single larger write |
//! | [`max_unsent`](crate::Builder::max_unsent) | 256 MiB | **Memory held by slow readers**: data that handlers have written, that sources have made, and that [`Detached`](crate::Detached) writers have left behind, until the client takes it. When there is more, [connections are cut](#who-goes-first). [`ServerStats::unsent`](crate::ServerStats::unsent) tells how much there is |
//! | [`max_send_ahead`](crate::Builder::max_send_ahead) | 256 KiB | **Kernel memory held by slow readers**, which request much and read nothing: without this limit, about 4 MiB per connection. A file above 64 KiB that is not being written to is sent without a copy, so it is not limited. This limit works on Linux and Android. On other systems, `send_buffer_size` is the limit |
//!
//! # Number
//!
//! | setting | default | what it stops |
//! |---|---|---|
//! | [`max_connections`](crate::Builder::max_connections) | 65 536, but never more than the system's limit of descriptors allows | **Connection floods**. The server closes the connection that has been idle for longest. If none is idle, it closes [one whose client has stopped reading or does not finish its request](#who-goes-first). If there is none either, new connections wait to be accepted. See [`raise_descriptor_limit`](crate::raise_descriptor_limit) |
//! | [`max_connections_per_address`](crate::Builder::max_connections_per_address) | no limit | **One client with many connections**. 503. There is no limit by default, because behind a proxy or a large network translation, one address stands for many clients |
//! | [`max_threads`](crate::Builder::max_threads) | 512 | **Thread exhaustion**: many requests to handlers that block. Two threads per loop are set aside (`max_threads` is at least that). One of these is never lent to a handler, so accepting, timeouts and stopping go on. The other threads are for handlers |
//! | [`max_permits_per_address`](crate::Builder::max_permits_per_address) | half of the threads for handlers | **One client that takes all threads**. The limit applies once half of the threads are in use. A request beyond it waits. Threads that hold an upgraded connection are not counted, neither in the limit nor in the total |
//! | [`max_streams`](crate::Builder::max_streams) | half of the [threads](crate::Builder::max_threads) for handlers | **Streams that take all threads**: handlers that keep an [upgraded](crate::Exchange::upgrade) connection, such as a WebSocket, for as long as they like. The other threads stay for ordinary requests. 503 |
//! | [`max_streams_per_address`](crate::Builder::max_streams_per_address) | three quarters of `max_streams` | **One client with many streams**. They do not count as permits of its address. 503 |
//! | [`max_waiting_requests`](crate::Builder::max_waiting_requests) | 1024 per loop | **A queue that takes up memory**. Further requests get 503 immediately |
//! | [`max_computing_handlers`](crate::Builder::max_computing_handlers) | 2 per core | **Processor exhaustion**: many requests that make handlers compute, so that nothing else is answered in time. Further such requests [wait](super::threads#when-processors-run-out) for their turn. They are not refused because others compute, unless `max_waiting_requests` wait already (503) |
//! | [`loops`](crate::Builder::loops) | one per core | Nothing. More loops than cores bring no benefit |
//! | [`tcp_keepalive`](crate::Builder::tcp_keepalive) | never | **Clients that vanish silently**, because they have lost power or their network, from streams that may be quiet for hours. Set it if your server has such streams: no other timeout covers them |
//! | [`send_buffer_size`](crate::Builder::send_buffer_size), [`receive_buffer_size`](crate::Builder::receive_buffer_size) | the system's | Nothing by themselves. Set them if the system runs short of socket memory, which does not count as memory of the process |
//! | [`request_queue_size`](crate::Builder::request_queue_size) | 1024 | Refused connections while the server is busy. This is how many connections the system keeps until the server accepts them. When the server stops, each listener still accepts the connections that wait, at most `max(request_queue_size, 4096)` |
//! | [`timeout`](crate::Builder::timeout) | for ever | Nothing. It is how long [`handle_request`](crate::Server::handle_request) waits for a connection |
//!
//! The handler for files has two limits of its own.
//! [`listing_memory`](crate::files::SimpleHttpRequestHandlerBuilder::listing_memory), 64 MiB, stops
//! **clients that read the listings of long directories slowly**. While such a client reads, the
//! names of its directory are in memory. Beyond the limit, the server drops the names that were
//! used least recently, and reads the directory again when their client continues.
//! [`cache_size`](crate::files::SimpleHttpRequestHandlerBuilder::cache_size), 8 MiB, limits the
//! cache of files: the content of files up to 64 KiB, and open descriptors of files up to 1 MiB.
//!
//! A form with files ([`multipart`](crate::Exchange::multipart)) has limits that the handler sets
//! when it reads the form: 1000 parts, 16 KiB for the head of a part, 2 MiB for all parts that are
//! taken as text.
//!
//! # Values with a meaning of their own
//!
//! - `Duration::MAX` switches a timeout off.
//! - `None` is the default of those settings that take an `Option`: no limit for
//!   `max_connections_per_address`; a share of the threads for `max_permits_per_address`,
//!   `max_streams` and `max_streams_per_address`; never for `tcp_keepalive`; what the system
//!   chooses for the sizes of buffers. `max_computing_handlers` is `Some` by default, and `None`
//!   means no limit.
//! - 0 turns `max_buffered_body` and `minimum_rate` off. `loops`, `max_permits_per_address`,
//!   `max_streams`, `max_streams_per_address` and `max_computing_handlers` are at least 1, and
//!   `max_threads` is at least two per loop: the server raises smaller values to that.
//! - [`bind`](crate::Builder::bind) fails where no server could work: `max_connections` of 0,
//!   `max_head_size` above 16 MiB, more than 1024 `loops`.
//!
//! # Who goes first
//!
//! A client that pauses does no harm while there is room. When connections, descriptors or
//! [`max_unsent`](crate::Builder::max_unsent) run short, the server first closes connections of the
//! address that has the most stalled connections (if connections or descriptors are short) or the
//! most bytes in memory (if `max_unsent` is exceeded). Of these connections, it closes the one that
//! transferred the fewest bytes in the last minute.
//!
//! A connection is stalled when its client has taken nothing for about a second, or has not
//! finished its request: a head after a second, a body that is received without a thread when it
//! brings less than 4 KiB in a second. (The system reports in steps how much of a response was
//! taken. The server therefore waits longer before it calls a reader stalled: as long as a client
//! at 64 KiB/s needs for a step of the last size, at most 20 s. The only connection of an address
//! gets this time for its first step, too.) If a client sends the start of the next request
//! together with the end of each request, its connection is never idle. The server counts such a
//! connection as one with an unfinished request.
//!
//! A handler that waits for its client has a thread, and is limited by
//! [`minimum_rate`](crate::Builder::minimum_rate) and
//! [`write_timeout`](crate::Builder::write_timeout). When no other connection is stalled, such a
//! handler makes room if its client moves less than 4 KiB per second. The first to make room is a
//! handler of the address that has most of them.
//!
//! While a connection is stalled, unfinished requests count for their address from the beginning.
//! So an address that connects again and again makes room before others do.
//!
//! Before any of these, the server closes idle connections, and connections that it only reads from
//! after their last response ([`linger_timeout`](crate::Builder::linger_timeout)). It logs each
//! connection that it cuts at the level `debug`, and counts it in
//! [`ServerStats::cut`](crate::ServerStats::cut). The connection is reset, so that the system frees
//! its memory as well.
//!
//! The address of a client is the same as for the other limits. Many clients may be behind a
//! [trusted proxy](crate::Builder::trusted_proxies), and clients of a Unix socket have no address.
//! In both cases, each connection counts by itself.
//!
//! [`handle_request`](crate::Server::handle_request) serves one connection at a time, on the thread
//! that calls it. There, `write_timeout` and `minimum_rate` apply to all responses.
//!
//! # Limits that cannot be set
//!
//! They are far beyond what any honest client sends: 64 bytes for a method, 1024 for the name of a
//! field, 8 empty lines before a request; 16 KiB of chunk extensions in a body; 16 KiB and 100
//! fields of trailers; 64 ranges in a request for a file; 70 bytes for the boundary of a form with
//! files; 1 MiB of log lines that wait for a slow disk (further lines are dropped and counted in
//! [`ServerStats`](crate::ServerStats)).
//!
//! # What no limit stops
//!
//! **Request smuggling** needs two programs that read the same bytes in different ways. The server
//! prevents it by reading them in one way only, and by refusing everything that another program
//! could read otherwise: a `Content-Length` beside a `Transfer-Encoding`, two lengths, a coding
//! other than `chunked` alone, a bare LF, a folded field, a space before the colon, a missing
//! `Host`. After a refusal, nothing more of the connection is read as a request:
//!
//! ```
//! use serve_forever::{handler_fn, testing, Exchange, Result};
//!
//! let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
//! let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
//!     0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
//! let answer = testing::respond(handler, request);
//! assert!(answer.starts_with(b"HTTP/1.1 400 Both Content-Length and Transfer-Encoding\r\n"));
//! assert_eq!(answer.windows(9).filter(|bytes| bytes == b"HTTP/1.1 ").count(), 1);
//! ```
//!
//! **Response splitting**: no value with a line break gets into a response, whoever provides the
//! value. **Decompression bombs**: the handler gets bodies as they were sent. A handler that
//! decompresses a body must limit the size of the output itself.
//!
//! # Settings that are no limits
//!
//! [`access_log`](crate::Builder::access_log), [`verify_request`](crate::Builder::verify_request)
//! (refuses connections by their address, before anything is read),
//! [`handle_error`](crate::Builder::handle_error),
//! [`handle_timeout`](crate::Builder::handle_timeout),
//! [`service_actions`](crate::Builder::service_actions),
//! [`allow_reuse_address`](crate::Builder::allow_reuse_address) (default: true),
//! [`allow_reuse_port`](crate::Builder::allow_reuse_port) (default: false), and on Unix
//! `unix_socket`, `unix_socket_mode` and `listener`. Behind a proxy:
//! [`trusted_proxies`](crate::Builder::trusted_proxies) with
//! [`forwarded`](crate::Builder::forwarded) or [`proxy_protocol`](crate::Builder::proxy_protocol)
//! (see [`deployment`](super::deployment)).
//!
//! [`Builder`]: crate::Builder
//! [`Exchange::set_minimum_rate`]: crate::Exchange::set_minimum_rate
