//! The routes that start workflows, one for each kind.

use super::*;
use crate::orchestrator::flows::directives::{self, Orders};
use crate::orchestrator::flows::marketing::{self, Campaign};
use crate::orchestrator::flows::minutes;
use crate::orchestrator::flows::project::{self, Project};
use crate::orchestrator::flows::session::{self, Opening};

/// What a route starts.
struct Order<T> {
    kind: &'static str,
    /// What its id begins with.
    prefix: &'static str,
    input: T,
    within: std::time::Duration,
}

/// Who starts it, and under which key.
pub(super) struct Sender {
    caller: Caller,
    trail: Trail,
    key: Option<String>,
}

impl Sender {
    fn of(caller: Caller, trail: Trail, headers: &HeaderMap) -> Result<Self, Problem> {
        caller.require(START)?;
        // What its steps will do must be allowed now: a workflow that fails at its third step for want
        // of a capability is worse than none.
        for capability in NEEDED {
            caller.require(capability)?;
        }
        let key = idempotency_key(headers)?.map(str::to_owned);
        Ok(Self { caller, trail, key })
    }
}

pub(super) async fn marketing(
    caller: Caller,
    trail: Trail,
    State(workflows): State<Workflows>,
    headers: HeaderMap,
    Body(input): Body<Campaign>,
) -> Result<Response, Problem> {
    let sender = Sender::of(caller, trail, &headers)?;
    check_sender(&sender.caller, input.tenant_id.as_deref(), input.user_id.as_deref())?;
    let now = workflows.clock.wall();
    input.check(now, &sender.caller)?;
    let within = input.within(now);
    let order = Order { kind: marketing::KIND, prefix: "marketing", input, within };
    let started = begin(&workflows, sender, order).await?;
    answer(&started, json!({}))
}

pub(super) async fn session(
    caller: Caller,
    trail: Trail,
    State(workflows): State<Workflows>,
    headers: HeaderMap,
    Body(input): Body<Opening>,
) -> Result<Response, Problem> {
    let sender = Sender::of(caller, trail, &headers)?;
    super::super::check_text("/prompt", &input.prompt)?;
    super::super::check_metadata(&input.metadata)?;
    let order = Order { kind: session::KIND, prefix: "opening", input, within: minutes(30) };
    let started = begin(&workflows, sender, order).await?;
    answer(&started, json!({}))
}

pub(super) async fn project(
    caller: Caller,
    trail: Trail,
    State(workflows): State<Workflows>,
    headers: HeaderMap,
    Body(input): Body<Project>,
) -> Result<Response, Problem> {
    let sender = Sender::of(caller, trail, &headers)?;
    input.check()?;
    let now = workflows.clock.wall();
    let order = Order { kind: project::KIND, prefix: "project", input, within: minutes(24 * 60) };
    let started = begin(&workflows, sender, order).await?;
    let more = json!({"project_id": started.workflow_id, "created_at": now});
    answer(&started, more)
}

pub(super) async fn directives(
    caller: Caller,
    trail: Trail,
    State(workflows): State<Workflows>,
    headers: HeaderMap,
    Body(input): Body<Orders>,
) -> Result<Response, Problem> {
    let sender = Sender::of(caller, trail, &headers)?;
    check_sender(&sender.caller, input.tenant.as_deref(), input.initiator.as_deref())?;
    input.check(&sender.caller)?;
    let order = Order { kind: directives::KIND, prefix: "mao", input, within: minutes(12 * 60) };
    let started = begin(&workflows, sender, order).await?;
    let id = started.workflow_id.trim_start_matches("mao-").to_owned();
    answer(&started, json!({"orchestration_id": id}))
}

async fn begin<T: Serialize>(
    workflows: &Workflows,
    sender: Sender,
    order: Order<T>,
) -> Result<Started, Problem> {
    let Sender { caller, trail, key } = sender;
    let own = match &key {
        Some(key) => named(&caller, order.kind, key),
        None => id::uuid(workflows.clock.wall()).to_string(),
    };
    let input = serde_json::to_value(&order.input).map_err(|error| Problem::internal(&error))?;
    storable(&input)?;
    workflows.moderation.check_all(&caller, &input).await?;
    let grant = rows::Grant {
        authorization: trail.authorization().map(str::to_owned),
        expires_at: caller.expires_at,
    };
    let start = Start {
        kind: order.kind.to_owned(),
        tenant: caller.tenant,
        subject: caller.subject,
        id: Some(format!("{}-{own}", order.prefix)),
        input,
        within: Some(order.within),
    };
    let started = workflows.engine.start_with(start, move |tx, run| rows::grant(tx, run, &grant));
    match started.await {
        Err(workflow::Error::Exists(_)) if key.is_some() => Err(super::super::turn::reused()),
        started => Ok(started?),
    }
}

/// Refuses what a step could not keep when its time comes: no database takes U+0000 in a text.
pub(super) fn storable(input: &Value) -> Result<(), Problem> {
    let refused = |text: &str| {
        if text.contains('\0') {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "unstorable_value",
                "a value in the request cannot be stored: a text cannot hold the character U+0000",
            ));
        }
        Ok(())
    };
    match input {
        Value::String(text) => refused(text),
        Value::Array(values) => values.iter().try_for_each(storable),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            refused(name)?;
            storable(value)
        }),
        _ => Ok(()),
    }
}

/// The id that a key names: always the same one for the same caller, so that a repeat starts nothing
/// twice.
fn named(caller: &Caller, kind: &str, key: &str) -> String {
    let hash = digest(&SHA256, format!("{kind}\n{}\n{key}", caller.subject).as_bytes());
    hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn answer(started: &Started, more: Value) -> Result<Response, Problem> {
    let mut document = json!({
        "workflow_id": started.workflow_id,
        "run_id": started.run_id,
        "status": "running",
    });
    if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
        document.extend(more);
    }
    let location = HeaderValue::from_str(&format!("/workflows/{}", started.workflow_id))
        .map_err(|error| Problem::internal(&error))?;
    let mut response =
        (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(document)).into_response();
    if started.repeated {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
