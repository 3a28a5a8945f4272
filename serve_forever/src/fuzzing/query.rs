//! Percent-encoding in paths and queries: what was coded comes back whatever its bytes are, and
//! what is written anyhow is what a simpler decoder finds.

use std::path::Component;
use std::sync::{Arc, Mutex};

use crate::{BaseHttpRequestHandler, Exchange, HandlerFactory, Result, Router, handler_fn, testing};

use super::cut::split;
use super::form::{Fields, simple};
use super::percent::{decode, encode, is_strict};
use crate::files::path::{PathError, RequestPath};

/// Bytes of an input that are looked at: coded, they still fit into a target.
const MOST: usize = 4096;

/// The first byte says how the rest is coded, and where what is a name ends.
pub fn query(input: &[u8]) {
    let (seed, rest) = split(input);
    let bytes = &rest[..rest.len().min(MOST)];
    let (name, value) = bytes.split_at(usize::from(seed) % (bytes.len() + 1));
    coded(name, value, seed);
    let in_target = |byte: &&u8| byte.is_ascii_graphic() && **byte != b'#';
    written(&bytes.iter().filter(in_target).map(|&byte| char::from(byte)).collect::<String>());
}

/// What goes through the encoding and back is the same.
fn coded(name: &[u8], value: &[u8], seed: u8) {
    let segment = encode(value, seed);
    let blank = if seed & 4 == 0 { "%20" } else { "+" };
    let target = format!("/?{}={}", encode(name, seed), segment).replace("%20", blank);
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(pairs(&target), [(text(name), text(value))]);

    // A slash at the very end counts as one, coded or not.
    let end = value.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    let expected = match &value[..end] {
        b"" | b"." | b".." => Some(Vec::new()),
        step if step.iter().any(|byte| matches!(byte, b'/' | 0)) => None,
        step => Some(vec![step.to_vec()]),
    };
    path(&format!("/{segment}"), expected.as_deref());

    if !value.is_empty() {
        assert_eq!(param(&segment).as_deref(), std::str::from_utf8(value).ok());
    }
}

/// What nobody coded on purpose.
fn written(text: &str) {
    let pairs = pairs(&format!("/?{text}"));
    let length: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(length <= text.len(), "{length} bytes of {}", text.len());
    assert_eq!(pairs, simple(text.as_bytes()));

    let is_well_formed = is_strict(text.as_bytes());
    assert_eq!(RequestPath::parse(text) == Err(PathError::Malformed), !is_well_formed);
    path(text, is_well_formed.then(|| steps(text)).flatten().as_deref());

    let segment = text.split(['/', '?']).next().unwrap_or_default();
    if !segment.is_empty() {
        let strict = is_strict(segment.as_bytes()).then(|| decode(segment.as_bytes(), b'+'));
        let value = param(segment);
        assert!(value.as_ref().is_none_or(|value| value.len() <= segment.len()));
        assert_eq!(value, strict.and_then(|bytes| String::from_utf8(bytes).ok()));
    }
}

/// The query as a handler gets it.
fn pairs(target: &str) -> Fields {
    let told = Arc::new(Mutex::new(None));
    let sink = Arc::clone(&told);
    let handler = handler_fn(move |http: &mut Exchange| -> Result {
        let pairs: Fields =
            http.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        for (name, _) in &pairs {
            let first = pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
            assert_eq!(http.query_value(name).as_deref(), first);
        }
        *sink.lock().expect("nobody panics") = Some(pairs);
        http.send_response(204).end_headers()
    });
    respond(handler, target);
    told.lock().expect("nobody panics").take().expect("every query has pairs")
}

/// One step of a path as a handler gets it from the router; `None` if it is refused.
fn param(segment: &str) -> Option<String> {
    let told = Arc::new(Mutex::new(None));
    let sink = Arc::clone(&told);
    let router = Router::new().get("/{value}", move |http| {
        *sink.lock().expect("nobody panics") = http.param("value").map(str::to_owned);
        http.send_response(204).end_headers()
    });
    let answer = respond(router, &format!("/{segment}"));
    let value = told.lock().expect("nobody panics").take();
    let status: &[u8] = if value.is_some() { b"HTTP/1.1 204 " } else { b"HTTP/1.1 400 " };
    assert!(answer.starts_with(status), "{}", answer.escape_ascii());
    value
}

fn respond<F, M>(factory: F, target: &str) -> Vec<u8>
where
    F: HandlerFactory<M>,
    F::Handler: BaseHttpRequestHandler + 'static,
{
    testing::respond(factory, format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"))
}

/// What a path of a request leads to below the directory.
fn path(written: &str, expected: Option<&[Vec<u8>]>) {
    let Ok(path) = RequestPath::parse(written) else {
        // Systems other than Unix have not every name.
        assert!(expected.is_none() || cfg!(not(unix)), "{written} is refused");
        return;
    };
    let relative = path.relative();
    assert!(relative.components().all(|step| matches!(step, Component::Normal(_))), "{written} leads out");
    assert!(relative.as_os_str().len() <= written.len());
    let steps: Vec<Vec<u8>> = relative.iter().map(|step| step.as_encoded_bytes().to_vec()).collect();
    assert_eq!(Some(steps.as_slice()), expected, "{written}");
    assert_eq!(path.names_directory(), stands_for_directory(written), "{written}");
}

/// Whether a path can lead to a directory only: it ends in a slash or in dots.
fn stands_for_directory(written: &str) -> bool {
    let last = written.rsplit('/').next().unwrap_or_default();
    let last = decode(last.as_bytes(), b'+');
    last.ends_with(b"/") || matches!(last.as_slice(), b"" | b"." | b"..")
}

/// The steps of a path, found in the simplest way; `None` if no file can have one of the names.
fn steps(written: &str) -> Option<Vec<Vec<u8>>> {
    let mut steps: Vec<Vec<u8>> = Vec::new();
    let mut segments = written.split('/').peekable();
    while let Some(segment) = segments.next() {
        let mut step = decode(segment.as_bytes(), b'+');
        while segments.peek().is_none() && step.ends_with(b"/") {
            step.pop();
        }
        if step == b".." {
            steps.pop();
        } else if step.contains(&b'/') || step.contains(&0) {
            return None;
        } else if !step.is_empty() && step != b"." {
            steps.push(step);
        }
    }
    Some(steps)
}
