//! The orchestrator role: sessions, their turns and events, and durable workflows.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use seaworthy_base::id;
use seaworthy_store::{self as store, Part as Schema, Store};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::api::{Operation, Routes};
use crate::auth::{Authenticator, Caller};
use crate::memory::{LONGEST_METADATA, LONGEST_VALUE};
use crate::moderation::{self, Moderation};
use crate::options::Role;
use crate::peer::Trail;
use crate::problem::{self, Body, Path, Problem, Query};
use crate::server::{Context, Error, Part};

mod events;
mod feed;
mod flight;
mod flows;
mod rows;
mod turn;
pub(crate) mod wizards;
mod workflows;

use events::Listener;
use flows::Desk;
use rows::{Outcome, Session};
use turn::{Step, Turns};
use workflows::Workflows;

/// The capability to read sessions, turns and events.
pub const READ: &str = "session:read";
/// The capability to start sessions and take turns.
pub const WRITE: &str = "session:write";

/// A prompt or message is at most this long, in bytes: it is stored as a memory.
pub const LONGEST_MESSAGE: usize = LONGEST_VALUE;

/// The header that names a request, so that repeating it does nothing twice.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header that says that an answer is an earlier request's.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

const LONGEST_KEY: usize = 255;
const LONGEST_CAPSULE: usize = 200;
const MOST_LISTED: u32 = 500;

/// What the role's routes share.
#[derive(Clone)]
struct Orchestrator {
    store: Store,
    turns: Turns,
    moderation: Moderation,
    authenticator: Authenticator,
    stop: CancellationToken,
}

/// What a session is started with.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The caller's tenant; another is refused.
    #[serde(default, alias = "tenant_id", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The caller; another is refused.
    #[serde(default, alias = "user_id", skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What the session is about.
    pub prompt: String,
    /// The capsule it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capsule_id: Option<String>,
    /// Anything the caller wants back with it.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

/// A message to a session.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The session.
    pub session_id: String,
    /// The caller's tenant; another is refused.
    #[serde(default, alias = "tenant_id", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The caller; another is refused.
    #[serde(default, alias = "user_id", skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What is said.
    #[serde(alias = "prompt")]
    pub message: String,
    /// Anything that goes along: kept with the message and shown to the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reading {
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    limit: Option<u32>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    #[serde(default)]
    after: u32,
    #[serde(default)]
    limit: Option<u32>,
}

/// Opens the role.
pub(crate) async fn start(context: &Context) -> Result<Part, Error> {
    let schemas = [
        Schema::own(rows::MIGRATIONS),
        seaworthy_workflow::PART,
        workflows::rows::PART,
        wizards::PART,
        moderation::PART,
    ];
    let store = context.store(&schemas).await?;
    let identity = context.peer(Role::Identity)?;
    let peers =
        [context.peer(Role::Policy)?, context.peer(Role::Memory)?, context.peer(Role::Inference)?];
    let needs = peers.iter().chain([&identity]).cloned().collect();
    let authenticator = context.authenticator(&identity);
    let desk =
        Desk::new(store.clone(), context.clock.clone(), authenticator.clone(), peers.clone());
    let moderation = Moderation::open(context, store.clone()).await?;
    // Before any workflow is taken up: a definition that is not sound keeps the role from starting.
    let shelf =
        wizards::Shelf::open(&context.options.wizards, &store, context.clock.wall()).await?;
    let workflows = Workflows::open(context, store.clone(), &desk, &moderation).await?;
    let wizards = wizards::open(context, &store, shelf, &workflows, &moderation);
    let turns = Turns::new(store.clone(), context.clock.clone(), peers, &context.metrics);
    let hub = Orchestrator {
        store: store.clone(),
        turns,
        moderation,
        authenticator: authenticator.clone(),
        stop: context.stop.clone(),
    };
    Ok(Part {
        routes: routes()
            .with_state(hub)
            .merge(workflows::routes().with_state(workflows))
            .merge(wizards::routes().with_state(wizards)),
        authenticator,
        store: Some(store),
        needs,
        ailment: None,
    })
}

/// The media type of event streams.
pub(crate) const EVENTS: &str = "text/event-stream";

