//! What is fuzzed, as plain functions: each takes any octets and panics when a promise is broken.
//!
//! `fuzz/smoke` lets a fuzzer call each for some seconds, `cargo fuzz` one for as long as you like (CONTRIBUTING.md
//! says how); `cargo test` calls them with the seeds.

#![forbid(unsafe_code)]

mod body;
mod connection;
mod cut;
mod form;
mod head;
mod head_vs_httparse;
mod multipart;
mod percent;
mod proxy_header;
mod query;
mod range;
#[allow(dead_code)]
#[path = "../../serve_forever/src/visible.rs"]
mod visible;

include!(concat!(env!("OUT_DIR"), "/production.rs"));

pub use body::body;
pub use connection::connection;
pub use form::form;
pub use head::head;
pub use head_vs_httparse::head_vs_httparse;
pub use multipart::multipart;
pub use proxy_header::proxy_header;
pub use query::query;
pub use range::range;
