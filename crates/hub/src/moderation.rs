//! Moderation: what nobody may ask for, and the strikes of those who do. The roles that people's texts
//! reach first have one each, with strikes of their own: the gateway, and the orchestrator for whoever
//! comes to its port.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use schemars::JsonSchema;
use seaworthy_base::{Clock, Timestamp};
use seaworthy_store::{self as store, Migration, Part, Store, Tx, values};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::auth::Caller;
use crate::policy::{Matcher, Rule};
use crate::problem::Problem;
use crate::server::{Context, Error};

/// The capability whose holders are not moderated. `*` does not stand for it.
pub(crate) const BYPASS: &str = "moderation:bypass";

/// The tables of a role that has others of its own.
pub(crate) const PART: Part = Part::of("moderation", MIGRATIONS);

/// The tables.
pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    name: "moderation strikes",
    sqlite: "CREATE TABLE strikes (
            tenant TEXT NOT NULL,
            subject TEXT NOT NULL,
            strikes INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            PRIMARY KEY (tenant, subject)
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX strikes_by_end ON strikes (expires_at);",
    postgres: r#"CREATE TABLE strikes (
            tenant TEXT COLLATE "C" NOT NULL,
            subject TEXT COLLATE "C" NOT NULL,
            strikes BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            PRIMARY KEY (tenant, subject)
          );
          CREATE INDEX strikes_by_end ON strikes (expires_at);"#,
}];

/// What moderation made of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Verdict {
    /// The user's strikes that still count, this text's included.
    pub(crate) strike_count: u32,
    /// The terms that were found.
    pub(crate) flagged_terms: Vec<String>,
    /// Why, in words.
    pub(crate) reasons: Vec<String>,
    /// Whether the user's capability spared the text.
    pub(crate) bypassed: bool,
}

