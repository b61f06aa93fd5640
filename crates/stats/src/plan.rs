//! Before the run: can this objective be decided, and how long does it take; after it: how much more.
//!
//! Counts of bad requests are taken as Poisson in effective requests. With clumps of κ seconds the
//! time needed has a floor that no request rate can lower: more load does not help, more time does.

use seaworthy_base::Verdict;
use serde::{Deserialize, Serialize};

use crate::Assumptions;
use crate::ratio::{Estimate, verdict};
use crate::special::{poisson_at_most, poisson_mean};

/// The chance of reaching the right verdict that a plan is made for.
const POWER: f64 = 0.8;
/// What is asked for after a run that did not decide, beyond what is needed on average.
const RESERVE: f64 = 1.25;
/// The least that is worth asking for.
const LEAST_MORE: f64 = 60.0;
/// Asking for more than this is no help.
const TOO_LONG: f64 = 6.0 * 3600.0;

/// What a plan can decide about one objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decidability {
    /// Whether a pass is possible at all: whether it would pass with nothing bad.
    pub can_pass: bool,
    /// Whether it is likely (4 in 5) to pass when the truth is half the bound, even if what is bad
    /// comes in clumps.
    pub decidable: bool,
    /// Seconds needed to pass with nothing bad. Infinite when nothing is sent.
    #[serde(with = "unbounded")]
    pub zero_failure_seconds: f64,
    /// Seconds needed at half the bound, with clumps of `kappa0` seconds.
    #[serde(with = "unbounded")]
    pub half_bound_seconds: f64,
    /// Seconds needed at half the bound when what is bad comes singly.
    #[serde(with = "unbounded")]
    pub half_bound_seconds_single: f64,
    /// The largest share of the bound, in tenths, at which the plan is likely to pass.
    pub largest_share: Option<f64>,
    /// All this in a sentence.
    pub sentence: String,
}

/// What is missing after a run that did not decide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum More {
    /// About this many seconds of fresh data at the same rate.
    Seconds(f64),
    /// More than six hours (how many seconds, when that can be said): not worth asking for.
    TooClose(Option<f64>),
}

/// Whether "at most `bound` of the requests are bad" can be decided in `seconds` at `rate` requests
/// a second.
pub fn decidable(seconds: f64, rate: f64, bound: f64, assumptions: &Assumptions) -> Decidability {
    let gate = f64::from(assumptions.pass_after);
    let zero_failure_seconds = zero_failure_seconds(rate, bound, assumptions).max(gate);
    let at = |share: f64, kappa: f64| {
        needed_seconds(share, rate, bound, kappa, POWER, assumptions).max(gate)
    };
    let half_bound_seconds = at(0.5, assumptions.kappa0).max(zero_failure_seconds);
    let half_bound_seconds_single = at(0.5, 0.0);
    let can_pass = seconds >= zero_failure_seconds;
    let decidable = seconds >= half_bound_seconds;
    let tenths = (0..=9).map(|tenth| f64::from(tenth) / 10.0);
    let largest_share =
        tenths.rev().find(|&share| can_pass && seconds >= at(share, assumptions.kappa0));

    let planned = duration(seconds);
    let single = duration(half_bound_seconds_single);
    let clumped = duration(half_bound_seconds);
    let sentence = if rate.is_nan() || rate <= 0.0 {
        "cannot pass: the plan sends nothing it could be judged on".to_owned()
    } else if !can_pass {
        let least = duration(zero_failure_seconds);
        format!(
            "cannot pass: even with nothing bad it takes {least} at this rate, and {planned} are planned"
        )
    } else if decidable {
        format!(
            "can be decided: {planned} are planned, and {clumped} are enough when the truth is half the bound"
        )
    } else {
        let share = largest_share.unwrap_or(0.0);
        let needed = if half_bound_seconds_single < half_bound_seconds {
            format!("{single} if what is bad comes singly, {clumped} if it comes in clumps")
        } else {
            clumped
        };
        let likely = if share > 0.0 {
            format!(
                "is likely to pass in {planned} only when the truth is at most {share} of the bound"
            )
        } else {
            format!("is likely to pass in {planned} only when nothing is bad")
        };
        format!("{likely}; at half the bound it takes {needed}")
    };
    Decidability {
        can_pass,
        decidable,
        zero_failure_seconds,
        half_bound_seconds,
        half_bound_seconds_single,
        largest_share,
        sentence,
    }
}

/// Seconds needed to reach the right verdict with chance `power` when the true ratio is `share`
/// times the bound and what is bad comes in clumps of `kappa` seconds. Below the bound, clumps are
/// taken as they would be at the bound, as the judge takes them where few are bad.
pub fn needed_seconds(
    share: f64,
    rate: f64,
    bound: f64,
    kappa: f64,
    power: f64,
    assumptions: &Assumptions,
) -> f64 {
    let positive = |number: f64| number.is_finite() && number > 0.0;
    if !positive(rate) || !positive(bound) {
        return f64::INFINITY;
    }
    let design = 1.0 + kappa * rate * bound * share.max(1.0);
    needed_bad(share, power, assumptions.side()) / bound * design / rate
}

