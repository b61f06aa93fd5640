//! Before the run: which objectives can be decided at all at the planned rates and durations.

use seaworthy_document::Finding;
use seaworthy_load::Flow;
use seaworthy_report::outcome::Note;
use seaworthy_stats::Assumptions;
use seaworthy_stats::plan::decidable;

use super::{Checker, Objective, Phase, warning};

impl Checker<'_> {
    /// Warns of objectives that this plan cannot decide, and gives the notes that say so in the
    /// report. Closed models make as many requests as the service lets them, so nothing can be said
    /// of them beforehand but that they take time.
    pub(super) fn decidable(
        &mut self,
        phases: &[Phase],
        flows: &[Flow],
        objectives: &[Objective],
        assumptions: &Assumptions,
    ) -> Vec<Note> {
        let mut notes = Vec::new();
        for objective in objectives {
            let Some(bound) = objective.statement.bad_bound() else { continue };
            let spoken_of: Vec<&Phase> = phases
                .iter()
                .filter(|phase| objective.phase.as_ref().is_none_or(|name| *name == phase.name))
                .collect();
            let seconds: f64 = spoken_of
                .iter()
                .map(|phase| phase.duration.saturating_sub(phase.warmup).as_secs_f64())
                .sum();
            let rate = match expected_rate(&spoken_of, flows, objective) {
                Some(rate) => rate,
                None => f64::MAX.sqrt(),
            };
            let decidable = decidable(seconds, rate, bound, assumptions);
            if decidable.can_pass {
                continue;
            }
            let text = format!("objective `{}` {}", objective.name, decidable.sentence);
            self.findings.push(
                Finding::warning("plan-undecidable", text.clone())
                    .at(seaworthy_document::Place { file: self.file.to_owned(), line: 0, column: 0 })
                    .hint("make the phase longer; a higher rate helps only down to the floor that clumps of failures set"),
            );
            notes.push(warning(format!("Known before the run: {text}.")));
        }
        notes
    }
}

/// Requests per second the objective will see; `None` when a closed model is among them.
fn expected_rate(phases: &[&Phase], flows: &[Flow], objective: &Objective) -> Option<f64> {
    let (mut requests, mut seconds) = (0.0, 0.0);
    for phase in phases {
        seconds += phase.duration.as_secs_f64();
        for load in &phase.loads {
            if objective.tags.get("flow").is_some_and(|flow| *flow != load.flow) {
                continue;
            }
            let flow = flows.iter().find(|flow| flow.name() == load.flow);
            let steps = match objective.tags.get("step") {
                Some(_) => 1.0,
                None => flow.map_or(1, |flow| flow.steps().count()) as f64,
            };
            let length = load.duration().as_secs_f64();
            requests += load.offered_per_second()? * steps * length;
        }
    }
    Some(if seconds > 0.0 { requests / seconds } else { 0.0 })
}
