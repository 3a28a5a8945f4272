//! Names of files as they come over the wire: bytes.

use std::ffi::{OsStr, OsString};

/// The name that these bytes are, for one step of a path. `None`: no file can have that name, or
/// the system would take it for something else than a name. `.`, `..`, slashes and NUL are the
/// caller's matter.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "on other systems not every name will do")]
pub(crate) fn name_from_bytes(bytes: Vec<u8>) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt;
    Some(OsString::from_vec(bytes))
}

#[cfg(not(unix))]
pub(crate) fn name_from_bytes(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().filter(|name| is_plain(name)).map(OsString::from)
}

/// Whether Windows takes this as the name of a file and nothing more: no separator, drive or
/// stream, none of the characters that names cannot have, no dot or space at the end (which Windows
/// removes, so that `.. ` becomes `..`), and no device.
#[cfg(any(not(unix), test))]
fn is_plain(name: &str) -> bool {
    let is_forbidden = |c: char| c.is_ascii_control() || r#"<>:"/\|?*"#.contains(c);
    !name.contains(is_forbidden) && !name.ends_with(['.', ' ']) && !is_device(name)
}

/// Whether the name is one of a device. It remains one with an extension, and with spaces before
/// that.
#[cfg(any(not(unix), test))]
fn is_device(name: &str) -> bool {
    const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
    const NUMBERED: [&str; 2] = ["COM", "LPT"];
    let name = name.split('.').next().unwrap_or_default().trim_end_matches(' ');
    let is_numbered = |device: &str| {
        let (start, number) = name.split_at_checked(device.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(device)
            && matches!(number, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
    };
    DEVICES.iter().any(|device| name.eq_ignore_ascii_case(device)) || NUMBERED.into_iter().any(is_numbered)
}

/// Whether some file system may know a file by this name whose own name begins with a dot.
///
/// Some give each file a second, short name (`GIT~1` for `.git`), some do not see characters that
/// nobody sees, and some take one character for another that looks like it. None of these makes a
/// dot of a letter.
pub(super) fn may_be_alias(name: &[u8]) -> bool {
    is_like_short_name(name) || begins_like_dot(name)
}

/// Whether the name has the form of those that FAT, NTFS and Samba make: at most eight characters,
/// and three behind a dot, with a tilde.
fn is_like_short_name(name: &[u8]) -> bool {
    if !name.contains(&b'~') {
        return false;
    }
    let name = String::from_utf8_lossy(name);
    let (base, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    base.chars().count() <= 8 && extension.chars().count() <= 3
}

/// Whether the first character is one that file systems which fold characters may leave out (the
/// default ignorables of Unicode) or take for dots (what is compatible with them), or is none.
fn begins_like_dot(name: &[u8]) -> bool {
    if name.first().is_none_or(u8::is_ascii) {
        return false;
    }
    let first = name.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    let Some(first) = first else { return true };
    matches!(
        first,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
            | '\u{2024}'..='\u{2026}'
            | '\u{fe19}'
            | '\u{fe30}'
            | '\u{fe52}'
            | '\u{ff0e}'
    )
}

/// Whether these are one name, but for the case of letters.
pub(super) fn is_same_but_for_case(one: &OsStr, other: &OsStr) -> bool {
    one == other || one.to_string_lossy().to_lowercase() == other.to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_may_lead_to_others_are_told_from_those_that_cannot() {
        for name in [
            "GIT~1",
            "git~1",
            "_GIT~IBP",
            "GI7EB~1",
            "ENV~1.LOC",
            "HTACCE~1",
            "~1",
            "a~",
            "Ä~1.txt",
            "\u{200c}.git",
            "\u{feff}.git",
            "\u{200b}\u{200d}.git",
            "\u{2024}git",
            "\u{ff0e}git",
            "\u{2026}git",
            "\u{202e}tig.",
            "\u{ad}.env",
        ] {
            assert!(may_be_alias(name.as_bytes()), "{name:?}");
        }
        assert!(may_be_alias(b"\xff.git"));
        for name in [
            "git",
            ".git",
            "a.txt~",
            "notes~2026.html",
            "a long name~1",
            "archive.tar~1.gz",
            "a\u{200c}b",
            "\u{10d}aj",
            "\u{8336}.txt",
            "a.\u{ff0e}",
            "",
            "_",
            " a",
        ] {
            assert!(!may_be_alias(name.as_bytes()), "{name:?}");
        }
        assert!(!may_be_alias(b"a\xff"));
    }

    #[test]
    fn names_are_the_same_whatever_their_case() {
        let same = |one: &str, other: &str| is_same_but_for_case(one.as_ref(), other.as_ref());
        assert!(same("GIT~1", "git~1") && same("\u{10c}~", "\u{10d}~") && same("a", "a"));
        assert!(!same("GIT~1", "GIT~2") && !same("GIT~1", ".git") && !same("a", "a."));
    }

    #[test]
    fn names_that_windows_reads_as_more_than_a_name_are_refused() {
        for name in [
            "C:",
            "C:x",
            "a.txt::$DATA",
            "..\\a",
            "\\",
            "a/b",
            ".. ",
            "...",
            "a.",
            "a ",
            "a\n",
            "\0",
            "a*",
            "\"",
            "<",
            "nul",
            "NUL.txt",
            "Con",
            "aux.tar.gz",
            "com1",
            "COM¹.x",
            "lpt9",
            "nul .txt",
            "conin$",
            "prn",
            "a:b",
            "a:b:$DATA",
            ".git::$INDEX_ALLOCATION",
            "NUL ",
            "nul. .",
            "nul..txt",
            "COM1.txt",
            "com\u{b2}.log",
            "LPT\u{b3}",
            "lpt0",
            "CONOUT$.x",
            "a. ",
            "a .",
            "a\u{7f}",
        ] {
            assert!(!is_plain(name), "{name:?}");
        }
    }

    #[test]
    fn ordinary_names_are_taken() {
        for name in [
            "a.txt",
            ".profile",
            "..a",
            "COM",
            "COM10",
            "nullo.txt",
            "console",
            "a b",
            "čaj",
            "a;b,c=d",
            "LPT²x",
        ] {
            assert!(is_plain(name), "{name:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn on_unix_every_byte_is_one_of_a_name() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(name_from_bytes(b"\xff\\:. ".to_vec()).unwrap().as_bytes(), b"\xff\\:. ");
    }
}