/// Looks through texts and keeps the strikes. Clones share them.
#[derive(Clone)]
pub(crate) struct Moderation(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    matcher: Matcher,
    block_after: u32,
    remembered: Duration,
    decisions: Family<Decision, Counter>,
    strikes: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decision {
    tenant: String,
    outcome: &'static str,
}

impl Moderation {
    /// Compiles the terms and forgets the strikes that no longer count.
    pub(crate) async fn open(context: &Context, store: Store) -> Result<Self, Error> {
        let options = &context.options.moderation;
        let rules = options.terms.iter().map(|term| Rule::against(term.trim())).collect();
        let matcher =
            Matcher::new(rules).map_err(|error| Error::Terms { reason: error.to_string() })?;
        let (role, clock) = (context.role, context.clock.clone());
        let refuse = |source| Error::Store { role, source };
        let now = seconds(clock.wall());
        store
            .write(move |tx| {
                tx.execute("DELETE FROM strikes WHERE expires_at <= ?1", &values![now])
            })
            .await
            .map_err(refuse)?;
        let named = |what: &str| format!("{}_moderation_{what}", role.name());
        Ok(Self(Arc::new(Inner {
            store,
            clock,
            matcher,
            block_after: options.block_after.get(),
            remembered: options.remembered,
            decisions: context.metrics.register(
                &named("decisions"),
                "Texts looked through, by what came of it",
                Family::default(),
            ),
            strikes: context.metrics.register(
                &named("strikes"),
                "Strikes counted",
                Counter::default(),
            ),
        })))
    }

    /// Looks through what a caller has written. A strike is on disk before its answer is given; when
    /// it cannot be written the text is refused.
    ///
    /// # Errors
    /// 403 `moderated` once the user has as many strikes as are allowed.
    pub(crate) async fn check(&self, caller: &Caller, text: &str) -> Result<Verdict, Problem> {
        let checked = match self.look(caller, text).await {
            Ok(Some(flagged)) => Ok(flagged),
            Ok(None) => self.standing(caller).await,
            Err(problem) => Err(problem),
        };
        self.count_as(caller, checked)
    }

    /// As [`Moderation::check`], for every text in `value` together; what is only handed back to the
    /// caller (metadata), or says who it is, is not among them.
    ///
    /// # Errors
    /// As [`Moderation::check`].
    pub(crate) async fn check_all(&self, caller: &Caller, value: &Value) -> Result<(), Problem> {
        let mut texts = String::new();
        gather(value, &mut texts);
        let checked = self.look(caller, &texts).await;
        self.count_as(caller, checked).map(drop)
    }

    fn count_as<T>(&self, caller: &Caller, checked: Result<T, Problem>) -> Result<T, Problem> {
        let outcome = match &checked {
            Ok(_) => "allowed",
            Err(problem) if problem.status == 403 => "blocked",
            Err(_) => "error",
        };
        self.count(&caller.tenant, outcome);
        checked
    }

    /// Counts a request that the kill switch has stopped before it was looked through.
    pub(crate) fn count(&self, tenant: &str, outcome: &'static str) {
        let tenant = tenant.to_owned();
        self.0.decisions.get_or_create(&Decision { tenant, outcome }).inc();
    }

    /// What is to be said of a text; none when there is nothing in it.
    async fn look(&self, caller: &Caller, text: &str) -> Result<Option<Verdict>, Problem> {
        if caller.capabilities.iter().any(|one| one == BYPASS) {
            let reasons = vec![format!("the user holds `{BYPASS}`")];
            return Ok(Some(Verdict { bypassed: true, reasons, ..self.standing(caller).await? }));
        }
        let mut flagged_terms: Vec<String> =
            self.0.matcher.violations(text).into_iter().map(|one| one.name).collect();
        if flagged_terms.is_empty() {
            return Ok(None);
        }
        flagged_terms.sort_unstable();
        let strike_count = self.strike(caller).await?;
        let block_after = self.0.block_after;
        let mut reasons = vec![format!("flagged terms: {}", flagged_terms.join(", "))];
        if strike_count < block_after {
            reasons.push(format!("strike {strike_count} of {block_after}"));
            return Ok(Some(Verdict { strike_count, flagged_terms, reasons, bypassed: false }));
        }
        reasons.push(format!("strike threshold reached ({strike_count}/{block_after})"));
        Err(Problem::forbidden("moderated", "the text asks for what nobody may ask for here")
            .with("message", "the text is blocked by moderation".into())
            .with("strike_count", strike_count.into())
            .with("flagged_terms", flagged_terms.into())
            .with("reasons", reasons.into()))
    }

    /// A user's strikes as they are.
    async fn standing(&self, caller: &Caller) -> Result<Verdict, Problem> {
        let (tenant, subject) = (caller.tenant.clone(), caller.subject.clone());
        let now = seconds(self.0.clock.wall());
        let strikes = self.0.store.peek(move |tx| count(tx, &tenant, &subject, now)).await?;
        Ok(Verdict { strike_count: strikes, ..Verdict::default() })
    }

    /// One strike more; all of a user's count until the last one is old enough.
    async fn strike(&self, caller: &Caller) -> Result<u32, Problem> {
        let (tenant, subject) = (caller.tenant.clone(), caller.subject.clone());
        let now = self.0.clock.wall();
        let (end, now) = (seconds(now.plus(self.0.remembered)), seconds(now));
        let strikes = self
            .0
            .store
            .write(move |tx| -> store::Result<u32> {
                let strikes = count(tx, &tenant, &subject, now)?.saturating_add(1);
                tx.put(
                    "INSERT INTO strikes (tenant, subject, strikes, expires_at)
                     VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (tenant, subject) DO UPDATE SET strikes = ?3, expires_at = ?4",
                    &values![tenant, subject, i64::from(strikes), end],
                )?;
                Ok(strikes)
            })
            .await?;
        self.0.strikes.inc();
        Ok(strikes)
    }
}

/// What says who somebody is, or is only handed back.
const NOT_SAID: [&str; 6] = ["metadata", "tenant", "tenant_id", "user", "user_id", "initiator"];

/// Every text in a value, each on a line of its own.
fn gather(value: &Value, texts: &mut String) {
    match value {
        Value::String(text) => {
            texts.push_str(text);
            texts.push('\n');
        }
        Value::Array(entries) => entries.iter().for_each(|entry| gather(entry, texts)),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !NOT_SAID.contains(&name.as_str()))
            .for_each(|(_, member)| gather(member, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn count(tx: &mut Tx<'_>, tenant: &str, subject: &str, now: i64) -> store::Result<u32> {
    let sql = "SELECT strikes FROM strikes WHERE tenant = ?1 AND subject = ?2 AND expires_at > ?3";
    let strikes = tx.first(sql, &values![tenant, subject, now], |row| row.get::<u32>(0))?;
    Ok(strikes.unwrap_or(0))
}

fn seconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanos() / 1_000_000_000).unwrap_or(i64::MAX)
}
