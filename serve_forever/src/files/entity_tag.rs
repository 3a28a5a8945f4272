//! Entity tags: what names one state of a file (RFC 9110 §8.8.3), how it is made, and how it is compared.

use std::fmt::Write as _;

use crate::http::message::fields::{self, trim_blanks};

/// How a file gets its entity tag (RFC 9110 §8.8.3): the name of its present state, by which clients ask whether
/// what they have is still good.
///
/// A file that has changed recently may still be written to. Its tag is weak, and the server
/// answers neither 304 nor a range by it. If the tag is made from the content, it is weak for 0.1 s
/// after the change (2 s if the file system has only whole seconds). Otherwise, it is weak for 2 s
/// plus the size divided by 16 MiB/s, because a long write call sets the time only when it begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntityTags {
    /// Up to 64 KiB: from the size and the content. The tag is the same wherever the content is.
    /// Content that changes while the times of the file stay, as by a memory mapping, has no date.
    ///
    /// Above that no file is read for its tag, which is made from which file it is, its size, and
    /// the times of its last change and of the last change of its properties. Whatever changes
    /// these changes the tag, and copies of one file have different tags. What a program stores in
    /// memory that it has mapped the file to need not change any of them.
    #[default]
    Identity,
    /// From the size and the time of the last change, in whole seconds. The same on all machines that have copies of
    /// the same files with the same times: for those that share the work behind one address. A file
    /// whose time is 0 or 1, as package stores have it, has no tag.
    ///
    /// This trusts the times. A change that puts the old time and size back keeps the tag, once the
    /// file counts as settled; so does a directory whose place another one takes with files of the
    /// same times and sizes. Clients then keep what they have.
    SizeAndTime,
    /// None. Clients have the time of the last change to ask by.
    Off,
}

/// Seconds since 1970 and the nanoseconds after them, as systems give the times of a file.
pub(super) type FileTime = (i64, u32);

/// What the system knows about a file that tags are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    /// The hash of its content, where that is read.
    pub(super) content: Option<u64>,
    /// Whether `modified` is the time of anything.
    pub(super) is_dated: bool,
    /// When its content was changed last.
    pub(super) modified: FileTime,
    /// When anything about it was changed last, which nobody can set back; where a system does not know that, as
    /// `modified`.
    pub(super) changed: FileTime,
    /// Whether every change of the file moves `changed`.
    pub(super) tells_changes: bool,
}

/// An entity tag of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntityTag(String);

/// How tags are compared (RFC 9110 §8.8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Equal, and neither is weak: the bytes are the same.
    Strong,
    /// Equal but for being weak: the one is as good as the other.
    Weak,
}

/// The tag of a file. It is weak while the file [is not settled](is_settled).
///
/// What was seen of such a file may change once more without a trace in its times. So its tag differs from the one
/// which it has later not only in being weak, or the comparison of `If-None-Match` would take them for the same.
pub(super) fn make(recipe: EntityTags, file: &FileState, settled: bool) -> Option<EntityTag> {
    let mut tag = String::with_capacity(LONGEST);
    tag.push_str(if settled { "\"" } else { "W/\"" });
    let named = file.content.unwrap_or_else(|| mixed(file));
    // The size stands apart, so that different sizes always make different tags. Writing to a String cannot fail.
    let _ = match recipe {
        EntityTags::Identity => write!(tag, "{:x}-{named:016x}", file.size),
        EntityTags::SizeAndTime if !file.is_dated => return None,
        EntityTags::SizeAndTime => write!(tag, "{:x}-{:x}", file.size, file.modified.0),
        EntityTags::Off => return None,
    };
    tag.push_str(if settled { "\"" } else { "~\"" });
    Some(EntityTag(tag))
}

/// Whether a file that is changed from now on, `now`, gets another tag than it has: what writes to
/// it gives it other times. So it keeps no times that are still to come, its clock has ticked
/// since, and, unless its content is in the tag, no call that writes is likely to be at work since
/// then.
///
/// A time to come which somebody has given the content is no matter where a change also shows in
/// the content or in the change time: it only counts for a tag that is made from it, and where the
/// system tells no change time.
///
/// `now` must have been read before `file` was, or a change between the two could go unseen.
pub(super) fn is_settled(recipe: EntityTags, now: FileTime, file: &FileState) -> bool {
    let writing = match recipe {
        EntityTags::Identity | EntityTags::Off if file.content.is_some() => 0,
        _ => writing_time(file.size),
    };
    let has_passed = |time: FileTime| {
        let tick = if time.1 == 0 || recipe == EntityTags::SizeAndTime { COARSE_TICK } else { FINE_TICK };
        passed(time, now) >= tick.max(writing)
    };
    let is_without =
        recipe != EntityTags::SizeAndTime && file.tells_changes && passed(file.modified, now) < 0;
    (is_without || has_passed(file.modified)) && has_passed(file.changed)
}