/// Effective requests times the bound needed to reach the right verdict with chance `power`, when
/// the true ratio is `share` times the bound and each side of the interval has chance `side`.
/// Infinite within a twentieth of the bound.
pub fn needed_bad(share: f64, power: f64, side: f64) -> f64 {
    if !share.is_finite() || (share - 1.0).abs() <= 0.05 {
        return f64::INFINITY;
    }
    // With `count` bad seen: the size of run whose interval then just clears the bound, and the
    // chance that the run is at least as good (below the bound) or as bad (above it).
    let size = |count: u64| {
        if share < 1.0 { poisson_mean(count, side) } else { poisson_mean(count, 1.0 - side) }
    };
    let enough = |count: u64| {
        let chance = poisson_at_most(count, size(count) * share);
        if share < 1.0 { chance >= power } else { 1.0 - chance >= power }
    };
    if let Some(count) = (0..32).find(|&count| enough(count)) {
        return size(count);
    }
    let mut high = 64;
    while !enough(high) {
        high *= 2;
        if high > 1 << 20 {
            return f64::INFINITY;
        }
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low.midpoint(high);
        if enough(middle) { high = middle } else { low = middle }
    }
    size(high)
}

/// What is missing to decide an inconclusive estimate.
pub fn more_seconds(estimate: &Estimate, assumptions: &Assumptions) -> More {
    let seconds = f64::from(estimate.seconds);
    let share = estimate.value / estimate.bound;
    let (gate, design) = if share < 1.0 {
        (assumptions.pass_after, estimate.cautious_design_effect)
    } else {
        (assumptions.fail_after, estimate.design_effect)
    };
    let waiting = f64::from(gate) - seconds;
    let opened = Assumptions { fail_after: 0, pass_after: 0, ..*assumptions };
    if waiting > 0.0 && verdict(estimate, &opened) != Verdict::Inconclusive {
        return More::Seconds(waiting);
    }
    let rate = estimate.n as f64 / seconds;
    let needed = needed_bad(share, POWER, assumptions.side()) / estimate.bound * design / rate;
    let more = ((RESERVE * needed).ceil() - seconds).max(LEAST_MORE).max(waiting);
    settle(more, f64::from(assumptions.pass_after) - seconds)
}

/// What is missing to decide a throughput whose interval reaches `half` to each side, `distance`
/// from its bound.
pub(crate) fn more_seconds_of_rate(half: f64, distance: f64, seconds: f64, waiting: f64) -> More {
    if half < distance && waiting > 0.0 {
        return More::Seconds(waiting);
    }
    let needed = seconds * (half / distance).powi(2);
    settle(((RESERVE * needed).ceil() - seconds).max(LEAST_MORE).max(waiting), waiting)
}

/// While there is hardly any data, asking for the least a verdict takes is the best that can be said.
fn settle(more: f64, waiting: f64) -> More {
    if more <= TOO_LONG {
        More::Seconds(more)
    } else if waiting > 0.0 {
        More::Seconds(waiting)
    } else {
        More::TooClose(more.is_finite().then_some(more))
    }
}

/// Seconds needed to pass with nothing bad: the upper end is `1 − side^(D/N)`, with clumps assumed
/// at the bound.
fn zero_failure_seconds(rate: f64, bound: f64, assumptions: &Assumptions) -> f64 {
    if rate.is_nan() || rate <= 0.0 || bound.is_nan() || bound <= 0.0 {
        return f64::INFINITY;
    }
    if bound >= 1.0 {
        return 0.0;
    }
    let design = 1.0 + assumptions.kappa0 * rate * bound;
    assumptions.side().ln() / (-bound).ln_1p() * design / rate
}

/// A time as a person says it, rounded up: `90 s`, `13 min`, `2.5 h`.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        "forever".to_owned()
    } else if seconds <= 180.0 {
        format!("{} s", seconds.ceil())
    } else if seconds <= 7200.0 {
        format!("{} min", (seconds / 60.0).ceil())
    } else {
        format!("{} h", (seconds / 360.0).ceil() / 10.0)
    }
}

