//! A listing as an HTML page, in the same form as Python's.

use std::io;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::http::message::escape;
use crate::sys::FileKind;
use crate::{Source, sys, visible};

use super::shared_names::{NamesHandle, SharedNames, Reader};
use super::names::Names;
use super::{Details, Listing, Look, details};

/// The value of `Content-Type`.
pub(in crate::files) const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// A piece of the page ends with the entry that makes it at least this long: 32 KiB.
const PIECE: usize = 32 * 1024;

/// The characters that are percent-encoded in links: everything but letters, digits and `-._~`.
/// This includes the colon, so that no name looks like a scheme.
const CODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The page, made piece by piece. `L` looks at each entry when the piece with that entry is made.
pub(in crate::files) struct Page<L> {
    path: String,
    held: Ownership,
    look: L,
    /// How many entries have been written. `None` means that not even the beginning of the page has
    /// been.
    shown: Option<usize>,
    /// The name of the last entry that was written.
    last: Vec<u8>,
}

/// The names that are shown. They are owned in one of two ways.
enum Ownership {
    /// Owned by the page, while it is made without waiting for its client.
    Own(Arc<Names>, #[expect(dead_code, reason = "what counts is when it is dropped")] Option<Reader>),
    /// Kept by [`SharedNames`], which may drop them. Then the directory is read again.
    Kept(NamesHandle, Arc<SharedNames>),
}

impl<L: Look> Page<L> {
    pub(in crate::files) fn new(listing: Listing, look: L) -> Self {
        let held = Ownership::Own(listing.names, listing.reader);
        Self { path: listing.path, held, look, shown: None, last: Vec::new() }
    }

    /// Hands the names over to `shared_names`, which bounds the memory of all names.
    pub(in crate::files) fn keep(&mut self, shared_names: &Arc<SharedNames>) {
        if let Ownership::Own(names, _) = &self.held {
            self.held = Ownership::Kept(shared_names.keep(Arc::clone(names)), Arc::clone(shared_names));
        }
    }

    fn names(&mut self) -> io::Result<Arc<Names>> {
        match &self.held {
            Ownership::Own(names, _) => Ok(Arc::clone(names)),
            Ownership::Kept(handle, shared_names) => match handle.names() {
                Some(names) => Ok(names),
                None => self.read_again(&Arc::clone(shared_names)),
            },
        }
    }

    /// Reads the directory again, and continues after the last name that was shown.
    #[cold]
    fn read_again(&mut self, shared_names: &Arc<SharedNames>) -> io::Result<Arc<Names>> {
        let (names, _reader) = self.look.names(shared_names)?;
        self.shown = self.shown.map(|_| names.count_up_to(&self.last));
        let names = Arc::new(names);
        self.held = Ownership::Kept(shared_names.keep(Arc::clone(&names)), Arc::clone(shared_names));
        Ok(names)
    }
}

impl<L: Look> Source for Page<L> {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let names = self.names()?;
        let mut piece = String::with_capacity(PIECE + PIECE / 8);
        let shown = self.shown.unwrap_or_else(|| {
            begin(&mut piece, &self.path);
            0
        });
        let mut rest = names.iter_from(shown);
        let mut last = None;
        while piece.len() < PIECE
            && let Some((name, kind)) = rest.next()
        {
            let details = sys::name_from_bytes(name.to_vec()).and_then(|name| self.look.details(&name));
            item(&mut piece, name, kind, details.as_ref());
            last = Some(name);
        }
        if let Some(name) = last {
            self.last.clear();
            self.last.extend_from_slice(name);
        }
        self.shown = Some(names.len() - rest.len());
        let is_end = rest.len() == 0;
        if is_end {
            piece.push_str(END);
        }
        out.extend_from_slice(piece.as_bytes());
        Ok(!is_end)
    }
}

const BEGIN: &str = concat!(
    "<!DOCTYPE HTML>\n\
     <html lang=\"en\">\n\
     <head>\n\
     <meta charset=\"utf-8\">\n\
     <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
     <style>\n",
    include_str!("page.css"),
    "</style>\n"
);

const END: &str = "</ul>\n<hr>\n</body>\n</html>\n";

