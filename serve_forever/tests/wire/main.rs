//! What goes over the wire: literal bytes in, literal bytes out.

#[path = "../support/mod.rs"]
mod support;

mod body;
mod connection;
mod detached;
mod errors;
mod expect;
mod fields;
mod files;
mod forms;
mod forwarded;
mod framing;
mod given_length;
mod limits;
mod listeners;
mod log;
mod log_sent;
mod methods;
mod panics;
mod pieces;
mod proxy;
mod python;
mod raw_tcp;
mod regressions;
mod replies;
mod request_line;
mod response;
mod router;
mod target_and_host;
mod timeouts;
mod unix;
mod upgrade;
mod veiled;
