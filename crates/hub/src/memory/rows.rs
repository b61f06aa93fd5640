//! The durable rows of the memory role, and the order in which they changed.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::store::Migration;

/// Forward-only schema changes, oldest first.
///
/// Every change takes the next `revision`. A forgotten memory leaves only its row number behind, so
/// that indexes can follow; neither its key nor its text.
pub(super) const MIGRATIONS: &[Migration] = &[Migration {
    name: "memories and their revisions",
    sql: "
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
    connection: &Connection,
    tenant: &str,
    key: &str,
    value: &str,
    metadata: Option<&str>,
    now: &str,
) -> rusqlite::Result<bool> {
    let known = row_of(connection, tenant, key)?.is_some();
    let revision = next_revision(connection)?;
    connection
        .prepare_cached(
            "INSERT INTO memories (tenant, key, value, metadata, updated_at, revision)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (tenant, key) DO UPDATE SET value = ?3, metadata = ?4, updated_at = ?5,
                revision = ?6",
        )?
        .execute(params![tenant, key, value, metadata, now, revision])?;
    Ok(!known)
}

/// Deletes a memory; false when there is none under this key.
pub(super) fn forget(connection: &Connection, tenant: &str, key: &str) -> rusqlite::Result<bool> {
    let Some(row) = row_of(connection, tenant, key)? else { return Ok(false) };
    let revision = next_revision(connection)?;
    connection.prepare_cached("DELETE FROM memories WHERE id = ?1")?.execute([row])?;
    connection
        .prepare_cached("INSERT INTO forgotten (tenant, revision, memory) VALUES (?1, ?2, ?3)")?
        .execute(params![tenant, revision, row])?;
    Ok(true)
}

/// The memory under a key.
pub(super) fn recall(
    connection: &Connection,
    tenant: &str,
    key: &str,
) -> rusqlite::Result<Option<Memory>> {
    connection
        .prepare_cached(
            "SELECT key, value, metadata, updated_at FROM memories WHERE tenant = ?1 AND key = ?2",
        )?
        .query_row([tenant, key], |row| {
            Ok(Memory {
                key: row.get(0)?,
                value: row.get(1)?,
                metadata: row.get(2)?,
                updated_at: row.get(3)?,
            })
        })
        .optional()
}

/// The text in a row.
pub(super) fn value(connection: &Connection, row: i64) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM memories WHERE id = ?1")?
        .query_row([row], |row| row.get(0))
        .optional()
}

/// Tells `each` what changed in a tenant after revision `after`, and returns the latest revision.
///
/// Two changes of one row are told once, as its last state; rows never come back under an old
/// number, so the forgotten may come first. The remembered come in the order they were written, which
/// is the order among equals in a search.
pub(super) fn changes(
    connection: &Connection,
    tenant: &str,
    after: i64,
    mut each: impl FnMut(Change<'_>),
) -> rusqlite::Result<i64> {
    let mut latest = after;
    let mut forgotten = connection.prepare_cached(
        "SELECT revision, memory FROM forgotten WHERE tenant = ?1 AND revision > ?2",
    )?;
    let mut rows = forgotten.query(params![tenant, after])?;
    while let Some(row) = rows.next()? {
        latest = latest.max(row.get(0)?);
        each(Change::Forgotten { row: row.get(1)? });
    }
    let mut remembered = connection.prepare_cached(
        "SELECT revision, id, key, value FROM memories WHERE tenant = ?1 AND revision > ?2
         ORDER BY revision",
    )?;
    let mut rows = remembered.query(params![tenant, after])?;
    while let Some(row) = rows.next()? {
        latest = latest.max(row.get(0)?);
        each(Change::Remembered { row: row.get(1)?, key: text(row, 2)?, value: text(row, 3)? });
    }
    Ok(latest)
}

/// Makes the writing connection ready, once, at the start: what is deleted is overwritten in the
/// file, and the marks of earlier deletions go, as there is no index yet that would follow them.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    connection.execute("DELETE FROM forgotten", []).map(drop)
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a str> {
    Ok(row.get_ref(column)?.as_str()?)
}

fn row_of(connection: &Connection, tenant: &str, key: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM memories WHERE tenant = ?1 AND key = ?2")?
        .query_row([tenant, key], |row| row.get(0))
        .optional()
}

fn next_revision(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("UPDATE revision SET latest = latest + 1 RETURNING latest")?
        .query_row([], |row| row.get(0))
}
