//! One probe: the phase's loads scaled, how long it must last, and what it showed.

use std::time::Duration;

use seaworthy_base::Span;
use seaworthy_load::{Executor, Load, Schedule};
use seaworthy_report::capacity::{FlowRate, Probe, Rate};
use seaworthy_stats::plan::{decidable, needed_seconds};
use seaworthy_stats::timeline::Timeline;
use seaworthy_stats::{Assumptions, Comparison, Statement};

use super::Objectives;
use super::search::Seen;
use crate::check::{Checked, Objective, Phase};
use crate::judge::{self, RanPhase};
use crate::tally;

/// The most virtual users a scaled load may have.
const MOST_VUS: f64 = 100_000.0;
/// The longest full-length probe, warm-up left out.
const LONGEST: f64 = 900.0;
/// The chance of the right verdict that a full-length probe is made for.
const POWER: f64 = 0.8;
/// Whole seconds are judged; a phase shares its first and its last.
const SHARED: f64 = 2.0;
/// Lag that makes the generator the limit where no objective speaks of times.
const LATE: u64 = 100_000_000;
/// Objectives that are missed this many times over show it in little more than the least time.
const FAR: f64 = 5.0;

/// A load at `factor` times its pace, for as long as a probe lasts.
pub(super) fn scaled(load: &Load, factor: f64, length: Duration) -> Result<Load, String> {
    let vus = |vus: u32| (f64::from(vus) * factor).round().clamp(1.0, MOST_VUS) as u32;
    let executor = match &load.executor {
        Executor::ConstantVus { vus: number, .. } => {
            Executor::ConstantVus { vus: vus(*number), duration: length }
        }
        // A ramp has no one pace: it is held at its highest.
        Executor::RampingVus { start_vus, stages, .. } => {
            let highest = stages.iter().map(|(_, target)| *target).fold(*start_vus, u32::max);
            Executor::ConstantVus { vus: vus(highest), duration: length }
        }
        Executor::Arrivals(arrivals) => {
            let mut arrivals = arrivals.clone();
            // A rate that changes is held at its highest.
            arrivals.schedule = Schedule::Constant {
                rate: arrivals.schedule.highest() * factor,
                unit: Duration::from_secs(1),
                duration: length,
            };
            arrivals.max_vus = vus(arrivals.max_vus).max(arrivals.max_vus);
            Executor::Arrivals(arrivals)
        }
        Executor::PerVuIterations { .. } | Executor::SharedIterations { .. } => {
            return Err("a load with a fixed number of iterations has no rate to scale\n\
                hint: name another phase, as `--find-capacity=PHASE`"
                .to_owned());
        }
    };
    // What a broken rate leaves behind is cut off: it says no more than it has.
    let graceful_stop = load.graceful_stop.min(length);
    Ok(Load { executor, start: Duration::ZERO, graceful_stop, ..load.clone() })
}

/// The phase a probe runs.
pub(super) fn phase(
    template: &Phase,
    name: &str,
    factor: f64,
    length: Duration,
    full: bool,
) -> Result<Phase, String> {
    let warmup = if full { template.warmup } else { template.warmup.min(length / 2) };
    let duration = length + warmup;
    let loads: Result<_, _> =
        template.loads.iter().map(|load| scaled(load, factor, duration)).collect();
    let mut phase = template.clone();
    (phase.name, phase.duration, phase.warmup) = (name.to_owned(), duration, warmup);
    phase.loads = loads?;
    Ok(phase)
}

/// The objectives that speak of the phase, asked of a probe. A throughput is asked for in
/// proportion: that the service keeps up with what it is offered.
pub(super) fn objectives_of(
    plan: &Checked,
    phase: &str,
    probe: &str,
    factor: f64,
) -> Vec<Objective> {
    let speaks = |objective: &&Objective| {
        objective.phase.as_ref().is_none_or(|spoken_of| spoken_of == phase)
    };
    let ask = |objective: &Objective| {
        let mut asked = objective.clone();
        asked.phase = Some(probe.to_owned());
        asked.tags.insert("phase".to_owned(), probe.to_owned());
        if let Statement::Throughput { bound_per_second, comparison: Comparison::Above } =
            &mut asked.statement
        {
            *bound_per_second *= factor;
        }
        asked
    };
    plan.objectives().iter().filter(speaks).map(ask).collect()
}

