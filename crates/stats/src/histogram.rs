//! A histogram that merges exactly: log-linear base 2 ("H2"), 256 buckets an octave.
//!
//! Any quantile read from it is within ±0.2 % of an order statistic of the recorded values. The
//! bucket of a value is found with integer arithmetic only, so that it is the same on every
//! machine, and merging is adding. Only buckets in use are stored: ten bytes each, or two to three when
//! the histogram is [packed](Histogram::pack).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::packed::Packed;

/// Buckets an octave, as a power of two.
const GROUPING: u32 = 8;
/// The highest index: the bucket of `u64::MAX`.
pub(crate) const LAST_INDEX: u16 = index_of(u64::MAX);

/// Counts of `u64` values (nanoseconds, for times) in buckets at most 0.39 % wide.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    // Either these two hold the buckets or `packed` does.
    indices: Vec<u16>,
    counts: Vec<u64>,
    packed: Packed,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

/// One bucket in use: values from `low` to `high`, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The smallest value of the bucket.
    pub low: u64,
    /// The largest value of the bucket.
    pub high: u64,
    /// How many values fell into it.
    pub count: u64,
}

/// Where a quantile lies: between `low` and `high`, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantile {
    /// Lower edge.
    pub low: u64,
    /// Upper edge.
    pub high: u64,
}

impl Quantile {
    /// The middle of the two edges: at most 0.2 % from the order statistic it stands for.
    pub fn middle(self) -> u64 {
        self.low + (self.high - self.low) / 2
    }
}

impl Histogram {
    /// An empty histogram; takes no memory until something is recorded.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one value.
    pub fn record(&mut self, value: u64) {
        self.record_many(value, 1);
    }

    /// Counts `n` equal values. Counts stop at `u64::MAX` rather than wrap.
    pub fn record_many(&mut self, value: u64, n: u64) {
        if n == 0 {
            return;
        }
        self.unpack();
        self.widen(value, value);
        self.count = self.count.saturating_add(n);
        self.sum = self.sum.saturating_add(u128::from(value) * u128::from(n));
        let index = index_of(value);
        match self.indices.binary_search(&index) {
            Ok(position) => {
                self.counts[position] = self.counts[position].saturating_add(n);
            }
            Err(position) => {
                self.indices.insert(position, index);
                self.counts.insert(position, n);
            }
        }
    }

    /// Adds what another histogram counted, exactly as if it had been recorded here.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if !other.packed.is_empty() {
            let mut unpacked = other.clone();
            unpacked.unpack();
            return self.merge(&unpacked);
        }
        self.unpack();
        self.widen(other.min, other.max);
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        let mut position = 0;
        let mut missing = 0;
        for index in &other.indices {
            position += self.indices[position..].partition_point(|own| own < index);
            missing += usize::from(self.indices.get(position) != Some(index));
        }
        // Filled from the top, so that nothing is moved twice and no second buffer is needed.
        let mut own = self.indices.len();
        self.indices.resize(own + missing, 0);
        self.counts.resize(own + missing, 0);
        let mut target = self.indices.len();
        for (&index, &count) in other.indices.iter().zip(&other.counts).rev() {
            while own > 0 && self.indices[own - 1] > index {
                own -= 1;
                target -= 1;
                self.indices[target] = self.indices[own];
                self.counts[target] = self.counts[own];
            }
            let mut total = count;
            if own > 0 && self.indices[own - 1] == index {
                own -= 1;
                total = total.saturating_add(self.counts[own]);
            }
            target -= 1;
            self.indices[target] = index;
            self.counts[target] = total;
        }
    }

    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The exact sum of all values.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The mean of all values, from the exact sum.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The smallest value, exactly.
    pub fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min)
    }

    /// The largest value, exactly.
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// The bucket that holds the `⌈q·n⌉`-th smallest value, cut to the exact minimum and maximum.
    /// `None` when nothing was recorded or `q` is not a number; `q` outside 0..=1 means its end.
    pub fn quantile(&self, q: f64) -> Option<Quantile> {
        if self.count == 0 || q.is_nan() {
            return None;
        }
        // The product may land a rounding error above a whole number: 0.07 · 100 does.
        let rank = (q.clamp(0.0, 1.0) * self.count as f64 * (1.0 - 1e-12)).ceil();
        self.at_rank(rank as u64)
    }

    /// The bucket of the `rank`-th smallest value, from 1; a rank outside means the nearest.
    pub(crate) fn at_rank(&self, rank: u64) -> Option<Quantile> {
        let rank = rank.max(1).min(self.count);
        let mut seen = 0_u64;
        let bucket = self.buckets().find(|bucket| {
            seen = seen.saturating_add(bucket.count);
            seen >= rank
        })?;
        Some(Quantile { low: bucket.low.max(self.min), high: bucket.high.min(self.max) })
    }

    /// The buckets in use, from the smallest value up.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.pairs().map(|(index, count)| {
            let (low, high) = edges(index);
            Bucket { low, high, count }
        })
    }

    /// Takes as little memory as it can. Whatever is counted later unpacks it again.
    pub fn pack(&mut self) {
        if self.packed.is_empty() {
            self.packed = Packed::of(self.pairs());
            (self.indices, self.counts) = (Vec::new(), Vec::new());
        }
    }

    fn unpack(&mut self) {
        if !self.packed.is_empty() {
            (self.indices, self.counts) = std::mem::take(&mut self.packed).pairs().unzip();
        }
    }

    /// Index and count of the buckets in use, ascending.
    fn pairs(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        let open = self.indices.iter().copied().zip(self.counts.iter().copied());
        open.chain(self.packed.pairs())
    }

    fn widen(&mut self, min: u64, max: u64) {
        if self.count == 0 {
            (self.min, self.max) = (min, max);
        } else {
            self.min = self.min.min(min);
            self.max = self.max.max(max);
        }
    }
}

