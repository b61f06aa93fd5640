//! From the plan as it was typed to the plan as it is meant, or findings that say why not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use seaworthy_base::Span;
use seaworthy_document::{Finding, Located, errors, yaml};
use seaworthy_load::check::Known;
use seaworthy_load::template::Template;
use seaworthy_load::{Flow, Load, Routine, spec};
use seaworthy_metrics::threshold::{Target, Threshold};
use seaworthy_report::outcome::{Note, Severity};
use seaworthy_stats::{Assumptions, Statement};
use serde_json::{Value, json};

use crate::metric::Metric;
use crate::plan::{API_VERSION, Plan};
use crate::profile;
use crate::scope::{REDACTED, Scope};
use crate::script::Scripted;

mod assume;
mod decide;
mod files;
mod names;
mod objectives;
mod one_script;
mod phases;
mod resolve;
mod scripts;
mod targets;
mod watches;

pub(crate) use names::is_confidential;
pub use one_script::OneScript;
pub(crate) use watches::resolve;

/// An objective whose every word is known.
#[derive(Clone, Debug)]
pub(crate) struct Objective {
    pub(crate) name: Located<String>,
    pub(crate) metric: &'static Metric,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) phase: Option<String>,
    pub(crate) statement: Statement,
}

/// A phase whose loads are known.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    pub(crate) name: String,
    pub(crate) duration: Duration,
    pub(crate) warmup: Duration,
    pub(crate) loads: Vec<Load>,
    /// The script that is its load; `loads` are then its scenarios.
    pub(crate) script: Option<Arc<Scripted>>,
}

impl Phase {
    /// When the last of its loads has begun its last iteration, counted from its start. What a
    /// phase lasts beyond that is no time under load.
    pub(crate) fn load_ends(&self) -> Duration {
        let ends = self.loads.iter().map(|load| load.start + load.duration());
        ends.max().unwrap_or_default().min(self.duration)
    }
}

/// A plan that can run.
#[derive(Clone, Debug)]
pub struct Checked {
    plan: Plan,
    text: String,
    choice: Choice,
    folder: PathBuf,
    setup: Vec<Routine>,
    flows: Vec<Flow>,
    teardown: Vec<Routine>,
    phases: Vec<Phase>,
    objectives: Vec<Objective>,
    assumptions: Assumptions,
    literals: BTreeSet<String>,
    notes: Vec<Note>,
}

/// The most free ports a plan may ask for.
const MOST_PORTS: usize = 1_000;

/// What is chosen when a plan is run, beside the plan itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// A profile to run the plan's flows under, in place of its phases.
    pub profile: Option<profile::Name>,
    /// What every length of the phases is multiplied with; neither rates, pauses, timeouts nor
    /// graceful stops are.
    pub time_scale: f64,
}

impl Default for Choice {
    fn default() -> Self {
        Self { profile: None, time_scale: 1.0 }
    }
}

/// Checks a plan's text. `file` is how findings name it; other paths in the plan count from its
/// folder. The plan is there exactly when no finding is an error.
pub fn check(file: &str, text: &str) -> (Option<Checked>, Vec<Finding>) {
    check_as(file, text, Choice::default())
}

