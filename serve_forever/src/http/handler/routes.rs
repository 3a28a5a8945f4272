//! How a connection finds the [`Route`] of a request.

use std::fmt;
use std::sync::Arc;

use crate::http::message::route::Route;

/// What the first handler of a server says of all requests.
#[derive(Clone)]
pub enum Routes {
    /// All requests have the same.
    One(Route),
    /// The method and the path decide.
    Of(Arc<FindRoute>),
}

/// Finds the route of a method and a path (without the query). It runs no code of a user's, and
/// neither does what answers a request that is malformed.
pub(crate) type FindRoute = dyn Fn(&[u8], &str) -> Route + Send + Sync;

impl Routes {
    /// The same where each handler may be another one, made by code of the user's.
    pub(crate) fn of_others(self) -> Self {
        let of_other = |route: Route| Route { only_reads: false, leaf: 0, ..route };
        match self {
            Self::One(route) => Self::One(of_other(route)),
            Self::Of(find) => Self::Of(Arc::new(move |method, path| of_other(find(method, path)))),
        }
    }

    /// The route of such a request.
    pub(crate) fn find(&self, method: &[u8], path: &str) -> Route {
        match self {
            Self::One(route) => *route,
            Self::Of(find) => find(method, path),
        }
    }

    /// Whether the answer to a request that is malformed may block: what logs it may be the user's.
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
