//! Requests without a token: the user they are taken for, where the operator named a tenant.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use seaworthy_base::Timestamp;
use seaworthy_store::{self as store, Store};
use serde::Deserialize;

use super::Identity;
use super::rows::{self, Tenant, User};
use crate::auth::Verified;
use crate::limits::Allowance;
use crate::options::Role;
use crate::problem::{Body, Problem};
use crate::server::Error;

/// How long a verdict on them holds before it is looked at again.
const LIFE: Duration = Duration::from_secs(3_600);

/// What everyone may do who can reach the port: work, and nothing that administers.
const CAPABILITIES: [&str; 10] = [
    "session:read",
    "session:write",
    "memory:read",
    "memory:write",
    "policy:read",
    "policy:evaluate",
    "inference:use",
    "wizard:use",
    "workflow:read",
    "workflow:start",
];

/// The user that they are taken for.
fn user(tenant: &str) -> String {
    let mut id = format!("anonymous-{tenant}");
    id.truncate(128);
    id
}

/// Makes the tenant and its user where they are missing. What is there stays as it is, so that an
/// administrator can take capabilities away, or switch it off.
pub(super) async fn ensure(store: &Store, tenant: &str, now: Timestamp) -> Result<(), Error> {
    let (tenant_id, user_id) = (tenant.to_owned(), user(tenant));
    let fits = store
        .write(move |tx| -> store::Result<bool> {
            if rows::tenant(tx, &tenant_id)?.is_none() {
                rows::put_tenant(
                    tx,
                    &Tenant {
                        tenant_id: tenant_id.clone(),
                        name: "Requests without a token".into(),
                        active: true,
                        limits: Allowance::default(),
                        created_at: now,
                        updated_at: now,
                    },
                )?;
            }
            if let Some(user) = rows::user(tx, &user_id)? {
                return Ok(user.tenant_id == tenant_id);
            }
            rows::put_user(
                tx,
                &User {
                    user_id,
                    tenant_id,
                    name: "Anonymous".into(),
                    email: "anonymous@localhost".into(),
                    capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
                    active: true,
                    created_at: now,
                    updated_at: now,
                },
            )?;
            Ok(true)
        })
        .await
        .map_err(|source| Error::Store { role: Role::Identity, source })?;
    if fits {
        return Ok(());
    }
    let reason = format!("the user `{}` belongs to another tenant", user(tenant));
    Err(Error::Anonymous { reason })
}

/// Whom they speak for now.
pub(super) async fn verify(identity: &Identity, tenant: &str) -> Result<Verified, Problem> {
    let refused = |detail: &str| Problem::unauthorized("no_token", detail);
    if identity.anonymous.as_deref() != Some(tenant) {
        return Err(refused(
            "the request carries no token, and identity knows no anonymous tenant",
        ));
    }
    let constitution = identity.constitution.current()?;
    let user_id = user(tenant);
    let asked = user_id.clone();
    let standing = identity.store.peek(move |tx| rows::standing(tx, &asked, "")).await?;
    let standing = standing
        .filter(|standing| standing.active && standing.tenant_id == tenant)
        .ok_or_else(|| refused("the request carries no token, and the anonymous tenant is off"))?;
    let now = identity.clock.wall();
    Ok(Verified {
        valid: true,
        jti: user_id.clone(),
        user_id,
        tenant_id: standing.tenant_id,
        capabilities: standing.capabilities,
        issued_at: now,
        expires_at: now.plus(LIFE),
        constitution_hash: constitution.bundle.hash.clone(),
        halted: identity.switch.is_engaged(),
        limits: standing.limits,
    })
}

/// What a role asks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The tenant that its operator named.
    tenant: String,
}

/// Open: whom requests without a token speak for is no secret to those who send such requests.
pub(super) async fn post(
    State(identity): State<Arc<Identity>>,
    Body(asked): Body<Asked>,
) -> Result<Json<Verified>, Problem> {
    verify(&identity, &asked.tenant).await.map(Json)
}
