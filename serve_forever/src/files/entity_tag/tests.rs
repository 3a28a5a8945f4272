//! How tags are made, and what they match.

use proptest::prelude::*;

use super::Comparison::{Strong, Weak};
use super::*;

/// Sun, 06 Nov 1994 08:49:37 GMT
const TIME: i64 = 784_111_777;

const FILE: FileState = FileState {
    device: 1,
    inode: 2,
    size: 5,
    content: None,
    is_dated: true,
    modified: (TIME, 1),
    changed: (TIME + 1, 2),
    tells_changes: true,
};

fn tag(text: &str) -> EntityTag {
    EntityTag(text.to_owned())
}

fn lists(lines: &[&[u8]], text: &str, comparison: Comparison) -> bool {
    is_listed(lines.iter().copied(), Some(&tag(text)), comparison)
}

fn made(recipe: EntityTags, file: &FileState) -> String {
    make(recipe, file, true).unwrap().as_str().to_owned()
}

fn state() -> impl Strategy<Value = FileState> {
    let time = || (any::<i64>(), 0_u32..1_000_000_000);
    (any::<u64>(), any::<u64>(), any::<u64>(), time(), time()).prop_map(
        |(device, inode, size, modified, changed)| FileState {
            device,
            inode,
            size,
            modified,
            changed,
            ..FILE
        },
    )
}

/// Returns states that differ from `file` in one number.
fn neighbours(file: FileState) -> [FileState; 7] {
    let other = |time: FileTime| [(time.0 ^ 1, time.1), (time.0, time.1 ^ 1)];
    let ([later, finer], [changed_later, changed_finer]) = (other(file.modified), other(file.changed));
    [
        FileState { device: file.device ^ 1, ..file },
        FileState { inode: file.inode ^ 1, ..file },
        FileState { size: file.size ^ 1, ..file },
        FileState { modified: later, ..file },
        FileState { modified: finer, ..file },
        FileState { changed: changed_later, ..file },
        FileState { changed: changed_finer, ..file },
    ]
}

#[test]
fn the_tag_of_a_state_stays_what_it_was() {
    // If an update of the server changed these tags, clients would fetch everything again that they
    // have cached.
    assert_eq!(made(EntityTags::Identity, &FILE), "\"5-355760fadce4fc0a\"");
    assert_eq!(made(EntityTags::SizeAndTime, &FILE), "\"5-2ebc98a1\"");
    assert_eq!(make(EntityTags::Off, &FILE, true), None);
}

#[test]
fn the_tag_of_what_is_read_is_that_of_its_content_wherever_it_is() {
    let read = FileState { content: Some(0x1234), ..FILE };
    assert_eq!(made(EntityTags::Identity, &read), "\"5-0000000000001234\"");
    let copy = FileState { device: 7, inode: 8, modified: (1, 2), changed: (3, 4), ..read };
    assert_eq!(made(EntityTags::Identity, &copy), "\"5-0000000000001234\"");
    assert_eq!(made(EntityTags::SizeAndTime, &read), "\"5-2ebc98a1\"");
    for other in [FileState { size: 6, ..read }, FileState { content: Some(0x1235), ..read }] {
        assert_ne!(made(EntityTags::Identity, &other), made(EntityTags::Identity, &read));
    }
}

#[test]
fn what_has_no_time_has_no_tag_that_is_made_from_it() {
    let undated = FileState { is_dated: false, modified: (1, 0), ..FILE };
    assert_eq!(make(EntityTags::SizeAndTime, &undated, true), None);
    assert!(make(EntityTags::Identity, &undated, true).is_some());
}

