//! What gave out in the simulated trial: the workers of each flow are its pool, and one fills up.

use std::collections::BTreeMap;

use seaworthy_base::chance::Chance;
use seaworthy_report::outcome::{
    Direction, First, Found, Leak, Level, Resource, Saturation, Status, Unit,
};

/// Workers in use by each flow, per second.
pub(crate) type InUse = BTreeMap<(&'static str, u32), f64>;

/// The resources, with the pool that is full at peak first.
pub(crate) fn resources(in_use: &InUse) -> Vec<Resource> {
    let pool = |flow: &'static str, target: &str, workers: f64| {
        let levels = in_use.iter().filter(|((name, _), _)| *name == flow);
        let levels = levels.map(|((_, second), used)| Level {
            second: f64::from(*second),
            value: (used / workers).min(1.0),
        });
        resource(target, &format!("pool {flow}"), ("pool", Unit::Share, 0.8), levels.collect())
    };
    let mut chance = Chance::seeded(8);
    let mut queries = |base: f64, peak: f64| -> Vec<Level> {
        (1..260)
            .map(|second| Level {
                second: f64::from(second),
                value: (if second < 180 { base } else { peak }) * (0.8 + 0.4 * chance.fraction()),
            })
            .collect()
    };
    let mut list = vec![
        pool("turns", "gateway", 12.0),
        pool("recall", "memory", 8.0),
        resource(
            "memory",
            "database queries",
            ("query", Unit::Seconds, 0.1),
            queries(0.012, 0.031),
        ),
    ];
    let mut missing =
        resource("policy", "pools, caches", ("metrics", Unit::Count, 0.0), Vec::new());
    missing.bound = None;
    missing.status = Status::NotMeasured;
    "/metrics could not be read: it answers with status 404".clone_into(&mut missing.reason);
    list.push(missing);
    list
}

fn resource(
    target: &str,
    what: &str,
    (kind, unit, bound): (&str, Unit, f64),
    levels: Vec<Level>,
) -> Resource {
    let over: Vec<&Level> = levels.iter().filter(|level| level.value >= bound).collect();
    let peak = levels.iter().max_by(|one, other| one.value.total_cmp(&other.value)).copied();
    let many = over.len() >= 8;
    Resource {
        target: target.to_owned(),
        what: what.to_owned(),
        kind: kind.to_owned(),
        unit,
        bound: Some(bound),
        direction: Direction::Below,
        status: if many { Status::Over } else { Status::Within },
        peak: peak.map(|peak| peak.value),
        peak_second: peak.map(|peak| peak.second),
        over_from_second: over.first().filter(|_| many).map(|level| level.second),
        over_seconds: over.len() as f64,
        measured_seconds: levels.len() as f64,
        reason: "simulated".to_owned(),
        levels,
    }
}

/// The sentence of the first resource that is over its bound.
pub(crate) fn saturation(resources: &[Resource]) -> Saturation {
    let first = resources.iter().find(|resource| resource.status == Status::Over);
    let first = first.map(|resource| First {
        target: resource.target.clone(),
        what: resource.what.clone(),
        kind: resource.kind.clone(),
        from_second: resource.over_from_second.unwrap_or(0.0),
    });
    let sentence = first.as_ref().map_or("No resource reached its bound.".to_owned(), |first| {
        format!(
            "{} of {} gave out first: from second {} on it did not stay below 80%, at worst 12 of 12 in use.",
            first.what, first.target, first.from_second
        )
    });
    Saturation {
        sentence,
        advice: "Raise pool turns of gateway from 12, or shorten what holds it.".to_owned(),
        first,
        knee: None,
        ramp: "No phase raises its load for long enough to see a knee.".to_owned(),
    }
}

/// A leak that is there, one that is not, and one that nobody can tell.
pub(crate) fn leaks() -> Vec<Leak> {
    let leak = |what: &str, status, per_hour: Option<f64>, sentence: &str| Leak {
        target: "memory".to_owned(),
        what: what.to_owned(),
        status,
        per_hour,
        low: per_hour.map(|pace| 0.9 * pace),
        high: per_hour.map(|pace| 1.1 * pace),
        hours_to_limit: per_hour.filter(|pace| *pace > 0.0).map(|pace| 8e9 / pace),
        seconds: 150.0,
        sentence: sentence.to_owned(),
    };
    vec![
        leak(
            "memory",
            Found::Found,
            Some(4e8),
            "Memory of memory rose by 381 MiB/h over 2 min 30 s of equal load in phase baseline, while the load did not.",
        ),
        leak(
            "threads",
            Found::NotFound,
            Some(0.0),
            "Threads of memory did not rise steadily over 2 min 30 s of equal load in phase baseline.",
        ),
        leak(
            "log",
            Found::NotEnoughData,
            None,
            "The log of memory: not enough data to say how fast it grows.",
        ),
    ]
}