/// The probe's row of the table, without what it showed.
pub(super) fn row(timeline: &Timeline, ran: &RanPhase, factor: f64) -> Probe {
    let flows = tally::flows(timeline, std::slice::from_ref(ran));
    let rates: Vec<FlowRate> = flows
        .iter()
        .map(|flow| FlowRate {
            flow: flow.name.clone(),
            per_second: flow.offered_per_second.unwrap_or(flow.per_second),
        })
        .collect();
    let tags = [("phase".to_owned(), ran.name.clone())].into();
    let response = timeline.select("response_time", &tags).histogram(ran.with_drain());
    Probe {
        phase: ran.name.clone(),
        full_length: false,
        seconds: (ran.to - ran.from).max(0.0),
        rate: Rate {
            factor,
            per_second: rates.iter().map(|rate| rate.per_second).sum(),
            flows: rates,
        },
        n: flows.iter().map(|flow| flow.requests).sum(),
        failed: flows.iter().map(|flow| flow.failed).sum(),
        p95_ns: response.quantile(0.95).map(|at| at.middle()),
        verdict: None,
        showed: String::new(),
        because: String::new(),
    }
}

/// What a short probe showed, as point estimates: only where to look.
pub(super) struct Coarse {
    pub(super) seen: Seen,
    pub(super) because: String,
    factor: f64,
    /// For each objective: what is counted a second, and the share of its bound that was seen.
    pace: Vec<(f64, f64)>,
}

impl Coarse {
    pub(super) fn read(
        objectives: &Objectives,
        timeline: &Timeline,
        ran: &RanPhase,
        factor: f64,
    ) -> Self {
        let (mut seen, mut because) = (Seen::Holds, "every objective is met so far".to_owned());
        let mut pace = Vec::new();
        let dropped: u64 = ran.flows.iter().map(|run| run.dropped).sum();
        if dropped > 0 {
            seen = Seen::Breaks;
            because = format!("{dropped} arrivals were dropped, the backlog was full");
        }
        for objective in objectives {
            let (rate, share, words) = estimate(objective, timeline, ran);
            pace.push((rate, share));
            if share > 1.0 && seen == Seen::Holds {
                seen = Seen::Breaks;
                because = format!("`{}`: {words}", objective.name);
            }
        }
        if let Some(late) = generator_was_late(objectives, timeline, ran)
            && (seen == Seen::Holds || !despite(objectives, timeline, ran))
        {
            (seen, because) = (Seen::GeneratorLimit, late);
        }
        Self { seen, because, factor, pace }
    }
}

/// What is counted a second, how much of what the bound allows was used up (above 1: missed), and
/// both in words.
fn estimate(objective: &Objective, timeline: &Timeline, ran: &RanPhase) -> (f64, f64, String) {
    let counts = judge::evidence(objective, timeline, &[ran]).counts;
    let seconds = (counts.n.len() as f64).max(1.0);
    let (n, bad): (u64, u64) = (counts.n.iter().sum(), counts.bad.iter().sum());
    let rate = n as f64 / seconds;
    if n == 0 {
        return (0.0, f64::INFINITY, "nothing was measured".to_owned());
    }
    match objective.statement {
        Statement::Throughput { comparison, bound_per_second } => {
            let share = match comparison {
                Comparison::Above => bound_per_second / rate,
                Comparison::Below => rate / bound_per_second,
            };
            (rate, share, format!("{rate:.1}/s, {} is asked for", objective.statement))
        }
        Statement::Quantile { .. } | Statement::Ratio { .. } => {
            let bound = objective.statement.bad_bound().unwrap_or(0.0);
            let share = bad as f64 / n as f64;
            let words = format!("{bad} of {n} are beyond `{}`", objective.statement);
            (rate, if bound > 0.0 { share / bound } else { f64::INFINITY }, words)
        }
    }
}