/// JSON has no infinity: it is written as null.
mod unbounded {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            serializer.serialize_f64(*value)
        } else {
            serializer.serialize_none()
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(f64::INFINITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIDE: f64 = 0.025;

    /// Within half of the last digit the table prints.
    fn near(got: f64, wanted: f64, digit: f64) {
        assert!((got - wanted).abs() <= digit / 2.0 + 1e-9, "{got} is not {wanted}");
    }

    #[test]
    fn the_published_table() {
        for (share, at_80, at_90, digit) in [
            (0.0, 3.7, 3.7, 0.1),
            (0.1, 5.6, 7.2, 0.1),
            (0.2, 7.2, 10.2, 0.1),
            (0.3, 10.2, 14.4, 0.1),
            (0.5, 24.7, 32.1, 0.1),
            (0.7, 76.0, 100.0, 1.0),
            (0.8, 179.0, 238.0, 1.0),
            (0.9, 751.0, 1002.0, 1.0),
            (1.1, 819.0, 1099.0, 1.0),
            (1.25, 139.0, 187.0, 1.0),
            (1.5, 38.0, 52.0, 1.0),
            (2.0, 11.4, 15.4, 0.1),
            (3.0, 3.5, 4.8, 0.1),
            (5.0, 1.6, 1.6, 0.1),
        ] {
            near(needed_bad(share, 0.8, SIDE), at_80, digit);
            near(needed_bad(share, 0.9, SIDE), at_90, digit);
        }
        assert!(needed_bad(1.0, 0.8, SIDE).is_infinite());
        assert!(needed_bad(f64::NAN, 0.8, SIDE).is_infinite());
    }

    #[test]
    fn the_published_examples() {
        let assumptions = Assumptions { pass_after: 0, ..Assumptions::default() };
        for (rate, half, zero) in
            [(50.0, 1235.0, 184.0), (500.0, 790.0, 118.0), (5000.0, 746.0, 111.0)]
        {
            let found = decidable(120.0, rate, 0.001, &assumptions);
            near(found.half_bound_seconds, half, 5.0);
            near(found.zero_failure_seconds, zero, 1.5);
        }
        // p95 whose slow requests come in clumps of 2.25 s.
        near(needed_seconds(0.5, 50.0, 0.05, 2.25, 0.8, &assumptions), 65.0, 1.5);
        near(needed_seconds(0.5, 500.0, 0.05, 2.25, 0.8, &assumptions), 56.0, 2.0);
    }

    #[test]
    fn plans_are_told_apart_in_words() {
        let assumptions = Assumptions::default();
        let short = decidable(90.0, 500.0, 0.001, &assumptions);
        assert!(!short.can_pass && !short.decidable && short.largest_share.is_none());
        assert_eq!(
            short.sentence,
            "cannot pass: even with nothing bad it takes 120 s at this rate, and 90 s are planned"
        );
        let middling = decidable(300.0, 500.0, 0.001, &assumptions);
        assert!(middling.can_pass && !middling.decidable);
        assert!(middling.largest_share.is_some_and(|share| 0.0 < share && share < 0.5));
        assert!(middling.sentence.contains("comes singly"), "{}", middling.sentence);
        let long = decidable(900.0, 500.0, 0.001, &assumptions);
        assert!(long.can_pass && long.decidable);
        assert!(long.sentence.starts_with("can be decided"), "{}", long.sentence);
        let idle = decidable(900.0, 0.0, 0.001, &assumptions);
        assert!(!idle.can_pass && idle.sentence.contains("sends nothing"));
        let text = serde_json::to_string(&idle).unwrap();
        assert_eq!(serde_json::from_str::<Decidability>(&text).unwrap(), idle);
    }

    #[test]
    fn a_pass_that_only_waits_for_the_gate_asks_for_the_rest() {
        let assumptions = Assumptions::default();
        let estimate = Estimate::of(&[500; 115], &[0; 115], 0.01, &assumptions).unwrap();
        assert_eq!(more_seconds(&estimate, &assumptions), More::Seconds(5.0));
    }

    #[test]
    fn at_the_bound_no_time_is_enough() {
        let assumptions = Assumptions::default();
        let bad: Vec<u64> = (0..600).map(|t| t % 2).collect();
        let estimate = Estimate::of(&[500; 600], &bad, 0.001, &assumptions).unwrap();
        assert_eq!(more_seconds(&estimate, &assumptions), More::TooClose(None));
    }

    proptest! {
        #[test]
        fn what_a_plan_promises_the_judge_keeps(
            rate in 1_u64..2000, bound in 0.0005..0.2_f64, confidence in 0.8..0.99_f64,
        ) {
            let assumptions = Assumptions { confidence, ..Assumptions::default() };
            let least = decidable(1.0, rate as f64, bound, &assumptions).zero_failure_seconds;
            let seconds = least.ceil() as usize + 1;
            prop_assume!(seconds < 100_000);
            prop_assert!(decidable(seconds as f64, rate as f64, bound, &assumptions).can_pass);
            let judged = |seconds: usize| {
                let n = vec![rate; seconds];
                let none = vec![0; seconds];
                let estimate = Estimate::of(&n, &none, bound, &assumptions).unwrap();
                verdict(&estimate, &assumptions)
            };
            prop_assert_eq!(judged(seconds), Verdict::Pass);
            prop_assert_eq!(judged(least.floor() as usize - 1), Verdict::Inconclusive);
        }
    }
}
