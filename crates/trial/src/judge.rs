//! Each objective held against the timeline: which seconds count, and what else must hold before a
//! number may decide.
//!
//! The verdict itself is `stats`'s. This file only finds the evidence, and takes a verdict back to
//! inconclusive where the measurement is not worth one: arrivals were dropped, or the generator
//! itself was late.

use seaworthy_base::{Measurement, Span, Verdict};
use seaworthy_report::outcome::{Direction, Objective, Observed};
use seaworthy_stats::statement::{Comparison, Statement};
use seaworthy_stats::timeline::{Counts, Timeline, Window};
use seaworthy_stats::{Assumptions, Histogram, Judgement};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::metric::Metric;
use crate::tally::FlowRun;

/// A phase as it really ran, in seconds since the timeline's start; or, when the trial was stopped in
/// it and resumed, one of the segments it ran in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RanPhase {
    pub(crate) name: String,
    /// Where in the phase it began: 0 unless it was resumed.
    pub(crate) offset: f64,
    /// Whether the phase came to its end in it.
    pub(crate) complete: bool,
    pub(crate) from: f64,
    pub(crate) warmup_until: f64,
    /// When the load ended.
    pub(crate) to: f64,
    /// When the last iteration had ended.
    pub(crate) drained: f64,
    pub(crate) flows: Vec<FlowRun>,
}

impl RanPhase {
    /// Adds what one load entry did. Entries that drive the same flow share its series, so they are
    /// one row: an offered rate is known only if it is of each of them.
    pub(crate) fn add(&mut self, run: FlowRun) {
        let Some(same) = self.flows.iter_mut().find(|flow| flow.flow == run.flow) else {
            self.flows.push(run);
            return;
        };
        same.open_model &= run.open_model;
        same.offered_per_second =
            same.offered_per_second.zip(run.offered_per_second).map(|(one, other)| one + other);
        same.dropped += run.dropped;
        same.interrupted += run.interrupted;
        same.unseen += run.unseen;
        same.youngest_cut = match (same.youngest_cut, run.youngest_cut) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// The whole seconds of the load: none that the warm-up or the end of the load shares.
    pub(crate) fn under_load(&self) -> Window {
        let from = self.warmup_until.ceil().max(0.0) as u32;
        Window::new(from, (self.to.floor().max(0.0) as u32).max(from))
    }

    /// The same and what came after, until the last iteration had ended. Requests are counted when
    /// they end: without these seconds the slowest ones would be left out.
    pub(crate) fn with_drain(&self) -> Window {
        let load = self.under_load();
        Window::new(load.from_second, (self.drained.ceil().max(0.0) as u32).max(load.to_second))
    }
}

/// What happened to the trial as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Circumstances<'a> {
    /// Why it stopped early, if it did: then nothing passes and nothing fails, because nobody
    /// planned to look at this moment.
    pub(crate) interrupted: Option<&'a str>,
    /// Targets that ended by themselves: then nothing passes, because nobody knows what answered.
    pub(crate) gone: &'a [String],
}

/// Judges every objective.
pub(crate) fn judge_all(
    objectives: &[check::Objective],
    assumptions: &Assumptions,
    timeline: &Timeline,
    phases: &[RanPhase],
    circumstances: Circumstances<'_>,
) -> Vec<Objective> {
    objectives
        .iter()
        .map(|objective| judge_one(objective, assumptions, timeline, phases, circumstances))
        .collect()
}

fn judge_one(
    objective: &check::Objective,
    assumptions: &Assumptions,
    timeline: &Timeline,
    phases: &[RanPhase],
    circumstances: Circumstances<'_>,
) -> Objective {
    let spoken_of: Vec<&RanPhase> = phases
        .iter()
        .filter(|phase| objective.phase.as_ref().is_none_or(|name| *name == phase.name))
        .collect();
    let Evidence { counts, worst } = evidence(objective, timeline, &spoken_of);
    let mut judgement = counts.judge(&objective.statement, assumptions);
    if let Some((unseen, worst)) = worst
        && judgement.verdict == Verdict::Pass
        && worst.judge(&objective.statement, assumptions).verdict != Verdict::Pass
    {
        let reason = format!(
            "{unseen} iterations were under way when the trial was stopped, and had they all been bad, this could not be said"
        );
        judgement.doubt(&reason, "more measurement, or a trial that is not stopped");
    }
    for doubt in doubts(objective, timeline, &spoken_of, judgement.verdict) {
        judgement.doubt(&doubt.reason, &doubt.needs);
    }
    circumstances.doubt(&mut judgement);
    tell(objective, assumptions, judgement, counts.n.iter().sum())
}

