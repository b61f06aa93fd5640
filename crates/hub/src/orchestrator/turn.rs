//! A conversation turn: policy, recall, respond, remember, then one durable commit and the answer.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use seaworthy_base::{Clock, id};
use seaworthy_store::{self as store, Store};
use serde_json::{Map, Value, json};

use super::feed::Feed;
use super::flight::{Fingerprint, Flights, Lead, Part};
use super::rows::{self, Committed, Outcome};
use crate::auth::Caller;
use crate::inference::{Question, Reply, Source};
use crate::memory::{Remember, Retrieve, Retrieved};
use crate::metrics::Metrics;
use crate::peer::{Client, Trail};
use crate::policy;
use crate::problem::Problem;

/// The route that takes turns.
pub(super) const ROUTE: &str = "/v1/conversation/step";

/// How many memories a turn looks at.
const SOURCES: usize = 8;

/// How many bytes of memories go to the responder: what the best ones beyond it hold is left out.
const SOURCE_BYTES: usize = 96 << 10;

/// How many words an answer quotes at most.
const WORDS: usize = 128;

/// Everything a turn needs. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    pub(super) store: Store,
    pub(super) feed: Feed,
    pub(super) clock: Clock,
    pub(super) policy: Client,
    pub(super) memory: Client,
    pub(super) inference: Client,
    flights: Flights<Landing>,
    outcomes: Family<Labels, Counter>,
}

/// What was asked for, checked.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) session: String,
    pub(super) message: String,
    pub(super) metadata: Option<Map<String, Value>>,
}

/// A turn's answer, as it was committed.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) committed: Arc<Committed>,
    /// Whether an earlier request made it.
    pub(super) replayed: bool,
}

/// What single flight hands to all who asked for the same turn.
type Landing = Result<Answer, Problem>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

/// One turn at work.
struct Work {
    caller: Caller,
    trail: Trail,
    step: Step,
    turn: String,
    request: Fingerprint,
}

impl Turns {
    pub(super) fn new(store: Store, clock: Clock, peers: [Client; 3], metrics: &Metrics) -> Self {
        let [policy, memory, inference] = peers;
        let outcomes = metrics.register("turns", "Turns by how they ended", Family::default());
        let (feed, flights) = (Feed::default(), Flights::default());
        metrics.register("event_streams", "Event streams open", feed.open.clone());
        Self { store, feed, clock, policy, memory, inference, flights, outcomes }
    }

    /// Answers a message once: a repeat under the same idempotency key gets the first one's answer.
    ///
    /// The work goes on when the client hangs up, as all requests' work does, so that a repeat finds a
    /// whole turn or none.
    pub(super) async fn take(
        &self,
        caller: Caller,
        trail: Trail,
        step: Step,
        key: Option<&str>,
    ) -> Landing {
        let turn = match key {
            Some(key) => turn_id(&step.session, key),
            None => id::uuid(self.clock.wall()).simple().to_string(),
        };
        let request = fingerprint(&step);
        // By tenant too: whoever may not see the session must not get to see another's answer.
        let flight = format!("{} {turn}", caller.tenant);
        let lead = loop {
            match self.flights.join(&flight, request) {
                Part::Lead(lead) => break lead,
                Part::Queue(queue) => queue.over().await,
                Part::Follow(follow) => match follow.result().await.ok_or_else(stopped)? {
                    // What the first one's token does not allow says nothing of this one's.
                    Err(refused) if matches!(refused.status, 401 | 403) => {
                        tokio::task::yield_now().await;
                    }
                    landing => return landing.map(|answer| Answer { replayed: true, ..answer }),
                },
            }
        };
        self.lead(Work { caller, trail, step, turn, request }, lead).await
    }

    async fn lead(&self, work: Work, lead: Lead<Landing>) -> Landing {
        let landing = self.earlier_or_new(work).await;
        let outcome = match &landing {
            Ok(Answer { replayed: true, .. }) => "replayed",
            Ok(answer) => answer.committed.outcome.as_str(),
            Err(_) => "failed",
        };
        self.outcomes.get_or_create(&Labels { outcome }).inc();
        lead.land(landing.clone());
        landing
    }

    async fn earlier_or_new(&self, work: Work) -> Landing {
        let (session, turn) = (work.step.session.clone(), work.turn.clone());
        let tenant = work.caller.tenant.clone();
        let earlier = self
            .store
            .peek(move |tx| -> Result<_, Problem> {
                if !rows::known(tx, &tenant, &session)? {
                    return Err(super::unknown());
                }
                let Some(earlier) = rows::committed(tx, &session, &turn)? else { return Ok(None) };
                Ok(Some((earlier, rows::latest(tx, &session)?)))
            })
            .await?;
        let (committed, replayed) = match earlier {
            Some((earlier, latest)) if earlier.request == work.request => {
                // Of a turn whose commit had an unknown outcome nobody has been told yet.
                self.feed.announce(&work.step.session, latest);
                (earlier, true)
            }
            Some(_) => return Err(reused()),
            None => (self.work(work).await?, false),
        };
        Ok(Answer { committed: Arc::new(committed), replayed })
    }

