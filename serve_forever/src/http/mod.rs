//! HTTP/1.1: messages, connections, and the handlers that answer requests.

pub(crate) mod answer;
pub(crate) mod bodies;
pub(crate) mod exchange;
pub(crate) mod h1;
pub(crate) mod handler;
pub(crate) mod log;
pub(crate) mod message;
mod protocol;
mod settings;
#[cfg(test)]
mod tests;

pub use bodies::detached::Detached;
pub(crate) use bodies::pending::Expected;
pub use bodies::pending::Source;
pub use bodies::rfile::RFile;
pub use bodies::wfile::WFile;
pub use exchange::Exchange;
pub use exchange::cookies::{Cookie, SameSite};
pub use exchange::event::Event;
pub use exchange::form::Form;
pub use exchange::multipart::{Multipart, Part};
pub use handler::BaseHttpRequestHandler;
pub use handler::closure::{HandlerFn, handler_fn};
pub(crate) use handler::routes::Routes;
pub(crate) use handler::verbs::{answer_options, dispatch, not_implemented, verbs};
pub use log::record::LogRecord;
pub use message::fields::Headers;
pub(crate) use message::response_head::PreparedFields;
pub use message::response_head::{HeaderText, IntoStatus};
pub(crate) use message::route::Route;
pub use message::status_error::StatusError;
pub use protocol::Http;
