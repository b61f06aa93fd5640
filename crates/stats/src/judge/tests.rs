//! Tests of the judge: edges, words, and what no evidence may ever do.

use proptest::prelude::*;
use seaworthy_base::Verdict::{Fail, Inconclusive, Pass};

use super::*;

fn statement(text: &str) -> Statement {
    text.parse().unwrap()
}

fn judged(text: &str, n: &[u64], bad: &[u64]) -> Judgement {
    let evidence = Evidence { n, bad, histogram: None, lost: 0 };
    judge(&statement(text), &evidence, &Assumptions::default())
}

/// A steady second-by-second count that is not quite the same every second.
fn pattern(seconds: u64, of: impl Fn(u64) -> u64) -> Vec<u64> {
    (0..seconds).map(of).collect()
}

#[test]
fn no_data_is_inconclusive() {
    for text in ["p95 < 100ms", "rate < 0.1%", "rate > 99%", "throughput > 1/s", "throughput < 1/s"]
    {
        for n in [&[][..], &[0; 600][..]] {
            let judgement = judged(text, n, n);
            assert_eq!(judgement.verdict, Inconclusive, "{text}");
            assert_eq!(judgement.measurement, None);
            assert!(judgement.reason.ends_with("nothing was measured"), "{}", judgement.reason);
            assert!(judgement.needs.unwrap().starts_with("data"));
        }
    }
}

#[test]
fn a_lost_second_is_inconclusive_and_shown_with_its_numbers() {
    let (n, bad) = (vec![500; 600], vec![0; 600]);
    let evidence = Evidence { n: &n, bad: &bad, histogram: None, lost: 2 };
    for text in ["rate < 1%", "throughput > 10/s"] {
        let whole = judged(text, &n, &bad);
        assert_eq!(whole.verdict, Pass);
        let judgement = judge(&statement(text), &evidence, &Assumptions::default());
        assert_eq!(judgement.verdict, Inconclusive);
        assert!(judgement.measurement.is_some());
        assert!(
            judgement.reason.starts_with("2 seconds were not reported"),
            "{}",
            judgement.reason
        );
        assert!(judgement.needs.unwrap().contains("every second"));
    }
}

#[test]
fn counts_that_contradict_each_other_decide_nothing() {
    for (n, bad) in [(&[10; 200][..], &[11; 200][..]), (&[10; 200][..], &[0; 100][..])] {
        let judgement = judged("rate < 1%", n, bad);
        assert_eq!((judgement.verdict, judgement.measurement), (Inconclusive, None));
        assert!(judgement.reason.contains("contradict"));
    }
}

#[test]
fn reasons_are_plain() {
    let n = vec![100; 600];
    let bad = pattern(600, |t| u64::from(t % 5 < 4));
    let judgement = judged("p95 < 100ms", &n, &bad);
    assert_eq!(judgement.verdict, Pass);
    let Measurement { value, low, high, n: all } = judgement.measurement.unwrap();
    assert!(low < value && value < high && all == 60_000);
    assert_eq!(
        judgement.reason,
        "at least 95 % of requests must finish within 100 ms; 0.8 % [0.73 %, 0.87 %] did not"
    );
    let judgement = judged("rate < 0.1%", &n, &bad);
    assert_eq!(judgement.verdict, Fail);
    assert_eq!(judgement.reason, "no more than 0.1 % may go wrong; 0.8 % [0.73 %, 0.87 %] did");
    let judgement = judged("rate > 99.9%", &[100; 300], &[0; 300]);
    assert_eq!(
        judgement.reason,
        "at least 99.9 % must go right; of 30000 all did, but up to 0.049 % may have been missed"
    );
    assert_eq!((judgement.verdict, judgement.rarer_than_seconds), (Pass, 100.0));
    let judgement = judged("rate > 99.9%", &[100; 60], &[100; 60]);
    assert_eq!(judgement.reason, "at least 99.9 % must go right; all 6000 did not");
    assert_eq!((judgement.verdict, judgement.needs), (Fail, None));
}

#[test]
fn an_open_question_says_what_is_missing() {
    let judgement = judged("p95 < 100ms", &[50; 30], &[0; 30]);
    assert_eq!(judgement.verdict, Inconclusive);
    assert!(judgement.reason.ends_with("; the interval reaches over the bound"));
    assert_eq!(judgement.needs.as_deref(), Some("about 111 s more at this rate"));
    assert!(judgement.more_seconds.is_some_and(|more| more > 90.0));

    let judgement = judged("p95 < 100ms", &[500; 119], &[0; 119]);
    assert!(
        judgement.reason.ends_with("; nothing passes before 120 s of data, and there are 119 s"),
        "{}",
        judgement.reason
    );
    assert_eq!(judgement.needs.as_deref(), Some("about 1 s more at this rate"));

    let judgement = judged("p95 < 100ms", &[500; 20], &[500; 20]);
    assert!(judgement.reason.ends_with("; nothing fails before 30 s of data, and there are 20 s"));
    assert_eq!(judgement.more_seconds, Some(10.0));

    let at_bound = pattern(900, |t| 5 * (t % 2));
    let judgement = judged("p95 < 100ms", &[50; 900], &at_bound);
    assert_eq!(judgement.verdict, Inconclusive);
    assert_eq!(judgement.needs.as_deref(), Some("too close to the bound to decide"));
    assert_eq!(judgement.more_seconds, None);
}

