//! Running a server: proxies, sockets, systemd, containers, logs, stopping.
//!
//! Contents: [addresses](#where-to-listen), [proxies](#behind-a-proxy), [systemd](#systemd),
//! [containers](#containers), [logs](#logs-and-their-rotation), [stopping](#stopping), [before it
//! goes online](#before-it-goes-online).
//!
//! # Where to listen
//!
//! `("localhost", 8080)` can be reached from this computer only, `("0.0.0.0", 8080)` and `("::",
//! 8080)` from everywhere. Behind a proxy on the same computer, a **Unix socket** is better than a
//! port: nothing else can reach it, the mode of its file says who may connect, and it uses up no
//! ports.
//!
//! ```
//! # #[cfg(unix)] {
//! use std::net::SocketAddr;
//! use serve_forever::{handler_fn, Exchange, HttpServer, Result};
//!
//! # let path = std::env::temp_dir().join(format!("serve-forever-manual-{}.sock", std::process::id()));
//! let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
//! let server = HttpServer::builder(handler)
//!     .unix_socket(&path) // such as /run/app/http.sock
//!     .unix_socket_mode(0o660)
//!     .bind(&[] as &[SocketAddr])?;
//! assert!(path.exists());
//! # }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The proxy must be in the group of that file: nginx runs as `www-data` or `nginx`, Caddy as
//! `caddy`.
//!
//! **Ports below 1024** are for privileged processes on Linux. Do not run a server as root to use
//! them. A proxy in front has these ports already. Without a proxy, systemd can give the server the
//! one capability that is needed (see below), `setcap cap_net_bind_service=+ep PROGRAM` gives it to
//! a file, and the setting `net.ipv4.ip_unprivileged_port_start=80` gives it to everybody.
//!
//! This library has no TLS. On the open network, put a proxy in front.
//!
//! # Behind a proxy
//!
//! A proxy must speak HTTP/1.1 to the server and keep its connections open. It must pass on the
//! `Host` of the client. It must say who the client is, **in place of** what the client has said
//! about that. And it must close its idle connections *before* the server does (75 s,
//! [`idle_timeout`](crate::Builder::idle_timeout)). Otherwise, a request now and then meets a
//! connection that is being closed.
//!
//! **nginx**
//!
//! ```nginx
//! upstream app {
//!     server unix:/run/app/http.sock;
//!     keepalive 32;
//!     keepalive_timeout 60s;
//! }
//!
//! map $http_upgrade $connection_upgrade {
//!     default upgrade;
//!     ''      '';
//! }
//!
//! server {
//!     listen 443 ssl;
//!     server_name example.org;
//!     ssl_certificate     /etc/ssl/example.org.pem;
//!     ssl_certificate_key /etc/ssl/example.org.key;
//!     client_max_body_size 10m;
//!
//!     location / {
//!         proxy_pass http://app;
//!         proxy_http_version 1.1;
//!         proxy_set_header Host $host;
//!         proxy_set_header Connection $connection_upgrade;
//!         proxy_set_header Upgrade $http_upgrade;
//!         proxy_set_header X-Forwarded-For $remote_addr;
//!         proxy_set_header X-Forwarded-Proto $scheme;
//!     }
//! }
//! ```
//!
//! nginx itself refuses bodies above `client_max_body_size` (1 MiB by default), collects each body
//! before it passes it on, and collects responses. Event streams need a header field
//! `X-Accel-Buffering: no` in the response, or `proxy_buffering off`.
//!
//! **Caddy**
//!
//! ```caddyfile
//! example.org {
//!     reverse_proxy unix//run/app/http.sock {
//!         header_up X-Forwarded-For {remote_host}
//!         transport http {
//!             keepalive 60s
//!         }
//!     }
//! }
//! ```
//!
//! Caddy gets certificates by itself. Its default timeout for idle connections is two minutes,
//! which is too long here.
//!
//! **`HAProxy`**
//!
//! ```haproxy
//! defaults
//!     mode http
//!     timeout http-request 10s
//!     timeout connect 5s
//!     timeout client 60s
//!     timeout server 60s
//!
//! frontend web
//!     bind :443 ssl crt /etc/haproxy/example.org.pem
//!     http-request set-header X-Forwarded-For %[src]
//!     http-request set-header X-Forwarded-Proto https
//!     default_backend app
//!
//! backend app
//!     http-reuse safe
//!     server one unix@/run/app/http.sock
//! ```
//!
//! `timeout server` must be longer than the slowest handler takes.
//!
//! **What the server must know.** Behind a proxy on a port,
//! [`client_address`](crate::Exchange::client_address) is the address of the proxy, and the limits
//! per address count all clients as one. There are two ways to learn more. Both are off until
//! [`trusted_proxies`](crate::Builder::trusted_proxies) says which proxies to believe:
//!
//! - [`forwarded`](crate::Builder::forwarded): a field of each request, `X-Forwarded-For` or
//!   `Forwarded`, as the configurations above set it. Then `client_address` and the log tell the
//!   client. The limits per address still see the proxy: set
//!   [`max_permits_per_address`](crate::Builder::max_permits_per_address) to the number of threads,
//!   set [`max_body_memory`](crate::Builder::max_body_memory) to four times what its uploads may
//!   take, and leave [`max_connections_per_address`](crate::Builder::max_connections_per_address)
//!   unset. Alternatively, listen on a Unix socket (`unix` among the trusted proxies), where limits
//!   per address do not apply, and leave those limits to the proxy. Only
//!   [`max_streams_per_address`](crate::Builder::max_streams_per_address) counts the client that
//!   the field names.
//! - [`proxy_protocol`](crate::Builder::proxy_protocol): a header before everything else on the
//!   connection (`send-proxy-v2` of `HAProxy`, `proxy_protocol on` in an nginx `stream`). This is
//!   for proxies that do not look at HTTP. The limits per address then apply to the client. Such a
//!   server answers nobody but the trusted proxies.
//!
//! ```no_run
//! # use serve_forever::{handler_fn, Exchange, proxy::Forwarded, HttpServer, Result};
//! # let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
//! let server = HttpServer::builder(handler)
//!     .trusted_proxies("unix".parse()?)
//!     .forwarded(Forwarded::XForwardedFor)
//!     .unix_socket("/run/app/http.sock")
//!     .bind(&[] as &[std::net::SocketAddr])?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! If a proxy connects to a port of the same computer (`server 127.0.0.1:8080;` in place of the
//! socket), the trusted proxy is `127.0.0.1`. A client that reaches the port without the proxy
//! could claim to be anybody, so the list must only contain proxies.
//!
//! **Names.** A [`SimpleHttpRequestHandler`](crate::SimpleHttpRequestHandler) with
//! [`allowed_hosts`](crate::files::SimpleHttpRequestHandlerBuilder::allowed_hosts) answers 421 to
//! other names, so it must be told the names that the proxy passes on. Clients of a Unix socket are
//! not checked, because the file system decides who may connect there. The program `serve-forever`
//! checks names by default while it listens on loopback only. Behind `proxy_pass
//! http://127.0.0.1:8000;` and `proxy_set_header Host $host;`, it needs the public name:
//!
//! ```sh
//! serve-forever --allow-host example.org 8000 /srv/www
//! ```
//!
//! With `--bind unix:/run/app/http.sock`, as in the configurations above, the program answers to
//! any name. It has no option for trusted proxies, so its log has the address of the proxy.
//!
//! # systemd
//!
//! ```ini
//! [Unit]
//! Description=The app
//! After=network.target
//!
//! [Service]
//! ExecStart=/usr/local/bin/app
//! DynamicUser=yes
//! # The proxy must be in this group, to write to the socket.
//! Group=www-data
//! RuntimeDirectory=app
//! LogsDirectory=app
//! Restart=on-failure
//! # More than the server's shutdown timeout.
//! TimeoutStopSec=15
//! LimitNOFILE=65536
//! # Only for ports below 1024, without a proxy:
//! AmbientCapabilities=CAP_NET_BIND_SERVICE
//!
//! # Hardening. The server needs none of what this removes.
//! CapabilityBoundingSet=CAP_NET_BIND_SERVICE
//! NoNewPrivileges=yes
//! ProtectSystem=strict
//! ProtectHome=yes
//! PrivateTmp=yes
//! PrivateDevices=yes
//! RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
//!
//! [Install]
//! WantedBy=multi-user.target
//! ```
//!
//! `RuntimeDirectory` creates `/run/app` for the socket, and `LogsDirectory` creates
//! `/var/log/app`. With `unix_socket_mode(0o660)`, as above, the group of the service lets the
//! proxy in. `LimitNOFILE` is the number of descriptors, and so of connections. A program may also
//! raise its own soft limit with [`raise_descriptor_limit`](crate::raise_descriptor_limit). The
//! access log goes to standard error, and so into the journal: `journalctl -u app`. Threads count
//! as tasks: `TasksMax` must be above [`max_threads`](crate::Builder::max_threads), and its default
//! is.
//!
//! # Containers
//!
//! - Listen on `0.0.0.0`: `localhost` within a container cannot be reached from outside.
//! - The first process of a container ignores signals for which it has no handler. A program that
//!   does not handle `SIGTERM` (see below) is killed after ten seconds, in the middle of its
//!   responses. The program `serve-forever` does handle it.
//! - `docker stop` waits for ten seconds, as long as
//!   [`shutdown_timeout`](crate::Builder::shutdown_timeout). Give it more time with `--stop-timeout
//!   15`, or set a shorter timeout.
//! - The number of loops follows the cores that the process may use. On Linux, that includes the
//!   quota of the container. On other systems, set [`loops`](crate::Builder::loops).
//! - A limit of processes (`--pids-limit`) counts threads.
//!
//! ```dockerfile
//! FROM rust:1 AS build
//! WORKDIR /app
//! COPY . .
//! RUN cargo build --release --locked
//!
//! FROM debian:stable-slim
//! COPY --from=build /app/target/release/app /usr/local/bin/app
//! USER 65534
//! EXPOSE 8080
//! CMD ["app"]
//! ```
//!
//! # Logs and their rotation
//!
//! The [access log](crate::AccessLog) goes to standard error, in the same form as Python's.
//! [`LogFormat`](crate::LogFormat) has the common, the combined and a JSON form. systemd and
//! containers take standard error and rotate it by themselves. To log to a file:
//!
//! ```
//! use std::fs::File;
//! use serve_forever::{handler_fn, AccessLog, Exchange, HttpServer, LogFormat, Result};
//!
//! # let path = std::env::temp_dir().join(format!("serve-forever-manual-{}.log", std::process::id()));
//! let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
//! let file = File::options().create(true).append(true).open(&path)?;
//! let log = AccessLog::to(file).format(LogFormat::Combined);
//! let server = HttpServer::builder(handler).access_log(log).bind(("localhost", 0))?;
//! # drop(server);
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The file is opened for appending, so `logrotate` with `copytruncate` works. To lose no line,
//! give [`AccessLog::to`](crate::AccessLog::to) a `Write` of your own that reopens its file when it
//! is told to. `SIGHUP` ends a program that does not handle it. With `--log-file`, `serve-forever`
//! reopens its log file at `SIGHUP`. Without `--log-file`, `SIGHUP` ends it too.
//!
//! ```text
//! /var/log/serve-forever/access.log {
//!     daily
//!     rotate 14
//!     compress
//!     delaycompress
//!     postrotate
//!         systemctl kill --signal=HUP serve-forever.service
//!     endscript
//! }
//! ```
//!
//! Errors of handlers go to the `log` crate unless [`handle_error`](crate::Builder::handle_error)
//! takes them.
//!
//! # Stopping
//!
//! [`ServerHandle::shutdown`](crate::ServerHandle::shutdown) may be called from any thread, even
//! from a handler. The server then
//!
//! 1. accepts the connections that wait already, and closes its listening sockets. From then on,
//!    another server can use the address. The file of a Unix socket is removed, if it is still the
//!    one that this server created;
//! 2. answers the requests that have arrived, each with `Connection: close`. It closes without a
//!    response connections that are idle, that are new and have sent nothing, or that have sent a
//!    part of a head;
//! 3. cuts the connections that are not finished within
//!    [`shutdown_timeout`](crate::Builder::shutdown_timeout), 10 s.
//!
//! After that, `serve_forever` returns, and the program continues after the call. The server is
//! closed: a second `serve_forever` is an error.
//!
//! Two kinds of clients are still turned away. A connection that the system completes between the
//! last look at the queue and the close of the socket is reset. Connections that wait while
//! [`max_connections`](crate::Builder::max_connections) or descriptors leave no room are reset too,
//! if no room becomes free within [`permit_timeout`](crate::Builder::permit_timeout). With a Unix
//! socket the first case is rare, because the server removes the file before it checks the queue
//! for the last time. If no client may notice an update, pass the same listening socket to the old
//! and the new server ([`Builder::listener`](crate::Builder::listener)). The old server then does
//! not close the socket, and new connections wait in its queue for the new server.
//!
//! The library handles no signals; that is left to the program. With the crate `signal-hook`:
//!
//! ```rust,ignore
//! let server = HttpServer::bind(("0.0.0.0", 8080), handler)?;
//! let handle = server.handle();
//! let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
//! std::thread::spawn(move || {
//!     if signals.forever().next().is_some() {
//!         handle.shutdown();
//!     }
//! });
//! server.serve_forever()?;
//! // All requests are answered now, or were cut at the timeout: flush, save, exit.
//! ```
//!
//! There are three ways to update without refused connections: let the proxy retry
//! (`proxy_next_upstream`, `option redispatch`); run two servers and restart one after the other;
//! or let the supervisor own the listening socket.
//!
//! # Before it goes online
//!
//! - Set [`max_body_size`](crate::Builder::max_body_size), if a handler reads bodies into memory by
//!   itself.
//! - Set [`max_connections_per_address`](crate::Builder::max_connections_per_address), if no proxy
//!   is in front.
//! - Set [`max_threads`](crate::Builder::max_threads), if handlers wait (see
//!   [`threads`](super::threads)).
//! - Turn `RUST_BACKTRACE` off, and turn a logger for the `log` crate on.
//! - Show [`ServerStats`](crate::ServerStats) where somebody looks at it: `refused` above 0 means
//!   that threads were too few, for all clients or for one address.
//! - Make sure that only the proxy reaches the port.
