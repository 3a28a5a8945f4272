//! What stands at the end of a path, and how it is led there.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::http::message::percent;
use crate::http::{Route, Routes, answer_options};
use crate::{Exchange, Result, StatusError};

use super::Answer;

/// What answers a path.
#[derive(Clone)]
pub(super) enum Node {
    /// Whatever the method is, by a handler that may read these bodies.
    Whole(Answer, Routes),
    /// Whatever is below a prefix. That is the affair of what answers, so nothing of it is a parameter: names of files may have
    /// escapes that are no text. The prefix has the given length.
    Below(Answer, Routes, usize),
    /// By method, in the order in which they were added.
    Methods(Vec<(String, Answer)>),
}

/// Adds a method to the route `path`, which may be new.
pub(super) fn add(
    paths: &mut matchit::Router<Node>,
    path: &str,
    method: &str,
    answer: Answer,
) -> Result<(), String> {
    let mut methods = match paths.remove(path) {
        None => Vec::new(),
        Some(Node::Methods(methods)) => methods,
        Some(Node::Whole(..) | Node::Below(..)) => {
            return Err(format!("the route {path:?} has a handler for all methods already"));
        }
    };
    if methods.iter().any(|(own, _)| own == method) {
        return Err(format!("the route {path:?} answers {method} already"));
    }
    methods.push((method.to_owned(), answer));
    paths
        .insert(path, Node::Methods(methods))
        .map_err(|error| format!("the route {path:?} cannot be added: {error}"))
}

impl Node {
    pub(super) fn answer(&self, http: &mut Exchange, params: &matchit::Params<'_, '_>) -> Result {
        match self {
            Self::Whole(answer, _) => with_params(http, params, &**answer),
            Self::Below(answer, ..) => answer(http),
            Self::Methods(methods) => with_params(http, params, |http| by_method(methods, http)),
        }
    }

    /// What is known of a request that leads here. `path` is that of the router.
    pub(super) fn route(&self, method: &str, path: &str) -> Route {
        match self {
            Self::Whole(_, routes) => routes.find(|| (method, path)),
            Self::Below(_, routes, prefix) => {
                routes.find(|| (method, path.get(*prefix..).unwrap_or_default()))
            }
            Self::Methods(methods) if find(methods, method).is_some() => Route::ANY,
            // 405, or what may be asked for.
            Self::Methods(_) => NOTHING,
        }
    }
}

/// What answers `method`: `HEAD` is answered by what answers `GET`.
fn find<'m>(methods: &'m [(String, Answer)], method: &str) -> Option<&'m Answer> {
    let find = |method: &str| methods.iter().find(|(own, _)| own == method).map(|(_, answer)| answer);
    find(method).or_else(|| find((method == "HEAD").then_some("GET")?))
}

fn by_method(methods: &[(String, Answer)], http: &mut Exchange) -> Result {
    let command = http.command();
    if let Some(answer) = find(methods, command) {
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

/// Runs `answer` with what stands in the path for its parameters.
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

/// The value of a parameter. Split before it is decoded, so that `%2F` is no slash of the path.
fn decoded(value: &str) -> Result<Cow<'_, str>, StatusError> {
    if percent::is_malformed(value) {
        return Err(StatusError::new(400).explain(percent::MALFORMED));
    }
    let not_text = |_| StatusError::new(400).explain("The path is not UTF-8 once it is decoded");
    percent_decode_str(value).decode_utf8().map_err(not_text)
}

/// Runs `answer` as if the first `length` octets of the path were not there.
pub(super) fn below(http: &mut Exchange, length: usize, answer: &Answer) -> Result {
    let before = http.mount;
    http.mount += length;
    let outcome = answer(http);
    http.mount = before;
    outcome
}

/// 301 to the same path with a slash at its end.
pub(super) fn redirect_with_slash(http: &mut Exchange) -> Result {
    let query = http.query().map(|query| format!("?{query}")).unwrap_or_default();
    let location = format!("{}{}/{query}", http.mount_path(), http.url_path());
    http.send_to(301, &location)
}

/// The route of what the router answers itself: no code of a user's runs.
pub(super) const NOTHING: Route = Route { blocks: false, only_reads: true, wants_body: false, generation: 0 };
