//! What is fuzzed, as plain functions. Each takes any bytes and panics when a promise is broken.
//!
//! They are part of the library only with `--cfg fuzzing`, as fuzzers set it, because they reach
//! what the library keeps to itself. `fuzz/smoke` lets a fuzzer call each for some seconds
//! (CONTRIBUTING.md says how to run one for longer).

#![allow(missing_docs, reason = "no part of the public interface")]

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

pub use body::body;
pub use connection::connection;
pub use form::form;
pub use head::head;
pub use head_vs_httparse::head_vs_httparse;
pub use multipart::multipart;
pub use proxy_header::proxy_header;
pub use query::query;
pub use range::range;
