//! Testing handlers without sockets.
//!
//! [`testing::respond`](crate::testing::respond) is a whole server in a function: bytes of a client in, bytes of the server out. Parsing, framing, limits, error pages and
//! panics are those of a socket; there is no port, no thread and no waiting, so that thousands of such tests run in a second.
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
//! Write the request as it goes over the wire, with `Host` and with a `Content-Length` that is right: what is wrong in it is refused as it would be on a
//! socket. Responses have a `Date`, so compare what the test is about rather than everything.
//!
//! # Several requests
//!
//! The client sends all it has and closes its side then. Requests one after the other are a connection that is kept:
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
//! Each call of `respond` has a server of its own, and so a [`state`](crate::ServerHandle::state) of its own: tests do not see each other.
//!
//! # Clients that break off
//!
//! What is cut in the request is a client that went away in the middle of it:
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
//! Timeouts, several clients at a time and what a real client does need one. Port 0 is any free port, so that tests can run beside each other, and
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
//! For a single request, [`handle_request`](crate::Server::handle_request) does it without a second thread: connect and send first, as the system keeps both.
//!
//! # Bytes that a fuzzer makes up
//!
//! `respond` takes any bytes, so `libfuzzer` or `proptest` can call it with whatever they find; a handler that panics is answered with 500, which the test looks for.
