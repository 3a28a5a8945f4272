//! The engine: loops, threads, limits, shutdown, whatever the protocol.

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod computing;
mod descriptors;
mod errors;
mod handover;
mod held;
mod idle;
mod leaks;
mod limits;
mod log;
mod logger;
mod many_readers;
mod output;
mod panics;
mod permits;
mod readers;
mod shutdown;
mod stats;
mod streams;
mod successor;
mod threads;
