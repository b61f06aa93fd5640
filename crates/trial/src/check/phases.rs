//! Phases: their loads, typed out or by a profile, at the length they are run at.

use std::time::Duration;

use seaworthy_base::Span;
use seaworthy_document::{Finding, Located, errors, yaml};
use seaworthy_load::check::Known;
use seaworthy_load::{Load, spec, times};
use seaworthy_report::outcome::{Note, Severity};

use super::{Checker, Phase};
use crate::plan::{self, Plan};
use crate::profile;

/// The shortest phase: one whole second can lie in it.
const SHORTEST: Duration = Duration::from_secs(2);
/// The longest trial. Timelines span 31 days; a day is left for what is around the phases.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

impl Checker<'_> {
    /// Puts one phase that runs all flows under a profile in place of the plan's own, and drops the
    /// objectives that speak of a phase which is gone.
    pub(super) fn replace_phases(&mut self, plan: &mut Plan, name: profile::Name) {
        let at = &plan.kind;
        let flow =
            |flow: &spec::Flow| spec::Share { flow: flow.name.clone(), weight: at.with(1.0) };
        plan.phases = vec![plan::Phase {
            name: at.with(name.as_str().to_owned()),
            duration: None,
            warmup: None,
            load: Vec::new(),
            profile: Some(at.with(name)),
            flow: None,
            flows: plan.flows.iter().map(flow).collect(),
            script: None,
            env: std::collections::BTreeMap::new(),
            modules_dir: None,
            options: None,
        }];
        let file = self.file;
        let before = plan.objectives.len();
        let findings = &mut self.findings;
        plan.objectives.retain(|objective| {
            let tag = || objective.tags.get("phase");
            let gone = objective.phase.as_ref().or_else(tag).filter(|at| at.value != name.as_str());
            if let Some(phase) = gone {
                let reason = format!(
                    "objective `{}` speaks of phase `{phase}`, which the profile {name} takes the place of: it is not judged",
                    objective.name
                );
                findings.push(
                    Finding::warning("plan-profile", reason)
                        .at(phase.place(file))
                        .hint("objectives without a phase are judged under any profile"),
                );
            }
            gone.is_none()
        });
        if plan.objectives.is_empty() && before > 0 {
            let reason = format!(
                "every objective speaks of a phase, and under the profile {name} none of them is left"
            );
            self.error(&plan.kind, "plan-profile", reason, "add an objective without a phase");
        }
    }

    pub(super) fn phases(&mut self, plan: &Plan, known: &Known<'_>, scale: f64) -> Vec<Phase> {
        let mut phases = Vec::new();
        for phase in &plan.phases {
            phases.extend(self.phase(plan, known, phase, scale));
        }
        let total = phases
            .iter()
            .map(|phase| phase.duration)
            .fold(Duration::ZERO, Duration::saturating_add);
        if let Some(first) = plan.phases.first().filter(|_| total > LONGEST) {
            let reason = format!("the phases last {} in all", Span(total));
            self.error(&first.name, "plan-phase", reason, "a trial can last up to 30 days");
        }
        phases
    }

    fn phase(
        &mut self,
        plan: &Plan,
        known: &Known<'_>,
        phase: &plan::Phase,
        scale: f64,
    ) -> Option<Phase> {
        let name = &phase.name;
        self.without_script(phase);
        let mut script = None;
        let (duration, default_warmup, loads) = match &phase.profile {
            _ if phase.script.is_some() => {
                let (duration, loads, scripted) = self.script(plan, known, phase, scale)?;
                script = Some(scripted);
                (duration, Duration::ZERO, loads)
            }
            Some(profile) => {
                let loads = self.by_profile(plan, known, phase, profile)?;
                let profile = profile.profile();
                (profile.duration(), profile.warmup(), loads)
            }
            None => {
                for field in phase.flow.iter().chain(phase.flows.iter().map(|flow| &flow.flow)) {
                    let reason =
                        format!("phase `{name}` names a flow beside its load, but no profile");
                    self.error(
                        field,
                        "plan-profile",
                        reason,
                        "add `profile: soak`, or name the flow in `load`",
                    );
                }
                let Some(duration) = &phase.duration else {
                    let reason = format!("phase `{name}` has no duration");
                    self.error(
                        name,
                        "plan-phase",
                        reason,
                        "add `duration: 5m`, a `profile`, or a `script`",
                    );
                    return None;
                };
                if phase.load.is_empty() {
                    let reason = format!("phase `{name}` has no load");
                    self.error(
                        name,
                        "plan-phase",
                        reason,
                        "add an entry to `load`, a `profile`, or a `script`",
                    );
                }
                let (loads, findings) =
                    seaworthy_load::check::loads(known, &plan.flows, &phase.load, duration.get());
                self.findings.extend(findings);
                (duration.get(), Duration::ZERO, loads)
            }
        };
        let warmup = phase.warmup.as_ref().map_or(default_warmup, |warmup| warmup.get());
        if let Some(typed) = phase.warmup.as_ref().filter(|_| warmup >= duration) {
            self.error(
                typed,
                "plan-warmup",
                format!("the warm-up of {typed} leaves nothing of {}", Span(duration)),
                "make the phase longer than its warm-up",
            );
        }
        let scaled = times(duration, scale);
        if scale != 1.0 && scaled.saturating_sub(times(warmup, scale)) < SHORTEST {
            let reason =
                format!("phase `{name}` would last {} at a time scale of {scale}", Span(scaled));
            self.error(
                name,
                "plan-time-scale",
                reason,
                "choose a larger time scale: two seconds must be left after the warm-up",
            );
        }
        Some(Phase {
            name: name.value.clone(),
            duration: scaled,
            warmup: times(warmup, scale),
            loads: loads.iter().map(|load| load.scaled(scale)).collect(),
            script,
        })
    }

    /// The load entries a profile comes to.
    fn by_profile(
        &mut self,
        plan: &Plan,
        known: &Known<'_>,
        phase: &plan::Phase,
        profile: &Located<profile::Name>,
    ) -> Option<Vec<Load>> {
        let before = self.findings.len();
        let beside = phase.duration.as_ref().map(|typed| typed.with("duration"));
        let load = phase.load.first().map(|typed| typed.executor.with("load"));
        for field in beside.iter().chain(&load) {
            let reason =
                format!("the profile {} says the {field} of phase `{}`", profile.value, phase.name);
            self.error(field, "plan-profile", reason, "leave it out, or leave the profile out");
        }
        let mut flows: Vec<(String, f64)> = Vec::new();
        let one = phase.flow.iter().map(|flow| (flow, None));
        let several = phase.flows.iter().map(|share| (&share.flow, Some(&share.weight)));
        for (flow, weight) in one.chain(several) {
            self.known(flow, "flow", plan.flows.iter().map(|flow| flow.name.as_str()));
            let share = weight.map_or(1.0, |weight| weight.value);
            if let Some(weight) = weight.filter(|_| !(share > 0.0 && share.is_finite())) {
                let reason = format!("a weight of {weight} is no share");
                self.error(weight, "plan-profile", reason, "weights are above 0");
            }
            if flows.iter().any(|(other, _)| *other == flow.value) {
                let reason = format!("flow `{flow}` is named twice");
                self.error(flow, "plan-profile", reason, "name it once, with its whole weight");
            }
            flows.push((flow.value.clone(), share));
        }
        if flows.is_empty() {
            let reason = format!("phase `{}` has a profile and no flow", phase.name);
            self.error(
                profile,
                "plan-profile",
                reason,
                "add `flow: NAME`, or several under `flows`",
            );
        }
        if errors(&self.findings[before..]) {
            return None;
        }
        let profile = profile.profile();
        let typed = yaml::<Vec<spec::Load>>(self.file, &profile.load(&flows).to_string());
        let checked = typed.map(|typed| {
            seaworthy_load::check::loads(known, &plan.flows, &typed, profile.duration())
        });
        match checked {
            Ok((loads, findings)) if findings.is_empty() => Some(loads),
            Ok((_, findings)) => {
                self.findings.extend(findings);
                None
            }
            Err(finding) => {
                self.findings.push(finding);
                None
            }
        }
    }
}

/// A note for the report when the trial is not run at its own length.
pub(super) fn scale_note(scale: f64) -> Vec<Note> {
    if scale == 1.0 {
        return Vec::new();
    }
    let part = 1.0 / scale;
    let length = match scale < 1.0 && (part - part.round()).abs() < 1e-9 * part {
        true => format!("1/{} of its length", part.round()),
        false => format!("{scale} times its length"),
    };
    let text = format!(
        "The trial was run at {length} (--time-scale {scale}): what takes longer than that to show did not show."
    );
    vec![Note { severity: Severity::Warning, text }]
}
