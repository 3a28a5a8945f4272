//! How a connection finds the [`Route`] of a request.

use std::fmt;
use std::sync::Arc;

use crate::http::message::route::Route;

/// The routes of all requests, as the first handler of a server gives them.
#[derive(Clone)]
pub enum Routes {
    /// All requests have the same route.
    One(Route),
    /// The method and the path of a request determine its route.
    Of(Arc<FindRoute>),
}

/// Finds the route for a method and a path (without the query). Neither this function nor the
/// answer to a malformed request runs code of the user.
pub(crate) type FindRoute = dyn Fn(&[u8], &str) -> Route + Send + Sync;

impl Routes {
    /// Returns the same routes for handlers that may differ from each other, because code of the
    /// user makes each of them.
    pub(crate) fn of_others(self) -> Self {
        let of_other = |route: Route| Route { only_reads: false, leaf: 0, ..route };
        match self {
            Self::One(route) => Self::One(of_other(route)),
            Self::Of(find) => Self::Of(Arc::new(move |method, path| of_other(find(method, path)))),
        }
    }

    /// Returns the route of a request with this method and path.
    pub(crate) fn find(&self, method: &[u8], path: &str) -> Route {
        match self {
            Self::One(route) => *route,
            Self::Of(find) => find(method, path),
        }
    }

    /// Whether the answer to a malformed request may block: the function that logs it may be the
    /// user's.
    pub(crate) fn refusals_block(&self) -> bool {
        match self {
            Self::One(route) => route.blocks,
            Self::Of(_) => false,
        }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(route) => route.fmt(f),
            Self::Of(_) => f.write_str("Of(..)"),
        }
    }
}
