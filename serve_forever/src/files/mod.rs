//! Files over HTTP: `SimpleHttpRequestHandler` and what it consists of.
//!
//! A request goes from its [`path`] to what is found in the [`site`], and from there to one of the answers in
//! [`reply`]; a file that is sent is an [`entry`]. What the answer depends on stands alone: the [types] of files and the
//! [charset] of their text, their [entity tags](entity_tag), the [conditions] of a request, and [ranges](range), several
//! of which make a [multipart].

mod builder;
mod charset;
mod conditions;
mod content_hash;
mod entity_tag;
mod entry;
mod handler;
mod hosts;
mod idle;
mod listing;
mod multipart;
mod options;
pub(crate) mod path;
pub(crate) mod range;
mod reply;
mod site;
mod types;

pub use builder::SimpleHttpRequestHandlerBuilder;
pub use entity_tag::EntityTags;
pub use handler::SimpleHttpRequestHandler;
