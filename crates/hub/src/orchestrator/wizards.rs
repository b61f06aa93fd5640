//! Wizards: sessions that ask one question after the other, kept durably, with a plan at the end.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use seaworthy_base::{Clock, Timestamp, id};
use seaworthy_store::{Part, Store};
use seaworthy_wizard::{Date, Definition, Error as Refusal, Session, day};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::workflows::Workflows;
use crate::api::{Operation, Routes};
use crate::auth::Caller;
use crate::moderation::Moderation;
use crate::problem::{Body, Path, Problem};
use crate::server::Context;

mod approve;
mod rows;
mod shelf;

pub(crate) use super::workflows::START as START_WORKFLOW;
pub(crate) use approve::Approval;
use rows::{Kept, State as Stage};
pub(super) use shelf::Shelf;

/// The capability to walk through wizards.
pub(crate) const USE: &str = "wizard:use";

/// The largest plan, in bytes of its JSON: what comes of it has room in a workflow's journal.
const LONGEST_PLAN: usize = 512 << 10;

/// The tables, which live in the role's store.
pub(super) const PART: Part = Part::of("wizards", rows::MIGRATIONS);

/// What the routes share.
#[derive(Clone)]
pub(super) struct Wizards {
    store: Store,
    clock: Clock,
    shelf: Shelf,
    workflows: Workflows,
    moderation: Moderation,
}

/// What a session is started with.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begin {
    /// The wizard. Where there is none with this id, the operator's default one is taken, if it has
    /// named one.
    wizard_id: String,
    /// The caller; another is refused. Callers without a token may call themselves anything.
    #[serde(default, alias = "user", skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// Anything the caller wants back with it.
    #[serde(default)]
    metadata: Map<String, Value>,
}

/// An answer to the current question.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Given {
    /// The answer, by the question's type. Null, or left out, takes the question's default, or leaves it
    /// open where it need not be answered.
    #[serde(default)]
    value: Value,
    /// The question that is answered. With it, a repeated request does not answer the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    question_id: Option<String>,
}

/// Changes of earlier answers: one, or several together.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    /// The question whose answer changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    question_id: Option<String>,
    /// Its new answer.
    #[serde(default)]
    value: Value,
    /// New answers by question; all are taken, or none.
    #[serde(default)]
    answers: Map<String, Value>,
}

/// What the routes need.
pub(super) fn open(
    context: &Context,
    store: &Store,
    shelf: Shelf,
    workflows: &Workflows,
    moderation: &Moderation,
) -> Wizards {
    let (store, clock) = (store.clone(), context.clock.clone());
    let (workflows, moderation) = (workflows.clone(), moderation.clone());
    Wizards { store, clock, shelf, workflows, moderation }
}

/// The routes, under the paths that the gateway passes on to.
pub(super) fn routes() -> Routes<Wizards> {
    Routes::new()
        .get(
            "/v1/wizards",
            list,
            Operation::new("The wizards there are").needs(USE).answers::<Value>(200),
        )
        .post(
            "/v1/wizards/start",
            begin,
            Operation::new("Begin a wizard").needs(USE).body::<Begin>().answers::<Value>(200),
        )
        .get(
            "/v1/wizards/{id}",
            show,
            Operation::new("How far a wizard's session is").needs(USE).answers::<Value>(200),
        )
        .post(
            "/v1/wizards/{id}/answer",
            answer,
            Operation::new("Answer the current question")
                .needs(USE)
                .body::<Given>()
                .answers::<Value>(200),
        )
        .post(
            "/v1/wizards/{id}/modify",
            modify,
            Operation::new("Change earlier answers")
                .needs(USE)
                .body::<Changes>()
                .answers::<Value>(200),
        )
        .post(
            "/v1/wizards/{id}/approve",
            approve::approve,
            Operation::new("Approve the plan: its workflow is started")
                .needs(USE)
                .needs(START_WORKFLOW)
                .body::<Approval>()
                .may_be_empty()
                .answers::<Value>(200),
        )
}

async fn list(caller: Caller, State(hub): State<Wizards>) -> Result<Json<Value>, Problem> {
    caller.require(USE)?;
    let wizards: Vec<Value> = hub.shelf.iter().map(Definition::describe).collect();
    Ok(Json(json!({"wizards": wizards})))
}

