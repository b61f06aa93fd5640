//! The start of a session, as a workflow: policy, what is remembered, an answer, a record.

use schemars::JsonSchema;
use seaworthy_workflow::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Act, Hand, document, minutes};
use crate::policy;

/// The kind's name.
pub(crate) const KIND: &str = "session";

/// What a session is started with.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opening {
    /// What the session is about.
    pub(crate) prompt: String,
    /// Anything the caller wants to keep with it.
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct Opened {
    session_id: String,
    tenant: String,
    user: String,
    /// `completed`, or `rejected` by the policy.
    status: &'static str,
    policy: policy::Answer,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Spoken>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Spoken {
    model: String,
    text: String,
    grounded: bool,
    sources: Vec<String>,
}

/// From the prompt to the first answer.
pub(super) async fn run(hand: Hand, opening: Opening) -> Result<Opened, Failure> {
    let run = &hand.run;
    run.progress(0, "policy");
    let policy = hand.step("policy", minutes(1), opening.prompt.clone(), judge).await?;
    let response = if policy.allowed {
        run.progress(30, "answer");
        Some(hand.step("answer", minutes(1), opening.prompt.clone(), answer).await?)
    } else {
        None
    };
    let opened = Opened {
        session_id: run.id().to_owned(),
        tenant: run.tenant().to_owned(),
        user: run.subject().to_owned(),
        status: if policy.allowed { "completed" } else { "rejected" },
        policy,
        response,
    };
    run.progress(80, "record");
    // The record is for people to read: what was denied is not repeated there.
    let prompt = opened.policy.allowed.then_some(opening.prompt);
    let record = json!({"opened": opened, "prompt": prompt, "metadata": opening.metadata});
    hand.step("record", minutes(1), record, keep).await?;
    run.progress(100, "record");
    Ok(opened)
}

async fn judge(act: Act, prompt: String) -> Result<policy::Answer, Failure> {
    act.judge(&prompt).await
}

async fn answer(act: Act, prompt: String) -> Result<Spoken, Failure> {
    let notes = act.recall(&prompt).await?;
    let reply = act.ask(&prompt, &notes).await?;
    let sources = reply.sources.into_iter().map(|source| source.key).collect();
    let (model, text, grounded) = (reply.model, reply.completion, reply.grounded);
    Ok(Spoken { model, text, grounded, sources })
}

async fn keep(act: Act, record: Value) -> Result<(), Failure> {
    act.keep(vec![document("record.json", &record)]).await
}
