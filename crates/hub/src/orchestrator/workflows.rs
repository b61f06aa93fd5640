//! The routes of workflows: started, looked at, steered, and what they made.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use schemars::JsonSchema;
use seaworthy_base::{Clock, id};
use seaworthy_store::Store;
use seaworthy_workflow::{
    self as workflow, Description, Engine, Event, Observer, OnEnd, Start, Started,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::flows::{self, Desk, PROGRESS, approval, plan};
use super::{REPLAYED, check_limit, check_sender, idempotency_key};
use crate::auth::{Authenticator, Caller};
use crate::memory;
use crate::moderation::Moderation;
use crate::options::Database;
use crate::peer::Trail;
use crate::problem::{Body, Path, Problem, Query};
use crate::server::{Context, Error};

mod begin;
mod errors;
mod planned;
pub(super) mod rows;
mod table;

pub(super) use planned::check_starter;
pub(super) use table::routes;

/// How long an orchestrator on PostgreSQL may be silent before another takes up its workflows.
const LEASE: Duration = Duration::from_secs(6);

/// The capability to see workflows and what they made.
pub(crate) const READ: &str = "workflow:read";
/// The capability to start workflows, to signal them and to ask them to stop.
pub(crate) const START: &str = "workflow:start";
/// The capability to approve of what a workflow made, or to reject it.
pub(crate) const APPROVE: &str = "workflow:approve";
/// The capability to end workflows on the spot.
pub(crate) const TERMINATE: &str = "workflow:terminate";

/// What the steps of workflows do in the name of whoever started them.
const NEEDED: [&str; 4] = [memory::READ, memory::WRITE, "policy:evaluate", "inference:use"];

/// What the routes share.
#[derive(Clone)]
pub(super) struct Workflows {
    engine: Engine,
    store: Store,
    clock: Clock,
    authenticator: Authenticator,
    moderation: Moderation,
}

/// A workflow that was started.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Begun {
    /// Its id.
    workflow_id: String,
    /// Its run's own id.
    run_id: String,
    /// `running`.
    status: &'static str,
}

/// Which workflows are listed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    /// Of this kind only.
    #[serde(default)]
    kind: Option<String>,
    /// In this state only.
    #[serde(default)]
    status: Option<String>,
    /// Older than the workflow of this run, the last of the page before.
    #[serde(default)]
    before: Option<String>,
    /// How many at most, 1 to 500.
    #[serde(default)]
    limit: Option<u32>,
}

/// Which part of a history is read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reading {
    /// From this entry on, counted from 0.
    #[serde(default)]
    from: u32,
    /// How many at most, 1 to 500.
    #[serde(default)]
    limit: Option<u32>,
}

/// Why a workflow is stopped.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// For people to read.
    #[serde(default)]
    reason: Option<String>,
}

/// A signal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signal {
    /// Its name.
    #[serde(alias = "signal")]
    name: String,
    /// What it says.
    #[serde(default)]
    payload: Value,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    kind: String,
    status: &'static str,
}

impl Workflows {
    /// Takes up what earlier processes left, and runs workflows until the service stops.
    pub(super) async fn open(
        context: &Context,
        store: Store,
        desk: &Desk,
        moderation: &Moderation,
    ) -> Result<Self, Error> {
        let role = context.role;
        let refuse = |source| Error::Store { role, source };
        let ended = context.metrics.register(
            "workflows_ended",
            "Workflows by how they ended",
            Family::<Ended, Counter>::default(),
        );
        let steps = context.metrics.register(
            "workflow_steps",
            "Steps of workflows that were done",
            Counter::<u64>::default(),
        );
        let observer = Observer::new(move |journaled| match &journaled.entry.event {
            Event::Step { .. } => drop(steps.inc()),
            Event::Closed { state, .. } => {
                let kind = journaled.kind.to_owned();
                ended.get_or_create(&Ended { kind, status: state.as_str() }).inc();
            }
            _ => {}
        });
        // A file has one process by its lock. A server's lock ends with a connection, while the process
        // that held it may go on for a moment: there only the lease tells.
        let alone = matches!(context.options.database, Database::Files);
        let options = workflow::Options {
            clock: context.clock.clone(),
            alone,
            lease: LEASE,
            observer: Some(observer),
            ending: Some(OnEnd::new(rows::revoke)),
            ..workflow::Options::default()
        };
        let service = workflow::Service::open(store.clone(), flows::registry(desk), options)
            .await
            .map_err(|error| match error {
                workflow::Error::Store(source) => refuse(source),
                other => refuse(seaworthy_store::Error::Failed(other.to_string().into())),
            })?;
        let engine = service.engine();
        context.spawn(service.run(context.stop.clone()));
        let (clock, authenticator) = (context.clock.clone(), desk.authenticator());
        let moderation = moderation.clone();
        Ok(Self { engine, store, clock, authenticator, moderation })
    }

