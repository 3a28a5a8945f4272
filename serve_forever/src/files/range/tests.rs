//! Which fields ask for which parts.

use proptest::prelude::*;

use super::Wanted::{Unsatisfiable, Whole};
use super::*;

const LENGTH: u64 = 10_000;

fn wanted(value: &str, length: u64) -> Wanted {
    parse([value.as_bytes()].into_iter(), length)
}

fn parts<const N: usize>(parts: [(u64, u64); N]) -> Wanted {
    Wanted::Parts(parts.into_iter().map(|(start, end)| start..end).collect())
}

#[test]
fn rule_110_a_range_is_closed_open_or_a_suffix() {
    for (value, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=0-499", 0, 500),
        ("bytes=500-999", 500, 1000),
        ("bytes=9500-", 9500, 10_000),
        ("bytes=-500", 9500, 10_000),
        ("bytes=9999-", 9999, 10_000),
        ("bytes=-1", 9999, 10_000),
        ("bytes=0-", 0, 10_000),
        ("bytes=0-9999", 0, 10_000),
        ("bytes=-10000", 0, 10_000),
        // These reach beyond the end.
        ("bytes=9000-10000", 9000, 10_000),
        ("bytes=-10001", 0, 10_000),
        // These are other spellings.
        ("BYTES=1-2", 1, 3),
        ("bytes=0001-00002", 1, 3),
        ("bytes=1-2,", 1, 3),
        ("bytes=, ,\t,1-2 , ", 1, 3),
    ] {
        assert_eq!(wanted(value, LENGTH), parts([(start, end)]), "{value}");
    }
}

#[test]
fn rule_111_what_is_not_valid_is_ignored() {
    for value in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=, ,",
        "bytes=-",
        "bytes=5-3",
        "bytes=1",
        "bytes=a-b",
        "bytes=1-b",
        "bytes=--1",
        "bytes=1--2",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=-+1",
        "bytes=1 -2",
        "bytes=1- 2",
        "bytes= 1-2",
        "bytes =1-2",
        " bytes=1-2",
        "bytes:1-2",
        "bytes 1-2",
        "bytes=0x1-2",
        "bytes=1.0-2",
        "bytes=1-2;3-4",
        "bytes=0-1,5-3",
        "bytes=5-3,0-1",
        "bytes=0-1,x",
        "bytes=\u{661}-2",
        "bytes=1-2,bytes=3-4",
        "\u{e9}ytes=1-2",
        "bytes=20000-10000",
        "bytes=0-1\0",
    ] {
        assert_eq!(wanted(value, LENGTH), Whole, "{value:?}");
    }
}

#[test]
fn rule_109_other_units_are_ignored() {
    for value in ["items=0-1", "byte=0-1", "bytess=0-1", "x-bytes=0-1", "=0-1", "none", "seconds=1-2"] {
        assert_eq!(wanted(value, LENGTH), Whole, "{value}");
    }
}

#[test]
fn there_is_one_line_or_none() {
    assert_eq!(parse([].into_iter(), LENGTH), Whole);
    let line = &b"bytes=0-1"[..];
    assert_eq!(parse([line, line].into_iter(), LENGTH), Whole);
}

#[test]
fn rule_111_huge_numbers_do_not_overflow() {
    let max = u64::MAX;
    let huge = "99999999999999999999999999";
    let huger = "100000000000000000000000000";
    for (value, expected) in [
        (format!("bytes=0-{max}"), parts([(0, LENGTH)])),
        (format!("bytes=0-{huge}"), parts([(0, LENGTH)])),
        (format!("bytes=-{max}"), parts([(0, LENGTH)])),
        (format!("bytes=-{huge}"), parts([(0, LENGTH)])),
        (format!("bytes={max}-"), Unsatisfiable),
        (format!("bytes={huge}-"), Unsatisfiable),
        (format!("bytes={huge}-{huger}"), Unsatisfiable),
        (format!("bytes={huge}-{huge}"), Unsatisfiable),
        (format!("bytes=000{huge}-{huge}"), Unsatisfiable),
        (format!("bytes={huger}-{huge}"), Whole),
        (format!("bytes={huge}-1"), Whole),
    ] {
        assert_eq!(wanted(&value, LENGTH), expected, "{value}");
    }
    assert_eq!(wanted(&format!("bytes={}-{max}", max - 1), max), parts([(max - 1, max)]));
    assert_eq!(wanted(&format!("bytes={max}-{max}"), max), Unsatisfiable);
    assert_eq!(wanted("bytes=0-0,-1", max), parts([(0, 1), (max - 1, max)]));
    assert_eq!(wanted("bytes=-1,-2", max), parts([(max - 2, max)]));
}

#[test]
fn rule_112_what_the_file_does_not_have_is_unsatisfiable() {
    for value in [
        "bytes=10000-",
        "bytes=10000-10001",
        "bytes=-0",
        "bytes=-000",
        "bytes=-0,10000-",
        "bytes=20000-,30000-",
    ] {
        assert_eq!(wanted(value, LENGTH), Unsatisfiable, "{value}");
    }
}

#[test]
fn rule_118_every_range_of_an_empty_file_is_ignored() {
    for value in
        ["bytes=0-", "bytes=0-0", "bytes=-0", "bytes=0-1,5-", "bytes=-1", "bytes=0-1,-5", "bytes=1-0"]
    {
        assert_eq!(wanted(value, 0), Whole, "{value}");
    }
}

#[test]
fn rule_113_several_ranges_keep_their_order() {
    assert_eq!(wanted("bytes=0-0,-1", LENGTH), parts([(0, 1), (9999, 10_000)]));
    assert_eq!(
        wanted("bytes=5000-5009, 0-9 ,2000-2009", LENGTH),
        parts([(5000, 5010), (0, 10), (2000, 2010)])
    );
}

