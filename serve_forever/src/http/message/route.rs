//! What a connection must know of a request before its handler runs.

/// What is known of a request as soon as its head is parsed, without running any code of a user's.
/// It fits into a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The handler may wait for something else than its client: it needs a permit, and responses of
    /// others must not wait for it.
    pub(crate) blocks: bool,
    /// Nothing comes before the look at what is served: no code of a user's, which could change
    /// that first. And nothing in the handler changes: it is kept and serves the next requests too.
    pub(crate) only_reads: bool,
    /// The body may be read. If not, the handler starts without it.
    pub(crate) wants_body: bool,
    /// A handler that was kept for another generation is made again.
    pub(crate) generation: u16,
    /// Where the router that is the handler leads the request, found once for both; 0 if that is
    /// not known.
    pub(crate) leaf: u16,
}

impl Route {
    /// Of a handler of which nothing is known.
    pub(crate) const ANY: Self =
        Self { blocks: true, only_reads: false, wants_body: true, generation: 0, leaf: 0 };
}