/// Equal when they counted the same; whether they are packed does not matter.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        let beside = |one: &Self| (one.count, one.sum, one.min, one.max);
        beside(self) == beside(other) && self.pairs().eq(other.pairs())
    }
}

impl Eq for Histogram {}

/// The bucket of a value: exact up to 511, then 256 to each doubling.
pub(crate) const fn index_of(value: u64) -> u16 {
    if value < 1 << (GROUPING + 1) {
        return value as u16;
    }
    let shift = value.ilog2() - GROUPING;
    // At most 55·256 + 511 = 14 591.
    (((shift as u64) << GROUPING) + (value >> shift)) as u16
}

/// The smallest and the largest value of a bucket.
fn edges(index: u16) -> (u64, u64) {
    let index = u64::from(index);
    if index < 1 << (GROUPING + 1) {
        return (index, index);
    }
    let shift = (index >> GROUPING) - 1;
    let low = (index - (shift << GROUPING)) << shift;
    (low, low + ((1 << shift) - 1))
}

/// As written: the buckets are pairs of the index's step from the one before, and the count.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sparse {
    min: u64,
    max: u64,
    /// As text: it may exceed what a reader's numbers can hold.
    sum: String,
    buckets: Vec<u64>,
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut before = 0;
        let mut buckets = Vec::new();
        for (index, count) in self.pairs() {
            buckets.extend([u64::from(index - before), count]);
            before = index;
        }
        Sparse { min: self.min, max: self.max, sum: self.sum.to_string(), buckets }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sparse = Sparse::deserialize(deserializer)?;
        Self::from_sparse(&sparse).map_err(serde::de::Error::custom)
    }
}

impl Histogram {
    /// Packed, from buckets in ascending order, none of them empty, and what was counted beside
    /// them.
    pub(crate) fn of_buckets(
        buckets: &[(u16, u64)],
        count: u64,
        sum: u128,
        min: u64,
        max: u64,
    ) -> Self {
        if count == 0 {
            return Self::default();
        }
        let packed = Packed::of(buckets.iter().copied());
        Self { packed, count, sum, min, max, ..Self::default() }
    }

