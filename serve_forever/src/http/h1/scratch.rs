//! The working memory of a thread that serves HTTP.

use std::time::Instant;

use crate::server::config::Config;

use crate::http::answer::lent::Lent;
use crate::http::h1::head::HeadParser;
use crate::http::message::route::Route;

/// The working memory of a thread, lent to a connection while the thread works on it. Idle
/// connections hold none of it.
pub struct Scratch<H> {
    /// Received bytes. There is room for the largest head, a body of a usual size, and a piece of a
    /// larger body.
    pub(crate) read: Box<[u8]>,
    pub(crate) filled: usize,
    /// The parsed head at the start of `read`.
    pub(crate) parsed: Option<ParsedHead>,
    pub(crate) head: HeadParser,
    pub(crate) lent: Lent<H>,
}

/// A head that was parsed already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParsedHead {
    /// Its length.
    pub(crate) end: usize,
    /// A time by which its first bytes had begun to arrive, if that is known.
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

/// Bytes of a collected body that is copied to this memory. A larger one is served where it was
/// collected, so that the memory of a thread does not grow with it.
const USUAL_BODY: usize = 64 * 1024;
/// Bytes of room after the largest head. A body is received in pieces of at least this size.
pub(crate) const BODY_BUFFER: usize = 32 * 1024;
