//! What the timeline tells of the load: ramps and their knees, percentiles before and after a moment,
//! the first second in which an objective is missed, and where requests spend their time.

use std::collections::BTreeMap;

use seaworthy_report::number;
use seaworthy_report::outcome::Knee;
use seaworthy_stats::knee::{Bend, Point, Seen, knee};
use seaworthy_stats::statement::{Comparison, Statement};
use seaworthy_stats::timeline::{Timeline, Window};

use crate::check::{Checked, Objective};
use crate::saturation::Stretch;

/// A ramp ends at this many times the load it began with, at least.
const RAMP: f64 = 1.8;
/// An objective is missed when the share of bad values in so many seconds says so, and there are
/// so many of them.
const MISSED_SECONDS: usize = 5;
const MISSED_LEAST: u64 = 3;
/// The fewest requests a percentile of one second, or of one side of a moment, is read from.
const FEW: u64 = 20;

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(tag, value)| ((*tag).to_owned(), (*value).to_owned())).collect()
}

fn window(stretch: &Stretch) -> Window {
    Window::new(stretch.from as u32, stretch.to as u32)
}

/// The knee of the trial's ramp, and what is to be said of it in words.
pub(super) fn ramp(timeline: &Timeline, stretches: &[Stretch]) -> (Option<Knee>, String) {
    let mut flat = None;
    for stretch in stretches {
        let Some(ramp) = Ramp::of(timeline, stretch) else { continue };
        for (of, bend, values) in
            [("throughput", Bend::Flattens, &ramp.throughput), ("p95", Bend::Rises, &ramp.p95)]
        {
            let points: Vec<Point> = ramp
                .load
                .iter()
                .zip(values)
                .filter_map(|(load, value)| Some(Point { load: *load, value: (*value)? }))
                .collect();
            match knee(&points, bend) {
                Seen::Knee(found) => {
                    let second = ramp.load.iter().position(|load| *load >= found.load);
                    let knee = Knee {
                        phase: stretch.phase.clone(),
                        load_unit: ramp.unit.to_owned(),
                        load: found.load,
                        low: found.low,
                        high: found.high,
                        second: stretch.from + second.unwrap_or(0) as f64,
                        of: of.to_owned(),
                    };
                    return (Some(knee.clone()), words(&knee, found.before, found.after));
                }
                Seen::NoKnee => flat = Some(stretch.phase.clone()),
                Seen::NotEnough => {}
            }
        }
    }
    let words = match flat {
        Some(phase) => {
            format!("No knee seen: in phase {phase}, throughput kept up with the load to its end.")
        }
        None => "No phase raises its load for long enough to see a knee.".to_owned(),
    };
    (None, words)
}

fn words(knee: &Knee, before: f64, after: f64) -> String {
    let digits = |value: f64| number::trimmed(&number::three_digits(value)).to_owned();
    let gain = match (knee.of.as_str(), before > 0.0) {
        ("throughput", true) => format!(
            "beyond, throughput gains {} of what it gained before",
            number::short_percent((after / before).max(0.0))
        ),
        _ => "beyond, the p95 response time rises with the load".to_owned(),
    };
    format!(
        "Phase {} has its knee at {} {} ({} to {}), at {}: {gain}.",
        knee.phase,
        digits(knee.load),
        knee.load_unit,
        digits(knee.low),
        digits(knee.high),
        number::clock(knee.second)
    )
}

/// A phase whose load rises, up to where it is highest; one entry a second.
struct Ramp {
    unit: &'static str,
    load: Vec<f64>,
    throughput: Vec<Option<f64>>,
    p95: Vec<Option<f64>>,
}

impl Ramp {
    fn of(timeline: &Timeline, stretch: &Stretch) -> Option<Self> {
        let (phase, window) = (tags(&[("phase", &stretch.phase)]), window(stretch));
        let done = timeline.select("iterations", &phase).sums(window);
        let backlog = levels(timeline, "backlog", &phase, window);
        // In an open model, what arrived is what was done and what came to wait. In a closed one,
        // the load is how many users there are.
        let (unit, load) = match backlog {
            Some(backlog) => {
                let before = std::iter::once(&0.0).chain(&backlog);
                let arrived = done.iter().zip(backlog.iter().zip(before));
                let arrived = arrived.map(|(done, (now, before))| done + (now - before));
                ("arrivals/s", arrived.collect::<Vec<f64>>())
            }
            None => ("virtual users", levels(timeline, "vus", &phase, window)?),
        };
        let mut load = smoothed(&load);
        // What comes after the top goes down again, or stays: it belongs to no rise.
        let top = (0..load.len()).max_by(|a, b| load[*a].total_cmp(&load[*b]))?;
        load.truncate(top + 1);
        let tenth = (load.len() / 10).max(1);
        let start = load.iter().take(tenth).sum::<f64>() / tenth as f64;
        if load[top] < RAMP * start || load.len() < 20 {
            return None;
        }
        let slots = timeline.select("response_time", &phase).per_second(window);
        let p95 = slots.iter().map(|slot| {
            let histogram = slot.histogram.as_ref().filter(|all| all.count() >= FEW)?;
            Some(histogram.quantile(0.95)?.middle() as f64)
        });
        let throughput = smoothed(&done).into_iter().map(Some).collect();
        Some(Self { unit, load, throughput, p95: p95.collect() })
    }
}

