//! Where the network cuts a stream: the fuzzer decides with the first byte.

/// Splits the input into what decides and what is decided about.
pub(crate) fn split(input: &[u8]) -> (u8, &[u8]) {
    input.split_first().map_or((0, input), |(&first, rest)| (first, rest))
}

/// The lengths of growing prefixes of `bytes`, the whole last. `seed` says how they grow; 0 is byte
/// by byte.
pub(crate) fn prefixes(bytes: &[u8], seed: u8) -> Vec<usize> {
    let mut lengths = Vec::new();
    let (mut length, mut state) = (0, usize::from(seed));
    while length < bytes.len() {
        lengths.push(length);
        length += 1 + if seed == 0 { 0 } else { state % 7 };
        state = state * 5 % 127 + 1;
    }
    lengths.push(bytes.len());
    lengths
}

/// `bytes` as a chunked body, in chunks of the sizes that `seed` says.
pub(crate) fn chunked(bytes: &[u8], seed: u8) -> Vec<u8> {
    let mut body = Vec::new();
    let mut at = 0;
    for length in prefixes(bytes, seed) {
        if length > at {
            body.extend_from_slice(format!("{:x}\r\n", length - at).as_bytes());
            body.extend_from_slice(&bytes[at..length]);
            body.extend_from_slice(b"\r\n");
            at = length;
        }
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}
