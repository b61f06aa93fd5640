//! The chance seam: a seeded generator, and the only place that asks the operating system for one.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// A seeded random source. The same seed gives the same sequence on every machine of one release.
#[derive(Debug)]
pub struct Chance(StdRng);

impl Chance {
    /// From a seed, for runs that must be repeatable.
    pub fn seeded(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// From the operating system, for ids and secrets.
    pub fn system() -> Self {
        let mut seed = [0_u8; 32];
        fill_secret(&mut seed);
        Self(StdRng::from_seed(seed))
    }

    /// A generator of its own for part `index` (a virtual user, say), independent of its siblings.
    pub fn fork(&mut self, index: u64) -> Self {
        Self::seeded(self.0.next_u64() ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A whole number in `low..=high`; `low` when the range is empty.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        if low >= high { low } else { self.0.random_range(low..=high) }
    }

    /// A position below `len`; zero for an empty range.
    pub fn index(&mut self, len: usize) -> usize {
        if len == 0 { 0 } else { self.0.random_range(0..len) }
    }

    /// A fraction in `0.0..1.0`.
    pub fn fraction(&mut self) -> f64 {
        self.0.random()
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// Fills `bytes` from the operating system's generator, fit for keys and credentials.
///
/// # Panics
/// When the operating system has no entropy source: nothing safe can be done without one.
pub fn fill_secret(bytes: &mut [u8]) {
    use rand::TryRng;
    rand::rngs::SysRng
        .try_fill_bytes(bytes)
        .expect("the operating system's random source answers on every supported platform");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_one_sequence() {
        let draw = |seed| {
            let mut chance = Chance::seeded(seed);
            (0..8).map(|_| chance.between(0, 1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn ranges_hold_at_their_ends() {
        let mut chance = Chance::seeded(1);
        assert_eq!(chance.between(5, 5), 5);
        assert_eq!(chance.between(9, 2), 9);
        assert_eq!(chance.index(0), 0);
        for _ in 0..1000 {
            assert!((0..=3).contains(&chance.between(0, 3)));
        }
    }
}
