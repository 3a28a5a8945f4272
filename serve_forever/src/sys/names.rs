//! Names of files as they come over the wire: octets.

use std::ffi::OsString;

/// The name that these octets are, for one step of a path. `None`: no file can have that name, or the system would take it for something
/// else than a name. `.`, `..`, slashes and NUL are the caller's matter.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "on other systems not every name will do")]
pub(crate) fn name_from_octets(octets: Vec<u8>) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt;
    Some(OsString::from_vec(octets))
}

#[cfg(not(unix))]
pub(crate) fn name_from_octets(octets: Vec<u8>) -> Option<OsString> {
    String::from_utf8(octets).ok().filter(|name| is_plain(name)).map(OsString::from)
}

/// Whether Windows takes this as the name of a file and nothing more: no separator, drive or stream, none of the characters that names
/// cannot have, no dot or space at the end (which Windows removes, so that `.. ` becomes `..`), and no device.
#[cfg(any(not(unix), test))]
fn is_plain(name: &str) -> bool {
    let is_forbidden = |c: char| c.is_ascii_control() || r#"<>:"/\|?*"#.contains(c);
    !name.contains(is_forbidden) && !name.ends_with(['.', ' ']) && !is_device(name)
}

/// Whether the name is one of a device. It remains one with an extension, and with spaces before that.
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn on_unix_every_octet_is_one_of_a_name() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(name_from_octets(b"\xff\\:. ".to_vec()).unwrap().as_bytes(), b"\xff\\:. ");
    }
}
