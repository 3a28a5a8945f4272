//! Makes text from outside safe to show: in an HTML page, in a log line, in a message.

use std::fmt::Write as _;

use crate::visible;

/// Appends text with `&`, `<` and `>` as entities. That is enough for text between tags. Quotes are
/// not escaped, so this is not for attributes.
pub(crate) fn html(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
}

/// Appends text as a JSON string (RFC 8259 §7).
pub(crate) fn json(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // JSON allows most of these characters, but a reader would not see what the text
            // contains.
            c if visible::is_deceptive(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Appends text for one line of a log. No control character reaches the terminal or begins another
/// line, and no character changes the direction of the text.
///
/// U+0000–U+001F and U+007F–U+009F become `\xNN` and a backslash is doubled, as in Python, so that
/// escapes can be told from backslashes that were sent. Other [deceptive](visible::is_deceptive)
/// characters become `\uNNNN`.
pub(crate) fn log_text(out: &mut String, text: &str) {
    for c in text.chars() {
        log_char(out, c);
    }
}

/// Like [`log_text`], but for bytes of unknown encoding. They are read as ISO 8859-1, which maps
/// every byte to one character.
pub(crate) fn log_bytes(out: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        log_char(out, char::from(byte));
    }
}

/// Returns bytes in quotes, as Python's `repr` shows them: `'GET'`, `"it's"`, `'\x16\x03'`.
///
/// The result is printable ASCII, so a status line may contain it. Other bytes become `\xNN`.
pub(crate) fn repr(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { b'"' } else { b'\'' };
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push(char::from(quote));
    for &byte in bytes {
        match byte {
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\\' => out.push_str("\\\\"),
            b' '..=b'~' => {
                if byte == quote {
                    out.push('\\');
                }
                out.push(char::from(byte));
            }
            _ => hex(&mut out, byte),
        }
    }
    out.push(char::from(quote));
    out
}

fn log_char(out: &mut String, c: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        // Writing to a String cannot fail.
        c => drop(visible::push(out, c)),
    }
}

fn hex(out: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(out, "\\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(bytes: &[u8]) -> String {
        let mut out = String::new();
        log_bytes(&mut out, bytes);
        out
    }

    #[test]
    fn html_escapes_markup_and_keeps_quotes() {
        let mut out = String::new();
        html(&mut out, r#"<script>alert("a & 'b'")</script>"#);
        assert_eq!(out, r#"&lt;script&gt;alert("a &amp; 'b'")&lt;/script&gt;"#);
    }

    #[test]
    fn log_bytes_are_read_as_latin_1_and_controls_are_escaped() {
        assert_eq!(
            escaped(b"GET /\x00\x1b[31m\x7f\x80\x9f\xa0\xe9\\ \r\n"),
            "GET /\\x00\\x1b[31m\\x7f\\x80\\x9f\u{a0}é\\\\ \\x0d\\x0a"
        );
    }

    #[test]
    fn log_text_keeps_unicode() {
        let mut out = String::new();
        log_text(&mut out, "ĉiuĵaŭde\u{85}\n\\");
        assert_eq!(out, "ĉiuĵaŭde\\x85\\x0a\\\\");
    }

    #[test]
    fn nothing_ends_a_line_or_turns_it() {
        let (mut line, mut object) = (String::new(), String::new());
        let text = "a\u{2028}b\u{2029}\u{85}\u{202a}\u{202e}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}\u{202f}";
        log_text(&mut line, text);
        json(&mut object, text);
        let shown = "a\\u2028b\\u2029\\x85\\u202a\\u202e\\u2066\\u2069\\u200e\\u200f\\u061c\u{202f}";
        assert_eq!(line, shown);
        assert_eq!(object, format!("\"{}\"", shown.replace("\\x85", "\\u0085")));
    }

    #[test]
    fn repr_quotes_like_python() {
        assert_eq!(repr(b"GET"), "'GET'");
        assert_eq!(repr(b"it's"), "\"it's\"");
        assert_eq!(repr(b"it's \"so\""), "'it\\'s \"so\"'");
        assert_eq!(repr(b"\x16\x03\t\r\n\\\xff"), "'\\x16\\x03\\t\\r\\n\\\\\\xff'");
    }

    proptest! {
        #[test]
        fn escaped_text_holds_no_control_character(bytes: Vec<u8>) {
            prop_assert!(!escaped(&bytes).chars().any(char::is_control));
            prop_assert!(repr(&bytes).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
