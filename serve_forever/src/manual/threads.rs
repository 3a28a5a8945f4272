//! Threads, and what a handler that waits costs.
//!
//! A handler is plain blocking code: it may sleep, query a database, read a disk, compute. You need not say which of them it does. This page tells
//! what happens then, what it costs, and when to do otherwise.
//!
//! # What happens
//!
//! There is one event loop for each core, and each is driven by one thread. When a request is complete, that same thread calls the handler. Most
//! handlers return within microseconds; the thread then goes on with its loop, and nothing was handed from one thread to another.
//!
//! If a handler does not return in time, a spare thread takes over its loop, and the handler goes
//! on undisturbed. The time is 4 to 8 ms if no handler has blocked recently, 1 to 2 ms for some 0.3
//! s after a handler blocked, and 0.1 to 0.2 ms for the first 0.1 s of these. A handler also gives
//! its loop away before it waits for its client, in `rfile` or `wfile`. When it returns, its thread
//! becomes a spare one. So
//!
//! - no handler stops other requests for longer than these milliseconds;
//! - a handler that waits costs **one thread** while it waits: a hand-over, and the memory of its stack;
//! - one that returns soon costs nothing.
//!
//! **It is learned.** Where requests of one method and path lost their loop before, further ones start on a spare thread at once,
//! so that they do not cost the others the milliseconds. Digits in a path do not count: `/cups/1` and `/cups/2` are of one kind. When such handlers are
//! fast again, it is forgotten. [`ServerStats`](crate::ServerStats) counts both, as `hand_overs` and `learned_starts`.
//!
//! # What never holds a thread
//!
//! - A connection between two requests, and one whose head has not come as a whole
//! - A body of up to 1 MiB, with a `Content-Length` or in chunks: it is complete before the handler
//!   is called ([`max_buffered_body`](crate::Builder::max_buffered_body)), unless the client waits
//!   for `100 Continue` or the memory for bodies is spent. A client that pauses
//!   within a chunked body may wait for an answer to what it has sent: then the handler starts
//!   after 100 ms, while more than half of the threads are free
//! - What a response has left when its handler has returned: bytes, a
//!   [file](crate::Exchange::send_file). The client may take it as slowly as it likes, and pause
//!   for [10 minutes](crate::Builder::stall_timeout), while [nobody else needs the
//!   room](super::limits#who-goes-first)
//! - A [`Source`](crate::Source) between two pieces, and a [`Detached`](crate::Detached) response at all times
//! - The access log: lines are written by a thread of their own
//!
//! So sixty thousand slow or silent clients need no more threads than none.
//!
//! # When threads run out
//!
//! [`max_threads`](crate::Builder::max_threads) bounds them: 512 by default, of which two for each loop are set aside, so that a loop always has a
//! driver. Each handler that runs apart from a loop holds a **permit**. A request that finds none waits, with its connection back in
//! the loop; after [`permit_timeout`](crate::Builder::permit_timeout), 1 s, it is answered with 503 and `Retry-After`, and at once if
//! [`max_waiting_requests`](crate::Builder::max_waiting_requests) wait already. Once half of the permits are taken no single address may have more than half
//! of them. `ServerStats::refused` counts these answers, and `waiting` is how many wait now, `threads_in_user_code` how many permits are held, of `permits`.
//!
//! # When processors run out
//!
//! A handler that computes for ten milliseconds blocks its thread like any other, and is moved off
//! its loop. But thirty threads that compute share the processors with the loops, and a loop that
//! wakes up for a fast request then waits for its share. So they take **turns**: of the kinds that
//! were seen to do nothing but compute,
//! [`max_computing_handlers`](crate::Builder::max_computing_handlers) run at a time, two for each
//! core, and the next requests wait in the loop. Turns do not change how many short requests the
//! server answers per second. On average, each one is answered sooner, because later requests do
//! not slow down those that have started.
//!
//! It is a courtesy and no limit. A handler holds its turn for at most 50 ms, whether it computes
//! or waits. Then the next request may start as well. A request that has waited for
//! `permit_timeout` starts without a turn, if a thread is free. No request is refused because
//! others compute, unless [`max_waiting_requests`](crate::Builder::max_waiting_requests) wait
//! already. Turns are about whole requests: a [`Source`](crate::Source) and the handlers of a
//! [`TcpServer`](crate::TcpServer) need none. Only Linux tells who computes, by `/proc`; elsewhere
//! there are no turns.
//!
//! # How many threads
//!
//! Requests that wait at the same time are requests per second times the seconds that each waits (Little's law). 200 requests per second that each wait
//! 50 ms for a database keep 10 threads; add as many again for the bad days. If the database takes 5 s on a bad day it would be 1000, and 503 for
//! those beyond the limit is better than a queue of them in front of a database that is overloaded already: so the limit should be near to what
//! is behind the handlers (the connections of the pool), not as high as possible.
//!
//! ```
//! use serve_forever::{handler_fn, Exchange, HttpServer, Result};
//!
//! let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
//! /// Connections to the database: many more handlers at a time would only wait for each other.
//! const POOL: usize = 20;
//! let cores = std::thread::available_parallelism()?.get();
//! let server = HttpServer::builder(handler)
//!     .loops(cores)
//!     .max_threads(POOL + 2 * cores)
//!     .bind(("localhost", 0))?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A waiting thread costs address space for its stack, and memory for what it has used of that, so a few thousand are affordable. What
//! they cost is memory, and never the time of requests that do not wait.
//!
//! # Ten thousand event streams
//!
//! Some responses never end: server-sent events, long polls. A handler that stays in a loop and writes to `wfile` keeps its thread, so that some 500
//! of them are all there can be. Give the response away instead. [`Exchange::detach`](crate::Exchange::detach) returns a writer that outlives the handler and is used
//! from any thread; between two writes nobody waits:
//!
//! ```
//! use std::io::Write;
//! use std::sync::Mutex;
//! use serve_forever::{handler_fn, testing, Detached, Exchange, Result};
//!
//! /// All who listen, kept with the server.
//! type Subscribers = Mutex<Vec<Detached>>;
//!
//! fn subscribe(http: &mut Exchange) -> Result {
//!     http.send_response(200).send_header("Content-Type", "text/event-stream").end_headers()?;
//!     let mut events = http.detach()?;
//!     events.write_all(b"data: welcome\n\n")?;
//!     http.server().state::<Subscribers>().lock().unwrap().push(events);
//!     Ok(())
//! }
//!
//! /// Writing never blocks: a subscriber that is gone or too slow fails, and is forgotten.
//! fn publish(http: &mut Exchange) -> Result {
//!     let subscribers = http.server().state::<Subscribers>();
//!     subscribers.lock().unwrap().retain_mut(|subscriber| subscriber.write_all(b"data: tea\n\n").is_ok());
//!     http.send_response(204).end_headers()
//! }
//!
//! let answer = testing::respond(handler_fn(subscribe), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
//! assert!(answer.ends_with(b"\r\n\r\nf\r\ndata: welcome\n\n\r\n"));
//! assert!(testing::respond(handler_fn(publish), b"POST / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with(b"HTTP/1.1 204 "));
//! ```
//!
//! Where the next piece is computed rather than waited for, [`Exchange::send_source`](crate::Exchange::send_source) is asked for it whenever the client has taken
//! the last one. A connection that was [upgraded](crate::Exchange::upgrade) keeps its thread as
//! long as its handler does; half of the threads for handlers may be kept that way
//! ([`max_streams`](crate::Builder::max_streams)), and the other half stays for ordinary requests.
//!
//! # Work for the processor
//!
//! A handler that computes for a second is handed over like one that waits, and stops nobody. But cores are not made by threads: of 100 that compute on four
//! cores each gets a twenty-fifth, and the loops compete with them too. Bound such work by its own measure, for example with a few threads
//! that take it from a channel, and answer 503 when the channel is full:
//!
//! ```
//! use std::io::Write;
//! use std::sync::mpsc::{self, SyncSender, TrySendError};
//! use std::thread;
//! use serve_forever::{handler_fn, testing, Exchange, Result, StatusError};
//!
//! /// A number, and where its answer goes.
//! type Task = (u64, mpsc::Sender<u64>);
//!
//! fn factor(http: &mut Exchange, tasks: &SyncSender<Task>) -> Result {
//!     let number = http.query().and_then(|text| text.parse().ok()).filter(|&number| number > 1);
//!     let number = number.ok_or_else(|| StatusError::new(400).explain("A number above 1, please"))?;
//!     let (tell, told) = mpsc::channel();
//!     tasks.try_send((number, tell)).map_err(|error| match error {
//!         TrySendError::Full(_) => StatusError::new(503).header("Retry-After", 1),
//!         TrySendError::Disconnected(_) => StatusError::new(500),
//!     })?;
//!     let factor = told.recv()?;
//!     http.send_response(200).end_headers()?;
//!     writeln!(http.wfile(), "{factor}")?;
//!     Ok(())
//! }
//!
//! let (tasks, queue) = mpsc::sync_channel::<Task>(16);
//! thread::spawn(move || {
//!     for (number, tell) in queue {
//!         let _ = tell.send((2..).find(|factor| number % factor == 0).unwrap_or(number));
//!     }
//! });
//! let handler = handler_fn(move |http: &mut Exchange| factor(http, &tasks));
//! let answer = testing::respond(handler.clone(), b"GET /?91 HTTP/1.1\r\nHost: a\r\n\r\n");
//! assert!(answer.ends_with(b"\r\n\r\n7\n"));
//! let answer = testing::respond(handler, b"GET /?1 HTTP/1.1\r\nHost: a\r\n\r\n");
//! assert!(answer.starts_with(b"HTTP/1.1 400 "));
//! ```
//!
//! # Panics
//!
//! A panic ends its request and nothing else: 500 if nothing was sent yet, otherwise the connection is cut, so that half a response never looks like a whole one.
//! The thread and its loop go on, and [`handle_error`](crate::Builder::handle_error) is told. It unwinds, so a `Mutex` that the handler held is
//! poisoned: as everywhere in Rust, decide whether its content is still good. A program that is built with `panic = "abort"` ends instead.
//! So does one in which a value panics when it is dropped by another panic: Rust knows no way out
//! of that. An error may panic when it is shown and when it is dropped: its request gets 500, and
//! [`handle_error`](crate::Builder::handle_error) is told of it.
//!
//! ```
//! use serve_forever::{handler_fn, testing, Exchange, Result};
//!
//! let handler = handler_fn(|http: &mut Exchange| -> Result {
//!     assert_ne!(http.path(), "/coffee", "there is only tea");
//!     http.send_response(204).end_headers()
//! });
//! let requests = b"GET /coffee HTTP/1.1\r\nHost: a\r\n\r\n";
//! assert!(testing::respond(handler.clone(), requests).starts_with(b"HTTP/1.1 500 Internal Server Error\r\n"));
//! assert!(testing::respond(handler, b"GET /tea HTTP/1.1\r\nHost: a\r\n\r\n").starts_with(b"HTTP/1.1 204 "));
//! ```
//!
//! # What a handler may not rely on
//!
//! Thread-locals: two requests of one connection may run on two threads. And two requests of *different* connections run at the same time, so what they share is
//! behind a lock or atomic, as the compiler sees to. A lock that is held while waiting for a client makes all who want it wait for that
//! client: read first, then lock.