/// The same for a plan that is to be run under a profile or at another length.
pub fn check_as(file: &str, text: &str, choice: Choice) -> (Option<Checked>, Vec<Finding>) {
    let mut plan: Plan = match yaml(file, text) {
        Ok(plan) => plan,
        Err(finding) => return (None, vec![finding]),
    };
    let mut checker = Checker { file, findings: Vec::new() };
    if let Some(name) = choice.profile {
        checker.replace_phases(&mut plan, name);
    }
    checker.heading(&plan);
    let assumptions = checker.assumptions(&plan);
    checker.targets(&plan);
    checker.secrets(&plan);
    checker.environment(text);
    let targets: BTreeSet<String> =
        plan.targets.iter().map(|target| target.name.value.clone()).collect();
    let names = checker.known_names(&plan);
    let mut known = Known { file, targets, names, ..Known::default() };
    checker.files(&plan, &mut known);
    let setup = checker.routines(&plan.setup, &mut known);
    let scripted = plan.phases.iter().any(|phase| phase.script.is_some());
    let flows = match plan.flows.is_empty() && scripted {
        true => Vec::new(),
        false => {
            let (flows, findings) = seaworthy_load::check::flows(&known, &plan.flows);
            checker.findings.extend(findings);
            flows
        }
    };
    let phases = checker.phases(&plan, &known, choice.time_scale);
    let teardown = checker.routines(&plan.teardown, &mut known);
    let objectives = checker.objectives(&plan, &phases);
    checker.judged_by_anything(&plan, &phases);
    let ports = names::second_parts(text, "port").len();
    if ports > MOST_PORTS {
        let reason =
            format!("the plan asks for {ports} free ports; at most {MOST_PORTS} are given");
        checker.error(&plan.kind, "plan-target", reason, "split the plan");
    }
    let unread = phases.len() < plan.phases.len();
    checker.resolvable(&phases, &flows, &objectives, unread);
    // What is wrong already would only be said again in other words.
    let mut notes = phases::scale_note(choice.time_scale);
    if !errors(&checker.findings) {
        notes.extend(checker.decidable(&phases, &flows, &objectives, &assumptions));
        checker.decidable_thresholds(&plan, &phases, &assumptions);
    }
    notes.extend(plan.targets.iter().filter(|target| target.insecure).map(|target| {
        warning(format!("Target `{}`: its certificate was not checked (`insecure`).", target.name))
    }));
    let literals = names::literals(&plan);
    for literal in &literals {
        let what = format!("{} is written into the plan", literal.what);
        // Written with escapes, it could not be found again to be blotted out.
        let finding = match text.contains(&literal.value.value) {
            true => Finding::warning("plan-literal-secret", what),
            false => Finding::error("plan-literal-secret", what + " with escapes"),
        };
        checker.findings.push(finding.at(literal.value.place(file)).unquoted().hint(
            "name it under `secrets` and use ${name}; it is blotted out of the trial's copy",
        ));
    }
    let findings = checker.findings;
    if errors(&findings) {
        return (None, findings);
    }
    let checked = Checked {
        folder: folder_of(file),
        text: text.to_owned(),
        choice,
        setup,
        flows,
        teardown,
        phases,
        objectives,
        assumptions,
        literals: literals.into_iter().map(|literal| literal.value.value).collect(),
        notes,
        plan,
    };
    (Some(checked), findings)
}

