//! Switching to another protocol (RFC 9110 §7.8).

use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::Result;
use crate::error::misuse;
use crate::server::config::Config;
use crate::server::handle::ServerHandle;
use crate::server::waker::OwnedWaker;
use crate::stream::{Owner, Stream};

use crate::http::exchange::Exchange;
use crate::http::message::fields;
use crate::http::message::status_error::StatusError;

/// Another protocol on the same connection.
impl Exchange<'_> {
    /// Whether the client offers to change to `protocol` (RFC 9110 §7.8). Offers in HTTP/1.0
    /// requests do not count. Nor do offers in `HEAD` requests: the response to `HEAD` has no body,
    /// so nothing could follow a 101.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, testing, Exchange, Result};
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     let status = if http.offers_upgrade("websocket") { 204 } else { 404 };
    ///     http.send_response(status).end_headers()
    /// });
    /// let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    /// assert!(testing::respond(handler, request).starts_with(b"HTTP/1.1 204 "));
    /// ```
    pub fn offers_upgrade(&self, protocol: &str) -> bool {
        let headers = self.request.head.fields(self.request.bytes);
        self.request.head.version_minor() > 0
            && !self.is_head()
            && headers.get_all("Connection").any(|value| fields::list_contains(value, "upgrade"))
            && headers.get_all("Upgrade").any(|value| fields::list_contains(value, protocol))
    }

    /// Turns the connection into a stream for the new protocol. The first bytes that the stream
    /// reads are those that the client sent right after its request.
    ///
    /// Call this once, after `send_response(101)` with an `Upgrade` field and `end_headers`. If the
    /// client did not offer that protocol, `end_headers` fails with a [`StatusError`] of 426. The
    /// stream may outlive the handler and move to other threads. The connection ends when the last
    /// part of the stream is dropped. The stream has no timeouts unless you set them.
    ///
    /// A stream keeps its server alive. If you keep a stream in the server's own
    /// [state](crate::ServerHandle::state), take it out again in the end. A handler that keeps the
    /// stream keeps its thread. At most [`max_streams`](crate::Builder::max_streams) threads may be
    /// kept in this way, by default half of those for handlers, and three quarters of these by
    /// clients of one address; further upgrades get 503. The other threads stay free for ordinary
    /// requests, even of the same address.
    ///
    /// # Errors
    ///
    /// Fails without a 101 response, or if the client is gone.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use serve_forever::{handler_fn, testing, Exchange, Result};
    ///
    /// let handler = handler_fn(|http: &mut Exchange| -> Result {
    ///     http.send_response(101).send_header("Upgrade", "upper").end_headers()?;
    ///     let mut stream = http.upgrade()?;
    ///     let mut text = String::new();
    ///     stream.read_to_string(&mut text)?;
    ///     stream.write_all(text.to_uppercase().as_bytes())?;
    ///     Ok(())
    /// });
    /// let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: upper\r\n\r\ntea";
    /// let answer = testing::respond(handler, request);
    /// assert!(answer.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
    /// assert!(answer.ends_with(b"\r\nUpgrade: upper\r\nConnection: Upgrade\r\n\r\nTEA"));
    /// ```
    pub fn upgrade(&mut self) -> Result<Stream> {
        if self.upgraded.is_some() {
            return misuse("the connection was upgraded already");
        }
        let context = self.context;
        let mut output = self.wfile.outlet.open();
        if !self.answered || output.status() != 101 {
            return misuse(
                "upgrade() comes after send_response(101) with an Upgrade field and end_headers()",
            );
        }
        output.flush(&context.link)?;
        context.waker.became_stream();
        let upgraded = Arc::new(Upgraded::new(context.waker.to_owned()));
        self.upgraded = Some(Arc::clone(&upgraded));
        let early = self.rfile.take_rest();
        let seat = context.link.seat.to_owned();
        let (transport, server) = (Arc::clone(context.link.transport), context.server.clone());
        Ok(Stream::lent(transport, seat, server, context.client, early, upgraded))
    }

    /// Checks what must hold before 101 is sent, and adds the `Connection` field to the response.
    pub(crate) fn prepare_upgrade(&mut self) -> Result {
        let Some(protocol) = self.response.upgrade.clone() else {
            return misuse("101 needs an Upgrade field with the protocol that follows");
        };
        let protocol = String::from_utf8_lossy(&protocol).into_owned();
        if !self.offers_upgrade(&protocol) {
            let explain = format!("This resource speaks {protocol}");
            let error = StatusError::new(426).header("Upgrade", &protocol).header("Connection", "Upgrade");
            return Err(error.explain(explain).into());
        }
        // The rest of the request body is not part of the new protocol, so it is read and
        // discarded. A client that waits for `100 Continue` gets that first.
        if !self.rfile.is_done() {
            // One byte more than allowed, because only a further read notices the end of a chunked
            // body.
            let most = self.context.link.config.max_drain_size;
            let read = io::copy(&mut (&mut self.rfile).take(most.saturating_add(1)), &mut io::sink())?;
            if read > most || !self.rfile.is_done() {
                return Err(StatusError::new(413).into());
            }
        }
        if self.counted_stream.is_none() {
            let stream =
                CountedStream::take(self.context.server, self.context.link.config, self.context.client.ip())
                    .ok_or_else(|| StatusError::new(503).header("Retry-After", 1))?;
            self.counted_stream = Some(stream);
        }
        if !self.response.connection_given {
            self.response.field("Connection", &"Upgrade");
        }
        Ok(())
    }

    /// Checks that a handler that sent 101 has also made the stream.
    #[inline]
    pub(crate) fn check_upgrade(&self) -> Result {
        if self.counted_stream.is_some() && self.upgraded.is_none() && self.wfile.outlet.status() == 101 {
            return misuse("the handler sent 101 and did not call upgrade()");
        }
        Ok(())
    }
}

