//! The workflows there are, one file each, and what their steps work with: the other roles, and a place
//! to keep what they make.
//!
//! A new workflow is a file here and a line in [`registry`].

use std::sync::Arc;
use std::time::Duration;

use seaworthy_base::{Clock, Timestamp};
use seaworthy_store::Store;
use seaworthy_workflow::{Attempt, Failure, Registry, Retry, Run};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::workflows::rows::{self, Artifact, Grant};
use crate::auth::{Authenticator, SYSTEM, halted};
use crate::inference::{Question, Reply, Source};
use crate::memory::{Remember, Retrieve, Retrieved};
use crate::peer::{Client, Trail};
use crate::policy;
use crate::problem::Problem;

pub(super) mod approval;
pub(super) mod directives;
pub(super) mod marketing;
mod picture;
pub(super) mod plan;
pub(super) mod project;
pub(super) mod session;

/// Memories that campaigns and the like leave are kept under this; they are no source for the next.
const REPORTS: &str = "workflow/";

/// What is said of a delivery that would need a system that is not configured.
const NOT_SENT: &str = "prepared, not sent";

/// The query that tells how far a workflow is.
pub(super) const PROGRESS: &str = "get_progress";

/// How often a step is tried: waits double from 100 ms, so ten attempts take about 50 seconds.
const ATTEMPTS: u32 = 10;

/// How long a step waits for the platform's operators to let work go on, before it looks again later.
const PATIENCE: Duration = Duration::from_secs(20);

/// After how long a step that cannot be done now looks again, whatever it was told.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// How many memories are looked at for one question.
const LOOKED_AT: usize = 20;

/// How many of them are used.
const USED: usize = 5;

/// A quote from a memory is at most this long, in characters.
const EXCERPT: usize = 600;

/// What the steps of workflows work with. Cheap to clone.
#[derive(Clone)]
pub(super) struct Desk(Arc<Things>);

struct Things {
    store: Store,
    clock: Clock,
    authenticator: Authenticator,
    policy: Client,
    memory: Client,
    inference: Client,
}

/// The kinds of workflows.
pub(super) fn registry(desk: &Desk) -> Registry {
    Registry::new()
        .with(marketing::KIND, desk.staff(marketing::run))
        .with(session::KIND, desk.staff(session::run))
        .with(project::KIND, desk.staff(project::run))
        .with(directives::KIND, desk.staff(directives::run))
        .with(plan::KIND, desk.staff(plan::run))
}

/// Refuses a signal that a workflow of this kind would not understand, or never look at.
pub(super) fn check_signal(kind: &str, name: &str, payload: &Value) -> Result<(), Problem> {
    match kind {
        marketing::KIND => marketing::check_signal(name, payload),
        plan::KIND => plan::check_signal(name, payload),
        _ => Err(Problem::invalid("/name", format!("workflows of kind `{kind}` hear no signals"))),
    }
}

impl Desk {
    pub(super) fn new(
        store: Store,
        clock: Clock,
        authenticator: Authenticator,
        peers: [Client; 3],
    ) -> Self {
        let [policy, memory, inference] = peers;
        Self(Arc::new(Things { store, clock, authenticator, policy, memory, inference }))
    }

    /// Who says whether a token holds.
    pub(super) fn authenticator(&self) -> Authenticator {
        self.0.authenticator.clone()
    }

    /// The code of a workflow, given hands to work with.
    fn staff<I, O, F, Fut>(
        &self,
        code: F,
    ) -> impl Fn(Run, I) -> Fut + Send + Sync + 'static + use<I, O, F, Fut>
    where
        F: Fn(Hand, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, Failure>> + Send + 'static,
    {
        let desk = self.clone();
        move |run, input| code(Hand { run, desk: desk.clone() }, input)
    }
}

/// A workflow's run, and what its steps work with.
#[derive(Clone)]
pub(super) struct Hand {
    pub(super) run: Run,
    desk: Desk,
}

impl Hand {
    /// A step: `work` on `input`, tried for about a minute, so that a role or a database may be away for
    /// a while; each attempt within `within`. It begins only while the token that it acts with holds and
    /// the kill switch is off.
    pub(super) async fn step<I, T, F, Fut>(
        &self,
        name: &str,
        within: Duration,
        input: I,
        work: F,
    ) -> Result<T, Failure>
    where
        I: Clone + Send + Sync + 'static,
        T: Serialize + DeserializeOwned,
        F: Fn(Act, I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let (hand, work) = (self.clone(), Arc::new(work));
        let effect = move |attempt| {
            let (hand, input, work) = (hand.clone(), input.clone(), Arc::clone(&work));
            async move { work(Act::begin(hand, attempt).await?, input).await }
        };
        self.run.step(name, Retry::times(ATTEMPTS).within(within), effect).await
    }

