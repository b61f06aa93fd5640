//! Checks of a phase's load entries: flows, executors and the fields each takes.

mod fields;

use std::time::Duration;

use seaworthy_base::Span;
use seaworthy_document::{Finding, Located};

use super::Findings;
use super::flows::length as length_of;
use crate::descriptors::{self, Line};
use crate::load::{Arrivals, Executor, Load, Share};
use crate::schedule::{Ramp, Schedule};
use crate::spec::{self, Executor as Kind};

/// The most virtual users of one entry.
const MOST_VUS: u32 = 100_000;
/// The most iterations of one virtual user, or of an entry that shares them.
const MOST_ITERATIONS: u64 = 1_000_000_000;
/// The most iterations per second of one entry.
const HIGHEST_RATE: f64 = 1_000_000.0;
/// The most arrivals that may wait.
const LARGEST_BACKLOG: u32 = 10_000_000;
const DEFAULT_BACKLOG: u32 = 10_000;
const DEFAULT_GRACE: Duration = Duration::from_secs(30);
/// After which iterations of a fixed number no longer begin, as in k6.
const DEFAULT_MAX_DURATION: Duration = Duration::from_secs(600);

pub(super) fn loads(
    findings: &mut Findings<'_>,
    flows: &[spec::Flow],
    typed: &[spec::Load],
    phase: Duration,
) -> Vec<Load> {
    let mut loads = Vec::new();
    for typed in typed {
        let before = findings.list.len();
        let load = entry(findings, flows, typed, phase);
        if !seaworthy_document::errors(&findings.list[before..]) {
            loads.extend(load);
        }
    }
    let users: u64 = loads.iter().map(|load| u64::from(load.max_vus())).sum();
    let connections = loads.iter().map(|load| {
        let driven = flows.iter().filter(|flow| load.drives(&flow.name));
        u64::from(load.max_vus()).saturating_mul(descriptors::per_user(driven.flat_map(lines)))
    });
    let connections = connections.fold(0, u64::saturating_add);
    if let (Some(shortage), Some(first)) = (descriptors::shortage(connections), typed.first()) {
        let reason = format!(
            "{users} virtual users with {connections} connections may need {} file descriptors, but \
             this process may have {} at most",
            shortage.needed, shortage.most
        );
        let place = first.executor.place(findings.known.file);
        let hint = "raise the hard limit (`ulimit -Hn`), or use fewer virtual users";
        let finding = Finding::warning("load-descriptors", reason).at(place).hint(hint);
        findings.list.push(finding);
    }
    loads
}

/// What a flow's steps are done over.
fn lines(flow: &spec::Flow) -> impl Iterator<Item = Line<'_>> {
    flow.start.iter().chain(&flow.steps).filter_map(|step| {
        if step.websocket.is_some() {
            return Some(Line::Socket);
        }
        if step.stream.is_some() {
            return Some(Line::Stream);
        }
        let address = step.request.as_ref()?.split_whitespace().nth(1).unwrap_or_default();
        let target = step.target.as_ref().or(flow.target.as_ref());
        let target = target.map(|target| target.value.as_str());
        Some(Line::Kept(descriptors::origin(target, address)))
    })
}

