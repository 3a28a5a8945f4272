//! Tests of handlers without sockets.

use std::sync::Arc;

use crate::http::{BaseHttpRequestHandler, Http};
use crate::sealed::Sealed;
use crate::server::access_log::AccessLog;
use crate::server::blocking;
use crate::server::builder::Builder;
use crate::server::factory::HandlerFactory;
use crate::transport::{Memory, Transport};

/// Returns what a server with handlers from `factory` answers to a client that sends `requests` and
/// then closes its side of the connection.
///
/// The bytes are processed as on a socket. Only timeouts never expire, because nothing has to be
/// waited for.
///
/// ```
/// use std::io::Write;
/// use serve_forever::{handler_fn, testing, Exchange, Result};
///
/// let handler = handler_fn(|http: &mut Exchange| -> Result {
///     http.send_response(200).end_headers()?;
///     http.wfile().write_all(b"Homepage\n")?;
///     Ok(())
/// });
/// let answer = testing::respond(handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
/// assert!(answer.ends_with(b"\r\n\r\nHomepage\n"));
/// ```
pub fn respond<F, M>(factory: F, requests: impl AsRef<[u8]>) -> Vec<u8>
where
    F: HandlerFactory<M>,
    F::Handler: BaseHttpRequestHandler + 'static,
{
    let copies = factory.makes_copies(Sealed::TOKEN);
    let builder = Builder::new(Http::new(move || factory.make(), copies)).access_log(AccessLog::off());
    let (protocol, config, server) = builder.without_sockets();
    let transport = Arc::new(Transport::memory(Memory::new(requests.as_ref().to_vec())));
    blocking::serve(&protocol, &config, &server, &transport);
    transport.take_output()
}
