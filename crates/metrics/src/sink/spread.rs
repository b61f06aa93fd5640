//! How values lie: all of them while they are few, buckets of bounded width when they are many.

use seaworthy_stats::{Dense, Histogram};

/// As many values are kept one by one; from the next on they are counted in buckets.
pub const FEW: usize = 1_000;

/// Parts of a unit that buckets count in: a millionth, which for milliseconds is a nanosecond.
const PARTS: f64 = 1e6;

/// Values of this size and more are counted in whole units.
const LARGE: f64 = (1_u64 << 43) as f64;

/// The distribution of any finite values, in bounded memory.
///
/// Up to [`FEW`] values it is exact. Beyond, a value of size `v` is counted in a
/// [`Histogram`] as the nearest whole number of millionths (for milliseconds: nanoseconds, as the
/// timeline counts them), or of whole units from 2^43 on (about 8.8 · 10^12), with its own
/// histogram for negative values. A value read back is within ±0.2 % of the one that was counted,
/// or within half a millionth, whichever is more; sizes beyond 2^64 count as 2^64. Where all values
/// are whole numbers, sizes up to 268 are read back exactly: a bucket has room for one. Memory: 8 kB at
/// most while exact, then one kilobyte for each doubling in which values fell.
///
/// Whether it is exact depends on the number of values alone: merging in any order gives the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    few: Vec<f64>,
    many: Option<Box<Many>>,
}

/// By sign and size.
#[derive(Clone, Debug, Default)]
struct Many {
    /// Where nearly all values fall: counted by an addition at a known place.
    fast: Dense,
    /// Whether a value was not a whole number.
    fractions: bool,
    /// What was in `fast` before it was emptied, or came from others.
    positive: Histogram,
    negative: Histogram,
    large: Histogram,
    large_negative: Histogram,
}

/// `fast` is emptied when it counted so many, so that no bucket can be full.
const FULL: u64 = 1 << 31;

impl Spread {
    /// Counts a value.
    pub fn add(&mut self, value: f64) {
        match &mut self.many {
            Some(many) => many.add(value),
            None => {
                self.few.push(value);
                self.spill();
            }
        }
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.many, &other.many) {
            (None, None) => self.few.extend_from_slice(&other.few),
            (Some(own), None) => other.few.iter().for_each(|&value| own.add(value)),
            (own, Some(other)) => {
                let own = own.get_or_insert_default();
                own.merge(other);
                self.few.drain(..).for_each(|value| own.add(value));
                self.few = Vec::new();
            }
        }
        self.spill();
    }

    /// What was counted, in ascending order: values, or buckets cut to `min` and `max`.
    pub fn steps(&self) -> Vec<Step> {
        let Some(many) = &self.many else {
            let mut sorted = self.few.clone();
            sorted.sort_by(f64::total_cmp);
            return sorted.into_iter().map(|value| Step { value, count: 1 }).collect();
        };
        let middle = |low: u64, high: u64, parts: f64| {
            let middle = (low as f64 / 2.0 + high as f64 / 2.0) / parts;
            let narrow = ((high - low) as f64) < parts;
            if narrow && !many.fractions { middle.round() } else { middle }
        };
        let read = |histogram: &Histogram, parts: f64, sign: f64| -> Vec<Step> {
            histogram
                .buckets()
                .map(|bucket| Step {
                    value: sign * middle(bucket.low, bucket.high, parts),
                    count: bucket.count,
                })
                .collect()
        };
        let mut steps = read(&many.large_negative, 1.0, -1.0);
        steps.reverse();
        steps.extend(read(&many.negative, PARTS, -1.0).into_iter().rev());
        steps.extend(read(&many.positive(), PARTS, 1.0));
        steps.extend(read(&many.large, 1.0, 1.0));
        steps
    }

    /// The values as whole millionths (nanoseconds, for milliseconds), where none is negative and
    /// none is large: for the judge.
    pub fn millionths(&self) -> Option<Histogram> {
        let mut many = self.many.clone().unwrap_or_default();
        self.few.iter().for_each(|&value| many.add(value));
        let rest = [&many.negative, &many.large, &many.large_negative];
        rest.iter().all(|histogram| histogram.count() == 0).then(|| many.positive())
    }

    fn spill(&mut self) {
        if self.few.len() > FEW {
            let many = self.many.get_or_insert_default();
            std::mem::take(&mut self.few).into_iter().for_each(|value| many.add(value));
        }
    }
}

/// Values of one size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The value, or the middle of its bucket.
    pub value: f64,
    /// How many.
    pub count: u64,
}

impl Many {
    #[inline]
    fn add(&mut self, value: f64) {
        if (0.0..LARGE).contains(&value) {
            self.fractions = self.fractions || value != (value as u64) as f64;
            // Half a part more, and the rest cut off: the nearest whole number.
            self.fast.record((value * PARTS + 0.5) as u64);
            if self.fast.count() >= FULL {
                self.positive.merge(&self.fast.empty());
            }
        } else {
            self.add_rare(value);
        }
    }

    #[cold]
    fn add_rare(&mut self, value: f64) {
        let size = value.abs();
        self.fractions |= value.fract() != 0.0;
        // A cast from a float stops at the ends of the range.
        match (size < LARGE, value < 0.0) {
            (true, _) => self.negative.record((size * PARTS + 0.5) as u64),
            (false, false) => self.large.record(size as u64),
            (false, true) => self.large_negative.record(size as u64),
        }
    }

    /// All that are positive, and not large.
    fn positive(&self) -> Histogram {
        let mut all = self.positive.clone();
        all.merge(&self.fast.clone().empty());
        all
    }

    fn merge(&mut self, other: &Self) {
        self.fractions |= other.fractions;
        self.positive.merge(&other.positive());
        self.negative.merge(&other.negative);
        self.large.merge(&other.large);
        self.large_negative.merge(&other.large_negative);
    }
}

/// Equal when they counted the same.
impl PartialEq for Many {
    fn eq(&self, other: &Self) -> bool {
        self.fractions == other.fractions
            && self.positive() == other.positive()
            && self.negative == other.negative
            && self.large == other.large
            && self.large_negative == other.large_negative
    }
}