fn routes() -> Routes<Orchestrator> {
    Routes::new()
        .post(
            "/v1/sessions/start",
            begin,
            Operation::new("Start a session").needs(WRITE).body::<Start>().answers::<Value>(201),
        )
        .get(
            "/v1/sessions/{id}",
            show,
            Operation::new("A session").needs(READ).answers::<Value>(200),
        )
        .get(
            "/v1/sessions/{id}/turns",
            turns_of,
            Operation::new("A session's turns")
                .needs(READ)
                .query::<Listing>()
                .answers::<Value>(200),
        )
        .get(
            "/v1/sessions/{id}/events",
            events_of,
            Operation::new("A session's events, as a stream or as a page")
                .needs(READ)
                .query::<Reading>()
                .header("Last-Event-ID", "The last event that was seen")
                .answers_with(200, EVENTS),
        )
        .post(
            turn::ROUTE,
            step,
            Operation::new("Take a turn in a session")
                .needs(WRITE)
                .body::<Message>()
                .header("Idempotency-Key", "Repeating the request under it does nothing twice")
                .answers::<Value>(200),
        )
}

async fn begin(
    caller: Caller,
    State(hub): State<Orchestrator>,
    Body(body): Body<Start>,
) -> Result<Response, Problem> {
    caller.require(WRITE)?;
    check_sender(&caller, body.tenant.as_deref(), body.user.as_deref())?;
    check_text("/prompt", &body.prompt)?;
    check_metadata(&body.metadata)?;
    if body.capsule_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > LONGEST_CAPSULE) {
        let detail = format!("a capsule's id has 1 to {LONGEST_CAPSULE} bytes");
        return Err(Problem::invalid("/capsule_id", detail));
    }
    hub.moderation.check_all(&caller, &json!(body.prompt)).await?;
    let now = hub.turns.clock.wall();
    let session = Session {
        id: id::uuid(now).to_string(),
        tenant: caller.tenant,
        subject: caller.subject,
        prompt: body.prompt,
        capsule: body.capsule_id,
        metadata: Value::Object(body.metadata).to_string(),
        created_at: now.to_string(),
    };
    let document = describe(&session)?;
    let stored = session.clone();
    let data = document.to_string();
    let event = hub
        .store
        .write(move |tx| {
            rows::create(tx, &stored)?;
            rows::append(tx, &stored.id, "session.created", &data, &stored.created_at)
        })
        .await?;
    let location = HeaderValue::from_str(&format!("/v1/sessions/{}", session.id))
        .map_err(|error| Problem::internal(&error))?;
    let document = with(document, [("event_id", event.into()), ("turns", 0.into())]);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(document)).into_response())
}

async fn show(
    caller: Caller,
    State(hub): State<Orchestrator>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    caller.require(READ)?;
    let id = session_id(&id);
    let found = hub
        .store
        .read(move |tx| -> store::Result<_> {
            let Some(session) = rows::session(tx, &caller.tenant, &id)? else {
                return Ok(None);
            };
            let latest = rows::latest(tx, &id)?;
            let turns = rows::turn_count(tx, &id)?;
            Ok(Some((session, latest, turns)))
        })
        .await?;
    let (session, latest, turns) = found.ok_or_else(unknown)?;
    Ok(Json(with(describe(&session)?, [("event_id", latest.into()), ("turns", turns.into())])))
}

async fn turns_of(
    caller: Caller,
    State(hub): State<Orchestrator>,
    Path(id): Path<String>,
    Query(listing): Query<Listing>,
) -> Result<Json<Value>, Problem> {
    caller.require(READ)?;
    let (id, limit) = (session_id(&id), check_limit(listing.limit)?);
    let found = hub
        .store
        .read(move |tx| -> store::Result<_> {
            if rows::session(tx, &caller.tenant, &id)?.is_none() {
                return Ok(None);
            }
            let count = rows::turn_count(tx, &id)?;
            let turns = rows::turns(tx, &id, listing.after.into(), limit)?;
            Ok(Some((id, count, turns)))
        })
        .await?;
    let (id, count, turns) = found.ok_or_else(unknown)?;
    let next = turns.last().map(|turn| turn.number).filter(|last| *last < count);
    Ok(Json(json!({"session_id": id, "turns": turns, "next_after": next})))
}