/// What an objective is judged on.
pub(crate) struct Evidence {
    pub(crate) counts: Counts,
    /// Where the trial was stopped and resumed: how many iterations were under way then, and the
    /// counts as they are if every one of them was bad. What would have become of them nobody saw.
    worst: Option<(u64, Counts)>,
}

/// The seconds of every window, one after another. What ended after the load is counted in its last
/// second: those requests must not be left out, and their seconds are not seconds under load. What
/// the timeline cannot tell is a lost second: it makes the verdict inconclusive.
pub(crate) fn evidence(
    objective: &check::Objective,
    timeline: &Timeline,
    phases: &[&RanPhase],
) -> Evidence {
    let selection = timeline.select(objective.metric.name, &objective.tags);
    let mut all = Counts { n: Vec::new(), bad: Vec::new(), histogram: None, lost: 0 };
    let share = !matches!(objective.statement, Statement::Throughput { .. });
    let mut stops: Vec<(usize, u64)> = Vec::new();
    for phase in phases {
        let load = phase.under_load();
        let window = if share { phase.with_drain() } else { load };
        let Ok(mut counts) = selection.counts(&objective.statement, window) else {
            all.lost += window.seconds() as usize;
            continue;
        };
        let seconds = load.seconds() as usize;
        for values in [&mut counts.n, &mut counts.bad] {
            let drained: u64 = values.drain(seconds.min(values.len())..).sum();
            if let Some(last) = values.last_mut() {
                *last += drained;
            }
        }
        all.n.extend(counts.n);
        all.bad.extend(counts.bad);
        all.lost += counts.lost;
        let wanted = objective.tags.get("flow");
        let flows = phase.flows.iter().filter(|run| wanted.is_none_or(|flow| *flow == run.flow));
        let unseen: u64 = flows.map(|run| run.unseen).sum();
        if share && unseen > 0 && seconds > 0 {
            stops.push((all.n.len() - 1, unseen));
        }
        if let Some(more) = counts.histogram {
            all.histogram.get_or_insert_default().merge(&more);
        }
    }
    let worst = (!stops.is_empty()).then(|| {
        let mut worst = all.clone();
        // Without the number it would be more pessimistic still; but no more can be bad than are.
        for &(second, unseen) in &stops {
            worst.bad[second] += unseen;
            worst.n[second] = worst.n[second].max(worst.bad[second]);
        }
        (stops.iter().map(|(_, unseen)| unseen).sum(), worst)
    });
    Evidence { counts: all, worst }
}

/// What makes a measurement worth no verdict: why, and what is missing.
pub(crate) struct Doubt {
    pub(crate) reason: String,
    pub(crate) needs: String,
}

fn doubts(
    objective: &check::Objective,
    timeline: &Timeline,
    phases: &[&RanPhase],
    verdict: Verdict,
) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let wanted = objective.tags.get("flow");
    let flows = || {
        let all = phases.iter().flat_map(|phase| &phase.flows);
        all.filter(|run| wanted.is_none_or(|flow| *flow == run.flow))
    };
    let bound = match objective.statement {
        Statement::Quantile { q, bound_ns } => {
            let speaks = |run: &&FlowRun| speaks_of(objective, timeline, &run.flow);
            for open in [true, false] {
                let runs = flows().filter(|run| run.open_model == open).filter(speaks);
                doubts.extend(dropped(open, runs.map(|run| run.dropped).sum()));
            }
            let lag = lag(timeline, objective.phase.as_deref(), phases, q, bound_ns);
            doubts.extend(lag);
            Some(bound_ns)
        }
        Statement::Ratio { .. } => None,
        Statement::Throughput { .. } => return doubts,
    };
    // A request that was cut off is in `response_time` as old as it had become, which may be less
    // than the bound; everywhere else it is missing. It can only flatter, never spoil.
    let counted = |age: u64| {
        objective.metric.name == "response_time" && bound.is_some_and(|bound| age > bound)
    };
    let cut: u64 = flows()
        .filter(|run| !run.youngest_cut.is_some_and(counted))
        .map(|run| run.interrupted)
        .sum();
    if verdict == Verdict::Pass {
        doubts.extend(cut_off(cut));
    }
    doubts
}

