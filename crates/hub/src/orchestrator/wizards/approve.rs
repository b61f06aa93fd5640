//! Approving a plan: the workflow that carries it out is started, together with the session's change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use seaworthy_store as store;
use seaworthy_wizard::{Answer, Session, day};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::rows::{self, Kept, State as Stage};
use super::{USE, Wizards, read, resume, unknown};
use crate::auth::Caller;
use crate::orchestrator::flows::marketing::Campaign;
use crate::orchestrator::workflows::check_starter;
use crate::peer::Trail;
use crate::problem::{Body, Path, Problem};

/// Which plan is approved.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approval {
    /// The plan that was seen. With it, a plan that was changed meanwhile is not approved unseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan_id: Option<String>,
}

/// The longest entry of a campaign's goals, in bytes.
const LONGEST_GOAL: usize = 1_000;
/// The most goals of a campaign.
const MOST_GOALS: usize = 20;

pub(super) async fn approve(
    caller: Caller,
    trail: Trail,
    State(hub): State<Wizards>,
    Path(id): Path<String>,
    approval: Option<Body<Approval>>,
) -> Result<Json<Value>, Problem> {
    caller.require(USE)?;
    check_starter(&caller)?;
    let approval = approval.map(|Body(approval)| approval).unwrap_or_default();
    let (tenant, subject) = (caller.tenant.clone(), caller.subject.clone());
    let found = hub.store.read(move |tx| rows::session(tx, &tenant, &subject, &id)).await?;
    let kept = found.ok_or_else(unknown)?;
    let definition = hub.shelf.get(&hub.store, &kept.definition).await?;
    let session = resume(&definition, &kept)?;
    let plan = match (&kept.plan, kept.state) {
        (Some(plan), Stage::Completed | Stage::Approved) => read(plan)?,
        _ => {
            let open = session.review(day::of(hub.clock.wall())).err();
            let open = open.unwrap_or(seaworthy_wizard::Error::Complete);
            return Err(super::refusal(&open, &|_| String::new()));
        }
    };
    if approval.plan_id.is_some_and(|seen| plan["plan_id"] != seen) {
        return Err(Problem::conflict("wizard_plan_changed", "the plan is another by now")
            .pointer("/plan_id")
            .hint("look at the session's `execution_plan`, and approve of that"));
    }
    if kept.state == Stage::Approved {
        return Ok(Json(approved(&hub, &kept, &session)?));
    }
    let now = hub.clock.wall();
    if let Err(error) = session.review(day::of(now)) {
        return Err(Problem::conflict("wizard_plan_outdated", error.to_string()).hint(
            "the day has moved on: change the answers with modify, and look at the new plan",
        ));
    }
    let campaign = campaign(&session, &plan);
    let mut next = kept.clone();
    next.state = Stage::Approved;
    next.workflow = Some(format!("marketing-{}", plan["plan_id"].as_str().unwrap_or(&kept.id)));
    next.updated_at = now.to_string();
    next.approved_at = Some(now.to_string());
    let id = next.workflow.clone().unwrap_or_default();
    let moved = Arc::new(AtomicBool::new(false));
    let (row, seen) = (next.clone(), Arc::clone(&moved));
    let also = move |tx: &mut store::Tx<'_>| {
        // Only the plan that was read: who modifies at the same time makes another.
        let still = rows::session(tx, &row.tenant, &row.subject, &row.id)?;
        if still.is_some_and(|still| still.state == Stage::Completed && still.plan == row.plan) {
            return rows::update(tx, &row);
        }
        seen.store(true, Ordering::SeqCst);
        Err(store::Error::Value { parameter: 0, reason: "the session has changed" })
    };
    let started = hub.workflows.campaign(&caller, &trail, id, campaign, also).await;
    if moved.load(Ordering::SeqCst) {
        return Err(Problem::conflict("wizard_plan_changed", "the session has changed meanwhile")
            .hint("look at the session's `execution_plan`, and approve of that"));
    }
    started?;
    Ok(Json(approved(&hub, &next, &session)?))
}

/// The session with what became of its plan.
fn approved(hub: &Wizards, kept: &Kept, session: &Session<'_>) -> Result<Value, Problem> {
    let mut shown = hub.describe(kept, session)?;
    shown["execution_status"] = json!("queued");
    Ok(shown)
}

/// The campaign that a plan asks for. The plan goes along as it was shown.
fn campaign(session: &Session<'_>, plan: &Value) -> Campaign {
    let answers = session.answers();
    let text = |question: &str| match answers.get(question) {
        Some(answer @ (Answer::Text(_) | Answer::List(_))) => answer.to_text(),
        _ => String::new(),
    };
    let list = |question: &str| match answers.get(question) {
        Some(Answer::List(entries)) => entries.clone(),
        _ => Vec::new(),
    };
    let mut goals = Vec::new();
    let kind = text("campaign_type");
    if !kind.is_empty() {
        goals.push(kind.replace('_', " "));
    }
    let metrics = list("success_metrics");
    if !metrics.is_empty() {
        goals.push(format!("measured by {}", metrics.join(", ")));
    }
    for line in text("key_messages").lines().map(str::trim).filter(|line| !line.is_empty()) {
        goals.extend(pieces(line, LONGEST_GOAL).map(str::to_owned));
    }
    goals.truncate(MOST_GOALS);
    let voice = text("brand_voice");
    Campaign {
        campaign_name: plan["campaign_name"].as_str().unwrap_or_default().to_owned(),
        target_audience: text("target_audience"),
        budget: match answers.get("budget") {
            Some(Answer::Number(budget)) => *budget,
            _ => 0.0,
        },
        campaign_goals: goals,
        channels: list("channels"),
        tone: (!voice.is_empty()).then_some(voice),
        approval_required: answers.get("approval_required") == Some(&Answer::Truth(true)),
        metadata: Map::from_iter([
            ("launch_date".to_owned(), plan["launch_date"].clone()),
            ("plan".to_owned(), plan.clone()),
        ]),
        ..Campaign::default()
    }
}

/// A text in pieces of at most so many bytes.
fn pieces(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let piece = &rest[..rest.floor_char_boundary(most)];
        rest = &rest[piece.len()..];
        (!piece.is_empty()).then_some(piece)
    })
}
