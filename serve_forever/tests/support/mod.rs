//! What the wire tests share: a server that runs as long as a guard lives, a client that speaks raw
//! bytes, and handlers whose answers can be compared to the byte.

#![allow(dead_code, unused_imports)] // every test crate uses its own part of this

mod alone;
mod client;
pub(crate) mod engine;
pub(crate) mod files;
mod handlers;
mod log;
pub(crate) mod process;
pub(crate) mod program;
mod response;
mod server;
mod sync;
pub(crate) mod waits;

pub(crate) use alone::alone;
pub(crate) use client::Client;
pub(crate) use handlers::{OnlyGet, ReadOnly, Script, answer, describe, reply, trailer};
pub(crate) use log::Captured;
pub(crate) use response::{Response, assert_error_page, assert_error_page_that_goes_on, masked};
pub(crate) use server::{Running, serve, serve_raw, serve_raw_with, serve_with};
pub(crate) use sync::Gate;

use std::time::Duration;

/// No test waits for this: it only ends one that would otherwise hang.
pub(crate) const FAILSAFE: Duration = Duration::from_secs(30);

/// The same for a whole program or server, which may itself wait for [`FAILSAFE`].
pub(crate) const LONG_FAILSAFE: Duration = Duration::from_secs(90);

/// The same for a compiler, which may have to wait for another one.
pub(crate) const BUILD_FAILSAFE: Duration = Duration::from_secs(600);

/// A timeout for the server of a test that waits for it. Long enough for a client on a loaded
/// machine to get its bytes out in time.
pub(crate) const SHORT: Duration = Duration::from_secs(1);
