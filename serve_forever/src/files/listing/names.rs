//! The names of a directory, compact and sorted.
//!
//! The bytes of all names are in one allocation. In addition, each entry takes 24 bytes.

use std::cmp::Ordering;
use std::ops::Range;

use crate::sys::FileKind;

/// Names with their kinds.
#[derive(Debug, Default)]
pub(in crate::files) struct Names {
    /// One name after the other. Some are followed by their key.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    /// The length of the name. No system has names of nearly 64 KiB.
    length: u16,
    /// The length of the key after the name. Zero means that the name is its own key.
    key_length: u16,
    kind: FileKind,
    /// The eight bytes of the key that are currently sorted by.
    eight: u64,
}

impl Names {
    pub(super) fn push(&mut self, name: &[u8], kind: FileKind) {
        let key = own_key(name).unwrap_or_default();
        let (Ok(length), Ok(key_length)) = (u16::try_from(name.len()), u16::try_from(key.len())) else {
            return;
        };
        self.entries.push(Entry { start: self.bytes.len(), length, key_length, kind, eight: 0 });
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(key.as_bytes());
    }

    /// Sorts by the lower-cased names, as Python does. Names that are equal in lower case are
    /// sorted by the names themselves, so that the order is always the same. Needs no additional
    /// memory, and releases unused capacity.
    pub(super) fn sort(&mut self) {
        self.bytes.shrink_to_fit();
        self.entries.shrink_to_fit();
        sort_from(0, &mut self.entries, &self.bytes);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns how many bytes of memory the names take.
    pub(super) fn bytes(&self) -> u64 {
        (self.bytes.len() + self.entries.len() * size_of::<Entry>()) as u64
    }

    /// Returns how many of the names, which must be sorted, come before `name` or are equal to it.
    /// `name` need not be one of them.
    pub(super) fn count_up_to(&self, name: &[u8]) -> usize {
        let mut alone = Self::default();
        alone.push(name, FileKind::Other);
        let Some(last) = alone.entries.first() else { return 0 };
        self.entries
            .partition_point(|entry| compare((entry, &self.bytes), (last, &alone.bytes)) != Ordering::Greater)
    }

    /// Returns all names but the first `start`.
    pub(super) fn iter_from(&self, start: usize) -> impl ExactSizeIterator<Item = (&[u8], FileKind)> {
        let rest = self.entries.get(start..).unwrap_or_default();
        rest.iter().map(|entry| (entry.name(&self.bytes), entry.kind))
    }
}

impl Entry {
    fn name<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        slice(bytes, self.start..self.start + usize::from(self.length))
    }

    /// Returns the key to sort by. Its ASCII letters are still to be converted to lower case.
    fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        if self.key_length == 0 {
            return self.name(bytes);
        }
        let start = self.start + usize::from(self.length);
        slice(bytes, start..start + usize::from(self.key_length))
    }
}

fn slice(bytes: &[u8], range: Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

/// Returns the key of a name, if converting its ASCII letters to lower case does not give the key.
/// Computing such keys in every comparison would be slow, because the lower case of a letter can
/// depend on the letters around it (a capital sigma at the end of a word).
fn own_key(name: &[u8]) -> Option<String> {
    if name.is_ascii() {
        return None;
    }
    let key = String::from_utf8_lossy(name).to_lowercase();
    (!key.as_bytes().eq_ignore_ascii_case(name)).then_some(key)
}

/// Sorts entries whose keys have the same bytes up to `depth`.
///
/// Comparing names would take ten times as long, and most of the time that a long listing may take:
/// each comparison fetches two names, and files in one directory often begin alike. So this
/// compares numbers. It sorts by eight bytes of the keys, and then by the next eight bytes among
/// those entries that have these in common.
fn sort_from(depth: usize, entries: &mut [Entry], bytes: &[u8]) {
    for entry in entries.iter_mut() {
        entry.eight = eight_bytes(entry.key(bytes), depth);
    }
    entries.sort_unstable_by_key(|entry| entry.eight);
    for alike in entries.chunk_by_mut(|a, b| a.eight == b.eight) {
        match alike {
            [] | [_] => {}
            // A NUL means that the keys have ended, because no name contains it. So the keys are
            // the same.
            [first, ..] if first.eight.to_le_bytes()[0] == 0 => {
                alike.sort_unstable_by(|a, b| compare((a, bytes), (b, bytes)));
            }
            _ => sort_from(depth + 8, alike, bytes),
        }
    }
}

fn eight_bytes(key: &[u8], start: usize) -> u64 {
    let mut eight = [0; 8];
    for (byte, of_key) in eight.iter_mut().zip(key.get(start..).unwrap_or_default()) {
        *byte = of_key.to_ascii_lowercase();
    }
    u64::from_be_bytes(eight)
}

/// Compares two entries. Each comes with the bytes that hold its name.
fn compare(a: (&Entry, &[u8]), b: (&Entry, &[u8])) -> Ordering {
    fn small<'a>((entry, bytes): (&Entry, &'a [u8])) -> impl Iterator<Item = u8> + use<'a> {
        entry.key(bytes).iter().map(u8::to_ascii_lowercase)
    }
    small(a).cmp(small(b)).then_with(|| a.0.name(a.1).cmp(b.0.name(b.1)))
}