fn begin(out: &mut String, path: &str) {
    out.push_str(BEGIN);
    out.push_str("<title>Directory listing for ");
    text(out, path);
    out.push_str("</title>\n</head>\n<body>\n<h1>Directory listing for ");
    text(out, path);
    // There is no link to the directory above, as in Python. So programs that follow every link of
    // a listing fetch exactly the contents of the directory and its subdirectories, and each only
    // once.
    out.push_str("</h1>\n<hr>\n<ul>\n");
}

/// Appends an entry. Up to the end of the link, this is exactly what Python writes, because
/// programs search for that.
fn item(out: &mut String, name: &[u8], kind: FileKind, details: Option<&Details>) {
    // The details take precedence over the kind: some systems do not tell a kind, and the kind of a
    // link is not that of its target.
    let is_directory = details.map_or(kind == FileKind::Directory, |details| details.is_directory);
    out.push_str("<li><a href=\"");
    // Links contain the bytes of the name, so that a name that is not valid text leads to its file
    // as well.
    out.extend(percent_encode(name, CODED));
    if is_directory {
        out.push('/');
    }
    out.push_str("\">");
    text(out, &String::from_utf8_lossy(name));
    match kind {
        FileKind::Link => out.push('@'),
        _ if is_directory => out.push('/'),
        _ => {}
    }
    out.push_str("</a>");
    if let Some(details) = details {
        details::write(out, details);
    }
    out.push_str("</li>\n");
}

