//! What is fuzzed, as plain functions: each takes any octets and panics when a promise is broken.
//!
//! `cargo +nightly fuzz run TARGET fuzz/corpus/TARGET fuzz/seeds/TARGET` lets a fuzzer call them; `cargo test` calls them
//! with the seeds.

#![forbid(unsafe_code)]

mod body;
mod connection;
mod cut;
mod form;
mod head;
mod multipart;

include!(concat!(env!("OUT_DIR"), "/http.rs"));

pub use body::body;
pub use connection::connection;
pub use form::form;
pub use head::head;
pub use multipart::multipart;
