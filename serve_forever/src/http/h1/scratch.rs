//! The working memory of a thread that serves HTTP.

use std::time::Instant;

use crate::server::config::Config;

use crate::http::answer::lent::Lent;
use crate::http::h1::head::HeadParser;
use crate::http::message::route::Route;

/// Lent to a connection for the time of its work: idle connections hold none of it.
pub struct Scratch<H> {
    /// What was received: room for the largest head with a body of a usual size, and some more to
    /// receive larger bodies into.
    pub(crate) read: Box<[u8]>,
    pub(crate) filled: usize,
    /// The head at the start of `read` was parsed.
    pub(crate) parsed: Option<ParsedHead>,
    pub(crate) head: HeadParser,
    pub(crate) lent: Lent<H>,
}

/// A head that was parsed already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParsedHead {
    /// Its length.
    pub(crate) end: usize,
    /// Its first bytes had come by then, if that is known.
    pub(crate) began: Option<Instant>,
    pub(crate) route: Route,
}

impl<H> Scratch<H> {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            // Zeroed memory costs nothing until it is touched.
            read: vec![0; config.max_head_size + USUAL_BODY + BODY_BUFFER].into_boxed_slice(),
            filled: 0,
            parsed: None,
            head: HeadParser::default(),
            lent: Lent::default(),
        }
    }
}

impl<H> std::fmt::Debug for Scratch<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").field("filled", &self.filled).finish_non_exhaustive()
    }
}

/// Bytes of a body that were collected and are copied to here. A larger one is served where it was
/// collected, so that the memory of a thread does not grow with it.
const USUAL_BODY: usize = 64 * 1024;
/// Bytes of room behind the largest head: a body is received in pieces of at least this size.
pub(crate) const BODY_BUFFER: usize = 32 * 1024;
