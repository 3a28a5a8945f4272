//! What a connection must know about a request before its handler runs.

/// What is known about a request as soon as its head is parsed. No code of the user runs to find
/// it. A route fits into a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Whether the handler may wait for something other than its client. Then the run needs a
    /// permit, and responses to other requests must not wait for it.
    pub(crate) blocks: bool,
    /// Whether the handler only reads. No code of the user runs before the handler looks at what it
    /// serves, so nothing can have changed that. The handler itself does not change either, so it
    /// is kept and serves the next requests, too.
    pub(crate) only_reads: bool,
    /// Whether the handler may read the body. If not, it starts without the body.
    pub(crate) wants_body: bool,
    /// The generation of the handler. A handler that was kept from another generation is replaced.
    pub(crate) generation: u16,
    /// The place in the routing tree to which the request leads, if the handler is a router. The
    /// router need not search for it again. 0 if the place is not known.
    pub(crate) leaf: u16,
}

impl Route {
    /// The route to a handler about which nothing is known.
    pub(crate) const ANY: Self =
        Self { blocks: true, only_reads: false, wants_body: true, generation: 0, leaf: 0 };
}
