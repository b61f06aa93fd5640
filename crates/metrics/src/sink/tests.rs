//! Sinks hold what they were given, in any split.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const KINDS: [Kind; 4] = [Kind::Counter, Kind::Gauge, Kind::Rate, Kind::Trend];

/// k6's percentile of a sorted list.
fn exact(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = q * (sorted.len() as f64 - 1.0);
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * (place - place.floor())
}

fn watch(bounds: &[f64]) -> Watch {
    Watch { bounds: bounds.into(), seconds: true }
}

fn trend(values: &[f64], bounds: &[f64]) -> Trend {
    let mut trend = Trend::new(&watch(bounds));
    for (second, &value) in values.iter().enumerate() {
        trend.add(Duration::from_millis(second as u64 * 10), value);
    }
    trend
}

/// Values of every size and sign.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..2_000.0_f64,
        2 => (0_u32..50).prop_map(f64::from),
        1 => -1e3..1e3_f64,
        1 => -1e15..1e15_f64,
        1 => -1e-3..1e-3_f64,
    ]
}

fn equal(one: &Sink, other: &Sink) -> bool {
    match (one, other) {
        (Sink::Counter(one), Sink::Counter(other)) => {
            (one.sum - other.sum).abs() <= 1e-9 * one.sum.abs().max(1e6)
                && (one.n, one.not_one, &one.seconds) == (other.n, other.not_one, &other.seconds)
        }
        (Sink::Gauge(one), Sink::Gauge(other)) => one == other,
        (Sink::Rate(one), Sink::Rate(other)) => one == other,
        (Sink::Trend(one), Sink::Trend(other)) => one == other,
        _ => false,
    }
}

#[test]
fn few_values_are_exact() {
    let values = [12.5, -3.0, 1e6, 0.000_001, 7.0, 7.0];
    let trend = trend(&values, &[]);
    let sorted = trend.values();
    for percent in 0..=100 {
        let q = f64::from(percent) / 100.0;
        assert_eq!(sorted.percentile(q), exact(&values, q), "{percent}");
    }
    assert_eq!((trend.min(), trend.max(), trend.count()), (-3.0, 1e6, 6));
    assert_eq!(trend.sum(), values.iter().sum::<f64>());
}

#[test]
fn many_whole_values_stay_whole() {
    let mut values: Vec<f64> = (0..30_000).map(|value| f64::from(value * 7 % 201) - 50.0).collect();
    let sorted = trend(&values, &[]);
    for q in [0.001, 0.5, 0.9, 0.95] {
        assert_eq!(sorted.values().percentile(q), exact(&values, q));
    }
    values.push(0.5);
    let sorted = trend(&values, &[]);
    assert_ne!(sorted.values().percentile(0.95), exact(&values, 0.95));
}

#[test]
fn nothing_is_zero_as_in_k6() {
    let trend = Trend::new(&Watch::default());
    let zeros = [trend.min(), trend.max(), trend.mean(), trend.values().percentile(0.95)];
    assert_eq!(zeros, [0.0; 4]);
    assert!(Sink::new(Kind::Trend, &Watch::default()).is_empty());
}

#[test]
fn infinities_and_what_is_no_number_break_nothing() {
    let mut sink = Sink::new(Kind::Trend, &watch(&[5.0]));
    for value in [f64::NAN, f64::INFINITY, 1.0, f64::NEG_INFINITY] {
        sink.add(Duration::ZERO, value);
    }
    let Sink::Trend(trend) = &sink else { panic!("a trend") };
    assert_eq!((trend.count(), trend.max()), (3, f64::INFINITY));
    assert_eq!(trend.values().percentile(0.5), 1.0);
}

