//! The long-run variance of correlated residuals, and what it costs to know it from one short run.
//!
//! Three estimates, of which the largest counts: the largest over a dyadic ladder of batch lengths
//! (Schmeiser 1982; Flyvbjerg and Petersen 1989), each paying for few batches by Student's t; the
//! self-normalised one (Lobato 2001); and in short runs a declared correlation time. Each is scaled
//! so that a normal interval of the wanted confidence built on it covers.

use crate::ratio::Assumptions;
use crate::special::{normal_quantile, student_quantile};

/// Batches below which a rung of the ladder says nothing.
const LEAST_BATCHES: usize = 6;

/// Lobato's U₁ quantile over that of χ²₁, by confidence: 45.40/3.8415 at 95 % is his own; the
/// others are 400 000 simulated Brownian bridges of 1000 steps (seed 20261120).
const SELF_NORMALISED: [(f64, f64); 7] = [
    (0.80, 9.20),
    (0.90, 10.56),
    (0.95, 45.40 / 3.8415),
    (0.975, 13.34),
    (0.99, 15.21),
    (0.995, 16.72),
    (0.999, 20.30),
];

/// The variance a second of the residuals themselves, as if no second knew of another.
pub(crate) fn slot_variance(residuals: &[f64]) -> f64 {
    batch_variance(residuals, 1)
}

/// The three estimates, before the largest is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LongRun {
    pub(crate) ladder: f64,
    pub(crate) self_normalised: f64,
    /// Zero when the run is long enough to do without a declared correlation.
    pub(crate) declared: f64,
}

impl LongRun {
    /// Of `residuals` with mean zero. `white` is the part of their variance that is known not to
    /// be correlated (binomial or Poisson noise); only what exceeds it is taken as correlated in
    /// the declared floor.
    pub(crate) fn of(residuals: &[f64], white: f64, assumptions: &Assumptions) -> Self {
        let seconds = residuals.len() as f64;
        let upper = 1.0 - assumptions.side();
        let first = batch_variance(residuals, 1);
        let correlated = (first - white).max(0.0);
        let floor = white + correlated * assumptions.tau0;
        let declared = if seconds < 30.0 * assumptions.tau0 {
            floor * price((seconds / assumptions.tau0 - 1.0).max(2.0), upper)
        } else {
            0.0
        };
        let total: f64 = residuals
            .iter()
            .scan(0.0, |running, residual| {
                *running += residual;
                Some(*running * *running)
            })
            .sum();
        Self {
            ladder: ladder(residuals, assumptions),
            self_normalised: total / (seconds * seconds) * self_normalised_factor(upper),
            declared,
        }
    }

    pub(crate) fn largest(self) -> f64 {
        self.ladder.max(self.self_normalised).max(self.declared)
    }
}

/// The ladder alone: blind to what is slower than a sixth of the run.
pub(crate) fn ladder(residuals: &[f64], assumptions: &Assumptions) -> f64 {
    let upper = 1.0 - assumptions.side();
    let mut largest = 0.0_f64;
    let mut length = 1;
    while length == 1 || residuals.len() / length >= LEAST_BATCHES {
        let batches = residuals.len() / length;
        if batches >= 2 {
            let paid = batch_variance(residuals, length) * price(batches as f64 - 1.0, upper);
            largest = largest.max(paid);
        }
        length *= 2;
    }
    largest
}

/// What knowing a variance to so few degrees of freedom costs, as a factor on it.
fn price(degrees: f64, upper: f64) -> f64 {
    (student_quantile(upper, degrees) / normal_quantile(upper)).powi(2)
}

/// The variance a second, read off batches of `length` seconds; the oldest seconds that do not
/// fill a batch are left out.
fn batch_variance(residuals: &[f64], length: usize) -> f64 {
    let batches = residuals.len() / length;
    if batches < 2 {
        return 0.0;
    }
    let squares: f64 = residuals[residuals.len() - batches * length..]
        .chunks_exact(length)
        .map(|batch| batch.iter().sum::<f64>().powi(2))
        .sum();
    squares / (batches as f64 - 1.0) / length as f64
}

/// Interpolated between the table's confidences, in the normal quantile; constant outside.
fn self_normalised_factor(upper: f64) -> f64 {
    let confidence = 2.0 * upper - 1.0;
    let z = |confidence: f64| normal_quantile(0.5 + confidence / 2.0);
    let above = SELF_NORMALISED.partition_point(|&(known, _)| known < confidence - 1e-12);
    if above == 0 {
        return SELF_NORMALISED[0].1;
    }
    let Some(&(right, high)) = SELF_NORMALISED.get(above) else {
        return SELF_NORMALISED[SELF_NORMALISED.len() - 1].1;
    };
    let (left, low) = SELF_NORMALISED[above - 1];
    let part = (z(confidence) - z(left)) / (z(right) - z(left));
    low + (high - low) * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_is_lobatos_at_95_percent_and_rises() {
        assert!((self_normalised_factor(0.975) - 45.40 / 3.8415).abs() < 1e-9);
        assert!((self_normalised_factor(0.9) - 9.2).abs() < 1e-9);
        assert!((self_normalised_factor(0.999_99) - 20.3).abs() < 1e-9);
        let between = self_normalised_factor(0.99);
        assert!(13.34 < between && between < 15.21, "{between}");
    }

    #[test]
    fn one_second_has_no_variance() {
        let assumptions = Assumptions::default();
        assert!(LongRun::of(&[0.0], 0.0, &assumptions).largest() < 1e-12);
        assert!(LongRun::of(&[], 1.0, &assumptions).ladder < 1e-12);
    }
}
