//! Issuing, verifying and revoking tokens: signed statements of who, for which tenant, until when.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header;
use jsonwebtoken::{Algorithm, Header, Validation};
use schemars::JsonSchema;
use seaworthy_base::{Timestamp, id};
use serde::{Deserialize, Serialize};

use super::admin::Administrator;
use super::{Identity, check, rows};
use crate::auth::{self, Authenticator, Credential, Mark, SKEW, Token, Verified};
use crate::peer::Trail;
use crate::problem::{Body, Problem};

/// Who issued it, in every token.
const ISSUER: &str = "seaworthy-identity";

/// Longest token looked at.
const LONGEST: usize = 16 << 10;

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    tenant_id: String,
    capabilities: Vec<String>,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: String,
    /// Tokens of earlier versions have none.
    #[serde(default)]
    constitution_hash: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Issue {
    user_id: String,
    tenant_id: String,
    capabilities: Vec<String>,
    expires_in: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Issued {
    token: Token,
    expires_in: u64,
    token_type: &'static str,
}

pub(super) async fn post_issue(
    State(identity): State<Arc<Identity>>,
    administrator: Administrator,
    Body(issue): Body<Issue>,
) -> Result<impl IntoResponse, Problem> {
    check::id("/user_id", &issue.user_id)?;
    check::id("/tenant_id", &issue.tenant_id)?;
    check::capabilities("/capabilities", &issue.capabilities)?;
    administrator.reach(&issue.tenant_id)?;
    let longest = identity.lives.longest.as_secs();
    let expires_in = issue.expires_in.unwrap_or(identity.lives.lifetime.as_secs().min(longest));
    if !(1..=longest).contains(&expires_in) {
        let detail = format!("a token lives 1 to {longest} seconds");
        return Err(Problem::invalid("/expires_in", detail));
    }
    let constitution = identity.constitution.current()?;
    allowed(&identity, &issue).await?;
    let now = identity.clock.wall();
    let signer = identity.keys.signer(&identity.store, now).await?;
    let since = unix(now);
    let claims = Claims {
        iss: ISSUER.into(),
        sub: issue.user_id,
        tenant_id: issue.tenant_id,
        capabilities: issue.capabilities,
        iat: since,
        nbf: since,
        exp: since + expires_in,
        jti: id::uuid(now).to_string(),
        constitution_hash: Some(constitution.bundle.hash.clone()),
    };
    let header = Header { kid: Some(signer.kid.clone()), ..Header::new(Algorithm::EdDSA) };
    let token = jsonwebtoken::encode(&header, &claims, &signer.key)
        .map_err(|error| Problem::internal(&error))?;
    identity.issued.inc();
    let issued = Issued { token: Token::new(token), expires_in, token_type: "Bearer" };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(issued)))
}

async fn allowed(identity: &Identity, issue: &Issue) -> Result<(), Problem> {
    let user_id = issue.user_id.clone();
    let standing = identity.store.peek(move |tx| rows::standing(tx, &user_id, "")).await?;
    let Some(standing) = standing.filter(|found| found.tenant_id == issue.tenant_id) else {
        return Err(unknown_user());
    };
    if !standing.active {
        return Err(Problem::forbidden("inactive", "the user or the tenant is not active"));
    }
    match issue.capabilities.iter().find(|one| !auth::holds(&standing.capabilities, one)) {
        Some(beyond) => Err(Problem::forbidden(
            "capability_not_held",
            format!("the user does not hold `{beyond}`"),
        )),
        None => Ok(()),
    }
}

pub(super) fn unknown_user() -> Problem {
    Problem::not_found("unknown_user", "the tenant has no such user")
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    token: Token,
    #[serde(default)]
    required_capabilities: Vec<String>,
}

/// Needs no authentication: a token proves itself, and says nothing to those who lack it.
pub(super) async fn post_verify(
    Extension(authenticator): Extension<Authenticator>,
    trail: Trail,
    Body(verify): Body<Verify>,
) -> Result<Response, Problem> {
    let verified = authenticator.verify(&trail, &Credential::Token(verify.token)).await?;
    for capability in &verify.required_capabilities {
        if !auth::holds(&verified.capabilities, capability) {
            return Err(auth::missing(capability));
        }
    }
    Ok(Json(&*verified).into_response())
}

