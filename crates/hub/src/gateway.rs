//! The gateway role: the public face, which authenticates every request and passes it on.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use seaworthy_store::Part as Schema;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::api::{Operation, Routes};
use crate::auth::Caller;
use crate::constitution::{Bundle, Summary, TenantHash, Validation};
use crate::identity::{KILL_SWITCH, SwitchState, SwitchTurn};
use crate::memory::{self, Remember, Retrieve, Retrieved};
use crate::moderation::{self, Moderation};
use crate::options::Role;
use crate::orchestrator::{self, EVENTS, Listing, Message, Reading, Start};
use crate::peer::{Client, Trail};
use crate::policy;
use crate::problem::{Body, Problem};
use crate::server::{Context, Error, Part};

mod forward;
mod wizards;

use forward::{Asked, Call, Forward};

/// What the role's routes share.
#[derive(Clone)]
struct Gateway {
    identity: Client,
    orchestrator: Client,
    memory: Client,
    policy: Client,
    forward: Forward,
    moderation: Moderation,
}

/// What a session is created with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewSession {
    /// What the session is about.
    prompt: String,
    /// The capsule it is for.
    #[serde(default)]
    capsule_id: Option<String>,
    /// Anything the caller wants back with it.
    #[serde(default)]
    metadata: Map<String, Value>,
}

/// Opens the role.
pub(crate) async fn start(context: &Context) -> Result<Part, Error> {
    let store = context.store(&[Schema::own(moderation::MIGRATIONS)]).await?;
    let identity = context.peer(Role::Identity)?;
    let gateway = Gateway {
        identity: identity.clone(),
        orchestrator: context.peer(Role::Orchestrator)?,
        memory: context.peer(Role::Memory)?,
        policy: context.peer(Role::Policy)?,
        forward: Forward {
            deadline: context.options.limits.peer_timeout,
            stop: context.stop.clone(),
        },
        moderation: Moderation::open(context, store.clone()).await?,
    };
    let needs = vec![identity.clone(), gateway.orchestrator.clone()];
    Ok(Part {
        routes: sessions().merge(others()).merge(wizards::routes()).with_state(gateway),
        authenticator: context.authenticator(&identity),
        store: Some(store),
        needs,
        ailment: None,
    })
}

fn sessions() -> Routes<Gateway> {
    let say = || {
        Operation::new("Say something in a session")
            .needs(orchestrator::WRITE)
            .body::<Message>()
            .header("Idempotency-Key", "Repeating the request under it does nothing twice")
            .answers::<Value>(200)
    };
    Routes::new()
        .get("/v1/status", status, Operation::new("Who asks, and whom").answers::<Value>(200))
        .post(
            "/v1/sessions",
            create,
            Operation::new("Start a session")
                .needs(orchestrator::WRITE)
                .body::<NewSession>()
                .answers::<Value>(201),
        )
        .post("/v1/sessions/message", message, say())
        .post("/v1/session/message", message, say())
        .get(
            "/v1/sessions/{id}",
            read,
            Operation::new("A session").needs(orchestrator::READ).answers::<Value>(200),
        )
        .get(
            "/v1/sessions/{id}/turns",
            read,
            Operation::new("A session's turns")
                .needs(orchestrator::READ)
                .query::<Listing>()
                .answers::<Value>(200),
        )
        .get(
            "/v1/sessions/{id}/events",
            read,
            Operation::new("A session's events, as a stream or as a page")
                .needs(orchestrator::READ)
                .query::<Reading>()
                .header("Last-Event-ID", "The last event that was seen")
                .answers_with(200, EVENTS),
        )
}

fn others() -> Routes<Gateway> {
    Routes::new()
        .post(
            "/v1/remember",
            to_memory,
            Operation::new("Remember a text under a key")
                .needs(memory::WRITE)
                .body::<Remember>()
                .answers::<Remember>(200)
                .answers::<Remember>(201),
        )
        .post(
            "/v1/rag/retrieve",
            to_memory,
            Operation::new("What is remembered about a question")
                .needs(memory::READ)
                .body::<Retrieve>()
                .answers::<Retrieved>(200),
        )
        .get(
            "/v1/recall/{*key}",
            recall,
            Operation::new("The text under a key").needs(memory::READ).answers::<Value>(200),
        )
        .delete(
            "/v1/recall/{*key}",
            recall,
            Operation::new("Forget the text under a key").needs(memory::WRITE).answers_nothing(204),
        )
        .post(
            "/v1/evaluate",
            to_policy,
            Operation::new("Judge a prompt by its tenant's rules")
                .needs(policy::EVALUATE)
                .body::<policy::Question>()
                .answers::<policy::Answer>(200),
        )
        .get(
            "/v1/constitution",
            constitution,
            Operation::new("The constitution in force").open().answers::<Summary>(200),
        )
        .get(
            "/v1/constitution/{tenant}",
            constitution_of,
            Operation::new("The signed bundle a tenant is under").answers::<Bundle>(200),
        )
        .get(
            "/v1/constitution/{tenant}/hash",
            constitution_of,
            Operation::new("The hash that a tenant's tokens carry").answers::<TenantHash>(200),
        )
        .post(
            "/v1/constitution/validate",
            to_policy,
            Operation::new("Check a bundle against the trusted key")
                .body::<Bundle>()
                .answers::<Validation>(200),
        )
        .get(
            KILL_SWITCH,
            kill_switch,
            Operation::new("Whether all work is stopped").answers::<SwitchState>(200),
        )
        .put(
            KILL_SWITCH,
            turn_kill_switch,
            Operation::new("Stop all work, or let it go on; for the platform's operators")
                .administrator()
                .body::<SwitchTurn>()
                .answers::<SwitchState>(200),
        )
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
    caller: Result<Caller, Problem>,
    trail: Trail,
    State(gateway): State<Gateway>,
    Body(body): Body<NewSession>,
) -> Result<Response, Problem> {
    let caller = gateway.let_in(caller)?;
    caller.require(orchestrator::WRITE)?;
    let moderation = gateway.moderation.check(&caller, &body.prompt).await?;
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
        "moderation": moderation,
        "payload": payload,
    });
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

