//! The character encoding of text files.

use std::borrow::Cow;

/// Returns the value of `Content-Type` for a file of type `media_type` whose content begins with
/// `first`, or is `first` if `is_whole`.
///
/// Text in UTF-8 gets `charset=utf-8`, because browsers would otherwise guess an older encoding.
/// Other text gets no charset, so that browsers guess. An HTML page that names another encoding
/// itself gets none either, because the charset in the header field would override it. XML gets
/// none, because it always names its encoding. A type that already has a parameter stays as the
/// user set it.
pub(super) fn content_type<'a>(media_type: &'a str, first: &[u8], is_whole: bool) -> Cow<'a, str> {
    let is_utf8 = is_text(media_type)
        && is_utf8_so_far(first, is_whole)
        && !(media_type.eq_ignore_ascii_case("text/html")
            && declared_charset(first).is_some_and(|charset| !is_label_of_utf8(charset)));
    if is_utf8 { format!("{media_type}; charset=utf-8").into() } else { media_type.into() }
}

/// Returns whether these first bytes of a file, or all of them if `is_whole`, can be UTF-8 text.
/// Unless they are all, a character may be cut off at the end.
///
/// NUL is valid in UTF-8, but it does not occur in text. It does occur in UTF-16 and in binary
/// data.
pub(super) fn is_utf8_so_far(first: &[u8], is_whole: bool) -> bool {
    memchr::memchr(0, first).is_none()
        && match std::str::from_utf8(first) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none() && !is_whole,
        }
}

/// Returns the encoding that an HTML file names in its first 1024 bytes, if it names one: by a byte
/// order mark or by a `meta` element. Browsers look for both in the same way if the header fields
/// do not tell.
///
/// This follows the algorithm “prescan a byte stream to determine its encoding” of the HTML
/// standard.
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
            // The attributes of other elements are parsed, because text in their quotes may look
            // like an element.
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

/// Whether the Encoding standard has this name for UTF-8.
fn is_label_of_utf8(label: &str) -> bool {
    const LABELS: [&str; 6] =
        ["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"];
    LABELS.iter().any(|known| label.eq_ignore_ascii_case(known))
}

/// In how many bytes of a page its encoding is searched. The HTML standard requires it to be there.
const PRESCAN: usize = 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The rest of the beginning of a page.
struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    /// Returns the encoding that a `meta` element names. The scan stands at its attributes.
    fn meta(&mut self) -> Option<&'a str> {
        let (mut charset, mut content, mut is_content_type) = (None, None, None);
        while let Some((name, value)) = self.attribute() {
            let is = |expected: &str| name.eq_ignore_ascii_case(expected.as_bytes());
            // If an attribute is repeated, the first one counts.
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

    /// Returns the name and value of the next attribute of an element, or `None` at its end.
    fn attribute(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        self.skip_while(|byte| is_space(byte) || byte == b'/');
        if matches!(self.rest.first(), None | Some(b'>')) {
            return None;
        }
        // An equals sign at the beginning is part of the name.
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
                // Without the closing quote, the value continues beyond the bytes that are
                // searched.
                if self.take(1).is_empty() { None } else { Some((name, value)) }
            }
            _ => Some((name, self.take(position(self.rest, |byte| is_space(byte) || byte == b'>')))),
        }
    }

    /// Skips a comment. `<!-->` is a whole comment: the hyphens at its beginning may also be those
    /// at its end.
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

/// Returns what follows `charset=` in the value of a `content` attribute.
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

/// Returns the position of the first byte for which `stop` returns true, or the length if there is
/// none.
fn position(bytes: &[u8], stop: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&byte| stop(byte)).unwrap_or(bytes.len())
}

/// Whether this byte is white space in HTML.
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ')
}

#[cfg(test)]
mod tests;
