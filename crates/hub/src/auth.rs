//! Who is calling: bearer tokens judged by identity, capabilities and tenants checked here.

use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use prometheus_client::metrics::counter::Counter;
use seaworthy_base::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::identity;
use crate::metrics::Metrics;
use crate::peer::{self, Trail};
use crate::problem::Problem;

mod follower;
mod verdicts;

pub(crate) use follower::{HOLD, LEASE, News, Question, ROUTE as CHANGES};
pub(crate) use verdicts::{Lease, Mark, Name, SKEW, Verdicts};

/// The tenant of the platform's own operators.
pub const SYSTEM: &str = "system";

/// The capability that implies every other.
pub const ALL: &str = "*";

/// The verified sender of a request. As an extractor it refuses requests without a valid token.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user's id.
    pub subject: String,
    /// The tenant the token is for.
    pub tenant: String,
    /// What the token allows, such as `memory:write`; `*` allows everything.
    pub capabilities: Vec<String>,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// The token itself, to be passed on to other roles.
    pub token: Token,
}

impl Caller {
    /// Refuses with 403 unless the token carries `capability` or `*`.
    ///
    /// # Errors
    /// `missing_capability`, naming it.
    pub fn require(&self, capability: &str) -> Result<(), Problem> {
        if holds(&self.capabilities, capability) { Ok(()) } else { Err(missing(capability)) }
    }

    /// Refuses with 403 unless the token is for `tenant`. An administrator's `*` does not reach
    /// into other tenants either.
    ///
    /// # Errors
    /// `wrong_tenant`.
    pub fn same_tenant(&self, tenant: &str) -> Result<(), Problem> {
        if self.tenant == tenant {
            Ok(())
        } else {
            Err(Problem::forbidden("wrong_tenant", "the token is for another tenant"))
        }
    }
}

/// Whether `held` contains `capability` or `*`.
pub fn holds(held: &[String], capability: &str) -> bool {
    held.iter().any(|one| one == capability || one == ALL)
}

pub(crate) fn missing(capability: &str) -> Problem {
    Problem::forbidden("missing_capability", format!("the token lacks `{capability}`"))
}

/// A bearer token. Its text does not appear when it is printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// Wraps a token's text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token's text, to be sent or verified, never logged.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(..)")
    }
}

/// What identity says about a valid token; the answer of `POST /v1/tokens/verify`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verified {
    /// Always true: a token that is not valid is a problem, not an answer.
    pub valid: bool,
    /// The user.
    pub user_id: String,
    /// The tenant.
    pub tenant_id: String,
    /// What it allows now: what it was issued with, less what the user has lost since.
    pub capabilities: Vec<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The token's id.
    pub jti: String,
}

/// How a role has tokens judged: by identity, whose verdict is used again while it is known to hold.
#[derive(Clone)]
pub(crate) struct Authenticator {
    source: Source,
    hits: Counter,
    misses: Counter,
}

/// Where verdicts come from.
#[derive(Clone)]
pub(crate) enum Source {
    /// Identity is played by this process and shares its verdicts.
    Here(Arc<identity::Identity>),
    /// Identity is another process; its changes are followed.
    Elsewhere {
        /// Asked about tokens that there is no verdict on.
        identity: peer::Client,
        /// What it said, as long as it holds.
        verdicts: Arc<Verdicts>,
    },
}

#[derive(Serialize)]
struct Asked<'a> {
    token: &'a Token,
}

impl Source {
    /// Follows identity in another process until `stop`.
    pub(crate) fn elsewhere(
        identity: peer::Client,
        clock: &Clock,
        stop: &CancellationToken,
    ) -> Self {
        let verdicts = Arc::new(Verdicts::new(clock.clone(), Lease::Until(clock.now())));
        tokio::spawn(follower::follow(
            identity.clone(),
            Arc::clone(&verdicts),
            clock.clone(),
            stop.clone(),
        ));
        Self::Elsewhere { identity, verdicts }
    }
}

