//! The `Range` field: the parts that a simpler reader finds, all of them within the file.

use std::ops::Range;

use super::cut::split;
use crate::files::range::{Wanted, parse};

/// Positions, of which no number that fits is too large for a sum.
type Parts = Vec<Range<u128>>;

/// The first byte says how long the file is; each line of the rest is one of the field.
pub fn range(input: &[u8]) {
    let (kind, rest) = split(input);
    let length = match kind {
        0..=63 => u64::from(kind),
        64..=127 => 1 << (kind - 64),
        128..=191 => u64::MAX - u64::from(kind - 128),
        _ => 10_000,
    };
    let lines: Vec<&[u8]> = rest.split(|&byte| byte == b'\n').collect();
    // Without a byte there is no line.
    let lines = if rest.is_empty() { &[][..] } else { &lines };
    let wanted = parse(lines.iter().copied(), length);
    if let Wanted::Parts(parts) = &wanted {
        assert!(!parts.is_empty());
        assert!(parts.iter().all(|part| part.start < part.end && part.end <= length), "{parts:?}");
        let mut sorted = parts.clone();
        sorted.sort_by_key(|part| part.start);
        assert!(sorted.windows(2).all(|two| two[0].end <= two[1].start), "two overlap: {parts:?}");
    }
    assert_eq!(wanted, simple(lines, length), "of {length}");
}

/// What is wanted, found in the simplest way.
fn simple(lines: &[&[u8]], length: u64) -> Wanted {
    if length == 0 {
        return Wanted::Whole;
    }
    let length = u128::from(length);
    let [line] = lines else { return Wanted::Whole };
    let text = std::str::from_utf8(line).ok();
    let Some(asked) = text.and_then(|text| asked(text, length)) else { return Wanted::Whole };
    let mut parts = asked.clone();
    while let Some((one, other)) = close(&parts) {
        let other = parts.remove(other);
        parts[one] = parts[one].start.min(other.start)..parts[one].end.max(other.end);
    }
    if parts.len() < asked.len() {
        parts.sort_by_key(|part| part.start);
    }
    let together: u128 = parts.iter().map(|part| part.end - part.start).sum();
    match asked.len() {
        0 => Wanted::Unsatisfiable,
        2.. if together >= length => Wanted::Whole,
        _ => {
            let narrow = |at| u64::try_from(at).expect("no part reaches beyond the file");
            Wanted::Parts(parts.into_iter().map(|part| narrow(part.start)..narrow(part.end)).collect())
        }
    }
}

/// The parts as they were asked for, those without a byte left out; `None` if the field is to be
/// ignored.
fn asked(text: &str, length: u128) -> Option<Parts> {
    let (unit, set) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") || set.starts_with(BLANKS) {
        return None;
    }
    let elements: Vec<&str> = set.split(',').map(|element| element.trim_matches(BLANKS)).collect();
    if elements.len() > 64 || elements.iter().all(|element| element.is_empty()) {
        return None;
    }
    let mut parts = Vec::new();
    for element in elements.into_iter().filter(|element| !element.is_empty()) {
        let (first, last) = element.split_once('-')?;
        if element == "-" || !first.chars().chain(last.chars()).all(|c| c.is_ascii_digit()) {
            return None;
        }
        let part = if first.is_empty() {
            length - number(last).min(length)..length
        } else if last.is_empty() {
            number(first)..length
        } else {
            let width = first.len().max(last.len());
            if format!("{first:0>width$}") > format!("{last:0>width$}") {
                return None;
            }
            number(first)..number(last).saturating_add(1).min(length)
        };
        if !part.is_empty() {
            parts.push(part);
        }
    }
    Some(parts)
}

const BLANKS: [char; 2] = [' ', '\t'];

/// Of digits; the largest there is if they are too many.
fn number(digits: &str) -> u128 {
    digits.parse().unwrap_or(u128::MAX)
}

/// Two parts that overlap or have less than 100 bytes between them.
fn close(parts: &[Range<u128>]) -> Option<(usize, usize)> {
    let pairs = (0..parts.len()).flat_map(|other| (0..other).map(move |one| (one, other)));
    pairs.into_iter().find(|&(one, other)| {
        parts[one].start < parts[other].end + 100 && parts[other].start < parts[one].end + 100
    })
}
