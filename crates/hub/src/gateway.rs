//! The gateway role: the public face, which authenticates every request and passes it on.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::auth::Caller;
use crate::options::Role;
use crate::orchestrator::{self, Message, Start};
use crate::peer::{Client, Trail};
use crate::problem::{Body, Problem};
use crate::server::{Context, Error, Part};

mod forward;

use forward::{Call, Forward};

/// What the role's routes share.
#[derive(Clone, Debug)]
struct Gateway {
    orchestrator: Client,
    memory: Client,
    policy: Client,
    forward: Forward,
}

/// What a session is created with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSession {
    prompt: String,
    #[serde(default)]
    capsule_id: Option<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

/// Opens the role.
pub(crate) async fn start(context: &Context) -> Result<Part, Error> {
    let identity = context.peer(Role::Identity)?;
    let gateway = Gateway {
        orchestrator: context.peer(Role::Orchestrator)?,
        memory: context.peer(Role::Memory)?,
        policy: context.peer(Role::Policy)?,
        forward: Forward {
            deadline: context.options.limits.peer_timeout,
            stop: context.stop.clone(),
        },
    };
    let needs = vec![identity.clone(), gateway.orchestrator.clone()];
    let routes = Router::new()
        .route("/v1/status", get(status))
        .route("/v1/sessions", post(create))
        .route("/v1/sessions/message", post(message))
        .route("/v1/session/message", post(message))
        .route("/v1/sessions/{id}", get(read))
        .route("/v1/sessions/{id}/turns", get(read))
        .route("/v1/sessions/{id}/events", get(read))
        .route("/v1/remember", post(to_memory))
        .route("/v1/rag/retrieve", post(to_memory))
        .route("/v1/recall/{*key}", get(recall).delete(recall))
        .route("/v1/evaluate", post(to_policy))
        .with_state(gateway);
    Ok(Part { routes, authenticator: context.authenticator(&identity), store: None, needs })
}

async fn status(caller: Caller, State(gateway): State<Gateway>) -> Json<Value> {
    let state = match gateway.orchestrator.reach().await {
        Ok(()) => "ready",
        Err(_) => "degraded",
    };
    Json(json!({
        "service": Role::Gateway.service(),
        "state": state,
        "version": env!("CARGO_PKG_VERSION"),
        "tenant": caller.tenant,
        "user": caller.subject,
        "capabilities": caller.capabilities,
    }))
}

async fn create(
    caller: Caller,
    trail: Trail,
    State(gateway): State<Gateway>,
    Body(body): Body<NewSession>,
) -> Result<Response, Problem> {
    caller.require(orchestrator::WRITE)?;
    let start = Start {
        tenant: Some(caller.tenant),
        user: Some(caller.subject),
        prompt: body.prompt,
        capsule_id: body.capsule_id,
        metadata: body.metadata,
    };
    let payload: Value = gateway.orchestrator.post(&trail, "/v1/sessions/start", &start).await?;
    let created = json!({
        "session_id": payload["session_id"],
        "status": payload["status"],
        "payload": payload,
    });
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

async fn message(
    caller: Caller,
    trail: Trail,
    State(gateway): State<Gateway>,
    uri: Uri,
    headers: HeaderMap,
    Body(body): Body<Message>,
) -> Result<Response, Problem> {
    caller.require(orchestrator::WRITE)?;
    let body = serde_json::to_vec(&body).map_err(|error| Problem::internal(&error))?.into();
    let (method, target, path) = (Method::POST, "/v1/conversation/step", uri.path());
    let call = Call { trail: &trail, method, target, path, headers: &headers, body };
    gateway.forward.send(&gateway.orchestrator, call).await
}

async fn read(
    caller: Caller,
    trail: Trail,
    State(gateway): State<Gateway>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(orchestrator::READ)?;
    gateway.pass(&gateway.orchestrator, &trail, Method::GET, &uri, &headers, Bytes::new()).await
}

async fn recall(
    _: Caller,
    trail: Trail,
    State(gateway): State<Gateway>,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    gateway.pass(&gateway.memory, &trail, method, &uri, &headers, Bytes::new()).await
}

async fn to_memory(
    _: Caller,
    trail: Trail,
    State(gateway): State<Gateway>,
    uri: Uri,
    headers: HeaderMap,
    Body(body): Body<Box<RawValue>>,
) -> Result<Response, Problem> {
    gateway.pass(&gateway.memory, &trail, Method::POST, &uri, &headers, text(body)).await
}

async fn to_policy(
    _: Caller,
    trail: Trail,
    State(gateway): State<Gateway>,
    uri: Uri,
    headers: HeaderMap,
    Body(body): Body<Box<RawValue>>,
) -> Result<Response, Problem> {
    gateway.pass(&gateway.policy, &trail, Method::POST, &uri, &headers, text(body)).await
}

impl Gateway {
    /// Passes a request on under its own path: every role spells these routes as the gateway does.
    async fn pass(
        &self,
        peer: &Client,
        trail: &Trail,
        method: Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response, Problem> {
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let call = Call { trail, method, target, path: uri.path(), headers, body };
        self.forward.send(peer, call).await
    }
}

/// The body as it was sent, to the last digit.
fn text(body: Box<RawValue>) -> Bytes {
    Bytes::from(Box::<str>::from(body).into_string())
}
