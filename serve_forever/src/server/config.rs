//! Every limit and timeout, with its unit and its default.

use std::io::{self, ErrorKind};
use std::time::Duration;

use super::proxy_claims::{Forwarded, ProxyProtocol};
use super::proxy_networks::ProxyNetworks;

/// The settings of a server, made by a [`Builder`](crate::Builder) and read by every layer.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) head_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) stall_timeout: Duration,
    pub(crate) linger_timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) permit_timeout: Duration,
    pub(crate) minimum_rate: u32,
    pub(crate) minimum_rate_after: Duration,
    pub(crate) max_head_size: usize,
    pub(crate) max_fields: usize,
    pub(crate) max_target_size: usize,
    pub(crate) max_body_size: u64,
    pub(crate) max_buffered_body: u64,
    pub(crate) max_body_memory: usize,
    pub(crate) max_collected_size: usize,
    pub(crate) max_form_fields: usize,
    pub(crate) max_drain_size: u64,
    pub(crate) buffer_size: usize,
    pub(crate) max_connections: usize,
    pub(crate) max_connections_per_address: Option<usize>,
    pub(crate) max_threads: usize,
    pub(crate) max_permits_per_address: Option<usize>,
    pub(crate) max_streams: Option<usize>,
    pub(crate) max_streams_per_address: Option<usize>,
    pub(crate) max_waiting_requests: usize,
    pub(crate) max_computing_handlers: Option<usize>,
    pub(crate) loops: usize,
    pub(crate) request_queue_size: u32,
    pub(crate) allow_reuse_address: bool,
    pub(crate) allow_reuse_port: bool,
    pub(crate) tcp_keepalive: Option<Duration>,
    pub(crate) send_buffer_size: Option<usize>,
    pub(crate) receive_buffer_size: Option<usize>,
    pub(crate) max_unsent: usize,
    pub(crate) max_send_ahead: usize,
    /// Each connection holds a thread, for which others wait.
    pub(crate) holds_thread: bool,
    pub(crate) trusted_proxies: ProxyNetworks,
    pub(crate) forwarded: Option<Forwarded>,
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
    pub(crate) max_proxy_header_size: usize,
    /// Connections use the transport for tests.
    #[cfg(any(test, feature = "test-transport"))]
    pub(crate) veiling: Option<crate::transport::veil::Veiling>,
}

impl Config {
    /// Refuses limits that no server can have.
    pub(super) fn check(&self) -> io::Result<()> {
        let message = if self.max_head_size > MOST_HEAD_SIZE {
            let size = self.max_head_size;
            format!(
                "max_head_size is {size} bytes: it can be {MOST_HEAD_SIZE} at most, as each thread sets so much aside"
            )
        } else if self.loops > MOST_LOOPS {
            format!("loops is {}: there can be {MOST_LOOPS} at most", self.loops)
        } else if self.max_connections == 0 {
            "max_connections is 0: no client could connect".into()
        } else {
            return Ok(());
        };
        Err(io::Error::new(ErrorKind::InvalidInput, message))
    }

    /// Bounds timeouts such as `Duration::MAX`, which means never, so that a deadline can be
    /// computed from them.
    pub(super) fn bounded(mut self) -> Self {
        for time in [&mut self.permit_timeout, &mut self.shutdown_timeout, &mut self.linger_timeout] {
            *time = (*time).min(FOR_EVER);
        }
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            head_timeout: HEAD_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            body_timeout: BODY_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            stall_timeout: STALL_TIMEOUT,
            linger_timeout: LINGER_TIMEOUT,
            shutdown_timeout: SHUTDOWN_TIMEOUT,
            permit_timeout: PERMIT_TIMEOUT,
            minimum_rate: MINIMUM_RATE,
            minimum_rate_after: MINIMUM_RATE_AFTER,
            max_head_size: MAX_HEAD_SIZE,
            max_fields: MAX_FIELDS,
            max_target_size: MAX_TARGET_SIZE,
            max_body_size: MAX_BODY_SIZE,
            max_buffered_body: MAX_BUFFERED_BODY,
            max_body_memory: MAX_BODY_MEMORY,
            max_collected_size: MAX_COLLECTED_SIZE,
            max_form_fields: MAX_FORM_FIELDS,
            max_drain_size: MAX_DRAIN_SIZE,
            buffer_size: BUFFER_SIZE,
            max_connections: MAX_CONNECTIONS,
            max_connections_per_address: None,
            max_threads: MAX_THREADS,
            max_permits_per_address: None,
            max_streams: None,
            max_streams_per_address: None,
            max_waiting_requests: MAX_WAITING_REQUESTS,
            max_computing_handlers: Some(COMPUTING_HANDLERS_PER_CORE * cores()),
            loops: cores(),
            request_queue_size: REQUEST_QUEUE_SIZE,
            allow_reuse_address: true,
            allow_reuse_port: false,
            tcp_keepalive: None,
            send_buffer_size: None,
            receive_buffer_size: None,
            max_unsent: MAX_UNSENT,
            max_send_ahead: MAX_SEND_AHEAD,
            holds_thread: false,
            trusted_proxies: ProxyNetworks::default(),
            forwarded: None,
            proxy_protocol: None,
            max_proxy_header_size: MAX_PROXY_HEADER_SIZE,
            #[cfg(any(test, feature = "test-transport"))]
            veiling: crate::transport::veil::Veiling::of_environment(),
        }
    }
}

