//! The head of a request as we read it and as `httparse` does: what we accept, it accepts, and both
//! read the same in it. A proxy in front of us that is built on it then never sees another request
//! than we do.
//!
//! The other direction does not hold, on purpose (`docs/conformance.md` has the rules): we refuse
//! lines that end in a bare LF, more than a few empty lines in front, fragments and bytes beyond
//! ASCII in the target, targets in none of the four forms, heads without `Host` or with two, bodies
//! that are framed twice, and what is beyond our limits.

use std::borrow::Cow;

use httparse::{EMPTY_HEADER, Request, Status};

use crate::http::h1::head::{HeadLimits, HeadParser, Parsed};
use crate::http::message::request::RequestHead;
use crate::server::config::MAX_FIELDS;

pub fn head_vs_httparse(input: &[u8]) {
    let mut parser = HeadParser::default();
    let ours = parser.parse(input, &HeadLimits::default());
    let head = parser.head();
    let known = with_known_version(head, input);
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    let mut request = Request::new(&mut fields);
    let theirs = request.parse(&known);
    match ours {
        Ok(Parsed::Complete(end)) => {
            assert_eq!(theirs, Ok(Status::Complete(end)));
            same(head, input, &request);
        }
        // What is whole is never waited for.
        Ok(Parsed::Partial) => assert!(!matches!(theirs, Ok(Status::Complete(_))), "{theirs:?}"),
        Err(_) => {}
    }
}

fn same(head: &RequestHead, bytes: &[u8], request: &Request) {
    assert_eq!(request.method, Some(head.method(bytes)));
    assert_eq!(request.path, Some(head.target(bytes)));
    assert_eq!(request.version, Some(head.version_minor()));
    let fields = request.headers.iter().map(|field| (field.name, trimmed(field.value)));
    let own = head.fields(bytes);
    assert_eq!(fields.collect::<Vec<_>>(), own.iter().collect::<Vec<_>>());
}

/// Without blanks at both ends. They are no part of a value (RFC 9110 §5.5), whoever takes them
/// off.
fn trimmed(value: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().take_while(|byte| is_blank(byte)).count();
    let end = value.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// The input with a version of which `httparse` knows. To us HTTP/1.2 and so on are HTTP/1.1 (RFC
/// 9110 §6.2), and it refuses them; all the rest is to be the same.
fn with_known_version<'a>(head: &RequestHead, input: &'a [u8]) -> Cow<'a, [u8]> {
    let start = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let last = start + head.request_line(input).len().saturating_sub(1);
    let line = input.get(..=last).unwrap_or_default();
    if head.version_minor() == 0 || !line.last().is_some_and(|byte| matches!(byte, b'2'..=b'9')) {
        return Cow::Borrowed(input);
    }
    let mut known = input.to_vec();
    known[last] = b'1';
    Cow::Owned(known)
}
