//! What probes, scrapers and tools ask: `/live`, `/ready`, `/health`, `/startup`, `/metrics`,
//! `/circuits` and `/openapi.json`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{StatusCode, header};
use schemars::JsonSchema;
use seaworthy_resilience::dependency::Snapshot;
use seaworthy_store::{self as store, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Ailment;
use crate::api::{self, Operation, Routes};
use crate::metrics::{self, Metrics};
use crate::options::Role;
use crate::peer;
use crate::problem::Query;

/// What readiness depends on.
#[derive(Clone)]
pub(super) struct Vitals {
    pub(super) role: Role,
    pub(super) metrics: Metrics,
    pub(super) store: Option<Store>,
    pub(super) needs: Arc<[peer::Client]>,
    pub(super) ailment: Option<Ailment>,
    pub(super) circuits: peer::Circuits,
    pub(super) stop: CancellationToken,
}

/// What a probe asks about.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Probe {
    /// Asks only what keeps even reads from being served by this role itself: neither a store that
    /// refuses writes nor the roles that it calls count.
    #[serde(default)]
    reads: bool,
}

#[derive(Serialize, JsonSchema)]
struct Report {
    status: &'static str,
    service: &'static str,
    role: Role,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<String>>,
}

#[derive(Serialize, JsonSchema)]
struct Dependencies {
    service: &'static str,
    role: Role,
    #[schemars(with = "Vec<Value>")]
    circuits: Vec<Snapshot>,
}

/// A role's own routes and those that every role has.
pub(super) fn routes(own: Routes, vitals: Vitals) -> Router {
    let role = vitals.role;
    let probe = |summary| Operation::new(summary).open().answers::<Report>(200);
    let routes = Routes::new()
        .get("/live", alive, probe("Whether the process answers"))
        .get("/startup", alive, probe("Whether it has started"))
        .get(
            "/ready",
            ready,
            probe("Whether requests can be served").query::<Probe>().answers::<Report>(503),
        )
        .get("/health", health, probe("What keeps requests from being served"))
        .get(
            "/metrics",
            metrics,
            Operation::new("What the role counts").open().answers_with(200, metrics::MEDIA_TYPE),
        )
        .get(
            "/circuits",
            circuits,
            Operation::new("How the roles that this one calls stand")
                .open()
                .answers::<Dependencies>(200),
        )
        .with_state(vitals);
    let described = Routes::new().get(
        api::PATH,
        describe,
        Operation::new("This document").open().answers::<Value>(200),
    );
    let (described, entry) = described.into_parts();
    let (router, mut entries) = own.merge(routes).into_parts();
    entries.extend(entry);
    let document = Bytes::from(api::describe(role, &entries).to_string());
    router.merge(described.with_state(document))
}

async fn describe(State(document): State<Bytes>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document)
}

impl Vitals {
    async fn reasons(&self, reads: bool) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.stop.is_cancelled() {
            reasons.push("stopping".to_owned());
        }
        match self.store.as_ref().map(Store::state) {
            None | Some(store::State::Serving) => {}
            Some(store::State::Failed(reason)) => {
                if !reads {
                    reasons.push(format!("the store has failed: {reason}"));
                }
            }
            // Why not stands in the log: it may name users and hosts, and anyone may ask here.
            Some(store::State::Unavailable(_)) => {
                reasons.push("the database cannot be reached".to_owned());
            }
        }
        reasons.extend(self.ailment.as_ref().and_then(|ailment| ailment()));
        if !reads {
            let reached = join_all(self.needs.iter().map(peer::Client::reach)).await;
            reasons.extend(reached.into_iter().filter_map(Result::err));
        }
        reasons
    }

    fn report(&self, status: &'static str, reasons: Option<Vec<String>>) -> Json<Report> {
        Json(Report {
            status,
            service: self.role.service(),
            role: self.role,
            version: env!("CARGO_PKG_VERSION"),
            reasons,
        })
    }
}

/// The process answers. Data is opened before anything is served, so having started is the same.
async fn alive(State(vitals): State<Vitals>) -> Json<Report> {
    vitals.report("ok", None)
}

/// 503 with reasons while requests would fail.
async fn ready(State(vitals): State<Vitals>, Query(probe): Query<Probe>) -> Response {
    let reasons = vitals.reasons(probe.reads).await;
    if reasons.is_empty() {
        vitals.report("ready", Some(reasons)).into_response()
    } else {
        let report = vitals.report("unready", Some(reasons));
        (StatusCode::SERVICE_UNAVAILABLE, report).into_response()
    }
}

/// The same findings with status 200: a restart would not bring a peer back.
async fn health(State(vitals): State<Vitals>) -> Json<Report> {
    let reasons = vitals.reasons(false).await;
    let status = if reasons.is_empty() { "ok" } else { "degraded" };
    vitals.report(status, Some(reasons))
}

async fn metrics(State(vitals): State<Vitals>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], vitals.metrics.encode())
}

/// How the roles stand that this one calls.
async fn circuits(State(vitals): State<Vitals>) -> Json<Dependencies> {
    let (service, role) = (vitals.role.service(), vitals.role);
    Json(Dependencies { service, role, circuits: vitals.circuits.snapshots() })
}