/// While one write call runs, the file has the time at which the call began.
#[test]
fn a_file_is_settled_when_no_call_can_be_at_work_on_it() {
    let gib = 1 << 30;
    for (size, seconds) in [(0, 2), (100_000, 3), (gib, 66), (4 * gib, 258), (u64::MAX, 258)] {
        let at = (TIME, 5);
        for content in [None, Some(1)] {
            let file = FileState { size, content, modified: at, changed: at, ..FILE };
            let settled = |recipe, after| is_settled(recipe, (TIME + after, 5), &file);
            for recipe in [EntityTags::Identity, EntityTags::SizeAndTime, EntityTags::Off] {
                let by_content = content.is_some() && recipe != EntityTags::SizeAndTime;
                assert_eq!(settled(recipe, seconds - 1), by_content, "{recipe:?} {size}");
                assert!(settled(recipe, seconds), "{recipe:?} {size}");
            }
            // The date depends on the later of both times, because the other one may have been set
            // back.
            for (modified, changed) in [(at, at), (at, (1, 0)), ((1, 0), at)] {
                let file = FileState { modified, changed, ..file };
                assert!(!is_date_settled((TIME + seconds - 1, 5), &file), "{size}");
                assert!(is_date_settled((TIME + seconds, 5), &file), "{size}");
            }
        }
    }
    let to_come = FileState { modified: (TIME + 9, 0), ..FILE };
    assert!(!is_date_settled((TIME + 8, 0), &to_come));
}

#[test]
fn size_and_time_say_nothing_of_the_machine() {
    let other = FileState { device: 8, inode: 9, modified: (TIME, 500), changed: (TIME + 77, 0), ..FILE };
    assert_eq!(made(EntityTags::SizeAndTime, &other), made(EntityTags::SizeAndTime, &FILE));
    for other in [FileState { size: 6, ..FILE }, FileState { modified: (TIME + 1, 1), ..FILE }] {
        assert_ne!(made(EntityTags::SizeAndTime, &other), made(EntityTags::SizeAndTime, &FILE));
    }
}

#[test]
fn a_file_that_may_still_change_has_a_weak_tag_that_it_does_not_keep() {
    for recipe in [EntityTags::Identity, EntityTags::SizeAndTime] {
        let now = make(recipe, &FILE, false).unwrap();
        let later = make(recipe, &FILE, true).unwrap();
        assert!(now.is_weak() && !later.is_weak());
        assert!(now.as_str().starts_with("W/\""), "{now:?}");
        for comparison in [Strong, Weak] {
            assert!(!is_listed([now.as_str().as_bytes()].into_iter(), Some(&later), comparison));
        }
        assert!(is_listed([now.as_str().as_bytes()].into_iter(), Some(&now), Weak));
    }
}

#[test]
fn a_file_is_settled_when_its_clock_has_ticked() {
    let settled = |recipe, now, modified, changed| {
        is_settled(recipe, now, &FileState { content: Some(1), modified, changed, ..FILE })
    };
    let fine = (TIME, 900_000_000);
    let whole = (TIME, 0);
    for (now, modified, changed, expected) in [
        ((TIME + 1, 0), fine, fine, true),
        ((TIME, 999_999_999), fine, fine, false),
        (fine, fine, fine, false),
        // Both times count.
        ((TIME + 1, 0), (TIME - 9, 5), fine, true),
        ((TIME, 999_999_999), (TIME - 9, 5), fine, false),
        ((TIME, 999_999_999), fine, (TIME - 9, 5), false),
        // The clock of the file system has whole seconds.
        ((TIME + 2, 0), whole, whole, true),
        ((TIME + 1, 999_999_999), whole, whole, false),
        ((TIME + 1, 999_999_999), (TIME - 1, 0), fine, true),
        // Times in the future, and the extreme values.
        ((TIME - 1, 0), fine, fine, false),
        ((TIME, 0), (TIME + 1000, 0), fine, false),
        ((i64::MIN, 0), (i64::MAX, 999_999_999), fine, false),
        ((i64::MAX, 0), (i64::MIN, 0), (i64::MIN, 1), true),
    ] {
        let told = settled(EntityTags::Identity, now, modified, changed);
        assert_eq!(told, expected, "{now:?} {modified:?} {changed:?}");
    }
    // A modification time in the future only counts for a tag that is made from it, and if a change
    // would not show in the change time.
    let to_come = FileState { modified: (TIME + 1000, 0), changed: fine, ..FILE };
    for content in [None, Some(1)] {
        let state = FileState { content, ..to_come };
        let now = (TIME + 9, 0);
        assert!(is_settled(EntityTags::Identity, now, &state));
        assert!(is_settled(EntityTags::Off, now, &state));
        assert!(!is_settled(EntityTags::SizeAndTime, now, &state));
        assert!(!is_settled(EntityTags::Identity, now, &FileState { tells_changes: false, ..state }));
        assert!(!is_settled(EntityTags::Identity, fine, &state));
    }
    // A tag that is made from whole seconds needs as much time as the clock of FAT, however fine
    // the file's own clock is.
    assert!(!settled(EntityTags::SizeAndTime, (TIME + 2, 0), fine, fine));
    assert!(settled(EntityTags::SizeAndTime, (TIME + 2, 900_001_000), fine, fine));
}

