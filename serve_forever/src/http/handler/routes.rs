//! How a connection finds the [`Route`] of a request.

use std::fmt;
use std::sync::Arc;

use crate::http::message::route::Route;

/// How the route of a request is found: what the first handler of a server says of all requests.
#[derive(Clone)]
pub struct Routes(Inner);

#[derive(Clone)]
enum Inner {
    One(Route),
    Of(Arc<Find>),
}

/// Finds the route of a method and a path (without the query).
type Find = dyn Fn(&[u8], &str) -> Route + Send + Sync;

impl Routes {
    /// All requests have the same.
    pub(crate) fn one(route: Route) -> Self {
        Self(Inner::One(route))
    }

    /// The method and the path decide. Neither `find`, nor what answers a request that is malformed,
    /// runs any code of a user's.
    pub(crate) fn of(find: impl Fn(&[u8], &str) -> Route + Send + Sync + 'static) -> Self {
        Self(Inner::Of(Arc::new(find)))
    }

    /// The same where code of a user's runs before the handler: the one that makes it.
    pub(crate) fn with_other_code(self) -> Self {
        match self.0 {
            Inner::One(route) => Self::one(Route { only_reads: false, ..route }),
            Inner::Of(find) => {
                Self::of(move |method, path| Route { only_reads: false, ..find(method, path) })
            }
        }
    }

    /// The route of a request for `target`, a method and a path.
    #[inline]
    pub(crate) fn find<'a>(&self, target: impl FnOnce() -> (&'a [u8], &'a str)) -> Route {
        match &self.0 {
            Inner::One(route) => *route,
            Inner::Of(find) => {
                let (method, path) = target();
                find(method, path)
            }
        }
    }

    /// Whether all requests have the same.
    pub(crate) fn are_one(&self) -> bool {
        matches!(self.0, Inner::One(_))
    }

    /// Whether the answer to a request that is malformed may block: what logs it may be the user's.
    pub(crate) fn refusals_block(&self) -> bool {
        match self.0 {
            Inner::One(route) => route.blocks,
            Inner::Of(_) => false,
        }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::One(route) => route.fmt(f),
            Inner::Of(_) => f.write_str("Of(..)"),
        }
    }
}