pub(super) async fn verify(identity: &Identity, token: &str) -> Result<Verified, Problem> {
    let now = identity.clock.wall();
    let claims = authentic(identity, token, now)?;
    if unix(now) >= claims.exp {
        return Err(Problem::unauthorized("token_expired", "the token has expired"));
    }
    if unix(now) + SKEW.as_secs() < claims.nbf {
        return Err(Problem::unauthorized("token_not_yet", "the token is not valid yet"));
    }
    let constitution_hash = identity.constitution.bind(claims.constitution_hash.as_deref())?;
    let (user, jti) = (claims.sub.clone(), claims.jti.clone());
    let standing = identity.store.peek(move |tx| rows::standing(tx, &user, &jti)).await?;
    let Some(standing) = standing.filter(|found| found.tenant_id == claims.tenant_id) else {
        return Err(Problem::unauthorized("token_orphaned", "the token's user is gone"));
    };
    if standing.revoked {
        return Err(Problem::unauthorized("token_revoked", "the token has been revoked"));
    }
    if !standing.active {
        return Err(Problem::unauthorized("inactive", "the user or the tenant is not active"));
    }
    let mut capabilities = claims.capabilities;
    capabilities.retain(|one| auth::holds(&standing.capabilities, one));
    Ok(Verified {
        valid: true,
        user_id: claims.sub,
        tenant_id: claims.tenant_id,
        capabilities,
        issued_at: timestamp(claims.iat),
        expires_at: timestamp(claims.exp),
        jti: claims.jti,
        constitution_hash,
        halted: identity.switch.is_engaged(),
        limits: standing.limits,
    })
}

/// The claims of a token that one of our keys signed, expired or not.
fn authentic(identity: &Identity, token: &str, now: Timestamp) -> Result<Claims, Problem> {
    let malformed = || Problem::unauthorized("token_malformed", "this is not a token of ours");
    let forged = || Problem::unauthorized("token_forged", "the token's signature does not hold");
    if token.len() > LONGEST {
        return Err(malformed());
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| malformed())?;
    if header.alg != Algorithm::EdDSA {
        return Err(forged());
    }
    let kid = header.kid.ok_or_else(malformed)?;
    let key = identity.keys.verifier(&kid, now).ok_or_else(|| {
        Problem::unauthorized("token_unknown_key", "no key of ours that is in use signed the token")
    })?;
    // Times are checked by the caller, against our own clock.
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims = HashSet::new();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.set_issuer(&[ISSUER]);
    let decoded = jsonwebtoken::decode::<Claims>(token, &key, &validation).map_err(|_| forged())?;
    Ok(decoded.claims)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoke {
    token: Token,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Revoked {
    revoked: bool,
}

/// Needs no more than the token: whoever holds it may put an end to it.
pub(super) async fn post_revoke(
    State(identity): State<Arc<Identity>>,
    Body(revoke): Body<Revoke>,
) -> Result<Json<Revoked>, Problem> {
    let now = identity.clock.wall();
    let claims = authentic(&identity, revoke.token.reveal(), now)?;
    let token = Mark::token(&claims.jti);
    let written =
        identity.store.write(move |tx| rows::revoke(tx, &claims.jti, claims.exp, now)).await;
    // Also after a failure: what is on disk then is not known.
    identity.changes.settle(token).await;
    written?;
    identity.revoked.inc();
    Ok(Json(Revoked { revoked: true }))
}

#[derive(Serialize, JsonSchema)]
pub(super) struct KeySet {
    keys: Vec<super::keys::Jwk>,
}

pub(super) async fn get_keys(State(identity): State<Arc<Identity>>) -> Json<KeySet> {
    Json(KeySet { keys: identity.keys.public() })
}

fn unix(time: Timestamp) -> u64 {
    time.as_nanos() / 1_000_000_000
}

fn timestamp(unix: u64) -> Timestamp {
    Timestamp::from_nanos(0).plus(Duration::from_secs(unix))
}