#[test]
fn a_percentile_is_shown_with_the_interval_that_decides() {
    let mut histogram = Histogram::new();
    for value in 0..60_000_u64 {
        histogram.record(1_000_000 + value * 1_000);
    }
    // 60 000 times from 1 ms up to 61 ms: the 95th percentile is 58 ms.
    let at = |bound_us: u64, bad: u64| {
        let n = vec![100; 600];
        let mut bad_seconds = vec![bad / 600; 600];
        for slot in bad_seconds.iter_mut().take((bad % 600) as usize) {
            *slot += 1;
        }
        let evidence = Evidence { n: &n, bad: &bad_seconds, histogram: Some(&histogram), lost: 0 };
        judge(&statement(&format!("p95 < {bound_us}us")), &evidence, &Assumptions::default())
    };
    let judgement = at(58_800, 2_199);
    assert_eq!(judgement.verdict, Pass);
    let observed = judgement.observed.unwrap();
    assert!((observed.value / 58e6 - 1.0).abs() < 0.002, "{observed:?}");
    assert!(57e6 < observed.low && observed.low < 58e6 && 58e6 < observed.high);
    assert!(observed.high <= 58_800_000.0 && !judgement.observed_open);

    let judgement = at(57_000, 3_999);
    assert_eq!(judgement.verdict, Fail);
    assert!(judgement.observed.unwrap().low > 57_000_000.0);
}

#[test]
fn a_percentile_that_few_requests_cannot_bound_is_open() {
    let mut histogram = Histogram::new();
    histogram.record_many(1_000, 60);
    let evidence = Evidence { n: &[2; 30], bad: &[0; 30], histogram: Some(&histogram), lost: 0 };
    let judgement = judge(&statement("p99 < 1ms"), &evidence, &Assumptions::default());
    assert!(judgement.observed_open);
    assert_eq!(judgement.observed.unwrap().high, 1_000.0);
    assert_eq!(judgement.verdict, Inconclusive);
}

#[test]
fn a_throughput_has_an_interval_even_when_every_second_is_the_same() {
    let judgement = judged("throughput > 99/s", &[100; 200], &[]);
    let measurement = judgement.measurement.unwrap();
    assert_eq!(judgement.verdict, Pass);
    assert!(measurement.high - measurement.low > 1.99 / 200.0);
    assert_eq!(judgement.reason, "at least 99 a second must be done; 100 [99.995, 100.005] were");
    assert_eq!(judged("throughput > 101/s", &[100; 30], &[]).verdict, Fail);
    assert_eq!(judged("throughput > 101/s", &[100; 29], &[]).verdict, Inconclusive);
    assert_eq!(judged("throughput > 99/s", &[100; 119], &[]).more_seconds, Some(1.0));
    assert_eq!(judged("throughput < 99/s", &[100; 119], &[]).verdict, Fail);
    let close = judged("throughput > 100/s", &[100; 600], &[]);
    assert_eq!(close.verdict, Inconclusive);
    assert_eq!(close.needs.as_deref(), Some("too close to the bound to decide"));
    assert_eq!(judged("throughput > 1/s", &[1_000_000], &[]).verdict, Inconclusive);
}

#[test]
fn a_throughput_in_waves_is_less_sure_than_a_steady_one() {
    let steady = judged("throughput > 99/s", &pattern(600, |t| 80 + t * 17 % 41), &[]);
    let waves = judged("throughput > 99/s", &pattern(600, |t| 80 + 40 * (t / 30 % 2)), &[]);
    let width = |judgement: &Judgement| {
        let measurement = judgement.measurement.unwrap();
        measurement.high - measurement.low
    };
    assert!(width(&waves) > 4.0 * width(&steady));
    assert!(waves.n_effective < steady.n_effective);
}

/// Not in the published table: its own simulation, of a rate that wanders by 20 % with a lag-one
/// correlation of 0.8.
#[test]
fn a_throughput_interval_covers_the_true_rate() {
    let cell = crate::simulate::Cell {
        pattern: crate::simulate::Pattern::Wandering { rho: 0.0, variation: 0.0 },
        rate: 200.0,
        bound: 0.01,
        seconds: 120,
    };
    let mut chance = seaworthy_base::chance::Chance::seeded(5);
    let runs = 400;
    let held = (0..runs)
        .filter(|_| {
            let (n, _) = crate::simulate::service(&cell, 0.01, &mut chance);
            let measurement = judged("throughput > 1/s", &n, &[]).measurement.unwrap();
            measurement.low <= 200.0 && 200.0 <= measurement.high
        })
        .count();
    // 95 % less three standard errors.
    assert!(held as f64 / f64::from(runs) > 0.917, "{held} of {runs}");
    assert!(held < runs as usize, "an interval that always holds says nothing");
}

