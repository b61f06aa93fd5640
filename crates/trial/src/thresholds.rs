//! Thresholds of scripts as objectives: judged as any objective is, with k6's own answer beside it.
//!
//! The verdict is `stats`'s, on what `metrics` counted. This file takes it back where the measurement
//! is not worth one, and says in one line where k6's answer is another one.

use seaworthy_base::Verdict;
use seaworthy_metrics::Contains;
use seaworthy_metrics::threshold::{Aggregation, Operator, Outcome, Target, Threshold};
use seaworthy_report::number;
use seaworthy_report::outcome::{Direction, Note, Objective, Severity};
use seaworthy_stats::statement::{Comparison, Statement};
use seaworthy_stats::timeline::{Timeline, Window};
use seaworthy_stats::{Assumptions, Judgement};

use crate::check::{Checked, Phase};
use crate::judge::{
    Circumstances, Doubt, RanPhase, cut_off, direction, dropped, lag, method, nanos, observed,
};
use crate::script::ScriptRun;

/// What thresholds came to.
#[derive(Default)]
pub(crate) struct Judged {
    pub(crate) objectives: Vec<Objective>,
    pub(crate) notes: Vec<Note>,
}

/// Judges every threshold of every script of the plan, and what scripts said of themselves.
pub(crate) fn judge(
    plan: &Checked,
    runs: &[ScriptRun],
    timeline: &Timeline,
    phases: &[RanPhase],
    circumstances: Circumstances<'_>,
) -> Judged {
    let mut judged = Judged::default();
    for phase in plan.phases().iter().filter(|phase| phase.script.is_some()) {
        let ran: Vec<&RanPhase> = phases.iter().filter(|ran| ran.name == phase.name).collect();
        let room = Room { plan, phase, timeline, ran: &ran, circumstances };
        match runs.iter().find(|run| run.phase == phase.name) {
            Some(run) => room.run(run, &mut judged),
            None => {
                let missing = plan.thresholds().filter(|(of, ..)| of.name == phase.name);
                let missing = missing.map(|(_, target, threshold)| room.missing(target, threshold));
                judged.objectives.extend(missing);
            }
        }
    }
    judged
}

/// What the thresholds of one phase are judged in.
struct Room<'a> {
    plan: &'a Checked,
    phase: &'a Phase,
    timeline: &'a Timeline,
    ran: &'a [&'a RanPhase],
    circumstances: Circumstances<'a>,
}

