//! A file ready to be sent: its content or an open descriptor, and its header fields.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::http::message::date::{http_date_of, parse_http_date};
use crate::http::message::fields;
use crate::http::{Expected, PreparedFields};
use crate::sys::{self, Stamp};

use super::charset;
use super::conditions::Validators;
use super::content_hash;
use super::entity_tag::{self, EntityTag, FileState, FileTime};
use super::listing::page;
use super::multipart::Bytes;
use super::options::Options;

/// One state of a file, prepared to be sent any number of times.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where the file was found. Later requests check there whether it is still the same.
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    /// The file was seen to be unchanged at this time or later: nanoseconds of the site's clock,
    /// plus one. 0 means never.
    seen: AtomicU64,
    /// When the file was last requested, in the same unit. Only updated for open files.
    asked: AtomicU64,
    /// When the content in memory may have become older than [`CONTENT_LOOKS`].
    read_again: Instant,
    pub(super) content: Content,
    pub(super) content_type: String,
    entity_tag: Option<EntityTag>,
    /// The date in seconds since 1970. The second was over when the file was read.
    last_modified: Option<i64>,
    /// Whether any change would show in the stamp. Otherwise the file may still be written to
    /// within the same tick of the clock.
    is_settled: bool,
    /// Whether requests may be answered by comparing tags.
    tag_counts: bool,
    /// Whether the content is as long as the system says. Otherwise the system generates the
    /// content when it is read, and the next read may give other content without any sign of a
    /// change.
    is_measured: bool,
    /// Whether the content has changed while the times stayed the same, as happens if a program has
    /// mapped the file to memory. Then these times do not identify a state of the file.
    changes_unseen: bool,
    /// The header fields of a 200.
    pub(super) whole: PreparedFields,
    /// The header fields of a 304.
    pub(super) not_modified: PreparedFields,
    /// The header fields of a 206, except those that depend on the range.
    pub(super) partial: PreparedFields,
}

/// The content of a file, or access to it.
#[derive(Debug)]
pub(super) enum Content {
    Memory(Box<[u8]>),
    File(Arc<File>),
}

impl Entry {
    /// Reads what is needed about a regular file. `file` was opened at `path` and had this `stamp`.
    /// `read` is the present time of the site's clock. `before` is the entry of the previous read.
    pub(super) fn new(
        path: PathBuf,
        file: File,
        stamp: Stamp,
        read: Duration,
        before: Option<&Self>,
        options: &Options,
    ) -> io::Result<Self> {
        let read_again = Instant::now() + CONTENT_LOOKS;
        let Look { now, stamp, first, is_small, is_measured } = look(&file, stamp)?;
        let state = FileState {
            device: stamp.device(),
            inode: stamp.inode(),
            size: stamp.size(),
            content: is_small.then(|| content_hash::of(&first)),
            is_dated: stamp.date().is_some(),
            modified: stamp.modified(),
            changed: stamp.changed(),
            // Some file systems in user space have no change time and report 0.
            tells_changes: sys::CHANGE_TIME_IS_KNOWN && stamp.changed() != (0, 0),
        };
        let is_settled = entity_tag::is_settled(options.entity_tags, now, &state);
        let changes_unseen = is_small && before.is_some_and(|before| before.changed_unseen(stamp, &first));
        let given = |name| options.extra(name).map(|value| String::from_utf8_lossy(value));
        let content_type = if let Some(value) = given("Content-Type") {
            value.into_owned()
        } else {
            let media_type = options.types.media_type(&path, &first);
            charset::content_type(media_type, &first, is_small).into_owned()
        };
        let (entity_tag, tag_counts) = match given("ETag") {
            Some(value) => (EntityTag::parse(value.as_bytes()), true),
            None if !is_measured => (None, false),
            None => (entity_tag::make(options.entity_tags, &state, is_settled), is_settled),
        };
        let last_modified = match given("Last-Modified") {
            Some(value) => parse_http_date(value.as_bytes()),
            // A date in the future is not sent either (RFC 9110 §8.8.2.1).
            None if is_measured && !changes_unseen && entity_tag::is_date_settled(now, &state) => {
                stamp.date()
            }
            None => None,
        };
        let mut entry = Self {
            path,
            stamp,
            seen: AtomicU64::new(0),
            asked: AtomicU64::new(instant_number(read)),
            read_again,
            content: if is_small { Content::Memory(first.into()) } else { Content::File(Arc::new(file)) },
            content_type,
            entity_tag,
            last_modified,
            is_settled,
            tag_counts,
            is_measured,
            changes_unseen,
            whole: PreparedFields::default(),
            not_modified: PreparedFields::default(),
            partial: PreparedFields::default(),
        };
        entry.prepare(options).map_err(io::Error::other)?;
        Ok(entry)
    }

