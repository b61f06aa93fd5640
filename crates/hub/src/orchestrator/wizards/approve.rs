//! Approving a plan: the workflow that carries it out is started, together with the session's change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use seaworthy_store as store;
use seaworthy_wizard::{Plan, Session, day};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rows::{self, Kept, State as Stage};
use super::{USE, Wizards, resume, unknown};
use crate::auth::Caller;
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
    let plan: Plan = match (&kept.plan, kept.state) {
        (Some(plan), Stage::Completed | Stage::Approved) => {
            serde_json::from_str(plan).map_err(|error| Problem::internal(&error))?
        }
        _ => {
            let open = session.review(day::of(hub.clock.wall())).err();
            let open = open.unwrap_or(seaworthy_wizard::Error::Complete);
            return Err(super::refusal(&open, &|_| String::new()));
        }
    };
    if approval.plan_id.is_some_and(|seen| plan.plan_id != seen) {
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
    let mut next = kept.clone();
    next.state = Stage::Approved;
    next.workflow = Some(plan.plan_id.clone());
    next.updated_at = now.to_string();
    next.approved_at = Some(now.to_string());
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
    let started = hub.workflows.carry_out(&caller, &trail, &plan, also).await;
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