async fn begin(
    caller: Caller,
    State(hub): State<Wizards>,
    Body(body): Body<Begin>,
) -> Result<Json<Value>, Problem> {
    caller.require(USE)?;
    let label = caller.user(body.user_id.as_deref())?;
    super::check_metadata(&body.metadata)?;
    let volume = hub.shelf.begin(&body.wizard_id)?;
    let now = hub.clock.wall();
    let kept = Kept {
        id: format!("wiz-{}", id::uuid(now).simple()),
        tenant: caller.tenant,
        subject: caller.subject,
        label,
        definition: volume.digest,
        metadata: Value::Object(body.metadata).to_string(),
        answers: "{}".to_owned(),
        state: Stage::Open,
        plan: None,
        workflow: None,
        started_at: now.to_string(),
        updated_at: now.to_string(),
        completed_at: None,
        approved_at: None,
    };
    let row = kept.clone();
    hub.store.write(move |tx| rows::create(tx, &row)).await?;
    let mut shown = hub.describe(&kept, &Session::begin(&volume.definition))?;
    if body.wizard_id != volume.definition.id {
        shown["requested_wizard_id"] = body.wizard_id.into();
    }
    Ok(Json(shown))
}

async fn show(
    caller: Caller,
    State(hub): State<Wizards>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    caller.require(USE)?;
    let found =
        hub.store.read(move |tx| rows::session(tx, &caller.tenant, &caller.subject, &id)).await?;
    let kept = found.ok_or_else(unknown)?;
    let definition = hub.shelf.get(&hub.store, &kept.definition).await?;
    Ok(Json(hub.describe(&kept, &resume(&definition, &kept)?)?))
}

async fn answer(
    caller: Caller,
    State(hub): State<Wizards>,
    Path(id): Path<String>,
    Body(given): Body<Given>,
) -> Result<Json<Value>, Problem> {
    caller.require(USE)?;
    hub.moderation.check_all(&caller, &given.value).await?;
    let step = move |session: &mut Session<'_>, today: Date| {
        session.answer(given.question_id.as_deref(), &given.value, today)
    };
    hub.step(caller, id, step, |_| "/value".to_owned()).await
}

async fn modify(
    caller: Caller,
    State(hub): State<Wizards>,
    Path(id): Path<String>,
    Body(changes): Body<Changes>,
) -> Result<Json<Value>, Problem> {
    caller.require(USE)?;
    let mut answers = changes.answers;
    let single = changes.question_id.is_some();
    if let Some(question) = changes.question_id
        && answers.insert(question, changes.value).is_some()
    {
        return Err(Problem::invalid("/question_id", "the question is in `answers` too"));
    }
    if answers.is_empty() {
        return Err(Problem::invalid("", "nothing is to be changed")
            .hint("send `question_id` and `value`, or `answers`"));
    }
    // What a question is called is not said by the caller.
    let said: Vec<&Value> = answers.values().collect();
    hub.moderation.check_all(&caller, &json!(said)).await?;
    let step = move |session: &mut Session<'_>, today: Date| session.modify(&answers, today);
    let place = move |question: Option<&str>| match question {
        Some(question) if !single => format!("/answers/{}", pointed(question)),
        _ => "/value".to_owned(),
    };
    hub.step(caller, id, step, place).await
}

