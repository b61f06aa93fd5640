//! Checks of a phase's load entries: executors and the fields each takes.

use std::time::Duration;

use seaworthy_base::Span;
use seaworthy_document::{Located, Place};

use super::Findings;
use super::flows::length;
use crate::load::{Arrivals, Executor, Load};
use crate::spec::{self, Executor as Kind};

/// The most virtual users of one entry.
const MOST_VUS: u32 = 100_000;
/// The most iterations per second of one entry.
const HIGHEST_RATE: f64 = 1_000_000.0;
/// The most arrivals that may wait.
const LARGEST_BACKLOG: u32 = 10_000_000;
const DEFAULT_BACKLOG: u32 = 10_000;
const DEFAULT_GRACE: Duration = Duration::from_secs(30);

pub(super) fn loads(
    findings: &mut Findings<'_>,
    flows: &[spec::Flow],
    typed: &[spec::Load],
    phase: Duration,
) -> Vec<Load> {
    let file = findings.known.file;
    let mut loads = Vec::new();
    for typed in typed {
        let before = findings.list.len();
        if !flows.iter().any(|flow| flow.name.value == typed.flow.value) {
            let names = flows.iter().map(|flow| flow.name.as_str());
            let place = typed.flow.place(file);
            findings.unknown("load-unknown-flow", place, "flow", &typed.flow, names);
        }
        foreign_fields(findings, typed);
        let start = typed.start_time.as_ref().map_or(Duration::ZERO, |start| start.get());
        if start >= phase
            && let Some(place) = typed.start_time.as_ref().map(|start| start.place(file))
        {
            let reason = format!("the entry would start after the phase's end ({})", Span(phase));
            findings.error("load-range", place, reason, "start earlier, or make the phase longer");
        }
        let rest = phase.saturating_sub(start);
        let executor = executor(findings, typed, rest);
        let graceful_stop = grace(findings, &typed.graceful_stop);
        if let Some(executor) = executor {
            let flow = typed.flow.value.clone();
            let load = Load { flow, start, graceful_stop, executor };
            if load.duration() > rest {
                let place = match (&typed.duration, &typed.stages) {
                    (Some(duration), _) => duration.place(file),
                    (None, Some(stages)) => stages.place(file),
                    (None, None) => typed.executor.place(file),
                };
                let reason = format!(
                    "the entry lasts {} and starts at {}, but the phase ends at {}",
                    Span(load.duration()),
                    Span(start),
                    Span(phase)
                );
                findings.error(
                    "load-range",
                    place,
                    reason,
                    "make the phase longer or this shorter",
                );
            }
            if !seaworthy_document::errors(&findings.list[before..]) {
                loads.push(load);
            }
        }
    }
    loads
}

/// Every field that was given and which executors take it.
fn foreign_fields(findings: &mut Findings<'_>, typed: &spec::Load) {
    use Kind::{ConstantArrivalRate, ConstantVus, RampingVus};
    let file = findings.known.file;
    fn at<T>(field: &Option<Located<T>>, file: &str) -> Option<Place> {
        field.as_ref().map(|field| field.place(file))
    }
    let fields: [(&str, Option<Place>, &[Kind]); 10] = [
        ("duration", at(&typed.duration, file), &[ConstantVus, ConstantArrivalRate]),
        ("vus", at(&typed.vus, file), &[ConstantVus]),
        ("startVUs", at(&typed.start_vus, file), &[RampingVus]),
        ("stages", at(&typed.stages, file), &[RampingVus]),
        ("gracefulRampDown", at(&typed.graceful_ramp_down, file), &[RampingVus]),
        ("rate", at(&typed.rate, file), &[ConstantArrivalRate]),
        ("timeUnit", at(&typed.time_unit, file), &[ConstantArrivalRate]),
        ("maxVUs", at(&typed.max_vus, file), &[ConstantArrivalRate]),
        ("preAllocatedVUs", at(&typed.pre_allocated_vus, file), &[ConstantArrivalRate]),
        ("maxBacklog", at(&typed.max_backlog, file), &[ConstantArrivalRate]),
    ];
    let executor = typed.executor.value;
    for (field, place, takers) in fields {
        if let Some(place) = place
            && !takers.contains(&executor)
        {
            let takers: Vec<&str> = takers.iter().map(|taker| taker.as_str()).collect();
            let reason = format!("`{field}` is not a field of {}", executor.as_str());
            let hint = format!("leave it out, or use {}", takers.join(" or "));
            findings.error("load-executor-field", place, reason, hint);
        }
    }
}

