//! Each resource held against its bound, and which of them gave out first. Pure: no clock, no I/O.

use std::cmp::Ordering;

use seaworthy_report::number;
use seaworthy_report::outcome::{Level as Shown, Resource, Status, Unit};

use crate::gauge::{Bound, Kind, Level, Track};

/// A sustained crossing is this many samples in a row of which so many are over the bound.
const IN_A_ROW: usize = 8;
const OVER: usize = 7;
/// Fewer samples under load than this say nothing.
pub(crate) const LEAST: usize = IN_A_ROW;
/// Crossings this close together, in seconds, cannot be told apart: samples are a second apart.
const TOGETHER: f64 = 3.0;
/// A queue grows when it is longer than this many seconds before by these.
const GROWTH_SECONDS: f64 = 10.0;
const GROWTH_SHARE: f64 = 1.3;
const GROWTH_MORE: f64 = 5.0;
/// From this depth on a resource is used up, whatever else was scarce.
const USED_UP: f64 = 0.95;
/// A machine that is over its bound for less than this, and less than this share of the time, was
/// busy for a moment.
const BURST_SECONDS: f64 = 30.0;
const BURST_SHARE: f64 = 0.25;
/// The most levels a report draws of one resource.
const SHOWN: usize = 240;

/// A part of the trial under load, in seconds since the timeline's start, warm-up left out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) phase: String,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Stretch {
    pub(crate) fn holds(&self, second: f64) -> bool {
        self.from <= second && second <= self.to
    }
}

/// A resource that crossed its bound and stayed there.
#[derive(Clone, Debug)]
pub(crate) struct Crossing<'a> {
    pub(crate) track: &'a Track,
    /// From when on.
    pub(crate) from: f64,
    /// The farthest level from then to the end of the stretch.
    pub(crate) worst: Level,
    /// How far it went from its bound towards all there is, 0 to 1 (and more, where there is no all).
    depth: f64,
    /// For how long it was over its bound, all in all.
    pub(crate) over_seconds: f64,
    /// Of so many measured seconds.
    measured_seconds: f64,
}

impl Crossing<'_> {
    /// Whether the machine was busy for too short a time to be what limits anything.
    pub(crate) fn is_burst_of_the_machine(&self) -> bool {
        let least = BURST_SECONDS.min(self.measured_seconds * BURST_SHARE);
        self.track.kind == Kind::Machine && self.over_seconds < least
    }
}

/// What a track comes to, and its crossing if it has one.
pub(crate) fn hold<'a>(
    track: &'a Track,
    stretches: &[Stretch],
) -> (Resource, Option<Crossing<'a>>) {
    let mut resource = Resource {
        target: track.target.clone(),
        what: track.name.clone(),
        kind: track.kind.word().to_owned(),
        unit: track.kind.unit(),
        bound: track.bound.and_then(Bound::level),
        direction: track.bound.unwrap_or(Bound::NotGrowing).direction(),
        status: Status::NotMeasured,
        peak: None,
        peak_second: None,
        over_from_second: None,
        over_seconds: 0.0,
        measured_seconds: 0.0,
        reason: String::new(),
        levels: shown(track),
    };
    let Some(bound) = track.bound else {
        "no bound is set for it".clone_into(&mut resource.reason);
        return (resource, None);
    };
    let parts: Vec<Vec<Level>> = stretches
        .iter()
        .map(|stretch| {
            let under = |level: &&Level| stretch.holds(level.second) && level.value.is_finite();
            track.levels.iter().filter(under).copied().collect()
        })
        .collect();
    let measured: usize = parts.iter().map(Vec::len).sum();
    if measured < LEAST {
        resource.bound = None;
        resource.reason = unmeasured(track, measured);
        return (resource, None);
    }
    let mut crossing: Option<f64> = None;
    let mut worst: Option<Level> = None;
    for levels in &parts {
        let over: Vec<bool> =
            (0..levels.len()).map(|position| is_over(bound, levels, position)).collect();
        for (position, level) in levels.iter().enumerate() {
            let lasted = lasted(levels, position);
            resource.measured_seconds += lasted;
            if over[position] {
                resource.over_seconds += lasted;
            }
            if worst.is_none_or(|worst| is_worse(bound, *level, worst)) {
                worst = Some(*level);
            }
        }
        if crossing.is_none() {
            crossing = sustained(&over).map(|position| levels[position].second);
        }
    }
    if let Some(worst) = worst {
        resource.peak = Some(worst.value);
        resource.peak_second = Some(worst.second);
    }
    resource.over_from_second = crossing;
    resource.status = if crossing.is_some() { Status::Over } else { Status::Within };
    resource.reason = reason(track, &resource, worst);
    let crossing = crossing.zip(worst).map(|(from, worst)| {
        let after = parts.iter().flatten().filter(|level| level.second >= from);
        let worst = after.fold(worst, |worst, level| {
            // What was worse before the crossing was not sustained.
            if worst.second < from || is_worse(bound, *level, worst) { *level } else { worst }
        });
        let depth = depth(bound, worst.value);
        let (over_seconds, measured_seconds) = (resource.over_seconds, resource.measured_seconds);
        Crossing { track, from, worst, depth, over_seconds, measured_seconds }
    });
    (resource, crossing)
}

