//! The ratio of bad to all, with an interval that knows successive requests are correlated.
//!
//! A Clopper–Pearson interval on the effective counts `B/D` and `N/D` (Korn and Graubard 1998),
//! where the design effect `D` is the long-run variance of the residuals over the binomial one.
//! Exact near 0 and 1, never of width zero. Where few were bad, `D` cannot be estimated and clumps
//! at the bound are assumed instead.

use seaworthy_base::Verdict;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::long_run::{self, LongRun};
use crate::special::beta_quantile;

/// What is taken for granted where a run is too short to tell. The defaults are for services
/// nothing is known about; values learnt from earlier runs of ten minutes or more may replace them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Assumptions {
    /// How sure the interval is, 0..1; each wrong verdict has half of the rest. Default 0.95.
    pub confidence: f64,
    /// Correlation time in seconds, (1+ρ)/(1−ρ) for a lag-one correlation ρ: a floor in runs
    /// shorter than thirty of it. Default 9 (ρ = 0.8).
    pub tau0: f64,
    /// Seconds of bad requests that come in one clump, assumed where few were bad. Default 30.
    pub kappa0: f64,
    /// Fewer bad requests than this are few. Default 10.
    pub few: u64,
    /// Seconds of data below which nothing fails. Default 30.
    pub fail_after: u32,
    /// Seconds of data below which nothing passes. Default 120.
    pub pass_after: u32,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self { confidence: 0.95, tau0: 9.0, kappa0: 30.0, few: 10, fail_after: 30, pass_after: 120 }
    }
}

impl Assumptions {
    /// With a correlation time learnt from earlier runs: nothing passes before 15 of it.
    #[must_use]
    pub fn learnt(mut self, tau0: f64, kappa0: f64) -> Self {
        (self.tau0, self.kappa0) = (tau0, kappa0);
        self.pass_after = self.pass_after.max((15.0 * tau0).ceil() as u32);
        self
    }

    /// With a declared cycle of the service (garbage collection, cron, batch), in seconds: nothing
    /// passes before five of it were seen.
    #[must_use]
    pub fn with_cycle(mut self, seconds: u32) -> Self {
        self.pass_after = self.pass_after.max(seconds.saturating_mul(5));
        self
    }

    /// The same, if an interval can be made with them.
    ///
    /// # Errors
    /// [`Error::Assumption`] names the first that makes no sense.
    pub fn checked(self) -> Result<Self, Error> {
        let refuse = |field, value, hint| Err(Error::Assumption { field, value, hint });
        if !(0.5..=0.9999).contains(&self.confidence) {
            let hint = "write a share from 0.5 to 0.9999, as 0.95";
            return refuse("confidence", self.confidence, hint);
        }
        if !(1.0..=86_400.0).contains(&self.tau0) {
            return refuse("tau0", self.tau0, "write seconds from 1 (no correlation) to 86400");
        }
        if !(0.0..=86_400.0).contains(&self.kappa0) {
            return refuse("kappa0", self.kappa0, "write seconds from 0 (no clumps) to 86400");
        }
        Ok(self)
    }

    /// The chance left to each side of the interval.
    pub(crate) fn side(&self) -> f64 {
        (1.0 - self.confidence) / 2.0
    }
}

/// A bad ratio with its interval, and what the interval rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Bad over all.
    pub value: f64,
    /// Lower end: decides a fail.
    pub low: f64,
    /// Upper end: decides a pass.
    pub high: f64,
    /// All requests.
    pub n: u64,
    /// Bad requests.
    pub bad: u64,
    /// Seconds of data, those without requests included.
    pub seconds: u32,
    /// The design effect `D`: how many requests are worth one independent request.
    pub design_effect: f64,
    /// The design effect behind `high`: `D`, or what clumps at the bound would make it where few
    /// were bad.
    pub cautious_design_effect: f64,
    /// The bound the estimate is to be held against.
    pub bound: f64,
}

