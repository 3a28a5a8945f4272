//! Fields whose value has parameters, such as `Content-Type` (RFC 9110 §5.6.6).

use std::borrow::Cow;

use crate::http::message::fields::{is_token, is_token_byte, trim_blanks};

/// A value with parameters, such as `text/html; charset="utf-8"`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WithParameters<'a> {
    /// The part before the first semicolon.
    value: &'a [u8],
    /// Names as the client sent them, and values without their quotes.
    parameters: Vec<(&'a [u8], Cow<'a, [u8]>)>,
}

/// The value does not match the grammar, or has the same parameter twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl<'a> WithParameters<'a> {
    /// `value *( OWS ";" OWS [ token "=" ( token / quoted-string ) ] )`
    pub(crate) fn parse(field: &'a [u8]) -> Result<Self, Malformed> {
        let end = field.iter().position(|&byte| byte == b';').unwrap_or(field.len());
        let (value, mut rest) = field.split_at(end);
        let mut parameters = Vec::new();
        while let Some(behind) = rest.strip_prefix(b";") {
            rest = trim_blanks(behind);
            if rest.is_empty() || rest.starts_with(b";") {
                continue;
            }
            let name = token(rest)?;
            let behind = rest.get(name.len()..).and_then(|rest| rest.strip_prefix(b"=")).ok_or(Malformed)?;
            let (value, behind) = if let Some(quoted) = behind.strip_prefix(b"\"") {
                unquote(quoted)?
            } else {
                let value = token(behind)?;
                (Cow::Borrowed(value), behind.get(value.len()..).unwrap_or_default())
            };
            parameters.push((name, value));
            rest = trim_blanks(behind);
        }
        if rest.is_empty() { Ok(Self { value: trim_blanks(value), parameters }) } else { Err(Malformed) }
    }

    /// Whether the value is `value`, without regard to case.
    pub(crate) fn is(&self, value: &str) -> bool {
        self.value.eq_ignore_ascii_case(value.as_bytes())
    }

    /// Whether the value is the media type of JSON, or of a format based on JSON (RFC 6839 §3.1).
    #[cfg(feature = "json")]
    pub(crate) fn is_json(&self) -> bool {
        let suffix = b"+json";
        let has_suffix = self.value.len() > suffix.len()
            && self.value[self.value.len() - suffix.len()..].eq_ignore_ascii_case(suffix);
        self.is("application/json") || has_suffix
    }

    /// Returns the parameter of that name. Fails if there are several.
    pub(crate) fn get(&self, name: &str) -> Result<Option<&[u8]>, Malformed> {
        let mut found = self.parameters.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes()));
        match (found.next(), found.next()) {
            (found, None) => Ok(found.map(|(_, value)| value.as_ref())),
            _ => Err(Malformed),
        }
    }
}

fn token(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let length = bytes.iter().take_while(|&&byte| is_token_byte(byte)).count();
    bytes.get(..length).filter(|token| is_token(token)).ok_or(Malformed)
}

/// Reads a quoted string after its first quote. Returns its content, and the bytes after the last
/// quote.
///
/// A backslash escapes only quotes and backslashes. Some clients put `C:\tea.txt` into quotes
/// without escaping it, and there is no reason to escape any other character.
fn unquote(bytes: &[u8]) -> Result<(Cow<'_, [u8]>, &[u8]), Malformed> {
    let plain = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\')).ok_or(Malformed)?;
    if bytes.get(plain) == Some(&b'"') {
        let (value, rest) = bytes.split_at(plain);
        return Ok((Cow::Borrowed(value), rest.get(1..).unwrap_or_default()));
    }
    let mut value = Vec::new();
    let mut rest = bytes;
    loop {
        rest = match rest {
            [b'"', rest @ ..] => return Ok((Cow::Owned(value), rest)),
            [b'\\', byte @ (b'"' | b'\\'), rest @ ..] | [byte, rest @ ..] => {
                value.push(*byte);
                rest
            }
            [] => return Err(Malformed),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(field: &[u8], name: &str) -> Result<Option<Vec<u8>>, Malformed> {
        WithParameters::parse(field)?.get(name).map(|value| value.map(<[u8]>::to_vec))
    }

    #[test]
    fn values_and_parameters() {
        let parsed = WithParameters::parse(b"Text/HTML ; a=b;;C=\"d; e=f\" ;").expect("it is well-formed");
        assert!(parsed.is("text/html") && !parsed.is("text/htm"));
        assert_eq!(parsed.get("A"), Ok(Some(&b"b"[..])));
        assert_eq!(parsed.get("c"), Ok(Some(&b"d; e=f"[..])));
        assert_eq!(parsed.get("e"), Ok(None));
        assert!(WithParameters::parse(b"").expect("nothing is well-formed").is(""));
    }

    #[test]
    fn quotes_and_backslashes() {
        assert_eq!(parameter(br#"a; b="c\"d\\e""#, "b"), Ok(Some(br#"c"d\e"#.to_vec())));
        assert_eq!(parameter(br#"a; b="C:\tea\cup.txt""#, "b"), Ok(Some(br"C:\tea\cup.txt".to_vec())));
        assert_eq!(parameter(br#"a; b="""#, "b"), Ok(Some(vec![])));
    }

    #[test]
    fn what_is_malformed() {
        for field in [
            "a; b",
            "a; =c",
            "a; b=",
            "a; b=\"c",
            "a; b=\"c\\\"",
            "a; b=c d",
            "a; b =c",
            "a; b= c",
            "a; b=\"c\"d",
        ] {
            assert_eq!(WithParameters::parse(field.as_bytes()), Err(Malformed), "{field}");
        }
        assert_eq!(parameter(b"a; b=c; B=c", "b"), Err(Malformed));
    }
}
