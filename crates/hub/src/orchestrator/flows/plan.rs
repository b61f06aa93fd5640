//! A wizard's plan, carried out: module after module and task after task, as it was shown.

use seaworthy_wizard::plan::{Part, Skipped, Step};
use seaworthy_wizard::{Action, Plan};
use seaworthy_workflow::Failure;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::approval::{self, APPROVE, Approval, PATIENCE};
use super::{Act, Hand, PROGRESS, document, minutes};
use crate::problem::Problem;

mod board;
mod report;
mod work;

use board::{Board, Job, Told};
use report::Criterion;

/// The kind's name.
pub(crate) const KIND: &str = "plan";

/// What came of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// `completed`, or `rejected` when it was not approved of.
    status: String,
    plan_id: String,
    wizard_id: String,
    campaign_name: String,
    /// Who approved of it or rejected it, and what they said.
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<Approval>,
    /// What was done, in the plan's order.
    modules: Vec<Done>,
    /// What was not, and why.
    skipped_modules: Vec<Skipped>,
    /// How many actions of tools outside were prepared; none is sent, as none is configured.
    prepared_count: usize,
    /// What the plan calls success, and whether it is known to have come.
    success_criteria: Vec<Criterion>,
}

/// What came of a module.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Done {
    id: String,
    title: String,
    agent: String,
    tasks: Vec<Told>,
}

/// What `get_progress` tells beyond progress, phase and times.
#[derive(Debug, Default, Serialize)]
struct View {
    approval_required: bool,
    approval_received: bool,
    /// Whether it waits for somebody to decide now.
    waits_for_approval: bool,
    /// What is decided about now: a decision that names another is not taken for this one's.
    review: Option<String>,
    /// What whoever decides should look at.
    to_review: Vec<String>,
    /// Who may decide, where that is not everybody.
    reviewers: Vec<String>,
}

/// The plan, from its first module to its last.
pub(super) async fn run(hand: Hand, plan: Plan) -> Result<Outcome, Failure> {
    let run = &hand.run;
    let mut view = View { approval_required: reviews(&plan) > 0, ..View::default() };
    view.show(&hand);
    hand.step("policy", minutes(1), plan.clone(), permit).await?;

    let (mut board, mut review) = (Board::default(), None);
    for (at, module) in plan.modules.iter().enumerate() {
        run.progress(percent(at, plan.modules.len()), &module.id);
        hand.discard_if_undone(module.id.clone());
        for (number, action) in actions(module) {
            let job = board.job(&plan, module, number, action);
            let made = match Action::read(action) {
                Some(Action::Review) => {
                    let decided = view.review(&hand, &board, &job).await?;
                    if !decided.as_ref().is_some_and(|decided| decided.approved) {
                        run.undo().await;
                        return Ok(Outcome::of(&plan, Board::default(), decided, "rejected"));
                    }
                    review.clone_from(&decided);
                    hand.step(&job.name(), minutes(1), (job, decided), work::record).await?
                }
                _ => work::carry_out(&hand, job).await?,
            };
            board.pin(module, number, made);
        }
    }
    hand.discard_if_undone("report.md");
    let outcome = Outcome::of(&plan, board, review, "completed");
    hand.step("report", minutes(1), outcome.clone(), report::keep).await?;
    run.progress(100, "report");
    Ok(outcome)
}

impl View {
    fn show(&self, hand: &Hand) {
        hand.run.show(PROGRESS, self);
    }

    /// Shows what there is to decide about, and waits for the decision.
    async fn review(
        &mut self,
        hand: &Hand,
        board: &Board,
        job: &Job,
    ) -> Result<Option<Approval>, Failure> {
        // Who decided before there was anything to see has not decided about this.
        let _: Vec<Value> = hand.run.received(APPROVE)?;
        self.reviewers = job.reviewers()?;
        self.waits_for_approval = true;
        self.review = Some(job.name());
        self.to_review = board.artifacts();
        self.show(hand);
        let decided = approval::wait(hand, self.review.as_deref(), &self.reviewers).await?;
        self.waits_for_approval = false;
        self.review = None;
        self.approval_received |= decided.as_ref().is_some_and(|decided| decided.approved);
        self.show(hand);
        Ok(decided)
    }
}

