//! The parts of a file that a request asks for (RFC 9110 §14).

use std::ops::Range;

use crate::http::message::fields::trim_blanks;

/// Which parts of a file a request wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The whole file: 200. There is no `Range`, or it is to be ignored.
    Whole,
    /// No part of the file: 416. Never for an empty file.
    Unsatisfiable,
    /// At least one part: 206. No part is empty or reaches beyond the end, and no two overlap.
    Parts(Vec<Range<u64>>),
}

/// Parses the lines of the `Range` field of a `GET` for a file of `length` bytes.
///
/// ```abnf
/// Range            = ranges-specifier
/// ranges-specifier = range-unit "=" range-set
/// range-unit       = token
/// range-set        = 1#range-spec
/// ```
///
/// (RFC 9110 §14.1.1, §14.2.) A field that is not valid, or that has a unit other than bytes, is
/// ignored, as the RFC requires.
///
/// The parts keep the order of the request, unless some [are so close](GAP) that they become one.
/// Then all parts are in the order of the file. Many small or overlapping parts would cost the
/// server more than the whole file, and a client may ask for them on purpose (RFC 9110 §17.15). So
/// a field with more than [`MOST_RANGES`] ranges is ignored, and so are several ranges that
/// together cover the whole file.
///
/// Every range of an empty file is ignored. Some clients and proxies send a range with each request
/// to bound the size of the response, such as `bytes=0-1048575`. They expect 200 here, as nginx,
/// Apache and Go send it, and would take 416 for a failure.
pub(crate) fn parse<'a>(mut lines: impl Iterator<Item = &'a [u8]>, length: u64) -> Wanted {
    if length == 0 {
        return Wanted::Whole;
    }
    let (Some(value), None) = (lines.next(), lines.next()) else { return Wanted::Whole };
    let Some(mut parts) = range_set(value).and_then(|set| satisfiable(set, length)) else {
        return Wanted::Whole;
    };
    match parts.len() {
        0 => return Wanted::Unsatisfiable,
        1 => return Wanted::Parts(parts),
        _ => {}
    }
    coalesce(&mut parts);
    let together: u64 = parts.iter().map(|part| part.end - part.start).sum();
    if together < length { Wanted::Parts(parts) } else { Wanted::Whole }
}

/// The most ranges that one field may have. A reader that jumps through a document asks for some
/// dozens.
const MOST_RANGES: usize = 64;

/// If two parts are separated by fewer bytes than this, these bytes are sent too: the head of
/// another part would be about as long.
const GAP: u64 = 100;

/// Returns the value without the unit if the unit is bytes. The names of units are case-insensitive
/// (RFC 9110 §14.1).
fn range_set(value: &[u8]) -> Option<&[u8]> {
    let (unit, set) = value.split_at_checked(UNIT.len())?;
    unit.eq_ignore_ascii_case(UNIT).then_some(set)
}

const UNIT: &[u8] = b"bytes=";

/// Returns the parts of the file that the set names, in the order of the set. Returns `None` if the
/// set is not valid.
///
/// ```abnf
/// 1#element => *( "," OWS ) element *( OWS "," [ OWS element ] )
/// ```
///
/// (RFC 9110 §5.6.1.) Empty elements count towards [`MOST_RANGES`], so their number is bounded.
fn satisfiable(set: &[u8], length: u64) -> Option<Vec<Range<u64>>> {
    let mut parts = Vec::new();
    let mut is_empty = true;
    if matches!(set.first(), Some(b' ' | b'\t')) {
        return None;
    }
    for (index, element) in set.split(|&byte| byte == b',').map(trim_blanks).enumerate() {
        if index >= MOST_RANGES {
            return None;
        }
        if !element.is_empty() {
            is_empty = false;
            parts.extend(range_spec(element)?.of(length));
        }
    }
    (!is_empty).then_some(parts)
}

/// One element of a set. Numbers beyond 64 bits become `u64::MAX`: no file is that long.
#[derive(Clone, Copy, Debug)]
enum RangeSpec {
    /// The first and the last position, both included.
    Closed(u64, u64),
    Open(u64),
    /// The number of bytes at the end.
    Suffix(u64),
}

/// ```abnf
/// range-spec    = int-range / suffix-range / other-range
/// int-range     = first-pos "-" [ last-pos ]
/// first-pos     = 1*DIGIT
/// last-pos      = 1*DIGIT
/// suffix-range  = "-" suffix-length
/// suffix-length = 1*DIGIT
/// ```
///
/// (RFC 9110 §14.1.1.) An int-range whose last position is before its first is not valid. For bytes
/// there is no other-range.
fn range_spec(element: &[u8]) -> Option<RangeSpec> {
    let hyphen = element.iter().position(|&byte| byte == b'-')?;
    let (before, after) = (element.get(..hyphen)?, element.get(hyphen + 1..)?);
    match (before, after) {
        ([], _) => Some(RangeSpec::Suffix(number(after)?)),
        (_, []) => Some(RangeSpec::Open(number(before)?)),
        _ => {
            let (first, last) = (number(before)?, number(after)?);
            is_ordered(before, after).then_some(RangeSpec::Closed(first, last))
        }
    }
}

impl RangeSpec {
    /// Returns the part of the range that a file of `length` bytes has.
    fn of(self, length: u64) -> Option<Range<u64>> {
        let part = match self {
            Self::Closed(first, last) => first..last.saturating_add(1).min(length),
            Self::Open(first) => first..length,
            Self::Suffix(count) => length.saturating_sub(count)..length,
        };
        (!part.is_empty()).then_some(part)
    }
}

/// Parses `1*DIGIT`.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        byte.is_ascii_digit().then(|| number.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
    })
}

/// Whether the last position is not before the first. This also works for numbers beyond 64 bits.
fn is_ordered(first: &[u8], last: &[u8]) -> bool {
    let (first, last) = (significant(first), significant(last));
    (first.len(), first) <= (last.len(), last)
}

/// Returns the digits without leading zeros.
fn significant(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

/// Merges parts that overlap or have less than [`GAP`] bytes between them (RFC 9110 §15.3.7.2
/// allows both).
fn coalesce(parts: &mut Vec<Range<u64>>) {
    let mut sorted = parts.clone();
    sorted.sort_unstable_by_key(|part| (part.start, part.end));
    let before = sorted.len();
    sorted.dedup_by(|next, kept| {
        let is_close = next.start < kept.end.saturating_add(GAP);
        if is_close {
            kept.end = kept.end.max(next.end);
        }
        is_close
    });
    if sorted.len() < before {
        *parts = sorted;
    }
}

#[cfg(test)]
mod tests;
