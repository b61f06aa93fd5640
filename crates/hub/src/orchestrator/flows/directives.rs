//! Several agents' directives, one after the other: each sees what came of those before it.

use schemars::JsonSchema;
use seaworthy_workflow::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Act, Hand, NOT_SENT, Note, document, markdown, minutes};
use crate::auth::Caller;
use crate::problem::Problem;

/// The kind's name.
pub(crate) const KIND: &str = "directives";

const MOST: usize = 50;
const LONGEST: usize = 16 << 10;

/// What agents are to do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Orders {
    /// The caller's tenant; another is refused.
    #[serde(default, alias = "tenant_id", skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    /// The caller; another is refused.
    #[serde(default, alias = "user", skip_serializing_if = "Option::is_none")]
    pub(crate) initiator: Option<String>,
    /// What is to be done, in this order.
    pub(crate) directives: Vec<Directive>,
    /// Who is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notification_channel: Option<String>,
    /// Anything the caller wants to keep with it.
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
}

/// What one agent is to do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Directive {
    /// The agent.
    pub(crate) agent_id: String,
    /// What it is to bring about.
    pub(crate) goal: String,
    /// How it is asked; by its goal unless said otherwise.
    #[serde(default)]
    pub(crate) prompt: String,
    /// What it needs to be allowed to; the caller must be.
    #[serde(default)]
    pub(crate) capabilities: Vec<String>,
    /// Anything else about it.
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
}

/// What came of them.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    orchestration_id: String,
    /// `completed`, or `rejected` when the policy denied one of them: those after it were not begun.
    status: &'static str,
    completed: usize,
    total: usize,
    results: Vec<Done>,
    /// What the caller kept with them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    metadata: Map<String, Value>,
}

/// What came of one.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Done {
    agent_id: String,
    goal: String,
    /// `completed` or `rejected`.
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    grounded: bool,
    sources: Vec<String>,
    /// What else the directive said.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    metadata: Map<String, Value>,
}

impl Orders {
    /// Refuses what is none, and what the caller may not do itself.
    pub(crate) fn check(&self, caller: &Caller) -> Result<(), Problem> {
        if !(1..=MOST).contains(&self.directives.len()) {
            let detail = format!("there must be 1 to {MOST} directives");
            return Err(Problem::invalid("/directives", detail));
        }
        for (at, directive) in self.directives.iter().enumerate() {
            let texts = [
                ("agent_id", &directive.agent_id, 1),
                ("goal", &directive.goal, 1),
                ("prompt", &directive.prompt, 0),
            ];
            for (name, text, least) in texts {
                if text.trim().len() < least || text.len() > LONGEST {
                    let detail = format!("the text has {least} to {LONGEST} bytes");
                    return Err(Problem::invalid(format!("/directives/{at}/{name}"), detail));
                }
            }
            for capability in &directive.capabilities {
                caller.require(capability)?;
            }
        }
        Ok(())
    }
}

/// One directive after the other.
pub(super) async fn run(hand: Hand, orders: Orders) -> Result<Outcome, Failure> {
    let run = &hand.run;
    let total = orders.directives.len();
    let mut results: Vec<Done> = Vec::new();
    for (at, directive) in orders.directives.into_iter().enumerate() {
        let percent = u32::try_from(at * 100 / total).unwrap_or(100);
        run.progress(percent, &directive.agent_id);
        let order = (directive, at, results.clone());
        let done = hand.step(&format!("directive {at}"), minutes(5), order, follow).await?;
        let denied = done.status == "rejected";
        results.push(done);
        if denied {
            break;
        }
    }
    let completed = results.iter().filter(|done| done.status == "completed").count();
    let outcome = Outcome {
        orchestration_id: run.id().trim_start_matches("mao-").to_owned(),
        status: if completed == total { "completed" } else { "rejected" },
        completed,
        total,
        results,
        metadata: orders.metadata,
    };
    if let Some(channel) = orders.notification_channel {
        let note = json!({
            "channel": channel,
            "status": NOT_SENT,
            "reason": "nothing that notifies is configured",
            "text": format!("{completed} of {total} directives were completed"),
        });
        hand.step("notification", minutes(1), note, keep).await?;
    }
    run.progress(100, "done");
    Ok(outcome)
}

async fn follow(
    act: Act,
    (directive, at, earlier): (Directive, usize, Vec<Done>),
) -> Result<Done, Failure> {
    let Directive { agent_id, goal, prompt, metadata, .. } = directive;
    let text = if prompt.trim().is_empty() { goal.clone() } else { format!("{goal}\n{prompt}") };
    let none = Done {
        agent_id,
        goal,
        status: "rejected".to_owned(),
        output: None,
        model: None,
        grounded: false,
        sources: Vec::new(),
        metadata,
    };
    if !act.judge(&text).await?.allowed {
        return Ok(none);
    }
    let mut notes = act.recall(&text).await?;
    notes.extend(earlier.into_iter().filter_map(|done| {
        Some(Note { key: format!("agent/{}", done.agent_id), text: done.output? })
    }));
    let reply = act.ask(&text, &notes).await?;
    let name = format!("directives/{at}.md");
    act.keep(vec![markdown(name, format!("# {}\n\n{}\n", none.goal, reply.completion))]).await?;
    Ok(Done {
        status: "completed".to_owned(),
        output: Some(reply.completion),
        model: Some(reply.model),
        grounded: reply.grounded,
        sources: reply.sources.into_iter().map(|source| source.key).collect(),
        ..none
    })
}

async fn keep(act: Act, note: Value) -> Result<(), Failure> {
    act.keep(vec![document("notification.json", &note)]).await
}
