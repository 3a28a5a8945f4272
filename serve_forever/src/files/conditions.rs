//! Conditional requests (RFC 9110 §13): whether the client wants the present state of a file. It
//! does not if it already has this state (304), or if it only wants an earlier state (412).

use crate::http::message::date::parse_http_date;

use super::entity_tag::{Comparison, EntityTag, is_listed};

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Validators<'a> {
    pub(super) entity_tag: Option<&'a EntityTag>,
    /// The date in `Last-Modified`: in seconds since 1970, and not later than `Date`.
    pub(super) last_modified: Option<i64>,
    /// Whether the file cannot have changed twice within the second of its date (RFC 9110
    /// §8.8.2.2).
    pub(super) date_is_strong: bool,
}

/// How a request is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As if the request had no condition.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
}

/// Evaluates the conditions of a `GET` or `HEAD` in the order of RFC 9110 §13.2.2. Call this only
/// if the answer without conditions would be 200 (RFC 9110 §13.2.1).
///
/// `lines` are all header fields of the request. Nearly always, none of them is a condition. So one
/// pass looks at the first letters of their names.
pub(super) fn evaluate<'r>(
    lines: &(impl Iterator<Item = (&'r [u8], &'r [u8])> + Clone),
    validators: &Validators<'_>,
) -> Verdict {
    let Some(found) = RequestConditions::among(lines.clone()) else { return Verdict::Proceed };
    let judged = |found: &FieldValue<'r>, condition, comparison| match found {
        FieldValue::None => None,
        FieldValue::One(value) => Some(is_listed([*value].into_iter(), validators.entity_tag, comparison)),
        FieldValue::Several => {
            Some(is_listed(values(lines.clone(), condition), validators.entity_tag, comparison))
        }
    };

    match judged(&found.any_match, Condition::Match, Comparison::Strong) {
        Some(true) => {}
        Some(false) => return Verdict::PreconditionFailed,
        None => {
            if let (Some(date), Some(modified)) = (found.unmodified_since.date(), validators.last_modified)
                && modified > date
            {
                return Verdict::PreconditionFailed;
            }
        }
    }

    match judged(&found.none_match, Condition::NoneMatch, Comparison::Weak) {
        Some(true) => return Verdict::NotModified,
        Some(false) => {}
        None => {
            if let (Some(date), Some(modified)) = (found.modified_since.date(), validators.last_modified)
                && modified <= date
            {
                return Verdict::NotModified;
            }
        }
    }
    Verdict::Proceed
}

/// Returns whether the `Range` of a request may be answered with a part. This is so if there is no
/// `If-Range`, or if the parts that the client already has are from the present state of the file.
///
/// ```abnf
/// If-Range = entity-tag / HTTP-date
/// ```
///
/// (RFC 9110 §13.1.5.) Parts of two states must never be combined. So in any case of doubt the
/// result is false.
pub(super) fn if_range_allows<'r>(
    lines: impl Iterator<Item = (&'r [u8], &'r [u8])>,
    validators: &Validators<'_>,
) -> bool {
    let mut values = values(lines, Condition::Range);
    let Some(value) = values.next() else { return true };
    if values.next().is_some() {
        return false;
    }
    // Every tag has a quote among its first three characters, and no date has.
    if value.iter().take(3).any(|&byte| byte == b'"') {
        return validators.entity_tag.is_some_and(|tag| tag.is(value, Comparison::Strong));
    }
    validators.date_is_strong
        && validators.last_modified.is_some()
        && parse_http_date(value) == validators.last_modified
}

fn values<'r>(
    lines: impl Iterator<Item = (&'r [u8], &'r [u8])>,
    wanted: Condition,
) -> impl Iterator<Item = &'r [u8]> {
    lines.filter(move |line| Condition::named(line.0) == Some(wanted)).map(|line| line.1)
}

/// The fields that make a request conditional. All their names begin with `If-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Match,
    NoneMatch,
    ModifiedSince,
    UnmodifiedSince,
    Range,
}

impl Condition {
    /// Finds the condition with this name. The first letters rule out most names.
    fn named(name: &[u8]) -> Option<Self> {
        let [b'i' | b'I', b'f' | b'F', b'-', rest @ ..] = name else { return None };
        let is = |expected: &str| rest.eq_ignore_ascii_case(expected.as_bytes());
        Some(match rest.len() {
            5 if is("Match") => Self::Match,
            10 if is("None-Match") => Self::NoneMatch,
            14 if is("Modified-Since") => Self::ModifiedSince,
            16 if is("Unmodified-Since") => Self::UnmodifiedSince,
            5 if is("Range") => Self::Range,
            _ => return None,
        })
    }
}

/// The conditions of one request.
#[derive(Debug, Default)]
struct RequestConditions<'r> {
    any_match: FieldValue<'r>,
    none_match: FieldValue<'r>,
    modified_since: FieldValue<'r>,
    unmodified_since: FieldValue<'r>,
}

impl<'r> RequestConditions<'r> {
    fn among(lines: impl Iterator<Item = (&'r [u8], &'r [u8])>) -> Option<Self> {
        let mut lines = lines.filter_map(|(name, value)| Some((Condition::named(name)?, value))).peekable();
        lines.peek()?;
        let mut found = Self::default();
        for (condition, value) in lines {
            match condition {
                Condition::Range => {}
                Condition::Match => found.any_match.add(value),
                Condition::NoneMatch => found.none_match.add(value),
                Condition::ModifiedSince => found.modified_since.add(value),
                Condition::UnmodifiedSince => found.unmodified_since.add(value),
            }
        }
        Some(found)
    }
}

/// The lines of one field.
#[derive(Debug, Default)]
enum FieldValue<'r> {
    #[default]
    None,
    One(&'r [u8]),
    Several,
}

impl<'r> FieldValue<'r> {
    fn add(&mut self, value: &'r [u8]) {
        *self = match self {
            Self::None => Self::One(value),
            Self::One(_) | Self::Several => Self::Several,
        };
    }

    /// Returns the date in seconds since 1970. An invalid date, or more than one, counts as absent
    /// (RFC 9110 §13.1.3, §13.1.4).
    fn date(&self) -> Option<i64> {
        match self {
            Self::One(value) => parse_http_date(value),
            Self::None | Self::Several => None,
        }
    }
}

#[cfg(test)]
mod tests;
