//! The bodies of requests and responses, from the side of handlers: read and written by blocking
//! calls, or left to be sent when the handler has returned.

pub(crate) mod decoder;
pub(crate) mod detached;
pub(crate) mod framer;
pub(crate) mod link;
pub(crate) mod memory;
pub(crate) mod outlet;
pub(crate) mod output;
pub(crate) mod pending;
pub(crate) mod rfile;
pub(crate) mod wfile;