/// Appends text between tags. [Deceptive](visible::is_deceptive) characters are shown as the
/// replacement character. HTML has no control characters, and characters that change the writing
/// direction could make an `.exe` look like an `exe.jpg`.
fn text(out: &mut String, text: &str) {
    if text.contains(visible::is_deceptive) {
        escape::html(out, &text.replace(visible::is_deceptive, "\u{fffd}"));
    } else {
        escape::html(out, text);
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::{OsStr, OsString};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// A directory in memory. All of its entries have the same details, or none are known.
    #[derive(Default)]
    struct Folder {
        names: Vec<String>,
        details: Option<Details>,
        looked: Vec<OsString>,
        /// How often the directory was read.
        reads: usize,
    }

    impl Folder {
        fn of(names: Vec<String>) -> Self {
            Self { names, ..Self::default() }
        }

        fn page(mut self, path: &str) -> Page<Self> {
            let (names, reader) = self.names(&SharedNames::new(0)).unwrap();
            Page::new(Listing { path: path.into(), names: Arc::new(names), reader }, self)
        }
    }

    impl Look for Folder {
        fn details(&mut self, name: &OsStr) -> Option<Details> {
            self.looked.push(name.to_owned());
            self.details
        }

        fn names(&mut self, _: &Arc<SharedNames>) -> io::Result<(Names, Option<Reader>)> {
            self.reads += 1;
            let mut names = Names::default();
            self.names.iter().for_each(|name| names.push(name.as_bytes(), FileKind::File));
            names.sort();
            Ok((names, None))
        }
    }

    fn rest_of<L: Look>(page: &mut Page<L>) -> String {
        let mut out = Vec::new();
        while page.pull(&mut out).unwrap() {}
        String::from_utf8(out).unwrap()
    }

    fn many() -> Vec<String> {
        (0..10_000).map(|number| format!("file {number:05}")).collect()
    }

    /// Returns the page of these files without details, and the number of its pieces.
    fn page(path: &str, names: Vec<String>) -> (String, usize) {
        let mut page = Folder::of(names).page(path);
        let (mut out, mut pieces) = (Vec::new(), 1);
        while page.pull(&mut out).unwrap() {
            pieces += 1;
        }
        (String::from_utf8(out).unwrap(), pieces)
    }

    fn shown(name: impl AsRef<[u8]>, kind: FileKind, details: Option<&Details>) -> String {
        let mut out = String::new();
        item(&mut out, name.as_ref(), kind, details);
        out
    }

    fn file(name: impl AsRef<[u8]>) -> String {
        shown(name, FileKind::File, None)
    }

    const FILE: Details = Details { size: 5, modified: Some(UNIX_EPOCH), is_directory: false, is_file: true };
    const DIRECTORY: Details = Details { is_directory: true, is_file: false, ..FILE };

    #[test]
    fn the_page_is_pythons_with_more_in_its_head() {
        let (page, _) = page("/a & b/", vec!["c".into()]);
        let (head, body) = page.split_once("</style>\n").unwrap();
        assert!(
            head.starts_with("<!DOCTYPE HTML>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"),
            "{head}"
        );
        assert_eq!(
            body,
            "<title>Directory listing for /a &amp; b/</title>\n\
             </head>\n\
             <body>\n\
             <h1>Directory listing for /a &amp; b/</h1>\n\
             <hr>\n\
             <ul>\n\
             <li><a href=\"c\">c</a></li>\n\
             </ul>\n\
             <hr>\n\
             </body>\n\
             </html>\n"
        );
    }

    #[test]
    fn the_page_asks_for_nothing_else() {
        let (page, _) = page("/", Vec::new());
        for word in ["url(", "@import", "<link", "<script", "src=", "http:", "https:"] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn size_and_date_stand_behind_the_link() {
        let date = "<time datetime=\"1970-01-01T00:00:00Z\">1970-01-01 00:00</time>";
        assert_eq!(
            shown("a", FileKind::File, Some(&FILE)),
            format!("<li><a href=\"a\">a</a> <data value=\"5\">5 B</data> {date}</li>\n")
        );
        assert_eq!(
            shown("a", FileKind::Directory, Some(&DIRECTORY)),
            format!("<li><a href=\"a/\">a/</a> {date}</li>\n")
        );
    }

    #[test]
    fn directories_have_a_slash_and_links_an_at_sign() {
        let link = |kind, details| {
            let item = shown("a", kind, details);
            item.split_once("</a>").unwrap().0.to_owned()
        };
        let (directory, plain) = ("<li><a href=\"a/\">a/", "<li><a href=\"a\">a");
        assert_eq!(link(FileKind::Directory, Some(&DIRECTORY)), directory);
        assert_eq!(link(FileKind::File, Some(&FILE)), plain);
        assert_eq!(link(FileKind::Link, Some(&DIRECTORY)), "<li><a href=\"a/\">a@");
        assert_eq!(link(FileKind::Link, Some(&FILE)), "<li><a href=\"a\">a@");
        assert_eq!(link(FileKind::Other, Some(&Details { is_file: false, ..FILE })), plain);
        assert_eq!(link(FileKind::Other, Some(&DIRECTORY)), directory);
        assert_eq!(link(FileKind::Other, Some(&FILE)), plain);

        // Details are missing if a link leads nowhere or out of the directory, or if the entry may
        // not be seen or is gone.
        assert_eq!(link(FileKind::Directory, None), directory);
        assert_eq!(link(FileKind::Link, None), "<li><a href=\"a\">a@");
        for kind in [FileKind::File, FileKind::Other] {
            assert_eq!(link(kind, None), plain);
        }
    }

    #[test]
    fn names_bring_neither_markup_nor_a_scheme() {
        assert_eq!(
            file("<i> \"q\" 'q' &amp; ?#%41+;"),
            "<li><a href=\"%3Ci%3E%20%22q%22%20%27q%27%20%26amp%3B%20%3F%23%2541%2B%3B\">\
             &lt;i&gt; \"q\" 'q' &amp;amp; ?#%41+;</a></li>\n"
        );
        assert_eq!(file("javascript:x"), "<li><a href=\"javascript%3Ax\">javascript:x</a></li>\n");
        assert_eq!(file("-a_b.c~"), "<li><a href=\"-a_b.c~\">-a_b.c~</a></li>\n");
        assert_eq!(file("a\nb\u{7}"), "<li><a href=\"a%0Ab%07\">a\u{fffd}b\u{fffd}</a></li>\n");
    }

    #[test]
    fn names_cannot_turn_the_direction_of_writing() {
        assert_eq!(file("a\u{202e}gpj.exe"), "<li><a href=\"a%E2%80%AEgpj.exe\">a\u{fffd}gpj.exe</a></li>\n");
        let (page, _) = page("/\u{2067}\u{2029}/", Vec::new());
        assert_eq!(page.matches("Directory listing for /\u{fffd}\u{fffd}/<").count(), 2, "{page}");
        for mark in ['\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{2069}'] {
            assert!(file(format!("a{mark}b")).contains(">a\u{fffd}b<"), "{mark:?}");
        }
    }

    #[test]
    fn names_beyond_ascii_are_coded_by_their_bytes() {
        assert_eq!(file("čaj"), "<li><a href=\"%C4%8Daj\">čaj</a></li>\n");
        assert_eq!(file(b"a\xff"), "<li><a href=\"a%FF\">a\u{fffd}</a></li>\n");
    }

    #[test]
    fn entries_are_looked_at_when_their_piece_is_made() {
        let details = Some(Details { modified: Some(UNIX_EPOCH + Duration::from_secs(1)), ..FILE });
        let mut page = Folder { names: many(), details, ..Folder::default() }.page("/");
        let mut out = Vec::new();
        assert!(page.pull(&mut out).unwrap());
        let items = String::from_utf8(out).unwrap().matches("00:00</time></li>").count();
        assert!((1..1_000).contains(&items), "{items}");
        let looked = &page.look.looked;
        assert_eq!(looked.len(), items);
        assert_eq!((looked[0].to_str(), looked[1].to_str()), (Some("file 00000"), Some("file 00001")));
    }

    #[test]
    fn names_that_are_kept_are_shown_without_reading_them_again() {
        let shared_names = SharedNames::new(0);
        let (mut one, mut other) = (Folder::of(many()).page("/"), Folder::of(many()).page("/"));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        assert!(one.pull(&mut first).unwrap() && other.pull(&mut second).unwrap());
        one.keep(&shared_names);
        other.keep(&shared_names);
        let whole = page("/", many()).0;
        assert_eq!(String::from_utf8(first).unwrap() + &rest_of(&mut one), whole);
        drop(one);
        assert_eq!(String::from_utf8(second).unwrap() + &rest_of(&mut other), whole);
        assert_eq!((other.look.reads, shared_names.bytes() > 0), (1, true));
        drop(other);
        assert_eq!(shared_names.bytes(), 0);
    }

    #[test]
    fn a_page_whose_names_were_dropped_goes_on_behind_the_last_one() {
        let shared_names = SharedNames::new(0);
        let mut long = Folder::of(many()).page("/");
        let mut out = Vec::new();
        assert!(long.pull(&mut out).unwrap());
        long.keep(&shared_names);
        // Another listing takes the place of these names.
        let mut other = Folder::of(vec!["a".into()]).page("/");
        other.keep(&shared_names);
        let whole = page("/", many()).0;
        assert_eq!(String::from_utf8(out.clone()).unwrap() + &rest_of(&mut long), whole);
        assert_eq!(long.look.reads, 2);
    }

    #[test]
    fn a_page_that_goes_on_shows_each_name_once_that_was_there_all_the_time() {
        let shared_names = SharedNames::new(0);
        let mut long = Folder::of(many()).page("/");
        let mut out = Vec::new();
        assert!(long.pull(&mut out).unwrap());
        long.keep(&shared_names);
        Folder::of(vec!["a".into()]).page("/").keep(&shared_names);
        shared_names.keep(Arc::new(Names::default()));
        // The name that was shown last and all names before it are removed. Others are added.
        let shown = String::from_utf8(out).unwrap();
        let count = shown.matches("<li>").count();
        long.look.names.drain(..count);
        long.look.names.extend(["before".into(), "zebra".into()]);
        let rest = rest_of(&mut long);
        assert_eq!(rest.matches("<li>").count(), 10_000 - count + 1, "{count}");
        assert!(rest.contains(">zebra<") && !rest.contains(">before<"));
        assert!(rest.starts_with(&format!("<li><a href=\"file%20{count:05}\">")));
        assert!(rest.ends_with(END));
    }

    #[test]
    fn a_long_listing_comes_in_pieces_and_whole() {
        let count = 10_000;
        let (page, pieces) = page("/", (0..count).map(|number| format!("file {number}")).collect());
        assert_eq!(page.matches("<li>").count(), count);
        assert_eq!(page.matches("<h1>").count(), 1);
        assert_eq!(page.matches("</html>").count(), 1);
        assert!((page.len() / (PIECE + 100)..=page.len() / PIECE + 1).contains(&pieces), "{pieces}");
    }

    #[test]
    fn an_empty_directory_has_an_empty_list() {
        assert!(page("/", Vec::new()).0.contains("<ul>\n</ul>\n"));
    }
}
