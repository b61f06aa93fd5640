//! How often a rise is seen where there is one, and where there is none: seeded simulation.

use proptest::prelude::*;
use seaworthy_base::chance::Chance;

use super::*;

fn normal(chance: &mut Chance) -> f64 {
    let radius = (-2.0 * (1.0 - chance.fraction()).ln()).sqrt();
    radius * (std::f64::consts::TAU * chance.fraction()).cos()
}

/// The published table is of 400 runs; that takes half a minute.
const RUNS: u32 = 60;

/// A level without a leak, of noise one.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Independent,
    Wandering,
    RandomWalk,
    Sawtooth,
    Settling,
    Step,
}

fn level(shape: Shape, seconds: usize, chance: &mut Chance) -> Vec<f64> {
    let mut state = normal(chance);
    let at = chance.fraction();
    (0..seconds)
        .map(|second| {
            let share = second as f64 / seconds as f64;
            let noise = normal(chance);
            match shape {
                Shape::Independent => noise,
                Shape::Wandering => {
                    state = 0.9 * state + (1.0 - 0.81_f64).sqrt() * noise;
                    state
                }
                Shape::RandomWalk => {
                    state += noise;
                    state
                }
                // A collector that frees every 23 s.
                Shape::Sawtooth => 3.5 * (second % 23) as f64 / 23.0 + 0.2 * noise,
                // A cache that fills in the first quarter.
                Shape::Settling => 30.0 * (1.0 - (-6.0 * share).exp()) + noise,
                Shape::Step => {
                    if share > at {
                        30.0 + noise
                    } else {
                        noise
                    }
                }
            }
        })
        .collect()
}

/// The share of runs in which a rise is seen; `leak` is the rise over the run, in units of noise.
fn seen(shape: Shape, seconds: usize, leak: f64, runs: u32) -> f64 {
    let mut chance = Chance::seeded(3_000 + seconds as u64);
    let found = (0..runs).filter(|_| {
        let level = level(shape, seconds, &mut chance);
        let samples: Vec<(f64, f64)> = level
            .into_iter()
            .enumerate()
            .map(|(second, value)| (second as f64, value + leak * second as f64 / seconds as f64))
            .collect();
        matches!(rising(&samples), Trend::Rising(_))
    });
    found.count() as f64 / f64::from(runs)
}

/// The table of `docs/reference/resources.md`.
#[test]
fn leaks_are_found_and_others_are_not() {
    use Shape::{Independent, RandomWalk, Sawtooth, Settling, Step, Wandering};
    println!("| level | seconds | false alarms | rise 6 | rise 12 | rise 30 |");
    for shape in [Independent, Wandering, Sawtooth, RandomWalk, Settling, Step] {
        for seconds in [110, 600, 3_600] {
            let share = |leak| seen(shape, seconds, leak, RUNS);
            let [none, small, middle, large] = [0.0, 6.0, 12.0, 30.0].map(share);
            println!(
                "| {shape:?} | {seconds} | {:.1} % | {:.0} % | {:.0} % | {:.0} % |",
                none * 100.0,
                small * 100.0,
                middle * 100.0,
                large * 100.0
            );
            assert!(none <= 0.03, "{shape:?} over {seconds} s: {none} false alarms");
            if matches!(shape, Independent | Wandering | Sawtooth) {
                assert!(large >= 0.99, "{shape:?} over {seconds} s: {large} found");
            }
        }
    }
}

#[test]
fn the_interval_holds_the_slope() {
    for (shape, least) in [(Shape::Independent, 0.92), (Shape::Wandering, 0.85)] {
        let mut chance = Chance::seeded(77);
        let held = (0..300).filter(|_| {
            let level = level(shape, 600, &mut chance);
            let samples: Vec<(f64, f64)> = (0..600)
                .map(|second| {
                    (f64::from(second), level[second as usize] + 0.05 * f64::from(second))
                })
                .collect();
            match rising(&samples) {
                Trend::Rising(slope) => (slope.low..=slope.high).contains(&0.05),
                other => panic!("{other:?}"),
            }
        });
        let share = held.count() as f64 / 300.0;
        assert!(share >= least, "{shape:?}: {share}");
    }
}

#[test]
fn too_little_is_said_to_be_too_little() {
    let some: Vec<(f64, f64)> = (0..LEAST_SAMPLES - 1).map(|n| (n as f64, n as f64)).collect();
    assert_eq!(rising(&some), Trend::NotEnough);
    assert_eq!(rising(&[(1.0, 2.0); 100]), Trend::NotEnough);
    let flat: Vec<(f64, f64)> = (0..100).map(|n| (f64::from(n), 7.0)).collect();
    assert!(matches!(rising(&flat), Trend::NotRising(slope) if slope.rise == 0.0));
}

#[test]
fn a_clean_rise_is_measured_exactly() {
    let line: Vec<(f64, f64)> =
        (0..120).map(|n| (f64::from(n), 5.0 + 0.25 * f64::from(n))).collect();
    let Trend::Rising(slope) = rising(&line) else { panic!("a straight line rises") };
    assert!((slope.per_second - 0.25).abs() < 1e-9 && (slope.low - 0.25).abs() < 1e-9, "{slope:?}");
    let falling: Vec<(f64, f64)> = line.iter().map(|(at, value)| (*at, -value)).collect();
    assert!(matches!(rising(&falling), Trend::NotRising(_)));
}

proptest! {
    #[test]
    fn no_samples_panic_and_scale_does_not_matter(
        values in prop::collection::vec(prop_oneof![any::<f64>(), -1e3..1e3], 0..200),
    ) {
        let samples: Vec<(f64, f64)> =
            values.iter().enumerate().map(|(second, value)| (second as f64, *value)).collect();
        let _ = rising(&samples);
        let mild: Vec<(f64, f64)> =
            samples.iter().filter(|(_, value)| value.abs() < 1e3).copied().collect();
        let doubled: Vec<(f64, f64)> = mild.iter().map(|(at, value)| (*at, 2.0 * value)).collect();
        let rises = |samples: &[(f64, f64)]| matches!(rising(samples), Trend::Rising(_));
        prop_assert_eq!(rises(&mild), rises(&doubled));
    }
}
