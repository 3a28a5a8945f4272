//! Entity tags: how the name of one state of a file (RFC 9110 §8.8.3) is made and compared.

use std::fmt::Write as _;

use crate::http::message::fields::{self, trim_blanks};

/// How a file gets its entity tag (RFC 9110 §8.8.3). The tag names the present state of the file.
/// With it, clients ask whether their copy is still good.
///
/// A file that has changed recently may still be written to. Its tag is weak, and the server does
/// not use it to answer with 304 or with a range. If the tag is made from the content, it is weak
/// for 0.1 s after the change (2 s if the file system has only whole seconds). Otherwise, it is
/// weak for 2 s plus the size divided by 16 MiB/s, because a long write call sets the time only
/// when it begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntityTags {
    /// Files up to 64 KiB: made from the size and the content. The tag is the same wherever the
    /// content is the same. If the content changes while the times of the file stay the same, as
    /// with a memory mapping, the file is sent without a date.
    ///
    /// Larger files are not read for their tag. It is made from the identity of the file, its size,
    /// the time of its last change, and the time of the last change of its properties. Any change
    /// of these changes the tag, and copies of one file have different tags. If a program stores to
    /// a memory mapping of the file, none of these need change.
    #[default]
    Identity,
    /// Made from the size and the time of the last change, in whole seconds. The tag is the same on
    /// all machines that have copies of the same files with the same times. This is for machines
    /// that share the work behind one address. A file whose time is 0 or 1, as package stores set
    /// it, has no tag.
    ///
    /// This trusts the times. If a change puts the old time and size back once the file counts as
    /// settled, the tag stays the same. It also stays if a directory is replaced by another one
    /// whose files have the same times and sizes. Clients then keep their old copies.
    SizeAndTime,
    /// No tags. Clients can only ask by the time of the last change.
    Off,
}

/// Seconds since 1970 and additional nanoseconds, as systems give the times of a file.
pub(super) type FileTime = (i64, u32);

/// What tags are made from: what the system knows about a file, and its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    /// The hash of the content, if the content is read.
    pub(super) content: Option<u64>,
    /// Whether `modified` is a real time. Package stores set 0 or 1 instead.
    pub(super) is_dated: bool,
    /// When the content last changed.
    pub(super) modified: FileTime,
    /// When anything about the file last changed, which nobody can set back. If the system does not
    /// know that, the same as `modified`.
    pub(super) changed: FileTime,
    /// Whether every change of the file updates `changed`.
    pub(super) tells_changes: bool,
}

/// An entity tag that the server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntityTag(String);

/// How tags are compared (RFC 9110 §8.8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The tags are equal and neither is weak: the bytes are the same.
    Strong,
    /// The tags are equal, whether or not they are weak: one state is as good as the other.
    Weak,
}

/// Makes the tag of a file. It is weak while the file [is not settled](is_settled).
///
/// A file that is not settled may change once more without a trace in its times. So its tag differs
/// from the settled tag not only in being weak. Otherwise the weak comparison of `If-None-Match`
/// would take both for the same.
pub(super) fn make(recipe: EntityTags, file: &FileState, settled: bool) -> Option<EntityTag> {
    let mut tag = String::with_capacity(LONGEST);
    tag.push_str(if settled { "\"" } else { "W/\"" });
    let named = file.content.unwrap_or_else(|| mixed(file));
    // The size is a separate part, so that different sizes always make different tags. Writing to a
    // String cannot fail.
    let _ = match recipe {
        EntityTags::Identity => write!(tag, "{:x}-{named:016x}", file.size),
        EntityTags::SizeAndTime if !file.is_dated => return None,
        EntityTags::SizeAndTime => write!(tag, "{:x}-{:x}", file.size, file.modified.0),
        EntityTags::Off => return None,
    };
    tag.push_str(if settled { "\"" } else { "~\"" });
    Some(EntityTag(tag))
}

/// Whether every change of the file after `now` changes its tag, because the change gives the file
/// other times. This requires that its times are not in the future, and that the clock of the file
/// system has ticked since then. Unless the content is part of the tag, it also requires that a
/// write call from that time is unlikely to be still running.
///
/// A modification time in the future, which somebody has set, does not matter if a change also
/// shows in the content or in the change time. It only matters for a tag that is made from it, and
/// where the system does not tell a change time.
///
/// `now` must have been read before `file` was read, or a change between the two could go
/// unnoticed.
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

/// Whether every change of the file after `now` changes its date: the second of the date is over,
/// and a write call from that time is unlikely to be still running. This uses the later of both
/// times. A program that writes may put the modification time back, and the change time does not
/// tell such a write from a change of the file's properties.
pub(super) fn is_date_settled(now: FileTime, file: &FileState) -> bool {
    passed(file.modified.max(file.changed), now) >= writing_time(file.size)
}

/// Returns the nanoseconds between two times.
fn passed(from: FileTime, to: FileTime) -> i128 {
    let nanoseconds = |(seconds, nanos): FileTime| i128::from(seconds) * SECOND + i128::from(nanos);
    nanoseconds(to) - nanoseconds(from)
}

