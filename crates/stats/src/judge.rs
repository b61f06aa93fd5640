//! The judge: a statement held against what was measured, with the verdict's reason in plain words.

mod words;

use seaworthy_base::{Measurement, Verdict};
use serde::{Deserialize, Serialize};

use crate::long_run::{self, LongRun};
use crate::plan::{self, More};
use crate::ratio::{self, Estimate};
use crate::special::{beta_regularised, normal_quantile};
use crate::{Assumptions, Comparison, Histogram, Statement};

/// What a statement is judged on, second by second. Seconds without requests are zeros: they carry
/// time.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Requests in each second (for a throughput: what is counted).
    pub n: &'a [u64],
    /// How many of them were on the wrong side of the statement; not looked at for a throughput.
    pub bad: &'a [u64],
    /// All values, so that a percentile can be shown beside the verdict.
    pub histogram: Option<&'a Histogram>,
    /// Seconds the generator did not report.
    pub lost: usize,
}

/// The verdict, and everything a report says about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// Pass, fail or inconclusive.
    pub verdict: Verdict,
    /// The share of bad requests, or the rate a second, with its interval. `None` without data.
    pub measurement: Option<Measurement>,
    /// For a percentile: the percentile in nanoseconds, with the interval that belongs to the
    /// verdict.
    pub observed: Option<Measurement>,
    /// An end of `observed` is only the smallest or largest value seen: too few requests to bound
    /// it.
    pub observed_open: bool,
    /// What the measurement was held against: the largest share of bad requests, or the rate a
    /// second.
    pub bound: f64,
    /// How many independent requests the run is worth.
    pub n_effective: f64,
    /// How many requests are worth one independent request.
    pub design_effect: f64,
    /// Seconds of data.
    pub seconds: u32,
    /// Why, in plain words.
    pub reason: String,
    /// When inconclusive: what is missing, in words.
    pub needs: Option<String>,
    /// When inconclusive and more time would help: about how many seconds.
    pub more_seconds: Option<f64>,
    /// Events that come less often than once in this many seconds cannot be excluded.
    pub rarer_than_seconds: f64,
    /// When the two halves of the run differ by more than chance: there is no one number then.
    pub stationary_warning: Option<String>,
}

/// Holds a statement against the evidence. Without data, with a second that was not reported, or
/// when the interval reaches over the bound, it is inconclusive.
pub fn judge(
    statement: &Statement,
    evidence: &Evidence<'_>,
    assumptions: &Assumptions,
) -> Judgement {
    let judged = match (*statement, statement.bad_bound()) {
        (Statement::Throughput { comparison, bound_per_second }, _) => {
            throughput(statement, comparison, bound_per_second, evidence, assumptions)
        }
        (_, Some(bound)) => share(statement, bound, evidence, assumptions),
        (_, None) => None,
    };
    let mut judgement = judged.unwrap_or_else(|| nothing(statement, evidence));
    if evidence.lost > 0 {
        judgement.doubt(
            &words::lost(evidence.lost),
            "a run in which the generator reports every second",
        );
    }
    judgement
}

impl Judgement {
    /// Makes the verdict inconclusive whatever the numbers say, because what they rest on is in
    /// doubt (the generator lagged, arrivals were dropped): the doubt comes first in the reason,
    /// and `needs` says what would lift it.
    pub fn doubt(&mut self, doubt: &str, needs: &str) {
        self.verdict = Verdict::Inconclusive;
        self.more_seconds = None;
        self.reason = format!("{doubt}; {}", self.reason);
        self.needs = Some(needs.to_owned());
    }
}