impl Wizards {
    /// Takes a step in a session, all of it or nothing, and shows how far it is then.
    async fn step(
        &self,
        caller: Caller,
        id: String,
        step: impl Fn(&mut Session<'_>, Date) -> Result<(), Refusal> + Send + Sync + 'static,
        place: impl Fn(Option<&str>) -> String + Send + Sync + 'static,
    ) -> Result<Json<Value>, Problem> {
        let (tenant, subject) = (caller.tenant, caller.subject);
        let asked = (tenant.clone(), subject.clone(), id.clone());
        let found =
            self.store.peek(move |tx| rows::session(tx, &asked.0, &asked.1, &asked.2)).await?;
        let found = found.ok_or_else(unknown)?;
        let definition = self.shelf.get(&self.store, &found.definition).await?;
        let now = self.clock.wall();
        let take = {
            let definition = Arc::clone(&definition);
            move |kept| taken(&definition, kept, now, &step, &place)
        };
        // What is refused does not get to the one writer that everybody waits for.
        take(found)?;
        let kept = self
            .store
            .write(move |tx| -> Result<_, Problem> {
                let found = rows::session(tx, &tenant, &subject, &id)?;
                let kept = take(found.ok_or_else(unknown)?)?;
                rows::update(tx, &kept)?;
                Ok(kept)
            })
            .await?;
        Ok(Json(self.describe(&kept, &resume(&definition, &kept)?)?))
    }

    /// A session as every route shows it.
    fn describe(&self, kept: &Kept, session: &Session<'_>) -> Result<Value, Problem> {
        let today = day::of(self.clock.wall());
        let definition = session.definition();
        let progress = session.progress();
        let answers = Value::Object(session.answers().to_json());
        let question = session.current().map(|question| question.describe(today));
        let mut shown = json!({
            "session_id": kept.id,
            "wizard_id": definition.id,
            "wizard_title": definition.title,
            "wizard_version": definition.version,
            "status": kept.state.as_str(),
            "completed": question.is_none(),
            "current_step": (progress.completed + 1).min(progress.total),
            "total_steps": progress.total,
            "question": question,
            "progress": progress,
            "answers": answers,
            "user": kept.label,
            "metadata": read(&kept.metadata)?,
            "started_at": kept.started_at,
            "updated_at": kept.updated_at,
            "completed_at": kept.completed_at,
        });
        if let Some(plan) = &kept.plan {
            shown["summary"] = json!({
                "wizard_id": definition.id,
                "wizard_title": definition.title,
                "answers": shown["answers"],
                "started_at": kept.started_at,
                "completed_at": kept.completed_at,
            });
            shown["execution_plan"] = read(plan)?;
            shown["workflow_id"] = json!(kept.workflow);
            shown["approved_at"] = json!(kept.approved_at);
            if kept.state == Stage::Completed {
                let at = |step: &str| format!("/v1/wizards/{}/{step}", kept.id);
                shown["next_steps"] = json!({
                    "action": "approve_and_execute",
                    "endpoints": {"approve": at("approve"), "modify": at("modify")},
                });
            }
        }
        Ok(shown)
    }
}

/// A session after a step.
fn taken(
    definition: &Definition,
    mut kept: Kept,
    now: Timestamp,
    step: &dyn Fn(&mut Session<'_>, Date) -> Result<(), Refusal>,
    place: &dyn Fn(Option<&str>) -> String,
) -> Result<Kept, Problem> {
    changeable(&kept)?;
    let mut session = resume(definition, &kept)?;
    let today = day::of(now);
    step(&mut session, today).map_err(|error| refusal(&error, place))?;
    kept.answers = Value::Object(session.answers().to_json()).to_string();
    kept.updated_at = now.to_string();
    if session.is_complete() {
        let plan_id = format!("plan-{}", id::uuid(now).simple());
        let plan = session.plan(plan_id, today).map_err(|error| refusal(&error, place))?;
        let plan = serde_json::to_string(&plan).map_err(|error| Problem::internal(&error))?;
        if plan.len() > LONGEST_PLAN {
            let detail = format!("the answers make a plan of more than {LONGEST_PLAN} bytes");
            return Err(Problem::unprocessable("wizard_plan_too_large", detail)
                .hint("shorten the longest answers"));
        }
        kept.plan = Some(plan);
        kept.state = Stage::Completed;
        kept.completed_at.get_or_insert_with(|| kept.updated_at.clone());
    }
    Ok(kept)
}

/// Nothing changes once a workflow works from it.
fn changeable(kept: &Kept) -> Result<(), Problem> {
    match kept.state {
        Stage::Open | Stage::Completed => Ok(()),
        Stage::Approved => Err(Problem::conflict(
            "wizard_approved",
            "the plan is approved: nothing changes any more",
        )
        .hint("start a new session")),
    }
}

fn resume<'d>(definition: &'d Definition, kept: &Kept) -> Result<Session<'d>, Problem> {
    let Value::Object(answers) = read(&kept.answers)? else {
        return Err(Problem::internal(&"the kept answers are no object"));
    };
    Session::resume(definition, &answers).map_err(|error| Problem::internal(&error))
}

fn read(text: &str) -> Result<Value, Problem> {
    serde_json::from_str(text).map_err(|error| Problem::internal(&error))
}

/// A step that a wizard refuses, as its client is told.
fn refusal(error: &Refusal, place: &dyn Fn(Option<&str>) -> String) -> Problem {
    let code = error.code().replace('.', "_");
    let (status, pointed) = match error {
        Refusal::Unfit { .. } => return Problem::internal(error),
        Refusal::NotCurrent { .. }
        | Refusal::NotYetAnswered { .. }
        | Refusal::Complete
        | Refusal::Incomplete { .. } => (StatusCode::CONFLICT, None),
        Refusal::UnknownQuestion { .. } | Refusal::Rule { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, None)
        }
        _ => (StatusCode::UNPROCESSABLE_ENTITY, Some(place(error.question()))),
    };
    let mut problem = Problem::new(status, &code, error.to_string());
    if let Some(pointer) = pointed {
        problem = problem.pointer(pointer);
    }
    match error.hint() {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// A name as a part of an RFC 6901 pointer.
fn pointed(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn unknown() -> Problem {
    Problem::not_found("unknown_wizard_session", "there is no such session of a wizard")
}