impl Config {
    /// How many of `permits` one client address may hold.
    pub(crate) fn permits_per_address(&self, permits: usize) -> usize {
        self.max_permits_per_address.unwrap_or(permits / 2).max(1)
    }

    /// How many handlers may hold an upgraded connection at the same time.
    pub(crate) fn streams(&self) -> usize {
        // Two threads for each loop are never free for handlers.
        let threads = self.max_threads.saturating_sub(2 * self.loops);
        self.max_streams.unwrap_or(threads / STREAM_SHARE_OF_THREADS).max(1)
    }

    /// How many of these may serve clients of one address: three quarters, so that other addresses
    /// find room.
    pub(crate) fn streams_per_address(&self) -> usize {
        let streams = self.streams();
        self.max_streams_per_address.unwrap_or(streams - streams / STREAMS_FOR_OTHERS).max(1)
    }
}

/// The processors that this process may use.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Time for the whole request head, from its first byte.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence between two requests of a connection.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Silence while the server waits for a request body.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Time in which a client takes nothing while a handler waits to send, or while bytes of a detached
/// response wait.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time in which a client takes nothing of the rest of a response, after its handler has returned.
pub(crate) const STALL_TIMEOUT: Duration = Duration::from_secs(600);
/// Time for which a closing connection still reads, so that its last response is not lost to a
/// reset.
pub(crate) const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// Time that `shutdown` gives to requests in progress.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// Time that a request waits for a permit before it is refused with 503.
pub(crate) const PERMIT_TIMEOUT: Duration = Duration::from_secs(1);
/// The average rate in bytes per second that a body or a response must reach…
pub(crate) const MINIMUM_RATE: u32 = 500;
/// … after this time.
pub(crate) const MINIMUM_RATE_AFTER: Duration = Duration::from_secs(5);
/// Bytes of a request head, request line included.
pub(crate) const MAX_HEAD_SIZE: usize = 64 * 1024;
/// The largest value of `max_head_size`, in bytes.
const MOST_HEAD_SIZE: usize = 16 * 1024 * 1024;
/// The largest number of event loops.
const MOST_LOOPS: usize = 1024;
/// Field lines of a request head.
pub(crate) const MAX_FIELDS: usize = 100;
/// Bytes of a request target.
pub(crate) const MAX_TARGET_SIZE: usize = 16 * 1024;
/// Bytes of a request body. A larger body is refused with 413.
pub(crate) const MAX_BODY_SIZE: u64 = u64::MAX;
/// Bytes of a request body that are received before its handler starts.
pub(crate) const MAX_BUFFERED_BODY: u64 = 1024 * 1024;
/// Bytes of all bodies that the server receives in this way.
pub(crate) const MAX_BODY_MEMORY: usize = 64 * 1024 * 1024;
/// Bytes of a request body that is collected as a whole. A larger body is refused with 413.
pub(crate) const MAX_COLLECTED_SIZE: usize = 2 * 1024 * 1024;
/// Fields of a form that is collected as a whole. A larger form is refused with 413.
pub(crate) const MAX_FORM_FIELDS: usize = 10_000;
/// Bytes of an unread request body that the server discards to keep the connection.
pub(crate) const MAX_DRAIN_SIZE: u64 = 256 * 1024;
/// Bytes of a response body that are held back until its framing is known.
pub(crate) const BUFFER_SIZE: usize = 64 * 1024;
/// Bytes of responses in memory that wait for clients, in the whole server.
pub(crate) const MAX_UNSENT: usize = 256 * 1024 * 1024;
/// Bytes of copied content that the system takes ahead of what it can send on a connection.
pub(crate) const MAX_SEND_AHEAD: usize = 256 * 1024;
/// Connections at the same time.
pub(crate) const MAX_CONNECTIONS: usize = 65_536;
/// Threads of the server, including those that wait for work.
pub(crate) const MAX_THREADS: usize = 512;
/// One of this many threads may be held by a handler with an upgraded connection.
const STREAM_SHARE_OF_THREADS: usize = 2;
/// One of this many streams is not available to a single address.
const STREAMS_FOR_OTHERS: usize = 4;
/// Requests per loop that may wait for a permit.
pub(crate) const MAX_WAITING_REQUESTS: usize = 1024;
/// Handlers of computing kinds that run at the same time, for each core. With only one, a core
/// would be idle while its handler waits.
pub(crate) const COMPUTING_HANDLERS_PER_CORE: usize = 2;
/// Connections that the system queues until the server accepts them.
pub(crate) const REQUEST_QUEUE_SIZE: u32 = 1024;
/// Bytes of the header of the PROXY protocol.
pub(crate) const MAX_PROXY_HEADER_SIZE: usize = 4 * 1024;
/// A hundred years.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_server_can_have_is_named() {
        let named = |config: Config| config.check().map_err(|error| error.to_string());
        assert_eq!(named(Config::default()), Ok(()));
        for (config, name) in [
            (Config { max_head_size: usize::MAX, ..Config::default() }, "max_head_size"),
            (Config { loops: usize::MAX, ..Config::default() }, "loops"),
            (Config { max_connections: 0, ..Config::default() }, "max_connections"),
        ] {
            assert!(named(config).is_err_and(|message| message.starts_with(name)), "{name}");
        }
        let largest = Config { max_head_size: MOST_HEAD_SIZE, loops: MOST_LOOPS, ..Config::default() };
        assert_eq!(named(largest), Ok(()));
    }
}