fn entry(
    findings: &mut Findings<'_>,
    flows: &[spec::Flow],
    typed: &spec::Load,
    phase: Duration,
) -> Option<Load> {
    let file = findings.known.file;
    let shares = shares(findings, flows, typed);
    fields::foreign(findings, typed);
    let start = typed.start_time.as_ref().map_or(Duration::ZERO, |start| start.get());
    if start >= phase
        && let Some(place) = typed.start_time.as_ref().map(|start| start.place(file))
    {
        let reason = format!("the entry would start after the phase's end ({})", Span(phase));
        findings.error("load-range", place, reason, "start earlier, or make the phase longer");
    }
    if let Some(typed) = typed.start_time.as_ref().filter(|it| it.get() > super::flows::LONGEST) {
        length_of(findings, "startTime", typed.place(file), typed.get());
    }
    let rest = phase.saturating_sub(start);
    let executor = executor(findings, typed, rest);
    let graceful_stop = grace(findings, &typed.graceful_stop);
    let load = Load { flows: shares?, start, graceful_stop, executor: executor? };
    if load.duration() > rest {
        let place = match (&typed.duration, &typed.stages, &typed.max_duration) {
            (Some(length), ..) | (None, None, Some(length)) => length.place(file),
            (None, Some(stages), _) => stages.place(file),
            (None, None, None) => typed.executor.place(file),
        };
        let reason = format!(
            "the entry lasts {} and starts at {}, but the phase ends at {}",
            Span(load.duration()),
            Span(start),
            Span(phase)
        );
        findings.error("load-range", place, reason, "make the phase longer or this shorter");
    }
    Some(load)
}

/// The flows that iterations are of.
fn shares(
    findings: &mut Findings<'_>,
    flows: &[spec::Flow],
    typed: &spec::Load,
) -> Option<Vec<Share>> {
    let file = findings.known.file;
    let mut is_known = |flow: &Located<String>| {
        if !flows.iter().any(|known| known.name.value == flow.value) {
            let names = flows.iter().map(|flow| flow.name.as_str());
            findings.unknown("load-unknown-flow", flow.place(file), "flow", flow, names);
        }
    };
    match (&typed.flow, &typed.flows) {
        (Some(flow), None) => {
            is_known(flow);
            Some(vec![Share { flow: flow.value.clone(), weight: 1.0 }])
        }
        (None, Some(shares)) => {
            shares.iter().for_each(|share| is_known(&share.flow));
            weights(findings, shares)
        }
        (Some(_), Some(flows)) => {
            let reason = "both `flow` and `flows`".to_owned();
            let hint = "leave one out: `flow` names one, `flows` several with their weights";
            findings.error("load-flows", flows.place(file), reason, hint);
            None
        }
        (None, None) => {
            let reason = "the entry names no flow".to_owned();
            let hint = "add `flow: NAME`, or `flows: [{flow: NAME, weight: 1}]`";
            findings.error("load-missing", typed.executor.place(file), reason, hint);
            None
        }
    }
}

fn weights(findings: &mut Findings<'_>, typed: &Located<Vec<spec::Share>>) -> Option<Vec<Share>> {
    let file = findings.known.file;
    if typed.is_empty() {
        let hint = "name at least one, as `[{flow: NAME, weight: 1}]`";
        findings.error("load-flows", typed.place(file), "`flows` is empty".to_owned(), hint);
        return None;
    }
    let mut shares: Vec<Share> = Vec::new();
    for share in typed.iter() {
        if shares.iter().any(|known| known.flow == share.flow.value) {
            let reason = format!("flow `{}` is named twice", share.flow);
            let hint = "name it once, with the sum of the weights";
            findings.error("load-flows", share.flow.place(file), reason, hint);
        }
        if !(share.weight.value > 0.0 && share.weight.is_finite()) {
            let reason = format!("the weight of flow `{}` is {}", share.flow, share.weight);
            let hint = "weights are above 0; leave a flow out that is never to be picked";
            findings.error("load-range", share.weight.place(file), reason, hint);
        }
        shares.push(Share { flow: share.flow.value.clone(), weight: share.weight.value });
    }
    Some(shares)
}

