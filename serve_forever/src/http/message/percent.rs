//! Percent-encoding in paths (RFC 3986 §2.1).

/// The explanation for a client whose path [is malformed](is_malformed).
pub(crate) const MALFORMED: &str =
    "The path has a percent sign that is not followed by two hexadecimal digits";

/// Whether the path has a percent sign that is not followed by two hexadecimal digits.
///
/// A URI cannot have such a path. To read the percent sign as itself would be a guess. Proxies and
/// caches may guess differently, and then two of them see different paths in one request.
pub(crate) fn is_malformed(path: &str) -> bool {
    let bytes = path.as_bytes();
    memchr::memchr_iter(b'%', bytes)
        .any(|at| !bytes.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_percent_sign_needs_two_hexadecimal_digits() {
        for path in ["/%", "/a%4", "/%zz", "/%4z", "/%z4", "/%%41", "/%41%", "/% 41", "/%+4", "/%\u{e9}4"] {
            assert!(is_malformed(path), "{path}");
        }
        for path in ["", "/", "/a+b", "/%41", "/%2f%2F%aA", "/%25zz", "/%c4%8d", "/%00%ff"] {
            assert!(!is_malformed(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_well_formed(text in "\\PC{0,20}") {
            let encoded = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
            prop_assert!(!is_malformed(&encoded.to_string()));
        }
    }
}