#[test]
fn what_cannot_be_satisfied_is_dropped_beside_what_can() {
    assert_eq!(wanted("bytes=10000-,5-9", LENGTH), parts([(5, 10)]));
    assert_eq!(wanted("bytes=-0,500-509,-0,1-2,-0", LENGTH), parts([(500, 510), (1, 3)]));
    assert_eq!(wanted("bytes=0-0,20000-,-1", LENGTH), parts([(0, 1), (9999, 10_000)]));
    // Only one of the ranges is in the file, so the result is a single part.
    assert_eq!(wanted("bytes=0-,20000-", LENGTH), parts([(0, 10_000)]));
}

#[test]
fn rule_114_ranges_that_overlap_or_nearly_touch_become_one() {
    for (value, expected) in [
        ("bytes=0-10,5-20", parts([(0, 21)])),
        ("bytes=5-20,0-10", parts([(0, 21)])),
        ("bytes=0-100,20-30", parts([(0, 101)])),
        ("bytes=7-7,7-7,7-7", parts([(7, 8)])),
        ("bytes=0-9,10-19", parts([(0, 20)])),
        ("bytes=0-9,109-119", parts([(0, 120)])),
        ("bytes=0-9,110-119", parts([(0, 10), (110, 120)])),
        ("bytes=110-119,0-9", parts([(110, 120), (0, 10)])),
        // If some parts are merged, all parts are in the order of the file.
        ("bytes=5000-5009,2000-2009,0-9,5-14", parts([(0, 15), (2000, 2010), (5000, 5010)])),
    ] {
        assert_eq!(wanted(value, LENGTH), expected, "{value}");
    }
}

#[test]
fn rule_114_several_that_are_all_of_the_file_are_ignored() {
    for value in [
        "bytes=0-,0-,0-",
        "bytes=0-4999,5000-",
        "bytes=5000-,0-4999",
        "bytes=0-4950,5000-",
        "bytes=-10000,0-1",
    ] {
        assert_eq!(wanted(value, LENGTH), Whole, "{value}");
    }
    assert_eq!(wanted("bytes=0-1,2-2", 3), Whole);
}

#[test]
fn rule_114_more_ranges_than_anybody_needs_are_ignored() {
    let many = |count: u64| {
        let ranges: Vec<_> = (0..count).map(|index| format!("{0}-{0}", index * 1000)).collect();
        wanted(&format!("bytes={}", ranges.join(",")), 1_000_000)
    };
    assert!(matches!(many(64), Wanted::Parts(parts) if parts.len() == 64));
    assert_eq!(many(65), Whole);
    assert_eq!(wanted(&format!("bytes={}1-2", ",".repeat(63)), LENGTH), parts([(1, 3)]));
    assert_eq!(wanted(&format!("bytes={}1-2", ",".repeat(64)), LENGTH), Whole);
}

/// A range as it is written, and the positions of the bytes that it means.
fn spec(length: u64) -> impl Strategy<Value = (String, Vec<u64>)> {
    let positions = move |from: u64, to: u64| (from..to.min(length)).collect::<Vec<_>>();
    prop_oneof![
        (0..length * 2, 0..length).prop_map(move |(first, more)| (
            format!("{first}-{}", first + more),
            positions(first, first + more + 1)
        )),
        (0..length * 2).prop_map(move |first| (format!("{first}-"), positions(first, length))),
        (0..length * 2)
            .prop_map(move |count| (format!("-{count}"), positions(length.saturating_sub(count), length))),
    ]
}

proptest! {
    #[test]
    fn parts_have_what_was_asked_for(specs in prop::collection::vec(spec(2000), 1..8)) {
        let length = 2000;
        let value: Vec<&str> = specs.iter().map(|(text, _)| text.as_str()).collect();
        let asked: Vec<u64> = specs.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        match wanted(&format!("bytes={}", value.join(", ")), length) {
            Unsatisfiable => prop_assert!(asked.is_empty()),
            Whole => prop_assert!(specs.len() > 1 && asked.len() as u64 + GAP * 8 >= length),
            Wanted::Parts(parts) => {
                let mut got: Vec<u64> = parts.iter().cloned().flatten().collect();
                for byte in &asked {
                    prop_assert!(got.contains(byte), "{byte} is missing in {parts:?}");
                }
                prop_assert!(parts.iter().all(|part| !part.is_empty() && part.end <= length));
                // No byte is sent twice, and only few that were not asked for.
                let total = got.len();
                got.sort_unstable();
                got.dedup();
                prop_assert_eq!(total, got.len());
                let extra = got.iter().filter(|byte| !asked.contains(byte)).count() as u64;
                prop_assert!(extra < GAP * specs.len() as u64);
            }
        }
    }

    #[test]
    fn any_bytes_are_read(value: Vec<u8>, text in "bytes=[-0-9, ]{0,60}", length: u64) {
        parse([value.as_slice()].into_iter(), length);
        prop_assert_eq!(parse([text.as_bytes()].into_iter(), 0), Whole);
        if let Wanted::Parts(mut parts) = parse([text.as_bytes()].into_iter(), length) {
            prop_assert!(!parts.is_empty() && parts.len() <= MOST_RANGES);
            prop_assert!(parts.iter().all(|part| !part.is_empty() && part.end <= length));
            parts.sort_unstable_by_key(|part| part.start);
            prop_assert!(parts.windows(2).all(|pair| pair[0].end + GAP <= pair[1].start));
        }
    }
}
