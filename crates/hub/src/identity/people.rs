//! Tenants and users: put and get.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::admin::{ADMIN, Administrator};
use super::rows::{self, Tenant, User};
use super::tokens::unknown_user;
use super::{Identity, check};
use crate::auth::{Caller, Mark, SYSTEM};
use crate::limits::Allowance;
use crate::problem::{Body, Path, Problem};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PutTenant {
    /// What people call it.
    name: String,
    /// Whether its users may do anything.
    #[serde(default = "yes")]
    active: bool,
    /// What it may use, where it is not as each role's operator says.
    #[serde(default)]
    limits: Allowance,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PutUser {
    tenant_id: String,
    name: String,
    email: String,
    capabilities: Vec<String>,
    #[serde(default = "yes")]
    active: bool,
}

const fn yes() -> bool {
    true
}

pub(super) async fn put_tenant(
    State(identity): State<Arc<Identity>>,
    administrator: Administrator,
    Path(id): Path<String>,
    Body(put): Body<PutTenant>,
) -> Result<(StatusCode, Json<Tenant>), Problem> {
    administrator.everywhere()?;
    check::id("", &id)?;
    check::name("/name", &put.name)?;
    put.limits.check()?;
    if id == SYSTEM {
        return Err(reserved("the tenant `system` belongs to the platform"));
    }
    let now = identity.clock.wall();
    let mark = Mark::tenant(&id);
    let written = identity
        .store
        .write(move |tx| -> Result<_, Problem> {
            let old = rows::tenant(tx, &id)?;
            let status = status(old.is_some());
            let matters = old
                .as_ref()
                .is_some_and(|old| old.active != put.active || old.limits != put.limits);
            let tenant = Tenant {
                tenant_id: id,
                name: put.name,
                active: put.active,
                limits: put.limits,
                created_at: old.map_or(now, |old| old.created_at),
                updated_at: now,
            };
            rows::put_tenant(tx, &tenant)?;
            Ok((status, tenant, matters))
        })
        .await;
    let (status, tenant) = settled(&identity, mark, written).await?;
    Ok((status, Json(tenant)))
}

pub(super) async fn get_tenant(
    State(identity): State<Arc<Identity>>,
    administrator: Administrator,
    Path(id): Path<String>,
) -> Result<Json<Tenant>, Problem> {
    administrator.reach(&id)?;
    let tenant = identity.store.read(move |tx| rows::tenant(tx, &id)).await?;
    tenant.map(Json).ok_or_else(unknown_tenant)
}

pub(super) async fn put_user(
    State(identity): State<Arc<Identity>>,
    administrator: Administrator,
    Path(id): Path<String>,
    Body(put): Body<PutUser>,
) -> Result<(StatusCode, Json<User>), Problem> {
    check::id("", &id)?;
    check::id("/tenant_id", &put.tenant_id)?;
    check::name("/name", &put.name)?;
    check::email("/email", &put.email)?;
    check::capabilities("/capabilities", &put.capabilities)?;
    administrator.reach(&put.tenant_id)?;
    if id == ADMIN {
        return Err(reserved("the user `admin` belongs to the platform"));
    }
    let now = identity.clock.wall();
    let mark = Mark::user(&id);
    let written = identity
        .store
        .write(move |tx| -> Result<_, Problem> {
            if rows::tenant(tx, &put.tenant_id)?.is_none() {
                return Err(unknown_tenant().pointer("/tenant_id"));
            }
            let old = rows::user(tx, &id)?;
            if old.as_ref().is_some_and(|old| old.tenant_id != put.tenant_id) {
                return Err(Problem::conflict(
                    "id_taken",
                    "this id belongs to a user of another tenant; users do not move",
                ));
            }
            let status = status(old.is_some());
            let matters = old.as_ref().is_some_and(|old| {
                old.active != put.active || old.capabilities != put.capabilities
            });
            let user = User {
                user_id: id,
                tenant_id: put.tenant_id,
                name: put.name,
                email: put.email,
                capabilities: put.capabilities,
                active: put.active,
                created_at: old.map_or(now, |old| old.created_at),
                updated_at: now,
            };
            rows::put_user(tx, &user)?;
            Ok((status, user, matters))
        })
        .await;
    let (status, user) = settled(&identity, mark, written).await?;
    Ok((status, Json(user)))
}

/// Waits until a change of what tokens may do is followed by all who keep verdicts. After a failure
/// too: what is on disk then is not known.
async fn settled<T>(
    identity: &Identity,
    mark: Mark,
    written: Result<(StatusCode, T, bool), Problem>,
) -> Result<(StatusCode, T), Problem> {
    let matters = match &written {
        Ok((.., matters)) => *matters,
        Err(problem) => problem.status().is_server_error(),
    };
    if matters {
        identity.changes.settle(mark).await;
    }
    let (status, value, _) = written?;
    Ok((status, value))
}

/// A user out of reach is as good as none. Everyone may read oneself.
pub(super) async fn get_user(
    State(identity): State<Arc<Identity>>,
    own: Result<Caller, Problem>,
    administrator: Result<Administrator, Problem>,
    Path(id): Path<String>,
) -> Result<Json<User>, Problem> {
    let oneself = own.as_ref().is_ok_and(|caller| caller.subject == id);
    let administrator = if oneself { None } else { Some(administrator?) };
    let user = identity.store.read(move |tx| rows::user(tx, &id)).await?;
    user.filter(|user| administrator.is_none_or(|one| one.reaches(&user.tenant_id)))
        .map(Json)
        .ok_or_else(unknown_user)
}

fn status(existed: bool) -> StatusCode {
    if existed { StatusCode::OK } else { StatusCode::CREATED }
}

fn unknown_tenant() -> Problem {
    Problem::not_found("unknown_tenant", "there is no such tenant")
}

fn reserved(detail: &str) -> Problem {
    Problem::forbidden("reserved", detail)
}
