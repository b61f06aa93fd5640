//! Whether a level rises steadily with time, and how fast: what tells a leak from noise.
//!
//! Three questions, and all must be answered with yes. Is the order of the values that of their
//! times, more than chance allows (Mann and Kendall's test on block medians, its variance corrected
//! for autocorrelation after Hamed and Rao 1998)? Is the rise straight, which a random walk's is
//! not (the rise against the root mean square of what lies beside the chord, Lobato's 2001
//! self-normalised statistic of the increments)? Has it not levelled off (the second half rises as
//! well)? The slope is Theil and Sen's, with Sen's interval on the same corrected variance.

use serde::{Deserialize, Serialize};

use crate::special::{normal_above, normal_quantile};

/// The chance of taking a level without trend for one that rises, by the first test alone.
const ALPHA: f64 = 0.001;
/// Lobato's statistic: two in a hundred random walks without drift end beyond it, one of them up.
const STRAIGHT: f64 = 99.76;
/// How much of the whole slope the second half must have.
const STILL_RISING: f64 = 0.4;
/// Blocks: at most, and at least; samples in each at least.
const MOST_BLOCKS: usize = 60;
const LEAST_BLOCKS: usize = 12;
const BLOCK: usize = 4;

/// The least number of samples [`rising`] can say anything about.
pub const LEAST_SAMPLES: usize = LEAST_BLOCKS * BLOCK;

/// How a level moved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trend {
    /// Fewer samples than [`LEAST_SAMPLES`], or all at one time: nothing can be said.
    NotEnough,
    /// It did not rise steadily.
    NotRising(Slope),
    /// It rose steadily.
    Rising(Slope),
}

/// How fast a level rises. Units are the level's own, per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slope {
    /// Theil and Sen's slope.
    pub per_second: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
    /// The chance of such an order without a trend, one-sided.
    pub p: f64,
    /// From the first sample to the last, in seconds.
    pub seconds: f64,
    /// The slope times the seconds: how much it rose.
    pub rise: f64,
    /// The median level of the first block.
    pub start: f64,
    /// The median level of the last block.
    pub end: f64,
}

/// Looks for a steady rise in samples of `(second, value)`; what is not finite is left out.
pub fn rising(samples: &[(f64, f64)]) -> Trend {
    let blocks = blocks(samples);
    let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else {
        return Trend::NotEnough;
    };
    if last.0 <= first.0 {
        return Trend::NotEnough;
    }
    let slopes = slopes(&blocks);
    let per_second = median(&slopes);
    let (p, spread) = order(&blocks, per_second);
    let wanted = normal_quantile(0.975) * spread;
    let at = |position: f64| {
        let last = slopes.len() - 1;
        slopes[(position.max(0.0).round() as usize).min(last)]
    };
    let pairs = slopes.len() as f64;
    let seconds = last.0 - first.0;
    let slope = Slope {
        per_second,
        low: at((pairs - wanted) / 2.0 - 1.0),
        high: at((pairs + wanted) / 2.0),
        p,
        seconds,
        rise: per_second * seconds,
        start: first.1,
        end: last.1,
    };
    let second_half = median(&self::slopes(&blocks[blocks.len() / 2..]));
    let rises = per_second > 0.0
        && p < ALPHA
        && straightness(&blocks) >= STRAIGHT
        && second_half >= STILL_RISING * per_second;
    if rises { Trend::Rising(slope) } else { Trend::NotRising(slope) }
}

/// Medians of equally many samples each, in order of time; empty when there are too few.
fn blocks(samples: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let finite = |(second, value): &&(f64, f64)| second.is_finite() && value.is_finite();
    let mut samples: Vec<(f64, f64)> = samples.iter().filter(finite).copied().collect();
    if samples.len() < LEAST_SAMPLES {
        return Vec::new();
    }
    samples.sort_by(|one, other| one.0.total_cmp(&other.0));
    let count = (samples.len() / BLOCK).min(MOST_BLOCKS);
    (0..count)
        .map(|block| {
            let from = block * samples.len() / count;
            let to = (block + 1) * samples.len() / count;
            let column = |value: fn(&(f64, f64)) -> f64| {
                let mut values: Vec<f64> = samples[from..to].iter().map(value).collect();
                values.sort_by(f64::total_cmp);
                median(&values)
            };
            (column(|sample| sample.0), column(|sample| sample.1))
        })
        .collect()
}

