//! Which requests need their body: what a handler tells the connections before it is run.

use std::fmt;
use std::sync::Arc;

/// Which request bodies a handler may read. A body that nobody reads is not collected in memory:
/// the request is answered by its head alone.
#[derive(Clone, Default)]
pub enum WantedBodies {
    /// Any.
    #[default]
    All,
    /// None.
    None,
    /// Those of the requests whose method and path satisfy this. It runs on an event loop, so it
    /// must neither block nor call code of the user's.
    Of(Arc<Wanted>),
}

/// Judges a method and a path.
type Wanted = dyn Fn(&str, &str) -> bool + Send + Sync;

impl WantedBodies {
    /// Whether the body of a request with this method and path may be read.
    pub(crate) fn includes(&self, method: &str, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Of(wanted) => wanted(method, path),
        }
    }
}

impl fmt::Debug for WantedBodies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "All",
            Self::None => "None",
            Self::Of(_) => "Of(..)",
        })
    }
}
