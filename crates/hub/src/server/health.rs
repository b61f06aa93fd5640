//! What probes and scrapers ask: `/live`, `/ready`, `/health`, `/startup` and `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::join_all;
use http::{StatusCode, header};
use seaworthy_store::{self as store, Store};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::metrics::{self, Metrics};
use crate::options::Role;
use crate::peer;

/// What readiness depends on.
#[derive(Clone)]
pub(super) struct Vitals {
    pub(super) role: Role,
    pub(super) metrics: Metrics,
    pub(super) store: Option<Store>,
    pub(super) needs: Arc<[peer::Client]>,
    pub(super) stop: CancellationToken,
}

#[derive(Serialize)]
struct Report {
    status: &'static str,
    service: &'static str,
    role: Role,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<String>>,
}

pub(super) fn routes(vitals: Vitals) -> Router {
    Router::new()
        .route("/live", get(alive))
        .route("/startup", get(alive))
        .route("/ready", get(ready))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .with_state(vitals)
}

impl Vitals {
    async fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.stop.is_cancelled() {
            reasons.push("stopping".to_owned());
        }
        match self.store.as_ref().map(Store::state) {
            None | Some(store::State::Serving) => {}
            Some(store::State::Failed(reason)) => {
                reasons.push(format!("the store has failed: {reason}"));
            }
            // Why not stands in the log: it may name users and hosts, and anyone may ask here.
            Some(store::State::Unavailable(_)) => {
                reasons.push("the database cannot be reached".to_owned());
            }
        }
        let reached = join_all(self.needs.iter().map(peer::Client::reach)).await;
        reasons.extend(reached.into_iter().filter_map(Result::err));
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
async fn ready(State(vitals): State<Vitals>) -> Response {
    let reasons = vitals.reasons().await;
    if reasons.is_empty() {
        vitals.report("ready", Some(reasons)).into_response()
    } else {
        let report = vitals.report("unready", Some(reasons));
        (StatusCode::SERVICE_UNAVAILABLE, report).into_response()
    }
}

/// The same findings with status 200: a restart would not bring a peer back.
async fn health(State(vitals): State<Vitals>) -> Json<Report> {
    let reasons = vitals.reasons().await;
    let status = if reasons.is_empty() { "ok" } else { "degraded" };
    vitals.report(status, Some(reasons))
}

async fn metrics(State(vitals): State<Vitals>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], vitals.metrics.encode())
}