#[test]
fn a_doubt_outranks_the_numbers() {
    let mut judgement = judged("rate < 1%", &[500; 600], &[0; 600]);
    assert_eq!(judgement.verdict, Pass);
    judgement.doubt("40 arrivals were dropped", "a run without dropped arrivals");
    assert_eq!((judgement.verdict, judgement.more_seconds), (Inconclusive, None));
    assert!(judgement.reason.starts_with("40 arrivals were dropped; no more than 1 %"));
    assert_eq!(judgement.needs.as_deref(), Some("a run without dropped arrivals"));
}

#[test]
fn a_run_that_changed_under_way_is_warned_about() {
    let n = vec![100; 240];
    let judgement =
        judged("rate < 10%", &n, &pattern(240, |t| if t < 120 { t % 2 } else { 5 + t % 3 }));
    let warning = judgement.stationary_warning.unwrap();
    assert!(warning.starts_with("the first half had 0.5 % bad and the second 6 %"), "{warning}");
    let judgement =
        judged("throughput > 9/s", &pattern(240, |t| if t < 120 { 10 } else { 20 }), &[]);
    let warning = judgement.stationary_warning.unwrap();
    assert!(warning.starts_with("the first half had 10 a second and the second 20"), "{warning}");
    assert_eq!(
        judged("throughput > 9/s", &pattern(240, |t| 10 + t % 3), &[]).stationary_warning,
        None
    );
}

#[test]
fn judgements_travel_as_json() {
    let judgement = judged("rate < 1%", &[10; 40], &[0; 40]);
    let text = serde_json::to_string(&judgement).unwrap();
    assert!(text.contains(r#""verdict":"inconclusive""#) && text.contains(r#""moreSeconds":"#));
    assert_eq!(serde_json::from_str::<Judgement>(&text).unwrap(), judgement);
}

fn any_statement() -> impl Strategy<Value = Statement> {
    let comparison = prop_oneof![Just(Comparison::Below), Just(Comparison::Above)];
    prop_oneof![
        (0.001..0.999_9_f64, any::<u64>())
            .prop_map(|(q, bound_ns)| Statement::Quantile { q, bound_ns }),
        (comparison.clone(), 0.0001..0.9999_f64)
            .prop_map(|(comparison, bound)| Statement::Ratio { comparison, bound }),
        (comparison, 0.01..1e6_f64).prop_map(|(comparison, bound_per_second)| {
            Statement::Throughput { comparison, bound_per_second }
        }),
    ]
}

proptest! {
    #[test]
    fn no_evidence_breaks_the_judge(
        statement in any_statement(),
        n in prop::collection::vec(0_u64..5000, 0..260),
        bad in prop::collection::vec(0_u64..5000, 0..260),
        lost in 0_usize..2, sane in any::<bool>(),
    ) {
        let bad: Vec<u64> = if sane {
            n.iter().enumerate().map(|(t, n)| bad.get(t).copied().unwrap_or(0).min(*n)).collect()
        } else {
            bad
        };
        let mut histogram = Histogram::new();
        n.iter().zip(1_u64..).for_each(|(&n, t)| histogram.record_many(t << 20, n));
        let evidence = Evidence { n: &n, bad: &bad, histogram: Some(&histogram), lost };
        let judgement = judge(&statement, &evidence, &Assumptions::default());
        let all: u64 = n.iter().sum();
        if all == 0 || lost > 0 {
            prop_assert_eq!(judgement.verdict, Inconclusive);
        }
        prop_assert!(judgement.verdict != Pass || n.len() >= 120);
        prop_assert!(judgement.verdict != Fail || n.len() >= 30);
        prop_assert_eq!(judgement.needs.is_some(), judgement.verdict == Inconclusive);
        prop_assert!(!judgement.reason.is_empty());
        for measurement in judgement.measurement.iter().chain(&judgement.observed) {
            prop_assert!(measurement.low <= measurement.value && measurement.value <= measurement.high);
        }
        if let Some(measurement) = judgement.measurement {
            prop_assert!(measurement.high > measurement.low);
        }
        prop_assert!(serde_json::to_string(&judgement).is_ok());
    }

    /// A percentile beside a verdict never tells another story than the verdict.
    #[test]
    fn percentile_and_verdict_agree(
        values in prop::collection::vec(1_u64..1_000_000, 1..40), seconds in 30_usize..300,
        q in 0.5..0.999_f64, bound_ns in 1_u64..1_000_000,
    ) {
        let mut histogram = Histogram::new();
        let over = values.iter().filter(|&&value| value > bound_ns).count() as u64;
        values.iter().for_each(|&value| histogram.record_many(value, seconds as u64));
        let (n, bad) = (vec![values.len() as u64; seconds], vec![over; seconds]);
        let evidence = Evidence { n: &n, bad: &bad, histogram: Some(&histogram), lost: 0 };
        let judgement =
            judge(&Statement::Quantile { q, bound_ns }, &evidence, &Assumptions::default());
        let observed = judgement.observed.unwrap();
        match judgement.verdict {
            Pass => prop_assert!(observed.high <= bound_ns as f64 && !judgement.observed_open),
            Fail => prop_assert!(observed.low > bound_ns as f64),
            Inconclusive => {}
        }
    }
}
