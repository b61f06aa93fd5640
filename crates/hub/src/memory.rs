//! The memory role: what a tenant asked to be remembered, recalled by key and by meaning.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use schemars::JsonSchema;
use seaworthy_base::Clock;
use seaworthy_store::{self as store, Part as Schema, Store, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::{Operation, Routes};
use crate::auth::Caller;
use crate::inference::responder;
use crate::options::Role;
use crate::problem::{Body, Path, Problem};
use crate::server::{Context, Error, Part};

mod catalog;
pub mod index;
mod rows;
pub mod words;

use catalog::{Catalog, Turn};

/// The capability to recall and retrieve.
pub const READ: &str = "memory:read";
/// The capability to remember and forget.
pub const WRITE: &str = "memory:write";

/// A key is at most this long, in bytes.
pub const LONGEST_KEY: usize = 512;
/// A value is at most this long, in bytes.
pub const LONGEST_VALUE: usize = 64 << 10;
/// Metadata is at most this long as JSON, in bytes.
pub const LONGEST_METADATA: usize = 16 << 10;
/// The most memories one retrieval returns.
pub const MOST_SOURCES: usize = 50;

/// A query up to this many bytes is worked through where it arrives.
const QUICK: usize = 4 << 10;

/// How many words of the sources an answer quotes at most.
const ANSWER_WORDS: usize = 256;

/// What the role's routes share.
#[derive(Clone, Debug)]
struct Memory {
    store: Store,
    catalog: Arc<Catalog>,
    clock: Clock,
}

/// A memory to be stored.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remember {
    /// Its key, unique within the tenant: 1 to 512 bytes without control characters.
    pub key: String,
    /// Its text, at most 64 KiB.
    pub value: String,
    /// Anything the caller wants back with it, at most 16 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

/// What is looked for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retrieve {
    /// The question, at most 64 KiB.
    pub query: String,
    /// How many memories to return, 1 to 50.
    #[serde(default = "default_limit")]
    pub limit: usize,
    /// Whether to put quotes from what is found together.
    #[serde(default = "yes")]
    pub answer: bool,
}

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Retrieved {
    /// Quotes from the sources, or that nothing was found, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The memories that share words with the query, best first.
    pub sources: Vec<Source>,
}

/// A memory that was found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// Its key.
    pub key: String,
    /// Its text.
    pub value: String,
    /// Its BM25 score, above zero; comparable within one answer only.
    pub score: f64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Recalled {
    key: String,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
    updated_at: String,
}

/// Opens the role.
pub(crate) async fn start(context: &Context) -> Result<Part, Error> {
    let store = context.store(&[Schema::own(rows::MIGRATIONS)]).await?;
    let refuse = |source| Error::Store { role: Role::Memory, source };
    store.write(rows::prepare).await.map_err(refuse)?;
    let identity = context.peer(Role::Identity)?;
    let catalog = Arc::new(Catalog::new(catalog::Limits::default(), &context.metrics));
    let memory = Memory { store: store.clone(), catalog, clock: context.clock.clone() };
    let needs = vec![identity.clone()];
    Ok(Part {
        routes: routes().with_state(memory),
        authenticator: context.authenticator(&identity),
        store: Some(store),
        needs,
        ailment: None,
    })
}

fn routes() -> Routes<Memory> {
    Routes::new()
        .post(
            "/v1/remember",
            remember,
            Operation::new("Remember a text under a key")
                .needs(WRITE)
                .body::<Remember>()
                .answers::<Remember>(200)
                .answers::<Remember>(201),
        )
        .get(
            "/v1/recall/{*key}",
            recall,
            Operation::new("The text under a key").needs(READ).answers::<Recalled>(200),
        )
        .delete(
            "/v1/recall/{*key}",
            forget,
            Operation::new("Forget the text under a key").needs(WRITE).answers_nothing(204),
        )
        .post(
            "/v1/rag/retrieve",
            retrieve,
            Operation::new("What is remembered about a question")
                .needs(READ)
                .body::<Retrieve>()
                .answers::<Retrieved>(200),
        )
}

const fn yes() -> bool {
    true
}

const fn default_limit() -> usize {
    5
}

async fn remember(
    caller: Caller,
    State(memory): State<Memory>,
    Body(body): Body<Remember>,
) -> Result<Response, Problem> {
    caller.require(WRITE)?;
    check_key(&body.key).map_err(|problem| problem.pointer("/key"))?;
    if body.value.len() > LONGEST_VALUE {
        return Err(too_long("/value", "the value", LONGEST_VALUE));
    }
    let metadata = body.metadata.as_ref().map(check_metadata).transpose()?;
    let now = memory.clock.wall().to_string();
    memory.catalog.behind(&caller.tenant);
    let (stored, new) = memory
        .store
        .write(move |tx| -> store::Result<_> {
            let new = rows::remember(
                tx,
                &caller.tenant,
                &body.key,
                &body.value,
                metadata.as_deref(),
                &now,
            )?;
            Ok((body, new))
        })
        .await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(stored)).into_response())
}

