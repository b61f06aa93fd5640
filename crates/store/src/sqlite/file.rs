//! Opening the file: folder, lock, integrity check, schema.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Result};
use crate::options::Part;

/// A file opened for writing, with the lock that makes this process its one owner.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    /// Declared after the connection, so that it is given up last.
    pub(super) lock: File,
}

pub(super) fn open(folder: &Path, parts: &[Part]) -> Result<Opened> {
    let unusable = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Folder { path, source: Arc::new(source) }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable(folder))?;
    let lock_path = folder.join("lock");
    let lock = private(&lock_path).map_err(unusable(&lock_path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::Owned(folder.display().to_string()));
        }
        Err(TryLockError::Error(source)) => {
            return Err(Error::Folder { path: lock_path, source: Arc::new(source) });
        }
    }
    let path = folder.join("store.sqlite");
    // Beside a store that was made once there is this mark: an empty file is no new store then, but one
    // that was lost.
    let mark = folder.join("store.made");
    let marked = mark.try_exists().map_err(unusable(&mark))?;
    if marked && std::fs::metadata(&path).map_or(0, |file| file.len()) == 0 {
        return Err(Error::Corrupt {
            place: path.display().to_string(),
            reason: "it is empty or gone, and was there before".to_owned(),
        });
    }
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
    migrate(&mut connection, &path, parts)?;
    // A log left by a process whose sync failed may look whole from the page cache while the disk
    // holds less. Folding it into the file and syncing that makes it true either way.
    checkpoint(&connection, Checkpoint::Truncate).map_err(refuse)?;
    if !marked {
        private(&mark).and_then(|mark| mark.sync_all()).map_err(unusable(&mark))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable(folder))?;
    }
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
    // What is deleted is overwritten in the file: who asks to be forgotten is.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
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
        Err(Error::Corrupt { place: path.display().to_string(), reason: verdict })
    }
}

fn migrate(connection: &mut Connection, path: &Path, parts: &[Part]) -> Result<()> {
    let refuse = |source: rusqlite::Error| refusal(path, source);
    let change = connection.transaction().map_err(refuse)?;
    for part in parts {
        let table = part.table();
        change
            .execute_batch(&format!(
                "CREATE TABLE IF NOT EXISTS {table} (
                   version INTEGER PRIMARY KEY,
                   name TEXT NOT NULL
                 ) STRICT"
            ))
            .map_err(refuse)?;
        let taken = change
            .prepare(&format!("SELECT name FROM {table} ORDER BY version"))
            .and_then(|mut query| {
                query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()
            })
            .map_err(refuse)?;
        let steps = part
            .outstanding(&taken)
            .map_err(|reason| Error::Schema { place: path.display().to_string(), reason })?;
        for (version, step) in steps {
            change.execute_batch(step.sqlite).map_err(refuse)?;
            change
                .execute(
                    &format!("INSERT INTO {table} (version, name) VALUES (?1, ?2)"),
                    (version, step.name),
                )
                .map_err(refuse)?;
        }
    }
    change.commit().map_err(refuse)
}

fn refusal(path: &Path, source: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode as Code;
    let (place, reason) = (path.display().to_string(), source.to_string());
    match source.sqlite_error_code() {
        Some(Code::NotADatabase | Code::DatabaseCorrupt) => Error::Corrupt { place, reason },
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
            Error::Owned(path.parent().unwrap_or(path).display().to_string())
        }
        _ => Error::Open { place, reason },
    }
}