fn folder_of(file: &str) -> PathBuf {
    let path = std::path::absolute(file).unwrap_or_else(|_| PathBuf::from(file));
    path.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

impl Checked {
    /// What the plan comes to, in a few lines for people.
    pub fn summary(&self) -> String {
        let total: Duration = self.phases.iter().map(|phase| phase.duration).sum();
        let mut text = format!(
            "{}: {} target(s), {} phase(s) of {} in all, {} objective(s)",
            self.name(),
            self.plan.targets.len(),
            self.phases.len(),
            Span(total),
            self.objectives.len() + self.thresholds().count()
        );
        for objective in &self.objectives {
            text.push_str(&format!("\n  {}: {}", objective.name, objective.statement));
            if let Some(odds) =
                decide::odds(objective, &self.phases, &self.flows, &self.assumptions)
            {
                text.push_str(&format!("; {odds}"));
            }
        }
        for (phase, target, threshold) in self.thresholds() {
            let name = self.threshold_name(phase, target, threshold);
            text.push_str(&format!("\n  {name}: a threshold of the script"));
        }
        text
    }

    /// All thresholds of scripts: the phase, what it is on, and itself.
    pub(crate) fn thresholds(&self) -> impl Iterator<Item = (&Phase, &Target, &Threshold)> {
        self.phases.iter().flat_map(|phase| {
            let targets = phase.script.iter().flat_map(|script| script.thresholds.targets());
            targets.flat_map(move |target| {
                target.thresholds.iter().map(move |threshold| (phase, target, threshold))
            })
        })
    }

    /// What a threshold is called as an objective.
    pub(crate) fn threshold_name(
        &self,
        phase: &Phase,
        target: &Target,
        threshold: &Threshold,
    ) -> String {
        let name = format!("{}: {}", target.name, threshold.source);
        let several = self.phases.iter().filter(|phase| phase.script.is_some()).count() > 1;
        if several { format!("{name} in phase {}", phase.name) } else { name }
    }

    /// The scripts of its phases with the hashes of their files, as receipts state them.
    pub(crate) fn scripts(&self) -> Value {
        let scripts = self.phases.iter().filter_map(|phase| Some((phase, phase.script.as_ref()?)));
        scripts.map(|(phase, script)| script.receipt(&phase.name)).collect()
    }

    /// Whether it is made around one script, without a plan.
    pub(crate) fn is_of_script(&self) -> bool {
        self.plan.kind.value == one_script::KIND
    }

    /// The trial's name.
    pub fn name(&self) -> &str {
        &self.plan.metadata.name
    }

    pub(crate) fn description(&self) -> &str {
        &self.plan.metadata.description
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The plan as it was typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What was chosen beside the plan.
    pub(crate) fn choice(&self) -> Choice {
        self.choice
    }

    /// The plan as it was typed, without the credentials that were typed into it.
    pub(crate) fn text_without_literals(&self) -> String {
        let mut text = self.text.clone();
        for literal in &self.literals {
            text = text.replace(literal.as_str(), REDACTED);
        }
        text
    }

    /// Credentials that were typed into the plan.
    pub(crate) fn literals(&self) -> &BTreeSet<String> {
        &self.literals
    }

    /// The folder that paths in the plan count from.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn setup(&self) -> &[Routine] {
        &self.setup
    }

    pub(crate) fn teardown(&self) -> &[Routine] {
        &self.teardown
    }

    pub(crate) fn flows(&self) -> &[Flow] {
        &self.flows
    }

    pub(crate) fn phases(&self) -> &[Phase] {
        &self.phases
    }

    pub(crate) fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    pub(crate) fn assumptions(&self) -> &Assumptions {
        &self.assumptions
    }

    /// What a reader of the verdict must know before a number was measured.
    pub(crate) fn notes(&self) -> Vec<Note> {
        self.notes.clone()
    }

    /// The bounds values are counted against, by metric: what the timeline must know beforehand.
    pub(crate) fn bounds(&self) -> BTreeMap<String, Vec<u64>> {
        let mut bounds: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for objective in &self.objectives {
            if let Statement::Quantile { bound_ns, .. } = objective.statement {
                bounds.entry(objective.metric.name.to_owned()).or_default().push(bound_ns);
            }
        }
        bounds
    }

    /// Names of the ports the plan asks for, each once.
    pub(crate) fn ports(&self) -> BTreeSet<String> {
        names::second_parts(&self.text, "port")
    }

    /// Environment variables the plan names, with their values.
    pub(crate) fn environment(&self) -> Value {
        let values = names::second_parts(&self.text, "env")
            .into_iter()
            .filter_map(|name| std::env::var(&name).ok().map(|value| (name, json!(value))));
        Value::Object(values.collect())
    }

    /// Environment variables of ours that targets must not see: what signs, and what is secret.
    pub(crate) fn withheld(&self) -> BTreeSet<String> {
        let secrets = self.plan.secrets.values().filter_map(|secret| secret.env.clone());
        secrets.chain(["SEAWORTHY_SIGNING_KEY".to_owned()]).collect()
    }

    /// Fills in a template of the plan.
    pub(crate) fn render(&self, text: &str, scope: &Scope) -> Result<String, String> {
        Template::parse(text)
            .and_then(|template| template.render(scope.values()))
            .map_err(|error| format!("`{text}`: {error}"))
    }
}

/// Walks the plan and collects what is wrong with it.
struct Checker<'a> {
    file: &'a str,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn error<T>(
        &mut self,
        at: &Located<T>,
        code: &'static str,
        reason: impl Into<String>,
        hint: &str,
    ) {
        let mut finding = Finding::error(code, reason).at(at.place(self.file));
        if !hint.is_empty() {
            finding = finding.hint(hint);
        }
        self.findings.push(finding);
    }

    fn heading(&mut self, plan: &Plan) {
        if plan.api_version.value != API_VERSION {
            let reason = format!("`{}` is not an API version of this program", plan.api_version);
            self.error(
                &plan.api_version,
                "plan-api-version",
                reason,
                "write apiVersion: seaworthy.dev/v1",
            );
        }
        if plan.kind.value != "Trial" {
            let reason = format!("`{}` is not a kind this command runs", plan.kind);
            self.error(&plan.kind, "plan-kind", reason, "write kind: Trial");
        }
        self.named([&plan.metadata.name], "trial");
        self.named(plan.targets.iter().map(|target| &target.name), "target");
        self.named(plan.phases.iter().map(|phase| &phase.name), "phase");
        let mut seen = BTreeSet::new();
        for objective in &plan.objectives {
            if objective.name.trim().is_empty() || !seen.insert(objective.name.value.clone()) {
                let reason =
                    format!("the objective's name `{}` is empty or used twice", objective.name);
                self.error(
                    &objective.name,
                    "plan-name",
                    reason,
                    "give each objective a name of its own",
                );
            }
        }
        for (list, what) in
            [(plan.targets.is_empty(), "targets"), (plan.phases.is_empty(), "phases")]
        {
            if list {
                self.empty(plan, what);
            }
        }
    }

    /// Objectives, or thresholds of a script: something must be asked.
    fn judged_by_anything(&mut self, plan: &Plan, phases: &[Phase]) {
        let asks = |phase: &Phase| {
            phase.script.as_ref().is_some_and(|script| !script.thresholds.is_empty())
        };
        // A script that could not be read may have thresholds: that is not known.
        let unread = phases.len() < plan.phases.len();
        if plan.objectives.is_empty() && !unread && !phases.iter().any(asks) {
            self.empty(plan, "objectives");
        }
    }

    fn empty(&mut self, plan: &Plan, what: &str) {
        let reason = format!("the plan has no {what}: nothing could be shown");
        let hint = "`seaworthy plan init` writes a plan to start from";
        self.error(&plan.kind, "plan-empty", reason, hint);
    }

    /// Names go into file names and tags: letters, digits, `-`, `_`, `.`, and each only once.
    fn named<'n>(&mut self, names: impl IntoIterator<Item = &'n Located<String>>, what: &str) {
        let mut seen = BTreeSet::new();
        for name in names {
            let letters = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            if name.is_empty()
                || name.len() > 64
                || name.starts_with('.')
                || !name.chars().all(letters)
            {
                let reason = format!("`{name}` is no name for a {what}");
                self.error(
                    name,
                    "plan-name",
                    reason,
                    "use up to 64 letters, digits, `-`, `_` and `.`",
                );
            } else if !seen.insert(name.value.clone()) {
                let reason = format!("two {what}s are named `{name}`");
                self.error(name, "plan-name", reason, "give each a name of its own");
            }
        }
    }

    /// Checks setup or teardown; what a routine extracts is known from then on.
    fn routines(&mut self, typed: &[spec::Routine], known: &mut Known<'_>) -> Vec<Routine> {
        let mut routines = Vec::new();
        for routine in typed {
            let (routine, findings) = seaworthy_load::check::routine(known, routine);
            self.findings.extend(findings);
            if let Some(routine) = routine {
                known.names.extend(routine.extracts().map(str::to_owned));
                routines.push(routine);
            }
        }
        routines
    }
}

/// A note for the report.
fn warning(text: String) -> Note {
    Note { severity: Severity::Warning, text }
}
