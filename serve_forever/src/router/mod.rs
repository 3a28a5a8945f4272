//! Routing: finds the handler for a path and a method. This is a layer above `http/` that knows
//! nothing about files.

mod tree;

use std::fmt;
use std::sync::Arc;

use crate::http::{Route, Routes, dispatch, verbs};
use crate::sealed::Sealed;
use crate::server::factory::HandlerFactory;
use crate::server::hooks::Guarded;
use crate::{BaseHttpRequestHandler, Exchange, Result};

use self::tree::{Node, Tree};

/// Dispatches requests to handlers by path and method. A router is itself a handler.
///
/// Paths have the syntax of [`matchit`](https://docs.rs/matchit): `{name}` matches one segment, and
/// `{*name}` at the end matches the whole rest. [`Exchange::param`] returns the text that they have
/// matched. More specific paths take precedence over less specific ones, whatever the order in
/// which they are added. Only `{name}` and `{*name}` cannot be used in the same place. If no path
/// matches, the answer is 404, or that of the [`fallback`](Self::fallback). If a path matches but
/// not the method, the answer is 405 with `Allow`. `HEAD` runs the handler of `GET`. The router
/// answers `OPTIONS` itself, unless the path has a handler for it.
///
/// Paths are matched as they are sent: `/%74ea` is not `/tea`, and `%2F` in a segment is not a
/// slash. A route therefore does not protect a file of a [mounted](Self::mount) directory: the file
/// handler decodes paths, so other spellings of the path still reach the file. Put private files
/// into a directory of their own, or check access in a [`before`](Self::before) hook.
///
/// The server calls `server_version`, `error_message_format`, `log_request` and similar methods on
/// the router, which has the defaults. If a handler behind the router overrides these methods, the
/// server does not call them.
///
/// ```
/// use serve_forever::{testing, Exchange, Result, Router};
///
/// fn show(http: &mut Exchange) -> Result {
///     let text = format!("Tea number {}", http.param("number").unwrap_or_default());
///     http.reply_text(200, text)
/// }
///
/// let router = Router::new()
///     .get("/", |http| http.reply_text(200, "Homepage"))
///     .get("/teas/{number}", show)
///     .post("/teas", |http| http.redirect(303, "/teas/7"));
///
/// let answer = testing::respond(router.clone(), b"GET /teas/7 HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(answer.ends_with(b"\r\n\r\nTea number 7"));
/// let answer = testing::respond(router, b"PUT /teas HTTP/1.1\r\nHost: a\r\n\r\n");
/// assert!(answer.starts_with(b"HTTP/1.1 405 Method Not Allowed\r\n"));
/// ```
#[derive(Clone, Default)]
pub struct Router {
    inner: Arc<Inner>,
}

#[derive(Clone, Default)]
struct Inner {
    tree: Tree,
    before: Vec<Answer>,
    after: Vec<After>,
    fallback: Option<Answer>,
    /// Whether the hooks only read: they neither wait nor change what is served.
    hooks_only_read: bool,
}

/// A function that answers a request.
type Answer = Arc<dyn Fn(&mut Exchange) -> Result + Send + Sync>;
/// A hook that runs after a request has been answered.
type After = Arc<dyn Fn(&mut Exchange, &Result) + Send + Sync>;

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident $method:literal;)*) => {
        /// Routes for single methods.
        impl Router {
            $(
                $(#[$doc])*
                ///
                /// # Panics
                ///
                /// The same as for [`route`](Self::route).
                ///
                /// ```
                /// # use serve_forever::{testing, Router};
                #[doc = concat!("let router = Router::new().", stringify!($name), "(\"/tea\", |http| http.reply_text(200, \"tea\"));")]
                #[doc = concat!("let request = b\"", $method, " /tea HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\";")]
                /// assert!(testing::respond(router, request).ends_with(b"\r\n\r\ntea"));
                /// ```
                #[track_caller]
                #[must_use]
                pub fn $name(self, path: &str, answer: impl Fn(&mut Exchange) -> Result + Send + Sync + 'static) -> Self {
                    self.route($method, path, answer)
                }
            )*
        }
    };
}

