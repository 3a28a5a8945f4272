//! Serving files: [`SimpleHttpRequestHandler`] and its settings.

// `path` parses the path of a request, `site` finds what it leads to, and `reply` sends the
// response. A file that is sent is an `entry`. The remaining modules each decide one aspect of a
// response: the content type (`types`) and the `charset` of text, the entity tag (`entity_tag`),
// the `conditions` of a request, and ranges (`range`). Several ranges make a `multipart`.

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
