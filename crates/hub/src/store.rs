//! One role's durable rows: an SQLite file with one owner, one writer thread and group commit.
//!
//! What [`Store::write`] has acknowledged has been synced. A failed commit or any I/O error makes
//! the store [`State::Failed`] for good: the kernel may have dropped the pages a failed sync was
//! about, so nothing is retried and trusted; a restart reads back what is really on disk.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use prometheus_client::metrics::gauge::Gauge;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::metrics::Metrics;
use crate::problem::Problem;

mod file;
mod reader;
mod writer;

/// One step of a schema, applied once and in order. Steps are only ever added.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// What it does, in a few words; recorded, and checked at each start.
    pub name: &'static str,
    /// The SQL, one or more statements.
    pub sql: &'static str,
}

/// Which file to open.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that the file, its lock and its log live in; made when missing, for its owner only.
    pub folder: PathBuf,
    /// The schema.
    pub migrations: &'static [Migration],
    /// How many connections read at once; reads beyond wait for one.
    pub readers: NonZeroUsize,
}

/// What can be wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process (or another role in this one) has the folder.
    #[error("{} is in use by another process", .0.display())]
    Owned(PathBuf),
    /// The folder or a file in it cannot be made, read or written.
    #[error("cannot use {}: {source}", .path.display())]
    Folder {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite cannot open the file.
    #[error("cannot open {}: {source}", .path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file is not a sound database.
    #[error("{} is corrupt: {reason}", .path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What the check found.
        reason: String,
    },
    /// The file's schema is not one this version made.
    #[error("{} holds a schema this version does not know: {reason}", .path.display())]
    Schema {
        /// Which file.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// A write could not be made durable; the store takes no more until a restart.
    #[error("the store has failed: {0}")]
    Failed(Arc<str>),
    /// A statement failed.
    #[error("statement failed: {0}")]
    Sql(#[from] rusqlite::Error),
    /// The caller's own work said no; nothing was written.
    #[error("{0}")]
    Refused(Box<Problem>),
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Owned(_) => "hub.store_in_use",
            Self::Folder { .. } => "hub.store_folder",
            Self::Open { .. } => "hub.store_open",
            Self::Corrupt { .. } => "hub.store_corrupt",
            Self::Schema { .. } => "hub.store_schema",
            Self::Failed(_) => "hub.store_failed",
            Self::Sql(_) => "hub.store_statement",
            Self::Refused(_) => "hub.refused",
        }
    }

    /// What the operator can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Owned(_) => Some("stop the other process or choose another data folder"),
            Self::Folder { .. } | Self::Open { .. } => {
                Some("check that the folder exists, is writable by this user and has free space")
            }
            Self::Corrupt { .. } => Some("restore the file from a backup, or move it away"),
            Self::Schema { .. } => Some("start the version that wrote it, or a newer one"),
            Self::Failed(_) => Some("check the disk, then restart the service"),
            Self::Sql(_) | Self::Refused(_) => None,
        }
    }

    /// Whether the file can no longer be trusted after this error.
    fn is_fatal(&self) -> bool {
        use rusqlite::ErrorCode as Code;
        let Self::Sql(error) = self else { return false };
        matches!(
            error.sqlite_error_code(),
            Some(
                Code::SystemIoFailure
                    | Code::DatabaseCorrupt
                    | Code::NotADatabase
                    | Code::DiskFull
                    | Code::ReadOnly
                    | Code::CannotOpen
                    | Code::FileLockingProtocolFailed
                    | Code::OutOfMemory
            )
        )
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(problem) => *problem,
            Error::Failed(_) => {
                Self::unavailable("store_failed", "the service cannot write durably any more")
                    .retry_after(30)
                    .hint("the operator must check the disk and restart the service")
            }
            other => Self::internal(&other),
        }
    }
}

/// What the store's calls return.
pub type Result<T> = std::result::Result<T, Error>;

