//! Percent-encoding, in the simplest way.

/// What `text` stands for. A plus stands for `plus`; what is no escape stands for itself.
pub(crate) fn decode(mut text: &[u8], plus: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some((&first, rest)) = text.split_first() {
        text = rest;
        match (first, escaped(rest)) {
            (b'+', _) => bytes.push(plus),
            (b'%', Some(byte)) => {
                bytes.push(byte);
                text = &rest[2..];
            }
            _ => bytes.push(first),
        }
    }
    bytes
}

/// Whether each percent sign begins an escape.
pub(crate) fn is_strict(text: &[u8]) -> bool {
    (0..text.len()).all(|at| text[at] != b'%' || escaped(&text[at + 1..]).is_some())
}

/// A spelling of `bytes`; `seed` says which of those that there are.
pub(crate) fn encode(bytes: &[u8], seed: u8) -> String {
    let (all, lower) = (seed & 1 != 0, seed & 2 != 0);
    let spelled = bytes.iter().map(|&byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' if !all => {
            char::from(byte).to_string()
        }
        _ if lower => format!("%{byte:02x}"),
        _ => format!("%{byte:02X}"),
    });
    spelled.collect()
}

/// The byte whose digits are at the start.
fn escaped(text: &[u8]) -> Option<u8> {
    let digits = text.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
