//! The durable rows of the memory role, and the order in which they changed.

use std::collections::HashMap;
use std::ops::ControlFlow;

use seaworthy_store::{Error, Migration, Result, Tx, Value, values};

/// Forward-only schema changes, oldest first.
///
/// Every change takes the next `revision`. A forgotten memory leaves only its row number behind, so
/// that indexes can follow; neither its key nor its text.
pub(super) const MIGRATIONS: &[Migration] = &[Migration {
    name: "memories and their revisions",
    sqlite: "
    CREATE TABLE memories (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        metadata TEXT,
        updated_at TEXT NOT NULL,
        revision INTEGER NOT NULL,
        UNIQUE (tenant, key)
    ) STRICT;
    CREATE INDEX memories_by_revision ON memories (tenant, revision);
    CREATE TABLE forgotten (
        tenant TEXT NOT NULL,
        revision INTEGER NOT NULL,
        memory INTEGER NOT NULL,
        PRIMARY KEY (tenant, revision)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE revision (latest INTEGER NOT NULL) STRICT;
    INSERT INTO revision VALUES (0);
    ",
    postgres: r#"
    CREATE TABLE memories (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant TEXT COLLATE "C" NOT NULL,
        key TEXT COLLATE "C" NOT NULL,
        value TEXT NOT NULL,
        metadata TEXT,
        updated_at TEXT NOT NULL,
        revision BIGINT NOT NULL,
        UNIQUE (tenant, key)
    );
    CREATE INDEX memories_by_revision ON memories (tenant, revision);
    CREATE TABLE forgotten (
        tenant TEXT COLLATE "C" NOT NULL,
        revision BIGINT NOT NULL,
        memory BIGINT NOT NULL,
        PRIMARY KEY (tenant, revision)
    );
    CREATE TABLE revision (latest BIGINT NOT NULL);
    INSERT INTO revision VALUES (0);
    "#,
}];

/// A stored memory.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Memory {
    /// Its key, unique within the tenant.
    pub(super) key: String,
    /// Its text.
    pub(super) value: String,
    /// What the caller attached to it: a JSON object as text.
    pub(super) metadata: Option<String>,
    /// When it was last written.
    pub(super) updated_at: String,
}

/// A change an index has to follow.
#[derive(Debug)]
pub(super) enum Change<'a> {
    /// A memory was written or overwritten.
    Remembered {
        /// The row it is in.
        row: i64,
        /// Its key.
        key: &'a str,
        /// Its text.
        value: &'a str,
    },
    /// A memory was deleted.
    Forgotten {
        /// The row it was in.
        row: i64,
    },
}

/// Writes a memory, over what its key held before. True when the key is new.
pub(super) fn remember(
    tx: &mut Tx<'_>,
    tenant: &str,
    key: &str,
    value: &str,
    metadata: Option<&str>,
    now: &str,
) -> Result<bool> {
    let known = row_of(tx, tenant, key)?.is_some();
    let revision = next_revision(tx)?;
    tx.put(
        "INSERT INTO memories (tenant, key, value, metadata, updated_at, revision)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (tenant, key) DO UPDATE SET value = ?3, metadata = ?4, updated_at = ?5,
            revision = ?6",
        &values![tenant, key, value, metadata, now, revision],
    )?;
    Ok(!known)
}

/// Deletes a memory; false when there is none under this key.
pub(super) fn forget(tx: &mut Tx<'_>, tenant: &str, key: &str) -> Result<bool> {
    let Some(row) = row_of(tx, tenant, key)? else { return Ok(false) };
    let revision = next_revision(tx)?;
    tx.put("DELETE FROM memories WHERE id = ?1", &values![row])?;
    tx.execute(
        "INSERT INTO forgotten (tenant, revision, memory) VALUES (?1, ?2, ?3)",
        &values![tenant, revision, row],
    )?;
    Ok(true)
}

/// The memory under a key.
pub(super) fn recall(tx: &mut Tx<'_>, tenant: &str, key: &str) -> Result<Option<Memory>> {
    tx.first(
        "SELECT key, value, metadata, updated_at FROM memories WHERE tenant = ?1 AND key = ?2",
        &values![tenant, key],
        |row| {
            Ok(Memory {
                key: row.get(0)?,
                value: row.get(1)?,
                metadata: row.get(2)?,
                updated_at: row.get(3)?,
            })
        },
    )
}

/// The texts in rows, by row; in one statement, as each costs a way to the database and back.
pub(super) fn values(tx: &mut Tx<'_>, rows: &[i64]) -> Result<HashMap<i64, String>> {
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<String> = (1..=rows.len()).map(|place| format!("?{place}")).collect();
    let sql = format!("SELECT id, value FROM memories WHERE id IN ({})", places.join(", "));
    let numbers: Vec<Value<'_>> = rows.iter().map(|row| Value::Integer(*row)).collect();
    let read = tx.query(&sql, &numbers, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(read.into_iter().collect())
}

/// The latest revision of all.
pub(super) fn latest(tx: &mut Tx<'_>) -> Result<i64> {
    let latest = tx.first("SELECT latest FROM revision", &[], |row| row.get(0))?;
    latest.ok_or_else(|| Error::column(0, "the table of the latest revision is empty"))
}

/// Tells `each` what changed in a tenant after revision `after`.
///
/// Two changes of one row are told once, as its last state; rows never come back under an old
/// number, so the forgotten may come first. The remembered come in the order they were written, which
/// is the order among equals in a search.
pub(super) fn changes(
    tx: &mut Tx<'_>,
    tenant: &str,
    after: i64,
    mut each: impl FnMut(Change<'_>),
) -> Result<()> {
    tx.each(
        "SELECT memory FROM forgotten WHERE tenant = ?1 AND revision > ?2",
        &values![tenant, after],
        |row| {
            each(Change::Forgotten { row: row.get(0)? });
            Ok(ControlFlow::Continue(()))
        },
    )?;
    tx.each(
        "SELECT id, key, value FROM memories WHERE tenant = ?1 AND revision > ?2
         ORDER BY revision",
        &values![tenant, after],
        |row| {
            let (key, value) = (row.text(1)?, row.text(2)?);
            each(Change::Remembered { row: row.get(0)?, key, value });
            Ok(ControlFlow::Continue(()))
        },
    )
}

/// Takes away the marks of earlier deletions, once, at the start: there is no index yet that would
/// follow them.
pub(super) fn prepare(tx: &mut Tx<'_>) -> Result<()> {
    tx.put("DELETE FROM forgotten", &[])
}

fn row_of(tx: &mut Tx<'_>, tenant: &str, key: &str) -> Result<Option<i64>> {
    tx.first(
        "SELECT id FROM memories WHERE tenant = ?1 AND key = ?2",
        &values![tenant, key],
        |row| row.get(0),
    )
}

fn next_revision(tx: &mut Tx<'_>) -> Result<i64> {
    tx.first("UPDATE revision SET latest = latest + 1 RETURNING latest", &[], |row| row.get(0))?
        .ok_or_else(|| Error::column(0, "the table of the latest revision is empty"))
}