    /// In whose name it acts, while that holds.
    async fn grant(&self) -> Result<Grant, Failure> {
        let run = self.run.run_id().to_owned();
        let granted = self.desk.0.store.peek(move |tx| rows::granted(tx, &run)).await;
        let granted = granted.map_err(|error| failed(Problem::from(error)))?;
        let Some(grant) = granted else {
            let message = "nobody is named in whose name the workflow may act";
            return Err(Failure::lasting("no_grant", message));
        };
        if grant.authorization.is_some() && grant.expires_at <= self.desk.0.clock.wall() {
            let message = "the token of whoever started the workflow has ended";
            return Err(Failure::lasting("grant_expired", message));
        }
        Ok(grant)
    }

    /// Should the workflow not succeed, what it made under this name, or in the folder of this name, is
    /// thrown away.
    pub(super) fn discard_if_undone(&self, name: impl Into<String>) {
        let (hand, name) = (self.clone(), name.into());
        self.run.undo_with(&name.clone(), Retry::default(), move |_| {
            let (hand, name) = (hand.clone(), name.clone());
            async move {
                let run = hand.run.run_id().to_owned();
                let gone = hand.desk.0.store.write(move |tx| rows::discard(tx, &run, &name));
                gone.await.map_err(|error| failed(Problem::from(error)))
            }
        });
    }
}

/// One attempt at a step: what it may do.
pub(super) struct Act {
    hand: Hand,
    /// In whose name the other roles are called.
    trail: Trail,
}

/// Something in memory that bears on a question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Note {
    /// The memory's key.
    pub(super) key: String,
    /// What it says, up to a length.
    pub(super) text: String,
}

impl Act {
    /// Begins an attempt in the name of whoever the workflow acts for, while they may act.
    async fn begin(hand: Hand, attempt: Attempt) -> Result<Self, Failure> {
        let grant = hand.grant().await?;
        // The step's key names the request in logs, as far as a header can hold it.
        let id: String = attempt.key.chars().filter(char::is_ascii_graphic).take(100).collect();
        let authorization = grant.authorization.as_deref();
        let trail = Trail::in_the_name_of(authorization, &id)
            .ok_or_else(|| Failure::lasting("no_grant", "the kept token is no header"))?;
        let credential = grant.credential(hand.run.tenant());
        let authenticator = &hand.desk.0.authenticator;
        let mut changes = authenticator.watch();
        loop {
            changes.borrow_and_update();
            let verified = authenticator.verify(&trail, &credential).await.map_err(failed)?;
            if !verified.halted || hand.run.tenant() == SYSTEM {
                return Ok(Self { hand, trail });
            }
            if !matches!(tokio::time::timeout(PATIENCE, changes.changed()).await, Ok(Ok(()))) {
                return Err(failed(halted()));
            }
        }
    }

    pub(super) fn run(&self) -> &Run {
        &self.hand.run
    }

    pub(super) fn now(&self) -> Timestamp {
        self.hand.desk.0.clock.wall()
    }

    /// Asks the policy engine about a text.
    pub(super) async fn judge(&self, text: &str) -> Result<policy::Answer, Failure> {
        let run = &self.hand.run;
        let question = policy::Question {
            session_id: run.id().to_owned(),
            tenant: run.tenant().to_owned(),
            user: run.subject().to_owned(),
            prompt: text.to_owned(),
            role: "user".to_owned(),
            metadata: Map::new(),
        };
        self.post(&self.hand.desk.0.policy, "/v1/evaluate", &question).await
    }

    /// As [`Act::judge`], and fails when the policy denies the text.
    pub(super) async fn permit(&self, text: &str) -> Result<policy::Answer, Failure> {
        let answer = self.judge(text).await?;
        if answer.allowed {
            return Ok(answer);
        }
        let rules: Vec<&str> =
            answer.reasons.policy.iter().map(|rule| rule.name.as_str()).collect();
        let why = answer.reasons.code.clone().unwrap_or_else(|| rules.join(", "));
        Err(Failure::lasting("policy_denied", format!("the tenant's policy denies it: {why}")))
    }

