//! HTTP/1.1 on a connection: heads and bodies from bytes, responses to bytes, and when each of them
//! moves.

pub(crate) mod connection;
pub(crate) mod head;
pub(crate) mod scratch;