    fn from_sparse(sparse: &Sparse) -> Result<Self, &'static str> {
        let sum = sparse.sum.parse().map_err(|_| "the histogram's sum is not a whole number")?;
        let mut histogram = Self { sum, min: sparse.min, max: sparse.max, ..Self::default() };
        let (pairs, rest) = sparse.buckets.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("the histogram's buckets are not pairs");
        }
        let mut index = 0_u64;
        let (mut least, mut most) = (0_u128, 0_u128);
        for (position, &[step, count]) in pairs.iter().enumerate() {
            index = index.saturating_add(step);
            if (position > 0 && step == 0) || index > u64::from(LAST_INDEX) || count == 0 {
                return Err("the histogram's buckets are not in order");
            }
            let total = histogram.count.checked_add(count);
            histogram.count = total.ok_or("the histogram counts more than 2^64 values")?;
            // Checked against LAST_INDEX above, which is a u16.
            histogram.indices.push(index as u16);
            histogram.counts.push(count);
            let (low, high) = edges(index as u16);
            // Counts add up to less than 2^64 and edges are below 2^64: no sum reaches 2^128.
            least += u128::from(low) * u128::from(count);
            most += u128::from(high) * u128::from(count);
        }
        let inside = |value: u64, index: Option<&u16>| {
            index.map_or(value == 0, |&index| index_of(value) == index)
        };
        if !inside(sparse.min, histogram.indices.first())
            || !inside(sparse.max, histogram.indices.last())
            || sparse.min > sparse.max
            || !(least..=most).contains(&sum)
        {
            return Err("the histogram's minimum, maximum or sum does not fit its buckets");
        }
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::new();
        values.iter().for_each(|&value| histogram.record(value));
        histogram
    }

    /// Values of every size, from one digit to twenty.
    fn value() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0_u32..64).prop_map(|(value, shift)| value >> shift)
    }

    #[test]
    fn golden_indices() {
        assert_eq!(index_of((1 << 26) - 1), 4863);
        assert_eq!(index_of(511), 511);
        assert_eq!(index_of(512), 512);
        assert_eq!(LAST_INDEX, 14_591);
        assert_eq!(edges(LAST_INDEX).1, u64::MAX);
    }

    #[test]
    fn buckets_tile_the_numbers() {
        let mut next = 0_u64;
        for index in 0..=LAST_INDEX {
            let (low, high) = edges(index);
            assert_eq!(low, next, "bucket {index}");
            assert_eq!((index_of(low), index_of(high)), (index, index));
            assert!((high - low) as f64 <= low as f64 / 256.0);
            next = high.wrapping_add(1);
        }
        assert_eq!(next, 0);
    }

    #[test]
    fn exact_ranks_at_exact_products() {
        let histogram = of(&(1..=100).collect::<Vec<_>>());
        for percent in 1..=100_u64 {
            let quantile = histogram.quantile(percent as f64 / 100.0).unwrap();
            assert_eq!(quantile.middle(), percent);
        }
        assert_eq!(Histogram::new().quantile(0.5), None);
        assert_eq!(Histogram::new().mean(), None);
        assert_eq!(histogram.quantile(f64::NAN), None);
    }

    #[test]
    fn foreign_text_is_checked() {
        let good = serde_json::to_string(&of(&[3, 3, 700, 1 << 40])).unwrap();
        assert!(serde_json::from_str::<Histogram>(&good).is_ok());
        for wrong in [
            good.replacen("\"min\":3", "\"min\":4", 1),
            good.replacen(",2,", ",0,", 1),
            good.replacen(",2,", ",9,", 1),
            good.replacen("[3,", "[60000,", 1),
            good.replacen("\"sum\":\"", "\"sum\":\"-", 1),
            good.replacen("[3,", "[3,1,0,", 1),
            r#"{"min":1,"max":0,"sum":"0","buckets":[]}"#.to_owned(),
        ] {
            assert!(serde_json::from_str::<Histogram>(&wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn merging_is_recording_everything(
            one in prop::collection::vec(value(), 0..200),
            other in prop::collection::vec(value(), 0..200),
        ) {
            let mut merged = of(&one);
            merged.merge(&of(&other));
            prop_assert_eq!(merged, of(&[one, other].concat()));
        }

        #[test]
        fn what_is_written_is_read_back(values in prop::collection::vec(value(), 0..200)) {
            let histogram = of(&values);
            let text = serde_json::to_string(&histogram).unwrap();
            prop_assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), histogram);
        }

        #[test]
        fn quantiles_hold_their_order_statistic(
            mut values in prop::collection::vec(value(), 1..300), q in 0.0..=1.0_f64,
        ) {
            let histogram = of(&values);
            values.sort_unstable();
            let rank = ((q * values.len() as f64 * (1.0 - 1e-12)).ceil() as usize).max(1);
            let exact = values[rank - 1];
            let quantile = histogram.quantile(q).unwrap();
            prop_assert!(quantile.low <= exact && exact <= quantile.high);
            prop_assert!(quantile.middle().abs_diff(exact) as f64 <= exact as f64 * 0.002);
            prop_assert_eq!(histogram.min(), values.first().copied());
            prop_assert_eq!(histogram.max(), values.last().copied());
            let sum: u128 = values.iter().map(|&value| u128::from(value)).sum();
            prop_assert_eq!(histogram.sum(), sum);
        }
    }
}