/// Why the generator could not keep the pace, if it could not: its lag is more than a tenth of a
/// bound at the same percentile, or, where no objective speaks of times, more than a tenth of a
/// second.
pub(super) fn generator_was_late(
    objectives: &Objectives,
    timeline: &Timeline,
    ran: &RanPhase,
) -> Option<String> {
    let mut times = objectives.iter().filter_map(|objective| match objective.statement {
        Statement::Quantile { q, bound_ns } => Some((objective, q, bound_ns)),
        _ => None,
    });
    let lag = |q| judge::generator_lag(timeline, Some(&ran.name), &[ran]).quantile(q);
    let said = |lag: u64| {
        let lag = Span(Duration::from_micros(lag / 1000));
        format!("the load generator was late by {lag}: it was the limit, not the service")
    };
    if times.clone().next().is_none() {
        return lag(0.99).filter(|lag| lag.high > LATE).map(|lag| said(lag.high));
    }
    times.find_map(|(_, q, bound)| {
        lag(q).filter(|lag| lag.high > bound / 10).map(|lag| said(lag.high))
    })
}

/// Whether an objective is missed by more than the generator's own lag explains.
fn despite(objectives: &Objectives, timeline: &Timeline, ran: &RanPhase) -> bool {
    let lag = judge::generator_lag(timeline, Some(&ran.name), &[ran]);
    objectives.iter().any(|objective| match objective.statement {
        Statement::Quantile { q, bound_ns } => {
            let times = timeline.select(objective.metric.name, &objective.tags);
            let slow = times.histogram(ran.with_drain()).quantile(q);
            let late = lag.quantile(q).map_or(u64::MAX, |lag| lag.high);
            slow.is_some_and(|slow| slow.low > bound_ns.saturating_add(late))
        }
        Statement::Ratio { .. } => estimate(objective, timeline, ran).1 > 1.0,
        Statement::Throughput { .. } => false,
    })
}

/// How long a probe must be, warm-up left out, to be likely to pass and to be likely to fail.
pub(super) struct Lengths {
    pub(super) pass: Duration,
    pub(super) fail: Duration,
}

impl Lengths {
    pub(super) fn of(
        objectives: &Objectives,
        coarse: Option<&Coarse>,
        factor: f64,
        assumptions: &Assumptions,
    ) -> Self {
        let (mut pass, mut fail) =
            (f64::from(assumptions.pass_after), f64::from(assumptions.fail_after) * 1.5);
        for (position, objective) in objectives.iter().enumerate() {
            let Some(bound) = objective.statement.bad_bound() else { continue };
            let Some((rate, share)) = coarse.and_then(|coarse| {
                let (rate, share) = coarse.pace.get(position)?;
                Some((rate * factor / coarse.factor, *share))
            }) else {
                continue;
            };
            let least = decidable(1.0, rate, bound, assumptions).zero_failure_seconds * 1.1;
            // A service that is well within its bound below the edge shows it sooner.
            let share = if share.is_finite() { share.clamp(0.0, 0.5) } else { 0.5 };
            let likely = needed_seconds(share, rate, bound, assumptions.kappa0, POWER, assumptions);
            pass = pass.max(least).max(likely.min(LONGEST));
            // Beyond the edge queues grow without end: what is missed is missed many times over.
            let likely = needed_seconds(FAR, rate, bound, 0.0, POWER, assumptions);
            fail = fail.max(likely.min(LONGEST));
        }
        let whole =
            |seconds: f64| Duration::from_secs((seconds.min(LONGEST) + SHARED).ceil() as u64);
        Self { pass: whole(pass), fail: whole(fail.min(pass)) }
    }
}