async fn message(
    caller: Result<Caller, Problem>,
    asked: Asked,
    State(gateway): State<Gateway>,
    Body(body): Body<Message>,
) -> Result<Response, Problem> {
    let caller = gateway.let_in(caller)?;
    caller.require(orchestrator::WRITE)?;
    gateway.moderation.check(&caller, &body.message).await?;
    let body = serde_json::to_vec(&body).map_err(|error| Problem::internal(&error))?.into();
    let (method, target) = (Method::POST, "/v1/conversation/step");
    let call = Call { asked: &asked, method, target, body };
    gateway.forward.send(&gateway.orchestrator, call).await
}

async fn read(
    caller: Caller,
    asked: Asked,
    State(gateway): State<Gateway>,
) -> Result<Response, Problem> {
    caller.require(orchestrator::READ)?;
    gateway.pass(&gateway.orchestrator, Method::GET, &asked, Bytes::new()).await
}

async fn recall(
    _: Caller,
    asked: Asked,
    State(gateway): State<Gateway>,
    method: Method,
) -> Result<Response, Problem> {
    gateway.pass(&gateway.memory, method, &asked, Bytes::new()).await
}

async fn to_memory(
    _: Caller,
    asked: Asked,
    State(gateway): State<Gateway>,
    Body(body): Body<Box<RawValue>>,
) -> Result<Response, Problem> {
    gateway.pass(&gateway.memory, Method::POST, &asked, text(body)).await
}

async fn to_policy(
    _: Caller,
    asked: Asked,
    State(gateway): State<Gateway>,
    Body(body): Body<Box<RawValue>>,
) -> Result<Response, Problem> {
    gateway.pass(&gateway.policy, Method::POST, &asked, text(body)).await
}

async fn constitution(asked: Asked, State(gateway): State<Gateway>) -> Result<Response, Problem> {
    gateway.pass(&gateway.policy, Method::GET, &asked, Bytes::new()).await
}

async fn constitution_of(
    _: Caller,
    asked: Asked,
    State(gateway): State<Gateway>,
) -> Result<Response, Problem> {
    gateway.pass(&gateway.policy, Method::GET, &asked, Bytes::new()).await
}

async fn kill_switch(
    _: Caller,
    asked: Asked,
    State(gateway): State<Gateway>,
) -> Result<Response, Problem> {
    gateway.pass(&gateway.identity, Method::GET, &asked, Bytes::new()).await
}

/// Identity looks who this is: the admin credential is not for others to see through.
async fn turn_kill_switch(
    asked: Asked,
    State(gateway): State<Gateway>,
    Body(body): Body<Box<RawValue>>,
) -> Result<Response, Problem> {
    gateway.pass(&gateway.identity, Method::PUT, &asked, text(body)).await
}

impl Gateway {
    /// The caller, if it may begin something; who is stopped by the kill switch is counted.
    fn let_in(&self, caller: Result<Caller, Problem>) -> Result<Caller, Problem> {
        caller.inspect_err(|problem| {
            if problem.code == "hub.kill_switch" {
                self.moderation.count("", "kill_switch");
            }
        })
    }

    /// Passes a request on under its own path: every role spells these routes as the gateway does.
    async fn pass(
        &self,
        peer: &Client,
        method: Method,
        asked: &Asked,
        body: Bytes,
    ) -> Result<Response, Problem> {
        let call = Call { asked, method, target: asked.target(), body };
        self.forward.send(peer, call).await
    }
}

/// The body as it was sent, to the last digit.
fn text(body: Box<RawValue>) -> Bytes {
    Bytes::from(Box::<str>::from(body).into_string())
}
