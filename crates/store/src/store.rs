//! The handle on an open store.

use tokio::sync::{mpsc, oneshot};

use crate::error::{Error, Result};
use crate::health::{Health, State};
use crate::job::Message;
use crate::metrics::Metrics;
use crate::options::{Options, Place};
use crate::tx::Tx;
use crate::{postgres, sqlite};

/// A handle on an open store. Cheap to clone; the place is given up by [`Store::close`].
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) writes: mpsc::Sender<Message>,
    pub(crate) reads: Reads,
    pub(crate) health: Health,
    pub(crate) metrics: Metrics,
}

/// Where reads are done.
#[derive(Clone, Debug)]
pub(crate) enum Reads {
    File(sqlite::Pool),
    Schema(postgres::Reader),
}

impl Store {
    /// Takes the place for this process, checks it, brings its schema up to date and starts the
    /// threads. Blocks: it syncs, and reads a whole file to check it.
    ///
    /// # Errors
    /// When the place is another's, cannot be written, or what is there is corrupt or too new.
    pub fn open(options: &Options, metrics: &Metrics) -> Result<Self> {
        match &options.place {
            Place::File(file) => sqlite::open(file, &options.parts, metrics),
            Place::Schema(schema) => postgres::open(schema, &options.parts, metrics),
        }
    }

    /// Runs `work` as one transaction, all or nothing, and returns once it has been synced.
    ///
    /// Other callers' transactions may share the sync, never the fate: an error from `work` undoes
    /// what `work` did and nothing else. No two writes overlap.
    ///
    /// # Errors
    /// What `work` returned; or, as `E`, [`Error::Failed`] when it could not be made durable or
    /// [`Error::Unknown`] when nobody can say whether it was: then it may or may not be there.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        if let Some(error) = self.health.failure() {
            return Err(error.into());
        }
        let (reply, answer) = oneshot::channel();
        let message = Message::write(work, reply);
        self.metrics.queued.inc();
        let sent = self.writes.send(message).await;
        if sent.is_err() {
            self.metrics.queued.dec();
            return Err(self.health.fail("the writer thread has ended").into());
        }
        match answer.await {
            Ok(result) => result,
            Err(_) => Err(self.health.fail("the writer thread has ended").into()),
        }
    }

    /// Runs `work` on one consistent snapshot of everything acknowledged so far.
    ///
    /// # Errors
    /// What `work` returned, or that the database failed or is away.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        match &self.reads {
            Reads::File(pool) => pool.run(sqlite::Thread::Aside, &self.health, work).await,
            Reads::Schema(reader) => reader.run(&self.health, &self.metrics, work).await,
        }
    }

    /// As [`Store::read`], for a few rows by their keys: on a file this is done on the calling thread,
    /// which costs less than handing it to another and back.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn peek<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        match &self.reads {
            Reads::File(pool) => pool.run(sqlite::Thread::Here, &self.health, work).await,
            Reads::Schema(reader) => reader.run(&self.health, &self.metrics, work).await,
        }
    }

    /// Whether it takes writes.
    pub fn state(&self) -> State {
        self.health.state()
    }

    /// Finishes what is queued and gives the place up; on a file the log is folded into it.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.writes.send(Message::Close(reply)).await.is_ok() {
            let _ = closed.await;
        }
    }
}