/// Whether the level at this position is over its bound.
fn is_over(bound: Bound, levels: &[Level], position: usize) -> bool {
    let level = levels[position];
    match bound {
        Bound::Below(bound) => level.value >= bound,
        Bound::Above(bound) => level.value <= bound,
        Bound::NotGrowing => levels[..position]
            .iter()
            .rfind(|early| early.second <= level.second - GROWTH_SECONDS)
            .is_some_and(|early| level.value > early.value * GROWTH_SHARE + GROWTH_MORE),
    }
}

fn is_worse(bound: Bound, level: Level, than: Level) -> bool {
    let order = level.value.total_cmp(&than.value);
    // Among equals (a pool that is full), that with more waiting; NaN is no number and loses.
    let waiting =
        level.waiting > than.waiting || (than.waiting.is_nan() && !level.waiting.is_nan());
    match (bound, order) {
        (_, Ordering::Equal) => waiting,
        (Bound::Above(_), order) => order == Ordering::Less,
        (_, order) => order == Ordering::Greater,
    }
}

/// How long a sample stands for: until the one before, but not across a gap.
fn lasted(levels: &[Level], position: usize) -> f64 {
    match position.checked_sub(1) {
        Some(before) => (levels[position].second - levels[before].second).clamp(0.0, 5.0),
        None => 0.0,
    }
}

/// Where a sustained crossing begins: at a sample over the bound, with those after it.
fn sustained(over: &[bool]) -> Option<usize> {
    let windows = over.windows(IN_A_ROW).enumerate();
    windows
        .filter(|(_, window)| window[0] && window.iter().filter(|over| **over).count() >= OVER)
        .map(|(position, _)| position)
        .next()
}

fn depth(bound: Bound, value: f64) -> f64 {
    match bound {
        Bound::Below(bound) if bound < 1.0 => (value - bound) / (1.0 - bound),
        Bound::Below(bound) => value / bound.max(f64::MIN_POSITIVE) - 1.0,
        Bound::Above(bound) => (bound - value) / bound.max(f64::MIN_POSITIVE),
        Bound::NotGrowing => 1.0,
    }
}

/// The crossings in the order in which they tell what gave out: what limits a service before what
/// only shows it, the earlier before the later, and of those that came together, the deeper first.
/// Where something is used up, that comes before all that is merely over its bound.
pub(crate) fn order(mut crossings: Vec<Crossing<'_>>) -> Vec<Crossing<'_>> {
    crossings.sort_by(|one, other| one.from.total_cmp(&other.from));
    let mut ordered: Vec<Crossing<'_>> = Vec::with_capacity(crossings.len());
    let (limits, shows): (Vec<_>, Vec<_>) =
        crossings.into_iter().partition(|crossing| crossing.track.kind.limits());
    for mut rest in [limits, shows] {
        while let Some(first) = rest.first() {
            let until = first.from + TOGETHER;
            let together = rest.iter().take_while(|crossing| crossing.from <= until).count();
            let mut group: Vec<Crossing<'_>> = rest.drain(..together).collect();
            group.sort_by(|one, other| other.depth.total_cmp(&one.depth));
            ordered.extend(group);
        }
    }
    // A machine may be busy with strangers; a pool of which all is in use is too small either way.
    let ours =
        |crossing: &Crossing<'_>| matches!(crossing.track.kind, Kind::Machine | Kind::Generator);
    let used_up = |crossing: &Crossing<'_>| {
        !ours(crossing) && crossing.track.kind.unit() == Unit::Share && crossing.depth >= USED_UP
    };
    if ordered.iter().any(|crossing| crossing.track.kind.limits() && used_up(crossing)) {
        let (last, mut first): (Vec<_>, Vec<_>) = ordered.into_iter().partition(ours);
        first.sort_by_key(|crossing| !(crossing.track.kind.limits() && used_up(crossing)));
        first.extend(last);
        return first;
    }
    ordered
}

