//! The access log: a record of each request, and the lines that are made of it.

pub(crate) mod format;
pub(crate) mod lines;
pub(crate) mod record;
