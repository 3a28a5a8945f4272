//! The targets of paths, and how a request gets there.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::http::message::percent;
use crate::http::{Route, Routes, answer_options};
use crate::{Exchange, Result, StatusError};

use super::Answer;

/// What answers the requests for a path.
#[derive(Clone)]
pub(super) enum Node {
    /// Answers all methods. The routes tell what is known of its requests, for example whether the
    /// handler may read their bodies.
    Whole(Answer, Routes),
    /// Answers everything below a prefix of the given length. The rest of the path is left to the
    /// handler and is not a parameter: the names of files may have escapes that are not text.
    Below(Answer, Routes, usize),
    /// Answers by method. The methods are in the order in which they were added.
    Methods(Vec<(String, Answer)>),
}

/// Adds a method to the route `path`, which need not exist yet.
pub(super) fn add(tree: &mut Tree, path: &str, method: &str, answer: Answer) -> Result<(), String> {
    let Some(leaf) = tree.paths.remove(path) else {
        return tree.insert(path, Node::Methods(vec![(method.to_owned(), answer)]));
    };
    let Node::Methods(methods) = &mut tree.nodes[leaf] else {
        return Err(format!("the route {path:?} has a handler for all methods already"));
    };
    if methods.iter().any(|(own, _)| own == method) {
        return Err(format!("the route {path:?} answers {method} already"));
    }
    methods.push((method.to_owned(), answer));
    tree.paths.insert(path, leaf).map_err(|error| cannot_be_added(path, &error))
}

/// The paths of a router and their targets.
#[derive(Clone, Default)]
pub(super) struct Tree {
    paths: matchit::Router<usize>,
    nodes: Vec<Node>,
}

impl Tree {
    pub(super) fn insert(&mut self, path: &str, node: Node) -> Result<(), String> {
        self.paths.insert(path, self.nodes.len()).map_err(|error| cannot_be_added(path, &error))?;
        self.nodes.push(node);
        Ok(())
    }

    /// Returns the target of `path`, and the parameters in it.
    pub(super) fn at<'r, 'p>(&'r self, path: &'p str) -> Option<(&'r Node, matchit::Params<'r, 'p>)> {
        // If a request is for the prefix of a nested router, its path is empty.
        let found = self.paths.at(if path.is_empty() { "/" } else { path }).ok()?;
        Some((self.nodes.get(*found.value)?, found.params))
    }

    /// Returns the route of a request, if its path has a target.
    pub(super) fn route(&self, method: &[u8], path: &str) -> Option<Route> {
        let found = self.paths.at(if path.is_empty() { "/" } else { path }).ok()?;
        let node = self.nodes.get(*found.value)?;
        // Other nodes need the parameters of the path, so they are looked up again later.
        let is_known = matches!(node, Node::Below(..));
        let leaf = if is_known { u16::try_from(*found.value + 1).unwrap_or(0) } else { 0 };
        Some(Route { leaf, ..node.route(method, path) })
    }

    /// Returns the target of a route that has been looked up already.
    pub(super) fn leaf(&self, leaf: u16) -> Option<&Node> {
        self.nodes.get(usize::from(leaf).checked_sub(1)?)
    }
}

fn cannot_be_added(path: &str, error: &matchit::InsertError) -> String {
    format!("the route {path:?} cannot be added: {error}")
}

impl Node {
    pub(super) fn answer(&self, http: &mut Exchange, params: &matchit::Params<'_, '_>) -> Result {
        match self {
            Self::Whole(answer, _) => with_params(http, params, &**answer),
            Self::Below(answer, ..) => answer(http),
            Self::Methods(methods) => with_params(http, params, |http| by_method(methods, http)),
        }
    }

    /// Returns what is known of a request with this target. `path` is relative to the router.
    pub(super) fn route(&self, method: &[u8], path: &str) -> Route {
        match self {
            Self::Whole(_, routes) => routes.find(method, path),
            Self::Below(_, routes, prefix) => routes.find(method, path.get(*prefix..).unwrap_or_default()),
            Self::Methods(methods) if find(methods, method).is_some() => Route::ANY,
            // The router answers with 405, or with the allowed methods.
            Self::Methods(_) => UNANSWERED,
        }
    }
}

/// Finds the answer for `method`. The answer for `GET` also serves `HEAD`.
fn find<'m>(methods: &'m [(String, Answer)], method: &[u8]) -> Option<&'m Answer> {
    let find =
        |method: &[u8]| methods.iter().find(|(own, _)| own.as_bytes() == method).map(|(_, answer)| answer);
    find(method).or_else(|| find((method == b"HEAD").then_some(b"GET".as_slice())?))
}

fn by_method(methods: &[(String, Answer)], http: &mut Exchange) -> Result {
    let command = http.command();
    if let Some(answer) = find(methods, command.as_bytes()) {
        return answer(http);
    }
    let mut allowed: Vec<&str> = methods.iter().map(|(method, _)| method.as_str()).collect();
    if allowed.contains(&"GET") && !allowed.contains(&"HEAD") {
        allowed.push("HEAD");
    }
    allowed.push("OPTIONS");
    let allowed = allowed.join(", ");
    if command == "OPTIONS" {
        return answer_options(Some(&allowed), http);
    }
    Err(StatusError::new(405).header("Allow", allowed).into())
}

/// Runs `answer` with the parameters of the path.
fn with_params(
    http: &mut Exchange,
    params: &matchit::Params<'_, '_>,
    answer: impl FnOnce(&mut Exchange) -> Result,
) -> Result {
    let before = http.params.len();
    let own = params.iter().map(|(name, value)| Ok((Arc::from(name), decoded(value)?.into_owned())));
    http.params.extend(own.collect::<Result<Vec<_>, StatusError>>()?);
    let outcome = answer(http);
    http.params.truncate(before);
    outcome
}

/// Decodes the value of a parameter. The path is split before it is decoded, so `%2F` does not
/// count as a slash.
fn decoded(value: &str) -> Result<Cow<'_, str>, StatusError> {
    if percent::is_malformed(value) {
        return Err(StatusError::new(400).explain(percent::MALFORMED));
    }
    let not_text = |_| StatusError::new(400).explain("The path is not UTF-8 once it is decoded");
    percent_decode_str(value).decode_utf8().map_err(not_text)
}

/// Runs `answer` as if the path did not have its first `length` bytes.
pub(super) fn below(
    http: &mut Exchange,
    length: usize,
    answer: impl FnOnce(&mut Exchange) -> Result,
) -> Result {
    let before = http.mount;
    http.mount += length;
    let outcome = answer(http);
    http.mount = before;
    outcome
}

/// Sends 301 to the same path with a slash at its end.
pub(super) fn redirect_with_slash(http: &mut Exchange) -> Result {
    let query = http.query().map(|query| format!("?{query}")).unwrap_or_default();
    let location = format!("{}{}/{query}", http.mount_path(), http.url_path());
    http.send_to(301, &location)
}

/// The route of requests that the router answers itself, without running user code.
pub(super) const UNANSWERED: Route =
    Route { blocks: false, only_reads: true, wants_body: false, ..Route::ANY };