impl Authenticator {
    /// Judges by `source`, counted in the role's own metrics.
    pub(crate) fn new(source: Source, metrics: &Metrics) -> Self {
        let (hits, misses) = metrics.cache("tokens");
        Self { source, hits, misses }
    }

    /// Whom the token speaks for, now.
    pub(crate) async fn verify(
        &self,
        trail: &Trail,
        token: &Token,
    ) -> Result<Arc<Verified>, Problem> {
        let verdicts = self.verdicts();
        let name = Name::of(token.reveal());
        if let Some(verified) = verdicts.get(&name) {
            self.hits.inc();
            return Ok(verified);
        }
        self.misses.inc();
        let since = verdicts.revision();
        let verified = Arc::new(self.ask(trail, token).await?);
        verdicts.keep(name, Arc::clone(&verified), since);
        Ok(verified)
    }

    /// Told whenever verdicts were dropped: whoever goes on for long must look again then.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.verdicts().watch()
    }

    fn verdicts(&self) -> &Verdicts {
        match &self.source {
            Source::Here(identity) => identity.verdicts(),
            Source::Elsewhere { verdicts, .. } => verdicts,
        }
    }

    async fn ask(&self, trail: &Trail, token: &Token) -> Result<Verified, Problem> {
        match &self.source {
            Source::Here(identity) => identity.verify(token.reveal()).await,
            Source::Elsewhere { identity, .. } => {
                let verified: Result<Verified, Problem> =
                    identity.post_idempotent(trail, "/v1/tokens/verify", &Asked { token }).await;
                match verified {
                    Ok(verified) if verified.valid => Ok(verified),
                    Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => Err(problem),
                    Ok(_) | Err(_) => Err(Problem::unavailable(
                        "identity_unavailable",
                        "the token cannot be verified now",
                    )),
                }
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?;
        let authenticator = parts
            .extensions
            .get::<Authenticator>()
            .ok_or_else(|| Problem::internal(&"the route has no authenticator"))?;
        let verified = authenticator.verify(&Trail::of(parts), &token).await?;
        Ok(Self {
            subject: verified.user_id.clone(),
            tenant: verified.tenant_id.clone(),
            capabilities: verified.capabilities.clone(),
            expires_at: verified.expires_at,
            token,
        })
    }
}

/// The token of the one `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Token, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(no_token());
    };
    let text = value.to_str().map_err(|_| no_token())?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Token::new(token.trim()))
        }
        _ => Err(no_token()),
    }
}

fn no_token() -> Problem {
    Problem::unauthorized("no_token", "the request carries no bearer token")
        .challenge("Bearer realm=\"seaworthy\"")
        .hint("send one `Authorization: Bearer <token>` header; identity issues tokens")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(tenant: &str, capabilities: &[&str]) -> Caller {
        Caller {
            subject: "ada".into(),
            tenant: tenant.into(),
            capabilities: capabilities.iter().map(|one| (*one).to_owned()).collect(),
            expires_at: Timestamp::default(),
            token: Token::new("secret"),
        }
    }

    #[test]
    fn everything_is_not_everywhere() {
        let admin = caller(SYSTEM, &["*"]);
        assert!(admin.require("memory:write").is_ok());
        assert_eq!(admin.same_tenant("acme").unwrap_err().status, 403);
        let user = caller("acme", &["memory:read"]);
        assert!(user.same_tenant("acme").is_ok());
        assert_eq!(user.require("memory:write").unwrap_err().code, "hub.missing_capability");
    }

    #[test]
    fn a_printed_caller_keeps_its_token() {
        assert!(!format!("{:?}", caller("acme", &[])).contains("secret"));
    }

    #[test]
    fn only_one_bearer_header_counts() {
        let mut headers = HeaderMap::new();
        assert_eq!(bearer(&headers).unwrap_err().code, "hub.no_token");
        headers.append(header::AUTHORIZATION, "bearer abc".parse().unwrap());
        assert_eq!(bearer(&headers).unwrap().reveal(), "abc");
        headers.append(header::AUTHORIZATION, "Bearer def".parse().unwrap());
        assert_eq!(bearer(&headers).unwrap_err().code, "hub.no_token");
    }
}
