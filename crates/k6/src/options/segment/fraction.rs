//! Exact fractions, as far as parts of a run need them.

use std::cmp::Ordering;
use std::fmt;

use super::Invalid;

/// A fraction of 0 or more, in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fraction {
    numerator: u64,
    denominator: u64,
}

impl Fraction {
    /// Nothing.
    pub const ZERO: Self = Self { numerator: 0, denominator: 1 };
    /// All.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// `numerator / denominator`; `None` if nothing is divided.
    pub fn new(numerator: u64, denominator: u64) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let common = divisor(numerator, denominator);
        Some(Self { numerator: numerator / common, denominator: denominator / common })
    }

    /// Reads `1/3`, `0.25` or `25%`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let read = || {
            let rest = text.strip_prefix('+').unwrap_or(text);
            let (rest, of) = match rest.strip_suffix('%') {
                Some(rest) => (rest, 100),
                None => (rest, 1),
            };
            let (numerator, denominator) = match rest.split_once('/') {
                Some((numerator, denominator)) => (whole(numerator)?, whole(denominator)?),
                None => decimal(rest)?,
            };
            Self::new(numerator, denominator.checked_mul(of)?)
        };
        read().ok_or_else(|| {
            Invalid(format!("`{text}` is no part: write a fraction, a decimal or a percentage"))
        })
    }

    /// Above the line.
    pub fn numerator(self) -> u64 {
        self.numerator
    }

    /// Below the line, never 0.
    pub fn denominator(self) -> u64 {
        self.denominator
    }
}

/// The greatest number that divides both; 1 of 0 and 0.
pub(super) fn divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// `0.25` as 25 of 100.
fn decimal(text: &str) -> Option<(u64, u64)> {
    let Some((before, behind)) = text.split_once('.') else { return Some((whole(text)?, 1)) };
    let behind = behind.trim_end_matches('0');
    let of = 10_u64.checked_pow(u32::try_from(behind.len()).ok()?)?;
    let before = if before.is_empty() { 0 } else { whole(before)? };
    let behind = if behind.is_empty() { 0 } else { whole(behind)? };
    Some((before.checked_mul(of)?.checked_add(behind)?, of))
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = u128::from(self.numerator) * u128::from(other.denominator);
        left.cmp(&(u128::from(other.numerator) * u128::from(self.denominator)))
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(formatter, "{}", self.numerator),
            denominator => write!(formatter, "{}/{denominator}", self.numerator),
        }
    }
}