    pub(super) fn len(&self) -> u64 {
        match &self.content {
            // Files that the system generates may be shorter or longer than it says.
            Content::Memory(bytes) => bytes.len() as u64,
            Content::File(_) => self.stamp.size(),
        }
    }

    /// Records that the file was just seen at its path, unchanged, after `time`.
    pub(super) fn note_seen_after(&self, time: Duration) {
        self.seen.fetch_max(instant_number(time), Ordering::Relaxed);
    }

    /// Returns whether the file was seen at its path, unchanged, after `time`.
    pub(super) fn was_seen_after(&self, time: Duration) -> bool {
        instant_number(time) <= self.seen.load(Ordering::Relaxed)
    }

    /// Returns whether the content in memory may be older than [`CONTENT_LOOKS`] for a request that
    /// came at `arrived`. The stamp does not tell of every change: if a program stores to a memory
    /// mapping of the file, the stamp changes once, when the first such store begins, or not at
    /// all.
    pub(super) fn must_be_read_again(&self, arrived: Instant) -> bool {
        arrived >= self.read_again && matches!(self.content, Content::Memory(_))
    }

    /// Returns whether a file with this stamp and this content shows that the times say nothing
    /// about the content.
    fn changed_unseen(&self, stamp: Stamp, content: &[u8]) -> bool {
        let is_other = matches!(&self.content, Content::Memory(own) if **own != *content);
        self.stamp == stamp && (self.changes_unseen || is_other)
    }

    /// Records that the open file was requested at `time`, and that it is still there.
    pub(super) fn note_requested(&self, time: Duration) {
        self.asked.fetch_max(instant_number(time), Ordering::Relaxed);
    }

    /// Returns whether this is an open file that nobody has requested since `time`.
    pub(super) fn is_idle_since(&self, time: Duration) -> bool {
        self.is_open() && self.asked.load(Ordering::Relaxed) < instant_number(time)
    }

    /// Returns whether the entry has an open descriptor.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.content, Content::File(_))
    }

    /// Returns whether it is unlikely that anybody is writing to the file.
    pub(super) fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Returns whether clients can get parts of the file. This needs certainty that two responses
    /// come from the same state.
    pub(super) fn has_parts(&self) -> bool {
        self.is_measured
    }

    /// Returns what must stay true of the file while it is sent.
    pub(super) fn expected(&self) -> Expected {
        Expected { stamp: self.stamp, may_grow: !self.is_settled }
    }

    /// Returns the validators that conditions are compared with. The tag of a file that is not
    /// settled is left out, because another state may have had the same tag.
    pub(super) fn validators(&self) -> Validators<'_> {
        Validators {
            entity_tag: self.entity_tag.as_ref().filter(|_| self.tag_counts),
            last_modified: self.last_modified,
            date_is_strong: false,
        }
    }

    /// Returns the validators for uses where the date must tell two states of the file apart. The
    /// date does so only if its second was over before any client was told the date.
    pub(super) fn strong_validators(&self) -> Validators<'_> {
        let now = || i64::try_from(sys::unix_time()).unwrap_or(i64::MAX);
        let date_is_strong =
            self.last_modified.is_some_and(|date| date.saturating_add(STRONG_AFTER) <= now());
        Validators { date_is_strong, ..self.validators() }
    }

    /// Returns whether the entry may be kept in the cache. Its changes must show in the stamp, and
    /// keeping it must not hold the space of a large deleted file on the disk.
    pub(super) fn may_be_kept(&self) -> bool {
        self.is_settled
            && self.is_measured
            && (matches!(self.content, Content::Memory(_)) || self.len() <= LARGEST_OPEN)
    }

    /// Returns the bytes of memory that the entry takes. An open file counts as `descriptor` bytes.
    pub(super) fn weight(&self, descriptor: u64) -> u64 {
        FIXED
            + match &self.content {
                Content::Memory(bytes) => bytes.len() as u64,
                Content::File(_) => descriptor,
            }
    }

    fn prepare(&mut self, options: &Options) -> Result<(), String> {
        let length = self.len().to_string();
        let date = self.last_modified.map(http_date_of);
        let tag = self.entity_tag.as_ref().map(|tag| tag.as_str().as_bytes());
        let own: [(&str, Option<&[u8]>, Sent); 7] = [
            ("Content-Type", Some(self.content_type.as_bytes()), Sent::Whole),
            ("Content-Length", Some(length.as_bytes()), Sent::Whole),
            ("Last-Modified", date.as_ref().map(|date| &date[..]), Sent::Content),
            ("ETag", tag, Sent::Always),
            ("Cache-Control", options.cache_control(), Sent::Always),
            ("Accept-Ranges", self.is_measured.then_some(b"bytes"), Sent::Content),
            ("X-Content-Type-Options", Some(b"nosniff"), Sent::Content),
        ];
        let fields = |when: Sent| {
            let own = own.iter().filter(move |(_, _, sent)| *sent >= when);
            options.with_extra(own.filter_map(|&(name, value, _)| Some((name, value?))), |name| match when {
                // The content type is sent along with the range.
                Sent::Content => !name.eq_ignore_ascii_case("Content-Type"),
                Sent::Always => !is_one_of(name, &NOT_ON_304),
                Sent::Whole => true,
            })
        };
        let (whole, partial, not_modified) =
            (fields(Sent::Whole)?, fields(Sent::Content)?, fields(Sent::Always)?);
        (self.whole, self.partial, self.not_modified) = (whole, partial, not_modified);
        Ok(())
    }
}