/// The examples in the table of RFC 9110 §8.8.3.2.
#[test]
fn the_comparisons_are_those_of_the_rfc() {
    for (one, other, strong, weak) in [
        ("W/\"1\"", "W/\"1\"", false, true),
        ("W/\"1\"", "W/\"2\"", false, false),
        ("W/\"1\"", "\"1\"", false, true),
        ("\"1\"", "W/\"1\"", false, true),
        ("\"1\"", "\"1\"", true, true),
    ] {
        for (comparison, expected) in [(Strong, strong), (Weak, weak)] {
            assert_eq!(lists(&[one.as_bytes()], other, comparison), expected, "{one} {other}");
            assert_eq!(tag(other).is(one.as_bytes(), comparison), expected, "{one} {other}");
        }
    }
}

#[test]
fn a_tag_is_found_wherever_it_stands() {
    let found: [&[&[u8]]; 12] = [
        &[b"\"a\""],
        &[b"\"x\", \"a\""],
        &[b"\"x\",\"a\",\"y\""],
        &[b"\"a\" \t,\"y\""],
        &[b"\"a\","],
        &[b",, ,\t, \"a\" , ,"],
        &[b"\"x\"", b"\"y\", \"a\""],
        &[b"", b"\"a\""],
        &[b"W/\"x\",W/\"y\",\"a\""],
        &[b"\"\", \"a\""],
        &[b"\"x,y\", \"a\""],
        &[b"\"\xff\\\", \"a\""],
    ];
    for lines in found {
        assert!(lists(lines, "\"a\"", Strong), "{lines:?}");
    }
    assert!(lists(&[b"\"x\", \"b,c\", \"y\""], "\"b,c\"", Strong));
    assert!(lists(&[b"\"\""], "\"\"", Strong));
}

#[test]
fn rule_108_what_is_no_tag_matches_none() {
    let wrong: [&[&[u8]]; 18] = [
        &[],
        &[b""],
        &[b","],
        &[b"a"],
        &[b"'a'"],
        &[b"\"a"],
        &[b"a\""],
        &[b"\"A\""],
        &[b"w/\"a\""],
        &[b"W\"a\""],
        &[b"W/ \"a\""],
        &[b"W/a"],
        &[b"\"a\"x"],
        &[b"\"a\" x"],
        &[b"\"a\"\"a\""],
        &[b"\"x,\"a\""],
        // The two halves of a tag in two lines.
        &[b"\"", b"a\""],
        &[b"\"a", b"\""],
    ];
    for lines in wrong {
        for comparison in [Strong, Weak] {
            assert!(!lists(lines, "\"a\"", comparison), "{lines:?}");
        }
    }
    assert!(!lists(&[b"\"a b\""], "\"a b\"", Strong));
    assert!(!lists(&[b"\"a\", b\""], "\"a\", b\"", Strong));
}

#[test]
fn rule_108_what_is_no_tag_leaves_its_neighbours_alone() {
    for lines in
        [&b"x, \"a\""[..], b"\"x y\", \"a\"", b"\"x\"y\", \"a\"", b"\"a\", W/", b"*, \"a\"", b"\"x, \"a\""]
    {
        assert!(lists(&[lines], "\"a\"", Strong), "{}", lines.escape_ascii());
    }
}