/// Iterations that would have flattered, had they been counted.
pub(crate) fn cut_off(iterations: u64) -> Option<Doubt> {
    (iterations > 0).then(|| Doubt {
        reason: format!("{iterations} iterations were cut off at the end of the phase; how they would have ended is unknown"),
        needs: "a longer gracefulStop, or a shorter step timeout".to_owned(),
    })
}

impl Circumstances<'_> {
    /// Takes a verdict back that the trial as a whole is not worth.
    pub(crate) fn doubt(self, judgement: &mut Judgement) {
        if let Some(target) = self.gone.first()
            && judgement.verdict == Verdict::Pass
        {
            let reason = format!("target `{target}` ended by itself during the trial");
            judgement.doubt(&reason, "a target that stays up until it is stopped");
        }
        if let Some(why) = self.interrupted {
            let why = why.lines().next().unwrap_or(why);
            let reason = format!("the trial did not run to its end: {why}");
            judgement.doubt(&reason, "a trial that runs to its end");
        }
    }
}

/// Whether the flow measures what the objective is about. One of which no iteration ended is not
/// known not to.
fn speaks_of(objective: &check::Objective, timeline: &Timeline, flow: &str) -> bool {
    let mut tags = objective.tags.clone();
    tags.insert("flow".to_owned(), flow.to_owned());
    let ended = [("flow".to_owned(), flow.to_owned())].into();
    !timeline.select(objective.metric.name, &tags).is_empty()
        || timeline.select("iterations", &ended).is_empty()
}

pub(crate) fn dropped(open_model: bool, iterations: u64) -> Option<Doubt> {
    if iterations == 0 {
        return None;
    }
    Some(match open_model {
        true => Doubt {
            reason: format!("{iterations} arrivals were dropped because the backlog was full; how long they would have waited is unknown"),
            needs: "a larger maxBacklog, more maxVUs, or a lower rate".to_owned(),
        },
        false => Doubt {
            reason: format!("{iterations} iterations of those that were to be made never began; how long they would have taken is unknown"),
            needs: "a longer maxDuration, fewer iterations, or more rows where a data file ran out of them".to_owned(),
        },
    })
}

/// The generator's own lag at the objective's percentile must be at most a tenth of the bound.
pub(crate) fn lag(
    timeline: &Timeline,
    phase: Option<&str>,
    phases: &[&RanPhase],
    q: f64,
    bound_ns: u64,
) -> Option<Doubt> {
    match generator_lag(timeline, phase, phases).quantile(q) {
        Some(lag) if lag.high > bound_ns / 10 => Some(Doubt {
            reason: format!(
                "the load generator itself was late: its lag at the same percentile was {}, more than a tenth of the bound",
                nanos(lag.high)
            ),
            needs: "a less busy machine for the generator, or a lower rate".to_owned(),
        }),
        Some(_) => None,
        None => Some(Doubt {
            reason: "the load generator's own lag was not measured".to_owned(),
            needs: "a phase that runs long enough for the generator to watch itself".to_owned(),
        }),
    }
}

/// How late the generator did what it had a time for.
pub(crate) fn generator_lag(
    timeline: &Timeline,
    phase: Option<&str>,
    phases: &[&RanPhase],
) -> Histogram {
    let tags = phase.iter().map(|phase| ("phase".to_owned(), (*phase).to_owned())).collect();
    let selection = timeline.select("generator_lag", &tags);
    let mut lag = Histogram::new();
    phases.iter().for_each(|phase| lag.merge(&selection.histogram(phase.with_drain())));
    lag
}