methods! {
    /// Answers `GET` and `HEAD` requests for `path`.
    get "GET";
    /// Answers `POST` requests for `path`.
    post "POST";
    /// Answers `PUT` requests for `path`.
    put "PUT";
    /// Answers `PATCH` requests for `path`.
    patch "PATCH";
    /// Answers `DELETE` requests for `path`.
    delete "DELETE";
}

impl Router {
    /// Creates a router without routes.
    ///
    /// ```
    /// use serve_forever::{testing, Router};
    ///
    /// let answer = testing::respond(Router::new(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 404 Not Found\r\n"));
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers requests for `path` with this method. Methods are case-sensitive.
    ///
    /// # Panics
    ///
    /// Panics if `path` is not valid or does not begin with a slash, if it conflicts with another
    /// path, or if it already has this method. These are mistakes in the program, and they show
    /// when it starts.
    ///
    /// ```
    /// use serve_forever::{testing, Router};
    ///
    /// let router = Router::new().route("BREW", "/pot", |http| http.reply_text(418, "short and stout"));
    /// let answer = testing::respond(router, b"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 418 "));
    /// ```
    #[track_caller]
    #[must_use]
    pub fn route(
        mut self,
        method: &str,
        path: &str,
        answer: impl Fn(&mut Exchange) -> Result + Send + Sync + 'static,
    ) -> Self {
        must_begin_with_slash(path);
        let inner = self.inner();
        tree::add(&mut inner.tree, path, method, guarded(answer)).unwrap_or_else(|error| panic!("{error}"));
        self
    }

    /// Answers all requests for `path`, whatever their method, by handlers that `factory` makes.
    /// One handler is made immediately, to ask it whether it [may
    /// block](BaseHttpRequestHandler::may_block).
    ///
    /// # Panics
    ///
    /// The same as for [`route`](Self::route).
    ///
    /// ```
    /// use serve_forever::{testing, BaseHttpRequestHandler, Exchange, Result, Router};
    ///
    /// struct Pot;
    ///
    /// impl BaseHttpRequestHandler for Pot {
    ///     fn do_get(&mut self, http: &mut Exchange) -> Result {
    ///         http.reply_text(200, "full")
    ///     }
    /// }
    ///
    /// let router = Router::new().handle("/pot", || Pot);
    /// assert!(testing::respond(router, b"GET /pot HTTP/1.1\r\nHost: a\r\n\r\n").ends_with(b"full"));
    /// ```
    #[track_caller]
    #[must_use]
    pub fn handle<F, M>(mut self, path: &str, factory: F) -> Self
    where
        F: HandlerFactory<M>,
        F::Handler: BaseHttpRequestHandler,
    {
        must_begin_with_slash(path);
        let routes = routes_of(&factory);
        self.insert(path, Node::Whole(Arc::new(answer_of(factory)), routes));
        self
    }

