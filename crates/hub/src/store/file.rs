//! Opening the file: folder, lock, integrity check, schema.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::{Error, Migration, Options, Result};

/// A file opened for writing, with the lock that makes this process its one owner.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    /// Declared after the connection, so that it is given up last.
    pub(super) lock: File,
}

pub(super) fn open(options: &Options) -> Result<Opened> {
    let folder = &options.folder;
    let unusable = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Folder { path, source }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable(folder))?;
    let lock_path = folder.join("lock");
    let lock = private(&lock_path).map_err(unusable(&lock_path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Error::Owned(folder.clone())),
        Err(TryLockError::Error(source)) => {
            return Err(Error::Folder { path: lock_path, source });
        }
    }
    let path = folder.join("store.sqlite");
    // Made here rather than by SQLite, so that it is its owner's alone from the first moment;
    // SQLite gives its log and shared memory the same mode.
    let file = private(&path).map_err(unusable(&path))?;
    file.sync_all().map_err(unusable(&path))?;
    drop(file);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable(folder))?;

    let refuse = |source: rusqlite::Error| refusal(&path, source);
    let mut connection =
        Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(refuse)?;
    configure(&mut connection).map_err(refuse)?;
    check(&connection, &path)?;
    migrate(&mut connection, &path, options.migrations)?;
    // A log left by a process whose sync failed may look whole from the page cache while the disk
    // holds less. Folding it into the file and syncing that makes it true either way.
    checkpoint(&connection, Checkpoint::Truncate).map_err(refuse)?;
    Ok(Opened { connection, path, lock })
}

/// A connection that cannot write.
pub(super) fn reader(path: &Path) -> Result<Connection> {
    let refuse = |source: rusqlite::Error| refusal(path, source);
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .and_then(|connection| {
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.pragma_update(None, "query_only", true)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection.set_prepared_statement_cache_capacity(64);
            Ok(connection)
        })
        .map_err(refuse)?;
    Ok(connection)
}

/// How hard to try to fold the log into the file.
#[derive(Clone, Copy)]
pub(super) enum Checkpoint {
    /// As far as readers at work allow.
    Passive,
    /// Wait for readers, up to the busy timeout, and leave an empty log.
    Truncate,
}

/// Folds the log into the file.
///
/// Never left to SQLite, which ignores a checkpoint's errors when it starts one by itself.
pub(super) fn checkpoint(connection: &Connection, how: Checkpoint) -> rusqlite::Result<()> {
    let sql = match how {
        Checkpoint::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Checkpoint::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    connection.query_row(sql, [], |_| Ok(()))
}

fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn configure(connection: &mut Connection) -> rusqlite::Result<()> {
    // The lock file keeps other owners out; only our own readers are waited for.
    connection.busy_timeout(Duration::from_secs(5))?;
    connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // Cut short whenever the log starts over, so that its length says how much is in it.
    connection.pragma_update(None, "journal_size_limit", 0)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn check(connection: &Connection, path: &Path) -> Result<()> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|source| refusal(path, source))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(Error::Corrupt { path: path.to_owned(), reason: verdict })
    }
}

fn migrate(connection: &mut Connection, path: &Path, migrations: &[Migration]) -> Result<()> {
    let refuse = |source: rusqlite::Error| refusal(path, source);
    let unknown = |reason: String| Error::Schema { path: path.to_owned(), reason };
    let change = connection.transaction().map_err(refuse)?;
    change
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS migrations (
               version INTEGER PRIMARY KEY,
               name TEXT NOT NULL
             ) STRICT",
        )
        .map_err(refuse)?;
    let newest: Option<i64> = change
        .query_row("SELECT max(version) FROM migrations", [], |row| row.get(0))
        .map_err(refuse)?;
    if newest.unwrap_or(0) > i64::try_from(migrations.len()).unwrap_or(i64::MAX) {
        return Err(unknown(format!(
            "it is at version {}, this program knows {}",
            newest.unwrap_or(0),
            migrations.len()
        )));
    }
    for (version, migration) in (1_i64..).zip(migrations) {
        let applied: Option<String> = change
            .query_row("SELECT name FROM migrations WHERE version = ?1", [version], |row| {
                row.get(0)
            })
            .optional()
            .map_err(refuse)?;
        match applied {
            Some(name) if name == migration.name => {}
            Some(name) => {
                return Err(unknown(format!(
                    "version {version} is `{name}`, not `{}`",
                    migration.name
                )));
            }
            None => {
                change.execute_batch(migration.sql).map_err(refuse)?;
                change
                    .execute(
                        "INSERT INTO migrations (version, name) VALUES (?1, ?2)",
                        (version, migration.name),
                    )
                    .map_err(refuse)?;
            }
        }
    }
    change.commit().map_err(refuse)
}

fn refusal(path: &Path, source: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode as Code;
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(Code::NotADatabase | Code::DatabaseCorrupt) => {
            Error::Corrupt { path, reason: source.to_string() }
        }
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
            Error::Owned(path.parent().map_or_else(|| path.clone(), fs_path))
        }
        _ => Error::Open { path, source },
    }
}

fn fs_path(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
