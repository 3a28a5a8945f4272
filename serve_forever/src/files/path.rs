//! Converts the path of a request to a path below the served directory.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::http::message::percent::is_malformed;
use crate::sys;

/// The path of a request in a form that cannot lead out of the directory that it is joined to: each
/// component is a plain name. (Links in the file system are a separate matter, because they are
/// followed.)
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RequestPath {
    relative: PathBuf,
    end: End,
}

/// What the end of a path says about its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// A name: the target is a file or a directory.
    Name,
    /// `.` or `..`: the target must be a directory. `/a/.` is `/a/` (RFC 3986 §5.2.4).
    Dots,
    /// A slash: the target must be a directory.
    Slash,
}

/// Why a path cannot have a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathError {
    /// The path [is malformed](is_malformed) and so not a valid part of a URI.
    Malformed,
    /// The path contains a name that no file can have.
    NoName,
}

impl RequestPath {
    /// Splits the path at its slashes and then decodes each part once. So a percent-encoded slash
    /// never separates anything.
    ///
    /// As in Python, `..` at the top stays there, and a percent-encoded slash at the very end
    /// counts as a slash.
    pub(crate) fn parse(url_path: &str) -> Result<Self, PathError> {
        if is_malformed(url_path) {
            return Err(PathError::Malformed);
        }
        let mut relative = PathBuf::new();
        let mut end = End::Name;
        let mut segments = url_path.split('/').peekable();
        while let Some(segment) = segments.next() {
            let mut name: Vec<u8> = percent_decode_str(segment).collect();
            if segments.peek().is_none() {
                end = match name.as_slice() {
                    [] | [.., b'/'] => End::Slash,
                    b"." | b".." => End::Dots,
                    _ => End::Name,
                };
                while name.pop_if(|byte| *byte == b'/').is_some() {}
            }
            match name.as_slice() {
                b"" | b"." => {}
                b".." => {
                    relative.pop();
                }
                bytes if bytes.contains(&b'/') || bytes.contains(&b'\0') => {
                    return Err(PathError::NoName);
                }
                _ => relative.push(sys::name_from_bytes(name).ok_or(PathError::NoName)?),
            }
        }
        Ok(Self { relative, end })
    }

    /// Returns the path below the root. It consists of plain names only.
    pub(crate) fn relative(&self) -> &Path {
        &self.relative
    }

    /// Returns whether any of its names is [hidden](is_hidden_name).
    pub(crate) fn is_hidden(&self) -> bool {
        self.relative.iter().any(|name| is_hidden_name(name.as_encoded_bytes()))
    }

    /// Returns whether the path ends in a slash or in dots, so that its target must be a directory.
    pub(crate) fn names_directory(&self) -> bool {
        self.end != End::Name
    }

    /// Returns whether relative links on the page of this directory lead to what is in it. This is
    /// not the case for `/a/b/..`: a client that keeps the dots resolves `c` to `/a/b/c`.
    pub(crate) fn ends_in_slash(&self) -> bool {
        self.end == End::Slash
    }

    /// Returns the path for display: decoded, and with a slash at both ends.
    pub(crate) fn display(&self) -> String {
        let mut shown = String::from("/");
        for name in &self.relative {
            shown.push_str(&name.to_string_lossy());
            shown.push('/');
        }
        shown
    }
}

/// Returns whether a name begins with a dot, as those of private files do. `.well-known` is an
/// exception, because clients are meant to find it (RFC 8615).
pub(crate) fn is_hidden_name(name: &[u8]) -> bool {
    name.starts_with(b".") && name != b".well-known"
}