#[test]
fn an_asterisk_alone_matches_whatever_is_there() {
    let matches = |lines: &[&'static [u8]]| is_listed(lines.iter().copied(), None, Strong);
    assert!(matches(&[b"*"]));
    assert!(matches(&[b" *\t"]));
    let wrong: [&[&[u8]]; 8] =
        [&[], &[b""], &[b"*, *"], &[b"*", b"*"], &[b"\"x\"", b"*"], &[b"**"], &[b"\"*\""], &[b"*,"]];
    for lines in wrong {
        assert!(!matches(lines), "{lines:?}");
    }
}

#[test]
fn a_single_tag_has_nothing_beside_it() {
    assert!(tag("\"a\"").is(b"\"a\"", Strong));
    for value in [&b"\"a\", \"a\""[..], b"\"a\" ", b" \"a\"", b"\"a\",", b"*", b"", b"a", b"\"a"] {
        assert!(!tag("\"a\"").is(value, Weak), "{}", value.escape_ascii());
    }
}

/// Checks byte by byte whether the grammar of RFC 9110 §8.8.3 allows this value.
fn is_a_tag(value: &[u8]) -> bool {
    let opaque = value.strip_prefix(b"W/").unwrap_or(value);
    let inside = opaque.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    inside.is_some_and(|inside| {
        inside.iter().all(|&byte| byte == 0x21 || (0x23..=0x7e).contains(&byte) || byte >= 0x80)
    })
}

proptest! {
    #[test]
    fn tags_are_those_of_the_grammar(
        weak: bool,
        inside in prop::collection::vec(prop::sample::select(b"a!#~\x80\xff".to_vec()), 0..20),
        wrong in prop::option::of(prop::sample::select(b"\"\x7f \t,\x00\x1f".to_vec())),
        at in 0..20_usize,
    ) {
        let mut value = [if weak { b"W/\"".as_slice() } else { b"\"" }, &inside, b"\""].concat();
        if let Some(wrong) = wrong {
            value.insert(at.min(value.len()), wrong);
        }
        let parsed = ReceivedTag::parse(&value).filter(|(_, rest)| rest.is_empty());
        prop_assert_eq!(parsed.map(|(tag, _)| tag.is_weak), is_a_tag(&value).then_some(value[0] == b'W'));
        prop_assert!(wrong.is_some() || parsed.is_some());
    }

    #[test]
    fn a_change_of_one_number_changes_the_tag(file in state()) {
        let tag = made(EntityTags::Identity, &file);
        for neighbour in neighbours(file) {
            prop_assert_ne!(&tag, &made(EntityTags::Identity, &neighbour));
        }
    }

    #[test]
    fn tags_are_short_valid_and_match_themselves(file in state(), settled: bool) {
        for recipe in [EntityTags::Identity, EntityTags::SizeAndTime] {
            let tag = make(recipe, &file, settled).unwrap();
            prop_assert!(tag.as_str().len() <= 40, "{tag:?}");
            prop_assert_eq!(tag.is_weak(), !settled);
            prop_assert!(tag.is(tag.as_str().as_bytes(), Weak));
            prop_assert_eq!(tag.is(tag.as_str().as_bytes(), Strong), settled);
            prop_assert!(!tag.as_str().contains(','));
        }
    }

    #[test]
    fn a_settled_file_stays_settled(file in state(), now in (any::<i64>(), 0_u32..1_000_000_000), after: u32) {
        // This excludes times in the future: a file is not settled for a moment when such a time is
        // reached.
        if file.modified <= now && is_settled(EntityTags::Identity, now, &file) {
            let later = (now.0.saturating_add(after.into()), now.1);
            prop_assert!(is_settled(EntityTags::Identity, later, &file));
        }
    }

    #[test]
    fn lists_of_any_bytes_are_read(lines: Vec<Vec<u8>>) {
        lists(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>(), "\"a\"", Weak);
    }

    #[test]
    fn only_a_tag_in_the_text_is_found(text in "[\"a, W/*]{0,12}") {
        if lists(&[text.as_bytes()], "\"a\"", Strong) {
            prop_assert!(text.contains("\"a\"") || text.trim() == "*");
        }
    }
}