/// The verdict on a share of bad requests; `None` when there is no estimate.
fn share(
    statement: &Statement,
    bound: f64,
    evidence: &Evidence<'_>,
    assumptions: &Assumptions,
) -> Option<Judgement> {
    let estimate = Estimate::of(evidence.n, evidence.bad, bound, assumptions)?;
    let verdict = ratio::verdict(&estimate, assumptions);
    let more =
        (verdict == Verdict::Inconclusive).then(|| plan::more_seconds(&estimate, assumptions));
    let (observed, observed_open) = match (statement, evidence.histogram) {
        (Statement::Quantile { q, bound_ns }, Some(histogram)) => {
            percentile(*q, *bound_ns, &estimate, histogram, assumptions)
        }
        _ => (None, false),
    };
    let drift = ratio::drift(evidence.n, evidence.bad, assumptions);
    Some(Judgement {
        verdict,
        measurement: Some(Measurement {
            value: estimate.value,
            low: estimate.low,
            high: estimate.high,
            n: estimate.n,
        }),
        observed,
        observed_open,
        bound,
        n_effective: estimate.n_effective(),
        design_effect: estimate.design_effect,
        seconds: estimate.seconds,
        reason: words::share(statement, &estimate, verdict, assumptions),
        needs: more.map(words::needs),
        more_seconds: seconds_of(more),
        rarer_than_seconds: f64::from(estimate.seconds) / 3.0,
        stationary_warning: drift.map(|(first, second)| words::drifting_share(first, second)),
    })
}

/// The percentile and its interval, and whether an end of it is open.
///
/// A time `v` lies below the interval when the requests slower than it are, surely, more than
/// `1 − q` of all, and above it when they are surely fewer. The same interval of a ratio decides
/// the verdict, so a pass always shows an upper end within the bound and a fail a lower end beyond
/// it: where the bound lies inside a bucket, the exact count over it says on which side.
fn percentile(
    q: f64,
    bound_ns: u64,
    estimate: &Estimate,
    histogram: &Histogram,
    assumptions: &Assumptions,
) -> (Option<Measurement>, bool) {
    let all = histogram.count();
    let (side, slow) = (assumptions.side(), 1.0 - q);
    // How likely a share of at most `slow` is, seen from either end, with `count` slower requests.
    let surely_few = |count: u64| {
        let (x, n) = scaled(count, all, estimate.cautious_design_effect);
        x < n && beta_regularised(x + 1.0, n - x, slow) >= 1.0 - side
    };
    let surely_many = |count: u64| {
        let (x, n) = scaled(count, all, estimate.design_effect);
        x > 0.0 && beta_regularised(x, n - x + 1.0, slow) < side
    };
    let few = partition(all, surely_few).checked_sub(1);
    let many = partition(all, |count| !surely_many(count));
    let (low_rank, high_rank) = ((all + 1).saturating_sub(many), few.map(|few| all - few));
    let middle_rank = (q * all as f64 * (1.0 - 1e-12)).ceil() as u64;

    let within = (all == estimate.n).then(|| all - estimate.bad);
    let settle = |rank: u64, time: u64| match within {
        Some(within) if rank.max(1) <= within => time.min(bound_ns),
        Some(_) => time.max(bound_ns.saturating_add(1)),
        None => time,
    };
    let measurement = || {
        let value = settle(middle_rank, histogram.at_rank(middle_rank)?.middle());
        let low = match low_rank {
            0 => histogram.min()?,
            rank => settle(rank, histogram.at_rank(rank)?.low),
        };
        let high = match high_rank {
            None => histogram.max()?,
            Some(rank) => settle(rank, histogram.at_rank(rank)?.high),
        };
        let (low, high) = (low.min(value), high.max(value));
        Some(Measurement { value: value as f64, low: low as f64, high: high as f64, n: all })
    };
    (measurement(), low_rank == 0 || high_rank.is_none())
}

