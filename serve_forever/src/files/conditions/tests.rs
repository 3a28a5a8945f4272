//! The conditions of a request, one at a time and combined.

use proptest::prelude::*;

use super::Verdict::{NotModified, PreconditionFailed, Proceed};
use super::*;
use crate::files::entity_tag::{EntityTags, FileState, make};

/// Sun, 06 Nov 1994 08:49:37 GMT
const MODIFIED: i64 = 784_111_777;
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

const FILE: FileState = FileState {
    device: 0,
    inode: 0,
    size: 10,
    content: None,
    is_dated: true,
    modified: (1, 0),
    changed: (1, 0),
    tells_changes: true,
};
/// The entity tags of `FILE`, settled and not settled.
const TAG: &str = "\"a-1\"";
const WEAK_TAG: &str = "W/\"a-1~\"";

fn bytes<'a>(lines: &[(&'a str, &'a str)]) -> Vec<(&'a [u8], &'a [u8])> {
    lines.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
}

/// Calls `judge` with the validators of a file that has both a tag and a date.
fn with_file<T>(settled: bool, judge: impl FnOnce(&Validators<'_>) -> T) -> T {
    let tag = make(EntityTags::SizeAndTime, &FILE, settled);
    assert_eq!(tag.as_ref().map(EntityTag::as_str), Some(if settled { TAG } else { WEAK_TAG }));
    judge(&Validators { entity_tag: tag.as_ref(), last_modified: Some(MODIFIED), date_is_strong: settled })
}

fn outcome(lines: &[(&str, &str)]) -> Verdict {
    with_file(true, |validators| evaluate(&bytes(lines).into_iter(), validators))
}

fn allows(lines: &[(&str, &str)]) -> bool {
    with_file(true, |validators| if_range_allows(bytes(lines).into_iter(), validators))
}

#[test]
fn without_conditions_a_request_proceeds() {
    assert_eq!(outcome(&[]), Proceed);
    assert_eq!(
        outcome(&[("Host", "a"), ("If", "x"), ("If-", "x"), ("If-Range", "\"x\""), ("If-Matches", "x")]),
        Proceed
    );
    assert_eq!(outcome(&[("If_None_Match", TAG), ("IIf-None-Match", TAG), ("If-None-Matc", TAG)]), Proceed);
}

/// Each field is absent, true or false. The order of RFC 9110 §13.2.2 decides which one counts.
#[test]
fn rule_99_the_conditions_are_judged_in_the_order_of_the_rfc() {
    let cases = |name: &'static str, holds: &'static str, fails: &'static str| {
        [None, Some((name, holds, true)), Some((name, fails, false))]
    };
    for if_match in cases("If-Match", TAG, "\"x\"") {
        for if_unmodified_since in cases("If-Unmodified-Since", DATE, BEFORE) {
            for if_none_match in cases("If-None-Match", "\"x\"", TAG) {
                for if_modified_since in cases("If-Modified-Since", BEFORE, DATE) {
                    let fields = [if_modified_since, if_none_match, if_unmodified_since, if_match];
                    let lines: Vec<_> = fields.iter().flatten().map(|field| (field.0, field.1)).collect();
                    let holds = |first: Option<(_, _, bool)>, second: Option<(_, _, bool)>| {
                        first.or(second).is_none_or(|(_, _, holds): (&str, &str, bool)| holds)
                    };
                    let expected = if !holds(if_match, if_unmodified_since) {
                        PreconditionFailed
                    } else if !holds(if_none_match, if_modified_since) {
                        NotModified
                    } else {
                        Proceed
                    };
                    assert_eq!(outcome(&lines), expected, "{lines:?}");
                }
            }
        }
    }
}

#[test]
fn rule_101_if_none_match_compares_weakly() {
    for value in [TAG, "W/\"a-1\"", "*", "\"x\", W/\"a-1\"", ",\"x\",,\"a-1\","] {
        assert_eq!(outcome(&[("If-None-Match", value)]), NotModified, "{value}");
    }
    assert_eq!(outcome(&[("if-none-MATCH", "\"x\""), ("IF-NONE-match", TAG)]), NotModified);
    let unsettled =
        with_file(false, |file| evaluate(&bytes(&[("If-None-Match", WEAK_TAG)]).into_iter(), file));
    assert_eq!(unsettled, NotModified);
}

#[test]
fn rule_102_if_match_compares_strongly() {
    for value in [TAG, "*", "\"x\", \"a-1\""] {
        assert_eq!(outcome(&[("If-Match", value)]), Proceed, "{value}");
    }
    for value in ["W/\"a-1\"", "\"x\"", "", "a-1"] {
        assert_eq!(outcome(&[("If-Match", value)]), PreconditionFailed, "{value}");
    }
    let unsettled = with_file(false, |file| evaluate(&bytes(&[("If-Match", WEAK_TAG)]).into_iter(), file));
    assert_eq!(unsettled, PreconditionFailed);
}

#[test]
fn rule_103_the_same_second_or_a_later_one_means_unmodified() {
    let asctime = "Sun Nov  6 08:49:37 1994";
    for value in [DATE, AFTER, "Sunday, 06-Nov-94 08:49:37 GMT", asctime] {
        assert_eq!(outcome(&[("If-Modified-Since", value)]), NotModified, "{value}");
    }
    assert_eq!(outcome(&[("If-Modified-Since", BEFORE)]), Proceed);
}

