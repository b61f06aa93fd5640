//! The role's rows: tenants, users, public keys, revocations.

use schemars::JsonSchema;
use seaworthy_base::Timestamp;
use seaworthy_store::{self as store, Migration, Row, Store, Tx, values};
use serde::Serialize;

use crate::limits::Allowance;

pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "tenants, users, keys and revocations",
        sqlite: "CREATE TABLE admin (
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
        postgres: r#"CREATE TABLE admin (
            id BIGINT PRIMARY KEY CHECK (id = 1),
            digest BYTEA NOT NULL
          );
          CREATE TABLE tenants (
            id TEXT COLLATE "C" PRIMARY KEY,
            name TEXT NOT NULL,
            active BOOLEAN NOT NULL,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL
          );
          CREATE TABLE users (
            id TEXT COLLATE "C" PRIMARY KEY,
            tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
            name TEXT NOT NULL,
            email TEXT NOT NULL,
            capabilities TEXT NOT NULL,
            active BOOLEAN NOT NULL,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL
          );
          CREATE TABLE keys (
            kid TEXT COLLATE "C" PRIMARY KEY,
            public BYTEA NOT NULL,
            created_at BIGINT NOT NULL,
            retired_at BIGINT,
            longest BIGINT NOT NULL
          );
          CREATE TABLE revocations (
            jti TEXT COLLATE "C" PRIMARY KEY,
            expires_at BIGINT NOT NULL,
            revoked_at TEXT NOT NULL
          );
          CREATE INDEX revocations_by_end ON revocations (expires_at);"#,
    },
    Migration {
        name: "limits, constitutions and the kill switch",
        sqlite: "ALTER TABLE tenants ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
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
        postgres: "ALTER TABLE tenants ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
              CREATE TABLE constitutions (
                number BIGINT PRIMARY KEY,
                bundle TEXT NOT NULL,
                signer TEXT NOT NULL,
                accepted_at TEXT NOT NULL
              );
              CREATE TABLE kill_switch (
                id BIGINT PRIMARY KEY CHECK (id = 1),
                engaged BOOLEAN NOT NULL,
                reason TEXT NOT NULL,
                changed_at TEXT NOT NULL
              );",
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

pub(super) fn tenant(tx: &mut Tx<'_>, id: &str) -> store::Result<Option<Tenant>> {
    tx.first(
        "SELECT id, name, active, created_at, updated_at, limits FROM tenants WHERE id = ?1",
        &values![id],
        |row| {
            Ok(Tenant {
                tenant_id: row.get(0)?,
                name: row.get(1)?,
                active: row.get(2)?,
                created_at: time(row, 3)?,
                updated_at: time(row, 4)?,
                limits: allowance(row, 5)?,
            })
        },
    )
}

/// Puts the tenant; its `created_at` stays what it was, if it was there.
pub(super) fn put_tenant(tx: &mut Tx<'_>, tenant: &Tenant) -> store::Result<()> {
    tx.put(
        "INSERT INTO tenants (id, name, active, created_at, updated_at, limits)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE
           SET name = ?2, active = ?3, updated_at = ?5, limits = ?6",
        &values![
            tenant.tenant_id,
            tenant.name,
            tenant.active,
            tenant.created_at.to_string(),
            tenant.updated_at.to_string(),
            serde_json::to_string(&tenant.limits).expect("four numbers are always valid JSON"),
        ],
    )
}

pub(super) fn user(tx: &mut Tx<'_>, id: &str) -> store::Result<Option<User>> {
    tx.first(
        "SELECT id, tenant_id, name, email, capabilities, active, created_at, updated_at
         FROM users WHERE id = ?1",
        &values![id],
        |row| {
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
        },
    )
}

/// Puts the user; its `created_at` and tenant stay what they were, if it was there.
pub(super) fn put_user(tx: &mut Tx<'_>, user: &User) -> store::Result<()> {
    tx.put(
        "INSERT INTO users
           (id, tenant_id, name, email, capabilities, active, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE
           SET name = ?3, email = ?4, capabilities = ?5, active = ?6, updated_at = ?8",
        &values![
            user.user_id,
            user.tenant_id,
            user.name,
            user.email,
            user.capabilities.join(" "),
            user.active,
            user.created_at.to_string(),
            user.updated_at.to_string(),
        ],
    )
}

pub(super) fn standing(tx: &mut Tx<'_>, user: &str, jti: &str) -> store::Result<Option<Standing>> {
    tx.first(
        "SELECT u.tenant_id, u.capabilities, u.active AND t.active,
                EXISTS (SELECT 1 FROM revocations WHERE jti = ?2), t.limits
         FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE u.id = ?1",
        &values![user, jti],
        |row| {
            Ok(Standing {
                tenant_id: row.get(0)?,
                capabilities: words(row, 1)?,
                active: row.get(2)?,
                revoked: row.get(3)?,
                limits: allowance(row, 4)?,
            })
        },
    )
}

/// Remembers that a token is revoked, until it would have expired anyway.
pub(super) fn revoke(
    tx: &mut Tx<'_>,
    jti: &str,
    expires_at: u64,
    now: Timestamp,
) -> store::Result<()> {
    tx.put(
        "INSERT INTO revocations (jti, expires_at, revoked_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (jti) DO NOTHING",
        &values![jti, seconds(expires_at), now.to_string()],
    )
}

/// Forgets revocations of tokens that expired more than a day ago (a clock may be set back), and
/// says how many.
pub(super) async fn prune(store: &Store, now: Timestamp) -> store::Result<u64> {
    let before = (now.as_nanos() / 1_000_000_000).saturating_sub(86_400);
    store
        .write(move |tx| {
            tx.execute("DELETE FROM revocations WHERE expires_at < ?1", &values![seconds(before)])
        })
        .await
}

/// Databases count in signed integers; a time past their end is the end.
pub(super) fn seconds(unix: u64) -> i64 {
    i64::try_from(unix).unwrap_or(i64::MAX)
}

fn time(row: &Row<'_>, column: usize) -> store::Result<Timestamp> {
    row.text(column)?.parse().map_err(|error: seaworthy_base::time::InvalidTimestamp| {
        store::Error::column(column, error)
    })
}

fn allowance(row: &Row<'_>, column: usize) -> store::Result<Allowance> {
    serde_json::from_str(row.text(column)?).map_err(|error| store::Error::column(column, error))
}

/// Capabilities hold no blanks, so a blank parts them.
fn words(row: &Row<'_>, column: usize) -> store::Result<Vec<String>> {
    Ok(row.text(column)?.split_ascii_whitespace().map(str::to_owned).collect())
}
