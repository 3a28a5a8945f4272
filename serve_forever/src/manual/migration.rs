//! Coming from `tiny_http` or `rouille`.
//!
//! Both are servers for blocking code, as this one is. So only the edges of a program change: how a
//! server is made, how a request is read, how a response is given. What the program does in between
//! stays. (`docs/coming-from-python.md` lists every name for those who come from Python.)
//!
//! # From `tiny_http`
//!
//! 17 of 43 lines change in this program, which counts words. The tests of this crate compile both
//! versions, run them and send them the same requests.
//!
//! Before:
//!
#![doc = concat!("```no_run\n", include_str!("../../tests/migration/before.rs"), "```")]
//!
//! After:
//!
#![doc = concat!("```no_run\n", include_str!("../../tests/migration/after.rs"), "```")]
//!
//! What changes, and why:
//!
//! - **The loop is gone.** There is nothing to receive requests from: the server calls a handler.
//!   With `tiny_http`, a handler that waits stops the loop. To serve several requests at once, the
//!   program has to start threads that share the server. Here the server does this (see
//!   [`threads`](super::threads)).
//! - **A request is borrowed, not owned**, and request and response are one
//!   [`Exchange`](crate::Exchange). It cannot be dropped unanswered by accident: if a handler
//!   returns without an answer, or with an error, the client gets 500.
//! - **The response is written** instead of built and passed on: a status, fields, `end_headers`,
//!   then the body into a `Write`. The server determines the length: a short body gets its
//!   `Content-Length`, a long one is sent in chunks while it is written.
//! - **`?` ends a request, not the program.** In the program above, a body that is not UTF-8 ends
//!   `before.rs`. In `after.rs` it leads to a 500.
//! - **Nothing is assumed about the content.** `Response::from_string` sends `text/plain;
//!   charset=UTF-8`. Here a type is only sent if the handler sets one.
//! - **Methods and paths are strings**: methods are what the client says they are.
//! - **Timeouts and limits** are there from the start (see [`limits`](super::limits)).
//!
//! | `tiny_http` | here |
//! |---|---|
//! | `Server::http(address)` | [`HttpServer::bind(address, handler)`](crate::Server::bind) |
//! | `Server::http_unix(path)` | `Builder::unix_socket(path)` |
//! | `Server::https` | not available: use a proxy in front (see [`deployment`](super::deployment)) |
//! | `server.incoming_requests()`, `recv()` | [`serve_forever()`](crate::Server::serve_forever) and a handler |
//! | `recv_timeout(time)`, `try_recv()` | [`Builder::timeout`](crate::Builder::timeout) and [`handle_request()`](crate::Server::handle_request), which serves a whole connection |
//! | `server.unblock()` | [`ServerHandle::shutdown()`](crate::ServerHandle::shutdown) |
//! | `server.server_addr()` | [`server_addresses()`](crate::Server::server_addresses): there can be several |
//! | `request.method()` | [`command()`](crate::Exchange::command) |
//! | `request.url()` | [`path()`](crate::Exchange::path); also [`url_path()`](crate::Exchange::url_path) and [`query()`](crate::Exchange::query) |
//! | `request.headers()` | [`headers()`](crate::Exchange::headers), with `get(name)` |
//! | `request.http_version()` | [`request_version()`](crate::Exchange::request_version) |
//! | `request.remote_addr()` | [`client_address()`](crate::Exchange::client_address) |
//! | `request.body_length()` | `headers().get("Content-Length")` |
//! | `request.as_reader()` | [`rfile()`](crate::Exchange::rfile), which is a `BufRead` |
//! | `request.respond(response)` | `send_response`, `end_headers`, [`wfile()`](crate::Exchange::wfile) |
//! | `Response::empty(code)` | `send_response(code).end_headers()` |
//! | `Response::from_file(file)` | [`send_file(file, range)`](crate::Exchange::send_file) |
//! | `Response::new` with a reader | [`send_source(source)`](crate::Exchange::send_source), or `io::copy` into `wfile()` |
//! | `with_status_code(code)` | [`send_response(code)`](crate::Exchange::send_response) |
//! | `with_header(header)` | [`send_header(name, value)`](crate::Exchange::send_header) |
//! | `with_chunked_threshold` | [`Builder::buffer_size`](crate::Builder::buffer_size) |
//! | `request.upgrade(name, response)` | [`upgrade()`](crate::Exchange::upgrade), after `send_response(101)` |
//! | `request.into_writer()` | `wfile()`, or [`detach()`](crate::Exchange::detach) where it outlives the handler |
//!
//! # From `rouille`
//!
//! `rouille` is built on `tiny_http`. Its handlers are closures that return a response. It has its
//! own router, forms, sessions and templates. The same program:
//!
//! ```rust,ignore
//! use rouille::{Response, router, try_or_400};
//!
//! fn main() {
//!     rouille::start_server("127.0.0.1:8085", move |request| {
//!         router!(request,
//!             (GET) (/) => { Response::text("Send me a text.\n") },
//!             (POST) (/words) => {
//!                 let text = try_or_400!(rouille::input::plain_text_body(request));
//!                 Response::from_data("text/csv", words(&text))
//!             },
//!             _ => Response::text("Not found.\n").with_status_code(404)
//!         )
//!     });
//! }
//! # fn words(text: &str) -> String { text.to_owned() }
//! ```
//!
//! Here:
//!
//! ```no_run
//! use serve_forever::{Exchange, HttpServer, Result, Router};
//!
//! fn main() -> std::io::Result<()> {
//!     let router = Router::new()
//!         .get("/", |http| http.reply_text(200, "Send me a text.\n"))
//!         .post("/words", |http| {
//!             let text = http.body_text()?;
//!             http.reply_bytes(200, "text/csv", words(&text))
//!         })
//!         .fallback(|http| http.reply_text(404, "Not found.\n"));
//!     HttpServer::bind("127.0.0.1:8085", router)?.serve_forever()
//! }
//! # fn words(text: &str) -> String { text.to_owned() }
//! ```
//!
//! What changes, and why:
//!
//! - **The response is written** rather than returned, so nothing has to be held in memory.
//!   `reply_text` and similar methods write a whole response.
//! - **Routes are data**, not a macro: routers can be nested and have hooks.
//! - **Errors** are returned with `?`: [`StatusError`](crate::StatusError) tells the status of the
//!   answer, in place of `try_or_400!` and similar macros.
//! - **The limit of a body** is a setting of the server,
//!   [`max_collected_size`](crate::Builder::max_collected_size).
//!
//! | `rouille` | here |
//! |---|---|
//! | `start_server(address, handler)` | `HttpServer::bind(address, handler_fn(handler))?.serve_forever()` |
//! | `Server::new`, `poll()` | [`bind`](crate::Server::bind), [`handle_request()`](crate::Server::handle_request) |
//! | `Server::stoppable()` | [`ServerHandle::shutdown()`](crate::ServerHandle::shutdown) |
//! | `Server::pool_size(n)` | [`Builder::max_threads`](crate::Builder::max_threads) |
//! | `router!` | [`Router`](crate::Router), or `match (http.command(), http.url_path())` |
//! | `request.method()`, `url()`, `raw_url()` | [`command()`](crate::Exchange::command), [`url_path()`](crate::Exchange::url_path) (not decoded), [`path()`](crate::Exchange::path) |
//! | `request.raw_query_string()` | [`query()`](crate::Exchange::query), `None` where there is none |
//! | `request.header(name)` | `headers().get(name)` |
//! | `request.data()` | [`rfile()`](crate::Exchange::rfile) |
//! | `request.remote_addr()` | [`client_address()`](crate::Exchange::client_address) |
//! | `Response::text`, `from_data` | [`reply_text`](crate::Exchange::reply_text), [`reply_bytes`](crate::Exchange::reply_bytes) |
//! | `input::plain_text_body`, `post_input!` | [`body_text()`](crate::Exchange::body_text), [`form()`](crate::Exchange::form), [`multipart()`](crate::Exchange::multipart) |
//! | `Response::empty_404()` | [`send_error(404, None, None)`](crate::Exchange::send_error) |
//! | `Response::redirect_303(url)` | [`redirect(303, url)`](crate::Exchange::redirect) |
//! | `Response::from_file` | [`reply_file`](crate::Exchange::reply_file) |
//! | `match_assets(request, folder)` | [`SimpleHttpRequestHandler`](crate::SimpleHttpRequestHandler), which also has conditions, ranges and listings |
//! | `rouille::log` | the access log, which is on: [`Builder::access_log`](crate::Builder::access_log) |
//! | `try_or_400!`, `try_or_404!` | `.map_err(\|_\| StatusError::new(400))?` |
//! | `rouille::websocket` | [`upgrade()`](crate::Exchange::upgrade) |
//! | sessions, templates, CGI, proxying | not available: use other crates |
