//! Who is calling: bearer tokens judged by identity, capabilities and tenants checked here.

use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use prometheus_client::metrics::counter::Counter;
use schemars::JsonSchema;
use seaworthy_base::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::identity;
use crate::limits::{Allowance, Gate, Slip};
use crate::metrics::Metrics;
use crate::peer::{self, FromInside, Trail};
use crate::problem::Problem;

mod follower;
mod verdicts;

pub(crate) use follower::{HOLD, LEASE, News, Question, ROUTE as CHANGES};
pub(crate) use verdicts::{Lease, Mark, Name, SKEW, Verdicts};

/// The tenant of the platform's own operators.
pub const SYSTEM: &str = "system";

/// Where identity is asked whom requests without a token speak for.
pub(crate) const ANONYMOUS: &str = "/v1/tokens/anonymous";

/// The capability that implies every other.
pub const ALL: &str = "*";

/// The header in which a caller may repeat its tenant; another than its own is refused.
pub const TENANT_ID: &str = "x-tenant-id";

/// The header in which a caller may repeat its user; another than its own is refused.
pub const USER_ID: &str = "x-user-id";

/// The verified sender of a request. As an extractor it refuses requests without a valid token, those
/// that do something while the kill switch is engaged, and those beyond the tenant's rate.
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
    /// The hash of the constitution in force, which the token is bound to.
    pub constitution: String,
    /// What the tenant may use.
    pub limits: Allowance,
    /// What the caller proved itself with.
    pub credential: Credential,
}

impl Caller {
    /// Refuses with 403 unless the token carries `capability` or `*`.
    ///
    /// # Errors
    /// `missing_capability`, naming it.
    pub fn require(&self, capability: &str) -> Result<(), Problem> {
        if holds(&self.capabilities, capability) { Ok(()) } else { Err(missing(capability)) }
    }

    /// Whether nobody said who this is.
    pub fn is_anonymous(&self) -> bool {
        matches!(self.credential, Credential::Anonymous(_))
    }

