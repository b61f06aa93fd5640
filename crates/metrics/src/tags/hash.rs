//! A hash of short texts that costs a multiplication per eight bytes. It never decides alone: what
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
    pub(crate) fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(ODD);
        // Both halves fold together, so that every bit of the input reaches every bit of the hash.
        self.0 = (product as u64) ^ ((product >> 64) as u64) ^ ODD.rotate_left(17);
    }

    pub(crate) fn text(&mut self, text: &str) {
        let (words, rest) = text.as_bytes().as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.word(u64::from_le_bytes(last));
        // The length tells `a` from `a\0`, and where one text ends from where the next begins.
        self.word(text.len() as u64);
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