    /// Answers everything below `prefix` by handlers that `factory` makes, such as a
    /// [`SimpleHttpRequestHandler`](crate::SimpleHttpRequestHandler). The handlers see paths
    /// without the prefix: [`Exchange::path`] begins after it, and [`Exchange::mount_path`] is the
    /// prefix. A request for the prefix without a slash at its end is redirected to the prefix with
    /// a slash. One handler is made immediately, to ask it whether it [may
    /// block](BaseHttpRequestHandler::may_block).
    ///
    /// # Panics
    ///
    /// The same as for [`route`](Self::route). Also panics if the prefix does not begin with a
    /// slash or has a parameter.
    ///
    /// ```
    /// use serve_forever::{testing, Router, SimpleHttpRequestHandler};
    ///
    /// let files = SimpleHttpRequestHandler::builder().directory("src").build()?;
    /// let router = Router::new().mount("/source", files);
    /// let answer = testing::respond(router.clone(), b"GET /source/lib.rs HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    /// let answer = testing::respond(router, b"GET /source/http?a HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(String::from_utf8_lossy(&answer).contains("\r\nLocation: /source/http/?a\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn mount<F, M>(mut self, prefix: &str, factory: F) -> Self
    where
        F: HandlerFactory<M>,
        F::Handler: BaseHttpRequestHandler,
    {
        let routes = routes_of(&factory);
        let answer = answer_of(factory);
        self.insert_below(prefix, &routes, move |http, length| {
            // The whole path may be the prefix of a router around this one (`mount`). If there is
            // no prefix at all, the path is that of `http://host`, which means the same as with a
            // slash.
            let is_prefix = length + http.mount > 0 && http.url_path_bytes().len() == length;
            if is_prefix { tree::redirect_with_slash(http) } else { tree::below(http, length, &answer) }
        });
        self
    }

    /// Lets another router answer everything below `prefix`, and the prefix itself. That router
    /// sees paths without the prefix. Its hooks and its fallback only apply to these requests. The
    /// hooks of this router run before and after those.
    ///
    /// # Panics
    ///
    /// The same as for [`mount`](Self::mount).
    ///
    /// ```
    /// use serve_forever::{testing, Router};
    ///
    /// let teas = Router::new()
    ///     .get("/", |http| http.reply_text(200, "all"))
    ///     .get("/{name}", |http| http.reply_text(200, http.param("name").unwrap_or_default().to_owned()));
    /// let router = Router::new().nest("/teas", teas);
    /// assert!(testing::respond(router.clone(), b"GET /teas HTTP/1.1\r\nHost: a\r\n\r\n").ends_with(b"all"));
    /// assert!(testing::respond(router, b"GET /teas/mint HTTP/1.1\r\nHost: a\r\n\r\n").ends_with(b"mint"));
    /// ```
    #[track_caller]
    #[must_use]
    pub fn nest(mut self, prefix: &str, router: Self) -> Self {
        let inside = router.routes(Sealed::TOKEN);
        let answer = move |http: &mut Exchange| router.answer(http);
        self.insert_below(prefix, &inside, move |http, length| tree::below(http, length, &answer));
        self
    }

    /// Answers requests whose path matches no route, in place of the 404.
    ///
    /// ```
    /// use serve_forever::{testing, Router};
    ///
    /// let router = Router::new().fallback(|http| http.reply_text(404, "no tea here"));
    /// assert!(testing::respond(router, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").ends_with(b"no tea here"));
    /// ```
    #[must_use]
    pub fn fallback(mut self, answer: impl Fn(&mut Exchange) -> Result + Send + Sync + 'static) -> Self {
        self.inner().fallback = Some(guarded(answer));
        self
    }

    /// Adds a hook that runs before a request is answered. Hooks run in the order in which they are
    /// added. If a hook answers the request itself or returns an error (such as a
    /// [`StatusError`](crate::StatusError)), this is the answer, and neither further `before` hooks
    /// nor the route run. A field that a hook [adds](Exchange::add_header) is sent with every
    /// response.
    ///
    /// ```
    /// use serve_forever::{testing, Router, StatusError};
    ///
    /// let router = Router::new()
    ///     .before(|http| http.add_header("X-Frame-Options", "DENY"))
    ///     .before(|http| match http.headers().get("Authorization") {
    ///         Some("Bearer secret") => Ok(()),
    ///         _ => Err(StatusError::new(401).header("WWW-Authenticate", "Bearer").into()),
    ///     })
    ///     .get("/", |http| http.reply_text(200, "welcome"));
    /// let answer = testing::respond(router, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// let answer = String::from_utf8_lossy(&answer);
    /// assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("\r\nX-Frame-Options: DENY\r\n"));
    /// ```
    #[must_use]
    pub fn before(mut self, hook: impl Fn(&mut Exchange) -> Result + Send + Sync + 'static) -> Self {
        self.inner().before.push(guarded(hook));
        self
    }