#[test]
fn rule_104_only_what_was_changed_later_is_modified() {
    for value in [DATE, AFTER] {
        assert_eq!(outcome(&[("If-Unmodified-Since", value)]), Proceed, "{value}");
    }
    assert_eq!(outcome(&[("If-Unmodified-Since", BEFORE)]), PreconditionFailed);
}

#[test]
fn rule_94_what_is_not_one_date_is_ignored() {
    let wrong = ["", "yesterday", "784111777", "Sun, 06 Nov 1994 08:49:37 CET", "\"a-1\"", "*"];
    let lists = [format!("{DATE}, {DATE}"), format!("{DATE}, "), format!("{BEFORE} {BEFORE}")];
    for value in wrong.into_iter().chain(lists.iter().map(String::as_str)) {
        for name in ["If-Modified-Since", "If-Unmodified-Since"] {
            assert_eq!(outcome(&[(name, value)]), Proceed, "{name}: {value}");
        }
    }
    for (name, date) in [("If-Modified-Since", DATE), ("If-Unmodified-Since", BEFORE)] {
        assert_ne!(outcome(&[(name, date)]), Proceed);
        for second in [date, ""] {
            assert_eq!(outcome(&[(name, date), (name, second)]), Proceed, "{name}");
        }
    }
}

#[test]
fn rule_108_a_list_without_tags_matches_nothing_but_still_goes_before_a_date() {
    for value in ["", "a-1", "\"a-1", ","] {
        assert_eq!(outcome(&[("If-None-Match", value), ("If-Modified-Since", DATE)]), Proceed, "{value}");
        assert_eq!(outcome(&[("If-Match", value), ("If-Unmodified-Since", DATE)]), PreconditionFailed);
    }
}

#[test]
fn a_file_without_tag_or_date_has_none_that_match() {
    let nothing = Validators::default();
    let judge = |name, value| evaluate(&bytes(&[(name, value)]).into_iter(), &nothing);
    assert_eq!(judge("If-Match", TAG), PreconditionFailed);
    assert_eq!(judge("If-Match", "*"), Proceed);
    assert_eq!(judge("If-None-Match", TAG), Proceed);
    assert_eq!(judge("If-None-Match", "*"), NotModified);
    assert_eq!(judge("If-Modified-Since", AFTER), Proceed);
    assert_eq!(judge("If-Unmodified-Since", BEFORE), Proceed);
    for value in [TAG, DATE, "*", "Thu, 01 Jan 1970 00:00:00 GMT"] {
        assert!(!if_range_allows(bytes(&[("If-Range", value)]).into_iter(), &nothing), "{value}");
    }
}

#[test]
fn a_file_from_1970_can_be_unmodified() {
    let file = Validators { last_modified: Some(0), ..Validators::default() };
    let lines = [("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")];
    assert_eq!(evaluate(&bytes(&lines).into_iter(), &file), NotModified);
}

#[test]
fn rule_115_if_range_wants_exactly_what_is_there() {
    assert!(allows(&[]));
    assert!(allows(&[("If-Match", "\"x\""), ("Range", "bytes=0-")]));
    for value in [TAG, DATE, "Sunday, 06-Nov-94 08:49:37 GMT"] {
        assert!(allows(&[("If-Range", value)]), "{value}");
        assert!(allows(&[("if-RANGE", value)]), "{value}");
        assert!(!allows(&[("If-Range", value), ("If-Range", value)]), "{value}");
    }
    for value in ["", "W/\"a-1\"", "\"x\"", "*", "a-1", "\"a-1", "\"a-1\", \"x\"", "yesterday", BEFORE, AFTER]
    {
        assert!(!allows(&[("If-Range", value)]), "{value}");
    }
}

#[test]
fn rule_115_nothing_weak_allows_a_part() {
    for value in [WEAK_TAG, "\"a-1~\"", TAG, DATE] {
        let allowed =
            with_file(false, |file| if_range_allows(bytes(&[("If-Range", value)]).into_iter(), file));
        assert!(!allowed, "{value}");
    }
}

proptest! {
    #[test]
    fn a_list_says_the_same_in_one_line_and_in_several(
        name in prop::sample::select(vec!["If-Match", "If-None-Match"]),
        members in prop::collection::vec(prop::sample::select(vec![TAG, WEAK_TAG, "\"x\"", "x", ""]), 2..5),
        settled: bool,
    ) {
        let together = members.join(", ");
        let several: Vec<_> = members.iter().map(|member| (name, *member)).collect();
        with_file(settled, |file| {
            let judge = |lines: &[(&str, &str)]| evaluate(&bytes(lines).into_iter(), file);
            prop_assert_eq!(judge(&[(name, &together)]), judge(&several));
            Ok(())
        })?;
    }
}

proptest! {
    #[test]
    fn any_bytes_are_judged(
        lines in prop::collection::vec((
            prop::sample::select(vec![
                "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Host",
            ]),
            any::<Vec<u8>>(),
        ), 0..8),
    ) {
        let lines = lines.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
        with_file(true, |file| {
            evaluate(&lines, file);
            if_range_allows(lines, file);
        });
    }
}
