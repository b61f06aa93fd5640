//! Rules per tenant, and the verdict on a prompt: allowed or not, a score, and which rules matched.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use schemars::JsonSchema;
use seaworthy_base::Clock;
use seaworthy_store::{Part as Schema, Store};
use serde::{Deserialize, Serialize};

use crate::api::{Operation, Routes};
use crate::auth::Caller;
use crate::constitution::{self, Keeper};
use crate::metrics;
use crate::options::Role;
use crate::peer::Trail;
use crate::problem::{Body, Path, Problem};
use crate::server::{Context, Error, Part};

mod book;
mod charter;
mod fold;
mod matcher;
mod rules;

pub(crate) use charter::Charter;
pub(crate) use matcher::Matcher;
pub use matcher::Violation;
pub use rules::{Rule, Severity};

/// The reason code for a tenant that has no policy.
const NO_POLICY: &str = "no_policy";

/// The reason code while no constitution holds.
const NO_CONSTITUTION: &str = "no_constitution";

/// The capabilities to have prompts judged, to read rules and to write them.
pub(crate) const EVALUATE: &str = "policy:evaluate";
const READ: &str = "policy:read";
const WRITE: &str = "policy:write";

struct Policy {
    store: Store,
    clock: Clock,
    book: book::Book,
    charter: Arc<Charter>,
    evaluations: Family<Decision, Counter>,
    latency: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decision {
    decision: &'static str,
    severity: &'static str,
}

/// Opens the role.
pub(crate) async fn start(context: &Context) -> Result<Part, Error> {
    let store = context.store(&[Schema::own(rules::MIGRATIONS)]).await?;
    let identity = context.peer(Role::Identity)?;
    if let Some(anonymous) = &context.options.anonymous {
        let now = context.clock.wall();
        let made = rules::begin(&store, &anonymous.tenant, &context.options.moderation.terms, now);
        made.await.map_err(|problem| Error::Terms { reason: problem.to_string() })?;
    }
    let trusted = context.options.constitution.trusted_key()?;
    let charter = Arc::new(Charter::new(identity.clone(), trusted));
    let policy = Arc::new(Policy {
        store: store.clone(),
        clock: context.clock.clone(),
        book: book::Book::new(store.clone()),
        charter: Arc::clone(&charter),
        evaluations: context.metrics.register(
            "policy_evaluations",
            "Prompts evaluated",
            Family::default(),
        ),
        latency: context.metrics.register(
            "policy_evaluation_latency_seconds",
            "Time to evaluate one prompt, its rules' compilation included",
            metrics::seconds(),
        ),
    });
    let routes = routes().with_state(policy).merge(constitution::routes(Keeper::Policy(charter)));
    Ok(Part {
        routes,
        authenticator: context.authenticator(&identity),
        store: Some(store),
        needs: vec![identity],
        ailment: None,
    })
}

fn routes() -> Routes<Arc<Policy>> {
    Routes::new()
        .post(
            "/v1/evaluate",
            evaluate,
            Operation::new("Judge a prompt by its tenant's rules")
                .needs(EVALUATE)
                .body::<Question>()
                .answers::<Answer>(200),
        )
        .get(
            "/v1/policies/{tenant}",
            get_rules,
            Operation::new("A tenant's rules").needs(READ).answers::<Rules>(200),
        )
        .put(
            "/v1/policies/{tenant}",
            put_rules,
            Operation::new("Put rules in the place of all a tenant has")
                .needs(WRITE)
                .body::<PutRules>()
                .answers::<Rules>(200)
                .answers::<Rules>(201),
        )
        .post(
            "/v1/policies/{tenant}/rules",
            post_rule,
            Operation::new("Add a rule").needs(WRITE).body::<Rule>().answers::<Rule>(201),
        )
}

/// A prompt to be judged.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The session it belongs to.
    pub session_id: String,
    /// The tenant whose rules apply; must be the caller's.
    pub tenant: String,
    /// Who wrote it.
    pub user: String,
    /// The text.
    pub prompt: String,
    /// In which role it was written.
    #[serde(default = "user")]
    pub role: String,
    /// Anything else about it; not evaluated.
    #[serde(default)]
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

fn user() -> String {
    "user".into()
}

/// The verdict on a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// Whether no rule matched, and the tenant has a policy at all.
    pub allowed: bool,
    /// 1 less the weights of the rules that matched, at least 0.
    pub score: f64,
    /// Read off the score: 0.8 and above low, 0.5 medium, 0.2 high, below critical.
    pub severity: Severity,
    /// Why.
    pub reasons: Reasons,
}

/// What a verdict rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reasons {
    /// Set when the verdict does not rest on rules: `no_policy`, `no_constitution`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The constitution that the verdict was given under; none when none holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constitution_hash: Option<String>,
    /// The rules that matched, by pattern and name.
    pub policy: Vec<Violation>,
}

impl Answer {
    fn denied(code: &str, constitution_hash: Option<String>) -> Self {
        let code = Some(code.to_owned());
        Self {
            allowed: false,
            score: 0.0,
            severity: Severity::Critical,
            reasons: Reasons { code, constitution_hash, policy: Vec::new() },
        }
    }

