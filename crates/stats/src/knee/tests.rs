//! How often a knee is seen, and where: simulated ramps, seeded.

use proptest::prelude::*;
use seaworthy_base::chance::Chance;

use super::*;

fn normal(chance: &mut Chance) -> f64 {
    let radius = (-2.0 * (1.0 - chance.fraction()).ln()).sqrt();
    radius * (std::f64::consts::TAU * chance.fraction()).cos()
}

/// A ramp to 200 users of a service that serves at most `capacity` a second, one per user below
/// it; noise of `spread`, correlated by `rho` from second to second.
fn ramp(
    seconds: u32,
    capacity: f64,
    spread: f64,
    rho: f64,
    chance: &mut Chance,
) -> (Vec<Point>, Vec<Point>) {
    let mut noise = 0.0;
    (0..seconds)
        .map(|second| {
            let load = 2.0 + 198.0 * f64::from(second) / f64::from(seconds);
            noise = rho * noise + (1.0 - rho * rho).sqrt() * normal(chance);
            let wobble = (spread * noise).exp();
            // Both asymptotes, rounded where they meet, as queues are.
            let throughput = (load.powi(-8) + capacity.powi(-8)).powf(-0.125) * wobble;
            let latency = 0.05 + (load / throughput.min(load) - 1.0).max(0.0);
            (Point { load, value: throughput }, Point { load, value: latency * wobble })
        })
        .unzip()
}

/// The table of `docs/reference/resources.md`.
#[test]
fn knees_are_seen_where_they_are_and_nowhere_else() {
    println!("| ramp | noise | ρ | false knee | seen | within 15 % | latency: false | seen |");
    for (seconds, spread, rho) in
        [(60, 0.03, 0.0), (60, 0.1, 0.5), (120, 0.05, 0.8), (300, 0.1, 0.5), (300, 0.1, 0.9)]
    {
        // The published table is of 300 runs.
        let (runs, mut chance) = (100_u32, Chance::seeded(90));
        let mut counts = [0_u32; 5];
        for _ in 0..runs {
            let (flat, slow) = ramp(seconds, 100.0, spread, rho, &mut chance);
            if let Seen::Knee(knee) = knee(&flat, Bend::Flattens) {
                counts[1] += 1;
                counts[2] += u32::from((knee.load - 100.0).abs() <= 15.0);
            }
            counts[4] += u32::from(matches!(knee(&slow, Bend::Rises), Seen::Knee(_)));
            let (flat, slow) = ramp(seconds, 1e6, spread, rho, &mut chance);
            counts[0] += u32::from(matches!(knee(&flat, Bend::Flattens), Seen::Knee(_)));
            counts[3] += u32::from(matches!(knee(&slow, Bend::Rises), Seen::Knee(_)));
        }
        let [no, seen, near, late_no, late] =
            counts.map(|count| f64::from(count) / f64::from(runs));
        println!(
            "| {seconds} s | {spread} | {rho} | {:.1} % | {:.0} % | {:.0} % | {:.1} % | {:.0} % |",
            no * 100.0,
            seen * 100.0,
            near * 100.0,
            late_no * 100.0,
            late * 100.0
        );
        assert!(no <= 0.03 && late_no <= 0.03, "{seconds} s, {spread}, {rho}: {counts:?}");
        assert!(seen >= 0.8 && near >= 0.55, "{seconds} s, {spread}, {rho}: {counts:?}");
        assert!(late >= 0.85, "{seconds} s, {spread}, {rho}: {counts:?}");
    }
}

#[test]
fn a_clean_bend_is_found_where_it_is() {
    let points: Vec<Point> = (1..=200)
        .map(|load| Point { load: f64::from(load), value: 3.0 * f64::from(load.min(120)) })
        .collect();
    let Seen::Knee(found) = knee(&points, Bend::Flattens) else { panic!("a knee at 120") };
    assert!((found.load - 120.0).abs() <= 5.0, "{found:?}");
    assert!(found.low <= found.load && found.load <= found.high, "{found:?}");
    assert!((found.before - 3.0).abs() < 0.1 && found.after.abs() < 0.2, "{found:?}");
    assert_eq!(knee(&points, Bend::Rises), Seen::NoKnee);
}

#[test]
fn a_line_has_no_knee_and_a_level_load_cannot_tell() {
    let line: Vec<Point> =
        (1..=200).map(|load| Point { load: f64::from(load), value: f64::from(load) }).collect();
    assert_eq!(knee(&line, Bend::Flattens), Seen::NoKnee);
    let level: Vec<Point> =
        (1..=200).map(|value| Point { load: 50.0, value: f64::from(value) }).collect();
    assert_eq!(knee(&level, Bend::Flattens), Seen::NotEnough);
    assert_eq!(knee(&line[..10], Bend::Flattens), Seen::NotEnough);
    assert_eq!(knee(&[], Bend::Rises), Seen::NotEnough);
}

proptest! {
    #[test]
    fn no_points_panic(
        points in prop::collection::vec((any::<f64>(), any::<f64>()), 0..150),
        mild in prop::collection::vec((0.0..1e6_f64, -1e6..1e6_f64), 0..150),
    ) {
        for list in [points, mild] {
            let points: Vec<Point> =
                list.into_iter().map(|(load, value)| Point { load, value }).collect();
            for bend in [Bend::Flattens, Bend::Rises] {
                if let Seen::Knee(knee) = knee(&points, bend) {
                    prop_assert!(knee.low <= knee.load && knee.load <= knee.high);
                }
            }
        }
    }
}