/// The slopes of all pairs, sorted.
fn slopes(blocks: &[(f64, f64)]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(blocks.len() * blocks.len() / 2);
    for (position, early) in blocks.iter().enumerate() {
        for late in &blocks[position + 1..] {
            if late.0 > early.0 {
                slopes.push((late.1 - early.1) / (late.0 - early.0));
            }
        }
    }
    slopes.sort_by(f64::total_cmp);
    slopes
}

/// The middle of sorted values; 0 of none.
fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => 0.5 * (sorted[even / 2 - 1] + sorted[even / 2]),
    }
}

/// Mann and Kendall's one-sided p-value, and the corrected standard deviation of their statistic.
fn order(blocks: &[(f64, f64)], slope: f64) -> (f64, f64) {
    let n = blocks.len() as f64;
    let mut statistic = 0.0;
    for (position, early) in blocks.iter().enumerate() {
        for late in &blocks[position + 1..] {
            statistic += f64::from(late.1 > early.1) - f64::from(late.1 < early.1);
        }
    }
    let mut values: Vec<f64> = blocks.iter().map(|block| block.1).collect();
    values.sort_by(f64::total_cmp);
    let ties: f64 = values
        .chunk_by(|one, other| one == other)
        .map(|equal| equal.len() as f64)
        .map(|t| t * (t - 1.0) * (2.0 * t + 5.0))
        .sum();
    let variance = (n * (n - 1.0) * (2.0 * n + 5.0) - ties) / 18.0;
    let spread = (variance * correction(blocks, slope)).sqrt();
    if spread <= 0.0 {
        return (1.0, 0.0);
    }
    (normal_above((statistic - statistic.signum()) / spread), spread)
}

/// Hamed and Rao's factor: what the autocorrelation of the ranks, the trend removed, does to the
/// variance. Never below one: that would be a gain from noise.
fn correction(blocks: &[(f64, f64)], slope: f64) -> f64 {
    let n = blocks.len();
    let mut order: Vec<usize> = (0..n).collect();
    let rest: Vec<f64> = blocks.iter().map(|(second, value)| value - slope * second).collect();
    order.sort_by(|one, other| rest[*one].total_cmp(&rest[*other]));
    let mut ranks = vec![0.0; n];
    for (rank, position) in order.into_iter().enumerate() {
        ranks[position] = rank as f64 - (n as f64 - 1.0) / 2.0;
    }
    let widest = |values: &[f64]| {
        let (low, high) = (
            values.iter().copied().fold(f64::INFINITY, f64::min),
            values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        );
        high - low
    };
    let values: Vec<f64> = blocks.iter().map(|block| block.1).collect();
    // On a clean line the rest is rounding, and its order means nothing.
    if widest(&rest) <= 1e-9 * widest(&values) {
        return 1.0;
    }
    let power: f64 = ranks.iter().map(|rank| rank * rank).sum();
    let size = n as f64;
    let mut sum = 0.0;
    for lag in 1..n / 2 {
        let product: f64 = ranks.iter().zip(&ranks[lag..]).map(|(one, other)| one * other).sum();
        let correlation = product / power;
        if correlation.abs() > 1.645 / size.sqrt() {
            let left = size - lag as f64;
            sum += left * (left - 1.0) * (left - 2.0) * correlation;
        }
    }
    (1.0 + 2.0 * sum / (size * (size - 1.0) * (size - 2.0))).max(1.0)
}

/// The squared rise over the mean square of what lies beside the straight line between the ends.
fn straightness(blocks: &[(f64, f64)]) -> f64 {
    let (first, last) = (blocks[0], blocks[blocks.len() - 1]);
    let rise = last.1 - first.1;
    let beside = |block: &(f64, f64)| {
        let share = (block.0 - first.0) / (last.0 - first.0);
        block.1 - first.1 - share * rise
    };
    let square: f64 = blocks.iter().map(|block| beside(block).powi(2)).sum();
    if square > 0.0 { rise * rise * blocks.len() as f64 / square } else { f64::INFINITY }
}

#[cfg(test)]
mod tests;