impl Room<'_> {
    fn run(&self, run: &ScriptRun, judged: &mut Judged) {
        for outcome in run.thresholds.evaluate(&run.report.snapshot) {
            let (objective, note) = self.one(&outcome);
            judged.objectives.push(objective);
            judged.notes.extend(note);
            judged.notes.extend(self.waited(&outcome));
        }
        if let Some(reason) = &run.report.ended.failed {
            let mut said = self.said_failed(reason);
            if let Some(why) = self.circumstances.interrupted {
                said.verdict = Verdict::Inconclusive;
                said.needs = Some("a trial that runs to its end".to_owned());
                said.reason = format!("the trial did not run to its end: {why}; {}", said.reason);
            }
            judged.objectives.push(said);
        }
    }

    /// A threshold with its verdict, and the line that says where k6's answer is another one.
    fn one(&self, outcome: &Outcome<'_>) -> (Objective, Option<Note>) {
        let assumptions = self.plan.assumptions();
        let mut judgement = match outcome.judge(assumptions) {
            Ok(judgement) => judgement,
            Err(reason) => {
                let mut objective = self.unjudged(outcome, &reason);
                if outcome.n == 0 {
                    objective.needs = Some("samples".to_owned());
                }
                let note = format!(
                    "{}: '{}' {} by k6's rule ({}); it is not judged here: {reason}.",
                    outcome.target.name,
                    outcome.threshold.source,
                    word(outcome.passed),
                    value(outcome)
                );
                return (objective, Some(info(note)));
            }
        };
        for doubt in self.doubts(outcome, judgement.verdict) {
            judgement.doubt(&doubt.reason, &doubt.needs);
        }
        self.circumstances.doubt(&mut judgement);
        let note = outcome.contrast(&judgement).map(|text| info(format!("{text}.")));
        (self.told(outcome, judgement, assumptions), note)
    }

    fn told(
        &self,
        outcome: &Outcome<'_>,
        judgement: Judgement,
        assumptions: &Assumptions,
    ) -> Objective {
        let statement = statement(outcome, &judgement);
        let plain = match &statement {
            // The judge's reason begins with the claim, which is about values and not requests.
            _ if outcome.threshold.expression.aggregation.quantile().is_some() => {
                let claim = judgement.reason.split("; ").find(|part| part.starts_with("at least "));
                capital(claim.unwrap_or(&judgement.reason)) + "."
            }
            _ => format!("Of `{}`: {statement}.", outcome.target.name),
        };
        let method = format!(
            "{} Over the whole run as k6 counts it, its ramps and its graceful stop included; a warm-up is not left out.",
            method(&statement, assumptions)
        );
        Objective {
            statement: statement.to_string(),
            plain,
            verdict: judgement.verdict,
            measurement: judgement.measurement,
            bound: judgement.bound,
            direction: direction(&statement),
            observed: judgement.observed.map(observed),
            bound_ns: match statement {
                Statement::Quantile { bound_ns, .. } => Some(bound_ns),
                _ => None,
            },
            n_effective: judgement.n_effective,
            design_effect: judgement.design_effect,
            seconds: judgement.seconds,
            reason: match &judgement.stationary_warning {
                Some(warning) => format!("{}; note: {warning}", judgement.reason),
                None => judgement.reason,
            },
            needs: judgement.needs,
            method,
            rarer_than_seconds: judgement.rarer_than_seconds,
            ..self.unjudged(outcome, "")
        }
    }

    /// A threshold that the judge has no verdict on: inconclusive, with k6's answer.
    fn unjudged(&self, outcome: &Outcome<'_>, why: &str) -> Objective {
        let answer = format!("{} ({})", word(outcome.passed), value(outcome));
        let mut objective = self.missing(outcome.target, outcome.threshold);
        objective.n = outcome.n;
        objective.reason = format!("it is not judged: {why}; by k6's rule it {answer}");
        objective.k6 = Some(answer);
        objective.needs = Some("a threshold that can be judged: a percentile or a rate".to_owned());
        objective
    }

    /// A threshold of which nothing was measured.
    fn missing(&self, target: &Target, threshold: &Threshold) -> Objective {
        let scenario = target.selector.get("scenario");
        let flow = scenario.map(|name| format!(" of flow {name}")).unwrap_or_default();
        Objective {
            name: self.plan.threshold_name(self.phase, target, threshold),
            statement: threshold.expression.to_string(),
            subject: format!("{}{flow} in phase {}", target.name, self.phase.name),
            plain: format!("Of `{}`: {}.", target.name, threshold.expression),
            verdict: Verdict::Inconclusive,
            measurement: None,
            bound: threshold.expression.bound,
            direction: match threshold.expression.operator {
                Operator::Greater | Operator::GreaterOrEqual => Direction::Above,
                _ => Direction::Below,
            },
            k6: Some("none: its run did not begin".to_owned()),
            observed: None,
            bound_ns: None,
            n: 0,
            n_effective: 0.0,
            design_effect: 1.0,
            seconds: 0,
            reason: "its run did not begin".to_owned(),
            needs: Some("a trial that comes to this phase".to_owned()),
            method: "Not judged.".to_owned(),
            rarer_than_seconds: 0.0,
        }
    }

    /// `test.fail()` is the script's own word, and no measurement of ours.
    fn said_failed(&self, reason: &str) -> Objective {
        Objective {
            name: format!("test.fail in phase {}", self.phase.name),
            statement: "test.fail is not called".to_owned(),
            subject: format!("test.fail in phase {}", self.phase.name),
            plain: "The script must not say that the test failed.".to_owned(),
            verdict: Verdict::Fail,
            measurement: None,
            bound: 0.0,
            direction: Direction::Below,
            k6: Some("the test failed".to_owned()),
            observed: None,
            bound_ns: None,
            n: 1,
            n_effective: 1.0,
            design_effect: 1.0,
            seconds: 0,
            reason: format!("the script called test.fail: {reason}"),
            needs: None,
            method: "The script's own word; nothing was judged.".to_owned(),
            rarer_than_seconds: 0.0,
        }
    }

    fn doubts(&self, outcome: &Outcome<'_>, verdict: Verdict) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let wanted = outcome.target.selector.get("scenario");
        let flows = || {
            let all = self.ran.iter().flat_map(|ran| &ran.flows);
            all.filter(|run| wanted.is_none_or(|name| name == run.flow))
        };
        if let Some(q) = outcome.threshold.expression.aggregation.quantile() {
            for open in [true, false] {
                let runs = flows().filter(|run| run.open_model == open);
                doubts.extend(dropped(open, runs.map(|run| run.dropped).sum()));
            }
            if outcome.target.metric.contains() == Contains::Time {
                // A cast from a float stops at the ends of the range.
                let bound_ns = (outcome.threshold.expression.bound * 1e6) as u64;
                let phase = Some(self.phase.name.as_str());
                doubts.extend(lag(self.timeline, phase, self.ran, q, bound_ns));
            }
        }
        let throughput = outcome.target.metric.kind() == seaworthy_metrics::Kind::Counter;
        if verdict == Verdict::Pass && !throughput {
            doubts.extend(cut_off(flows().map(|run| run.interrupted).sum()));
        }
        let lost = self.lost();
        if lost > 0 {
            doubts.push(Doubt {
                reason: format!("the load generator did not report {lost} second(s)"),
                needs: "a run in which the generator reports every second".to_owned(),
            });
        }
        doubts
    }

    /// Seconds in which nobody watched.
    fn lost(&self) -> usize {
        let tags = [("phase".to_owned(), self.phase.name.clone())].into();
        let selection = self.timeline.select("iterations", &tags);
        let every = Statement::Throughput { comparison: Comparison::Above, bound_per_second: 1.0 };
        let lost =
            |ran: &&RanPhase| selection.counts(&every, ran.under_load()).map_or(0, |it| it.lost);
        self.ran.iter().map(lost).sum()
    }

    /// What `http_req_duration` does not show in an open model: how long requests waited to be made.
    fn waited(&self, outcome: &Outcome<'_>) -> Option<Note> {
        let open = self.ran.iter().flat_map(|ran| &ran.flows).any(|run| run.open_model);
        let q = outcome.threshold.expression.aggregation.quantile()?;
        if !open || outcome.target.metric.name() != "http_req_duration" {
            return None;
        }
        let tags = [("phase".to_owned(), self.phase.name.clone())].into();
        let at = |metric: &str| {
            let selection = self.timeline.select(metric, &tags);
            let mut all = seaworthy_stats::Histogram::new();
            for ran in self.ran {
                let window = Window::new(ran.from as u32, ran.with_drain().to_second);
                all.merge(&selection.histogram(window));
            }
            all.quantile(q).map(|quantile| quantile.middle())
        };
        let (service, response) = (at("http_req_duration")?, at("response_time")?);
        (response > service + service / 10).then(|| {
            info(format!(
                "{}: '{}' speaks of service times where an iteration makes more than one request: only the first waited to be made. Counted from when they were to be made, with connecting, requests of phase `{}` took {} at the same percentile, and not {}.",
                outcome.target.name,
                outcome.threshold.source,
                self.phase.name,
                nanos(response),
                nanos(service)
            ))
        })
    }
}