/// Equality means the same names and kinds in the same order.
impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes() && self.iter_from(0).eq(other.iter_from(0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted<N: AsRef<[u8]>>(names: &[N]) -> Vec<Vec<u8>> {
        let mut all = Names::default();
        for name in names {
            all.push(name.as_ref(), FileKind::File);
        }
        all.sort();
        assert_eq!(all.len(), names.len());
        all.iter_from(0).map(|(name, _)| name.to_vec()).collect()
    }

    #[track_caller]
    fn assert_in_order(names: &[&str]) {
        let backwards: Vec<_> = names.iter().rev().collect();
        let found: Vec<_> =
            sorted(&backwards).into_iter().map(|name| String::from_utf8(name).unwrap()).collect();
        assert_eq!(found, names);
    }

    #[test]
    fn names_are_sorted_without_regard_to_case() {
        assert_in_order(&[".d", "A", "b", "c", "Č", "č1"]);
        assert_in_order(&["a", "A1", "a2", "ab", "B", "Ba", "é", "Éa", "éb"]);
    }

    #[test]
    fn names_that_differ_in_case_only_have_an_order_too() {
        assert_in_order(&["README", "README.md", "Readme.md", "readme.md"]);
        assert_in_order(&["ČAJ", "Čaj", "čaj"]);
    }

    #[test]
    fn names_that_begin_alike_are_sorted_by_the_rest() {
        assert_in_order(&["12345678", "123456789", "12345678a", "12345678ab", "12345679"]);
        let long = "a".repeat(250);
        assert_in_order(&[&long, &format!("{long}A"), &format!("{long}b"), &format!("{long}C")]);
    }

    #[test]
    fn a_capital_sigma_is_small_as_its_place_wants_it() {
        assert_in_order(&["ΟΔΟΣ", "οδοςa", "ΟΔΟΣb"]);
    }

    #[test]
    fn kinds_stay_with_their_names() {
        let mut all = Names::default();
        for (name, kind) in [
            ("b", FileKind::Link),
            ("Č", FileKind::Directory),
            ("a", FileKind::Other),
            ("Ā", FileKind::Other),
        ] {
            all.push(name.as_bytes(), kind);
        }
        all.sort();
        let found: Vec<_> =
            all.iter_from(1).map(|(name, kind)| (std::str::from_utf8(name).unwrap(), kind)).collect();
        assert_eq!(found, [("b", FileKind::Link), ("Ā", FileKind::Other), ("Č", FileKind::Directory)]);
        assert_eq!(all.iter_from(4).len() + all.iter_from(5).len(), 0);
    }

    #[test]
    fn an_entry_takes_24_bytes_and_its_name() {
        assert_eq!(size_of::<Entry>(), 24);
        let mut all = Names::default();
        for number in 0..1_000 {
            all.push(format!("name {number:03}").as_bytes(), FileKind::File);
            all.push(format!("Č {number:03}").as_bytes(), FileKind::File);
        }
        all.sort();
        // A name with Č is stored with a key, which is as long as the name.
        assert_eq!(all.bytes.capacity(), 1_000 * (8 + 6 + 6));
        assert_eq!(all.entries.capacity(), 2_000);
    }

    #[test]
    fn names_are_counted_up_to_one_that_need_not_be_there() {
        let mut all = Names::default();
        for name in ["b", "B", "d", "Č", "č1"] {
            all.push(name.as_bytes(), FileKind::File);
        }
        all.sort();
        for (name, count) in [
            ("", 0),
            ("a", 0),
            ("B", 1),
            ("b", 2),
            ("c", 2),
            ("D", 2),
            ("d", 3),
            ("Č", 4),
            ("č", 4),
            ("ž", 5),
        ] {
            assert_eq!(all.count_up_to(name.as_bytes()), count, "{name}");
        }
        assert_eq!(Names::default().count_up_to(b"a"), 0);
    }

    /// Sorts as the requirement states it, without regard to speed.
    fn plainly_sorted(mut names: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        names.sort_by_cached_key(|name| (String::from_utf8_lossy(name).to_lowercase(), name.clone()));
        names
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_lower_cased_text(names in prop::collection::vec("[^/\0]{0,12}", 0..40)) {
            let names: Vec<_> = names.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(sorted(&names), plainly_sorted(names));
        }

        #[test]
        fn what_is_left_behind_a_name_is_what_comes_after_it(
            names in prop::collection::hash_set("[aAbBĀāΣσςſİK]{0,4}", 0..40),
            last in "[aAbBĀāΣσςſİK]{0,4}",
        ) {
            let mut all = Names::default();
            for name in &names {
                all.push(name.as_bytes(), FileKind::File);
            }
            all.sort();
            let mut expected = names;
            expected.insert(last.clone());
            let expected = plainly_sorted(expected.into_iter().map(String::into_bytes).collect());
            let place = expected.iter().position(|name| *name == last.as_bytes()).unwrap();
            let rest: Vec<_> = all.iter_from(all.count_up_to(last.as_bytes())).map(|(name, _)| name).collect();
            prop_assert_eq!(rest, &expected[place + 1..]);
        }

        #[test]
        fn the_order_is_the_same_for_names_that_have_much_in_common(
            names in prop::collection::vec("[aAbBĀāΣσςſİK]{0,20}", 0..60),
        ) {
            let names: Vec<_> = names.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(sorted(&names), plainly_sorted(names));
        }

        #[test]
        fn the_order_is_the_same_for_names_that_are_no_text(
            names in prop::collection::vec(
                prop::collection::vec(prop::sample::select(&b"aA\x80\xc4\x8c\x8d\xef\xbf\xbd\xff"[..]), 0..20),
                0..40,
            ),
        ) {
            prop_assert_eq!(sorted(&names), plainly_sorted(names));
        }
    }
}