/// Has the policy judge everything that was answered, and keeps the plan as it was shown.
async fn permit(act: Act, plan: Plan) -> Result<(), Failure> {
    act.permit(&answers(&plan)).await?;
    let shown = serde_json::to_value(&plan);
    let shown = shown.map_err(|error| Failure::lasting("plan_unreadable", error.to_string()))?;
    act.keep(vec![document("plan.json", &shown)]).await
}

/// A module's actions, each with the number of its task, from 1.
fn actions(module: &Part) -> impl Iterator<Item = (usize, &str)> {
    let all = |step: &'_ Step| step.then.len() + 1;
    module.tasks.iter().enumerate().flat_map(move |(at, step)| {
        let action = move |which: usize| match which {
            0 => step.action.as_str(),
            further => step.then[further - 1].as_str(),
        };
        (0..all(step)).map(move |which| (at + 1, action(which)))
    })
}

/// How many approvals the plan waits for.
fn reviews(plan: &Plan) -> usize {
    let all = plan.modules.iter().flat_map(actions);
    all.filter(|(_, action)| Action::read(action) == Some(Action::Review)).count()
}

/// How long the whole may take.
pub(crate) fn within(plan: &Plan) -> std::time::Duration {
    PATIENCE * u32::try_from(reviews(plan)).unwrap_or(u32::MAX) + minutes(120)
}

/// Refuses a plan that could not be carried out: its definition is older than this version, or only its
/// author could approve of it.
pub(crate) fn check(plan: &Plan, author: &str) -> Result<(), Problem> {
    for module in &plan.modules {
        for (number, action) in actions(module) {
            let place = format!("task {number} of the module `{}`", module.id);
            match Action::read(action) {
                None => {
                    let detail = format!("{place}: the platform does not do `{action}`");
                    let problem = Problem::conflict("wizard_outdated", detail);
                    return Err(problem.hint("start a new session"));
                }
                Some(Action::Review) => {
                    let params = plan.fill(&module.tasks[number - 1], &|_| None);
                    let reviewers = board::reviewers(params.as_object());
                    if !reviewers.is_empty() && reviewers.iter().all(|one| one == author) {
                        let detail = format!("{place}: nobody but its author could approve of it");
                        return Err(Problem::forbidden("not_a_reviewer", detail));
                    }
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}

/// Refuses signals that a plan would not understand.
pub(super) fn check_signal(name: &str, payload: &Value) -> Result<(), Problem> {
    if name == APPROVE {
        return approval::check(payload);
    }
    Err(Problem::invalid("/name", format!("a plan hears `{APPROVE}`, not `{name}`")))
}

/// Everything that was answered, as text.
fn answers(plan: &Plan) -> String {
    let text = |answer: &Value| match answer {
        Value::String(text) => text.clone(),
        Value::Array(entries) => {
            entries.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    };
    plan.answers.values().map(text).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

fn percent(done: usize, of: usize) -> u32 {
    u32::try_from(done * 100 / of.max(1)).unwrap_or(100)
}

impl Outcome {
    fn of(plan: &Plan, board: Board, review: Option<Approval>, status: &str) -> Self {
        let modules: Vec<Done> = plan
            .modules
            .iter()
            .map(|module| Done {
                id: module.id.clone(),
                title: module.title.clone(),
                agent: module.agent.clone(),
                tasks: board.made(&module.id).map(|made| made.told.clone()).collect(),
            })
            .collect();
        let told = || modules.iter().flat_map(|module| &module.tasks);
        let mut outcome = Self {
            status: status.to_owned(),
            plan_id: plan.plan_id.clone(),
            wizard_id: plan.wizard_id.clone(),
            campaign_name: plan.campaign_name.clone(),
            prepared_count: told().filter(|told| told.is_prepared()).count(),
            review,
            skipped_modules: plan.skipped_modules.clone(),
            success_criteria: Vec::new(),
            modules,
        };
        outcome.success_criteria = report::judge(&plan.success_criteria, &outcome);
        outcome
    }
}
