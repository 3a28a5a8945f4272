//! The ways in which a proxy names its client.

/// The field in which trusted proxies tell the client's address. See
/// [`Builder::forwarded`](crate::Builder::forwarded).
///
/// Choose a field that the proxy sets or extends. If it passes a field on unchanged, the client
/// decides what the field says.
///
/// ```
/// # use serve_forever::{handler_fn, Exchange, proxy::Forwarded, HttpServer, Result};
/// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
/// let builder = HttpServer::builder(handler)
///     .trusted_proxies("127.0.0.1, ::1".parse()?)
///     .forwarded(Forwarded::XForwardedFor);
/// # builder.bind(("localhost", 0))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Forwarded {
    /// `X-Forwarded-For: 203.0.113.7, 10.0.0.2`: what most proxies send.
    XForwardedFor,
    /// `Forwarded: for=203.0.113.7, for="[2001:db8::1]:4711"` (RFC 7239).
    Forwarded,
}

/// Whether connections begin with a header of the PROXY protocol. See
/// [`Builder::proxy_protocol`](crate::Builder::proxy_protocol).
///
/// ```
/// # use std::io::{Read, Write};
/// # use std::net::TcpStream;
/// # use serve_forever::{handler_fn, Exchange, HttpServer, proxy::ProxyProtocol, Result};
/// # let handler = handler_fn(|http: &mut Exchange| -> Result {
/// #     let client = http.client_address();
/// #     http.send_response(200).end_headers()?;
/// #     Ok(write!(http.wfile(), "You are {client}")?)
/// # });
/// let server = HttpServer::builder(handler)
///     .trusted_proxies("127.0.0.1".parse()?)
///     .proxy_protocol(ProxyProtocol::Required)
///     .bind(("127.0.0.1", 0))?;
/// let mut proxy = TcpStream::connect(server.server_addresses()[0])?;
/// proxy.write_all(b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 80\r\n")?;
/// proxy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
/// # server.handle_request()?;
/// # let mut answer = String::new();
/// # proxy.read_to_string(&mut answer)?;
/// # assert!(answer.ends_with("You are 203.0.113.7:4711"), "{answer}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyProtocol {
    /// Every connection must begin with the header.
    Required,
}