fn executor(findings: &mut Findings<'_>, typed: &spec::Load, rest: Duration) -> Option<Executor> {
    match typed.executor.value {
        Kind::ConstantVus => {
            let vus = vus(findings, typed)?;
            let duration = duration(findings, &typed.duration, rest);
            Some(Executor::ConstantVus { vus, duration })
        }
        Kind::RampingVus => ramping_vus(findings, typed),
        Kind::PerVuIterations => {
            let (vus, iterations, max_duration) = fixed(findings, typed, rest)?;
            Some(Executor::PerVuIterations { vus, iterations, max_duration })
        }
        Kind::SharedIterations => {
            let (vus, iterations, max_duration) = fixed(findings, typed, rest)?;
            if u64::from(vus) > iterations {
                let place =
                    typed.vus.as_ref().unwrap_or(&Located::from(vus)).place(findings.known.file);
                let reason = format!("{vus} virtual users share {iterations} iterations");
                let hint = "use at most as many virtual users as iterations";
                findings.error("load-range", place, reason, hint);
            }
            Some(Executor::SharedIterations { vus, iterations, max_duration })
        }
        Kind::ConstantArrivalRate => {
            let Some(rate) = &typed.rate else {
                missing(findings, typed, "rate", "rate: 50");
                return None;
            };
            let unit = unit(findings, typed);
            let duration = duration(findings, &typed.duration, rest);
            let schedule = Schedule::Constant { rate: rate.value, unit, duration };
            if !is_possible(findings, rate, unit) {
                return None;
            }
            if rate.value == 0.0 {
                impossible(findings, rate, unit);
                return None;
            }
            arrivals(findings, typed, schedule)
        }
        Kind::RampingArrivalRate => {
            let stages = stages(findings, typed, "rate")?;
            let unit = unit(findings, typed);
            let start = typed.start_rate.unwrap_or_default();
            let rates = stages.iter().map(|stage| &stage.target).chain([&start]);
            let sound: Vec<bool> = rates.map(|rate| is_possible(findings, rate, unit)).collect();
            if sound.contains(&false) {
                return None;
            }
            let stages: Vec<_> =
                stages.iter().map(|stage| (stage.duration.get(), stage.target.value)).collect();
            let ramp = Ramp::new(start.value, unit, &stages);
            let schedule = Schedule::Ramping(ramp);
            if schedule.total() == 0 {
                let reason = "no iteration ever begins at these rates".to_owned();
                let hint = "raise a target, or make a stage longer";
                let place = typed.executor.place(findings.known.file);
                findings.error("load-range", place, reason, hint);
            }
            arrivals(findings, typed, schedule)
        }
    }
}

fn missing(findings: &mut Findings<'_>, typed: &spec::Load, field: &str, example: &str) {
    let reason = format!("{} needs `{field}`", typed.executor.as_str());
    let place = typed.executor.place(findings.known.file);
    findings.error("load-missing", place, reason, format!("add `{example}`"));
}

fn vus(findings: &mut Findings<'_>, typed: &spec::Load) -> Option<u32> {
    let Some(vus) = &typed.vus else {
        missing(findings, typed, "vus", "vus: 10");
        return None;
    };
    count(findings, "vus", vus, 1, MOST_VUS);
    Some(vus.value)
}

/// What executors with a fixed number of iterations take.
fn fixed(
    findings: &mut Findings<'_>,
    typed: &spec::Load,
    rest: Duration,
) -> Option<(u32, u64, Duration)> {
    let vus = vus(findings, typed);
    let Some(iterations) = &typed.iterations else {
        missing(findings, typed, "iterations", "iterations: 100");
        return None;
    };
    if !(1..=MOST_ITERATIONS).contains(&iterations.value) {
        let reason = format!("`iterations` is {iterations}");
        let hint = format!("it can be 1 to {MOST_ITERATIONS}");
        findings.error("load-range", iterations.place(findings.known.file), reason, hint);
    }
    let default = rest.min(DEFAULT_MAX_DURATION);
    let max_duration = duration(findings, &typed.max_duration, default);
    Some((vus?, iterations.value, max_duration))
}

/// The stages of a ramp of virtual users or of a rate.
fn stages<'t>(
    findings: &mut Findings<'_>,
    typed: &'t spec::Load,
    of: &str,
) -> Option<&'t [spec::Stage]> {
    let Some(stages) = typed.stages.as_ref().filter(|stages| !stages.is_empty()) else {
        let target = if of == "rate" { 50 } else { 10 };
        let example = format!("stages: [{{duration: 30s, target: {target}}}]");
        missing(findings, typed, "stages", &example);
        return None;
    };
    let length: Duration = stages
        .iter()
        .map(|stage| stage.duration.get())
        .fold(Duration::ZERO, Duration::saturating_add);
    length_of(findings, "stages", stages.place(findings.known.file), length);
    (length <= super::flows::LONGEST).then_some(&stages.value)
}

