//! Files over HTTP: `SimpleHttpRequestHandler` and what it consists of.
//!
//! A request goes from its [`path`] to what is found in the [`site`], and from there to one of the answers in
//! [`reply`]. What the answer depends on stands alone: the [types] of files and the [charset] of their text, their
//! [entity tags](entity_tag), the [conditions] of a request, and [ranges](range), several of which make a [multipart].

#[allow(dead_code, reason = "the handler does not use it yet")]
mod charset;
#[allow(dead_code, reason = "the handler does not use it yet")]
mod conditions;
#[allow(dead_code, unreachable_pub, reason = "the handler does not use it yet")]
mod entity_tag;
mod handler;
mod listing;
#[allow(dead_code, reason = "the handler does not use it yet")]
mod multipart;
mod path;
#[allow(dead_code, reason = "the handler does not use it yet")]
mod range;
mod reply;
mod site;
#[allow(dead_code, reason = "the handler does not use it yet")]
mod types;

pub use handler::{SimpleHttpRequestHandler, SimpleHttpRequestHandlerBuilder};