/// The threshold as the judge took it.
fn statement(outcome: &Outcome<'_>, judgement: &Judgement) -> Statement {
    let expression = outcome.threshold.expression;
    let comparison = match expression.operator {
        Operator::Greater | Operator::GreaterOrEqual => Comparison::Above,
        _ => Comparison::Below,
    };
    match (outcome.target.metric.kind(), expression.aggregation.quantile()) {
        (seaworthy_metrics::Kind::Counter, _) => {
            Statement::Throughput { comparison, bound_per_second: expression.bound }
        }
        (_, Some(q)) if judgement.observed.is_some() => {
            Statement::Quantile { q, bound_ns: (expression.bound * 1e6).round() as u64 }
        }
        (_, Some(q)) => {
            // So many of the values must keep the percentile's side of the bound.
            let bound = if comparison == Comparison::Below { q } else { 1.0 - q };
            Statement::Ratio { comparison: Comparison::Above, bound }
        }
        (_, None) => Statement::Ratio { comparison, bound: expression.bound },
    }
}

/// What k6 compared, as a person reads it.
fn value(outcome: &Outcome<'_>) -> String {
    let aggregation = outcome.threshold.expression.aggregation;
    if outcome.n == 0 {
        return "there are no samples".to_owned();
    }
    let number = number::trimmed(&number::three_digits(outcome.value)).to_owned();
    let unit = match (outcome.target.metric.kind(), outcome.target.metric.contains()) {
        (seaworthy_metrics::Kind::Rate, _) => {
            return format!("{aggregation} is {}", number::short_percent(outcome.value));
        }
        (seaworthy_metrics::Kind::Counter, _) if aggregation == Aggregation::Rate => "/s",
        (_, Contains::Time) => " ms",
        (_, Contains::Data) => " bytes",
        _ => "",
    };
    format!("{aggregation} is {number}{unit}")
}

fn word(passed: bool) -> &'static str {
    if passed { "passes" } else { "fails" }
}

fn info(text: String) -> Note {
    Note { severity: Severity::Info, text }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