    /// Refuses a decision of somebody who may not decide, that nobody waits for, or after which the
    /// workflow could not go on.
    async fn check_decision(
        &self,
        caller: &Caller,
        found: &Description,
        payload: &Value,
    ) -> Result<(), Problem> {
        let id = &found.workflow_id;
        let view = self.engine.query(&caller.tenant, id, PROGRESS).await.unwrap_or_default();
        let named = view["reviewers"].as_array().into_iter().flatten();
        let reviewers: Vec<String> = named.filter_map(Value::as_str).map(str::to_owned).collect();
        if !approval::may_decide(&found.subject, &reviewers, &caller.subject) {
            let detail = "whoever started a workflow cannot approve of it, nor can anyone who is not \
                          among its reviewers";
            return Err(Problem::forbidden("not_a_reviewer", detail));
        }
        let about = payload.get("review").filter(|review| !review.is_null());
        // A plan says when it waits; before its first word it does not.
        let waits = found.kind != plan::KIND || view["waits_for_approval"] == true;
        if !waits || about.is_some_and(|one| *one != view["review"]) {
            let detail = "the workflow does not wait for this decision now";
            return Err(Problem::conflict("no_decision_wanted", detail)
                .hint("its `get_progress` says when it does, and about what"));
        }
        if !self.has_good_grant(&caller.tenant, &found.run_id).await? {
            // It can go on in the name of whoever decides, or not at all.
            for capability in NEEDED {
                caller.require(capability).map_err(|problem| {
                    problem.hint(
                        "the token of whoever started it is no good any more, so it goes on in \
                         your name",
                    )
                })?;
            }
        }
        Ok(())
    }

    /// Why somebody stops a workflow: others read it.
    async fn said(&self, reason: Option<Body<Reason>>, caller: &Caller) -> Result<String, Problem> {
        let given = reason.and_then(|Body(reason)| reason.reason);
        let Some(given) = given else { return Ok(format!("asked for by {}", caller.subject)) };
        let value = Value::String(given.clone());
        begin::storable(&value)?;
        self.moderation.check_all(caller, &value).await?;
        Ok(given)
    }

    /// Whether what a workflow acts with holds. One that cannot be looked at now counts as good: its
    /// next step will find out.
    async fn has_good_grant(&self, tenant: &str, run: &str) -> Result<bool, Problem> {
        let asked = run.to_owned();
        let granted = self.store.peek(move |tx| rows::granted(tx, &asked)).await?;
        let Some(grant) = granted.filter(|grant| grant.authorization.is_some()) else {
            return Ok(true);
        };
        if grant.expires_at <= self.clock.wall() {
            return Ok(false);
        }
        let trail = Trail::in_the_name_of(grant.authorization.as_deref(), run);
        let Some(trail) = trail else { return Ok(false) };
        let verified = self.authenticator.verify(&trail, &grant.credential(tenant)).await;
        Ok(verified.map_or_else(|problem| problem.status >= 500, |_| true))
    }

    /// Lets a workflow act in this name, if the name is good for all it does, and for longer than what it
    /// acts with.
    async fn lend(&self, caller: &Caller, trail: &Trail, run: &str) -> Result<(), Problem> {
        let Some(authorization) = trail.authorization() else { return Ok(()) };
        if NEEDED.iter().any(|capability| caller.require(capability).is_err()) {
            return Ok(());
        }
        let good = self.has_good_grant(&caller.tenant, run).await?;
        let (run, authorization) = (run.to_owned(), Some(authorization.to_owned()));
        let grant = rows::Grant { authorization, expires_at: caller.expires_at };
        self.store
            .write(move |tx| {
                let better = rows::granted(tx, &run)?.is_some_and(|now| {
                    now.authorization.is_some() && (!good || now.expires_at < grant.expires_at)
                });
                if better { rows::grant(tx, &run, &grant) } else { Ok(()) }
            })
            .await
            .map_err(Problem::from)
    }
}

async fn show(
    caller: Caller,
    State(workflows): State<Workflows>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.require(READ)?;
    Ok(Json(workflows.engine.describe(&caller.tenant, &id).await?).into_response())
}

async fn list(
    caller: Caller,
    State(workflows): State<Workflows>,
    Query(listing): Query<Listing>,
) -> Result<Json<Value>, Problem> {
    caller.require(READ)?;
    let limit = check_limit(listing.limit)?;
    let status = listing.status.as_deref().map(str::parse).transpose();
    let state = status.map_err(|error: workflow::UnknownState| {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_status", error.to_string())
    })?;
    let listing = workflow::Listing { kind: listing.kind, state, before: listing.before, limit };
    let found = workflows.engine.list(&caller.tenant, listing).await?;
    let full = found.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full).map(|last| last.run_id.clone());
    Ok(Json(json!({"workflows": found, "next_before": next})))
}

async fn history(
    caller: Caller,
    State(workflows): State<Workflows>,
    Path(id): Path<String>,
    Query(reading): Query<Reading>,
) -> Result<Json<Value>, Problem> {
    caller.require(READ)?;
    let limit = check_limit(reading.limit)?;
    let first = u64::from(reading.from);
    let found = workflows.engine.history(&caller.tenant, &id, first, limit).await?;
    let full = found.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full).map(|last| last.sequence + 1);
    Ok(Json(json!({"workflow_id": id, "events": found, "next_from": next})))
}

