//! Files over HTTP: `SimpleHttpRequestHandler` and what it consists of.
//!
//! A request goes from its [`path`] to what is found in the [`site`], and from there to one of the answers in
//! [`reply`].

mod conditions;
mod handler;
mod listing;
mod path;
mod reply;
mod site;
mod types;

pub use handler::{SimpleHttpRequestHandler, SimpleHttpRequestHandlerBuilder};