/// Whether a file that is changed from now on, `now`, gets another date than it has: its second is
/// over, and no call that writes is likely to be at work since then. That goes by the later of its
/// times: one who writes may put the time of the content back, and what else was changed about the
/// file cannot be told from that.
pub(super) fn is_date_settled(now: FileTime, file: &FileState) -> bool {
    passed(file.modified.max(file.changed), now) >= writing_time(file.size)
}

/// Nanoseconds from one to the other.
fn passed(from: FileTime, to: FileTime) -> i128 {
    let nanoseconds = |(seconds, nanos): FileTime| i128::from(seconds) * SECOND + i128::from(nanos);
    nanoseconds(to) - nanoseconds(from)
}

/// Nanoseconds for which one call may write to a file of that size. All that while the file has the
/// time at which the call began, and in place of what it had before perhaps the same size.
fn writing_time(size: u64) -> i128 {
    WRITING_BASE + i128::from(size.min(LARGEST_WRITE)) * SECOND / SLOWEST_WRITING
}

impl EntityTag {
    /// As it stands in a field: `"..."` or `W/"..."`.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a client may not put parts of two answers with this tag together.
    #[cfg(test)]
    pub(super) fn is_weak(&self) -> bool {
        self.received().is_weak
    }

    /// Whether the value of a field that holds one tag, and nothing else, holds this one.
    pub(super) fn is(&self, value: &[u8], comparison: Comparison) -> bool {
        ReceivedTag::parse(value)
            .is_some_and(|(tag, rest)| rest.is_empty() && tag.matches(&self.received(), comparison))
    }

    /// A tag that a user gave; `None` if it is none.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let (_, rest) = ReceivedTag::parse(value)?;
        rest.is_empty().then(|| String::from_utf8(value.to_vec()).ok().map(Self))?
    }

    fn received(&self) -> ReceivedTag<'_> {
        let bytes = self.0.as_bytes();
        match bytes.strip_prefix(WEAK) {
            Some(opaque) => ReceivedTag { is_weak: true, opaque },
            None => ReceivedTag { is_weak: false, opaque: bytes },
        }
    }
}

/// Whether the lines of an `If-Match` or `If-None-Match` field name the file, which is there and may have a tag.
///
/// ```abnf
/// If-Match      = "*" / #entity-tag
/// If-None-Match = "*" / #entity-tag
/// ```
///
/// (RFC 9110 §13.1.1, §13.1.2.) A `*` means whatever is there, but only if it is alone. What is no tag matches none,
/// and says nothing about its neighbours.
pub(super) fn is_listed<'a>(
    mut lines: impl Iterator<Item = &'a [u8]>,
    tag: Option<&EntityTag>,
    comparison: Comparison,
) -> bool {
    let Some(first) = lines.next() else { return false };
    let mut others = lines.peekable();
    if trim_blanks(first) == b"*" {
        return others.peek().is_none();
    }
    let Some(tag) = tag else { return false };
    // What browsers send: the one tag that they got.
    if tag.is(first, comparison) {
        return true;
    }
    let tag = tag.received();
    // Each line is a list of its own. Were they joined first, two halves of a tag in two lines would become one.
    [first]
        .into_iter()
        .chain(others)
        .flat_map(|line| Tags { rest: line })
        .any(|it| it.matches(&tag, comparison))
}

/// A tag as a client has sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReceivedTag<'a> {
    is_weak: bool,
    /// With its quotes.
    opaque: &'a [u8],
}

