//! Testing handlers without sockets.
//!
//! [`testing::respond`](crate::testing::respond) is a whole server in one function: it takes the
//! bytes of a client and returns the bytes of the server. Parsing, framing, limits, error pages and
//! panics work as they do on a socket. There is no port, no thread and no waiting, so thousands of
//! such tests run in a second.
//!
//! ```
//! use std::io::Write;
//! use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result};
//!
//! struct Tea;
//!
//! impl BaseHttpRequestHandler for Tea {
//!     fn do_get(&mut self, http: &mut Exchange) -> Result {
//!         if http.url_path() != "/tea" {
//!             return http.send_error(404, None, None);
//!         }
//!         http.send_response(200).send_header("Content-Type", "text/plain").end_headers()?;
//!         http.wfile().write_all(b"Darjeeling\n")?;
//!         Ok(())
//!     }
//! }
//!
//! /// The status code and the body of the only response.
//! fn ask(request: &str) -> (u16, String) {
//!     let answer = String::from_utf8(testing::respond(|| Tea, request)).unwrap();
//!     let (head, body) = answer.split_once("\r\n\r\n").unwrap();
//!     (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
//! }
//!
//! assert_eq!(ask("GET /tea HTTP/1.1\r\nHost: a\r\n\r\n"), (200, "Darjeeling\n".to_owned()));
//! assert_eq!(ask("GET /coffee HTTP/1.1\r\nHost: a\r\n\r\n").0, 404);
//! assert_eq!(ask("POST /tea HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").0, 501);
//! ```
//!
//! Write the request as it goes over the wire, with `Host` and with a correct `Content-Length`:
//! mistakes in it are refused as they would be on a socket. Responses have a `Date`, so compare
//! what the test is about rather than the whole response.
//!
//! # Several requests
//!
//! The client sends everything it has and then closes its side. Requests one after the other use
//! the same connection:
//!
//! ```
//! use std::io::Write;
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use serve_forever::{handler_fn, testing, Exchange, Result};
//!
//! #[derive(Default)]
//! struct Counter(AtomicU32);
//!
//! let handler = handler_fn(|http: &mut Exchange| -> Result {
//!     let visits = http.server().state::<Counter>().0.fetch_add(1, Ordering::Relaxed) + 1;
//!     http.send_response(200).end_headers()?;
//!     write!(http.wfile(), "visit {visits}")?;
//!     Ok(())
//! });
//! let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
//! let answer = String::from_utf8(testing::respond(handler, request.repeat(2))).unwrap();
//! assert_eq!(answer.matches("HTTP/1.1 200 OK\r\n").count(), 2);
//! assert!(answer.ends_with("visit 2"));
//! ```
//!
//! Each call of `respond` has its own server, and so its own [`state`](crate::ServerHandle::state).
//! Tests do not affect each other.
//!
//! # Clients that break off
//!
//! A truncated request stands for a client that went away in the middle of it:
//!
//! ```
//! use std::io::Read;
//! use serve_forever::{handler_fn, testing, Exchange, Result};
//!
//! let handler = handler_fn(|http: &mut Exchange| -> Result {
//!     let mut text = String::new();
//!     http.rfile().read_to_string(&mut text)?;
//!     http.send_response(204).end_headers()
//! });
//! let whole = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntea";
//! assert!(testing::respond(handler.clone(), whole).starts_with(b"HTTP/1.1 204 "));
//! let cut = &whole[..whole.len() - 1];
//! assert!(!testing::respond(handler, cut).starts_with(b"HTTP/1.1 204 "));
//! ```
//!
//! # When a socket is needed
//!
//! Tests of timeouts, of several clients at once, and of the behaviour of real clients need a
//! socket. Port 0 selects any free port, so tests can run side by side.
//! [`shutdown`](crate::ServerHandle::shutdown) ends the server:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use std::thread;
//! use serve_forever::{handler_fn, AccessLog, Exchange, HttpServer, Result};
//!
//! let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
//! let server = HttpServer::builder(handler).access_log(AccessLog::off()).bind(("127.0.0.1", 0))?;
//! thread::scope(|scope| -> std::io::Result<()> {
//!     scope.spawn(|| server.serve_forever());
//!     let mut client = TcpStream::connect(server.server_addresses()[0])?;
//!     client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
//!     let mut answer = String::new();
//!     client.read_to_string(&mut answer)?;
//!     assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"));
//!     server.handle().shutdown();
//!     Ok(())
//! })?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! For a single request, [`handle_request`](crate::Server::handle_request) needs no second thread:
//! first connect and send the request, because the system keeps both until the server accepts the
//! connection.
//!
//! # Bytes that a fuzzer makes up
//!
//! `respond` takes any bytes, so `libfuzzer` or `proptest` can call it with whatever they generate.
//! If a handler panics, the answer is 500, and the test can look for that.
