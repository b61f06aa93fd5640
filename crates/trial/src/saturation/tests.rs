//! Crossings of made-up levels: what counts as one, which comes first, and how often noise makes one.

use proptest::prelude::*;
use seaworthy_base::chance::Chance;

use super::*;

fn stretch(from: f64, to: f64) -> Vec<Stretch> {
    vec![Stretch { phase: "steady".to_owned(), from, to }]
}

fn track(kind: Kind, values: impl IntoIterator<Item = f64>) -> Track {
    let mut track = Track::new("api", kind, "it", kind.bound());
    for (second, value) in values.into_iter().enumerate() {
        track.push(Level::of(second as f64, value * 10.0, 10.0));
    }
    track
}

#[test]
fn one_sample_is_no_crossing_and_seven_of_eight_are() {
    let mut values = vec![0.5; 60];
    values[20] = 1.0;
    let spike = track(Kind::Pool, values.clone());
    let (resource, crossing) = hold(&spike, &stretch(0.0, 60.0));
    assert_eq!((resource.status, resource.peak), (Status::Within, Some(1.0)));
    assert!(crossing.is_none() && resource.over_seconds > 0.0, "{resource:?}");
    assert!(resource.reason.contains("never 7 of 8"), "{}", resource.reason);
    values[30..39].fill(0.9);
    values[32] = 0.7;
    let real = track(Kind::Pool, values);
    let (resource, crossing) = hold(&real, &stretch(0.0, 60.0));
    assert_eq!((resource.status, resource.over_from_second), (Status::Over, Some(30.0)));
    // The spike before was not sustained: it is not what gave out.
    assert!((crossing.unwrap().worst.value - 0.9).abs() < 1e-9);
}

#[test]
fn what_is_outside_of_the_load_does_not_count() {
    let busy = track(Kind::Cpu, (0..60).map(|second| if second < 30 { 1.0 } else { 0.1 }));
    assert_eq!(hold(&busy, &stretch(30.0, 60.0)).0.status, Status::Within);
    let (resource, _) = hold(&busy, &stretch(57.0, 60.0));
    assert_eq!(resource.status, Status::NotMeasured, "three samples say nothing");
    assert_eq!(resource.bound, None);
    assert_eq!(hold(&busy, &[]).0.status, Status::NotMeasured);
}

#[test]
fn without_a_limit_there_is_no_share_and_no_verdict() {
    let mut track = Track::new("api", Kind::Memory, "memory", Kind::Memory.bound());
    for second in 0..30 {
        track.push(Level::of(f64::from(second), 5e6, f64::NAN));
    }
    let (resource, crossing) = hold(&track, &stretch(0.0, 60.0));
    assert_eq!(resource.status, Status::NotMeasured);
    assert!(resource.reason.contains("not of how much") && crossing.is_none());
}

#[test]
fn a_queue_may_be_long_but_not_grow() {
    let long = track(Kind::Queue, std::iter::repeat_n(400.0, 60));
    let mut plain = Track::new("api", Kind::Queue, "jobs", Kind::Queue.bound());
    for second in 0..60 {
        plain.push(Level::plain(f64::from(second), 3.0 * f64::from(second)));
    }
    assert_eq!(hold(&long, &stretch(0.0, 60.0)).0.status, Status::Within);
    assert_eq!(hold(&plain, &stretch(0.0, 60.0)).0.status, Status::Over);
}

#[test]
fn what_limits_comes_before_what_shows_and_the_deeper_of_two_that_came_together() {
    let step = |kind, at: usize, high: f64| {
        track(kind, (0..80).map(move |second| if second >= at { high } else { 0.2 }))
    };
    let (cpu, pool) = (step(Kind::Cpu, 30, 0.75), step(Kind::Pool, 32, 1.0));
    let (memory, query) = (step(Kind::Memory, 50, 0.9), step(Kind::Query, 10, 3.0));
    let crossings: Vec<Crossing<'_>> = [&memory, &cpu, &query, &pool]
        .into_iter()
        .filter_map(|track| hold(track, &stretch(0.0, 80.0)).1)
        .collect();
    let kinds: Vec<Kind> =
        order(crossings).into_iter().map(|crossing| crossing.track.kind).collect();
    // Queries were slow from the start of the load on: that is a sign, and it is told last.
    assert_eq!(kinds, [Kind::Pool, Kind::Cpu, Kind::Memory, Kind::Query]);
}