/// What is to be done about a resource that gave out.
pub(crate) fn advice(crossing: &Crossing<'_>) -> String {
    let Crossing { track, worst, .. } = crossing;
    let (title, target) = (track.title(), &track.target);
    match track.kind {
        Kind::Pool => format!(
            "Raise {title} from {}, or shorten what holds it (its queries, what is done between them).",
            whole(worst.limit)
        ),
        Kind::Cpu => format!(
            "Give {target} more processors (it had {}), or profile it and make what it does under this load cheaper.",
            plain(worst.limit)
        ),
        Kind::Memory => format!(
            "Raise the memory limit of {target} from {}, or find what it keeps; see the leaks below.",
            number::bytes(worst.limit)
        ),
        Kind::Descriptors => format!(
            "Raise the open-files limit of {target} from {} (`ulimit -n`, `LimitNOFILE=`), or close what it leaves open.",
            whole(worst.limit)
        ),
        Kind::Cache => format!("Make {title} larger or keep entries longer, or look whether this load asks for the same things as production does."),
        Kind::Query => format!("Look at the slowest queries of {target} (plans, missing indexes, locks): {title} took more than the bound."),
        Kind::Queue => format!("Let more workers empty {title}, or refuse work earlier: it comes in faster than it is done."),
        Kind::ErrorLogs => format!("Read the log of {target} from second {:.0} on.", crossing.from),
        Kind::Gauge => format!("Look at what moves {title}: the plan bounds it."),
        Kind::Machine | Kind::Generator => "Run the load generator on a machine of its own, or use a larger one: what was measured is limited by the machine and says little of the service.".to_owned(),
        _ => String::new(),
    }
}

/// The level in words: `in use 8 of 8, 12 waiting`, `94% of 2 CPUs`.
pub(crate) fn level_words(track: &Track, level: Level) -> String {
    match track.kind {
        Kind::Pool | Kind::Descriptors => {
            let mut words = format!("{} of {} in use", whole(level.used), whole(level.limit));
            if level.waiting > 0.0 {
                words.push_str(&format!(", {} waiting", whole(level.waiting)));
            }
            words
        }
        Kind::Cpu | Kind::Machine | Kind::Generator => {
            format!("{} of {} CPUs", number::short_percent(level.value), plain(level.limit))
        }
        Kind::Memory => format!("{} of {}", number::bytes(level.used), number::bytes(level.limit)),
        Kind::Cache => format!("{} hits", number::short_percent(level.value)),
        _ => in_unit(track.kind.unit(), level.value),
    }
}

/// A value in its unit.
pub(crate) fn in_unit(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Share => number::short_percent(value),
        Unit::Seconds => number::short_duration(value * 1e9),
        Unit::PerMinute => format!("{} a minute", plain(value)),
        Unit::Count => plain(value),
        Unit::BytesPerSecond => format!("{}/s", number::bytes(value)),
    }
}

fn plain(value: f64) -> String {
    number::trimmed(&number::three_digits(value)).to_owned()
}

fn whole(value: f64) -> String {
    plain(value.round())
}

/// The bound in words, as one asks for it.
pub(crate) fn bound_words(track: &Track) -> String {
    let unit = track.kind.unit();
    match track.bound {
        Some(Bound::Below(level)) => format!("below {}", in_unit(unit, level)),
        Some(Bound::Above(level)) => format!("above {}", in_unit(unit, level)),
        Some(Bound::NotGrowing) => "not growing".to_owned(),
        None => "no bound".to_owned(),
    }
}

fn reason(track: &Track, resource: &Resource, worst: Option<Level>) -> String {
    let Some(worst) = worst else { return String::new() };
    let at = format!("{} at {}", level_words(track, worst), number::clock(worst.second));
    match resource.over_from_second {
        Some(from) => format!(
            "over its bound from {} on, {} in all; farthest: {at}",
            number::clock(from),
            number::length(resource.over_seconds)
        ),
        None if resource.over_seconds > 0.0 => format!(
            "over its bound for {} only, never {OVER} of {IN_A_ROW} samples in a row; farthest: {at}",
            number::length(resource.over_seconds)
        ),
        None => format!("farthest: {at}"),
    }
}

fn unmeasured(track: &Track, measured: usize) -> String {
    if let Some(missing) = &track.missing {
        return missing.clone();
    }
    let known = track.levels.iter().any(|level| level.used.is_finite() || level.value.is_finite());
    let shares = track.levels.iter().any(|level| level.value.is_finite());
    if known && !shares {
        return "how much it uses is known, but not of how much".to_owned();
    }
    format!("measured {measured} time(s) under load; {LEAST} are needed")
}

/// The levels a chart can show: of each group of neighbours the farthest towards the bound.
fn shown(track: &Track) -> Vec<Shown> {
    let bound = track.bound.unwrap_or(Bound::NotGrowing);
    let finite: Vec<Level> =
        track.levels.iter().filter(|level| level.value.is_finite()).copied().collect();
    finite
        .chunks(finite.len().div_ceil(SHOWN).max(1))
        .filter_map(|group| {
            group
                .iter()
                .copied()
                .reduce(|one, other| if is_worse(bound, other, one) { other } else { one })
        })
        .map(|level| Shown { second: level.second, value: level.value })
        .collect()
}

#[cfg(test)]
mod tests;
