//! Threads, and the cost of handlers that wait.
//!
//! A handler is plain blocking code: it may sleep, query a database, read a disk or compute. You
//! need not tell the server which of these it does. This page explains what the server does then,
//! what it costs, and when to use something else.
//!
//! # What happens
//!
//! There is one event loop per core, and one thread drives each loop. When a request is complete,
//! the same thread calls the handler. Most handlers return within microseconds. Then the thread
//! continues with its loop, and nothing was handed from one thread to another.
//!
//! If a handler does not return in time, a spare thread takes over its loop, and the handler
//! continues undisturbed. The time is 4 to 8 ms if no handler has blocked recently, 1 to 2 ms for
//! some 0.3 s after a handler blocked, and 0.1 to 0.2 ms for the first 0.1 s of these. A handler
//! also gives its loop away before it waits for its client, in `rfile` or `wfile`. When the handler
//! returns, its thread becomes a spare thread. So
//!
//! - no handler stops other requests for longer than these milliseconds;
//! - a handler that waits costs **one thread** while it waits: a hand-over, and the memory of its
//!   stack;
//! - a handler that returns soon costs nothing.
//!
//! **The server learns this.** If requests of one method and path have lost their loop before,
//! further requests of that kind start on a spare thread immediately, so that they do not cost
//! other requests the milliseconds. Digits in a path do not count: `/cups/1` and `/cups/2` are of
//! one kind. When such handlers become fast again, the server forgets what it has learned.
//! [`ServerStats`](crate::ServerStats) counts both events, as `hand_overs` and `learned_starts`.
//!
//! # What never holds a thread
//!
//! - A connection between two requests, and a connection whose head has not arrived completely
//! - A body of up to 1 MiB, with a `Content-Length` or in chunks: it is complete before the handler
//!   is called ([`max_buffered_body`](crate::Builder::max_buffered_body)), unless the client waits
//!   for `100 Continue` or the memory for bodies is used up. A client that pauses within a chunked
//!   body may wait for an answer to what it has sent. In this case, the handler starts after 100
//!   ms, while more than half of the threads are free
//! - The rest of a response after its handler has returned: bytes, a
//!   [file](crate::Exchange::send_file). The client may read it as slowly as it likes, and pause
//!   for [10 minutes](crate::Builder::stall_timeout), while [nobody else needs the
//!   room](super::limits#who-goes-first)
//! - A [`Source`](crate::Source) between two pieces, and a [`Detached`](crate::Detached) response
//!   at all times
//! - The access log: its own thread writes the lines
//!
//! So sixty thousand slow or silent clients need no more threads than no clients at all.
//!
//! # When threads run out
//!
//! [`max_threads`](crate::Builder::max_threads) limits the threads: 512 by default. Two of them per
//! loop are set aside, so that a loop always has a driver. Each handler that runs apart from a loop
//! holds a **permit**. A request that finds no free permit waits, with its connection back in the
//! loop. After [`permit_timeout`](crate::Builder::permit_timeout), 1 s, it is answered with 503 and
//! `Retry-After`. It gets this answer immediately if
//! [`max_waiting_requests`](crate::Builder::max_waiting_requests) wait already. Once half of the
//! permits are taken, no single address may have more than half of them. `ServerStats::refused`
//! counts these answers. `waiting` tells how many requests wait now, and `threads_in_user_code` how
//! many of the `permits` are held.
//!
//! # When processors run out
//!
//! A handler that computes for ten milliseconds blocks its thread like any other, and is moved off
//! its loop. But thirty threads that compute share the processors with the loops. A loop that wakes
//! up for a fast request then has to wait for a processor. So requests that compute take **turns**:
//! of the kinds of requests that have been seen to do nothing but compute,
//! [`max_computing_handlers`](crate::Builder::max_computing_handlers) run at the same time, two per
//! core, and the next requests wait in the loop. Turns do not change how many short requests the
//! server answers per second. On average, each one is answered sooner, because later requests do
//! not slow down those that have started.
//!
//! Turns are a courtesy and not a limit. A handler holds its turn for at most 50 ms, whether it
//! computes or waits. Then the next request may start as well. A request that has waited for
//! `permit_timeout` starts without a turn, if a thread is free. No request is refused because
//! others compute, unless [`max_waiting_requests`](crate::Builder::max_waiting_requests) wait
//! already. Turns apply to whole requests: a [`Source`](crate::Source) and the handlers of a
//! [`TcpServer`](crate::TcpServer) need none. Only Linux tells which threads compute, by `/proc`.
//! On other systems there are no turns.
//!
//! # How many threads
//!
//! The number of requests that wait at the same time is the requests per second times the seconds
//! that each of them waits (Little's law). 200 requests per second that each wait 50 ms for a
//! database keep 10 threads busy; add as many again for the bad days. If the database takes 5 s on
//! a bad day, this would be 1000 threads. Then 503 for the requests beyond the limit is better than
//! a queue of them in front of a database that is overloaded already. So the limit should be near
//! the capacity of what is behind the handlers (the connections of the pool), not as high as
//! possible.
//!
//! ```
//! use serve_forever::{handler_fn, Exchange, HttpServer, Result};
//!
//! let handler = handler_fn(|http: &mut Exchange| -> Result { http.send_response(204).end_headers() });
//! /// The connections to the database. Many more handlers would only wait for each other.
//! const POOL: usize = 20;
//! let cores = std::thread::available_parallelism()?.get();
//! let server = HttpServer::builder(handler)
//!     .loops(cores)
//!     .max_threads(POOL + 2 * cores)
//!     .bind(("localhost", 0))?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A waiting thread costs address space for its stack, and memory for the part of the stack that it
//! has used. So a few thousand threads are affordable. They cost memory, but never the time of
//! requests that do not wait.
//!
//! # Ten thousand event streams
//!
//! Some responses never end: server-sent events, long polls. A handler that stays in a loop and
//! writes to `wfile` keeps its thread, so only some 500 of them can run. Give the response away
//! instead: [`Exchange::detach`](crate::Exchange::detach) returns a writer that outlives the
//! handler and can be used from any thread. Between two writes, no thread waits:
//!
//! ```
//! use std::io::Write;
//! use std::sync::Mutex;
//! use serve_forever::{handler_fn, testing, Detached, Exchange, Result};
//!
//! /// The writers of all subscribers, kept with the server.
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
//! /// Writing never blocks. It fails for subscribers that are gone or too slow, and removes them.
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
//! If the next piece is computed rather than waited for, use
//! [`Exchange::send_source`](crate::Exchange::send_source): the server asks the source for the next
//! piece whenever the client has taken the last one. An [upgraded](crate::Exchange::upgrade)
//! connection keeps its thread as long as its handler runs. Half of the threads for handlers may be
//! kept in this way ([`max_streams`](crate::Builder::max_streams)), and the other half stays for
//! ordinary requests.
//!
//! # Work for the processor
//!
//! A handler that computes for a second is handed over like one that waits, and stops no other
//! request. But threads do not add cores: if 100 handlers compute on four cores, each of them gets
//! a twenty-fifth of a core, and the loops compete with them too. Limit such work by itself, for
//! example with a few threads that take it from a channel, and answer 503 when the channel is full:
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
//! A panic ends its request and nothing else. The client gets 500 if nothing was sent yet;
//! otherwise the connection is cut, so that half a response never looks like a whole one. The
//! thread and its loop continue, and [`handle_error`](crate::Builder::handle_error) is called. The
//! panic unwinds, so a `Mutex` that the handler held is poisoned: as everywhere in Rust, decide
//! whether its content is still good. A program that is built with `panic = "abort"` ends instead.
//! A program also ends if another panic drops a value that panics when it is dropped: Rust has no
//! way to survive that. An error may panic when it is displayed and when it is dropped: its request
//! gets 500, and [`handle_error`](crate::Builder::handle_error) is told of it.
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
//! Thread-locals: two requests of one connection may run on two threads. Two requests of
//! *different* connections run at the same time, so the data that they share is behind a lock or
//! atomic; the compiler enforces this. If a lock is held while its holder waits for a client,
//! everybody who wants the lock waits for that client: read first, then lock.
