//! The role's rows: tenants, users, public keys, revocations.

use rusqlite::{Connection, OptionalExtension, Row};
use schemars::JsonSchema;
use seaworthy_base::Timestamp;
use serde::Serialize;

use crate::limits::Allowance;
use crate::store::{self, Migration, Store};

pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "tenants, users, keys and revocations",
        sql: "CREATE TABLE admin (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            digest BLOB NOT NULL
          ) STRICT;
          CREATE TABLE tenants (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            active INTEGER NOT NULL,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE users (
            id TEXT PRIMARY KEY,
            tenant_id TEXT NOT NULL REFERENCES tenants (id),
            name TEXT NOT NULL,
            email TEXT NOT NULL,
            capabilities TEXT NOT NULL,
            active INTEGER NOT NULL,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE keys (
            kid TEXT PRIMARY KEY,
            public BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            retired_at INTEGER,
            longest INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE revocations (
            jti TEXT PRIMARY KEY,
            expires_at INTEGER NOT NULL,
            revoked_at TEXT NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX revocations_by_end ON revocations (expires_at);",
    },
    Migration {
        name: "limits, constitutions and the kill switch",
        sql: "ALTER TABLE tenants ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
              CREATE TABLE constitutions (
                number INTEGER PRIMARY KEY,
                bundle TEXT NOT NULL,
                signer TEXT NOT NULL,
                accepted_at TEXT NOT NULL
              ) STRICT;
              CREATE TABLE kill_switch (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                engaged INTEGER NOT NULL,
                reason TEXT NOT NULL,
                changed_at TEXT NOT NULL
              ) STRICT;",
    },
];

/// A tenant, as its routes answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Tenant {
    pub(super) tenant_id: String,
    pub(super) name: String,
    pub(super) active: bool,
    pub(super) limits: Allowance,
    #[schemars(with = "String")]
    pub(super) created_at: Timestamp,
    #[schemars(with = "String")]
    pub(super) updated_at: Timestamp,
}

/// A user, as its routes answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct User {
    pub(super) user_id: String,
    pub(super) tenant_id: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) capabilities: Vec<String>,
    pub(super) active: bool,
    #[schemars(with = "String")]
    pub(super) created_at: Timestamp,
    #[schemars(with = "String")]
    pub(super) updated_at: Timestamp,
}

/// What a token's verification needs to know about its user now.
pub(super) struct Standing {
    pub(super) tenant_id: String,
    pub(super) capabilities: Vec<String>,
    pub(super) active: bool,
    pub(super) revoked: bool,
    pub(super) limits: Allowance,
}

pub(super) fn tenant(connection: &Connection, id: &str) -> store::Result<Option<Tenant>> {
    let found = connection
        .prepare_cached(
            "SELECT id, name, active, created_at, updated_at, limits FROM tenants WHERE id = ?1",
        )?
        .query_row([id], |row| {
            Ok(Tenant {
                tenant_id: row.get(0)?,
                name: row.get(1)?,
                active: row.get(2)?,
                created_at: time(row, 3)?,
                updated_at: time(row, 4)?,
                limits: allowance(row, 5)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// Puts the tenant; its `created_at` stays what it was, if it was there.
pub(super) fn put_tenant(connection: &Connection, tenant: &Tenant) -> store::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO tenants (id, name, active, created_at, updated_at, limits)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE
               SET name = ?2, active = ?3, updated_at = ?5, limits = ?6",
        )?
        .execute((
            &tenant.tenant_id,
            &tenant.name,
            tenant.active,
            tenant.created_at.to_string(),
            tenant.updated_at.to_string(),
            serde_json::to_string(&tenant.limits).expect("four numbers are always valid JSON"),
        ))?;
    Ok(())
}

pub(super) fn user(connection: &Connection, id: &str) -> store::Result<Option<User>> {
    let found = connection
        .prepare_cached(
            "SELECT id, tenant_id, name, email, capabilities, active, created_at, updated_at
             FROM users WHERE id = ?1",
        )?
        .query_row([id], |row| {
            Ok(User {
                user_id: row.get(0)?,
                tenant_id: row.get(1)?,
                name: row.get(2)?,
                email: row.get(3)?,
                capabilities: words(row, 4)?,
                active: row.get(5)?,
                created_at: time(row, 6)?,
                updated_at: time(row, 7)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// Puts the user; its `created_at` and tenant stay what they were, if it was there.
pub(super) fn put_user(connection: &Connection, user: &User) -> store::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO users
               (id, tenant_id, name, email, capabilities, active, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE
               SET name = ?3, email = ?4, capabilities = ?5, active = ?6, updated_at = ?8",
        )?
        .execute((
            &user.user_id,
            &user.tenant_id,
            &user.name,
            &user.email,
            user.capabilities.join(" "),
            user.active,
            user.created_at.to_string(),
            user.updated_at.to_string(),
        ))?;
    Ok(())
}

pub(super) fn standing(
    connection: &Connection,
    user: &str,
    jti: &str,
) -> store::Result<Option<Standing>> {
    let found = connection
        .prepare_cached(
            "SELECT u.tenant_id, u.capabilities, u.active AND t.active,
                    EXISTS (SELECT 1 FROM revocations WHERE jti = ?2), t.limits
             FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE u.id = ?1",
        )?
        .query_row([user, jti], |row| {
            Ok(Standing {
                tenant_id: row.get(0)?,
                capabilities: words(row, 1)?,
                active: row.get(2)?,
                revoked: row.get(3)?,
                limits: allowance(row, 4)?,
            })
        })
        .optional()?;
    Ok(found)
}

/// Remembers that a token is revoked, until it would have expired anyway.
pub(super) fn revoke(
    connection: &Connection,
    jti: &str,
    expires_at: u64,
    now: Timestamp,
) -> store::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO revocations (jti, expires_at, revoked_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (jti) DO NOTHING",
        )?
        .execute((jti, seconds(expires_at), now.to_string()))?;
    Ok(())
}

/// Forgets revocations of tokens that expired more than a day ago (a clock may be set back), and
/// says how many.
pub(super) async fn prune(store: &Store, now: Timestamp) -> store::Result<usize> {
    let before = (now.as_nanos() / 1_000_000_000).saturating_sub(86_400);
    store
        .write(move |connection| {
            Ok(connection
                .prepare_cached("DELETE FROM revocations WHERE expires_at < ?1")?
                .execute([seconds(before)])?)
        })
        .await
}

/// SQLite counts in signed integers; a time past their end is the end.
pub(super) fn seconds(unix: u64) -> i64 {
    i64::try_from(unix).unwrap_or(i64::MAX)
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error: seaworthy_base::time::InvalidTimestamp| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}

fn allowance(row: &Row<'_>, column: usize) -> rusqlite::Result<Allowance> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}

/// Capabilities hold no blanks, so a blank parts them.
fn words(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    let text: String = row.get(column)?;
    Ok(text.split_ascii_whitespace().map(str::to_owned).collect())
}
