//! A hash of the content of a file, from which entity tags are made. It is the same in every
//! process, on every machine and after every update.
//!
//! It is SipHash-2-4 (Aumasson and Bernstein, 2012) with a fixed key: every bit of the result
//! depends on every bit of the content. The hashes of `std` are not used, because they may change
//! with the next version of Rust, and then all tags would change.

/// Returns the 64-bit hash of `content`.
pub(super) fn of(content: &[u8]) -> u64 {
    siphash(KEY, content)
}

fn siphash([k0, k1]: [u64; 2], content: &[u8]) -> u64 {
    let mut state = State([
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ]);
    let (words, rest) = content.as_chunks::<8>();
    for word in words {
        state.take(u64::from_le_bytes(*word));
    }
    // The last word holds the remaining bytes, and the length in its highest byte.
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = content.len().to_le_bytes()[0];
    state.take(u64::from_le_bytes(last));
    state.0[2] ^= 0xff;
    for _ in 0..4 {
        state.round();
    }
    state.0.into_iter().fold(0, |hash, word| hash ^ word)
}

struct State([u64; 4]);

impl State {
    fn take(&mut self, word: u64) {
        self.0[3] ^= word;
        self.round();
        self.round();
        self.0[0] ^= word;
    }

    fn round(&mut self) {
        let [mut v0, mut v1, mut v2, mut v3] = self.0;
        v0 = v0.wrapping_add(v1);
        v2 = v2.wrapping_add(v3);
        v1 = v1.rotate_left(13) ^ v0;
        v3 = v3.rotate_left(16) ^ v2;
        v0 = v0.rotate_left(32);
        v2 = v2.wrapping_add(v1);
        v0 = v0.wrapping_add(v3);
        v1 = v1.rotate_left(17) ^ v2;
        v3 = v3.rotate_left(21) ^ v0;
        v2 = v2.rotate_left(32);
        self.0 = [v0, v1, v2, v3];
    }
}

/// The key. It is not secret, but it must never change.
const KEY: [u64; 2] = [0x7365_7276_655f_666f, 0x7265_7665_725f_6669];

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of the authors: the key is the bytes 0 to 15, and the content is the bytes
    /// from 0 on.
    #[test]
    fn the_hash_is_siphash_2_4() {
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let content: Vec<u8> = (0..63).collect();
        for (length, expected) in [
            (0, 0x726f_db47_dd0e_0e31),
            (1, 0x74f8_39c5_93dc_67fd),
            (7, 0xab02_00f5_8b01_d137),
            (8, 0x93f5_f579_9a93_2462),
            (15, 0xa129_ca61_49be_45e5),
            (63, 0x958a_324c_eb06_4572),
        ] {
            assert_eq!(siphash(key, &content[..length]), expected, "{length}");
        }
    }

    #[test]
    fn the_hash_of_a_content_stays_what_it_was() {
        // If an update changed the hash, clients would fetch everything again that they have
        // cached.
        assert_eq!(of(b""), 0x973f_d6ca_7cb4_cedf);
        assert_eq!(of(b"text\n"), 0x8c96_be2d_b5a2_545f);
    }

    #[test]
    fn one_bit_anywhere_makes_another_hash() {
        let content = [0x55; 100];
        let hash = of(&content);
        for at in 0..800 {
            let mut other = content;
            other[at / 8] ^= 1 << (at % 8);
            assert_ne!(of(&other), hash, "{at}");
        }
    }
}
