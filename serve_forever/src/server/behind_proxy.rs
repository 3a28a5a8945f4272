//! The settings for proxies in front of a server.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use super::builder::Builder;
use super::config::Config;
use super::protocol::Protocol;
use super::proxy_claims::ProxyProtocol;
use super::proxy_networks::ProxyNetworks;

impl<P: Protocol> Builder<P> {
    /// The proxies that the server believes when they name their client: by a
    /// [field](Builder::forwarded) of each request, or by the [PROXY
    /// protocol](Self::proxy_protocol). The list alone changes only who makes room when
    /// connections, descriptors or memory run short: each connection from a proxy then counts on
    /// its own. Default: none.
    ///
    /// The list must contain only proxies, because a listed peer can claim any address.
    ///
    /// ```
    /// # use serve_forever::{handler_fn, Exchange, proxy::Forwarded, HttpServer, Result};
    /// # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
    /// let proxies = "127.0.0.1, ::1, 10.0.0.0/8, unix".parse()?;
    /// let builder = HttpServer::builder(handler).trusted_proxies(proxies).forwarded(Forwarded::Forwarded);
    /// # builder.bind(("localhost", 0))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trusted_proxies(mut self, proxies: ProxyNetworks) -> Self {
        self.config.trusted_proxies = proxies;
        self
    }

    /// Reads the address of the client from the first bytes of each connection: the header of the
    /// PROXY protocol, version 1 or 2, as `HAProxy`, nginx, Envoy and the load balancers of cloud
    /// providers send it. Default: connections have no such header.
    ///
    /// Then `client_address`, [`Stream::peer_addr`](crate::Stream::peer_addr), the log and the
    /// limits per address use the client that the header names. If the proxy connects for itself
    /// (`LOCAL`), or names no address (`UNKNOWN`, a Unix socket, UDP), they use the address of the
    /// proxy. Further data of the header (TLVs) is ignored.
    ///
    /// Only the [trusted proxies](Self::trusted_proxies) may connect: all others, and whoever sends
    /// no proper header within [`head_timeout`](Self::head_timeout) and
    /// [`max_proxy_header_size`](Self::max_proxy_header_size), are closed without an answer.
    /// [`verify_request`](Self::verify_request) is asked before, about the proxy. A
    /// [`forwarded`](Builder::forwarded) field is looked at if the client that the header names is
    /// a trusted proxy, too.
    ///
    /// Without trusted proxies [`bind`](Self::bind) fails, as such a server could serve nobody.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::net::TcpStream;
    /// use serve_forever::{BaseRequestHandler, proxy::ProxyProtocol, Stream, TcpServer};
    ///
    /// struct WhoAmI;
    ///
    /// impl BaseRequestHandler for WhoAmI {
    ///     fn handle(&mut self, request: &mut Stream) -> io::Result<()> {
    ///         let client = request.peer_addr()?;
    ///         write!(request, "You are {client}\n")
    ///     }
    /// }
    ///
    /// let server = TcpServer::builder(|| WhoAmI)
    ///     .trusted_proxies("127.0.0.1".parse()?)
    ///     .proxy_protocol(ProxyProtocol::Required)
    ///     .bind(("127.0.0.1", 0))?;
    /// # let mut proxy = TcpStream::connect(server.server_addresses()[0])?;
    /// # proxy.write_all(b"PROXY TCP6 2001:db8::1 ::1 4711 80\r\n")?;
    /// # proxy.shutdown(std::net::Shutdown::Write)?;
    /// # server.handle_request()?;
    /// # let mut text = String::new();
    /// # proxy.read_to_string(&mut text)?;
    /// # assert_eq!(text, "You are [2001:db8::1]:4711\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn proxy_protocol(mut self, use_of_it: ProxyProtocol) -> Self {
        self.config.proxy_protocol = Some(use_of_it);
        self
    }
}

impl Config {
    /// Whether a peer with this address may connect at all.
    pub(crate) fn lets_in(&self, peer: SocketAddr) -> bool {
        self.proxy_protocol.is_none() || self.trusted_proxies.contains(peer)
    }

    /// Refuses settings with which the server could serve no client.
    pub(super) fn check_proxies(&self) -> io::Result<()> {
        if self.proxy_protocol.is_some() && self.trusted_proxies.is_empty() {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "the PROXY protocol is required, but there are no trusted proxies to speak it",
            ));
        }
        Ok(())
    }
}