    /// Adds a hook that runs after a request has been answered, even if the answer failed, for
    /// example to measure times or to write logs. Hooks run in the order in which they are added.
    /// By then, the head of the response has been sent. To add fields to every response, use a
    /// [`before`](Self::before) hook. After a panic, the hooks do not run.
    ///
    /// ```
    /// use serve_forever::{testing, Router};
    ///
    /// let router = Router::new()
    ///     .after(|http, outcome| {
    ///         let status = http.response_status();
    ///         http.log_message(format_args!("answered with {status:?}, error: {}", outcome.is_err()));
    ///     })
    ///     .get("/", |http| http.reply_text(200, "tea"));
    /// # assert!(testing::respond(router, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").ends_with(b"tea"));
    /// ```
    #[must_use]
    pub fn after(mut self, hook: impl Fn(&mut Exchange, &Result) + Send + Sync + 'static) -> Self {
        self.inner().after.push({
            let hook = Guarded::new(hook);
            Arc::new(move |http, outcome| hook(http, outcome))
        });
        self
    }

    /// Declares that the hooks of this router only look at a request, and at most answer it or add
    /// fields to its response. They wait for nothing, read no body, and change nothing that the
    /// handlers behind them serve.
    ///
    /// Without this, the server assumes that every request behind a hook may wait: the request
    /// needs a thread of its own if the hook does not return soon, and its body is received before
    /// the hook runs. With this, each request is treated as it would be without hooks. In
    /// particular, files are then served as fast as without a router.
    ///
    /// ```
    /// use serve_forever::{testing, Router, SimpleHttpRequestHandler, StatusError};
    ///
    /// let files = SimpleHttpRequestHandler::builder().directory("src").build()?;
    /// let site = Router::new()
    ///     .mount("/", files)
    ///     .before(|http| match http.headers().get("Authorization") {
    ///         Some("Bearer tea") => Ok(()),
    ///         _ => Err(StatusError::new(401).header("WWW-Authenticate", "Bearer").into()),
    ///     })
    ///     .hooks_only_read();
    ///
    /// let answer = testing::respond(site, b"GET /lib.rs HTTP/1.1\r\nHost: a\r\n\r\n");
    /// assert!(answer.starts_with(b"HTTP/1.1 401 Unauthorized\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn hooks_only_read(mut self) -> Self {
        self.inner().hooks_only_read = true;
        self
    }

    /// Returns the content of the router, to change it.
    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.inner)
    }

    /// Adds the prefix itself and everything below it. `answer` gets the length of the prefix.
    #[track_caller]
    fn insert_below(
        &mut self,
        prefix: &str,
        routes: &Routes,
        answer: impl Fn(&mut Exchange, usize) -> Result + Send + Sync + 'static,
    ) {
        let prefix = literal(prefix);
        let length = prefix.len();
        let answer: Answer = Arc::new(move |http| answer(http, length));
        let node = Node::Below(answer, routes.clone(), length);
        self.insert(&format!("{prefix}/{{*rest}}"), node.clone());
        self.insert(&format!("{prefix}/"), node.clone());
        if !prefix.is_empty() {
            self.insert(&prefix, node);
        }
    }

    #[track_caller]
    fn insert(&mut self, path: &str, node: Node) {
        self.inner().tree.insert(path, node).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Returns what is known of a request before it is answered.
    fn route_of(&self, method: &[u8], path: &str) -> Route {
        let inner = &*self.inner;
        if !(inner.hooks_only_read || inner.before.is_empty() && inner.after.is_empty()) {
            // Hooks may wait, change what is served, and read the body.
            return Route::ANY;
        }
        inner
            .tree
            .route(method, path)
            .unwrap_or_else(|| if inner.fallback.is_some() { Route::ANY } else { tree::UNANSWERED })
    }

    fn answer(&self, http: &mut Exchange) -> Result {
        // The leaf belongs to the outermost router. It is taken before any hook runs.
        let leaf = std::mem::take(&mut http.leaf);
        let outcome = self.run(leaf, http);
        if self.inner.after.is_empty() { outcome } else { self.look_after(outcome, http) }
    }

    fn look_after(&self, outcome: Result, http: &mut Exchange) -> Result {
        // A hook may panic, and then the error may panic when it is dropped. That must not end the
        // process.
        let outcome = Guarded::new(outcome);
        for hook in &self.inner.after {
            hook(http, &outcome);
        }
        outcome.into_inner().unwrap_or(Ok(()))
    }

    fn run(&self, leaf: u16, http: &mut Exchange) -> Result {
        for hook in &self.inner.before {
            hook(http)?;
            if http.response.status().is_some() {
                // The hook forgot to end the head. Its response counts all the same: the hook may
                // have refused the request.
                http.end_headers()?;
            }
            if http.answered {
                return Ok(());
            }
        }
        if let Some(Node::Below(answer, ..)) = self.inner.tree.leaf(leaf) {
            return answer(http);
        }
        match self.inner.tree.at(http.url_path()) {
            Some((node, params)) => node.answer(http, &params),
            None => match &self.inner.fallback {
                Some(answer) => answer(http),
                None => http.send_error(404, None, None),
            },
        }
    }
}