fn tell(
    objective: &check::Objective,
    assumptions: &Assumptions,
    judgement: Judgement,
    n: u64,
) -> Objective {
    let direction = direction(&objective.statement);
    Objective {
        name: objective.name.value.clone(),
        statement: objective.statement.to_string(),
        subject: subject(objective),
        plain: plain(objective),
        verdict: judgement.verdict,
        measurement: judgement.measurement,
        bound: judgement.bound,
        direction,
        k6: None,
        observed: judgement.observed.map(observed),
        bound_ns: match &objective.statement {
            Statement::Quantile { bound_ns, .. } => Some(*bound_ns),
            _ => None,
        },
        n,
        n_effective: judgement.n_effective,
        design_effect: judgement.design_effect,
        seconds: judgement.seconds,
        reason: match &judgement.stationary_warning {
            Some(warning) => format!("{}; note: {warning}", judgement.reason),
            None => judgement.reason,
        },
        needs: judgement.needs,
        method: method(&objective.statement, assumptions),
        rarer_than_seconds: judgement.rarer_than_seconds,
    }
}

/// The side of its bound the statement asks for.
pub(crate) fn direction(statement: &Statement) -> Direction {
    match statement {
        Statement::Quantile { .. } => Direction::Below,
        Statement::Ratio { comparison, .. } | Statement::Throughput { comparison, .. } => {
            match comparison {
                Comparison::Below => Direction::Below,
                Comparison::Above => Direction::Above,
            }
        }
    }
}

pub(crate) fn observed(quantile: Measurement) -> Observed {
    let whole = |value: f64| value.max(0.0) as u64;
    Observed {
        value_ns: whole(quantile.value),
        low_ns: whole(quantile.low),
        high_ns: whole(quantile.high),
    }
}

/// `response_time of flow recall in phase baseline`.
fn subject(objective: &check::Objective) -> String {
    let mut text = objective.metric.name.to_owned();
    let tags: Vec<String> =
        objective.tags.iter().map(|(tag, value)| format!("{tag} {value}")).collect();
    if !tags.is_empty() {
        text.push_str(&format!(" of {}", tags.join(", ")));
    }
    if let Some(phase) = &objective.phase {
        text.push_str(&format!(" in phase {phase}"));
    }
    text
}

fn plain(objective: &check::Objective) -> String {
    let Metric { words, .. } = objective.metric;
    let whose = match objective.tags.get("flow") {
        Some(flow) => format!(" of flow `{flow}`"),
        None => " of all flows".to_owned(),
    };
    match &objective.statement {
        Statement::Quantile { q, bound_ns } => format!(
            "At least {} of the {words}s{whose} must be at most {}.",
            percent(*q),
            nanos(*bound_ns)
        ),
        Statement::Ratio { comparison, bound } => {
            let share = match comparison {
                Comparison::Below => "less",
                Comparison::Above => "more",
            };
            let all = match objective.metric.name {
                "checks" => "checks",
                _ => "requests",
            };
            format!("The {words}{whose} must be {share} than {} of all {all}.", percent(*bound))
        }
        Statement::Throughput { comparison, bound_per_second } => {
            let pace = match comparison {
                Comparison::Below => "less",
                Comparison::Above => "more",
            };
            format!("The {words}{whose} must come at {pace} than {bound_per_second} a second.")
        }
    }
}

/// How a statement is judged, in words.
pub(crate) fn method(statement: &Statement, assumptions: &Assumptions) -> String {
    let interval = percent(assumptions.confidence);
    match statement {
        Statement::Throughput { .. } => format!(
            "Counts per second over the whole seconds of the phase, warm-up left out; two-sided {interval} \
             interval of the mean by batch means over a dyadic ladder of batch lengths (the widest one), with Student's t."
        ),
        Statement::Quantile { .. } | Statement::Ratio { .. } => format!(
            "A statement about a proportion, counted exactly when each value was recorded and never read off a bucket; \
             whole seconds of the phase, warm-up left out. Two-sided {interval} Clopper-Pearson interval on the effective sample \
             size (Korn and Graubard), with the design effect from a dyadic ladder of batch means joined with Lobato's \
             self-normalised statistic; assumed where it cannot be measured: correlation time {} s, clumps of {} s; no pass \
             before {} s of measurement.",
            assumptions.tau0, assumptions.kappa0, assumptions.pass_after
        ),
    }
}

pub(crate) fn percent(ratio: f64) -> String {
    let text = format!("{:.6}", ratio * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

pub(crate) fn nanos(nanos: u64) -> String {
    Span(std::time::Duration::from_micros(nanos / 1000)).to_string()
}

#[cfg(test)]
mod tests;
