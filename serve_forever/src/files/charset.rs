//! The character encoding of text.

use std::borrow::Cow;

/// The value of `Content-Type` for a file of that type that begins with `first`, which is all of it if `is_whole`.
///
/// Text that is UTF-8 is called so, as browsers would guess something older. Text that is not is left to their guess,
/// and so is a page that names its encoding itself: what is said here would overrule it. XML names its encoding, too,
/// and always. A type with a parameter is what somebody wants it to be.
pub(super) fn content_type<'a>(media_type: &'a str, first: &[u8], is_whole: bool) -> Cow<'a, str> {
    let is_utf8 = is_text(media_type)
        && is_utf8_so_far(first, is_whole)
        && !(media_type.eq_ignore_ascii_case("text/html")
            && declared_charset(first).is_some_and(|charset| !is_label_of_utf8(charset)));
    if is_utf8 { format!("{media_type}; charset=utf-8").into() } else { media_type.into() }
}

/// Whether these first bytes of a file, or all if `is_whole`, can be UTF-8: a character may be cut off at the end.
///
/// NUL is a character of UTF-8, but none of text. It is half of UTF-16, and found in what is no text at all.
pub(super) fn is_utf8_so_far(first: &[u8], is_whole: bool) -> bool {
    memchr::memchr(0, first).is_none()
        && match std::str::from_utf8(first) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none() && !is_whole,
        }
}

/// The encoding that an HTML file names in its first 1024 bytes, if it does: by a byte order mark, or by a `meta`
/// element. Browsers look for both the same way, when they are not told.
///
/// It goes by the algorithm “prescan a byte stream to determine its encoding” of the HTML standard.
pub(super) fn declared_charset(first: &[u8]) -> Option<&str> {
    if first.starts_with(BYTE_ORDER_MARK) {
        return Some("utf-8");
    }
    let mut scan = Scan { rest: first.get(..PRESCAN).unwrap_or(first) };
    while let Some((&byte, after)) = scan.rest.split_first() {
        if byte != b'<' {
            scan.rest = after;
            continue;
        }
        match after {
            [b'!', b'-', b'-', ..] => scan.skip_comment(),
            [b'm' | b'M', b'e' | b'E', b't' | b'T', b'a' | b'A', end, ..]
                if is_space(*end) || *end == b'/' =>
            {
                scan.rest = after.get(4..).unwrap_or_default();
                let charset = scan.meta();
                if charset.is_some() {
                    return charset;
                }
            }
            // The attributes of other elements are read, as what looks like an element within their quotes is none.
            [letter, ..] | [b'/', letter, ..] if letter.is_ascii_alphabetic() => {
                scan.skip_until(|byte| is_space(byte) || byte == b'>');
                while scan.attribute().is_some() {}
            }
            [b'!' | b'/' | b'?', ..] => scan.skip_until(|byte| byte == b'>'),
            _ => scan.rest = after,
        }
    }
    None
}

fn is_text(media_type: &str) -> bool {
    let Some((top, subtype)) = media_type.split_once('/') else { return false };
    let is_xml = subtype.eq_ignore_ascii_case("xml")
        || subtype.eq_ignore_ascii_case("xml-external-parsed-entity")
        || subtype.rsplit_once('+').is_some_and(|(_, suffix)| suffix.eq_ignore_ascii_case("xml"));
    top.eq_ignore_ascii_case("text") && !is_xml && !subtype.contains(';')
}

/// The names that the Encoding standard has for UTF-8.
fn is_label_of_utf8(label: &str) -> bool {
    const LABELS: [&str; 6] =
        ["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"];
    LABELS.iter().any(|known| label.eq_ignore_ascii_case(known))
}

/// Bytes of a page in which its encoding is looked for: the HTML standard wants it there.
const PRESCAN: usize = 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is left of the beginning of a page.
struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    /// The encoding that a `meta` element names, from its attributes on.
    fn meta(&mut self) -> Option<&'a str> {
        let (mut charset, mut content, mut is_content_type) = (None, None, None);
        while let Some((name, value)) = self.attribute() {
            let is = |expected: &str| name.eq_ignore_ascii_case(expected.as_bytes());
            // Of several attributes of one name the first counts.
            if is("charset") {
                charset.get_or_insert(value);
            } else if is("content") {
                content.get_or_insert(value);
            } else if is("http-equiv") {
                is_content_type.get_or_insert(value.eq_ignore_ascii_case(b"content-type"));
            }
        }
        let by_content = content.filter(|_| is_content_type == Some(true)).and_then(charset_of_content);
        let label = charset.or(by_content)?.trim_ascii();
        std::str::from_utf8(label).ok().filter(|label| !label.is_empty())
    }

    /// The name and value of the next attribute of an element; `None` at its end.
    fn attribute(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        self.skip_while(|byte| is_space(byte) || byte == b'/');
        if matches!(self.rest.first(), None | Some(b'>')) {
            return None;
        }
        // An equals sign at the beginning belongs to the name.
        let length = 1 + position(self.rest.get(1..)?, |byte| is_space(byte) || b"=/>".contains(&byte));
        let name = self.take(length);
        self.skip_while(is_space);
        if self.rest.first() != Some(&b'=') {
            return Some((name, &[]));
        }
        self.take(1);
        self.skip_while(is_space);
        match self.rest.first() {
            Some(&quote @ (b'"' | b'\'')) => {
                self.take(1);
                let value = self.take(position(self.rest, |byte| byte == quote));
                // Without the second quote the value goes on where nobody looks.
                if self.take(1).is_empty() { None } else { Some((name, value)) }
            }
            _ => Some((name, self.take(position(self.rest, |byte| is_space(byte) || byte == b'>')))),
        }
    }

    /// Goes behind a comment. `<!-->` is one, since the hyphens at its beginning may be those at its end.
    fn skip_comment(&mut self) {
        let inside = self.rest.get(2..).unwrap_or_default();
        let end = inside.windows(3).position(|window| window == b"-->");
        self.rest = end.and_then(|end| inside.get(end + 3..)).unwrap_or_default();
    }

    fn skip_until(&mut self, stop: impl Fn(u8) -> bool) {
        self.take(position(self.rest, stop));
    }

    fn skip_while(&mut self, skip: impl Fn(u8) -> bool) {
        self.skip_until(|byte| !skip(byte));
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }
}

/// What follows `charset=` in the value of a `content` attribute.
fn charset_of_content(content: &[u8]) -> Option<&[u8]> {
    let mut scan = Scan { rest: content };
    loop {
        let at = scan.rest.windows(7).position(|window| window.eq_ignore_ascii_case(b"charset"))?;
        scan.take(at + 7);
        scan.skip_while(is_space);
        if scan.rest.first() == Some(&b'=') {
            break;
        }
    }
    scan.take(1);
    scan.skip_while(is_space);
    match scan.rest.first() {
        Some(&quote @ (b'"' | b'\'')) => {
            scan.take(1);
            let length = scan.rest.iter().position(|&byte| byte == quote)?;
            Some(scan.take(length))
        }
        _ => Some(scan.take(position(scan.rest, |byte| is_space(byte) || byte == b';'))),
    }
}

/// The place of the first byte that `stop` names, or the end.
fn position(bytes: &[u8], stop: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&byte| stop(byte)).unwrap_or(bytes.len())
}

/// White space of HTML.
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ')
}

#[cfg(test)]
mod tests;