    async fn work(&self, work: Work) -> Result<Committed, Problem> {
        let ruling = self.rule(&work).await?;
        if !ruling.allowed {
            return self.deny(work, ruling).await;
        }
        let sources = self.recall(&work).await?;
        let reply = self.respond(&work, &sources).await?;
        let memory = self.remember(&work).await?;
        let quoted: Vec<Value> = reply
            .sources
            .iter()
            .map(|quoted| {
                let score = sources.iter().find(|source| source.key == quoted.key);
                json!({"key": quoted.key, "score": score.map(|source| source.score)})
            })
            .collect();
        let answer = json!({
            "session_id": work.step.session,
            "turn_id": work.turn,
            "response": reply.completion,
            "sources": quoted,
            "grounded": reply.grounded,
            "model": reply.model,
            "usage": reply.usage,
            "policy": {"allowed": true, "score": ruling.score, "severity": ruling.severity},
            "policy_score": ruling.score,
            "memory_key": memory,
        });
        self.complete(work, answer, reply.completion).await
    }

    async fn rule(&self, work: &Work) -> Result<policy::Answer, Problem> {
        let question = policy::Question {
            session_id: work.step.session.clone(),
            tenant: work.caller.tenant.clone(),
            user: work.caller.subject.clone(),
            prompt: work.step.message.clone(),
            role: "user".to_owned(),
            metadata: work.step.metadata.clone().unwrap_or_default(),
        };
        self.policy.post_idempotent(&work.trail, "/v1/evaluate", &question).await
    }

    async fn recall(&self, work: &Work) -> Result<Vec<crate::memory::Source>, Problem> {
        let query = work.step.message.clone();
        let question = Retrieve { query, limit: SOURCES, answer: false };
        let found: Retrieved =
            self.memory.post_idempotent(&work.trail, "/v1/rag/retrieve", &question).await?;
        // A crash after remembering leaves this turn's own memory behind: it is no source for it.
        let own = work.memory_key();
        Ok(found.sources.into_iter().filter(|source| source.key != own).collect())
    }

    async fn respond(
        &self,
        work: &Work,
        sources: &[crate::memory::Source],
    ) -> Result<Reply, Problem> {
        let mut room = SOURCE_BYTES;
        let sources = sources
            .iter()
            .take_while(|source| {
                let fits = source.value.len() <= room;
                room = room.saturating_sub(source.value.len());
                fits
            })
            .map(|source| Source { key: source.key.clone(), value: source.value.clone() })
            .collect();
        let question = Question { prompt: work.step.message.clone(), sources, max_tokens: WORDS };
        self.inference.post(&work.trail, "/v1/infer/sync", &question).await
    }

    async fn remember(&self, work: &Work) -> Result<String, Problem> {
        let key = work.memory_key();
        let mut metadata = Map::new();
        metadata.insert("session_id".to_owned(), work.step.session.clone().into());
        metadata.insert("turn_id".to_owned(), work.turn.clone().into());
        metadata.insert("user".to_owned(), work.caller.subject.clone().into());
        let memory = Remember {
            key: key.clone(),
            value: work.step.message.clone(),
            metadata: Some(metadata),
        };
        // The key names the turn: remembered twice, it is there once.
        let _: Value = self.memory.post_idempotent(&work.trail, "/v1/remember", &memory).await?;
        Ok(key)
    }

    async fn complete(
        &self,
        work: Work,
        answer: Value,
        response: String,
    ) -> Result<Committed, Problem> {
        let at = self.clock.wall().to_string();
        let metadata = work.step.metadata.as_ref().map(|map| Value::Object(map.clone()));
        let received = json!({
            "session_id": work.step.session,
            "turn_id": work.turn,
            "user": work.caller.subject,
            "message": work.step.message,
            "metadata": metadata,
        });
        // Written out here: the writer's thread is the one that everybody waits for.
        let (received, answer) = (received.to_string(), answer.to_string());
        let metadata = metadata.map(|metadata| metadata.to_string());
        let session = work.step.session.clone();
        let (committed, event) = self
            .store
            .write(move |tx| -> store::Result<_> {
                let Work { step, turn, request, .. } = work;
                rows::append(tx, &step.session, "message.received", &received, &at)?;
                let event = rows::append(tx, &step.session, "turn.completed", &answer, &at)?;
                let answer = numbered(answer, event);
                let row =
                    rows::Turn { id: turn, outcome: Outcome::Completed, request, committed_at: at };
                rows::commit(tx, &step.session, &row, &answer)?;
                let said = metadata.as_deref();
                rows::say(tx, &step.session, &row.id, "user", &step.message, said)?;
                rows::say(tx, &step.session, &row.id, "assistant", &response, None)?;
                let request = request.to_vec();
                Ok((Committed { outcome: Outcome::Completed, request, answer }, event))
            })
            .await?;
        self.feed.announce(&session, event);
        Ok(committed)
    }

