//! HTTP/1.1: messages, connections, and the handlers that answer requests.

pub(crate) mod answer;
pub(crate) mod bodies;
pub(crate) mod exchange;
pub(crate) mod h1;
pub(crate) mod handler;
pub(crate) mod log;
pub(crate) mod message;
mod protocol;

pub use exchange::cookies::{Cookie, SameSite};
pub use bodies::detached::Detached;
pub use exchange::event::Event;
pub use exchange::Exchange;
pub use message::fields::Headers;
pub use exchange::form::Form;
pub use handler::BaseHttpRequestHandler;
pub(crate) use handler::{answer_options, dispatch, not_implemented};
pub use handler::closure::{HandlerFn, handler_fn};
pub use exchange::multipart::{Multipart, Part};
pub(crate) use bodies::pending::Expected;
pub use bodies::pending::Source;
pub use protocol::Http;
pub use log::record::LogRecord;
pub(crate) use message::response_head::PreparedFields;
pub use message::response_head::{HeaderText, IntoStatus};
pub use bodies::rfile::RFile;
pub use message::status_error::StatusError;
pub(crate) use handler::wanted_bodies::WantedBodies;
pub use bodies::wfile::WFile;