/// The state that a connection shares with the stream that it became.
#[derive(Debug)]
pub(crate) struct Upgraded {
    ended: AtomicBool,
    /// Whether the client is gone.
    left: AtomicBool,
    deregistered: AtomicBool,
    waker: OwnedWaker,
}

impl Upgraded {
    fn new(waker: OwnedWaker) -> Self {
        let [ended, left, deregistered] = [const { AtomicBool::new(false) }; 3];
        Self { ended, left, deregistered, waker }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether the client has reset the connection. In that case no error of the handler is
    /// reported.
    pub(crate) fn is_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    pub(crate) fn is_deregistered(&self) -> bool {
        self.deregistered.load(Ordering::Relaxed)
    }
}

impl Owner for Upgraded {
    fn client_left(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    fn stream_ended(&self, deregistered: bool) {
        self.deregistered.store(deregistered, Ordering::Relaxed);
        self.ended.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// The right of a handler to keep the stream of an upgraded connection. It is given back when this
/// value is dropped.
#[derive(Debug)]
pub(crate) struct CountedStream {
    server: ServerHandle,
    address: IpAddr,
}

impl CountedStream {
    fn take(server: &ServerHandle, config: &Config, address: IpAddr) -> Option<Self> {
        if !server.streams().try_add(address, config.streams_per_address()) {
            return None;
        }
        let limit = config.streams();
        let count = |count: usize| (count < limit).then_some(count + 1);
        let taken = Self::counter(server).fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
        if taken.is_err() {
            server.streams().remove(address);
            return None;
        }
        Some(Self { server: server.clone(), address })
    }

    fn counter(server: &ServerHandle) -> &AtomicUsize {
        &server.counters().upgraded
    }
}

impl Drop for CountedStream {
    fn drop(&mut self) {
        Self::counter(&self.server).fetch_sub(1, Ordering::Relaxed);
        self.server.streams().remove(self.address);
    }
}
