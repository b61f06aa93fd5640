//! Wizards at the gateway: every route under both of its spellings, passed on to the orchestrator.

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use serde_json::value::RawValue;

use super::forward::{Asked, Call};
use super::{Gateway, text};
use crate::api::{Operation, Routes};
use crate::auth::Caller;
use crate::orchestrator::wizards::{Approval, Begin, Changes, Given, START_WORKFLOW, USE};
use crate::problem::{Body, Problem};

/// The routes. `/wizard/...` is how the first scripts spell them.
pub(super) fn routes() -> Routes<Gateway> {
    let list = || Operation::new("The wizards there are").needs(USE).answers::<Value>(200);
    let show = || Operation::new("How far a wizard's session is").needs(USE).answers::<Value>(200);
    let begin =
        || Operation::new("Begin a wizard").needs(USE).body::<Begin>().answers::<Value>(200);
    let answer = || {
        Operation::new("Answer the current question")
            .needs(USE)
            .body::<Given>()
            .answers::<Value>(200)
    };
    let modify = || {
        Operation::new("Change earlier answers").needs(USE).body::<Changes>().answers::<Value>(200)
    };
    let approve = || {
        Operation::new("Approve the plan: its workflow is started")
            .needs(USE)
            .needs(START_WORKFLOW)
            .body::<Approval>()
            .may_be_empty()
            .answers::<Value>(200)
    };
    Routes::new()
        .get("/v1/wizards", read, list())
        .post("/v1/wizards/start", write, begin())
        .post("/wizard/start", write, begin())
        .get("/v1/wizards/{id}", read, show())
        .get("/wizard/{id}", read, show())
        .post("/v1/wizards/{id}/answer", write, answer())
        .post("/wizard/{id}/answer", write, answer())
        .post("/v1/wizards/{id}/modify", write, modify())
        .post("/wizard/{id}/modify", write, modify())
        .post("/v1/wizards/{id}/approve", approval, approve())
        .post("/wizard/{id}/approve", approval, approve())
}

async fn read(
    caller: Caller,
    asked: Asked,
    State(gateway): State<Gateway>,
) -> Result<Response, Problem> {
    caller.require(USE)?;
    pass(&gateway, Method::GET, &asked, Bytes::new()).await
}

async fn write(
    caller: Result<Caller, Problem>,
    asked: Asked,
    State(gateway): State<Gateway>,
    Body(body): Body<Box<RawValue>>,
) -> Result<Response, Problem> {
    gateway.let_in(caller)?.require(USE)?;
    pass(&gateway, Method::POST, &asked, text(body)).await
}

/// As [`write`], with a body that may be left out.
async fn approval(
    caller: Result<Caller, Problem>,
    asked: Asked,
    State(gateway): State<Gateway>,
    body: Option<Body<Box<RawValue>>>,
) -> Result<Response, Problem> {
    gateway.let_in(caller)?.require(USE)?;
    let body = body.map_or_else(Bytes::new, |Body(body)| text(body));
    pass(&gateway, Method::POST, &asked, body).await
}

/// Passes a request on under the orchestrator's spelling of its path.
async fn pass(
    gateway: &Gateway,
    method: Method,
    asked: &Asked,
    body: Bytes,
) -> Result<Response, Problem> {
    let target = match asked.path().strip_prefix("/wizard/") {
        Some(rest) => format!("/v1/wizards/{rest}"),
        None => asked.path().to_owned(),
    };
    let call = Call { asked, method, target: &target, body };
    gateway.forward.send(&gateway.orchestrator, call).await
}
