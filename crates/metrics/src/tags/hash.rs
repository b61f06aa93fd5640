//! A hash of short texts that costs a multiplication for sixteen bytes. It never decides alone: what
//! it finds is compared.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys are hashes or addresses already.
pub(crate) type Ready<K, V> = HashMap<K, V, BuildHasherDefault<Mix>>;

const ODD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A hash under way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mix(u64);

impl Mix {
    #[inline]
    pub(crate) fn word(&mut self, word: u64) {
        self.words(word, 0);
    }

    #[inline]
    fn words(&mut self, one: u64, two: u64) {
        let product = u128::from(self.0 ^ one) * u128::from(two ^ ODD);
        // Both halves fold together, so that every bit of the input reaches every bit of the hash.
        self.0 = (product as u64) ^ ((product >> 64) as u64) ^ ODD.rotate_left(17);
    }

    #[inline]
    pub(crate) fn text(&mut self, text: &str) {
        let (chunks, rest) = text.as_bytes().as_chunks::<16>();
        let words = |bytes: [u8; 16]| {
            let both = u128::from_le_bytes(bytes);
            (both as u64, (both >> 64) as u64)
        };
        for chunk in chunks {
            let (one, two) = words(*chunk);
            self.words(one, two);
        }
        // At most fifteen bytes are left: the sixteenth has the length, so that `a` is not `a\0`.
        let mut last = [0; 16];
        last[..rest.len()].copy_from_slice(rest);
        last[15] = text.len() as u8;
        let (one, two) = words(last);
        self.words(one, two);
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.word(u64::from(byte)));
    }

    fn write_u64(&mut self, word: u64) {
        self.word(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.word(word as u64);
    }
}
