//! Serving files: [`SimpleHttpRequestHandler`] and its settings.

// A request goes from its `path` to what is found in the `site`, and from there to one of the
// responses in `reply`. A file that is sent is an `entry`. What a response depends on stands apart:
// the `types` of files and the `charset` of their text, their entity tags (`entity_tag`), the
// `conditions` of a request, and ranges (`range`), of which several make a `multipart`.

mod builder;
mod charset;
mod conditions;
mod content_hash;
mod entity_tag;
mod entry;
mod error;
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
pub use error::BuildError;
pub use handler::SimpleHttpRequestHandler;
