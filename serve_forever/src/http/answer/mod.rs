//! Answering one request: the handler is made, called, and what it left behind becomes a whole
//! response.

pub(crate) mod lent;
pub(crate) mod serve;
