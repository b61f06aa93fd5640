//! The first credential, and who may administer which tenants.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use seaworthy_base::{Timestamp, chance};
use seaworthy_store::{Store, values};

use super::rows::{self, Tenant, User};
use super::{Identity, secret, secret_error};
use crate::auth::{ALL, Caller, SYSTEM};
use crate::limits::Allowance;
use crate::options::Role;
use crate::problem::Problem;
use crate::server::Error;

/// The file that holds the credential, in the role's folder.
const FILE: &str = "admin.credential";

/// The user the credential speaks for.
pub(super) const ADMIN: &str = "admin";

/// SHA-256 of the credential. The credential has 256 random bits, so nothing slower is needed.
#[derive(Clone)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    fn of(credential: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, credential.as_bytes()).as_ref());
        Self(bytes)
    }

    fn matches(&self, credential: &str) -> bool {
        verify_slices_are_equal(&self.0, &Self::of(credential).0).is_ok()
    }
}

/// The credential that a file holds: 32 bytes in base64url, as they are made here. One that was cut off
/// would be easy to guess.
fn credential(file: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(file).ok()?.trim();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    (bytes.len() == 32).then_some(text)
}

/// On the first start makes the credential's file, the tenant `system` and its user `admin`.
///
/// The file comes first: a start that dies before the rows are written finds it and adopts it. Says
/// whether this was the first start.
pub(super) async fn bootstrap(
    store: &Store,
    folder: &Path,
    now: Timestamp,
) -> Result<(Digest, bool), Error> {
    let refuse = |source| Error::Store { role: Role::Identity, source };
    let known: Option<[u8; 32]> = store
        .read(|tx| tx.first("SELECT digest FROM admin", &[], |row| row.get(0)))
        .await
        .map_err(refuse)?;
    let path = folder.join(FILE);
    if let Some(known) = known {
        // It may have been taken away, but not be left for others to read.
        return match secret::read(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(secret_error(path, error))
            }
            _ => Ok((Digest(known), false)),
        };
    }
    let digest = match secret::read(&path) {
        Ok(bytes) => {
            let whole = credential(&bytes);
            let digest = whole.map(Digest::of);
            digest.ok_or_else(|| secret_error(path.clone(), "it holds no whole credential"))?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut random = [0_u8; 32];
            chance::fill_secret(&mut random);
            let credential = BASE64_URL_SAFE_NO_PAD.encode(random);
            secret::create(&path, format!("{credential}\n").as_bytes())
                .map_err(|error| secret_error(path.clone(), error))?;
            Digest::of(&credential)
        }
        Err(error) => return Err(secret_error(path, error)),
    };
    let stored = digest.0;
    store
        .write(move |tx| {
            rows::put_tenant(
                tx,
                &Tenant {
                    tenant_id: SYSTEM.into(),
                    name: "The platform's operators".into(),
                    active: true,
                    limits: Allowance::default(),
                    created_at: now,
                    updated_at: now,
                },
            )?;
            rows::put_user(
                tx,
                &User {
                    user_id: ADMIN.into(),
                    tenant_id: SYSTEM.into(),
                    name: "Administrator".into(),
                    email: "admin@localhost".into(),
                    capabilities: vec![ALL.into()],
                    active: true,
                    created_at: now,
                    updated_at: now,
                },
            )?;
            tx.put("INSERT INTO admin (id, digest) VALUES (1, ?1)", &values![stored])
        })
        .await
        .map_err(refuse)?;
    tracing::info!(path = %path.display(), "made the admin credential");
    Ok((digest, true))
}

/// Someone who may change tenants and users: the holder of the admin credential, or a caller with
/// `identity:admin`.
pub(super) struct Administrator {
    /// The only tenant within reach; none means all of them.
    tenant: Option<String>,
}

impl Administrator {
    /// Refuses a tenant out of reach with 403.
    pub(super) fn reach(&self, tenant: &str) -> Result<(), Problem> {
        if self.reaches(tenant) {
            Ok(())
        } else {
            Err(Problem::forbidden("wrong_tenant", "the token is for another tenant"))
        }
    }

    pub(super) fn reaches(&self, tenant: &str) -> bool {
        self.tenant.as_deref().is_none_or(|own| own == tenant)
    }

    /// Refuses everyone but the platform's operators with 403.
    pub(super) fn everywhere(&self) -> Result<(), Problem> {
        self.reach(SYSTEM)
    }
}

impl FromRequestParts<Arc<Identity>> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        identity: &Arc<Identity>,
    ) -> Result<Self, Problem> {
        if let Some(credential) = basic(&parts.headers) {
            return if credential.is_some_and(|credential| identity.admin.matches(&credential)) {
                Ok(Self { tenant: None })
            } else {
                identity.wrong_credentials.inc();
                Err(Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "wrong_credential",
                    "this is not the admin credential",
                )
                .challenge("Basic realm=\"seaworthy\""))
            };
        }
        let caller = Caller::from_request_parts(parts, identity).await?;
        caller.require("identity:admin")?;
        Ok(Self { tenant: (caller.tenant != SYSTEM).then_some(caller.tenant) })
    }
}

/// The password of `Authorization: Basic`, if that is what is sent; none when it is not `admin`'s
/// or cannot be read.
fn basic(headers: &HeaderMap) -> Option<Option<String>> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok();
    Some(decoded.and_then(|bytes| {
        let text = String::from_utf8(bytes).ok()?;
        let (user, password) = text.split_once(':')?;
        (user == ADMIN).then(|| password.to_owned())
    }))
}