/// Converts a time to a value for `seen` and `asked`, which is never 0.
fn instant_number(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
}

/// An entry that one response reads from.
pub(super) struct Reading {
    entry: Arc<Entry>,
    /// What must still be true of the file after each piece.
    expected: Expected,
}

impl Reading {
    pub(super) fn new(entry: &Arc<Entry>) -> Self {
        Self { entry: Arc::clone(entry), expected: entry.expected() }
    }
}

impl Bytes for Reading {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.entry.content {
            Content::Memory(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
            Content::File(file) => {
                let count = sys::read_at(file, buffer, offset)?;
                // This check comes after the read. Before the read, the file could still change in
                // between.
                if self.expected.holds(file)? {
                    Ok(count)
                } else {
                    Err(io::Error::new(ErrorKind::InvalidData, "the file changed while it was sent"))
                }
            }
        }
    }
}

impl Options {
    /// Returns the user's value of a field, which is sent in place of ours.
    fn extra(&self, name: &str) -> Option<&[u8]> {
        let same = |(given, _): &&(String, Vec<u8>)| given.eq_ignore_ascii_case(name);
        self.extra_response_headers.iter().find(same).map(|(_, value)| value.as_slice())
    }

    fn cache_control(&self) -> Option<&[u8]> {
        Some(self.cache_control.as_bytes()).filter(|value| !value.is_empty())
    }

    /// Joins our fields and the user's fields that fit this response. A field of the user replaces
    /// ours of the same name.
    fn with_extra<'a>(
        &'a self,
        own: impl Iterator<Item = (&'a str, &'a [u8])>,
        is_fit: impl Fn(&str) -> bool,
    ) -> Result<PreparedFields, String> {
        let own = own.filter(|(name, _)| !is_fit(name) || self.extra(name).is_none());
        let extra = self.extra_response_headers.iter().filter(|(name, _)| is_fit(name));
        PreparedFields::new(own.chain(extra.map(|(name, value)| (name.as_str(), value.as_slice()))))
    }
}

/// Prepares the header fields of a listing.
pub(super) fn listing_fields(options: &Options) -> Result<PreparedFields, String> {
    let own: [(&str, Option<&[u8]>); 3] = [
        ("Content-Type", Some(page::CONTENT_TYPE.as_bytes())),
        ("Cache-Control", options.cache_control()),
        ("X-Content-Type-Options", Some(b"nosniff")),
    ];
    // Fields that describe a file do not describe a listing.
    let is_fit = |name: &str| !is_one_of(name, &OF_A_FILE);
    options.with_extra(own.into_iter().filter_map(|(name, value)| Some((name, value?))), is_fit)
}

/// Prepares the user's fields for responses that are neither a file nor a listing: errors,
/// redirects, the answer to `OPTIONS`.
///
/// How long a file may be kept does not apply to an error: a cache must not keep an error for a
/// year because it may keep the file that long. Only `no-store` and `no-cache` apply to errors,
/// too.
pub(super) fn fields_without_content(options: &Options) -> Result<PreparedFields, String> {
    let forbids = |value: &[u8]| {
        ["no-store", "no-cache"].iter().any(|directive| fields::list_contains(value, directive))
    };
    let is_fit = |name: &str, value: &[u8]| {
        !is_one_of(name, &OF_A_FILE)
            && !is_one_of(name, &NOT_WITHOUT_CONTENT)
            && (!name.to_ascii_lowercase().ends_with("cache-control") || forbids(value))
    };
    let extra = options.extra_response_headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
    PreparedFields::new(extra.filter(|(name, value)| is_fit(name, value)))
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|it| name.eq_ignore_ascii_case(it))
}

/// Which responses have a field. Each variant includes the responses of the variants before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sent {
    /// 200.
    Whole,
    /// 200 and 206.
    Content,
    /// 200, 206 and 304.
    Always,
}