/// The verdict on a rate a second, by the same ladder as the ratio's design effect; `None` when
/// nothing was counted.
fn throughput(
    statement: &Statement,
    comparison: Comparison,
    bound: f64,
    evidence: &Evidence<'_>,
    assumptions: &Assumptions,
) -> Option<Judgement> {
    let total: f64 = evidence.n.iter().map(|&n| n as f64).sum();
    if total <= 0.0 {
        return None;
    }
    let seconds = evidence.n.len() as f64;
    let rate = total / seconds;
    let residuals: Vec<f64> = evidence.n.iter().map(|&n| n as f64 - rate).collect();
    // Arrivals may be steadier than Poisson's, but only what exceeds them can be correlated.
    let white = long_run::slot_variance(&residuals).min(rate);
    let variance = LongRun::of(&residuals, white, assumptions).largest();
    let z = normal_quantile(1.0 - assumptions.side());
    // Never finer than one event over the whole run; one second alone says next to nothing.
    let resolution = if evidence.n.len() < 2 { rate.max(1.0) } else { 1.0 / seconds };
    let half = (z * (variance / seconds).sqrt()).max(resolution);
    let (low, high) = ((rate - half).max(0.0), rate + half);
    let count = u32::try_from(evidence.n.len()).unwrap_or(u32::MAX);
    let (good, wrong) = match comparison {
        Comparison::Above => (low > bound, high < bound),
        Comparison::Below => (high < bound, low > bound),
    };
    let verdict = if wrong && count >= assumptions.fail_after {
        Verdict::Fail
    } else if good && count >= assumptions.pass_after {
        Verdict::Pass
    } else {
        Verdict::Inconclusive
    };
    let promising = (rate > bound) == (comparison == Comparison::Above);
    let gate = if promising { assumptions.pass_after } else { assumptions.fail_after };
    let waiting = f64::from(gate) - seconds;
    let more = (verdict == Verdict::Inconclusive)
        .then(|| plan::more_seconds_of_rate(half, (rate - bound).abs(), seconds, waiting));
    let design_effect = (variance / rate).max(1.0);
    let measurement = Measurement {
        value: rate,
        low,
        high,
        n: evidence.n.iter().fold(0, |sum, &n| sum.saturating_add(n)),
    };
    Some(Judgement {
        verdict,
        measurement: Some(measurement),
        observed: None,
        observed_open: false,
        bound,
        n_effective: total / design_effect,
        design_effect,
        seconds: count,
        reason: words::throughput(statement, &measurement, count, (good, wrong), assumptions),
        needs: more.map(words::needs),
        more_seconds: seconds_of(more),
        rarer_than_seconds: seconds / 3.0,
        stationary_warning: drifting_rate(&residuals, rate, assumptions),
    })
}

/// Whether the two halves' rates differ by more than three standard errors.
fn drifting_rate(residuals: &[f64], rate: f64, assumptions: &Assumptions) -> Option<String> {
    let (first, second) = residuals.split_at(residuals.len() / 2);
    let half = |part: &[f64]| {
        let mean = part.iter().sum::<f64>() / part.len() as f64;
        let own: Vec<f64> = part.iter().map(|value| value - mean).collect();
        (mean, long_run::ladder(&own, assumptions) / part.len() as f64)
    };
    if first.len() < 2 {
        return None;
    }
    let ((first, one), (second, other)) = (half(first), half(second));
    let error = (one + other).sqrt().max(1.0 / residuals.len() as f64);
    ((first - second).abs() > 3.0 * error)
        .then(|| words::drifting_rate(rate + first, rate + second))
}

/// No evidence, or evidence that contradicts itself: inconclusive, never a pass.
fn nothing(statement: &Statement, evidence: &Evidence<'_>) -> Judgement {
    let bound = match *statement {
        Statement::Throughput { bound_per_second, .. } => bound_per_second,
        _ => statement.bad_bound().unwrap_or_default(),
    };
    let empty = evidence.n.iter().all(|&n| n == 0);
    let (reason, needs) = if empty {
        ("nothing was measured", "data: at least one request that is counted here")
    } else {
        ("the counts contradict each other: more bad requests than requests", "counts that agree")
    };
    Judgement {
        verdict: Verdict::Inconclusive,
        measurement: None,
        observed: None,
        observed_open: false,
        bound,
        n_effective: 0.0,
        design_effect: 1.0,
        seconds: u32::try_from(evidence.n.len()).unwrap_or(u32::MAX),
        reason: format!("{}; {reason}", words::claim(statement)),
        needs: Some(needs.to_owned()),
        more_seconds: None,
        rarer_than_seconds: evidence.n.len() as f64 / 3.0,
        stationary_warning: None,
    }
}

fn seconds_of(more: Option<More>) -> Option<f64> {
    match more {
        Some(More::Seconds(seconds)) => Some(seconds),
        Some(More::TooClose(_)) | None => None,
    }
}

fn scaled(count: u64, all: u64, design: f64) -> (f64, f64) {
    (count as f64 / design, all as f64 / design)
}

/// How many of 0..=all fulfil a condition that holds up to some number and not beyond it.
fn partition(all: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, all.saturating_add(1));
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests;
