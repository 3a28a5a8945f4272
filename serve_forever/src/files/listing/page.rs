//! A listing as a page of HTML, in the form that Python gives it.

use std::io;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::Source;
use crate::http::escape;

use super::{Entry, Listing};

/// The value of `Content-Type`.
pub(in crate::files) const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// A piece of the page ends with the entry that makes it longer than so many octets: 32 KiB.
const PIECE: usize = 32 * 1024;

/// What is coded in links: everything but letters, digits and `-._~`. A colon is, so that no name looks like a
/// scheme.
const CODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The page, made piece by piece: a directory can have a million entries.
#[derive(Debug)]
pub(in crate::files) struct Page {
    listing: Listing,
    /// How many entries are out; `None`: not even the beginning is.
    shown: Option<usize>,
}

impl Page {
    pub(in crate::files) fn new(listing: Listing) -> Self {
        Self { listing, shown: None }
    }
}

impl Source for Page {
    fn pull(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let mut piece = String::with_capacity(PIECE + PIECE / 8);
        let shown = self.shown.unwrap_or_else(|| {
            begin(&mut piece, &self.listing.path);
            0
        });
        let mut rest = self.listing.entries.get(shown..).unwrap_or_default().iter();
        while piece.len() < PIECE
            && let Some(entry) = rest.next()
        {
            item(&mut piece, entry);
        }
        self.shown = Some(self.listing.entries.len() - rest.len());
        let is_end = rest.len() == 0;
        if is_end {
            piece.push_str(END);
        }
        out.extend_from_slice(piece.as_bytes());
        Ok(!is_end)
    }
}

const BEGIN: &str = "\
<!DOCTYPE HTML>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<style>
:root { color-scheme: light dark; }
body { margin: 1rem; font-family: system-ui, sans-serif; line-height: 1.5; overflow-wrap: anywhere; }
</style>
";

const END: &str = "</ul>\n<hr>\n</body>\n</html>\n";

fn begin(out: &mut String, path: &str) {
    out.push_str(BEGIN);
    out.push_str("<title>Directory listing for ");
    text(out, path);
    out.push_str("</title>\n</head>\n<body>\n<h1>Directory listing for ");
    text(out, path);
    out.push_str("</h1>\n<hr>\n<ul>\n");
}

fn item(out: &mut String, entry: &Entry) {
    out.push_str("<li><a href=\"");
    // Links carry the octets of a name, so that one which is no text leads to its file as well.
    out.extend(percent_encode(entry.name.as_encoded_bytes(), CODED));
    if entry.is_directory {
        out.push('/');
    }
    out.push_str("\">");
    text(out, &entry.name.to_string_lossy());
    match entry {
        Entry { is_link: true, .. } => out.push('@'),
        Entry { is_directory: true, .. } => out.push('/'),
        _ => {}
    }
    out.push_str("</a></li>\n");
}

/// Text between tags. Control characters, which HTML does not have, are shown as unknown ones.
fn text(out: &mut String, text: &str) {
    if text.contains(char::is_control) {
        escape::html(out, &text.replace(char::is_control, "\u{fffd}"));
    } else {
        escape::html(out, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> Entry {
        Entry { name: name.into(), is_directory: false, is_link: false }
    }

    fn page(path: &str, entries: Vec<Entry>) -> (String, usize) {
        let mut page = Page::new(Listing { path: path.into(), entries });
        let (mut out, mut pieces) = (Vec::new(), 1);
        while page.pull(&mut out).unwrap() {
            pieces += 1;
        }
        (String::from_utf8(out).unwrap(), pieces)
    }

    fn shown(entry: &Entry) -> String {
        let mut out = String::new();
        item(&mut out, entry);
        out
    }

    #[test]
    fn the_page_is_pythons_with_more_in_its_head() {
        let (page, _) = page("/a & b/", vec![file("c")]);
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
    fn directories_have_a_slash_and_links_an_at_sign() {
        let entry = |is_directory, is_link| Entry { name: "a".into(), is_directory, is_link };
        assert_eq!(shown(&entry(true, false)), "<li><a href=\"a/\">a/</a></li>\n");
        assert_eq!(shown(&entry(false, true)), "<li><a href=\"a\">a@</a></li>\n");
        assert_eq!(shown(&entry(true, true)), "<li><a href=\"a/\">a@</a></li>\n");
    }

    #[test]
    fn names_bring_neither_markup_nor_a_scheme() {
        assert_eq!(
            shown(&file("<i> \"q\" 'q' &amp; ?#%41+;")),
            "<li><a href=\"%3Ci%3E%20%22q%22%20%27q%27%20%26amp%3B%20%3F%23%2541%2B%3B\">\
             &lt;i&gt; \"q\" 'q' &amp;amp; ?#%41+;</a></li>\n"
        );
        assert_eq!(shown(&file("javascript:x")), "<li><a href=\"javascript%3Ax\">javascript:x</a></li>\n");
        assert_eq!(shown(&file("-a_b.c~")), "<li><a href=\"-a_b.c~\">-a_b.c~</a></li>\n");
        assert_eq!(shown(&file("a\nb\u{7}")), "<li><a href=\"a%0Ab%07\">a\u{fffd}b\u{fffd}</a></li>\n");
    }

    #[test]
    fn names_beyond_ascii_are_coded_by_their_octets() {
        assert_eq!(shown(&file("čaj")), "<li><a href=\"%C4%8Daj\">čaj</a></li>\n");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_have_links_too() {
        use std::os::unix::ffi::OsStringExt;
        let entry = Entry {
            name: std::ffi::OsString::from_vec(b"a\xff".to_vec()),
            is_directory: false,
            is_link: false,
        };
        assert_eq!(shown(&entry), "<li><a href=\"a%FF\">a\u{fffd}</a></li>\n");
    }

    #[test]
    fn a_long_listing_comes_in_pieces_and_whole() {
        let count = 10_000;
        let (page, pieces) = page("/", (0..count).map(|number| file(&format!("file {number}"))).collect());
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
