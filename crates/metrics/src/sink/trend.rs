//! All values of a trend: exact totals, exact counts at bounds, and how they lie.

use std::cmp::Ordering;
use std::time::Duration;

use super::spread::{Spread, Step};
use super::{Bounds, Seconds, Watch};

/// The values of a trend. Count, minimum and maximum are exact, the sum is to the last digit;
/// percentiles are exact up to [`FEW`](super::spread::FEW) values and within ±0.2 % beyond, except
/// next to a threshold's bound, where they are exact again ([`Bounds`]).
#[derive(Clone, Debug)]
pub struct Trend {
    count: u64,
    sum: f64,
    /// What rounding took from the sum.
    lost: f64,
    min: f64,
    max: f64,
    bounds: Bounds,
    /// Two columns for each bound: below it, and equal to it.
    seconds: Option<Box<Seconds>>,
    spread: Spread,
}

impl Trend {
    pub(super) fn new(watch: &Watch) -> Self {
        let bounds = Bounds::of(&watch.bounds);
        let seconds = watch.seconds.then(|| Box::new(Seconds::new(2 * bounds.len())));
        Self {
            count: 0,
            sum: 0.0,
            lost: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            bounds,
            seconds,
            spread: Spread::default(),
        }
    }

    pub(super) fn add(&mut self, at: Duration, value: f64) {
        self.count += 1;
        self.total(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.spread.add(value);
        if !self.bounds.is_empty() {
            self.bounds.add(value);
        }
        if let Some(row) = self.seconds.as_mut().and_then(|seconds| seconds.row(at)) {
            row[0] = row[0].saturating_add(1);
            for (cells, bound) in row[1..].chunks_exact_mut(2).zip(self.bounds.iter()) {
                match value.partial_cmp(&bound.at) {
                    Some(Ordering::Less) => cells[0] = cells[0].saturating_add(1),
                    Some(Ordering::Equal) => cells[1] = cells[1].saturating_add(1),
                    _ => {}
                }
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.total(other.sum);
        self.lost += other.lost;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.bounds.merge(&other.bounds);
        super::seconds::merge(&mut self.seconds, other.seconds.as_deref());
        self.spread.merge(&other.spread);
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        let sum = self.sum + self.lost;
        // Where the sum is infinite, what was lost is not a number.
        if sum.is_nan() { self.sum } else { sum }
    }

    /// The smallest; 0 when there is none, as k6 says.
    pub fn min(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.min }
    }

    /// The largest; 0 when there is none.
    pub fn max(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.max }
    }

    /// The mean; 0 when there is none.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum() / self.count as f64 }
    }

    /// What is known around the bounds of thresholds.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Counts second by second, where a threshold needs them: for the bound at position `p` of
    /// [`Bounds::iter`], column `2p` has the values below it and `2p + 1` those equal to it.
    pub fn seconds(&self) -> Option<&Seconds> {
        self.seconds.as_deref()
    }

    /// How the values lie.
    pub fn spread(&self) -> &Spread {
        &self.spread
    }

    /// The values put in order, to read percentiles from.
    pub fn values(&self) -> Values<'_> {
        let steps = self.spread.steps();
        let mut seen = 0_u64;
        let ends = steps
            .iter()
            .map(|step| {
                seen += step.count;
                seen
            })
            .collect();
        Values { trend: self, steps, ends }
    }

    /// Adds to the sum and keeps what rounding takes (Neumaier's summation).
    fn total(&mut self, value: f64) {
        let sum = self.sum + value;
        let lost = if self.sum.abs() >= value.abs() {
            (self.sum - sum) + value
        } else {
            (value - sum) + self.sum
        };
        self.lost += lost;
        self.sum = sum;
    }
}

/// Equal when they counted the same; sums may differ in their last digits.
impl PartialEq for Trend {
    fn eq(&self, other: &Self) -> bool {
        let near = (self.sum() - other.sum()).abs() <= 1e-9 * self.sum().abs().max(1.0);
        let beside = |one: &Self| (one.count, one.min, one.max);
        near && beside(self) == beside(other)
            && self.bounds == other.bounds
            && self.seconds == other.seconds
            && self.spread.steps() == other.spread.steps()
    }
}

/// A trend's values in ascending order.
#[derive(Debug)]
pub struct Values<'a> {
    trend: &'a Trend,
    steps: Vec<Step>,
    ends: Vec<u64>,
}

impl Values<'_> {
    /// The percentile, `q` in 0..=1, by k6's rule: on the line between the two neighbours of
    /// place `q · (n − 1)`. 0 when there are no values.
    pub fn percentile(&self, q: f64) -> f64 {
        let count = self.trend.count;
        if count == 0 || q.is_nan() {
            return 0.0;
        }
        let place = q.clamp(0.0, 1.0) * (count as f64 - 1.0);
        let (low, high) = (self.at(place.floor() as u64), self.at(place.ceil() as u64));
        let between = low + (high - low) * (place - place.floor());
        // Rounding must not lift it over its neighbours, nor infinities make it no number.
        if between.is_nan() { low } else { between.clamp(low, high.max(low)) }
    }

    /// The value of that rank, from 0, ascending: exact at the ends and next to bounds.
    fn at(&self, rank: u64) -> f64 {
        let trend = self.trend;
        let rank = rank.min(trend.count - 1);
        if rank == 0 {
            return trend.min;
        }
        if rank == trend.count - 1 {
            return trend.max;
        }
        let step = self.ends.partition_point(|&end| end <= rank);
        let value = self.steps.get(step).map_or(trend.max, |step| step.value);
        trend.bounds.settle(rank, value.clamp(trend.min, trend.max))
    }
}