    /// What is remembered about something, best first.
    pub(super) async fn recall(&self, query: &str) -> Result<Vec<Note>, Failure> {
        let query = query.trim().to_owned();
        if query.is_empty() {
            return Ok(Vec::new());
        }
        let question = Retrieve { query, limit: LOOKED_AT, answer: false };
        let found: Retrieved =
            self.post(&self.hand.desk.0.memory, "/v1/rag/retrieve", &question).await?;
        let others = found.sources.into_iter().filter(|source| !source.key.starts_with(REPORTS));
        Ok(others
            .take(USED)
            .map(|source| Note { key: source.key, text: shorten(&source.value, EXCERPT) })
            .collect())
    }

    /// Asks for an answer that rests on these notes.
    pub(super) async fn ask(&self, prompt: &str, notes: &[Note]) -> Result<Reply, Failure> {
        let source = |note: &Note| Source { key: note.key.clone(), value: note.text.clone() };
        let sources = notes.iter().map(source).collect();
        let question = Question { prompt: prompt.to_owned(), sources, max_tokens: 200 };
        self.post(&self.hand.desk.0.inference, "/v1/infer/sync", &question).await
    }

    /// Has a text remembered under the workflow's own name, and returns its key.
    pub(super) async fn remember(&self, text: &str) -> Result<String, Failure> {
        let key = format!("{REPORTS}{}", self.hand.run.id());
        let mut metadata = Map::new();
        metadata.insert("workflow_id".to_owned(), self.hand.run.id().into());
        self.remember_as(&key, text, metadata).await?;
        Ok(key)
    }

    /// Has a text remembered under this key, in the place of an earlier one.
    pub(super) async fn remember_as(
        &self,
        key: &str,
        text: &str,
        metadata: Map<String, Value>,
    ) -> Result<(), Failure> {
        let (key, value, metadata) = (key.to_owned(), text.to_owned(), Some(metadata));
        let memory = Remember { key, value, metadata };
        self.post::<_, Value>(&self.hand.desk.0.memory, "/v1/remember", &memory).await.map(drop)
    }

    /// Keeps what was made: each in the place of an earlier one of its name.
    pub(super) async fn keep(&self, artifacts: Vec<Artifact>) -> Result<(), Failure> {
        let (run, at) = (self.hand.run.run_id().to_owned(), self.now().to_string());
        let kept = self.hand.desk.0.store.write(move |tx| {
            artifacts.iter().try_for_each(|artifact| rows::keep(tx, &run, artifact, &at))
        });
        kept.await.map_err(|error| failed(Problem::from(error)))
    }

    async fn post<B, T>(&self, peer: &Client, path: &str, body: &B) -> Result<T, Failure>
    where
        B: Serialize + Sync + ?Sized,
        T: DeserializeOwned,
    {
        peer.post(&self.trail, path, body).await.map_err(failed)
    }
}

/// An artifact in words.
pub(super) fn markdown(name: impl Into<String>, text: String) -> Artifact {
    Artifact { name: name.into(), media: "text/markdown; charset=utf-8".to_owned(), text }
}

/// An artifact for programs.
pub(super) fn document(name: impl Into<String>, value: &Value) -> Artifact {
    Artifact { name: name.into(), media: "application/json".to_owned(), text: format!("{value:#}") }
}

/// A problem that another role answered with. What it calls temporary is tried again; what waits for
/// the kill switch, a rate or a budget is put off without being an attempt.
fn failed(problem: Problem) -> Failure {
    let status = problem.status().as_u16();
    let (code, detail) = (problem.code.to_string(), problem.detail.clone());
    if let (Some(after), true) = (problem.waits(), status == 429 || code == "hub.kill_switch") {
        Failure::later(code, detail, after.clamp(Duration::from_secs(1), LOOK_AGAIN))
    } else if status >= 500 || status == 429 || status == 408 {
        Failure::new(code, detail)
    } else {
        Failure::lasting(code, detail)
    }
}

/// The beginning of a text, in whole characters.
pub(super) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{} …", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

/// A duration in minutes.
pub(super) const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}
