//! Objectives: every metric, tag, phase and statement is one that can be judged.

use std::collections::BTreeMap;

use seaworthy_document::{Located, nearest};
use seaworthy_stats::Statement;

use super::{Checker, Objective, Phase};
use crate::metric;
use crate::plan::{self, Plan};

/// What is known of the scripts of a plan.
struct Scripts<'p> {
    scenarios: Vec<&'p str>,
    /// Whether one could not be read: what it has is not known then.
    unread: bool,
}

impl Checker<'_> {
    pub(super) fn objectives(&mut self, plan: &Plan, phases: &[Phase]) -> Vec<Objective> {
        // Of a script the scenarios are known; what names its requests get shows when it runs.
        let scripted = phases.iter().filter(|phase| phase.script.is_some());
        let shares = scripted.flat_map(|phase| phase.loads.iter().flat_map(|load| &load.flows));
        let scenarios: Vec<&str> = shares.map(|share| share.flow.as_str()).collect();
        let unread = plan.phases.iter().filter(|phase| phase.script.is_some()).count()
            > phases.iter().filter(|phase| phase.script.is_some()).count();
        let scripts = Scripts { scenarios, unread };
        let objectives = plan.objectives.iter();
        objectives.filter_map(|objective| self.objective(plan, &scripts, objective)).collect()
    }

    fn objective(
        &mut self,
        plan: &Plan,
        scripts: &Scripts<'_>,
        objective: &plan::Objective,
    ) -> Option<Objective> {
        let metric = metric::find(&objective.metric);
        if metric.is_none() {
            let names: Vec<&str> = metric::METRICS.iter().map(|metric| metric.name).collect();
            let hint = match nearest(&objective.metric, names.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("objectives can be about {}", names.join(", ")),
            };
            let reason = format!("no metric is named `{}`", objective.metric);
            self.error(&objective.metric, "plan-unknown-metric", reason, &hint);
        }
        let statement = match objective.require.parse::<Statement>() {
            Ok(statement) => Some(statement),
            Err(error) => {
                let hint = error.hint().unwrap_or_default().to_owned();
                self.error(&objective.require, "plan-statement", error.to_string(), &hint);
                None
            }
        };
        if let Some(phase) = &objective.phase {
            self.known(phase, "phase", plan.phases.iter().map(|phase| phase.name.as_str()));
        }
        let (metric, statement) = (metric?, statement?);
        if let Err(hint) = metric.takes(&statement) {
            let reason = format!("`{statement}` cannot be asked of `{}`", metric.name);
            self.error(&objective.require, "plan-statement", reason, hint);
            return None;
        }
        for (tag, value) in &objective.tags {
            if !metric.tags.contains(&tag.as_str()) {
                let reason = format!("series of `{}` carry no tag `{tag}`", metric.name);
                let hint = format!("they carry {}", metric.tags.join(", "));
                self.error(value, "plan-unknown-tag", reason, &hint);
            } else if tag == "flow" && !scripts.unread {
                let flows = plan.flows.iter().map(|flow| flow.name.as_str());
                self.known(value, "flow", flows.chain(scripts.scenarios.iter().copied()));
            } else if tag == "phase" {
                self.known(value, "phase", plan.phases.iter().map(|phase| phase.name.as_str()));
            } else if tag == "step" && scripts.scenarios.is_empty() && !scripts.unread {
                let steps = plan.flows.iter().flat_map(|flow| &flow.steps);
                self.known(value, "step", steps.map(|step| step.name.as_str()));
            }
        }
        let mut tags: BTreeMap<String, String> =
            objective.tags.iter().map(|(tag, value)| (tag.clone(), value.value.clone())).collect();
        // A phase among the tags is the phase the objective speaks of.
        let phase =
            objective.phase.as_ref().map(|phase| phase.value.clone()).or(tags.remove("phase"));
        if let Some(phase) = &phase {
            tags.insert("phase".to_owned(), phase.clone());
        }
        Some(Objective { name: objective.name.clone(), metric, tags, phase, statement })
    }

    /// Whether a name that is referred to exists.
    pub(super) fn known<'n>(
        &mut self,
        wanted: &Located<String>,
        what: &str,
        names: impl Iterator<Item = &'n str>,
    ) -> bool {
        let names: Vec<&str> = names.collect();
        if names.contains(&wanted.as_str()) {
            return true;
        }
        let hint = match nearest(wanted, names.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("there are {}", names.join(", ")),
        };
        self.error(wanted, "plan-unknown-name", format!("no {what} is named `{wanted}`"), &hint);
        false
    }
}