async fn events_of(
    caller: Caller,
    trail: Trail,
    State(hub): State<Orchestrator>,
    Path(id): Path<String>,
    Query(reading): Query<Reading>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(READ)?;
    let after = events::last_seen(&headers, reading.after.as_deref())?;
    let (id, limit) = (session_id(&id), check_limit(reading.limit)?);
    let streamed = reading.stream.unwrap_or(true);
    let (session, tenant) = (id.clone(), caller.tenant);
    let found = hub
        .store
        .read(move |tx| -> store::Result<_> {
            if rows::session(tx, &tenant, &id)?.is_none() {
                return Ok(None);
            }
            let latest = rows::latest(tx, &id)?;
            let read = !streamed && after <= latest;
            let page = if read { rows::events(tx, &id, after, limit)? } else { Vec::new() };
            Ok(Some((latest, page)))
        })
        .await?;
    let (latest, page) = found.ok_or_else(unknown)?;
    if after > latest {
        return Err(events::invalid());
    }
    if streamed {
        let listener = Listener {
            authenticator: hub.authenticator,
            clock: hub.turns.clock,
            // A stream outlives the request that opened it.
            trail: trail.lasting(),
            credential: caller.credential,
            expires_at: caller.expires_at,
        };
        return Ok(events::stream(hub.store, hub.turns.feed, session, listener, after, hub.stop));
    }
    let next = page.last().map(|event| event.id).filter(|last| *last < latest);
    Ok(Json(json!({"session_id": session, "events": page, "next_after": next})).into_response())
}

async fn step(
    caller: Caller,
    trail: Trail,
    State(hub): State<Orchestrator>,
    headers: HeaderMap,
    Body(body): Body<Message>,
) -> Result<Response, Problem> {
    caller.require(WRITE)?;
    check_sender(&caller, body.tenant.as_deref(), body.user.as_deref())?;
    check_text("/message", &body.message)?;
    body.metadata.as_ref().map(check_metadata).transpose()?;
    let key = idempotency_key(&headers)?;
    hub.moderation.check_all(&caller, &json!(body.message)).await?;
    let session = session_id(&body.session_id);
    let step = Step { session, message: body.message, metadata: body.metadata };
    let answer = hub.turns.take(caller, trail, step, key).await?;
    let (status, media) = match answer.committed.outcome {
        Outcome::Completed => (StatusCode::OK, "application/json"),
        Outcome::Denied => (StatusCode::FORBIDDEN, problem::MEDIA_TYPE),
    };
    let body = answer.committed.answer.clone();
    let mut response = (status, [(header::CONTENT_TYPE, media)], body).into_response();
    if answer.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The session as its routes show it.
fn describe(session: &Session) -> Result<Value, Problem> {
    let metadata: Value =
        serde_json::from_str(&session.metadata).map_err(|error| Problem::internal(&error))?;
    Ok(json!({
        "session_id": session.id,
        "workflow_id": format!("session-{}", session.id),
        "status": "running",
        "tenant": session.tenant,
        "user": session.subject,
        "prompt": session.prompt,
        "capsule_id": session.capsule,
        "metadata": metadata,
        "created_at": session.created_at,
    }))
}

fn with<const N: usize>(mut document: Value, more: [(&str, Value); N]) -> Value {
    for (name, value) in more {
        document[name] = value;
    }
    document
}

/// A session's id, also when it is given as its workflow's.
fn session_id(text: &str) -> String {
    // No database can be asked for U+0000; what stands in its place is in no id either.
    text.strip_prefix("session-").unwrap_or(text).replace('\0', "\u{FFFD}")
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_idempotency_key",
            format!("an idempotency key is one header of 1 to {LONGEST_KEY} visible characters"),
        )),
    }
}

fn check_sender(caller: &Caller, tenant: Option<&str>, user: Option<&str>) -> Result<(), Problem> {
    if let Some(tenant) = tenant {
        caller.same_tenant(tenant)?;
    }
    caller.user(user).map(drop)
}

fn check_text(pointer: &str, text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::invalid(pointer, "the text is empty"));
    }
    if text.len() > LONGEST_MESSAGE {
        let detail = format!("the text is longer than {LONGEST_MESSAGE} bytes");
        return Err(Problem::invalid(pointer, detail));
    }
    Ok(())
}

fn check_metadata(metadata: &Map<String, Value>) -> Result<(), Problem> {
    let text = serde_json::to_vec(metadata).map_err(|error| Problem::internal(&error))?;
    if text.len() > LONGEST_METADATA {
        let detail = format!("the metadata is longer than {LONGEST_METADATA} bytes");
        return Err(Problem::invalid("/metadata", detail));
    }
    Ok(())
}

fn check_limit(limit: Option<u32>) -> Result<u32, Problem> {
    match limit {
        None => Ok(100),
        Some(limit) if (1..=MOST_LISTED).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_limit",
            format!("the limit must be 1 to {MOST_LISTED}"),
        )),
    }
}

fn unknown() -> Problem {
    Problem::not_found("unknown_session", "there is no such session")
}