/// Returns the nanoseconds for which one call may write to a file of this size. During the call,
/// the file has the time at which the call began, and perhaps still the same size as before.
fn writing_time(size: u64) -> i128 {
    WRITING_BASE + i128::from(size.min(LARGEST_WRITE)) * SECOND / SLOWEST_WRITING
}

impl EntityTag {
    /// Returns the tag as it stands in a header field: `"..."` or `W/"..."`.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the tag is weak. Clients may not combine parts of two responses with a weak
    /// tag.
    #[cfg(test)]
    pub(super) fn is_weak(&self) -> bool {
        self.received().is_weak
    }

    /// Returns whether `value` consists of exactly one tag that matches this one.
    pub(super) fn is(&self, value: &[u8], comparison: Comparison) -> bool {
        ReceivedTag::parse(value)
            .is_some_and(|(tag, rest)| rest.is_empty() && tag.matches(&self.received(), comparison))
    }

    /// Parses a tag that the user has set. Returns `None` if it is not a tag.
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

/// Returns whether the lines of an `If-Match` or `If-None-Match` field match an existing file,
/// which may have a tag.
///
/// ```abnf
/// If-Match      = "*" / #entity-tag
/// If-None-Match = "*" / #entity-tag
/// ```
///
/// (RFC 9110 §13.1.1, §13.1.2.) A `*` matches any file, but only if it is the whole field. An
/// element that is not a valid tag matches nothing and does not affect its neighbours.
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
    // Browsers send the one tag that they got.
    if tag.is(first, comparison) {
        return true;
    }
    let tag = tag.received();
    // Each line is parsed as a list of its own. If the lines were joined first, two halves of a tag
    // in two lines would become one tag.
    [first]
        .into_iter()
        .chain(others)
        .flat_map(|line| Tags { rest: line })
        .any(|it| it.matches(&tag, comparison))
}

/// A tag that a client has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReceivedTag<'a> {
    is_weak: bool,
    /// The tag with its quotes.
    opaque: &'a [u8],
}

impl<'a> ReceivedTag<'a> {
    /// Parses the tag at the beginning. Also returns the bytes after it.
    ///
    /// ```abnf
    /// entity-tag = [ weak ] opaque-tag
    /// weak       = %s"W/"
    /// opaque-tag = DQUOTE *etagc DQUOTE
    /// etagc      = %x21 / %x23-7E / obs-text
    /// ```
    ///
    /// (RFC 9110 §8.8.3.) A tag has no escapes: a backslash is an ordinary character. A tag
    /// contains no blanks.
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

/// The tags of one line of a field.
///
/// ```abnf
/// #element => [ element ] *( OWS "," OWS [ element ] )
/// ```
///
/// (RFC 9110 §5.6.1.2.) A comma inside of a tag is part of the tag. Anything that is not a tag is
/// skipped up to the next comma.
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

/// Mixes the identity and the times of a file to 64 bits that do not reveal its inode number. They
/// follow the size in a tag of [`EntityTags::Identity`].
///
/// Each step is a bijection both of the added number and of the previous result. So a change of one
/// number alone always changes the result. A change of several numbers goes unnoticed once in 2^64
/// cases. The hash of `std` is not used, because it may change with the next version of Rust, and
/// then all tags would change.
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

/// One step of the generator `SplitMix64` (Steele, Lea and Flood, 2014). Every bit of the result
/// depends on every bit of the input.
fn scrambled(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

const WEAK: &[u8] = b"W/";

/// The length of the longest tag in bytes: `W/`, two quotes, a size, a hyphen, 64 bits and the
/// mark.
const LONGEST: usize = 2 + 2 + 16 + 1 + 16 + 1;

/// Nanoseconds in a second.
const SECOND: i128 = 1_000_000_000;

/// How long a file may keep its time although it changes, in nanoseconds, where times have
/// fractions of a second. Systems use the time of their last tick, which comes every 1 to 16 ms.
/// This value is well above that.
const FINE_TICK: i128 = SECOND / 10;

/// The same where times are whole seconds. FAT has even seconds only; ext3, HFS+ and many network
/// file systems have all seconds. A fine clock shows a whole second by chance once in a billion
/// times, which then costs two seconds.
const COARSE_TICK: i128 = 2 * SECOND;

/// How long a call may take that writes little, in nanoseconds: it may have to wait for a disk or
/// for other work. This is more than one second, so that the second of the file's date is over too.
const WRITING_BASE: i128 = 2 * SECOND;

/// The lowest assumed speed of one write call, in bytes per second. Today's disks are faster, and a
/// slow USB stick does not slow a call down before the system's memory for unwritten bytes is full.
const SLOWEST_WRITING: i128 = 16 * 1024 * 1024;

/// The most bytes that one call writes: 4 GiB on Windows. Other systems have a lower limit.
const LARGEST_WRITE: u64 = 1 << 32;

#[cfg(test)]
mod tests;