fn ramping_vus(findings: &mut Findings<'_>, typed: &spec::Load) -> Option<Executor> {
    let file = findings.known.file;
    let stages = stages(findings, typed, "vus")?;
    let start_vus = typed.start_vus.as_deref().copied().unwrap_or(0);
    let mut checked = Vec::new();
    for stage in stages {
        let target = stage.target.value;
        if !(0.0..=f64::from(MOST_VUS)).contains(&target) || target.fract() != 0.0 {
            let reason = format!("`target` is {target}");
            let hint = format!("of virtual users it is a whole number, 0 to {MOST_VUS}");
            findings.error("load-range", stage.target.place(file), reason, hint);
            return None;
        }
        // A whole number up to MOST_VUS.
        checked.push((stage.duration.get(), target as u32));
    }
    let most = checked.iter().map(|(_, target)| *target).fold(start_vus, u32::max);
    if let Some(stages) = &typed.stages {
        count(findings, "target", &stages.with(most), 1, MOST_VUS);
    }
    let graceful_ramp_down = grace(findings, &typed.graceful_ramp_down);
    Some(Executor::RampingVus { start_vus, stages: checked, graceful_ramp_down })
}

/// The unit of rates.
fn unit(findings: &mut Findings<'_>, typed: &spec::Load) -> Duration {
    typed.time_unit.as_ref().map_or(Duration::from_secs(1), |unit| {
        length_of(findings, "timeUnit", unit.place(findings.known.file), unit.get());
        unit.get()
    })
}

/// Whether a rate is one that can be kept; if not, that is found.
fn is_possible(findings: &mut Findings<'_>, rate: &Located<f64>, unit: Duration) -> bool {
    let per_second = rate.value / unit.as_secs_f64();
    let possible = rate.value >= 0.0 && (0.0..=HIGHEST_RATE).contains(&per_second);
    if !possible {
        impossible(findings, rate, unit);
    }
    possible
}

fn impossible(findings: &mut Findings<'_>, rate: &Located<f64>, unit: Duration) {
    let reason = format!("a rate of {} per {} is not possible", rate.value, Span(unit));
    let hint = "rates are above 0 and at most 1,000,000 per second";
    findings.error("load-range", rate.place(findings.known.file), reason, hint);
}

/// What both executors of arrivals take beside their schedule.
fn arrivals(
    findings: &mut Findings<'_>,
    typed: &spec::Load,
    schedule: Schedule,
) -> Option<Executor> {
    let file = findings.known.file;
    let Some(most) = typed.max_vus.as_ref().or(typed.pre_allocated_vus.as_ref()) else {
        missing(findings, typed, "maxVUs", "maxVUs: 100");
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
    if let Some(backlog) = &typed.max_backlog {
        count(findings, "maxBacklog", backlog, 0, LARGEST_BACKLOG);
    }
    let max_backlog = typed.max_backlog.as_deref().copied().unwrap_or(DEFAULT_BACKLOG);
    Some(Executor::Arrivals(Arrivals { schedule, pre_allocated_vus, max_vus, max_backlog }))
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
            length_of(findings, "duration", typed.place(findings.known.file), typed.get());
            typed.get()
        }
        None => rest,
    }
}

/// A grace period; it may be zero.
fn grace(findings: &mut Findings<'_>, typed: &Option<Located<Span>>) -> Duration {
    match typed {
        Some(typed) if typed.get() > super::flows::LONGEST => {
            length_of(findings, "graceful period", typed.place(findings.known.file), typed.get());
            DEFAULT_GRACE
        }
        Some(typed) => typed.get(),
        None => DEFAULT_GRACE,
    }
}
