//! HTTP/1.1: parses heads and bodies from the bytes of a connection, and sends responses.

pub(crate) mod connection;
pub(crate) mod head;
pub(crate) mod scratch;
