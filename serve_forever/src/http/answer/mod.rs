//! Answering one request: the handler is made and called, and what it left behind becomes a
//! complete response.

pub(crate) mod lent;
pub(crate) mod serve;