#[test]
fn a_busy_machine_does_not_hide_a_pool_that_is_used_up() {
    let step = |kind, at: usize, high: f64| {
        track(kind, (0..80).map(move |second| if second >= at { high } else { 0.2 }))
    };
    let (machine, cpu) = (step(Kind::Machine, 0, 1.0), step(Kind::Cpu, 20, 0.8));
    let pool = step(Kind::Pool, 40, 1.0);
    let kinds = |tracks: &[&Track]| -> Vec<Kind> {
        let held = tracks.iter().filter_map(|track| hold(track, &stretch(0.0, 80.0)).1);
        order(held.collect()).into_iter().map(|crossing| crossing.track.kind).collect()
    };
    assert_eq!(kinds(&[&machine, &cpu, &pool]), [Kind::Pool, Kind::Cpu, Kind::Machine]);
    assert_eq!(kinds(&[&machine, &cpu]), [Kind::Machine, Kind::Cpu]);
}

#[test]
fn a_machine_that_was_busy_for_a_moment_is_no_headline() {
    let busy = |kind, from: usize, to: usize| {
        let level = move |second| if (from..to).contains(&second) { 1.0 } else { 0.2 };
        track(kind, (0..80).map(level))
    };
    let burst = |track: &Track| {
        hold(track, &stretch(0.0, 80.0)).1.map(|crossing| crossing.is_burst_of_the_machine())
    };
    assert_eq!(burst(&busy(Kind::Machine, 30, 40)), Some(true));
    assert_eq!(burst(&busy(Kind::Machine, 55, 80)), Some(false), "the end of a ramp");
    assert_eq!(burst(&busy(Kind::Cpu, 30, 40)), Some(false));
    assert_eq!(burst(&busy(Kind::Machine, 30, 34)), None);
}

#[test]
fn a_cache_is_over_when_it_is_below() {
    let cold = track(Kind::Cache, (0..60).map(|second| if second < 30 { 0.95 } else { 0.4 }));
    let (resource, crossing) = hold(&cold, &stretch(0.0, 60.0));
    assert_eq!((resource.status, resource.over_from_second), (Status::Over, Some(30.0)));
    assert!((crossing.unwrap().worst.value - 0.4).abs() < 1e-9);
    assert!((resource.peak.unwrap() - 0.4).abs() < 1e-9);
}

/// A level that wanders around 60 % with a standard deviation of 10 % is over 80 % now and then.
#[test]
fn noise_below_the_bound_is_seldom_a_crossing_and_saturation_always_is() {
    let normal = |chance: &mut Chance| {
        let radius = (-2.0 * (1.0 - chance.fraction()).ln()).sqrt();
        radius * (std::f64::consts::TAU * chance.fraction()).cos()
    };
    let mut chance = Chance::seeded(11);
    for (rho, middle, least, most) in [(0.0, 0.6, 0, 0), (0.6, 0.6, 0, 4), (0.6, 0.95, 200, 200)] {
        let found = (0..200).filter(|_| {
            let mut noise: f64 = normal(&mut chance);
            let values: Vec<f64> = (0..300)
                .map(|_| {
                    noise = rho * noise + (1.0_f64 - rho * rho).sqrt() * normal(&mut chance);
                    (middle + 0.1 * noise).clamp(0.0, 1.0)
                })
                .collect();
            hold(&track(Kind::Pool, values), &stretch(0.0, 300.0)).1.is_some()
        });
        let found = found.count();
        println!("middle {middle}, ρ {rho}: {found} of 200 runs of 300 s cross");
        assert!((least..=most).contains(&found), "middle {middle}, ρ {rho}: {found}");
    }
}

#[test]
fn a_long_track_is_thinned_and_keeps_its_peak() {
    let mut values = vec![0.1; 5_000];
    values[3_333] = 0.79;
    let track = track(Kind::Pool, values);
    let (resource, _) = hold(&track, &stretch(0.0, 5_000.0));
    assert!(resource.levels.len() <= SHOWN, "{}", resource.levels.len());
    assert!(resource.levels.iter().any(|level| level.value > 0.78));
}

proptest! {
    #[test]
    fn no_levels_panic(
        values in prop::collection::vec((any::<f64>(), any::<f64>(), any::<f64>()), 0..80),
        from: f64, to: f64,
    ) {
        for kind in [Kind::Pool, Kind::Cache, Kind::Queue, Kind::Query, Kind::Threads, Kind::Cpu] {
            let mut track = Track::new("api", kind, "it", kind.bound());
            for (second, used, limit) in &values {
                track.push(Level::of(*second, *used, *limit));
            }
            let (resource, crossing) = hold(&track, &stretch(from, to));
            prop_assert_eq!(resource.status == Status::Over, crossing.is_some());
            if let Some(crossing) = crossing {
                prop_assert!(stretch(from, to)[0].holds(crossing.from));
                let told = advice(&crossing) + &level_words(&track, crossing.worst);
                prop_assert!(!told.is_empty());
            }
        }
    }
}
