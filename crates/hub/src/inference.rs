//! The inference role: answers to prompts, by the built-in responder that quotes stored memory.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use schemars::JsonSchema;
use seaworthy_store::Part as Schema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Operation, Routes};
use crate::auth::Caller;
use crate::limits::Slip;
use crate::options::Role;
use crate::problem::{Body, Problem};
use crate::server::{Context, Error, Part};

mod budget;
pub mod responder;

use budget::Budgets;

/// The capability to ask for answers.
pub const CAPABILITY: &str = "inference:use";

/// A prompt is at most this long, in bytes.
pub const LONGEST_PROMPT: usize = 64 << 10;

const MOST_SOURCES: usize = 50;
const MOST_WORDS: usize = 256;

/// Opens the role.
pub(crate) async fn start(context: &Context) -> Result<Part, Error> {
    let store = context.store(&[Schema::own(budget::MIGRATIONS)]).await?;
    let identity = context.peer(Role::Identity)?;
    let house = context.options.allowances();
    let budgets = Arc::new(Budgets::new(store.clone(), context.clock.clone(), house));
    let needs = vec![identity.clone()];
    Ok(Part {
        routes: routes().with_state(budgets),
        authenticator: context.authenticator(&identity),
        store: Some(store),
        needs,
        ailment: None,
    })
}

fn routes() -> Routes<Arc<Budgets>> {
    Routes::new()
        .post(
            "/v1/infer/sync",
            infer,
            Operation::new("Answer a prompt")
                .needs(CAPABILITY)
                .body::<Question>()
                .answers::<Reply>(200),
        )
        .get(
            "/models",
            models,
            Operation::new("Who answers").needs(CAPABILITY).answers::<Value>(200),
        )
}

/// What the responder is asked: a prompt, and the memories it may quote.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The prompt.
    pub prompt: String,
    /// The memories, best first.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// The most words to quote, 1 to 256.
    #[serde(default = "default_words")]
    pub max_tokens: usize,
}

/// A memory that may be quoted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its key.
    pub key: String,
    /// Its text.
    pub value: String,
}

/// What the responder answers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// Who answered.
    pub model: String,
    /// The answer.
    pub completion: String,
    /// What it took.
    pub usage: Usage,
    /// The memories that were quoted, in the order of the quotes.
    pub sources: Vec<Source>,
    /// Whether any was.
    pub grounded: bool,
}

/// Counts of a unit that is named, because words are not tokens.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// `words`.
    pub unit: String,
    /// In the prompt.
    pub prompt: usize,
    /// In the answer.
    pub completion: usize,
    /// In both.
    pub total: usize,
}

const fn default_words() -> usize {
    64
}

async fn infer(
    caller: Caller,
    State(budgets): State<Arc<Budgets>>,
    Extension(slip): Extension<Slip>,
    Body(question): Body<Question>,
) -> Result<Json<Reply>, Problem> {
    caller.require(CAPABILITY)?;
    check(&question)?;
    let reply = reply(question);
    // An answer that the budget does not cover is not given.
    if let Some(left) = budgets.charge(&caller, reply.usage.total as u64).await? {
        slip.leave(left);
    }
    Ok(Json(reply))
}

async fn models(caller: Caller) -> Result<Json<Value>, Problem> {
    caller.require(CAPABILITY)?;
    Ok(Json(json!({
        "models": [{
            "id": responder::MODEL,
            "kind": "memory-quotes",
            "description": "Quotes the memories it is given. It is not a language model; none is configured.",
        }]
    })))
}

fn check(question: &Question) -> Result<(), Problem> {
    if question.prompt.trim().is_empty() {
        return Err(Problem::invalid("/prompt", "the prompt is empty"));
    }
    if question.prompt.len() > LONGEST_PROMPT {
        return Err(Problem::invalid(
            "/prompt",
            format!("the prompt is longer than {LONGEST_PROMPT} bytes"),
        ));
    }
    if !(1..=MOST_WORDS).contains(&question.max_tokens) {
        return Err(Problem::invalid(
            "/max_tokens",
            format!("max_tokens counts words here and must be 1 to {MOST_WORDS}"),
        ));
    }
    if question.sources.len() > MOST_SOURCES {
        return Err(Problem::invalid(
            "/sources",
            format!("at most {MOST_SOURCES} sources may be given"),
        ));
    }
    Ok(())
}

fn reply(question: Question) -> Reply {
    let sources: Vec<responder::Source<'_>> = question
        .sources
        .iter()
        .map(|source| responder::Source { key: &source.key, value: &source.value })
        .collect();
    let answer = responder::answer(&question.prompt, &sources, question.max_tokens);
    let (prompt, completion) = (responder::count(&question.prompt), responder::count(&answer.text));
    let usage = Usage { unit: "words".to_owned(), prompt, completion, total: prompt + completion };
    Reply {
        model: responder::MODEL.to_owned(),
        grounded: answer.grounded(),
        completion: answer.text,
        usage,
        sources: answer.used.iter().map(|&at| question.sources[at].clone()).collect(),
    }
}
