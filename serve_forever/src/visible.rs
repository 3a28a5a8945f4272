//! Which characters may be shown unchanged in a terminal and in a line of a log.

use std::fmt;

/// Whether `c` could make text look different from what it contains. Control characters are
/// commands to a terminal, or end a line. U+2028 and U+2029 end a line for programs that split
/// lines by the rules of Unicode. The marks, embeddings, overrides and isolates of bidirectional
/// text show the characters around them in another order.
pub(crate) fn is_deceptive(c: char) -> bool {
    matches!(
        c,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

/// Writes `c`, or `\xNN` or `\uNNNN` in its place if `c` is deceptive.
pub(crate) fn push(out: &mut impl fmt::Write, c: char) -> fmt::Result {
    match u32::from(c) {
        _ if !is_deceptive(c) => out.write_char(c),
        code @ ..=0xff => write!(out, "\\x{code:02x}"),
        code => write!(out, "\\u{code:04x}"),
    }
}

/// Shows text on one line. Used for messages that may quote what a client sent.
pub(crate) struct OneLine<'t>(pub(crate) &'t str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| push(f, c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_spelled_out() {
        let text = "a\x1b[31m\r\nb\u{7f}\u{85}\u{9b} č\\ \u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}";
        assert_eq!(
            OneLine(text).to_string(),
            "a\\x1b[31m\\x0d\\x0ab\\x7f\\x85\\x9b č\\ \\u061c\\u200e\\u200f\\u2028\\u2029\\u202a\\u202e\\u2066\\u2069"
        );
    }

    #[test]
    fn every_control_character_deceives() {
        assert!((char::MIN..=char::MAX).all(|c| !c.is_control() || is_deceptive(c)));
        assert_eq!((char::MIN..=char::MAX).filter(|c| is_deceptive(*c)).count(), 65 + 3 + 7 + 4);
    }
}
