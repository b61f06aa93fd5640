//! Objectives must be about something: a series that some phase of the plan will make.

use seaworthy_document::Finding;
use seaworthy_load::Flow;

use super::{Checker, Objective, Phase};

impl Checker<'_> {
    /// Refuses objectives that no series can match, unless a phase is not known (`unread`); warns
    /// when no objective would notice errors.
    pub(super) fn resolvable(
        &mut self,
        phases: &[Phase],
        flows: &[Flow],
        objectives: &[Objective],
        unread: bool,
    ) {
        for objective in objectives {
            if unread || phases.iter().any(|phase| matches(objective, phase, flows)) {
                continue;
            }
            let tags: Vec<String> =
                objective.tags.iter().map(|(tag, value)| format!("{tag} {value}")).collect();
            let about = match tags.is_empty() {
                true => format!("`{}`", objective.metric.name),
                false => format!("`{}` with {}", objective.metric.name, tags.join(", ")),
            };
            self.error(
                &objective.name,
                "plan-no-series",
                format!("nothing in the plan measures {about}"),
                "name a flow that a phase drives, one of its steps, or a check it expects",
            );
        }
        let notices =
            |objective: &Objective| matches!(objective.metric.name, "http_req_failed" | "checks");
        let threshold = |phase: &Phase| {
            let targets = phase.script.iter().flat_map(|script| script.thresholds.targets());
            targets
                .into_iter()
                .any(|target| matches!(target.metric.name(), "http_req_failed" | "checks"))
        };
        if let Some(first) = objectives.first().filter(|_| !unread)
            && !objectives.iter().any(notices)
            && !phases.iter().any(threshold)
        {
            self.findings.push(
                Finding::warning("plan-no-errors", "no objective would notice failing requests")
                    .at(first.name.place(self.file))
                    .hint("add one about `http_req_failed` or `checks`: errors can be fast"),
            );
        }
    }
}

/// Whether the phase makes a series of the objective's metric with its tags.
fn matches(objective: &Objective, phase: &Phase, flows: &[Flow]) -> bool {
    let wanted =
        |tag: &str, value: &str| objective.tags.get(tag).is_none_or(|wanted| wanted == value);
    if !wanted("phase", &phase.name) {
        return false;
    }
    let shares = phase.loads.iter().flat_map(|load| &load.flows);
    shares.filter(|share| wanted("flow", &share.flow)).any(|share| {
        if phase.script.is_some() {
            // What it requests and checks shows when it runs; event streams it does not have.
            return !objective.metric.name.starts_with("stream_");
        }
        let Some(flow) = flows.iter().find(|flow| flow.name() == share.flow) else { return false };
        match objective.metric.name {
            "checks" => flow.checks().any(|check| wanted("check", &check)),
            metric => flow.steps_measuring(metric).any(|step| wanted("step", step)),
        }
    })
}
