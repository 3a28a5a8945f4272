//! The media type that a client prefers, according to its `Accept` fields (RFC 9110 §12.5.1).

use crate::http::message::fields::trim_blanks;

/// Returns the offer that the client prefers, according to the lines of `Accept`. The offers are
/// media types (`type/subtype`), best first. If the client has no preference, it gets the first
/// one.
///
/// ```abnf
/// Accept      = [ ( media-range [ weight ] ) *( OWS "," OWS ( media-range [ weight ] ) ) ]
/// media-range = ( "*/*" / ( type "/" "*" ) / ( type "/" subtype ) ) parameters
/// weight      = OWS ";" OWS "q=" qvalue
/// ```
///
/// Of two offers with the same weight, the one with the more precise match wins: an offer that is
/// named goes before one that only a `*` matches. If no offer is acceptable, the result is the
/// first one all the same.
pub(crate) fn preferred<'o>(
    lines: impl Iterator<Item = impl AsRef<[u8]>>,
    offers: &[&'o str],
) -> Option<&'o str> {
    best(lines, offers).map(|(offer, _)| offer)
}

/// Like [`preferred`], but returns `None` if no offer is acceptable.
pub(crate) fn acceptable<'o>(
    lines: impl Iterator<Item = impl AsRef<[u8]>>,
    offers: &[&'o str],
) -> Option<&'o str> {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return offers.first().copied();
    }
    best(lines, offers).filter(|(_, preference)| preference.quality > 0).map(|(offer, _)| offer)
}

fn best<'o>(
    lines: impl Iterator<Item = impl AsRef<[u8]>>,
    offers: &[&'o str],
) -> Option<(&'o str, Preference)> {
    let mut preferences = vec![Preference::default(); offers.len()];
    for line in lines {
        for member in split(line.as_ref(), b',') {
            let mut parts = split(member, b';').map(trim_blanks);
            let range = parts.next().unwrap_or_default();
            let Some(quality) = quality(parts) else { continue };
            for (offer, preference) in offers.iter().zip(&mut preferences) {
                let precision = precision(range, offer.as_bytes());
                if precision > preference.precision {
                    *preference = Preference { quality, precision };
                }
            }
        }
    }
    let mut best: Option<(&'o str, Preference)> = None;
    for (&offer, &preference) in offers.iter().zip(&preferences) {
        if best.is_none_or(|(_, best)| preference.rank() > best.rank()) {
            best = Some((offer, preference));
        }
    }
    best
}

#[derive(Clone, Copy, Debug, Default)]
struct Preference {
    /// The weight in thousandths.
    quality: u16,
    /// How precisely the media range with this weight matches the offer. 0: not at all, 1: as
    /// `*/*`, 2: as `type/*`, 3: by its full name.
    precision: u8,
}

impl Preference {
    fn rank(self) -> (u16, u8) {
        // An offer with the weight 0 does not rank higher because it was named.
        (self.quality, if self.quality > 0 { self.precision } else { 0 })
    }
}

/// Splits `bytes` at separators that are not in a quoted string (RFC 9110 §5.6.4).
fn split(bytes: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    bytes.split(move |&byte| {
        let was_escaped = std::mem::take(&mut escaped);
        match byte {
            b'"' if !was_escaped => quoted = !quoted,
            b'\\' if quoted && !was_escaped => escaped = true,
            _ => {}
        }
        !quoted && byte == separator
    })
}

fn precision(range: &[u8], offer: &[u8]) -> u8 {
    if range.eq_ignore_ascii_case(offer) {
        return 3;
    }
    let Some((kind, b"/*")) = range.split_at_checked(range.len().saturating_sub(2)) else { return 0 };
    let kind_of_offer = offer.split(|&byte| byte == b'/').next().unwrap_or_default();
    match kind {
        b"*" => 1,
        _ if kind.eq_ignore_ascii_case(kind_of_offer) => 2,
        _ => 0,
    }
}

/// Returns the weight among the parameters in thousandths, or 1000 if there is none. `None`: the
/// weight is malformed, so its list member is ignored.
///
/// ```abnf
/// qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
/// ```
fn quality<'a>(parameters: impl Iterator<Item = &'a [u8]>) -> Option<u16> {
    for parameter in parameters {
        let [b'q' | b'Q', b'=', value @ ..] = parameter else { continue };
        let (whole, decimals) = match value {
            [whole @ (b'0' | b'1')] => (whole, &[][..]),
            [whole @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
            _ => return None,
        };
        if !decimals.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let thousandths =
            decimals.iter().chain(b"000").take(3).fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        return match (whole, thousandths) {
            (b'0', _) => Some(thousandths),
            (_, 0) => Some(1000),
            _ => None,
        };
    }
    Some(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERS: [&str; 3] = ["text/html", "application/json", "text/plain"];

    fn of(lines: &[&str]) -> &'static str {
        preferred(lines.iter(), &OFFERS).unwrap()
    }

    #[test]
    fn who_does_not_say_gets_the_first() {
        for lines in [
            &[][..],
            &[""],
            &["*/*"],
            &["text/*"],
            &["image/png"],
            &["text/html,application/xhtml+xml,*/*;q=0.8"],
        ] {
            assert_eq!(of(lines), "text/html", "{lines:?}");
        }
    }

    #[test]
    fn what_nobody_wants_is_not_acceptable() {
        let of = |lines: &[&str]| acceptable(lines.iter(), &OFFERS);
        assert_eq!(of(&[]), Some("text/html"));
        assert_eq!(of(&["*/*"]), Some("text/html"));
        assert_eq!(of(&["text/html;q=0, text/plain;q=0.1"]), Some("text/plain"));
        for lines in [&[""][..], &["image/png"], &["*/*;q=0"], &["text/*;q=0, application/json;q=0"]] {
            assert_eq!(of(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn who_says_gets_it() {
        for lines in [
            &["application/json"][..],
            &["APPLICATION/JSON"],
            &["application/json, text/plain, */*"],
            &["text/html;q=0.5", "application/json;q=0.501"],
            &["application/*"],
            &["application/json;charset=utf-8;q=0.3"],
            &["text/*;q=0.1, */*"],
        ] {
            assert_eq!(of(lines), "application/json", "{lines:?}");
        }
        assert_eq!(of(&["application/json;q=0"]), "text/html");
        for lines in [&["text/plain"][..], &["text/plain, */*;q=0.1"], &["text/html;q=0, text/*"]] {
            assert_eq!(of(lines), "text/plain", "{lines:?}");
        }
    }

    #[test]
    fn what_stands_in_quotes_is_no_member_and_no_weight() {
        for line in [
            r#"text/html;a=", application/json, ""#,
            r#"text/html;a="\", application/json, ""#,
            r#"application/json;a=";q=1";q=0.5, text/html;q=0.6"#,
        ] {
            assert_eq!(of(&[line]), "text/html", "{line}");
        }
        assert_eq!(of(&[r#"image/png;a="\\", application/json;q=0.1"#]), "application/json");
    }

    #[test]
    fn a_malformed_weight_takes_its_member_away() {
        for weight in ["1.001", "0.1234", "2", "", "-1", "1.", "x"] {
            let expected = if weight == "1." { "application/json" } else { "text/html" };
            assert_eq!(of(&[&format!("application/json;q={weight}")]), expected, "{weight}");
        }
    }
}