/// Returns the location of the requested directory with a slash at its end, for a redirect.
///
/// Repeated slashes are collapsed and backslashes are percent-encoded, because browsers would take
/// `//name` or `/\name` for another host.
pub(crate) fn with_slash(url_path: &str, query: Option<&str>) -> String {
    let mut location = String::with_capacity(url_path.len() + query.map_or(0, str::len) + 2);
    for segment in url_path.split('/').filter(|segment| !segment.is_empty()) {
        location.push('/');
        location.push_str(&segment.replace('\\', "%5C"));
    }
    location.push('/');
    if let Some(query) = query {
        location.push('?');
        location.push_str(query);
    }
    location
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use proptest::prelude::*;

    use super::*;

    /// Returns the path below the root, with a slash at its end if it must be a directory.
    fn parsed(url_path: &str) -> Option<String> {
        let path = RequestPath::parse(url_path).ok()?;
        let mut shown = path.relative.to_str().unwrap().replace('\\', "/");
        if path.names_directory() {
            shown.push('/');
        }
        Some(shown)
    }

    #[test]
    fn segments_are_decoded_once() {
        assert_eq!(parsed("/a%20b/%63.txt").unwrap(), "a b/c.txt");
        assert_eq!(parsed("/%2561").unwrap(), "%61");
        assert_eq!(parsed("/%C4%8Daj").unwrap(), "čaj");
        assert_eq!(parsed("/a+b").unwrap(), "a+b");
    }

    #[test]
    fn a_percent_sign_without_digits_is_malformed() {
        for path in ["/%", "/100%", "/%zz", "/a%4", "/%zz/../a", "/a%2f%", "/%2f/%", "/.git/%g0"] {
            assert_eq!(RequestPath::parse(path), Err(PathError::Malformed), "{path}");
        }
        assert_eq!(RequestPath::parse("/a%2fb%00"), Err(PathError::NoName));
    }

    #[test]
    fn dots_at_the_end_stand_for_a_directory() {
        for path in ["/a/.", "/a/b/..", "/a/%2e", "/a/b/.%2E", "/a//.", "/a/./."] {
            let parsed = RequestPath::parse(path).unwrap();
            assert_eq!(parsed.relative(), Path::new("a"), "{path}");
            assert!(parsed.names_directory() && !parsed.ends_in_slash(), "{path}");
        }
        for path in ["/a/", "/a/./", "/a/b/../", "/a%2f", "/a/.%2f", "/a/b/..%2F"] {
            let parsed = RequestPath::parse(path).unwrap();
            assert_eq!(parsed.relative(), Path::new("a"), "{path}");
            assert!(parsed.names_directory() && parsed.ends_in_slash(), "{path}");
        }
        for path in ["/a", "/./a", "/x/../a", "/x/./../a"] {
            assert!(!RequestPath::parse(path).unwrap().names_directory(), "{path}");
        }
    }

    #[test]
    fn empty_segments_and_dots_are_dropped() {
        assert_eq!(parsed("/").unwrap(), "/");
        assert_eq!(parsed("").unwrap(), "/");
        assert_eq!(parsed("///a//b").unwrap(), "a/b");
        assert_eq!(parsed("/./a/%2e/b/.").unwrap(), "a/b/");
    }

    #[test]
    fn two_dots_go_up_but_not_above_the_root() {
        assert_eq!(parsed("/a/../b").unwrap(), "b");
        assert_eq!(parsed("/a/b/%2E%2e/c").unwrap(), "a/c");
        assert_eq!(parsed("/../../etc/passwd").unwrap(), "etc/passwd");
        assert_eq!(parsed("/a/../../../b").unwrap(), "b");
        assert_eq!(parsed("/..").unwrap(), "/");
    }

    #[test]
    fn dots_that_are_part_of_a_name_stay() {
        assert_eq!(
            parsed("/.../..a/a../.b").unwrap_or("refused".into()),
            if cfg!(unix) { ".../..a/a../.b" } else { "refused" }
        );
    }

    #[test]
    fn a_coded_slash_separates_nothing() {
        assert_eq!(parsed("/a%2fb"), None);
        assert_eq!(parsed("/..%2f..%2fetc%2fpasswd"), None);
        assert_eq!(parsed("/a/%2Fetc/passwd"), None);
        assert_eq!(parsed("/%2f/a"), None);
    }

    #[test]
    fn a_coded_slash_at_the_end_is_a_slash_at_the_end() {
        assert_eq!(parsed("/a%2f").unwrap(), "a/");
        assert_eq!(parsed("/a%2F%2f").unwrap(), "a/");
        assert_eq!(parsed("/%2f").unwrap(), "/");
        assert_eq!(parsed("/a/..%2f").unwrap(), "/");
        assert_eq!(parsed("/a/").unwrap(), "a/");
        assert_eq!(parsed("/a/.").unwrap(), "a/");
    }

    #[test]
    fn names_that_begin_with_a_dot_are_hidden() {
        let is_hidden = |path| RequestPath::parse(path).unwrap().is_hidden();
        for path in ["/.git/config", "/a/.env", "/%2egit", "/.well-known/.git", "/..a"] {
            assert!(is_hidden(path), "{path}");
        }
        for path in ["/", "/a.b", "/.well-known/security.txt", "/./a", "/.git/../a"] {
            assert!(!is_hidden(path), "{path}");
        }
    }

    #[test]
    fn nul_is_in_no_name() {
        assert_eq!(parsed("/a%00"), None);
        assert_eq!(parsed("/%00/.."), None);
    }

    #[cfg(unix)]
    #[test]
    fn on_unix_names_are_bytes_and_a_backslash_is_one_of_them() {
        use std::os::unix::ffi::OsStrExt;
        let path = RequestPath::parse("/%ff%FE/..\\a%5c..").unwrap();
        assert_eq!(path.relative.as_os_str().as_bytes(), b"\xff\xfe/..\\a\\..");
        assert_eq!(path.display(), "/\u{fffd}\u{fffd}/..\\a\\../");
    }

    #[cfg(windows)]
    #[test]
    fn on_windows_what_is_more_than_a_name_is_refused() {
        for path in
            ["/a\\b", "/..\\a", "/..%5ca", "/C:", "/C:/a", "/a:b", "/..%20/a", "/nul", "/com1.txt", "/%ff"]
        {
            assert_eq!(parsed(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_shown_is_decoded_and_has_a_slash_at_both_ends() {
        assert_eq!(RequestPath::parse("/").unwrap().display(), "/");
        assert_eq!(RequestPath::parse("/a%20b/../%3Cc%3E").unwrap().display(), "/<c>/");
    }

    #[test]
    fn a_redirect_keeps_the_path_as_it_was_written() {
        assert_eq!(with_slash("/a%20b/c", None), "/a%20b/c/");
        assert_eq!(with_slash("/a", Some("x=1/&y")), "/a/?x=1/&y");
        assert_eq!(with_slash("/a", Some("")), "/a/?");
        assert_eq!(with_slash("/a/..", None), "/a/../");
    }

    #[test]
    fn a_redirect_leads_to_no_other_host() {
        assert_eq!(with_slash("//evil", None), "/evil/");
        assert_eq!(with_slash("/\\evil", None), "/%5Cevil/");
        assert_eq!(with_slash("/.//evil", None), "/./evil/");
        assert_eq!(with_slash("/\\/\\evil", None), "/%5C/%5Cevil/");
    }

    /// The pieces from which an attacker would build a path.
    const PIECES: [&str; 15] =
        ["/", ".", "..", "%2e", "%2F", "%2f", "\\", "%5c", "a", "%00", "%25", "C:", "%ff", " ", "%"];

    proptest! {
        #[test]
        fn no_spelling_leads_out(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..12)) {
            let written = pieces.concat();
            if let Ok(path) = RequestPath::parse(&written) {
                prop_assert!(!is_malformed(&written), "{written}");
                let is_plain = |step| matches!(step, Component::Normal(_));
                prop_assert!(path.relative.components().all(is_plain), "{written}");
                prop_assert!(Path::new("/root").join(path.relative()).starts_with("/root"));
            }
            let location = with_slash(&written, None);
            prop_assert!(!location.starts_with("//") && !location.contains('\\'), "{location}");
        }
    }
}