    /// The user that a body names, which must be the caller. Who is anonymous may call itself anything
    /// of 1 to 128 bytes: it is a label there, and grants nothing.
    ///
    /// # Errors
    /// `wrong_user`.
    pub fn user(&self, named: Option<&str>) -> Result<String, Problem> {
        match named {
            None => Ok(self.subject.clone()),
            Some(name) if name == self.subject => Ok(self.subject.clone()),
            Some(name) if self.is_anonymous() && (1..=128).contains(&name.len()) => {
                Ok(name.to_owned())
            }
            Some(_) => Err(Problem::forbidden("wrong_user", "the token is for another user")),
        }
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

/// What a caller proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A token.
    Token(Token),
    /// Nothing: the operator maps such requests to this tenant.
    Anonymous(Arc<str>),
}

/// In a request's extensions when the operator maps requests without a token to a tenant.
#[derive(Clone, Debug)]
pub(crate) struct AnonymousTenant(pub(crate) Arc<str>);

/// A bearer token. Its text does not appear when it is printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
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
    #[schemars(with = "String")]
    pub issued_at: Timestamp,
    /// When it ends.
    #[schemars(with = "String")]
    pub expires_at: Timestamp,
    /// The token's id.
    pub jti: String,
    /// The hash of the constitution in force, which the token is bound to.
    pub constitution_hash: String,
    /// Whether the kill switch is engaged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub halted: bool,
    /// What the tenant may use, where it is not as each role's operator says.
    #[serde(default, skip_serializing_if = "Allowance::is_default")]
    pub limits: Allowance,
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
#[serde(rename_all = "snake_case")]
enum Asked<'a> {
    Token(&'a Token),
    Tenant(&'a str),
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

    /// Whom the credential speaks for, now.
    pub(crate) async fn verify(
        &self,
        trail: &Trail,
        credential: &Credential,
    ) -> Result<Arc<Verified>, Problem> {
        let verdicts = self.verdicts();
        let name = match credential {
            Credential::Token(token) => Name::of(token.reveal()),
            Credential::Anonymous(tenant) => Name::anonymous(tenant),
        };
        if let Some(verified) = verdicts.get(&name) {
            self.hits.inc();
            return Ok(verified);
        }
        self.misses.inc();
        let since = verdicts.revision();
        let verified = Arc::new(self.ask(trail, credential).await?);
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

    async fn ask(&self, trail: &Trail, credential: &Credential) -> Result<Verified, Problem> {
        let identity = match &self.source {
            Source::Here(identity) => {
                return match credential {
                    Credential::Token(token) => identity.verify(token.reveal()).await,
                    Credential::Anonymous(tenant) => identity.anonymous(tenant).await,
                };
            }
            Source::Elsewhere { identity, .. } => identity,
        };
        let (path, asked) = match credential {
            Credential::Token(token) => ("/v1/tokens/verify", Asked::Token(token)),
            Credential::Anonymous(tenant) => (ANONYMOUS, Asked::Tenant(tenant)),
        };
        let verified: Result<Verified, Problem> =
            identity.post_idempotent(trail, path, &asked).await;
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

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let credential = credential(parts)?;
        let authenticator = parts
            .extensions
            .get::<Authenticator>()
            .ok_or_else(|| Problem::internal(&"the route has no authenticator"))?;
        let verified = authenticator.verify(&Trail::of(parts), &credential).await?;
        let caller = Self {
            subject: verified.user_id.clone(),
            tenant: verified.tenant_id.clone(),
            capabilities: verified.capabilities.clone(),
            expires_at: verified.expires_at,
            constitution: verified.constitution_hash.clone(),
            limits: verified.limits,
            credential,
        };
        caller.is_meant(&parts.headers)?;
        let reads = [Method::GET, Method::HEAD].contains(&parts.method);
        if verified.halted && !reads && caller.tenant != SYSTEM {
            return Err(halted());
        }
        // What came through another role of this process was counted where it came in.
        if parts.extensions.get::<FromInside>().is_none()
            && let Some(gate) = parts.extensions.get::<Gate>()
        {
            let quota = gate.admit(&caller)?;
            if let (Some(quota), Some(slip)) = (quota, parts.extensions.get::<Slip>()) {
                slip.leave(quota);
            }
        }
        Ok(caller)
    }
}

impl Caller {
    /// A tenant or user that the headers name must be the caller's own.
    fn is_meant(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let other = |name: &str, own: &str| {
            headers.get_all(name).iter().any(|value| value.as_bytes() != own.as_bytes())
        };
        if other(TENANT_ID, &self.tenant) {
            return Err(Problem::forbidden("wrong_tenant", "the token is for another tenant"));
        }
        if other(USER_ID, &self.subject) {
            return Err(Problem::forbidden("wrong_user", "the token is for another user"));
        }
        Ok(())
    }
}

/// Nobody but the operators works while the kill switch is engaged.
pub(crate) fn halted() -> Problem {
    Problem::unavailable("kill_switch", "the platform's operators have stopped all work")
        .retry_after(30)
}

/// The request's token; the anonymous tenant where the operator has named one and nobody claims to be
/// anyone. A browser's request is never anonymous: some other page may have made it.
fn credential(parts: &Parts) -> Result<Credential, Problem> {
    let headers = &parts.headers;
    let fetched = headers.get("sec-fetch-site").is_some_and(|site| site != "none");
    let unsigned = !headers.contains_key(header::AUTHORIZATION)
        && !headers.contains_key(header::ORIGIN)
        && !fetched;
    match parts.extensions.get::<AnonymousTenant>() {
        Some(AnonymousTenant(tenant)) if unsigned => Ok(Credential::Anonymous(Arc::clone(tenant))),
        _ => bearer(headers).map(Credential::Token),
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
            constitution: String::new(),
            limits: Allowance::default(),
            credential: Credential::Token(Token::new("secret")),
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