    fn of(violations: Vec<Violation>, constitution_hash: Option<String>) -> Self {
        let weights: f64 = violations.iter().map(|one| one.weight).sum();
        let score = (1.0 - weights).max(0.0);
        Self {
            allowed: violations.is_empty(),
            score,
            severity: Severity::of_score(score),
            reasons: Reasons { code: None, constitution_hash, policy: violations },
        }
    }
}

impl Policy {
    async fn judge(
        &self,
        caller: &Caller,
        trail: &Trail,
        question: &Question,
    ) -> Result<Answer, Problem> {
        if !self.charter.upholds(trail, &caller.constitution).await? {
            return Ok(Answer::denied(NO_CONSTITUTION, None));
        }
        let hash = Some(caller.constitution.clone());
        Ok(match self.book.matcher(&question.tenant).await? {
            Some(matcher) => Answer::of(matcher.violations(&question.prompt), hash),
            None => Answer::denied(NO_POLICY, hash),
        })
    }
}

async fn evaluate(
    State(policy): State<Arc<Policy>>,
    caller: Caller,
    trail: Trail,
    Body(question): Body<Question>,
) -> Result<Json<Answer>, Problem> {
    caller.require(EVALUATE)?;
    caller.same_tenant(&question.tenant)?;
    let start = policy.clock.now();
    let answer = policy.judge(&caller, &trail, &question).await?;
    policy.latency.observe((policy.clock.now() - start).as_secs_f64());
    let decision = if answer.allowed { "allow" } else { "deny" };
    let severity = answer.severity.as_str();
    policy.evaluations.get_or_create(&Decision { decision, severity }).inc();
    Ok(Json(answer))
}

/// A tenant's policy, as its routes answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rules {
    /// The tenant.
    pub tenant: String,
    /// Grows by one with each change.
    pub version: u64,
    /// The rules, by pattern and name.
    pub rules: Vec<Rule>,
}

async fn get_rules(
    State(policy): State<Arc<Policy>>,
    caller: Caller,
    Path(tenant): Path<String>,
) -> Result<Json<Rules>, Problem> {
    caller.require(READ)?;
    caller.same_tenant(&tenant)?;
    let rules = policy.store.read(move |tx| rules::read(tx, &tenant)).await?;
    rules.map(Json).ok_or_else(|| {
        Problem::not_found(NO_POLICY, "the tenant has no policy, so everything is denied")
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PutRules {
    rules: Vec<Rule>,
}

async fn put_rules(
    State(policy): State<Arc<Policy>>,
    caller: Caller,
    Path(tenant): Path<String>,
    Body(put): Body<PutRules>,
) -> Result<(StatusCode, Json<Rules>), Problem> {
    caller.require(WRITE)?;
    caller.same_tenant(&tenant)?;
    rules::check(&put.rules)?;
    let now = policy.clock.wall();
    let name = tenant.clone();
    let rules = policy.store.write(move |tx| rules::replace(tx, &tenant, put.rules, now)).await;
    // Also after a failure: what is on disk then is not known.
    policy.book.forget(&name);
    let rules = rules?;
    let status = if rules.version == 1 { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(rules)))
}

async fn post_rule(
    State(policy): State<Arc<Policy>>,
    caller: Caller,
    Path(tenant): Path<String>,
    Body(rule): Body<Rule>,
) -> Result<(StatusCode, Json<Rule>), Problem> {
    caller.require(WRITE)?;
    caller.same_tenant(&tenant)?;
    rules::check_one("", &rule)?;
    let now = policy.clock.wall();
    let name = tenant.clone();
    let added = policy.store.write(move |tx| rules::add(tx, &tenant, rule, now)).await;
    policy.book.forget(&name);
    Ok((StatusCode::CREATED, Json(added?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(weight: f64) -> Violation {
        Violation {
            name: "n".into(),
            pattern: "p".into(),
            weight,
            severity: Severity::Low,
            description: String::new(),
            excerpt: "p".into(),
        }
    }

    #[test]
    fn score_and_severity_follow_the_weights() {
        let check = |weights: &[f64], score: f64, severity: Severity| {
            let violations = weights.iter().map(|weight| violation(*weight)).collect();
            let answer = Answer::of(violations, None);
            assert!((answer.score - score).abs() < 1e-12, "{answer:?}");
            assert_eq!(answer.severity, severity, "{answer:?}");
            assert_eq!(answer.allowed, weights.is_empty());
        };
        check(&[], 1.0, Severity::Low);
        check(&[0.0], 1.0, Severity::Low);
        check(&[0.2], 0.8, Severity::Low);
        check(&[0.35], 0.65, Severity::Medium);
        check(&[0.5], 0.5, Severity::Medium);
        check(&[0.35, 0.35], 0.3, Severity::High);
        check(&[1.0], 0.0, Severity::Critical);
        check(&[0.9, 0.9], 0.0, Severity::Critical);
    }
}