fn executor(findings: &mut Findings<'_>, typed: &spec::Load, rest: Duration) -> Option<Executor> {
    let file = findings.known.file;
    let place = typed.executor.place(file);
    let mut missing = |field: &str, example: &str| {
        let reason = format!("{} needs `{field}`", typed.executor.as_str());
        findings.error("load-missing", place.clone(), reason, format!("add `{example}`"));
    };
    match typed.executor.value {
        Kind::ConstantVus => {
            let Some(vus) = &typed.vus else {
                missing("vus", "vus: 10");
                return None;
            };
            count(findings, "vus", vus, 1, MOST_VUS);
            let duration = duration(findings, &typed.duration, rest);
            Some(Executor::ConstantVus { vus: vus.value, duration })
        }
        Kind::RampingVus => {
            let stages = typed.stages.as_ref().filter(|stages| !stages.is_empty());
            let Some(stages) = stages else {
                missing("stages", "stages: [{duration: 30s, target: 10}]");
                return None;
            };
            let start_vus = typed.start_vus.as_deref().copied().unwrap_or(0);
            let most = stages.iter().map(|stage| stage.target).fold(start_vus, u32::max);
            let length: Duration = stages
                .iter()
                .map(|stage| stage.duration.get())
                .fold(Duration::ZERO, Duration::saturating_add);
            self::length(findings, "stages", stages.place(file), length);
            count(findings, "target", &stages.with(most), 1, MOST_VUS);
            let stages = stages.iter().map(|stage| (stage.duration.get(), stage.target)).collect();
            let graceful_ramp_down = grace(findings, &typed.graceful_ramp_down);
            (length <= super::flows::LONGEST).then_some(Executor::RampingVus {
                start_vus,
                stages,
                graceful_ramp_down,
            })
        }
        Kind::ConstantArrivalRate => {
            let Some(rate) = &typed.rate else {
                missing("rate", "rate: 50");
                return None;
            };
            let Some(most) = typed.max_vus.as_ref().or(typed.pre_allocated_vus.as_ref()) else {
                missing("maxVUs", "maxVUs: 100");
                return None;
            };
            count(findings, "maxVUs", most, 1, MOST_VUS);
            let max_vus = most.value;
            let pre_allocated_vus = typed.pre_allocated_vus.as_ref().map_or(max_vus, |pre| {
                if pre.value > max_vus {
                    let reason = format!("preAllocatedVUs ({pre}) is more than maxVUs ({max_vus})");
                    let hint = "raise maxVUs or lower preAllocatedVUs";
                    findings.error("load-range", pre.place(file), reason, hint);
                }
                pre.value
            });
            let unit = typed.time_unit.as_ref().map_or(Duration::from_secs(1), |unit| {
                self::length(findings, "timeUnit", unit.place(file), unit.get());
                unit.get()
            });
            if let Some(backlog) = &typed.max_backlog {
                count(findings, "maxBacklog", backlog, 0, LARGEST_BACKLOG);
            }
            let arrivals = Arrivals {
                rate: rate.value,
                unit,
                duration: duration(findings, &typed.duration, rest),
                pre_allocated_vus,
                max_vus,
                max_backlog: typed.max_backlog.as_deref().copied().unwrap_or(DEFAULT_BACKLOG),
            };
            let per_second = arrivals.per_second();
            let sound = rate.value > 0.0 && per_second > 0.0 && per_second <= HIGHEST_RATE;
            if !sound {
                let reason = format!("a rate of {} per {} is not possible", rate.value, Span(unit));
                let hint = "rates are above 0 and at most 1,000,000 per second";
                findings.error("load-range", rate.place(file), reason, hint);
            }
            sound.then_some(Executor::ConstantArrivalRate(arrivals))
        }
    }
}

fn count(findings: &mut Findings<'_>, field: &str, typed: &Located<u32>, low: u32, high: u32) {
    if !(low..=high).contains(&typed.value) {
        let reason = format!("`{field}` is {typed}");
        let hint = format!("it can be {low} to {high}");
        findings.error("load-range", typed.place(findings.known.file), reason, hint);
    }
}

fn duration(
    findings: &mut Findings<'_>,
    typed: &Option<Located<Span>>,
    rest: Duration,
) -> Duration {
    match typed {
        Some(typed) => {
            length(findings, "duration", typed.place(findings.known.file), typed.get());
            typed.get()
        }
        None => rest,
    }
}

/// A grace period; it may be zero.
fn grace(findings: &mut Findings<'_>, typed: &Option<Located<Span>>) -> Duration {
    match typed {
        Some(typed) if typed.get() > super::flows::LONGEST => {
            length(findings, "graceful period", typed.place(findings.known.file), typed.get());
            DEFAULT_GRACE
        }
        Some(typed) => typed.get(),
        None => DEFAULT_GRACE,
    }
}