/// What was read from a file, and its stamp at that time.
struct Look {
    /// The time before the file was read.
    now: FileTime,
    stamp: Stamp,
    /// The whole content of a small file, otherwise the beginning.
    first: Vec<u8>,
    is_small: bool,
    /// Whether the size that the system reports is the length of the content.
    is_measured: bool,
}

fn look(file: &File, mut stamp: Stamp) -> io::Result<Look> {
    let mut attempts = 0;
    loop {
        let now = present();
        // Reads one byte more than expected, to notice content beyond the reported size.
        let wanted = if stamp.size() > SMALL_FILE { SMALL_FILE } else { stamp.size() + 1 };
        let mut first = read(file, wanted)?;
        let seen = std::mem::replace(&mut stamp, Stamp::of(file)?);
        // The beginning of a larger file is only needed for its type and charset.
        if stamp.size() > SMALL_FILE && (first.len() as u64 >= SMALL_FILE || stamp != seen) {
            first.truncate(usize::try_from(SMALL_FILE).unwrap_or(usize::MAX));
            return Ok(Look { now, stamp, first, is_small: false, is_measured: true });
        }
        if stamp == seen {
            let is_measured = first.len() as u64 == stamp.size();
            if first.len() as u64 > stamp.size() {
                first = read_unmeasured(file)?;
            }
            return Ok(Look { now, stamp, first, is_small: true, is_measured });
        }
        attempts += 1;
        // A file that is longer each time is a log. Its earlier content is still there.
        if attempts == ATTEMPTS && first.len() as u64 >= seen.size() && stamp.size() > seen.size() {
            first.truncate(usize::try_from(seen.size()).unwrap_or(usize::MAX));
            return Ok(Look { now, stamp, first, is_small: true, is_measured: true });
        }
        if attempts >= ATTEMPTS {
            return Err(io::Error::new(ErrorKind::ResourceBusy, "the file does not stop changing"));
        }
    }
}

/// Reads all of a file that has more bytes than the system says. The system generates the content
/// of some files when they are read, and some file systems do not know a size in advance.
#[cold]
fn read_unmeasured(file: &File) -> io::Result<Vec<u8>> {
    let content = read(file, LONGEST_UNMEASURED + 1)?;
    if content.len() as u64 > LONGEST_UNMEASURED {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

/// Returns the present time as seconds since 1970 and additional nanoseconds.
fn present() -> FileTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}

/// Reads the first `length` bytes of the file, or all of it if it has become shorter.
fn read(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| ErrorKind::FileTooLarge)?];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match sys::read_at(file, rest, filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The largest file that is kept in memory and sent in one write together with its head: 64 KiB,
/// which is as much as the server holds back. For such files, one write costs less than a write and
/// a `sendfile`.
const SMALL_FILE: u64 = 64 * 1024;
/// The largest file that is kept open: 1 MiB. For larger files, opening is the smallest part of the
/// cost, and a deleted file takes its space on the disk as long as anybody has it open.
const LARGEST_OPEN: u64 = 1024 * 1024;
/// How often a file is read at most that changes while it is read.
const ATTEMPTS: u32 = 4;
/// The age in seconds from which a date is a strong validator. RFC 9110 §8.8.2.2 requires one
/// second if the clocks agree.
const STRONG_AFTER: i64 = 2;
/// How long the content of a file in memory is used before it is read again.
const CONTENT_LOOKS: Duration = Duration::from_secs(1);
/// The longest content of a file whose size the system does not tell. It is in memory while it is
/// sent.
const LONGEST_UNMEASURED: u64 = 1024 * 1024;
/// About how many bytes an entry takes beside its content.
const FIXED: u64 = 1024;
/// The user's fields that a 304 leaves out: they describe content, which a 304 does not have (RFC
/// 9110 §15.4.5), and a cache would apply them to the content that it keeps. All other fields are
/// sent, so that clients that have the file learn of them.
const NOT_ON_304: [&str; 9] = [
    "Accept-Ranges",
    "Content-Digest",
    "Content-Encoding",
    "Content-Language",
    "Content-MD5",
    "Content-Type",
    "Digest",
    "Last-Modified",
    "Repr-Digest",
];
/// The user's fields that describe files, and neither listings nor error pages.
const OF_A_FILE: [&str; 12] = [
    "Accept-Ranges",
    "Content-Digest",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Location",
    "Content-MD5",
    "Content-Type",
    "Digest",
    "ETag",
    "Last-Modified",
    "Repr-Digest",
];
/// The user's fields that responses without content never have: such responses have their own, or
/// the field says how long a file may be kept.
const NOT_WITHOUT_CONTENT: [&str; 5] = ["Age", "Allow", "Date", "Expires", "Location"];
