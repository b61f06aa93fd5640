//! The constitution: a signed document that every token is bound to and every verdict names.
//!
//! Identity holds it: it reads the operator's bundle, keeps the last one whose signature held, and
//! binds tokens to its hash. The policy engine takes it from there and verifies it for itself. Both
//! answer the same routes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Operation, Routes};
use crate::auth::Caller;
use crate::identity::Identity;
use crate::peer::Trail;
use crate::policy::Charter;
use crate::problem::{Body, Path, Problem};

mod bundle;
mod key;
mod standard;

pub use bundle::{Algorithm, Bundle, Document, LONGEST, Principle, Signature};
pub use key::Key;
pub(crate) use standard::{VERSION, document};

/// Where identity publishes the constitution and the key that signed it, for roles.
pub(crate) const PUBLISHED: &str = "/.well-known/constitution.json";

/// A constitution that holds, and the key it holds under.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) bundle: Bundle,
    pub(crate) key: Key,
}

/// The constitution as identity publishes it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Published {
    /// The bundle.
    pub(crate) bundle: Bundle,
    /// The public key that its signature holds under, as PEM.
    pub(crate) key: String,
}

/// Which constitution is in force.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Summary {
    /// Its version.
    version: String,
    /// When it was issued.
    issued_at: String,
    /// Its hash, which tokens and verdicts carry.
    hash: String,
}

/// The hash that a tenant's tokens and verdicts carry.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct TenantHash {
    /// The hash.
    hash: String,
    /// The constitution's version.
    version: String,
    /// The tenant.
    tenant: String,
}

/// What the check of a bundle found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Validation {
    /// Whether it holds under the trusted key.
    valid: bool,
    /// Everything that keeps it from holding.
    issues: Vec<String>,
}

/// Whose word a role's routes give.
#[derive(Clone)]
pub(crate) enum Keeper {
    /// Identity's own.
    Identity(Arc<Identity>),
    /// The policy engine's copy.
    Policy(Arc<Charter>),
}

impl Keeper {
    async fn current(&self, trail: &Trail) -> Result<Arc<Held>, Problem> {
        match self {
            Self::Identity(identity) => identity.constitution().current(),
            Self::Policy(charter) => charter.current(trail).await,
        }
    }
}

/// What is answered while no constitution holds.
pub(crate) fn none() -> Problem {
    Problem::unavailable("no_constitution", "no constitution holds, so everything is denied")
        .hint("the operator must give a bundle that is signed with the trusted key")
}

/// The routes that read and check a constitution.
pub(crate) fn routes(keeper: Keeper) -> Routes {
    Routes::new()
        .get(
            "/v1/constitution",
            summary,
            Operation::new("The constitution in force").open().answers::<Summary>(200),
        )
        .get(
            "/v1/constitution/{tenant}",
            whole,
            Operation::new("The signed bundle a tenant is under").answers::<Bundle>(200),
        )
        .get(
            "/v1/constitution/{tenant}/hash",
            hash,
            Operation::new("The hash that a tenant's tokens carry").answers::<TenantHash>(200),
        )
        .post(
            "/v1/constitution/validate",
            validate,
            Operation::new("Check a bundle against the trusted key")
                .body::<Bundle>()
                .answers::<Validation>(200),
        )
        .with_state(keeper)
}

async fn summary(State(keeper): State<Keeper>, trail: Trail) -> Result<Json<Summary>, Problem> {
    let Bundle { version, issued_at, hash, .. } = keeper.current(&trail).await?.bundle.clone();
    Ok(Json(Summary { version, issued_at, hash }))
}

async fn whole(
    caller: Caller,
    trail: Trail,
    State(keeper): State<Keeper>,
    Path(tenant): Path<String>,
) -> Result<Json<Bundle>, Problem> {
    caller.same_tenant(&tenant)?;
    Ok(Json(keeper.current(&trail).await?.bundle.clone()))
}

async fn hash(
    caller: Caller,
    trail: Trail,
    State(keeper): State<Keeper>,
    Path(tenant): Path<String>,
) -> Result<Json<TenantHash>, Problem> {
    caller.same_tenant(&tenant)?;
    let Bundle { version, hash, .. } = keeper.current(&trail).await?.bundle.clone();
    Ok(Json(TenantHash { hash, version, tenant }))
}

async fn validate(
    _: Caller,
    trail: Trail,
    State(keeper): State<Keeper>,
    Body(bundle): Body<Bundle>,
) -> Result<Json<Validation>, Problem> {
    let issues = bundle.issues(&keeper.current(&trail).await?.key);
    Ok(Json(Validation { valid: issues.is_empty(), issues }))
}