async fn recall(
    caller: Caller,
    State(memory): State<Memory>,
    Path(key): Path<String>,
) -> Result<Json<Recalled>, Problem> {
    caller.require(READ)?;
    check_key(&key)?;
    let found = memory.store.peek(move |tx| rows::recall(tx, &caller.tenant, &key)).await?;
    let found = found.ok_or_else(unknown_key)?;
    let metadata = found
        .metadata
        .as_deref()
        .map(serde_json::from_str)
        .transpose()
        .map_err(|error| Problem::internal(&error))?;
    let rows::Memory { key, value, updated_at, .. } = found;
    Ok(Json(Recalled { key, value, metadata, updated_at }))
}

async fn forget(
    caller: Caller,
    State(memory): State<Memory>,
    Path(key): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(WRITE)?;
    check_key(&key)?;
    let known = memory.store.write(move |tx| rows::forget(tx, &caller.tenant, &key)).await?;
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(unknown_key()) }
}

async fn retrieve(
    caller: Caller,
    State(memory): State<Memory>,
    Body(body): Body<Retrieve>,
) -> Result<Json<Retrieved>, Problem> {
    caller.require(READ)?;
    if body.query.trim().is_empty() {
        return Err(Problem::invalid("/query", "the query is empty"));
    }
    if body.query.len() > LONGEST_VALUE {
        return Err(too_long("/query", "the query", LONGEST_VALUE));
    }
    if !(1..=MOST_SOURCES).contains(&body.limit) {
        return Err(Problem::invalid("/limit", format!("the limit must be 1 to {MOST_SOURCES}")));
    }
    let body = Arc::new(body);
    let found = memory.search(caller.tenant, &body).await?;
    let answer = body.answer.then(|| {
        let quotable: Vec<responder::Source<'_>> =
            found.iter().map(|(hit, value)| responder::Source { key: &hit.key, value }).collect();
        responder::answer(&body.query, &quotable, ANSWER_WORDS).text
    });
    let sources = found
        .into_iter()
        .map(|(hit, value)| Source { key: hit.key.into(), value, score: hit.score })
        .collect();
    Ok(Json(Retrieved { answer, sources }))
}

impl Memory {
    async fn search(
        &self,
        tenant: String,
        body: &Arc<Retrieve>,
    ) -> store::Result<Vec<(index::Hit, String)>> {
        let tenant = Arc::<str>::from(tenant);
        for turn in [Turn::Any, Turn::Any, Turn::Any, Turn::Own] {
            let quick = body.query.len() <= QUICK && self.catalog.is_ready(&tenant);
            let (catalog, tenant) = (Arc::clone(&self.catalog), Arc::clone(&tenant));
            let asked = Arc::clone(body);
            let work =
                move |tx: &mut Tx<'_>| catalog.search(tx, &tenant, &asked.query, asked.limit, turn);
            // A few rows by their keys, unless the index is still to be built.
            let found =
                if quick { self.store.peek(work).await } else { self.store.read(work).await };
            if let Some(found) = found? {
                return Ok(found);
            }
        }
        // Who has the index to itself before it looks at the rows sees no less than the index.
        Err(store::Error::column(0, "the rows are older than their index"))
    }
}

fn check_key(key: &str) -> Result<(), Problem> {
    let wrong =
        |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_key", detail);
    if key.is_empty() || key.len() > LONGEST_KEY {
        return Err(wrong(format!("a key has 1 to {LONGEST_KEY} bytes")));
    }
    if key.chars().any(char::is_control) {
        return Err(wrong("a key holds no control characters".to_owned()));
    }
    Ok(())
}

fn check_metadata(metadata: &Map<String, Value>) -> Result<String, Problem> {
    let text = serde_json::to_string(metadata).map_err(|error| Problem::internal(&error))?;
    if text.len() > LONGEST_METADATA {
        return Err(too_long("/metadata", "the metadata", LONGEST_METADATA));
    }
    Ok(text)
}

fn too_long(pointer: &str, what: &str, limit: usize) -> Problem {
    Problem::invalid(pointer, format!("{what} is longer than {limit} bytes"))
}

fn unknown_key() -> Problem {
    Problem::not_found("unknown_key", "nothing is remembered under this key")
}