    /// Commits that a message was denied, without the message.
    async fn deny(&self, work: Work, ruling: policy::Answer) -> Result<Committed, Problem> {
        let at = self.clock.wall().to_string();
        let problem = Problem::forbidden("policy_denied", "the tenant's policy denies the message");
        let mut answer =
            serde_json::to_value(&problem).map_err(|error| Problem::internal(&error))?;
        answer["instance"] = ROUTE.into();
        answer["session_id"] = work.step.session.clone().into();
        answer["turn_id"] = work.turn.clone().into();
        answer["policy"] = json!(ruling);
        let denied = json!({
            "session_id": work.step.session,
            "turn_id": work.turn,
            "user": work.caller.subject,
            "policy": ruling,
        });
        let session = work.step.session.clone();
        let (committed, event) = self
            .store
            .write(move |tx| -> store::Result<_> {
                let Work { step, turn, request, .. } = work;
                let event =
                    rows::append(tx, &step.session, "turn.denied", &denied.to_string(), &at)?;
                answer["event_id"] = event.into();
                let answer = answer.to_string();
                let row =
                    rows::Turn { id: turn, outcome: Outcome::Denied, request, committed_at: at };
                rows::commit(tx, &step.session, &row, &answer)?;
                let request = request.to_vec();
                Ok((Committed { outcome: Outcome::Denied, request, answer }, event))
            })
            .await?;
        self.feed.announce(&session, event);
        Ok(committed)
    }
}

impl Work {
    fn memory_key(&self) -> String {
        format!("session/{}/turn/{}", self.step.session, self.turn)
    }
}

/// An answer with its event's id as its last member.
fn numbered(mut answer: String, event: i64) -> String {
    // An object that has members: what is taken off is its closing bracket.
    answer.pop();
    answer.push_str(&format!(",\"event_id\":{event}}}"));
    answer
}

/// The turn that a key names in a session: always the same one, so that a repeat after a crash
/// overwrites what the first try left behind rather than doubling it.
fn turn_id(session: &str, key: &str) -> String {
    let hash = digest(&SHA256, format!("turn\n{session}\n{key}").as_bytes());
    hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What two requests for one turn must agree on: the message and the metadata, in any key order.
fn fingerprint(step: &Step) -> Fingerprint {
    let mut text = String::new();
    canonical(&json!([step.message, step.metadata]), &mut text);
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    fingerprint
}

/// JSON with each object's keys in order.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in entries {
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

pub(super) fn reused() -> Problem {
    Problem::new(
        http::StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "the idempotency key was used with another body",
    )
    .hint("use a new key for a new request")
}

fn stopped() -> Problem {
    Problem::unavailable("turn_stopped", "the request at work on this turn was stopped")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(metadata: &str) -> Step {
        Step {
            session: "s".into(),
            message: "hello".into(),
            metadata: serde_json::from_str(metadata).unwrap(),
        }
    }

    #[test]
    fn a_fingerprint_knows_bodies_apart_but_not_key_orders() {
        let one = fingerprint(&step(r#"{"a":1,"b":{"c":[1,2],"d":null}}"#));
        assert_eq!(one, fingerprint(&step(r#"{"b":{"d":null,"c":[1,2]},"a":1}"#)));
        for other in [r#"{"a":1,"b":{"c":[2,1],"d":null}}"#, r#"{"a":1}"#, "null", r#"{"a":"1"}"#] {
            assert_ne!(one, fingerprint(&step(other)), "{other}");
        }
    }

    #[test]
    fn an_answer_is_numbered_at_its_end() {
        let answer = json!({"response": "}", "sources": []});
        let numbered: Value = serde_json::from_str(&numbered(answer.to_string(), 7)).unwrap();
        assert_eq!(numbered, json!({"response": "}", "sources": [], "event_id": 7}));
    }

    #[test]
    fn a_key_names_one_turn_in_one_session() {
        assert_eq!(turn_id("s", "k"), turn_id("s", "k"));
        assert_ne!(turn_id("s", "k"), turn_id("t", "k"));
        assert_ne!(turn_id("s", "k"), turn_id("s", "l"));
        assert_eq!(turn_id("s", "k").len(), 32);
    }
}
