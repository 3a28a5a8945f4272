//! What a server is told of the proxies before it.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use super::builder::Builder;
use super::config::Config;
use super::protocol::Protocol;
use super::proxy_claims::ProxyProtocol;
use super::proxy_networks::ProxyNetworks;

impl<P: Protocol> Builder<P> {
    /// The proxies that are believed when they say whom they speak for: by a
    /// [field](Builder::forwarded) of each request, or by the [PROXY
    /// protocol](Self::proxy_protocol). The list alone changes only who makes room when
    /// connections, descriptors or memory run short: each connection from a proxy then counts on
    /// its own. Default: none.
    ///
    /// It must hold the proxies only: whoever is in it can claim to be anybody.
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

    /// Reads whom a connection is from out of its first bytes: the header of the PROXY protocol, version 1 or 2, as
    /// `HAProxy`, nginx, Envoy and the load balancers of the clouds send it. Default: there is none.
    ///
    /// Then `client_address` and [`Stream::peer_addr`](crate::Stream::peer_addr), the log and the limits per address are about
    /// the client that the header names. A connection that the proxy makes for itself (`LOCAL`), or for
    /// somebody of whom it has no address (`UNKNOWN`, a Unix socket, UDP), keeps the proxy's own. What else the proxy tells
    /// (TLVs) is passed over.
    ///
    /// Only the [trusted proxies](Self::trusted_proxies) may connect: all others, and whoever sends no proper header
    /// within [`head_timeout`](Self::head_timeout) and [`max_proxy_header_size`](Self::max_proxy_header_size), are closed
    /// without an answer. [`verify_request`](Self::verify_request) is asked before, about the proxy. A
    /// [`forwarded`](Builder::forwarded) field is looked at if the client that the header names is a trusted proxy, too.
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
    /// Whether somebody with this address may connect at all.
    pub(crate) fn lets_in(&self, peer: SocketAddr) -> bool {
        self.proxy_protocol.is_none() || self.trusted_proxies.contains(peer)
    }

    /// A server that could serve nobody is a mistake.
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
