//! HTTP/1.1: messages, connections, and the handlers that answer requests.

mod accept;
mod body;
mod connection;
pub(crate) mod date;
mod decimal;
mod error_page;
pub(crate) mod escape;
mod exchange;
mod fields;
mod handler;
mod handler_fn;
mod head;
mod link;
mod log_format;
mod output;
mod pending;
mod protocol;
mod records;
mod response_head;
mod rfile;
mod scratch;
mod serve;
mod status;
mod wfile;

pub use exchange::Exchange;
pub use fields::Headers;
pub(crate) use fields::trim_blanks;
pub use handler::BaseHttpRequestHandler;
pub use handler_fn::{HandlerFn, handler_fn};
pub use pending::Source;
pub use protocol::Http;
pub use records::LogRecord;
pub(crate) use response_head::PreparedFields;
pub use response_head::{HeaderText, IntoStatus};
pub use rfile::RFile;
pub use wfile::WFile;