/// Whether the store takes writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Serving,
    /// It does not, until a restart, and why.
    Failed(Arc<str>),
}

/// Set once, by whoever sees the first fatal error.
#[derive(Clone, Debug, Default)]
struct Health(Arc<OnceLock<Arc<str>>>);

impl Health {
    fn fail(&self, reason: &str) -> Error {
        let reason = self.0.get_or_init(|| {
            tracing::error!(reason, "the store failed; no more writes until a restart");
            reason.into()
        });
        Error::Failed(Arc::clone(reason))
    }

    fn failure(&self) -> Option<Error> {
        self.0.get().map(|reason| Error::Failed(Arc::clone(reason)))
    }
}

/// A handle on an open store. Cheap to clone; the file is closed by [`Store::close`].
#[derive(Clone, Debug)]
pub struct Store {
    writes: mpsc::Sender<writer::Message>,
    reads: reader::Pool,
    health: Health,
    /// Transactions that were sent to the writer and not yet taken by it.
    queued: Gauge,
}

impl Store {
    /// Takes the folder for this process, checks the file, brings its schema up to date and starts
    /// the threads. Blocks: it syncs, and reads the whole file to check it.
    ///
    /// # Errors
    /// When the folder is another's, cannot be written, or the file is corrupt or too new.
    pub fn open(options: &Options, metrics: &Metrics) -> Result<Self> {
        let health = Health::default();
        let opened = file::open(options)?;
        let readers = (0..options.readers.get()).map(|_| file::reader(&opened.path));
        let reads = reader::Pool::new(readers.collect::<Result<_>>()?, metrics);
        let queued: Gauge = metrics.register(
            "store_queue_length",
            "Transactions that wait for the writer",
            Gauge::default(),
        );
        let writes = writer::start(opened, health.clone(), metrics, queued.clone())?;
        Ok(Self { writes, reads, health, queued })
    }

    /// Runs `work` as one transaction, all or nothing, and returns once it has been synced.
    ///
    /// Other callers' transactions may share the sync, never the fate: an error from `work` undoes
    /// what `work` did and nothing else.
    ///
    /// # Errors
    /// What `work` returned, or [`Error::Failed`] when it could not be made durable; then it may or
    /// may not be there after a restart.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        if let Some(error) = self.health.failure() {
            return Err(error);
        }
        let (reply, answer) = oneshot::channel();
        let message = writer::Message::write(work, reply);
        self.queued.inc();
        let sent = self.writes.send(message).await;
        if sent.is_err() {
            self.queued.dec();
            return Err(self.health.fail("the writer thread has ended"));
        }
        match answer.await {
            Ok(result) => result,
            Err(_) => Err(self.health.fail("the writer thread has ended")),
        }
    }

    /// Runs `work` on one consistent snapshot of everything acknowledged so far.
    ///
    /// # Errors
    /// What `work` returned.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.look(reader::Place::Aside, work).await
    }

    /// As [`Store::read`], for a few rows by their keys: done on the calling thread, which costs less
    /// than handing it to another and back.
    ///
    /// # Errors
    /// What `work` returned.
    pub async fn peek<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.look(reader::Place::Here, work).await
    }

    async fn look<T, F>(&self, place: reader::Place, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let result = self.reads.run(place, work).await;
        match result {
            Some(Err(error)) if error.is_fatal() => {
                Err(self.health.fail(&format!("a read failed: {error}")))
            }
            Some(result) => result,
            None => Err(self.health.fail("a read's thread was lost")),
        }
    }

    /// Whether it takes writes.
    pub fn state(&self) -> State {
        self.health.0.get().map_or(State::Serving, |reason| State::Failed(Arc::clone(reason)))
    }

    /// Finishes what is queued, folds the log into the file and gives the folder up.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.writes.send(writer::Message::Close(reply)).await.is_ok() {
            let _ = closed.await;
        }
    }
}