impl<'a> ReceivedTag<'a> {
    /// The tag at the beginning, and what follows it.
    ///
    /// ```abnf
    /// entity-tag = [ weak ] opaque-tag
    /// weak       = %s"W/"
    /// opaque-tag = DQUOTE *etagc DQUOTE
    /// etagc      = %x21 / %x23-7E / obs-text
    /// ```
    ///
    /// (RFC 9110 §8.8.3.) It has no escapes: a backslash is one character as others. Neither has it blanks.
    fn parse(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (is_weak, quoted) = match bytes.strip_prefix(WEAK) {
            Some(quoted) => (true, quoted),
            None => (false, bytes),
        };
        let inside = quoted.strip_prefix(b"\"")?;
        let length = fields::find(
            inside,
            0,
            |word| fields::below(word, b'!') | fields::equal(word, b'"') | fields::equal(word, 0x7f),
            |byte| !matches!(byte, b'!' | b'#'..=b'~' | 0x80..),
        );
        let rest = inside.get(length..)?.strip_prefix(b"\"")?;
        let opaque = quoted.get(..length + 2)?;
        Some((Self { is_weak, opaque }, rest))
    }

    fn matches(&self, other: &Self, comparison: Comparison) -> bool {
        let is_strong = !self.is_weak && !other.is_weak;
        self.opaque == other.opaque && (is_strong || comparison == Comparison::Weak)
    }
}

/// The tags of one line.
///
/// ```abnf
/// #element => [ element ] *( OWS "," OWS [ element ] )
/// ```
///
/// (RFC 9110 §5.6.1.2.) A comma inside of a tag belongs to it. What is no tag is passed over up to the next comma.
struct Tags<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Tags<'a> {
    type Item = ReceivedTag<'a>;

    fn next(&mut self) -> Option<ReceivedTag<'a>> {
        while !self.rest.is_empty() {
            let parsed = ReceivedTag::parse(trim_blanks(self.rest));
            let after = parsed.map_or(self.rest, |(_, after)| after);
            let comma = after.iter().position(|&byte| byte == b',').unwrap_or(after.len());
            let (between, from_comma) = after.split_at_checked(comma).unwrap_or_default();
            self.rest = from_comma.get(1..).unwrap_or_default();
            if let Some((tag, _)) = parsed
                && trim_blanks(between).is_empty()
            {
                return Some(tag);
            }
        }
        None
    }
}

/// What the tag of the identity has beside the size, in 64 bits that do not show the number of the file.
///
/// Each step is a bijection of what it adds and of what there was, so that a change of one number alone always changes
/// the result; that of several is missed once in 2^64 times. The hash of `std` is not used as it may become another
/// with the next version of Rust, and all tags with it.
fn mixed(file: &FileState) -> u64 {
    let FileState { device, inode, modified, changed, .. } = *file;
    [
        device,
        inode,
        modified.0.cast_unsigned(),
        modified.1.into(),
        changed.0.cast_unsigned(),
        changed.1.into(),
    ]
    .into_iter()
    .fold(0, |mixed, number| scrambled(mixed ^ number))
}

/// One step of the generator `SplitMix64` (Steele, Lea and Flood, 2014): every bit depends on every bit.
fn scrambled(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

const WEAK: &[u8] = b"W/";

/// Bytes of the longest tag: `W/`, two quotes, a size, a hyphen, 64 bits and the mark.
const LONGEST: usize = 2 + 2 + 16 + 1 + 16 + 1;

/// Nanoseconds in a second.
const SECOND: i128 = 1_000_000_000;

/// Nanoseconds for which a file may keep its time though it changes, where times have fractions: systems stamp with the
/// time of their last tick, which comes every 1 to 16 ms, and this is well beyond.
const FINE_TICK: i128 = SECOND / 10;

/// The same where times are whole seconds: those of FAT are even ones; ext3, HFS+ and many a network file system have
/// all. A fine clock shows a whole second by chance once in a billion times, which then costs two seconds.
const COARSE_TICK: i128 = 2 * SECOND;

/// Nanoseconds for which a call may write that writes little: it waits for a disk, or for its turn.
/// More than one second, so that the second of the file's date is over too.
const WRITING_BASE: i128 = 2 * SECOND;

/// Bytes per second at which one call is thought to write at least. Disks of today are faster, and
/// a slow stick does not slow a call down before the system's memory for unwritten bytes is full.
const SLOWEST_WRITING: i128 = 16 * 1024 * 1024;

/// The most bytes that one call writes: 4 GiB on Windows; elsewhere it is less.
const LARGEST_WRITE: u64 = 1 << 32;

#[cfg(test)]
mod tests;