impl Estimate {
    /// From requests and bad requests second by second. `None` without a request, or when the two
    /// do not belong together (lengths differ, or a second has more bad requests than requests).
    pub fn of(n: &[u64], bad: &[u64], bound: f64, assumptions: &Assumptions) -> Option<Self> {
        let consistent = n.len() == bad.len() && n.iter().zip(bad).all(|(n, bad)| bad <= n);
        let (all, wrong) = (total(n), total(bad));
        if !consistent || all == 0 {
            return None;
        }
        let design_effect = design_effect(n, bad, assumptions);
        let mut cautious = design_effect;
        if wrong < assumptions.few {
            let rate = all as f64 / n.len() as f64;
            cautious = cautious.max(1.0 + assumptions.kappa0 * rate * bound);
        }
        let interval = |design: f64| {
            clopper_pearson(wrong as f64 / design, all as f64 / design, assumptions.side())
        };
        Some(Self {
            value: wrong as f64 / all as f64,
            low: interval(design_effect).0,
            high: interval(cautious).1,
            n: all,
            bad: wrong,
            seconds: u32::try_from(n.len()).unwrap_or(u32::MAX),
            design_effect,
            cautious_design_effect: cautious,
            bound,
        })
    }

    /// How many independent requests the run is worth.
    pub fn n_effective(&self) -> f64 {
        self.n as f64 / self.design_effect
    }
}

/// Whether the ratio is at most its bound: a wrong verdict either way has at most half of what
/// `confidence` leaves, inside the published envelope.
pub fn verdict(estimate: &Estimate, assumptions: &Assumptions) -> Verdict {
    if estimate.low > estimate.bound && estimate.seconds >= assumptions.fail_after {
        Verdict::Fail
    } else if estimate.high < estimate.bound && estimate.seconds >= assumptions.pass_after {
        Verdict::Pass
    } else {
        Verdict::Inconclusive
    }
}

/// The design effect `D ≥ 1` of bad requests second by second: the largest of a dyadic ladder of
/// batches, the self-normalised estimate, and in short runs the declared correlation. 1 when none
/// or all were bad, where it cannot be estimated.
pub fn design_effect(n: &[u64], bad: &[u64], assumptions: &Assumptions) -> f64 {
    design_parts(n, bad, assumptions).map_or(1.0, |parts| parts.largest().max(1.0))
}

/// The Clopper–Pearson interval of `x` in `n`, of which neither needs to be whole, with chance
/// `side` outside each end.
pub fn clopper_pearson(x: f64, n: f64, side: f64) -> (f64, f64) {
    let low = if x <= 0.0 { 0.0 } else { beta_quantile(side, x, n - x + 1.0) };
    let high = if x >= n { 1.0 } else { beta_quantile(1.0 - side, x + 1.0, n - x) };
    (low, high)
}

/// The two halves' ratios, when they differ by more than three standard errors: then the run has
/// no one ratio. Each half answers for its own correlation only, so that a trend cannot hide.
pub fn drift(n: &[u64], bad: &[u64], assumptions: &Assumptions) -> Option<(f64, f64)> {
    let middle = n.len().min(bad.len()) / 2;
    let half = |n: &[u64], bad: &[u64]| {
        let (all, wrong) = (total(n) as f64, total(bad) as f64);
        let ratio = wrong / all;
        let (residuals, white) = residuals(n, bad)?;
        let design = (long_run::ladder(&residuals, assumptions) / white).max(1.0);
        Some((ratio, ratio * (1.0 - ratio) * design / all))
    };
    let (first, one) = half(&n[..middle], &bad[..middle])?;
    let (second, other) = half(&n[middle..], &bad[middle..])?;
    ((first - second).abs() > 3.0 * (one + other).sqrt()).then_some((first, second))
}

fn design_parts(n: &[u64], bad: &[u64], assumptions: &Assumptions) -> Option<LongRun> {
    let (residuals, white) = residuals(n, bad)?;
    let LongRun { ladder, self_normalised, declared } = LongRun::of(&residuals, white, assumptions);
    Some(LongRun {
        ladder: ladder / white,
        self_normalised: self_normalised / white,
        declared: declared / white,
    })
}

/// What each second has beyond its share of the bad, and the binomial variance of a mean second.
/// `None` when none or all were bad.
fn residuals(n: &[u64], bad: &[u64]) -> Option<(Vec<f64>, f64)> {
    let (all, wrong) = (total(n), total(bad));
    if wrong == 0 || wrong >= all {
        return None;
    }
    let ratio = wrong as f64 / all as f64;
    let residuals =
        n.iter().zip(bad).map(|(&n, &bad)| bad as f64 - ratio * n as f64).collect::<Vec<_>>();
    let white = ratio * (1.0 - ratio) * all as f64 / n.len() as f64;
    Some((residuals, white))
}