/// Makes an answer from the handlers of a factory.
fn answer_of<F, M>(factory: F) -> impl Fn(&mut Exchange) -> Result + Send + Sync + 'static
where
    F: HandlerFactory<M>,
    F::Handler: BaseHttpRequestHandler,
{
    let factory = Guarded::new(factory);
    move |http| {
        // This is the same as for a handler without a router: a panic when the handler is dropped
        // does not affect its answer, and if both panic, that must not end the process.
        let mut handler = Guarded::new(factory.make());
        let outcome = dispatch(&mut *handler, http);
        if let Err(panic) = handler.end() {
            http.report_panic(panic);
        }
        outcome
    }
}

/// Wraps an answer or a hook that may panic when it is dropped, even if others do so too.
fn guarded(answer: impl Fn(&mut Exchange) -> Result + Send + Sync + 'static) -> Answer {
    let answer = Guarded::new(answer);
    Arc::new(move |http| answer(http))
}

/// Returns what is known of requests that lead to a handler of `factory`.
fn routes_of<F, M>(factory: &F) -> Routes
where
    F: HandlerFactory<M>,
    F::Handler: BaseHttpRequestHandler,
{
    let routes = factory.make().routes(Sealed::TOKEN);
    if factory.makes_copies(Sealed::TOKEN) { routes } else { routes.of_others() }
}

/// Panics if a route does not begin with a slash. The path of every request does, so such a route
/// would never match.
#[track_caller]
fn must_begin_with_slash(path: &str) {
    assert!(path.starts_with('/'), "the route {path:?} must begin with a slash");
}

/// Returns a prefix without the slash at its end.
#[track_caller]
fn literal(prefix: &str) -> String {
    assert!(
        prefix.starts_with('/') && !prefix.contains(['{', '}']),
        "the prefix {prefix:?} must begin with a slash and have no parameter"
    );
    prefix.trim_end_matches('/').to_owned()
}

macro_rules! lead {
    ($($verb:literal $name:ident)*) => {
        $(fn $name(&mut self, http: &mut Exchange) -> Result {
            self.answer(http)
        })*
    };
}

impl BaseHttpRequestHandler for Router {
    verbs!(lead);

    fn do_other(&mut self, http: &mut Exchange) -> Result {
        self.answer(http)
    }

    fn may_block(&self) -> bool {
        // Each route tells this for itself.
        true
    }

    fn routes(&self, _: Sealed) -> Routes {
        let router = self.clone();
        Routes::Of(Arc::new(move |method, path| router.route_of(method, path)))
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