#[test]
fn the_last_gauge_wins_whoever_saw_it() {
    let at = |at: u64, value: f64| {
        let mut gauge = Sink::new(Kind::Gauge, &Watch::default());
        gauge.add(Duration::from_secs(at), value);
        gauge
    };
    let mut merged = at(3, 5.0);
    merged.merge(&at(9, 2.0));
    merged.merge(&at(1, 7.0));
    let Sink::Gauge(gauge) = merged else { panic!("a gauge") };
    assert_eq!((gauge.value, gauge.min, gauge.max, gauge.n), (2.0, 2.0, 7.0, 3));
}

#[test]
fn memory_of_a_trend_does_not_grow() {
    let mut trend = Trend::new(&Watch::default());
    let mut state = 1_u64;
    for _ in 0..200_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        trend.add(Duration::ZERO, (state >> 40) as f64 / 1e4);
    }
    // Twenty-four bits are at most 24 doublings of 256 buckets, however many values.
    assert!(trend.spread().steps().len() <= 24 * 256);
    assert_eq!(trend.spread().steps().iter().map(|step| step.count).sum::<u64>(), 200_000);
}

proptest! {
    // Long lists, so that values spill into buckets: few of them.
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_split_is_one_sink(
        values in prop::collection::vec((value(), 0_u64..20_000, 0_usize..4), 0..2_600),
        bounds in prop::collection::vec(0.0..2_000.0_f64, 0..3),
        kind in 0_usize..4,
    ) {
        let bounds: Vec<f64> = bounds.into_iter().chain([7.0]).collect();
        let watch = Watch { bounds: bounds.into(), seconds: true };
        // One value at a time of its own, or which gauge is last would depend on the split.
        let mut whole = Sink::new(KINDS[kind], &watch);
        let mut parts: Vec<_> = (0..4).map(|_| Sink::new(KINDS[kind], &watch)).collect();
        for (order, &(value, millis, part)) in values.iter().enumerate() {
            let at = Duration::from_millis(millis) + Duration::from_nanos(order as u64);
            whole.add(at, value);
            parts[part].add(at, value);
        }
        let mut merged = Sink::new(KINDS[kind], &watch);
        parts.iter().for_each(|part| merged.merge(part));
        prop_assert!(equal(&whole, &merged), "{:?}", KINDS[kind]);
        let mut reversed = parts.pop().unwrap();
        parts.iter().rev().for_each(|part| reversed.merge(part));
        prop_assert!(equal(&whole, &reversed));
    }

    #[test]
    fn the_side_of_a_bound_is_exact(
        values in prop::collection::vec(value(), 1..2_600),
        bound in prop_oneof![0.0..2_000.0_f64, (0_u32..50).prop_map(f64::from)],
        q in prop_oneof![Just(0.5), Just(0.95), Just(0.999), 0.0..=1.0_f64],
    ) {
        // Bounds where it is hardest: on a value, and around the percentile, between its neighbours.
        let wanted = exact(&values, q);
        let bounds = [bound, values[0], wanted, wanted.next_up(), wanted.next_down()];
        let trend = trend(&values, &bounds);
        let got = trend.values().percentile(q);
        for bound in bounds {
            prop_assert_eq!(got.total_cmp(&bound), wanted.total_cmp(&bound), "{} {}", got, wanted);
        }
    }

    #[test]
    fn percentiles_are_near(values in prop::collection::vec(value(), 1..4_000), q in 0.0..=1.0_f64) {
        let trend = trend(&values, &[]);
        let (got, wanted) = (trend.values().percentile(q), exact(&values, q));
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let place = q * (sorted.len() as f64 - 1.0);
        // Each neighbour is off by 0.2 % of its size at most, and half a millionth.
        let sizes = [sorted[place.floor() as usize].abs(), sorted[place.ceil() as usize].abs()];
        let allowed = sizes[0].max(sizes[1]) * 0.002 + 1e-6;
        prop_assert!((got - wanted).abs() <= allowed, "{got} is not near {wanted}");
    }
}

#[test]
fn watches_are_shared() {
    let watch = watch(&[1.0]);
    assert!(Arc::ptr_eq(&watch.bounds, &watch.clone().bounds));
}
