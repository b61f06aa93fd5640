//! Before the run: which objectives can be decided at all at the planned rates and durations.

use seaworthy_document::Finding;
use seaworthy_load::Flow;
use seaworthy_report::outcome::Note;
use seaworthy_stats::plan::{Decidability, decidable};
use seaworthy_stats::{Assumptions, Comparison, Statement};

use super::{Checker, Objective, Phase, warning};
use crate::plan::Plan;

impl Checker<'_> {
    /// Warns of objectives that this plan cannot pass, and gives the notes that say so in the
    /// report.
    pub(super) fn decidable(
        &mut self,
        phases: &[Phase],
        flows: &[Flow],
        objectives: &[Objective],
        assumptions: &Assumptions,
    ) -> Vec<Note> {
        let mut notes = Vec::new();
        for objective in objectives {
            let Some(why) = impossible(objective, phases, flows, assumptions) else { continue };
            let text = format!("objective `{}` {why}", objective.name);
            self.findings.push(
                Finding::warning("plan-undecidable", text.clone())
                    .at(objective.name.place(self.file))
                    .hint("make the phase longer; a higher rate helps only down to the floor that clumps of failures set"),
            );
            notes.push(warning(format!("Known before the run: {text}.")));
        }
        notes
    }
}

impl Checker<'_> {
    /// Warns of thresholds that the judge cannot decide at all, or not in so short a time. In the
    /// report k6's answer and what is missing stand beside each of them.
    pub(super) fn decidable_thresholds(
        &mut self,
        plan: &Plan,
        phases: &[Phase],
        assumptions: &Assumptions,
    ) {
        for phase in phases {
            let Some(script) = &phase.script else { continue };
            let seconds = phase.load_ends().as_secs_f64();
            let gate = f64::from(assumptions.pass_after);
            let typed = plan.phases.iter().find(|typed| typed.name.value == phase.name);
            let place = typed.and_then(|typed| typed.script.as_ref()).map(|it| it.place(self.file));
            for target in script.thresholds.targets() {
                for threshold in &target.thresholds {
                    let why = match target.judgeable(threshold) {
                        Err(reason) => format!("is not judged: {reason}"),
                        Ok(()) if seconds < gate => {
                            format!("cannot pass: it takes {gate} s, and {seconds} s are planned")
                        }
                        Ok(()) => continue,
                    };
                    let text = format!("threshold `{}: {}` {why}", target.name, threshold.source);
                    let finding = Finding::warning("plan-undecidable", text)
                        .hint("it stays inconclusive; k6's own answer stands beside it");
                    self.findings.push(match &place {
                        Some(place) => finding.at(place.clone()),
                        None => finding,
                    });
                }
            }
        }
    }
}

/// Why the objective cannot pass, if it cannot.
fn impossible(
    objective: &Objective,
    phases: &[Phase],
    flows: &[Flow],
    assumptions: &Assumptions,
) -> Option<String> {
    let spoken_of = spoken_of(objective, phases);
    if let Statement::Throughput { comparison: Comparison::Above, bound_per_second } =
        objective.statement
    {
        let seconds = judged(&spoken_of);
        let gate = f64::from(assumptions.pass_after);
        if seconds < gate {
            return Some(format!("cannot pass: it takes {gate} s, and {seconds} s are planned"));
        }
        let offered = expected_rate(&spoken_of, flows, objective)?;
        return (offered <= bound_per_second).then(|| {
            format!("cannot pass: {offered:.3} a second are offered, more than {bound_per_second} are asked for")
        });
    }
    let decidable = decidability(objective, &spoken_of, flows, assumptions)?;
    (!decidable.can_pass).then_some(decidable.sentence)
}

/// What the plan can show about an objective that can pass, when it is not certain to decide.
pub(super) fn odds(
    objective: &Objective,
    phases: &[Phase],
    flows: &[Flow],
    assumptions: &Assumptions,
) -> Option<String> {
    let decidable = decidability(objective, &spoken_of(objective, phases), flows, assumptions)?;
    (decidable.can_pass && !decidable.decidable).then_some(decidable.sentence)
}

/// `None` for throughput, which is no share of anything. Closed models make as many requests as the
/// service lets them, so nothing can be said of them beforehand but that they take time.
fn decidability(
    objective: &Objective,
    spoken_of: &[&Phase],
    flows: &[Flow],
    assumptions: &Assumptions,
) -> Option<Decidability> {
    let bound = objective.statement.bad_bound()?;
    let rate = expected_rate(spoken_of, flows, objective).unwrap_or(f64::MAX.sqrt());
    Some(decidable(judged(spoken_of), rate, bound, assumptions))
}

fn spoken_of<'p>(objective: &Objective, phases: &'p [Phase]) -> Vec<&'p Phase> {
    let named = |phase: &&Phase| objective.phase.as_ref().is_none_or(|name| *name == phase.name);
    phases.iter().filter(named).collect()
}

/// Seconds that will be judged.
fn judged(phases: &[&Phase]) -> f64 {
    phases.iter().map(|phase| phase.load_ends().saturating_sub(phase.warmup).as_secs_f64()).sum()
}

/// Requests per second the objective will see; `None` when a closed model is among them.
fn expected_rate(phases: &[&Phase], flows: &[Flow], objective: &Objective) -> Option<f64> {
    let (mut requests, mut seconds) = (0.0, 0.0);
    for phase in phases {
        seconds += phase.duration.as_secs_f64();
        let of_iterations = matches!(objective.metric.name, "iterations" | "iteration_duration");
        if phase.script.is_some() && !of_iterations {
            // How many requests an iteration makes shows when the script runs.
            return None;
        }
        let shares =
            phase.loads.iter().flat_map(|load| load.flows.iter().map(move |share| (load, share)));
        for (load, share) in shares {
            if objective.tags.get("flow").is_some_and(|flow| *flow != share.flow) {
                continue;
            }
            let flow = flows.iter().find(|flow| flow.name() == share.flow);
            let steps = match (objective.tags.get("step"), objective.metric.name) {
                (Some(_), _) | (None, "iterations" | "iteration_duration") => 1.0,
                (None, "checks") => flow.map_or(1, |flow| flow.checks().count()) as f64,
                (None, metric) => flow.map_or(1, |flow| flow.per_iteration(metric)) as f64,
            };
            let length = load.duration().as_secs_f64();
            requests += load.offered_per_second()? * load.part(&share.flow) * steps * length;
        }
    }
    Some(if seconds > 0.0 { requests / seconds } else { 0.0 })
}