async fn query(
    caller: Caller,
    State(workflows): State<Workflows>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    caller.require(READ)?;
    let mut answer = match workflows.engine.query(&caller.tenant, &id, &name).await {
        // Every workflow tells how far it is, also one that has nothing to add to that.
        Err(workflow::Error::UnknownQuery { .. }) if name == PROGRESS => json!({}),
        answer => answer?,
    };
    if name == PROGRESS {
        let found = workflows.engine.describe(&caller.tenant, &id).await?;
        let until = found.closed_at.unwrap_or_else(|| workflows.clock.wall());
        answer["progress_percentage"] = found.progress.into();
        answer["current_phase"] = found.phase.into();
        answer["started_at"] = found.started_at.to_string().into();
        answer["elapsed_seconds"] = until.since(found.started_at).as_secs_f64().into();
    }
    Ok(Json(answer))
}

async fn signal(
    caller: Caller,
    trail: Trail,
    State(workflows): State<Workflows>,
    Path(id): Path<String>,
    Body(Signal { name, payload }): Body<Signal>,
) -> Result<Response, Problem> {
    send(&workflows, caller, &trail, &id, &name, payload).await
}

async fn signal_by_name(
    caller: Caller,
    trail: Trail,
    State(workflows): State<Workflows>,
    Path((id, name)): Path<(String, String)>,
    Body(payload): Body<Value>,
) -> Result<Response, Problem> {
    send(&workflows, caller, &trail, &id, &name, payload).await
}

async fn send(
    workflows: &Workflows,
    caller: Caller,
    trail: &Trail,
    id: &str,
    name: &str,
    payload: Value,
) -> Result<Response, Problem> {
    let engine = &workflows.engine;
    caller.require(if name == approval::APPROVE { APPROVE } else { START })?;
    let found = engine.describe(&caller.tenant, id).await?;
    // What has ended hears nothing at all, and the engine says so.
    if found.status == workflow::State::Running {
        flows::check_signal(&found.kind, name, &payload)?;
        if name == approval::APPROVE {
            workflows.check_decision(&caller, &found, &payload).await?;
        }
        begin::storable(&payload)?;
        workflows.moderation.check_all(&caller, &payload).await?;
        // Before the signal: a workflow that has heard it must not lack what it goes on with.
        workflows.lend(&caller, trail, &found.run_id).await?;
    }
    let said = json!({"from": caller.subject, "payload": payload});
    engine.signal(&caller.tenant, id, name, &said).await?;
    accepted(json!({"workflow_id": id, "signal": name, "status": "accepted"}))
}

async fn cancel(
    caller: Caller,
    State(workflows): State<Workflows>,
    Path(id): Path<String>,
    reason: Option<Body<Reason>>,
) -> Result<Response, Problem> {
    caller.require(START)?;
    let reason = workflows.said(reason, &caller).await?;
    workflows.engine.cancel(&caller.tenant, &id, &reason).await?;
    accepted(json!({"workflow_id": id, "status": "canceling"}))
}

async fn terminate(
    caller: Caller,
    State(workflows): State<Workflows>,
    Path(id): Path<String>,
    reason: Option<Body<Reason>>,
) -> Result<Response, Problem> {
    caller.require(TERMINATE)?;
    let reason = workflows.said(reason, &caller).await?;
    workflows.engine.terminate(&caller.tenant, &id, &reason).await?;
    let found = workflows.engine.describe(&caller.tenant, &id).await?;
    Ok(Json(json!({"workflow_id": id, "status": found.status})).into_response())
}

async fn artifacts(
    caller: Caller,
    State(workflows): State<Workflows>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    caller.require(READ)?;
    let run = workflows.engine.describe(&caller.tenant, &id).await?.run_id;
    let found = workflows.store.peek(move |tx| rows::list(tx, &run)).await?;
    Ok(Json(json!({"workflow_id": id, "artifacts": found})))
}

async fn artifact(
    caller: Caller,
    State(workflows): State<Workflows>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    caller.require(READ)?;
    let run = workflows.engine.describe(&caller.tenant, &id).await?.run_id;
    let found = workflows.store.peek(move |tx| rows::artifact(tx, &run, &name)).await?;
    let found = found.ok_or_else(|| {
        Problem::not_found("unknown_artifact", "the workflow has made nothing of that name")
    })?;
    let media = HeaderValue::from_str(&found.media).map_err(|error| Problem::internal(&error))?;
    let headers = [
        (header::CONTENT_TYPE, media),
        // A drawing may hold what people wrote: it is shown, and nothing in it is run.
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, found.text).into_response())
}

fn accepted(document: Value) -> Result<Response, Problem> {
    Ok((StatusCode::ACCEPTED, Json(document)).into_response())
}
