//! An HTTP server for plain blocking code, at the speed of an event loop: Python's `http.server`,
//! in Rust.
//!
//! ```text
//!   bytes in                                                           bytes out
//!       |                                                                   ^
//!       v                                                                   |
//!   [ event loop ]--- a request is complete --->[ your handler ]---> head + body in one write
//!       |    ^                                   do_get(&mut self, http)
//!       |    |                                         |
//!       |    +---- the handler returned: go on <-------+
//!       |
//!       +--- it did not return soon: another thread drives the loop on
//! ```
//!
//! ```no_run
//! use std::io::Write;
//! use serve_forever::{BaseHttpRequestHandler, Exchange, HttpServer, Result};
//!
//! struct Handler;
//!
//! impl BaseHttpRequestHandler for Handler {
//!     fn do_get(&mut self, http: &mut Exchange) -> Result {
//!         http.send_response(200).end_headers()?;
//!         http.wfile().write_all(b"Homepage\n")?;
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> std::io::Result<()> {
//!     HttpServer::bind(("localhost", 8080), || Handler)?.serve_forever()
//! }
//! ```
//!
//! Handlers read and write in ordinary blocking code, without an async runtime, and may wait as
//! long as they like: no handler and no slow client stops the others. The server reads HTTP/1.1
//! strictly (RFC 9110, RFC 9112) and refuses ambiguous requests.
//!
//! - [`HttpServer`] and [`BaseHttpRequestHandler`] answer requests; [`handler_fn`] makes a handler
//!   from a closure. [`Exchange`] is a request and its response. [`StatusError`] is an error that
//!   carries the status of its response.
//! - [`Router`] routes requests to handlers by path and method.
//! - [`SimpleHttpRequestHandler`] serves a directory.
//! - [`Exchange::send_file`], [`Exchange::send_source`] and [`Exchange::detach`] leave the rest of
//!   a response to the server, so that no thread waits for the client: for downloads, generated
//!   content and event streams.
//! - [`Exchange::upgrade`] turns the connection into a [`Stream`] for another protocol.
//! - [`TcpServer`] with [`BaseRequestHandler`], or with [`StreamRequestHandler`] for line-based
//!   protocols, speaks any other protocol over TCP.
//! - [`Builder`] sets timeouts, limits and the [proxies to trust](Builder::trusted_proxies).
//!   [`ServerHandle`] stops a server, holds its shared state and reads its [`ServerStats`].
//! - [`testing::respond`] tests handlers without sockets.
//! - [`manual`] has pages on limits, threads, deployment, migration and testing.
//! - [`testing::respond`] tests handlers without sockets.
//! - [`manual`] has pages on limits, threads, deployment, migration and testing.
//!
//! This crate will never run an async runtime, or guess what a malformed request means.

#![forbid(unsafe_code)]

mod diagnostics;
mod error;
pub mod files;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod http;
pub mod manual;
mod raw;
mod router;
mod sealed;
mod server;
mod servers;
mod stream;
mod sync;
mod sys;
pub mod testing;
mod transport;
mod visible;

pub mod forms {
    //! What clients send by HTML forms: [`Exchange::form`](crate::Exchange::form) and
    //! [`Exchange::multipart`](crate::Exchange::multipart).

    pub use crate::http::{Form, Multipart, Part};
}

pub mod proxy {
    //! How a proxy tells the address of its client, and which proxies the server believes:
    //! [`Builder::trusted_proxies`](crate::Builder::trusted_proxies),
    //! [`Builder::forwarded`](crate::Builder::forwarded) and
    //! [`Builder::proxy_protocol`](crate::Builder::proxy_protocol).

    pub use crate::server::proxy_claims::{Forwarded, ProxyProtocol};
    pub use crate::server::proxy_networks::{InvalidProxyNetwork, ProxyNetworks};
}

pub use crate::error::{Error, MisuseError, Result};
pub use crate::files::SimpleHttpRequestHandler;
pub use crate::http::{
    BaseHttpRequestHandler, Cookie, Detached, Event, Exchange, HandlerFn, HeaderText, Headers, Http,
    IntoStatus, LogRecord, RFile, SameSite, Source, StatusError, WFile, handler_fn,
};
pub use crate::raw::{BaseRequestHandler, Raw, StreamHandler, StreamRequest, StreamRequestHandler};
pub use crate::router::Router;
pub use crate::server::Server;
pub use crate::server::access_log::{AccessLog, LogFormat};
pub use crate::server::address::ToListenAddresses;
pub use crate::server::builder::Builder;
pub use crate::server::error_report::ErrorReport;
pub use crate::server::factory::{ByCall, ByClone, HandlerFactory};
pub use crate::server::handle::ServerHandle;
pub use crate::server::protocol::Protocol;
pub use crate::server::stats::ServerStats;
pub use crate::servers::{HttpServer, TcpServer};
pub use crate::stream::{ReadHalf, Stream, WriteHalf};

/// Raises the limit on the files and connections that this process may have open as far as the
/// system allows, and returns the new limit, or `None` where there is no such limit.
///
/// A program that serves many connections calls this when it starts. The library does not call it,
/// because the limit applies to the whole process.
///
/// # Errors
///
/// Fails if the system refuses the new limit.
///
/// ```
/// let limit = serve_forever::raise_descriptor_limit()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn raise_descriptor_limit() -> std::io::Result<Option<u64>> {
    sys::raise_descriptor_limit()
}