fn total(counts: &[u64]) -> u64 {
    counts.iter().fold(0, |sum, &count| sum.saturating_add(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The golden series: clumps of 7 and 3 seconds, and ten bad seconds from 40 on.
    fn golden(seconds: u64) -> (Vec<u64>, Vec<u64>) {
        let bad = (1..=seconds)
            .map(|t| {
                let base = if t % 7 == 0 { 5 } else { u64::from(t % 3 == 0) };
                base + if (40..50).contains(&t) { 3 } else { 0 }
            })
            .collect();
        (vec![100; usize::try_from(seconds).unwrap()], bad)
    }

    /// The golden vectors were made with the normal quantile rounded to six decimals.
    fn near(got: f64, wanted: f64) {
        assert!((got - wanted).abs() <= 1e-8 * wanted.abs().max(1e-3), "{got} is not {wanted}");
    }

    #[test]
    fn golden_vectors() {
        let assumptions = Assumptions::default();
        let (n, bad) = golden(120);
        let parts = design_parts(&n, &bad, &assumptions).unwrap();
        near(parts.ladder, 10.403_044_505_626);
        near(parts.self_normalised, 5.497_088_664_344);
        near(parts.declared, 22.875_203_547_770);
        let estimate = Estimate::of(&n, &bad, 0.02, &assumptions).unwrap();
        assert_eq!(estimate.bad, 150);
        near(estimate.design_effect, 22.875_203_547_770);
        near(estimate.low, 0.004_855_050_639_028);
        near(estimate.high, 0.026_166_826_206_135);

        let (n, bad) = golden(300);
        let parts = design_parts(&n, &bad, &assumptions).unwrap();
        near(parts.ladder, 2.960_438_367_385);
        near(parts.self_normalised, 6.620_828_432_436);
        assert!(parts.declared == 0.0);
        let estimate = Estimate::of(&n, &bad, 0.02, &assumptions).unwrap();
        assert_eq!(estimate.bad, 326);
        near(estimate.low, 0.008_056_044_922_495);
        near(estimate.high, 0.014_331_567_680_717);
        assert_eq!(verdict(&estimate, &assumptions), Verdict::Pass);
    }

    #[test]
    fn no_failure_in_120_seconds_is_not_yet_a_pass() {
        let assumptions = Assumptions::default();
        let estimate = Estimate::of(&[100; 120], &[0; 120], 0.001, &assumptions).unwrap();
        near(estimate.high, 0.001_228_870_803_826);
        near(estimate.low, 0.0);
        assert_eq!(verdict(&estimate, &assumptions), Verdict::Inconclusive);
        let longer = Estimate::of(&[500; 120], &[0; 120], 0.001, &assumptions).unwrap();
        assert_eq!(verdict(&longer, &assumptions), Verdict::Pass);
    }

    #[test]
    fn clopper_pearson_matches_scipy() {
        for (x, n, low, high) in [
            (0.0, 10.0, 0.0, 0.308_497_107_818_760_7),
            (1.0, 10.0, 0.002_528_578_544_461_784_8, 0.445_016_117_028_195_4),
            (5.0, 100.0, 0.016_431_879_182_052_155, 0.112_834_911_105_462_75),
            (12.5, 1234.5, 0.005_324_453_542_112_321, 0.017_430_284_969_286_988),
            (0.3, 20.7, 1.513_257_151_434_003_4e-7, 0.188_591_531_346_246_2),
            (999.0, 1000.0, 0.994_441_075_720_173_4, 0.999_974_682_512_508_8),
            (1000.0, 1000.0, 0.996_317_916_103_134_4, 1.0),
            (5e4, 1e6, 0.049_573_639_547_326_41, 0.050_428_969_368_463_93),
            (95e4, 1e6, 0.949_571_030_631_536, 0.950_426_360_452_673_6),
            (9e4, 1e8, 0.000_894_132_205_880_894, 0.000_905_896_717_686_763_9),
            (7.0, 1e8, 2.814_363_096_347_561e-8, 1.442_267_483_303_711_2e-7),
            (2.5, 2.5, 0.228_652_525_963_663_17, 1.0),
        ] {
            let got = clopper_pearson(x, n, 0.025);
            assert!((got.0 - low).abs() <= 1e-9 * low, "{x} in {n}: {got:?}");
            assert!((got.1 - high).abs() <= 1e-9 * high, "{x} in {n}: {got:?}");
        }
    }

    #[test]
    fn everything_bad_fails_and_early_seconds_do_not() {
        let assumptions = Assumptions::default();
        let judge = |seconds: usize, bad: u64| {
            let estimate =
                Estimate::of(&vec![20; seconds], &vec![bad; seconds], 0.001, &assumptions).unwrap();
            verdict(&estimate, &assumptions)
        };
        assert_eq!(judge(29, 20), Verdict::Inconclusive);
        assert_eq!(judge(30, 20), Verdict::Fail);
        assert_eq!(judge(30, 19), Verdict::Fail);
    }

    #[test]
    fn evidence_that_contradicts_itself_is_refused() {
        let assumptions = Assumptions::default();
        assert_eq!(Estimate::of(&[1, 1], &[1], 0.1, &assumptions), None);
        assert_eq!(Estimate::of(&[1, 1], &[0, 2], 0.1, &assumptions), None);
        assert_eq!(Estimate::of(&[0, 0], &[0, 0], 0.1, &assumptions), None);
        assert_eq!(Estimate::of(&[], &[], 0.1, &assumptions), None);
    }

    #[test]
    fn a_step_is_drift_and_a_steady_run_is_not() {
        let assumptions = Assumptions::default();
        let n = vec![100; 240];
        let step: Vec<u64> = (0..240).map(|t| if t < 120 { t % 3 } else { 5 + t % 4 }).collect();
        let steady: Vec<u64> = (0..240).map(|t| t * 7 % 5).collect();
        assert!(drift(&n, &step, &assumptions).is_some());
        assert_eq!(drift(&n, &steady, &assumptions), None);
        assert_eq!(drift(&n, &[0; 240], &assumptions), None);
        assert_eq!(drift(&[], &[], &assumptions), None);
    }

    #[test]
    fn assumptions_that_make_no_sense_are_refused() {
        let usual = Assumptions::default();
        assert_eq!(usual.checked().unwrap(), usual);
        for wrong in [
            Assumptions { confidence: 95.0, ..usual },
            Assumptions { confidence: f64::NAN, ..usual },
            Assumptions { tau0: 0.0, ..usual },
            Assumptions { kappa0: f64::INFINITY, ..usual },
        ] {
            let error = wrong.checked().unwrap_err();
            assert_eq!(error.code(), "stats-assumption");
            assert!(error.hint().is_some_and(|hint| hint.starts_with("write")));
        }
        let read: Assumptions =
            serde_json::from_str(r#"{"confidence":0.99,"failAfter":60}"#).unwrap();
        assert_eq!(read, Assumptions { confidence: 0.99, fail_after: 60, ..usual });
    }

    #[test]
    fn learnt_values_move_the_gates() {
        assert_eq!(Assumptions::default().learnt(39.0, 80.0).pass_after, 585);
        assert_eq!(Assumptions::default().learnt(1.0, 5.0).pass_after, 120);
        assert_eq!(Assumptions::default().with_cycle(60).pass_after, 300);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_estimate_and_has_width(
            slots in prop::collection::vec((0_u64..2000, 0.0..=1.0_f64), 1..200),
            bound in 0.0001..0.9999_f64, skew in 0.0..=1.0_f64, confidence in 0.6..0.999_f64,
        ) {
            let n: Vec<u64> = slots.iter().map(|slot| slot.0).collect();
            let bad: Vec<u64> =
                slots.iter().map(|slot| (slot.0 as f64 * slot.1 * skew) as u64).collect();
            let assumptions = Assumptions { confidence, ..Assumptions::default() };
            if let Some(estimate) = Estimate::of(&n, &bad, bound, &assumptions) {
                prop_assert!(estimate.design_effect >= 1.0);
                prop_assert!(estimate.cautious_design_effect >= estimate.design_effect);
                prop_assert!(0.0 <= estimate.low && estimate.high <= 1.0);
                prop_assert!(estimate.low <= estimate.value && estimate.value <= estimate.high);
                prop_assert!(estimate.high - estimate.low > 0.0);
                if n.len() < 120 {
                    prop_assert_ne!(verdict(&estimate, &assumptions), Verdict::Pass);
                }
                if n.len() < 30 {
                    prop_assert_eq!(verdict(&estimate, &assumptions), Verdict::Inconclusive);
                }
            } else {
                prop_assert_eq!(n.iter().sum::<u64>(), 0);
            }
        }
    }
}