/// The sum over series of a gauge's last level in each second; `None` when nobody noted any.
fn levels(
    timeline: &Timeline,
    metric: &str,
    tags: &BTreeMap<String, String>,
    window: Window,
) -> Option<Vec<f64>> {
    let selection = timeline.select(metric, tags);
    if selection.is_empty() {
        return None;
    }
    let mut levels = vec![0.0; window.seconds() as usize];
    for (_, series) in selection.series() {
        let mut last = 0.0;
        for (at, level) in levels.iter_mut().enumerate() {
            // A second in which nobody looked has the level of the one before.
            last =
                series.slots.get(&(window.from_second + at as u32)).map_or(last, |slot| slot.last);
            *level += last;
        }
    }
    Some(levels)
}

/// The mean over three seconds around each.
fn smoothed(values: &[f64]) -> Vec<f64> {
    (0..values.len())
        .map(|at| {
            let part = &values[at.saturating_sub(1)..(at + 2).min(values.len())];
            part.iter().sum::<f64>() / part.len() as f64
        })
        .collect()
}

/// The p95 response time in nanoseconds before and after a moment, within its stretch.
pub(super) fn p95_around(
    timeline: &Timeline,
    stretches: &[Stretch],
    second: f64,
) -> Option<(f64, f64)> {
    let stretch = stretches.iter().find(|stretch| stretch.holds(second))?;
    let response = timeline.select("response_time", &tags(&[("phase", &stretch.phase)]));
    let p95 = |from: f64, to: f64| {
        let histogram = response.histogram(Window::new(from as u32, to as u32));
        (histogram.count() >= FEW).then_some(())?;
        Some(histogram.quantile(0.95)?.middle() as f64)
    };
    Some((p95(stretch.from, second)?, p95(second, stretch.to)?))
}

/// The objective that is missed first, and from which second on.
pub(super) fn first_missed(
    objectives: &[Objective],
    timeline: &Timeline,
    stretches: &[Stretch],
) -> Option<(String, f64)> {
    let missed = objectives.iter().filter_map(|objective| {
        let bound = objective.statement.bad_bound()?;
        let of = stretches
            .iter()
            .filter(|stretch| objective.phase.as_ref().is_none_or(|phase| *phase == stretch.phase));
        let second = of.filter_map(|stretch| {
            let mut tags = objective.tags.clone();
            tags.insert("phase".to_owned(), stretch.phase.clone());
            let selection = timeline.select(objective.metric.name, &tags);
            let window = window(stretch);
            let n = selection.n(window);
            let bad = match objective.statement {
                Statement::Quantile { bound_ns, .. } => selection.over(bound_ns, window)?,
                Statement::Ratio { comparison, .. } => {
                    let hits = selection.hits(window);
                    match comparison {
                        Comparison::Below => hits,
                        Comparison::Above => n.iter().zip(hits).map(|(n, hit)| n - hit).collect(),
                    }
                }
                Statement::Throughput { .. } => return None,
            };
            let missed = n.windows(MISSED_SECONDS).zip(bad.windows(MISSED_SECONDS)).position(
                |(n, bad)| {
                    let (n, bad): (u64, u64) = (n.iter().sum(), bad.iter().sum());
                    bad >= MISSED_LEAST && bad as f64 > bound * n as f64
                },
            )?;
            Some(stretch.from + missed as f64)
        });
        Some((objective.name.value.clone(), second.reduce(f64::min)?))
    });
    missed.min_by(|one, other| one.1.total_cmp(&other.1))
}

/// The parts of a request that are timed, and what they are in words.
const PARTS: [(&str, &str); 7] = [
    ("http_req_blocked", "waiting for a connection to"),
    ("http_req_looking_up", "looking up the name of"),
    ("http_req_connecting", "connecting to"),
    ("http_req_tls_handshaking", "the TLS handshake with"),
    ("http_req_sending", "sending to"),
    ("http_req_waiting", "waiting for"),
    ("http_req_receiving", "receiving from"),
];

/// Where requests spent most of their time, in a sentence.
pub(super) fn slowest(
    plan: &Checked,
    timeline: &Timeline,
    stretches: &[Stretch],
) -> Option<String> {
    let mut parts: Vec<(f64, f64, String, &str)> = Vec::new();
    for flow in &plan.plan().flows {
        let name = flow.name.value.as_str();
        let target = flow.target.as_ref().map_or("the target", |target| target.value.as_str());
        let total = |metric: &str| {
            let (mut sum, mut n) = (0.0, 0.0);
            for stretch in stretches {
                let tags = tags(&[("phase", &stretch.phase), ("flow", name)]);
                let histogram = timeline.select(metric, &tags).histogram(window(stretch));
                n += histogram.count() as f64;
                sum += histogram.mean().unwrap_or(0.0) * histogram.count() as f64;
            }
            (sum, n)
        };
        let mut add = |(sum, n): (f64, f64), words: &str| {
            if n > 0.0 {
                parts.push((sum, sum / n, format!("{words} {target}"), name));
            }
        };
        let (response, n) = total("response_time");
        let (service, _) = total("http_req_duration");
        add(((response - service).max(0.0), n), "waiting for a free virtual user to call");
        let timed: Vec<_> = PARTS.map(|(metric, words)| (total(metric), words)).into();
        if timed.iter().all(|((_, n), _)| *n == 0.0) {
            add((service, n), "the answer of");
        }
        timed.into_iter().for_each(|(total, words)| add(total, words));
    }
    let (_, mean, words, flow) = parts.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(format!(
        "Most of the time went into {words} (flow {flow}, {} on average).",
        number::short_duration(mean)
    ))
}
